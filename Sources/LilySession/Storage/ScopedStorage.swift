/// A scope of a storage; see ``Storage/scoped(_:)``. It passes every call to the storage that has the scope's entries: the parent, or the
/// file of this scope.
public final class ScopedStorage: Storage, SessionStorage {
  private let holder: any SessionStorage
  package let scope: Scope
  package let watch: Watch?

  package static func make(_ parent: any SessionStorage, _ scope: Scope) throws(Failure) -> ScopedStorage {
    let (holder, scope) = try parent.holder(of: scope)
    return ScopedStorage(holder, scope)
  }

  private init(_ holder: any SessionStorage, _ scope: Scope) {
    self.holder = holder
    self.scope = scope
    watch = holder.beginWatch(of: scope)
  }

  deinit { holder.endWatch(of: scope) }

  package func holder(of scope: Scope) throws(Failure) -> (any SessionStorage, Scope) { throw ScopedStorage.hasNone }
  package func allScopes() throws(Failure) -> [Scope] { throw ScopedStorage.hasNone }
  package func scopes() throws(Failure) -> [Key] { throw ScopedStorage.hasNone }
  package func sweep(limit: Int) throws(Failure) -> Int { throw ScopedStorage.hasNone }

  private static var hasNone: Failure { Failure(.unsupported, "a scope cannot have scopes; use its parent") }

  public func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot { try holder.read(keys, of: scope) }
  package func read(_ keys: [Key], under prefixes: [Key], of scope: Scope) throws(Failure) -> (Snapshot, [Item]) {
    try holder.read(keys, under: prefixes, of: scope)
  }
  package func revalidate() throws(Failure) { try holder.revalidate() }

  public func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome {
    try holder.write(batch, in: scope, generation: generation)
  }
  package func generationAtHand(of scope: Scope) -> UInt64? { holder.generationAtHand(of: scope) }
  public func clear(_ scope: Scope) throws(Failure) { try holder.clear(scope) }
  public func entries(_ prefix: Key) throws(Failure) -> [Item] { try holder.entries(prefix) }
  public func sync() throws(Failure) -> Failure? { try holder.sync() }
  package var renewsUnread: Bool { holder.renewsUnread }
  package var syncsAtEnd: Bool { holder.syncsAtEnd }
  package func close() { holder.close() }
  public func now() -> Int64 { holder.now() }
  public func info() throws(Failure) -> StorageInfo { try holder.info() }
  public var descriptor: Int32 { holder.descriptor(of: scope) }
  package func descriptor(of scope: Scope) -> Int32 { descriptor }
  package var place: Place { holder.place }
  package var notices: Notices { holder.notices }
  package var cPath: UnsafePointer<CChar>? { holder.cPath }
}
