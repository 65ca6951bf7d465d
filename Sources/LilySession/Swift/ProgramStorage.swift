#if !hasFeature(Embedded)
  extension Storage {
    /// The scope that this storage is, or ``Scope/none`` if it is a whole storage.
    public var scope: Scope { forSessions.scope }

    /// This storage, or one that adds to a program's own storage what sessions need.
    var forSessions: any SessionStorage { self as? any SessionStorage ?? ProgramStorage(self) }
  }

  /// Passes every call to a storage of the program's own.
  private final class ProgramStorage: FilelessStorage {
    private let own: any Storage

    init(_ own: any Storage) { self.own = own }

    func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot { try own.read(keys, of: scope) }
    func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome {
      try own.write(batch, in: scope, generation: generation)
    }
    func clear(_ scope: Scope) throws(Failure) { try own.clear(scope) }
    func entries(_ prefix: Key) throws(Failure) -> [Item] { try own.entries(prefix) }
    func sync() throws(Failure) -> Failure? { try own.sync() }
    func now() -> Int64 { own.now() }
    func info() throws(Failure) -> StorageInfo { try own.info() }
    var descriptor: Int32 { own.descriptor }

    /// Another adapter of the same storage has the same place.
    var place: Place { Place(of: own) }
    func generationAtHand(of scope: Scope) -> UInt64? { nil }
    func close() {}
  }
#endif
