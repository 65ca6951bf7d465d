/// An attachment of fields to a runtime and a storage. After it is detached or its runtime is freed, its calls throw `invalidArgument`.
public final class Session {
  let work: any SessionWork
  /// How the session was asked to end. It is `no` as long as nobody has asked.
  var ending = Ending.no
  /// The host's handle, which retains this session. `end` sets it, so that it lives until the session has left its runtime. It is nil before
  /// and afterwards.
  var keptAlive: AnyObject?

  init(_ work: any SessionWork) { self.work = work }

  /// Stores the fields that have changed, after the program has changed the model without an update. Throws if a field could not be stored;
  /// the next update tries it again.
  public func persist() throws(Failure) { try work.persist() }

  /// Persists, then syncs the storage, so that what is stored survives power loss.
  public func flush() throws(Failure) { try work.flush() }

  /// Persists, then brings into the model what was changed, removed or cleared elsewhere, or has expired.
  public func refresh() throws(Failure) { try work.refresh() }

  package func mark(_ key: Key) throws(Failure) { try work.mark(key) }
  package func touch(_ key: Key) throws(Failure) { try work.touch(key) }
  package func modify(_ key: Key, _ change: (NativeValue?) throws(Failure) -> NativeValue) throws(Failure) { try work.modify(key, change) }
  package func reset(_ key: Key) throws(Failure) { try work.reset(key) }
  package func state(of key: Key) throws(Failure) -> FieldState { try work.state(of: key) }

  /// Returns the time in ms until the next stored field expires, or nil if none will.
  package func millisecondsToNextExpiry() -> Int64? { work.millisecondsToNextExpiry() }

  /// Flushes, then ends the session. Inside a callback this happens when the outermost call returns. Failures are not reported; call
  /// `flush` before to learn of them.
  public func detach() { work.end(self, as: .detached, keeping: nil) }

  /// Ends the session as `detach` does if `flushing` is true. Otherwise ends it without storing anything, and without calling the host. After
  /// this call the host uses the session only in callbacks that the call itself runs.
  ///
  /// - Parameter handle: is kept alive until the session has ended.
  package func end(flushing: Bool, keeping handle: AnyObject) {
    work.end(self, as: flushing ? .detached : .abandoned, keeping: handle)
  }

  /// Notes that the runtime has released the session.
  func leftRuntime() {
    work.leftRuntime()
    keptAlive = nil
  }

  static var detached: Failure { Failure(.invalidArgument, "the session is detached") }
}

/// What a session does, whatever the types of its model and fields.
protocol SessionWork: AnyObject {
  /// Hydrates the session: sets each field whose stored value is accepted, and then makes the values that all fields have their baselines.
  /// Throws if another session of the runtime stores one of the keys in the same place.
  func hydrate(beside others: [Session]) throws(Failure)

  /// Reports what opening the storage found, and what hydrating did.
  func reportFindings(_ notices: Notices)

  func persist() throws(Failure)
  func flush() throws(Failure)
  func refresh() throws(Failure)

  /// Makes the next update store the field even if it has not changed.
  func mark(_ key: Key) throws(Failure)

  /// Stores a field again unchanged, which renews its expiry.
  func touch(_ key: Key) throws(Failure)

  /// Replaces what is stored for a field by what `change` makes of it, and sets the field in the model to what storage then holds. `change`
  /// is given nil if nothing is stored, and is called again if somebody else changes what is stored meanwhile.
  func modify(_ key: Key, _ change: (NativeValue?) throws(Failure) -> NativeValue) throws(Failure)

  /// Removes what is stored for a field, and sets it to its initial value, from before hydration.
  func reset(_ key: Key) throws(Failure)
  func millisecondsToNextExpiry() -> Int64?
  func state(of key: Key) throws(Failure) -> FieldState

  /// Stores what an update changed: takes the slice, compares each field, and encodes and writes those that differ. Returns the first
  /// failure, or nil.
  func storeChanges() -> Failure?

  #if !hasFeature(Embedded)
    /// The storage; nil if the session has ended.
    var storage: (any SessionStorage)? { get }

    /// Returns the binding of a field; nil if there is no such field, or the session has ended.
    func binding(of key: Key) -> Any?

    /// Returns the value that a field has in the model. Throws if there is no such field.
    func value(of key: Key) throws(Failure) -> Any?
  #endif

  /// Has the runtime end the session, if there still is a runtime.
  func end(_ session: Session, as ending: Ending, keeping handle: AnyObject?)

  /// Ends the session's work, and releases what the host lent to it. The runtime calls this last.
  func finish(flushing: Bool)

  /// Notes that there is no runtime any more.
  func leftRuntime()

  /// Throws if the session may store one of these in this storage, which has been looked up just now, too.
  func refuse(_ claims: Claims, in other: any SessionStorage) throws(Failure)
}

/// Finds a session's slice in the model, and delivers events to the host. The slice is the part of the model that has the session's fields.
package protocol SliceLens {
  associatedtype Model
  associatedtype Session

  /// Returns the slice, or nil if the host's callback failed.
  func slice(of model: Model) -> Session?
  /// Returns the model with a hydrated slice put back, or nil if the host's callback failed.
  func model(_ model: Model, with session: Session) -> Model?
  /// Returns a number that differs if a field may have changed, or nil if the fields must be compared each time.
  func revision(of session: Session) -> UInt64?
  func notify(_ event: Event)
}
