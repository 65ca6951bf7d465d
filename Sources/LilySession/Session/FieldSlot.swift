/// What a session believes of one field: the value that it compares with, what storage holds, and what is still to be stored.
//
// Its members change by the transitions below and by nothing else. docs/architecture.md has them as a table, and a test takes each.
struct FieldSlot<Binding: FieldBinding> {
  /// Where the field's value came from, or went to: what tells news from what the session knows.
  enum Origin: BitwiseCopyable {
    /// Storage was last seen to hold nothing for the field.
    case none
    /// The session stored the baseline under the field's own key.
    case ownWrite
    /// The field was set to this entry, or refused it.
    case taken(TakenEntry)
    /// The field was set to this entry, but its value could not be taken then. The first one that could is the baseline.
    case adopted(TakenEntry)
  }

  /// What is to be stored, and on what condition.
  enum Pending: BitwiseCopyable {
    case nothing
    /// The program changed the value or marked the field. Stored, whatever storage holds.
    case change
    /// The first value that could be taken, where nothing was stored. Stored if there still is nothing.
    case firstValue
    /// A migrated or renamed value. Stored if storage still holds the entry that it was made from.
    case rewriting
  }

  /// Why the program's value is not in the baseline.
  enum Trouble: BitwiseCopyable { case none, getFailed, unstorable }

  let binding: Binding
  /// The storage key of the field.
  let key: PreparedKey
  /// The last value that could be taken and stored.
  private(set) var baseline: Binding.Baseline
  /// The value from before hydration, for when storage has none any more.
  private(set) var initial: Binding.Baseline
  private(set) var hasInitial = false

  private(set) var origin = Origin.none
  private(set) var stored = FieldState.Stored.absent
  /// When the entry expires as far as the session goes, UTC in ms; 0: never.
  private(set) var deadline: Int64 = 0
  /// The deadline that storage has for it. One that is later than it can be is to be corrected.
  private(set) var storedDeadline: Int64 = 0
  /// The former keys that storage has. They go when the value is stored under the field's own.
  private(set) var staleKeys: [Key] = []
  /// A clear took what was loaded or stored; the model still has it.
  private(set) var wasCleared = false

  private(set) var pending = Pending.nothing
  private(set) var trouble = Trouble.none
  /// The program gave the field a value that cannot be stored, and no other since. One that it had from the start is no change.
  private(set) var isUnstorable = false
  /// The baseline is not the program's value, which could not be taken when the field was attached or set.
  private(set) var isUnknown = false
  /// The program asked for the field to be stored by the next update.
  private(set) var isMarked = false

  // These two hold from the beginning of an update to that of the next one.

  /// It changed in this update: a clear that is met now does not take it back.
  private(set) var isFresh = false
  /// It could not be stored by this update.
  private(set) var isLeftOut = false

  /// The host was told that a former key or a deadline could not be put right.
  private(set) var isChoreTold = false

  init(_ binding: Binding, key: PreparedKey) {
    self.binding = binding
    self.key = key
    baseline = binding.makeBaseline()
    initial = binding.makeBaseline()
  }

  mutating func dispose() {
    binding.dispose(&baseline)
    binding.dispose(&initial)
    key.free()
  }

  // MARK: questions

  /// The model has something that storage does not.
  var isDirty: Bool { pending != .nothing || isUnstorable || isMarked }
  /// The program's value is newer than what storage holds, or may be: a refresh leaves it alone.
  var hasOwnValue: Bool { pending == .change || isUnstorable || isMarked }
  /// It can be written by this update.
  var isWritable: Bool { pending != .nothing && !isUnknown && !isLeftOut }
  /// Former keys go once what is stored under the field's own is accepted. Until then they may have its only copy.
  var mayDropStaleKeys: Bool { !staleKeys.isEmpty && stored == .loaded }
  /// There is something to do for the next update.
  var isUnsettled: Bool { isDirty || trouble != .none || isUnknown || mayDropStaleKeys || owesDeadline }
  var owesDeadline: Bool { deadline != storedDeadline }
  /// What is stored is, or was, in the model.
  var isInModel: Bool { stored == .loaded || stored == .migrated }

  /// Returns true if the session has neither taken nor written this entry.
  func isNews(_ entry: TakenEntry, fieldVersion: UInt32) -> Bool {
    switch origin {
    case .none: true
    case .taken(let known): known != entry
    case .ownWrite: entry.source != 0 || entry.identity.version != fieldVersion || encodedHash() != entry.identity.text
    case .adopted(let known): known != entry || encodedHash() != entry.identity.text
    }
  }

  /// A hash of the baseline's JSON; nil: there is none.
  private func encodedHash() -> Int? {
    let text = ByteBuffer()
    guard (try? binding.append(baseline, to: text)) != nil else { return nil }
    return hashOf(text.bytes)
  }

  // MARK: transitions of the value

  /// Compares the program's value with the baseline, and takes it over if it differs and can be stored.
  @inline(__always)
  mutating func capture(_ slice: Binding.Session) -> Capture { binding.capture(slice, &baseline) }

  /// Another try begins: what failed may be well, and what is marked is changed now if its value is known.
  mutating func retried() {
    trouble = .none
    if !isUnknown { changeIfMarked() }
  }

  private mutating func changeIfMarked() {
    guard isMarked else { return }
    isMarked = false
    becomePending(.change)
  }

  private mutating func becomePending(_ what: Pending) {
    pending = what
    isFresh = true
    isLeftOut = false
  }

  /// The try is over. What could be taken is no trouble any more.
  mutating func tried() {
    if trouble != .none { return }
    isUnstorable = false
    if isUnknown { found() }
  }

  /// The program's value differs from the last one.
  mutating func changed() {
    if isUnknown { return found() }
    becomePending(.change)
  }

  /// The program's value can be taken again. What could not be read is not overwritten by what may be a default.
  private mutating func found() {
    isUnknown = false
    changeIfMarked()
    if pending == .change { return }
    pending = .nothing
    switch stored {
    case .absent, .expired:
      if !wasCleared { becomePending(.firstValue) } // else it may be what the clear took
    case .loaded, .migrated:
      if case .taken(let entry) = origin { origin = .adopted(entry) }
    case .rejected, .newer: break
    }
  }

  mutating func getFailed() { trouble = .getFailed }
  mutating func becameUnstorable() {
    trouble = .unstorable
    isUnstorable = !isUnknown
  }

  mutating func marked() { isMarked = true }

  /// The program's value could not be taken after the field was set, so the baseline says nothing of it.
  mutating func lostSight(by reason: Trouble) {
    isUnknown = true
    trouble = reason
    if pending == .rewriting { pending = .nothing } // there is no value to rewrite it with
  }

  /// The baseline is the value that the field has now.
  mutating func sighted() {
    isUnknown = false
    isUnstorable = false
    trouble = .none
  }

  /// Keeps the value from before the field is first set; the first call counts.
  mutating func keepInitial(_ slice: Binding.Session) {
    if !hasInitial, case .changed = binding.capture(slice, &initial) { hasInitial = true }
  }

  /// Nothing was set: the baseline is the value from before.
  mutating func keepInitialFromBaseline() {
    if hasInitial { return }
    initial = binding.copy(baseline)
    hasInitial = true
  }

  // MARK: transitions of what storage holds

  /// The field was set to an entry.
  mutating func took(_ entry: TakenEntry, deadline: Deadline, isMigrated: Bool) {
    hold(entry, deadline, as: isMigrated ? .migrated : .loaded)
    pending = isMigrated ? .rewriting : .nothing
  }

  /// The field cannot be set to an entry, which stays as it is, its deadline too. `state` is rejected or newer.
  mutating func refused(_ entry: TakenEntry, deadline: Int64, as state: FieldState.Stored) {
    hold(entry, Deadline(deadline), as: state)
    pending = .nothing
  }

  private mutating func hold(_ entry: TakenEntry, _ deadline: Deadline, as state: FieldState.Stored) {
    origin = .taken(entry)
    stored = state
    wasCleared = false
    (self.deadline, storedDeadline) = (deadline.time, deadline.stored)
  }

  /// Former keys have entries.
  mutating func foundStale(_ keys: [Key]) {
    if keys != staleKeys { isChoreTold = false }
    staleKeys = keys
  }

  /// The entry has this deadline now. One that was corrected does not grow by being looked at again.
  mutating func renewed(_ new: Deadline) {
    deadline = owesDeadline && new.stored == storedDeadline ? min(deadline, new.time) : new.time
    storedDeadline = new.stored
  }

  /// The deadline in storage needs no correction any more.
  mutating func settledDeadline() { storedDeadline = deadline }

  /// The entry is stored for longer than it may last, and that time has passed. It stays known, so that it does not come back.
  mutating func outlived() {
    stored = .expired
    pending = .nothing
  }

  /// Storage has nothing for the field any more. A first value is still to be stored.
  mutating func gone(expired: Bool) {
    origin = .none
    stored = expired ? .expired : .absent
    deadline = 0
    storedDeadline = 0
    staleKeys = []
    wasCleared = false
    if pending != .firstValue { pending = .nothing }
  }

  /// A clear took what was stored, and what was tried before it is not tried again. Returns true if that drops a change.
  mutating func cleared() -> Bool {
    let wasInModel = isInModel || wasCleared
    let drops = (pending == .change || pending == .firstValue) && !isFresh
    let kept = pending == .rewriting || !isFresh ? .nothing : pending
    gone(expired: false)
    pending = kept
    wasCleared = wasInModel
    return drops
  }

  /// The baseline was stored under the field's own key, and the former keys were removed with it.
  @inline(__always)
  mutating func written(deadline: Int64) {
    pending = .nothing
    stored = .loaded
    origin = .ownWrite
    self.deadline = deadline
    storedDeadline = deadline
    wasCleared = false
    if !staleKeys.isEmpty { droppedStaleKeys() }
  }

  mutating func droppedStaleKeys() { staleKeys = [] }

  /// Somebody stored something else where the value would have gone. It is news now.
  mutating func overtaken() {
    pending = .nothing
    staleKeys = []
  }

  // MARK: transitions of one update

  mutating func updateBegan() {
    isFresh = false
    isLeftOut = false
  }

  mutating func leftOut() { isLeftOut = true }
  mutating func toldChore() { isChoreTold = true }
}
