/// A session at work: its fields, their baselines, and which of them are still to be stored.
package final class Attachment<Lens: SliceLens, Binding: FieldBinding>: ModelSession<Lens.Model>
where Lens.Session == Binding.Session {
  /// What changes of a field while the program runs.
  struct Slot {
    let binding: Binding
    var baseline: Binding.Baseline
    /// Under which the field is stored.
    let key: PreparedKey
    /// The value from before hydration, for when storage has none any more.
    var initial: Binding.Baseline
    var hasInitial = false
    /// Former keys that storage has, and that go when the value is stored under the field's own.
    var staleKeys: [Key] = []
    /// What storage was last seen to hold for the field.
    var seen = Seen.nothing
    /// Changed, and not stored yet.
    var isDirty = false
    /// Dirty by this update, not by one before: a clear elsewhere does not take it back.
    var isFresh = false
    /// Its value could not be taken.
    var isFailed = false
    /// Too large to be in this update's line; it stays dirty.
    var isLeftOut = false
    /// There is no baseline: attach could not take the value.
    var isUnseen = false
    var stored = FieldState.Stored.absent
    /// Of what is stored, UTC in ms; 0: none.
    var deadline: Int64 = 0
  }

  /// To find out what another changed.
  enum Seen: Equatable {
    case nothing
    /// The baseline, as it is encoded: this session wrote it.
    case baseline
    /// A hash of text that another wrote.
    case text(Int)
  }

  let lens: Lens
  /// nil: the session is over.
  var storage: (any Storage)?
  let scope: Scope
  private(set) var fields: UnsafeMutableBufferPointer<FieldDefinition<Binding>>
  /// Kept for as long as the lens may be called.
  var owner: AnyObject?
  /// Under which the fields are stored, in their order.
  let storageKeys: [Key]
  /// Neither these nor `fields` are an array: an update reads them without retains.
  let slots: UnsafeMutablePointer<Slot>
  let count: Int
  /// Some field expires: an update has to know the time.
  let hasExpiry: Bool
  var lastRevision: UInt64 = 0
  /// The fields, in order, that are dirty or failed, or have stale keys that may go: what an update does once it has compared, it
  /// does with these alone. While there are any, an equal revision is no reason to skip.
  var unsettled = PlainList<Int>()
  /// Of the storage, when it was last seen.
  var generation: UInt64 = 0
  /// A clear elsewhere has been met, of which the host was not told yet.
  var wasCleared = false
  let batch = Batch()
  /// The fields of the batch's changes, in their order.
  var batched = PlainList<Int>()
  var events: [Event] = []
  var firstFailure: (field: Int, failure: Failure)?

  init(fields: [FieldDefinition<Binding>], lens: Lens, owner: AnyObject?, storage: any Storage) {
    self.lens = lens
    self.storage = storage
    self.fields = .allocate(capacity: fields.count)
    _ = self.fields.initialize(from: fields)
    self.owner = owner
    let scope = storage.scope
    self.scope = scope
    storageKeys = fields.map { scope.key($0.storageKey) }
    count = fields.count
    hasExpiry = fields.contains { $0.expiresAfter > 0 }
    slots = .allocate(capacity: max(count, 1))
    let scratch = ByteBuffer()
    for at in 0..<count {
      let binding = fields[at].binding
      (slots + at).initialize(to: Slot(
        binding: binding, baseline: binding.makeBaseline(), key: PreparedKey.make(storageKeys[at], scratch), initial: binding.makeBaseline()))
    }
    super.init()
  }

  deinit {
    for at in 0..<count {
      slots[at].binding.dispose(&slots[at].baseline)
      slots[at].binding.dispose(&slots[at].initial)
      slots[at].key.free()
    }
    slots.deinitialize(count: count)
    slots.deallocate()
    giveBackFields()
  }

  /// With the host's contexts in them.
  private func giveBackFields() {
    fields.deinitialize()
    fields.deallocate()
    fields = UnsafeMutableBufferPointer(start: nil, count: 0)
  }

  // MARK: an update

  /// After an update: compares each field with its baseline in native form, and writes those that differ in one line. Where
  /// nothing differs this allocates nothing and asks nothing of the system.
  override func storeChanges(of model: Lens.Model) -> Failure? {
    guard let slice = lens.slice(of: model) else { return noSlice }
    if let revision = lens.revision(of: slice) {
      if revision == lastRevision, unsettled.isEmpty { return nil }
      lastRevision = revision
    }
    if !unsettled.isEmpty { retryFailed() }
    for at in 0..<count {
      let slot = slots + at
      switch slot.pointee.binding.capture(slice, &slot.pointee.baseline) {
      case .same: break
      case .changed: markChanged(at)
      case .callbackFailed(let code): markFailed(at, code, Failure(.callback, "a get callback failed"))
      case .unencodable(let reason): markFailed(at, Status.encode.rawValue, Failure(.encode, reason))
      }
    }
    return unsettled.isEmpty ? nil : settle()
  }

  // MARK: the host's calls

  package override func persist() throws(Failure) {
    let runtime = try attachedRuntime()
    try runtime.run { () throws(Failure) in
      if let failure = storeChanges(of: runtime.model) { throw failure }
    }
  }

  package override func flush() throws(Failure) {
    let runtime = try attachedRuntime()
    try runtime.run { () throws(Failure) in
      let failure = storeChanges(of: runtime.model)
      do throws(Failure) { try storage?.sync() } catch { throw failure ?? error }
      if let failure { throw failure }
    }
  }

  package override func refresh() throws(Failure) {
    let runtime = try attachedRuntime()
    try runtime.run { () throws(Failure) in
      let failure = storeChanges(of: runtime.model)
      do throws(Failure) { try takeOver(runtime) } catch { throw failure ?? error }
      if let failure { throw failure }
    }
  }

  package override func touch(_ key: Key) throws(Failure) {
    let runtime = try attachedRuntime()
    let at = try index(of: key)
    try runtime.run { () throws(Failure) in
      let failure = storeChanges(of: runtime.model)
      do throws(Failure) { try renew(at) } catch { throw failure ?? error }
      if let failure { throw failure }
    }
  }

  package override func millisecondsToNextExpiry() -> Int64? {
    guard let storage, (try? attachedRuntime()) != nil else { return nil }
    var next: Int64?
    for at in 0..<count where slots[at].deadline > 0 && slots[at].stored != .absent && slots[at].stored != .expired {
      next = min(next ?? .max, slots[at].deadline)
    }
    return next.map { deadline in
      let (left, overflow) = deadline.subtractingReportingOverflow(storage.now())
      return overflow ? .max : max(left, 0)
    }
  }

  func index(of key: Key) throws(Failure) -> Int {
    guard let at = fields.firstIndex(where: { $0.key == key }) else { throw Failure(.notFound, "the session has no such field", key: key) }
    return at
  }

  package override func state(of key: Key) throws(Failure) -> FieldState {
    _ = try attachedRuntime()
    let at = try index(of: key)
    var stored = slots[at].stored
    if let storage {
      meetClear(in: storage)
      stored = slots[at].stored
      if stored != .absent, Entry.isExpired(slots[at].deadline, at: storage.now()) { stored = .expired }
    }
    return FieldState(stored: stored, isDirty: slots[at].isDirty)
  }

  override func finish(_ model: Lens.Model, flushing: Bool) {
    if flushing {
      _ = storeChanges(of: model)
      try? storage?.sync()
    }
    // The handle may stay for long after: what the host gave goes back now.
    storage = nil
    giveBackFields()
    owner = nil
  }

  override func refuse(_ keys: [Key], in place: Place) throws(Failure) {
    guard let storage, storage.place == place else { return }
    for at in 0..<count where storedKeys(at).contains(where: keys.contains) {
      throw Failure(.duplicateKey, "another session of this runtime stores this key in the same place", key: fields[at].key)
    }
  }

  // MARK: failures and events

  /// Of several failures the first in field order counts.
  @inline(never)
  func fail(_ field: Int, _ failure: Failure) {
    if let first = firstFailure, first.field <= field { return }
    firstFailure = (field, field < fields.count ? failure.about(fields[field].key) : failure)
  }

  @inline(never)
  func note(_ kind: Event.Kind, _ field: Int?, _ status: Int32, systemError: Int32 = 0) {
    events.append(Event(kind: kind, status: status, systemError: systemError, key: field.map { fields[$0].key }))
  }

  /// Once the step is over, with no lock held.
  @inline(__always)
  func deliverEvents() {
    if !events.isEmpty { deliverDueEvents() }
  }

  @inline(never)
  private func deliverDueEvents() {
    let due = events
    events = []
    for event in due { lens.notify(event) }
  }
}
