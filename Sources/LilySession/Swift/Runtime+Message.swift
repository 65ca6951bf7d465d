#if !hasFeature(Embedded)
  /// A model, its update function, and the sessions that are attached to it. One thread at a time uses it.
  public final class Runtime<Model, Message> {
    private let core: ModelRuntime<Model>
    private let update: (Model, Message) -> Model?

    /// - Parameter update: the model after the message; nil refuses it (`update`), and the model is kept.
    public init(_ model: Model, update: @escaping (Model, Message) -> Model?) {
      core = ModelRuntime(model: model)
      self.update = update
    }

    /// Detaches the sessions that still are attached, which flushes them.
    deinit { core.free() }

    public var model: Model { core.model }

    /// Updates the model, then stores the fields that changed. Throws `reentrant` or `update` where the message was not applied;
    /// after any other failure it was, and what could not be stored is tried again by the next update.
    public func dispatch(_ message: Message) throws(Failure) {
      if let failure = core.dispatch({ update($0, message) }) { throw failure }
    }

    /// Replaces the model; `Session.persist` stores what differs.
    public func replace(model: Model) throws(Failure) { try core.replace(model) }

    /// Hydrates the model from storage, and stores the fields that change from then on.
    ///
    /// - Parameters:
    ///   - get: the part of the model that has the fields.
    ///   - set: the model with that part replaced.
    ///   - revision: a number that differs when a field may have changed; nil compares after every update.
    ///   - onEvent: told what happened to single fields, after the step that caused it.
    public func attach<Slice>(
      _ persistence: Persistence<Slice>, storage: any Storage, get: @escaping (Model) -> Slice, set: @escaping (Model, Slice) -> Model,
      revision: ((Slice) -> UInt64)? = nil, onEvent: ((Event) -> Void)? = nil
    ) throws(Failure) -> Session {
      let lens = ClosureLens(get: get, set: set, revision: revision, onEvent: onEvent)
      return try core.attach(persistence.list, lens: lens, owner: nil) { () throws(Failure) in storage }
    }
  }

  struct ClosureLens<Model, Session>: SliceLens {
    let get: (Model) -> Session
    let set: (Model, Session) -> Model
    let revision: ((Session) -> UInt64)?
    let onEvent: ((Event) -> Void)?

    func slice(of model: Model) -> Session? { get(model) }
    func model(_ model: Model, with session: Session) -> Model? { set(model, session) }
    func revision(of session: Session) -> UInt64? { revision?(session) }
    func notify(_ event: Event) { onEvent?(event) }
  }
#endif
