#if !hasFeature(Embedded)
  /// Keeps the value of a field during an update, to put it back if the update fails. A model that is a value needs no keeper, because the
  /// update changes a copy. But an object is changed in place.
  struct FieldKeeper<Session> {
    /// True if the field is in an object, whatever the session is.
    let isInObject: Bool
    /// Reads the field. Returns what sets the field to that value again.
    let keep: (Session) -> (inout Session) -> Void

    init<A>(_ path: WritableKeyPath<Session, A>) {
      isInObject = path is ReferenceWritableKeyPath<Session, A>
      keep = { session in
        let value = session[keyPath: path]
        return { $0[keyPath: path] = value }
      }
    }

    init<A>(get: @escaping (Session) -> A, set: @escaping (inout Session, A) -> Void) {
      isInObject = false
      keep = { session in
        let value = get(session)
        return { set(&$0, value) }
      }
    }
  }

  /// Keeps the fields of a session during an update, as far as they are in objects.
  struct SessionKeeper<Model> {
    private weak var session: Session?
    private let keepFields: (Model) -> (Model) -> Void

    /// Returns nil if no field is in an object.
    init?<Slice>(_ session: Session, _ fields: [FieldKeeper<Slice>], at path: WritableKeyPath<Model, Slice>) {
      let isObject = Slice.self is AnyClass || path is ReferenceWritableKeyPath<Model, Slice>
      let fields = isObject ? fields : fields.filter { $0.isInObject }
      if fields.isEmpty { return nil }
      self.session = session
      keepFields = { model in
        let slice = model[keyPath: path]
        let restoring = fields.map { $0.keep(slice) }
        return { model in
          var (model, slice) = (model, model[keyPath: path])
          for restore in restoring { restore(&slice) }
          model[keyPath: path] = slice // an object that holds the slice gets it back
        }
      }
    }

    /// False once the program and the runtime have let go of the session.
    var isNeeded: Bool { session != nil }

    /// Reads the fields. Returns what sets those of the same model to these values again.
    func keep(_ model: Model) -> (Model) -> Void { keepFields(model) }
  }
#endif
