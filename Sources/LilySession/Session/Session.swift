/// One attachment of fields to a runtime and a storage. Once it is detached, or the runtime is gone, its calls throw `invalidArgument`.
//
// The host's handle; what it does is in `Attachment`.
public class Session {
  init() {}

  /// "The model may have changed": stores the fields that did. Throws why one could not be stored; it is tried again.
  public func persist() throws(Failure) { throw Session.detached }

  /// `persist`, then a sync of the storage: what is stored survives power loss.
  public func flush() throws(Failure) { throw Session.detached }

  /// Persists, then takes over what was changed, removed, cleared elsewhere, or has expired.
  public func refresh() throws(Failure) { throw Session.detached }

  /// Has the next update store the field, whether it changes or not.
  package func mark(_ key: Key) throws(Failure) { throw Session.detached }

  /// Stores an unchanged field again, which renews its expiry.
  package func touch(_ key: Key) throws(Failure) { throw Session.detached }

  /// ms until the next of the stored fields expires; nil: none will.
  package func millisecondsToNextExpiry() -> Int64? { nil }

  package func state(of key: Key) throws(Failure) -> FieldState { throw Session.detached }

  /// Flushes, then ends the session; inside a callback, once the outermost call returns. `flush` before it would say what fails.
  public func detach() {}

  /// Ends the session without calling the host.
  package func abandon() {}

  /// As `detach` or `abandon`, for the host's last use of the session but for the callbacks that this runs.
  ///
  /// - Parameter handle: lives until the session has ended.
  package func end(flushing: Bool, keeping handle: AnyObject) {}

  static var detached: Failure { Failure(.invalidArgument, "the session is detached") }
}

/// What a runtime knows of a session.
package class ModelSession<Model>: Session {
  /// nil: detached. The runtime retains the session, and clears this when it goes.
  var runtime: Unmanaged<ModelRuntime<Model>>?
  var ending = Ending.no
  /// What `end` must leave alive: the host's handle, which has this session. Nil once there is no runtime.
  var keptAlive: AnyObject?

  /// The way of one update: slice, compare, and for what changed encode and write.
  func storeChanges(of model: Model) -> Failure? { nil }

  /// The last thing that happens to it.
  func finish(_ model: Model, flushing: Bool) {}

  /// Throws if the session stores one of the keys in that place.
  func refuse(_ keys: [Key], in place: Place) throws(Failure) {}

  /// The runtime, retained for the call. A session that is being ended has it until that is over.
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

  /// The runtime has let go of it.
  func leftRuntime() {
    runtime = nil
    keptAlive = nil
  }
}

/// How a session's slice is found in the model, and how its host hears of events.
package protocol SliceLens {
  associatedtype Model
  associatedtype Session

  /// nil: the host's callback failed.
  func slice(of model: Model) -> Session?
  /// Puts a hydrated slice back; nil: the host's callback failed.
  func model(_ model: Model, with session: Session) -> Model?
  /// A number that differs when a field may have changed; nil: compare each time.
  func revision(of session: Session) -> UInt64?
  func notify(_ event: Event)
}
