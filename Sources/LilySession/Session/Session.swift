/// An attachment of fields to a runtime and a storage. After it is detached or its runtime is freed, its calls throw `invalidArgument`.
//
// This is what hosts see. `Attachment` implements it.
public class Session {
  init() {}

  /// Stores the fields that have changed, after the program has changed the model without an update. Throws if a field could not be stored;
  /// the next update tries it again.
  public func persist() throws(Failure) { throw Session.detached }

  /// Persists, then syncs the storage, so that what is stored survives power loss.
  public func flush() throws(Failure) { throw Session.detached }

  /// Persists, then brings into the model what was changed, removed or cleared elsewhere, or has expired.
  public func refresh() throws(Failure) { throw Session.detached }

  /// Makes the next update store the field even if it has not changed.
  package func mark(_ key: Key) throws(Failure) { throw Session.detached }

  /// Stores a field again unchanged, which renews its expiry.
  package func touch(_ key: Key) throws(Failure) { throw Session.detached }

  /// Returns the time in ms until the next stored field expires, or nil if none will.
  package func millisecondsToNextExpiry() -> Int64? { nil }

  package func state(of key: Key) throws(Failure) -> FieldState { throw Session.detached }

  /// Flushes, then ends the session. Inside a callback this happens when the outermost call returns. Failures are not reported; call
  /// `flush` before to learn of them.
  public func detach() {}

  /// Ends the session without calling the host.
  package func abandon() {}

  /// Does as `detach` if `flushing` is true, and as `abandon` otherwise. The host does not use the session after this, except in callbacks
  /// that this runs.
  ///
  /// - Parameter handle: is kept alive until the session has ended.
  package func end(flushing: Bool, keeping handle: AnyObject) {}

  static var detached: Failure { Failure(.invalidArgument, "the session is detached") }
}

/// What a runtime needs of a session.
package class ModelSession<Model>: Session {
  /// nil if the session is detached. The runtime retains the session, and clears this when it is freed.
  var runtime: Unmanaged<ModelRuntime<Model>>?
  var ending = Ending.no
  /// The host's handle, which retains this session. `end` keeps it alive until the session has ended. It is nil once there is no runtime.
  var keptAlive: AnyObject?

  /// Stores what an update changed: takes the slice, compares each field, and encodes and writes those that differ. Returns the first
  /// failure, or nil.
  func storeChanges(of model: Model) -> Failure? { nil }

  /// Ends the session's work, and releases what the host lent to it. The runtime calls this last.
  func finish(_ model: Model, flushing: Bool) {}

  /// Throws if the session stores one of these keys in this place.
  func refuseKeys(_ keys: [Key], in place: Place) throws(Failure) {}

  /// Returns the runtime, retained for the call, or throws if the session is detached. A session that is being ended still has it.
  func attachedRuntime() throws(Failure) -> ModelRuntime<Model> {
    guard let runtime else { throw Session.detached }
    return runtime.takeUnretainedValue()
  }

  package override func detach() { runtime?.takeUnretainedValue().end(self, as: .detached) }
  package override func abandon() { runtime?.takeUnretainedValue().end(self, as: .abandoned) }

  package override func end(flushing: Bool, keeping handle: AnyObject) {
    guard let runtime else { return }
    keptAlive = handle
    runtime.takeUnretainedValue().end(self, as: flushing ? .detached : .abandoned)
  }

  /// Notes that the runtime has released the session.
  func leftRuntime() {
    runtime = nil
    keptAlive = nil
  }
}

/// Finds a session's slice in the model, and delivers events to the host.
package protocol SliceLens {
  associatedtype Model
  associatedtype Session

  /// Returns nil if the host's callback failed.
  func slice(of model: Model) -> Session?
  /// Returns the model with a hydrated slice put back, or nil if the host's callback failed.
  func model(_ model: Model, with session: Session) -> Model?
  /// Returns a number that differs if a field may have changed, or nil if the fields must be compared each time.
  func revision(of session: Session) -> UInt64?
  func notify(_ event: Event)
}
