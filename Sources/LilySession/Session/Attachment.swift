/// A session at work: its fields, what it believes of each, and what is still to be stored.
//
// It orchestrates. What is believed of a field changes by the transitions of `FieldSlot` alone.
package final class Attachment<Lens: SliceLens, Binding: FieldBinding>: ModelSession<Lens.Model>
where Lens.Session == Binding.Session {
  let lens: Lens
  /// nil: the session is over.
  var storage: (any Storage)?
  let scope: Scope
  private(set) var fields: UnsafeMutableBufferPointer<FieldDefinition<Binding>>
  /// Kept for as long as the lens may be called.
  var owner: AnyObject?
  /// The storage keys of the fields, in their order.
  let storageKeys: [Key]
  /// Neither these nor `fields` are an array: an update reads them without retains.
  let slots: UnsafeMutablePointer<FieldSlot<Binding>>
  let count: Int
  /// Some field expires: an update has to know the time.
  let hasExpiry: Bool
  var lastRevision: UInt64 = 0
  /// The fields, in order, that have something to do for the next update: once it has compared, it works with these alone. While
  /// there are any, an equal revision is no reason to skip.
  var unsettled = PlainList<Int>()
  /// The generation that the session last met. Another one in storage means that there was a clear.
  var generation: UInt64 = 0
  /// The session's place among those that the storage's descriptor waits for.
  var watchToken: Int?
  /// A refresh has left news of a field whose get failed: the descriptor is to wake the host once the field is well.
  var hasLeftNews = false
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
      (slots + at).initialize(to: FieldSlot(fields[at].binding, key: PreparedKey.make(storageKeys[at], scratch)))
    }
    super.init()
  }

  deinit {
    for at in 0..<count { slots[at].dispose() }
    slots.deinitialize(count: count)
    slots.deallocate()
    giveBackFields()
  }

  /// Gives the host's contexts back with them.
  private func giveBackFields() {
    fields.deinitialize()
    fields.deallocate()
    fields = UnsafeMutableBufferPointer(start: nil, count: 0)
  }

  // MARK: an update

  /// Compares each field with its baseline in native form, and writes those that differ in one line. Where nothing differs this
  /// allocates nothing and asks nothing of the system.
  override func storeChanges(of model: Lens.Model) -> Failure? {
    let wasUnsettled = !unsettled.isEmpty
    // Also where the slice cannot be had: what changed before is not fresh any more.
    if wasUnsettled { unsettled.forEach { slots[$0].updateBegan() } }
    guard let slice = lens.slice(of: model) else { return noSlice }
    if let revision = lens.revision(of: slice) {
      if revision == lastRevision, !wasUnsettled { return nil }
      lastRevision = revision
    }
    if wasUnsettled { retryUnsettled() }
    for at in 0..<count {
      switch slots[at].capture(slice) {
      case .same: break
      case .changed: noteChanged(at)
      case .callbackFailed(let code): noteGetFailed(at, code)
      case .unencodable(let reason): noteUnstorable(at, reason)
      }
    }
    return unsettled.isEmpty ? nil : settle(wasUnsettled)
  }

  // MARK: the host's calls

  package override func persist() throws(Failure) { try afterStoring { _ throws(Failure) in } }

  package override func flush() throws(Failure) {
    try afterStoring { _ throws(Failure) in
      if let failure = sync() { throw failure }
    }
  }

  package override func refresh() throws(Failure) { try afterStoring { runtime throws(Failure) in try takeOver(runtime) } }

  package override func touch(_ key: Key) throws(Failure) {
    let at = try index(of: key)
    try afterStoring { _ throws(Failure) in try renew(at) }
  }

  /// Stores what changed, then runs `body`, whether that failed or not. Throws the first failure of both.
  private func afterStoring(_ body: (ModelRuntime<Lens.Model>) throws(Failure) -> Void) throws(Failure) {
    let runtime = try attachedRuntime()
    try runtime.run { () throws(Failure) in
      let failure = storeChanges(of: runtime.model)
      defer { deliverEvents() }
      do throws(Failure) { try body(runtime) } catch { throw failure ?? error }
      if let failure { throw failure }
    }
  }

  /// Returns why the storage is not synced, or why its file still holds what was removed.
  private func sync() -> Failure? {
    do throws(Failure) {
      guard let notRewritten = try storage?.sync() else { return nil }
      note(.notRewritten, nil, notRewritten.status.rawValue, systemError: notRewritten.systemError)
      return notRewritten
    } catch { return error }
  }

  /// Takes effect with the next update, and so may be called inside a callback.
  package override func mark(_ key: Key) throws(Failure) {
    let at = try index(of: key)
    slots[at].marked()
    unsettle(at)
  }

  // MARK: questions, which change nothing

  package override func state(of key: Key) throws(Failure) -> FieldState {
    try attachedRuntime().ask { () throws(Failure) in
      let at = try index(of: key)
      return FieldState(stored: storedNow(at), isDirty: slots[at].isDirty)
    }
  }

  package override func millisecondsToNextExpiry() -> Int64? {
    (try? attachedRuntime().ask { () throws(Failure) in nextExpiry() }) ?? nil
  }

  private func nextExpiry() -> Int64? {
    guard let storage else { return nil }
    let now = storage.now()
    var next: Int64?
    for at in 0..<count where slots[at].deadline > 0 && slots[at].stored != .expired {
      let (difference, overflow) = slots[at].deadline.subtractingReportingOverflow(now)
      var left = overflow ? .max : difference
      if slots[at].isInModel, fields[at].expiresAfter > 0 { left = min(left, fields[at].expiresAfter) }
      // A refresh gives up what has expired, unless the program's own value is newer, or may be.
      if left <= 0, slots[at].hasOwnValue || slots[at].trouble != .none { continue }
      next = min(next ?? .max, max(left, 0))
    }
    return next
  }

  func index(of key: Key) throws(Failure) -> Int {
    _ = try attachedRuntime()
    guard let at = fields.firstIndex(where: { $0.key == key }) else { throw Failure(.notFound, "the session has no such field", key: key) }
    return at
  }

  // MARK: the end

  override func finish(_ model: Lens.Model, flushing: Bool) {
    if flushing {
      _ = storeChanges(of: model)
      _ = sync()
      deliverEvents()
    }
    if let watchToken { storage?.watch?.leave(watchToken) }
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

  /// If several fields fail, the first in field order counts.
  @inline(never)
  func fail(_ field: Int, _ failure: Failure) {
    if let first = firstFailure, first.field <= field { return }
    firstFailure = (field, field < fields.count ? failure.about(fields[field].key) : failure)
  }

  @inline(never)
  func note(_ kind: Event.Kind, _ field: Int?, _ status: Int32, systemError: Int32 = 0) {
    events.append(Event(kind: kind, status: status, systemError: systemError, key: field.map { fields[$0].key }))
  }

  /// Tells the host, once the step is over, with no lock held.
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
