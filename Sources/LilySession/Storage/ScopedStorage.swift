/// A scope of a storage; see ``Storage/scoped(_:)``. It passes every call to its parent, and has a scope of its own.
public final class ScopedStorage: Storage, SessionStorage {
  private let parent: any SessionStorage
  package let scope: Scope

  package static func make(_ parent: any SessionStorage, _ scope: Scope) throws(Failure) -> ScopedStorage {
    guard parent.scope == .none else { throw Failure(.unsupported, "a scope cannot have scopes; make a scope of its parent") }
    return ScopedStorage(parent, scope)
  }

  private init(_ parent: any SessionStorage, _ scope: Scope) {
    self.parent = parent
    self.scope = scope
  }

  public func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot { try parent.read(keys, of: scope) }
  package func revalidate() throws(Failure) { try parent.revalidate() }

  public func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome {
    try parent.write(batch, in: scope, generation: generation)
  }
  package func generationAtHand(of scope: Scope) -> UInt64? { parent.generationAtHand(of: scope) }
  public func clear(_ scope: Scope) throws(Failure) { try parent.clear(scope) }
  public func entries(_ prefix: Key) throws(Failure) -> [Item] { try parent.entries(prefix) }
  public func sync() throws(Failure) -> Failure? { try parent.sync() }
  package func close() { parent.close() }
  public func now() -> Int64 { parent.now() }
  public func info() throws(Failure) -> StorageInfo { try parent.info() }
  public var descriptor: Int32 { parent.descriptor }
  package var watch: Watch? { parent.watch }
  package var place: Place { parent.place }
  package var notices: Notices { parent.notices }
  package var cPath: UnsafePointer<CChar>? { parent.cPath }
}
