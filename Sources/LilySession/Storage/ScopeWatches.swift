/// The watches of a store's scopes, each for as long as somebody has the scope open. Whoever has the same scope open has the same watch, because
/// the store makes one descriptor for all of them.
package final class ScopeWatches {
  private final class Node {
    let scope: Scope
    let watch: Watch
    var users = 1
    var next: Node?

    init(_ scope: Scope, _ watch: Watch, before next: Node?) {
      self.scope = scope
      self.watch = watch
      self.next = next
    }
  }

  private let exclusion: Exclusion
  /// A table of hashes, with a list in each place. The exclusion guards it.
  private var lists = [Node?](repeating: nil, count: 256)

  package init(after elder: Exclusion) { exclusion = Exclusion(after: elder) }

  /// Returns the scope's watch, which stays until `end` was called as often; nil in a child of fork.
  package func begin(_ scope: Scope) -> Watch? {
    guard (try? exclusion.enter()) != nil else { return nil }
    defer { exclusion.leave() }
    if let known = node(of: scope) {
      known.users &+= 1
      return known.watch
    }
    let at = place(of: scope)
    let made = Node(scope, Watch(after: exclusion), before: lists[at])
    lists[at] = made
    return made.watch
  }

  package func end(_ scope: Scope) {
    guard (try? exclusion.enter()) != nil else { return }
    defer { exclusion.leave() }
    guard let ended = node(of: scope) else { return }
    ended.users &-= 1
    if ended.users > 0 { return }
    let at = place(of: scope)
    if lists[at] === ended {
      lists[at] = ended.next
      return
    }
    var before = lists[at]
    while let next = before?.next, next !== ended { before = next }
    before?.next = ended.next
  }

  /// Returns the scope's watch, or nil if nobody has the scope open.
  package subscript(_ scope: Scope) -> Watch? {
    guard (try? exclusion.enter()) != nil else { return nil }
    defer { exclusion.leave() }
    return node(of: scope)?.watch
  }

  private func node(of scope: Scope) -> Node? {
    var node = lists[place(of: scope)]
    while let found = node, found.scope != scope { node = found.next }
    return node
  }

  private func place(of scope: Scope) -> Int { scope.prefix.withUnsafeBytes { hashOf($0) & 255 } }
}
