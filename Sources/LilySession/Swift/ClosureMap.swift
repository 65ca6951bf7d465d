#if !hasFeature(Embedded)
  /// A dictionary of the program's, each of whose entries is stored under a key of its own.
  struct ClosureMap<Session>: MapBinding {
    typealias Field = ClosureField<Session>

    private let ids: (Session) -> [String]
    private let makeField: (String) -> Field

    init<A>(_ path: WritableKeyPath<Session, [String: A]>, coder: ValueCoder<A>, migrate: ((UInt32, String) throws -> A?)?) {
      ids = { [String]($0[keyPath: path].keys) }
      makeField = { id in
        ClosureField(
          get: { $0[keyPath: path].isFree(for: id) ? $0[keyPath: path][id] : nil },
          set: { session, value throws(Failure) in
            guard session[keyPath: path].isFree(for: id) else { throw Failure(.decode, "the dictionary has another spelling of the key") }
            session[keyPath: path][id] = value
          }, coder: coder, migrate: migrate)
      }
    }

    func each(_ session: Session, _ visit: @escaping (UnsafeRawBufferPointer, Session) -> Int32) -> Int32 {
      for id in ids(session) { _ = [UInt8](id.utf8).withUnsafeBytes { visit($0, session) } }
      return 0
    }

    func field(_ id: Key) -> (binding: Field, owner: AnyObject?) { (makeField(String(decoding: id.bytes, as: UTF8.self)), nil) }
  }

  extension Dictionary where Key == String {
    /// Returns false if the dictionary has this text in another spelling, such as é as a letter and an accent. To a dictionary both are one key,
    /// but each may be stored. Then the dictionary has the one that came first.
    fileprivate func isFree(for id: String) -> Bool {
      index(forKey: id).map { keys[$0].utf8.elementsEqual(id.utf8) } ?? true
    }
  }
#endif
