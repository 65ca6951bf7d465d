#if !hasFeature(Embedded)
  /// A dictionary of the program's, each of whose entries is stored under a key of its own.
  struct ClosureMap<Session>: MapBinding {
    typealias Field = ClosureField<Session>

    private let ids: (Session) -> [String]
    private let makeField: (String) -> Field

    init<A: Equatable>(_ path: WritableKeyPath<Session, [String: A]>, coder: ValueCoder<A>, migrate: ((UInt32, String) throws -> A?)?) {
      ids = { [String]($0[keyPath: path].keys) }
      makeField = { id in
        ClosureField(get: { $0[keyPath: path][id] }, set: { $0[keyPath: path][id] = $1 }, coder: coder, migrate: migrate)
      }
    }

    func each(_ session: Session, _ visit: @escaping (UnsafeRawBufferPointer, Session) -> Int32) -> Int32 {
      for id in ids(session) { _ = [UInt8](id.utf8).withUnsafeBytes { visit($0, session) } }
      return 0
    }

    func field(_ id: Key) -> (binding: Field, owner: AnyObject?) { (makeField(String(decoding: id.bytes, as: UTF8.self)), nil) }
  }
#endif
