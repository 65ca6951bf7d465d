import LilySession

// What concerns the scopes of a store, inside its file and in files of their own.
extension Store {
  /// Returns true if the scopes of the file at the path are files of their own.
  static func hasScopeFiles(_ path: String) -> Bool { (try? Journal.hasScopeFiles(beside: path)) ?? false }

  /// Returns the path of the file that has a scope's entries.
  static func path(ofScope scope: String?, _ path: String) throws -> String {
    guard let scope, hasScopeFiles(path) else { return path }
    do throws(Failure) { return try Journal.path(ofScope: scope, beside: path) } catch { throw Problem(error, path: path) }
  }

  /// Returns the scope that has a file of this name in the folder of this number; nil if none has. If there is no number, any folder will do.
  static func scope(ofFile name: [UInt8], in folder: Int?) -> String? { Journal.scope(ofFile: name, in: folder) }

  /// A scope, and whether it has a file of its own.
  typealias FoundScope = (name: String, isFile: Bool)

  /// Returns the scopes in byte order. In one that has a file, everything may have expired.
  /// - Parameter leave: called for everything else in the folder of the scopes.
  func scopes(leave: (_ path: String, ScopeFolder.Oddity) -> Void = { _, _ in }) throws -> [FoundScope] {
    var scopes = try innerScopes().map { ($0, false) }
    guard hasScopeFiles else { return scopes }
    try ScopeFolder(beside: path).forEach { file, found in
      switch found {
      case .scope(let name): scopes.append((name, true))
      case .odd(let oddity): leave(file, oddity)
      }
    }
    return scopes.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
  }

  /// Returns the names of the scopes inside the file, or on the server, that have an entry, in byte order.
  func innerScopes() throws -> [String] {
    try reportingProblems { () throws(Failure) in
      if let journal { return try journal.namesOfInnerScopes() }
      return try storage.scopes()
    }
  }

  /// Returns how much is in a scope.
  func summary(ofScope name: String, isFile: Bool) throws -> ScopeSummary {
    try reportingProblems { () throws(Failure) in
      if isFile, let journal { return try journal.file(ofScope: name).summary() }
      return try (journal ?? storage).summary(ofInnerScope: name)
    }
  }

  /// Returns the number of damaged lines in a scope's file.
  func damagedLines(inFileOf scope: String) throws -> Int {
    let file = try file()
    return try reportingProblems { () throws(Failure) in try file.file(ofScope: scope).info().damagedLines }
  }

  /// Removes scopes in which nothing is left that has not expired. Returns how many.
  func sweep(limit: Int?) throws -> Int { try reportingProblems { () throws(Failure) in try (journal ?? storage).sweep(limit: limit) } }

  /// Moves all scopes, into files or into the store's file. Returns how many, and why others stayed where they are.
  func moveScopes(toFiles: Bool) throws -> (moved: Int, left: [(scope: String, reason: Problem)]) {
    var left: [(scope: String, reason: Problem)] = []
    var progress = Progress("moving", total: 100, least: 0)
    defer { progress.end() }
    let file = try file()
    let moved = try reportingProblems { () throws(Failure) in
      let report = { (done: Int, all: Int) in if all > 0 { progress.advance(to: Int64(done * 100 / all)) } }
      let leave = { (scope: String, failure: Failure) in left.append((scope, Problem(failure, path: self.path))) }
      return toFiles
        ? try file.moveScopesToFiles(progress: report, leave: leave) : try file.moveScopesToOne(progress: report, leave: leave)
    }
    return (moved, left)
  }

  /// Returns a scope as a store of its own, whether anything is in it or not. This store must not be a scope itself.
  func scoped(_ name: String) throws -> Store {
    try reportingProblems { () throws(Failure) in
      guard let journal else { return Store(path: path, nil, try storage.scoped(name)) }
      let (file, part) = try Store.open(name, of: journal, hasScopeFiles: hasScopeFiles)
      return Store(path: hasScopeFiles ? file.path : path, file, part)
    }
  }

  /// Opens a scope of a store that is open. Returns the file that has the scope's entries, and the scope.
  static func open(_ scope: String, of whole: Journal, hasScopeFiles: Bool) throws(Failure) -> (Journal, any Storage) {
    guard hasScopeFiles else { return (whole, try whole.scoped(scope)) }
    let file = try whole.file(ofScope: scope)
    return (file, file)
  }

  /// Returns true if a scope can have this name.
  static func isScope(_ name: String) -> Bool { Journal.isScope(name) }
}
