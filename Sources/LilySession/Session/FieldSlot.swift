/// What a session believes of one field: the value that it compares with, what storage holds, and what is still to be stored.
//
// Its members change only by the transitions below. docs/architecture.md has a table of those that change what is believed or is to be
// stored, and each of them has a test. A slot is large, so it cannot be copied: an update that asks a slot something must not copy it first.
struct FieldSlot<Binding: FieldBinding>: ~Copyable {
  /// Whoever made the slot keeps the definition and the memory of the key.
  let definition: UnsafePointer<FieldDefinition<Binding>>
  /// The key under which the field is stored.
  let key: PreparedKey
  /// The last value that could be captured, and can be stored.
  private(set) var baseline: Binding.Baseline
  /// The value from before hydration, to restore when storage has no entry any more.
  private(set) var initial: Binding.Baseline
  private(set) var hasInitial = false
  /// True once the field was set to an entry, changed or stored: its value is not the initial one any more, and a log-out must not restore it.
  private var hasMovedOn = false

  private(set) var origin = Origin.none
  private(set) var stored = FieldState.Stored.absent
  /// When the session takes the entry for expired, UTC in ms; 0 means never.
  private(set) var deadline: Int64 = 0
  /// The deadline of the entry in storage. If it differs from `deadline`, storage is to be corrected.
  private(set) var storedDeadline: Int64 = 0
  /// The former keys that have entries. These are removed when the value is stored under the field's own key.
  private(set) var staleKeys: [Key] = []
  private(set) var remnant = Remnant.nothing

  private(set) var pending = Pending.nothing
  private(set) var trouble = Trouble.none
  /// True if the program has given the field a value that cannot be stored, and no other since. A value that it had at attach does not
  /// count.
  private(set) var isUnstorable = false
  /// True if the baseline says nothing about the program's value, because that could not be captured when the field was attached or set.
  private(set) var hasNoBaseline = false
  /// True if the program has asked that the next update store the field.
  private(set) var isMarked = false

  // These two are about one update, until the next one begins.

  /// True if the field changed in this update, so that a clear that is met now does not drop the change.
  private(set) var changedInThisUpdate = false
  /// True if this update could not store the field.
  private(set) var failedInThisUpdate = false

  /// True if an event has reported that a former key or a deadline could not be put right.
  private(set) var isChoreTold = false

  /// The number of the last walk through the maps that found the field's entry.
  private(set) var lastWalk: UInt32 = 0
  /// The number of the walk that takes the entry's value as the baseline.
  private(set) var expectingWalk: UInt32 = 0

  /// - Parameter hasInitial: true for an entry of a map that the model did not have before hydration. So its initial value is none.
  init(_ field: UnsafePointer<FieldDefinition<Binding>>, key: PreparedKey, hasInitial: Bool = false) {
    definition = field
    self.key = key
    self.hasInitial = hasInitial
    baseline = field.pointee.binding.makeBaseline()
    initial = field.pointee.binding.makeBaseline()
  }

  mutating func dispose() {
    field.binding.dispose(&baseline)
    field.binding.dispose(&initial)
  }

  // MARK: transitions of the value

  /// Compares the program's value with the baseline. If it differs and can be stored, it becomes the baseline.
  @inline(__always)
  mutating func capture(_ slice: Binding.Session) -> Capture { field.binding.capture(slice, &baseline) }

  /// Does what `capture` does for a field of a map, which is being walked.
  @inline(__always)
  mutating func capture(visited: Binding.Visited) -> Capture { field.binding.capture(visited: visited, &baseline) }

  /// A walk through the map has found the entry. Returns false if the same walk has found it before.
  @inline(__always)
  mutating func visited(in walk: UInt32) -> Bool {
    if lastWalk == walk { return false }
    lastWalk = walk
    return true
  }

  /// The walk of this number is to take the entry's value as the baseline.
  mutating func expect(in walk: UInt32) { expectingWalk = walk }

  /// A walk through the map has not found the entry.
  mutating func captureAbsence() -> Capture {
    if isEmpty { return .same }
    field.binding.empty(&baseline)
    return .changed
  }

  /// An update is about to compare the field. What failed may succeed now, and a marked field becomes a change if it has a baseline.
  mutating func retried() {
    trouble = .none
    if !hasNoBaseline { changeIfMarked() }
  }

  private mutating func changeIfMarked() {
    guard isMarked else { return }
    isMarked = false
    if isEmpty { return } // the map has no such entry, so there is nothing to store
    becomePending(.change)
  }

  private mutating func becomePending(_ what: Pending) {
    pending = what
    changedInThisUpdate = true
    failedInThisUpdate = false
  }

  /// The update has compared the field. If its value could be captured, the field has no trouble any more.
  mutating func tried() {
    if trouble != .none { return }
    isUnstorable = false
    if hasNoBaseline { found() }
  }

  /// The program's value differs from the last one, and is the baseline now.
  mutating func changed() {
    if hasNoBaseline { return found() }
    hasMovedOn = true
    becomePending(.change)
  }

  /// The program's value can be captured again. It does not overwrite a stored value, because it may be a default.
  private mutating func found() {
    hasNoBaseline = false
    changeIfMarked()
    if pending == .change { return }
    pending = .nothing
    switch stored {
    case .absent, .expired:
      if remnant == .nothing { becomePending(.firstValue) } // otherwise it may be the value that the clear removed
    case .loaded, .migrated:
      if case .taken(let entry) = origin { origin = .adopted(entry) }
    case .rejected, .newer: break
    }
  }

  mutating func getFailed() { trouble = .getFailed }
  mutating func becameUnstorable() {
    trouble = .unstorable
    isUnstorable = !hasNoBaseline
  }

  mutating func marked() { isMarked = true }

  /// The program's value could not be captured after the field was set, so the baseline says nothing about it.
  mutating func lostSight(by reason: Trouble) {
    hasNoBaseline = true
    trouble = reason
    if pending == .rewriting { pending = .nothing } // there is no value to rewrite it with
  }

  /// The baseline is the value that the field has now.
  mutating func sighted() {
    hasNoBaseline = false
    isUnstorable = false
    trouble = .none
  }

  /// The field was set in the slice, which may be a part of the model itself.
  mutating func wasSet() { hasMovedOn = true }

  /// Keeps the value from before the field is first set: what it is now or, if get fails, what it was last. Only the first call has an effect.
  mutating func keepInitial(_ slice: Binding.Session) {
    if hasInitial || hasMovedOn { return }
    if case .changed = field.binding.capture(slice, &initial) { hasInitial = true } else if !isEmpty, !hasNoBaseline { keepInitialFromBaseline() }
  }

  /// Keeps the baseline as the initial value, if none was kept and the field still has that value.
  mutating func keepInitialFromBaseline() {
    if hasInitial || hasMovedOn { return }
    (initial, hasInitial) = (field.binding.copy(baseline), true)
  }

  // MARK: transitions of what storage holds

  /// The field was set to an entry.
  mutating func took(_ entry: TakenEntry, deadline: Deadline, isMigrated: Bool) {
    hold(entry, deadline, as: isMigrated ? .migrated : .loaded)
    pending = isMigrated ? .rewriting : .nothing
  }

  /// The field cannot be set to an entry, which stays in storage with its deadline. `state` is rejected or newer.
  mutating func refused(_ entry: TakenEntry, deadline: Int64, as state: FieldState.Stored) {
    let older = isInModel ? Remnant.older : remnant
    hold(entry, Deadline(deadline), as: state)
    (remnant, pending) = (older == .older ? .older : .nothing, .nothing)
  }

  private mutating func hold(_ entry: TakenEntry, _ deadline: Deadline, as state: FieldState.Stored) {
    origin = .taken(entry)
    stored = state
    (remnant, isChoreTold) = (.nothing, false) // its chores are new ones
    (self.deadline, storedDeadline) = (deadline.time, deadline.stored)
  }

  /// These former keys have entries.
  mutating func foundStale(_ keys: [Key]) {
    if keys != staleKeys { isChoreTold = false }
    staleKeys = keys
  }

  /// The entry has this deadline now. Seeing the same stored deadline again does not extend one that was shortened.
  mutating func renewed(_ new: Deadline) {
    deadline = owesDeadline && new.stored == storedDeadline ? min(deadline, new.time) : new.time
    storedDeadline = new.stored
  }

  /// The deadline in storage no longer has to be corrected.
  mutating func settledDeadline() { storedDeadline = deadline }

  /// The field's own expiry has passed for an entry that is stored with a later deadline. The entry stays known, so that the next look
  /// does not set the field to it again: by itself, because the baseline is another value from now on.
  mutating func outlived(_ entry: TakenEntry) {
    origin = .taken(entry)
    (stored, pending) = (.expired, .nothing)
  }

  /// Storage has nothing for the field any more. A first value is still to be stored.
  mutating func gone(expired: Bool) {
    origin = .none
    stored = expired ? .expired : .absent
    deadline = 0
    storedDeadline = 0
    staleKeys = []
    remnant = .nothing
    if pending != .firstValue { pending = .nothing }
  }

  /// A clear removed what was stored, and what was tried before it is not tried again. Returns true if that drops a change.
  mutating func cleared() -> Bool {
    let wasInModel = hasOfStorage
    let drops = (pending == .change || pending == .firstValue) && !changedInThisUpdate
    let kept = pending == .rewriting || !changedInThisUpdate ? .nothing : pending
    gone(expired: false)
    pending = kept
    remnant = wasInModel ? .cleared : .nothing
    return drops
  }

  /// The baseline was stored under the field's own key, and the former keys were removed with it.
  @inline(__always)
  mutating func written(deadline: Int64) {
    if isEmpty { return removed() }
    (pending, hasMovedOn) = (.nothing, true)
    (stored, origin) = (.loaded, .ownWrite)
    self.deadline = deadline
    storedDeadline = deadline
    remnant = .nothing
    if !staleKeys.isEmpty { droppedStaleKeys() }
  }

  /// The entry of a map was removed from storage, as the program has removed it from the model.
  @inline(never)
  private mutating func removed() {
    gone(expired: false)
    pending = .nothing
  }

  mutating func droppedStaleKeys() { staleKeys = [] }

  /// Somebody else stored another entry where the value would have gone. That entry is news now.
  mutating func overtaken() {
    pending = .nothing
    staleKeys = []
  }

  /// The program gives up the field's value, stored or not.
  mutating func reset() {
    gone(expired: false)
    (pending, isMarked, isUnstorable) = (.nothing, false, false)
  }

  // MARK: transitions of one update

  mutating func updateBegan() {
    changedInThisUpdate = false
    failedInThisUpdate = false
  }

  mutating func writeFailed() { failedInThisUpdate = true }
  mutating func toldChore() { isChoreTold = true }
}
