import CPlatform

/// Keeps each scope in a journal of its own, in the folders beside the file (docs/format.md).
extension Journal {
  package func holder(of scope: Scope) throws(Failure) -> (any SessionStorage, Scope) {
    guard let folders = try foldersOfScopes() else { return (self, scope) }
    let name = ScopeFileName(scope.name)
    return (try openScope(name.file, in: folders, name.folder), .none)
  }

  package func allScopes() throws(Failure) -> [Scope] {
    try exclusively { () throws(Failure) in
      try freshen()
      return mirror.table.scopes()
    }
  }

  package func scopes() throws(Failure) -> [Key] {
    guard let folders = try foldersOfScopes() else { return try livingScopes(of: self) }
    var found: [Key] = []
    let failure = try forEachScopeFile(of: folders) { scope, journal throws(Failure) in
      if try journal.isLiving() { found.append(Key(stored: scope.name)) }
      return true
    }
    if let failure { throw failure }
    return Key.inOrder(found)
  }

  package func sweep(limit: Int) throws(Failure) -> Int {
    guard !options.isReadOnly else { throw Failure(.permission, "the storage was opened to be read only") }
    guard let folders = try foldersOfScopes() else { return try sweepScopes(of: self, limit: limit) }
    var removed = 0
    let failure = try forEachScopeFile(of: folders, resuming: true) { _, journal throws(Failure) in
      if try journal.removeIfOver() { removed += 1 }
      return removed < limit
    }
    if let failure, removed == 0 { throw failure }
    return removed
  }

  /// Returns the folders of the scopes, or nil if the scopes are in this file. Throws in a child of fork, and if other programs keep the
  /// scopes of this file in files.
  private func foldersOfScopes() throws(Failure) -> ScopeFolders? {
    try exclusion.run { () throws(Failure) in }
    if let scopeFolders { return scopeFolders }
    guard Syscalls.isMissing(ScopeFolders.path(beside: names)) else {
      throw Failure(.unsupported, "each scope is a file here; open the storage with the flag for that, or move them with lily-session scopes --to-one")
        .at(names.path)
    }
    return nil
  }

  /// Throws if the file itself has scopes, which nobody would find who looks for their files.
  func refuseInnerScopes() throws(Failure) {
    let time = now()
    guard options.hasScopeFiles, mirror.table.contains(where: { EntryTable.isOfScope($0) && !Entry.isExpired($0.pointee.deadline, at: time) }) else { return }
    throw Failure(.unsupported, "the file has scopes in it; move them into files of their own with lily-session scopes --to-files")
  }

  /// Makes the journal of a scope. It is not opened yet.
  private func makeJournal(_ file: [UInt8], in folders: ScopeFolders, _ number: Int) throws(Failure) -> Journal {
    var options = options
    options.hasScopeFiles = false
    options.create = false
    options.acceptsMissing = true
    return Journal(try folders.names(number, file), options, Exclusion(after: exclusion), guardsFileSize: guardsFileSize, scope: (folders, number))
  }

  private func openScope(_ file: [UInt8], in folders: ScopeFolders, _ number: Int) throws(Failure) -> Journal {
    let journal = try makeJournal(file, in: folders, number)
    try journal.openWithFolder()
    return journal
  }

  /// Calls `visit` with each scope that has a file, and with its journal, which is not opened yet, until `visit` returns false. What is not a
  /// scope's file is left alone.
  ///
  /// - Parameter resuming: if true, begins where the walk before this one with `resuming` ended.
  /// - Returns: the first failure of `visit` that was not about a file that is no journal, or is in use; nil if there was none.
  private func forEachScopeFile(
    of folders: ScopeFolders, resuming: Bool = false, _ visit: (Scope, Journal) throws(Failure) -> Bool
  ) throws(Failure) -> Failure? {
    var failure: Failure?
    let first = resuming ? try folders.firstToSweep() : 0
    for step in 0..<ScopeFolders.count {
      let number = (first &+ step) % ScopeFolders.count
      for file in try folders.names(in: number) {
        guard let scope = ScopeFileName.scope(of: file, in: number) else { continue }
        do throws(Failure) {
          if try visit(scope, makeJournal(file, in: folders, number)) { continue }
          if resuming { try folders.sweepNext(from: number) }
          return failure
        } catch {
          if error.systemError == EMFILE || error.systemError == ENFILE { throw error } // the others would fail, too
          if error.status != .refused, error.status != .busy, failure == nil { failure = error }
        }
      }
    }
    return failure
  }

  /// Returns true if the file has an entry that has not expired.
  private func isLiving() throws(Failure) -> Bool {
    let time = now()
    return try exclusively { () throws(Failure) in
      guard try findForSweep() else { return false }
      return hasLiving(at: time)
    }
  }

  private func hasLiving(at time: Int64) -> Bool { mirror.table.contains { !Entry.isExpired($0.pointee.deadline, at: time) } }

  /// Opens the file, and reads it without its lock. Returns false if there is no file.
  private func findForSweep() throws(Failure) -> Bool {
    guard try route.findFolder(), try route.openFile(create: false) != .nothing else { return false }
    try freshen()
    return route.file >= 0
  }

  /// Removes the file, with what is beside it, if it has nothing that has not expired. Returns true if it was removed.
  ///
  /// Whoever waits for the file's lock finds that the file has no name any more, and makes a new one. For sessions that were attached before,
  /// that counts as a clear. A file with damage, or with lines of a newer format, stays, because nobody knows what those say.
  private func removeIfOver() throws(Failure) -> Bool {
    let time = now()
    return try exclusively { () throws(Failure) in
      func isOver() -> Bool { !mirror.keepsDamage && !mirror.hasUnknown && !hasLiving(at: time) }
      guard try findForSweep(), isOver(), try Syscalls.tryLock(route.file) == .taken else { return false }
      defer { Syscalls.unlock(route.file) }
      guard try examine(try Syscalls.sizeAndLinks(route.file)), isOver(), try route.lookUp() == .thisFile else { return false }
      if let failure = removeRemains() { throw failure }
      guard Syscalls.removeName(route.directory, names.file) else { throw Syscalls.failure("cannot remove") }
      return true
    }
  }
}
