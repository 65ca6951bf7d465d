/// The work of a session: its fields, what it believes of each, and what is still to be stored.
//
// This type decides what happens in which order. What it believes of a field changes only by the transitions of `FieldSlot`.
final class Attachment<Lens: SliceLens, Binding: FieldBinding>: SessionWork where Lens.Session == Binding.Session {
  /// nil once the session has ended. The runtime retains the session, and clears this when it is freed.
  var runtime: Unmanaged<ModelRuntime<Lens.Model>>?
  let lens: Lens
  /// nil once the session has ended.
  var storage: (any SessionStorage)?
  let scope: Scope
  var table: FieldTable<Binding>
  /// The maps of the list. It is empty once the session has ended.
  private(set) var maps: [MapDefinition<Binding>]
  /// The prefixes of the maps through which the last walk failed. While there are any, the next update walks again whatever the revision is.
  var failedMaps: [Key] = []
  /// The number of the last walk through the maps.
  var walk: UInt32 = 0
  /// The field of a map at which the walk looks first for the next entry.
  var nextEntry = 0
  /// An object of the host's that the lens needs. It is retained for as long as the lens may be called.
  var owner: AnyObject?
  /// True if a field expires, so that an update has to know the time.
  let hasExpiry: Bool
  /// The slice's revision when the fields were last compared.
  var lastRevision: UInt64 = 0
  /// The fields, in order, for which the next update has something to do. After comparing, an update works with these alone. While there
  /// are any, an equal revision is no reason to skip the update.
  var unsettled = PlainList<Int>()
  /// True if the list is not in order for now, and may have a field twice.
  var isUnsettledMixed = false
  /// The generation that the session last met. If storage has another one, there was a clear.
  var generation: UInt64 = 0
  /// Identifies the session among those that the storage's descriptor waits for. It is nil if the storage has no watch.
  var watchToken: Int?
  /// True if the last refresh did not take the news for a field, because the field's get failed. Once no get fails any more, the descriptor
  /// polls readable, so that the host refreshes again.
  var hasLeftNews = false
  let batch = Batch()
  /// The field of each change in the batch, in the batch's order.
  var batched = PlainList<Int>()
  /// What is to be reported to the host when the step is over.
  var events: [Event] = []
  var firstFailure: (field: Int, failure: Failure)?

  init(
    of runtime: ModelRuntime<Lens.Model>, list: FieldList<Binding>, lens: Lens, owner: AnyObject?, storage: any SessionStorage
  ) {
    self.runtime = Unmanaged.passUnretained(runtime)
    self.lens = lens
    self.storage = storage
    self.owner = owner
    let scope = storage.scope
    self.scope = scope
    table = FieldTable(list.listed, in: scope)
    maps = list.maps
    hasExpiry = list.listed.hasExpiry || list.maps.contains { $0.expiresAfter > 0 }
  }

  /// The fields, in their order, and what the session believes of each.
  @inline(__always)
  var slots: UnsafeMutablePointer<FieldSlot<Binding>> { table.slots }
  @inline(__always)
  var count: Int { table.count }

  // MARK: an update

  /// Compares each field with its baseline in native form, and writes the fields that differ in one line. If no field differs, it allocates
  /// nothing and makes no system call. Returns the first failure, or nil.
  //
  // This beginning is inlined into the function that `SessionWork` calls, so that an update at an equal revision costs only that call.
  @inline(__always)
  func storeChanges() -> Failure? {
    guard let runtime else { return Session.detached }
    let wasUnsettled = !unsettled.isEmpty || failedMaps.count > 0
    // This comes first because it must happen even if there is no slice: earlier changes do not belong to this update.
    if wasUnsettled { unsettled.forEach { slots[$0].updateBegan() } }
    guard let slice = lens.slice(of: runtime._withUnsafeGuaranteedRef { $0.model }) else { return noSlice }
    if let revision = lens.revision(of: slice) {
      if revision == lastRevision, !wasUnsettled { return nil }
      lastRevision = revision
    }
    return storeDifferences(slice, wasUnsettled)
  }

  @inline(never)
  @_optimize(speed)
  private func storeDifferences(_ slice: Lens.Session, _ wasUnsettled: Bool) -> Failure? {
    if wasUnsettled { retryUnsettled() }
    let slots = table.slots // no field is added while these are compared
    for at in 0..<table.listed { note(slots[at].capture(slice), of: at) }
    if !maps.isEmpty { compareMaps(slice) }
    return unsettled.isEmpty && firstFailure == nil ? nil : finishUpdate(wasUnsettled)
  }

  /// Notes what came of capturing a field.
  @inline(__always)
  func note(_ capture: Capture, of at: Int) {
    switch capture {
    case .same: break
    case .changed: noteChanged(at)
    case .callbackFailed(let code): noteGetFailed(at, code)
    case .unencodable(let reason): noteUnstorable(at, reason)
    }
  }

  // MARK: the host's calls

  func persist() throws(Failure) { try storeThen(.nothing) }
  func flush() throws(Failure) { try storeThen(.sync) }
  func refresh() throws(Failure) { try storeThen(.takeNews) }

  func touch(_ key: Key) throws(Failure) {
    try requireField(key)
    try storeThen(.renew(key))
  }

  func modify(_ key: Key, _ change: (NativeValue?) throws(Failure) -> NativeValue) throws(Failure) {
    try requireField(key)
    let runtime = try attachedRuntime()
    try storeThen(in: runtime) { () throws(Failure) in try modifyStored(try fieldIndex(of: key), in: runtime, change) }
  }

  func reset(_ key: Key) throws(Failure) {
    try requireField(key)
    let runtime = try attachedRuntime()
    try runtime.run { () throws(Failure) in
      defer { finishCall() }
      try resetField(try fieldIndex(of: key), in: runtime)
    }
  }

  /// What a call of the host's does after it has stored what changed. It is a value, as the compiler makes a copy of `storeThen` for each closure.
  private enum Step {
    case nothing, sync, takeNews
    case renew(Key)
  }

  private func storeThen(_ step: Step) throws(Failure) {
    let runtime = try attachedRuntime()
    try storeThen(in: runtime) { () throws(Failure) in try take(step, in: runtime) }
  }

  /// Stores what changed, then takes the step even if storing failed. If both fail, throws the failure of storing.
  private func storeThen(in runtime: ModelRuntime<Lens.Model>, _ step: () throws(Failure) -> Void) throws(Failure) {
    try runtime.run { () throws(Failure) in
      let failure = storeChanges()
      defer { finishCall() }
      do throws(Failure) { try step() } catch { throw failure ?? error }
      if let failure { throw failure }
    }
  }

  private func take(_ step: Step, in runtime: ModelRuntime<Lens.Model>) throws(Failure) {
    switch step {
    case .nothing: break
    case .sync: if let failure = syncStorage() { throw failure }
    case .takeNews: try takeNews(into: runtime)
    case .renew(let key): try renewEntry(try fieldIndex(of: key))
    }
  }

  private func finishCall() {
    dropForgotten()
    deliverEvents()
  }

  /// Syncs the storage. Returns why that failed, or why the file still holds removed values; nil if neither is so.
  private func syncStorage() -> Failure? {
    do throws(Failure) {
      guard let notRewritten = try storage?.sync() else { return nil }
      noteEvent(.notRewritten, nil, notRewritten)
      return notRewritten
    } catch { return error }
  }

  /// Marks a field, which the next update then stores. Nothing is stored now, so this may be called inside a callback.
  func mark(_ key: Key) throws(Failure) {
    _ = try attachedRuntime()
    guard let at = knownField(key) else { throw noField(key) }
    slots[at].marked()
    unsettle(at)
  }

  // MARK: questions, which change nothing

  func state(of key: Key) throws(Failure) -> FieldState {
    try attachedRuntime().ask { () throws(Failure) in
      if let at = knownField(key) { return FieldState(stored: storedNow(at), isDirty: slots[at].isDirty) }
      guard let field = unknownField(key) else { throw noField(key) }
      return FieldState(stored: storedNow(unknown: field), isDirty: false)
    }
  }

  #if !hasFeature(Embedded)
    private func definition(of key: Key) -> FieldDefinition<Binding>? {
      if runtime == nil { return nil } // the fields are gone
      return knownField(key).map { slots[$0].field } ?? unknownField(key)
    }

    func binding(of key: Key) -> Any? { definition(of: key)?.binding }

    func value(of key: Key) throws(Failure) -> Any? {
      let runtime = try attachedRuntime()
      guard let field = definition(of: key) else { throw noField(key) }
      return lens.slice(of: runtime.model).flatMap { field.binding.value(in: $0) }
    }
  #endif

  func millisecondsToNextExpiry() -> Int64? {
    (try? attachedRuntime().ask { () throws(Failure) in nextExpiry() }) ?? nil
  }

  private func nextExpiry() -> Int64? {
    guard let storage else { return nil }
    let now = storage.now()
    var next: Int64?
    for at in 0..<count where slots[at].deadline > 0 && slots[at].stored != .expired {
      let (difference, overflow) = slots[at].deadline.subtractingReportingOverflow(now)
      var left = overflow ? .max : difference
      if slots[at].isInModel, slots[at].field.expiresAfter > 0 { left = min(left, slots[at].field.expiresAfter) }
      // A refresh would not reset this field, because the program's own value is newer, or may be. So its expiry counts for nothing.
      if left <= 0, slots[at].hasOwnValue || slots[at].trouble == .getFailed { continue }
      next = min(next ?? .max, max(left, 0))
    }
    return next
  }

  /// Returns the runtime, retained for the call. Throws if the session has ended. A session that is just ending still has its runtime.
  func attachedRuntime() throws(Failure) -> ModelRuntime<Lens.Model> {
    guard let runtime else { throw Session.detached }
    return runtime.takeUnretainedValue()
  }

  // MARK: the end

  func end(_ session: Session, as ending: Ending, keeping handle: AnyObject?) {
    runtime?.takeUnretainedValue().end(session, as: ending, keeping: handle)
  }

  func leftRuntime() { runtime = nil }

  func finish(flushing: Bool) {
    if flushing {
      _ = storeChanges()
      if storage?.syncsAtEnd ?? false { _ = syncStorage() }
      deliverEvents()
    }
    if let watchToken { storage?.watch?.leave(watchToken) }
    leftRuntime() // the host's notifiers run next; if they call the session, it must not look at fields that are just being freed
    // The host may keep the handle for long, so what it lent to the session is released now.
    storage = nil
    table.removeAll()
    maps = []
    owner = nil
  }

  // MARK: failures and events

  /// Notes the failure of a field. If several fields fail, the first in field order is kept.
  @inline(never)
  func noteFailure(_ field: Int, _ failure: Failure) {
    if let first = firstFailure, first.field <= field { return }
    firstFailure = (field, field < count ? failure.about(slots[field].field.key) : failure)
  }

  @inline(never)
  func noteEvent(_ kind: Event.Kind, _ field: Int?, code: Int32 = 0, _ failure: Failure? = nil) {
    events.append(Event(kind: kind, code: code, failure: failure, key: field.map { slots[$0].field.key }))
  }

  @inline(never)
  func noteEvent(_ kind: Event.Kind, _ field: Int?, _ failure: Failure) { noteEvent(kind, field, code: failure.status.rawValue, failure) }

  /// Delivers the events to the host. It is called when the step is over, and no lock is held.
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
