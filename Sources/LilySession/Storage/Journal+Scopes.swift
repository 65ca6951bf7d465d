import CPlatform

/// Keeps each scope in a journal of its own, in the folders beside the file (docs/format.md).
extension Journal {
  package func holder(of scope: Scope) throws(Failure) -> (any SessionStorage, Scope) {
    guard let folders = try foldersOfScopes() else { return (self, scope) }
    let name = ScopeFileName(scope.name)
    let journal = try makeJournal(name.file, in: folders, name.folder)
    try journal.openWithFolder()
    return (journal, .none)
  }

  package func allScopes() throws(Failure) -> [Scope] {
    try exclusively { () throws(Failure) in
      try freshen()
      return mirror.table.scopes()
    }
  }

  package func scopes() throws(Failure) -> [Key] {
    guard let folders = try foldersOfScopes() else { return try livingScopes(of: self) }
    return Key.inOrder(try walk(folders, removing: nil).living)
  }

  package func sweep(limit: Int) throws(Failure) -> Int {
    guard !options.isReadOnly else { throw Failure(.permission, "the storage was opened to be read only") }
    guard let folders = try foldersOfScopes() else { return try sweepScopes(of: self, limit: limit) }
    return try walk(folders, removing: limit).removed
  }

  /// Returns the folders of the scopes, or nil if the scopes are in this file. Throws in a child of fork, and if other programs keep the
  /// scopes of this file in files.
  private func foldersOfScopes() throws(Failure) -> ScopeFolders? {
    try exclusion.run { () throws(Failure) in }
    if let scopeFolders { return scopeFolders }
    // What another user has put there would not be used, and must not keep this user's scopes from being found.
    guard !Syscalls.mayBeOwn(ScopeFolders.path(beside: names)) else {
      throw Failure(.unsupported, "each scope is a file here; open the storage with the flag for that, or move them with lily-session scopes --to-one")
        .at(names.path)
    }
    return nil
  }

  /// Throws if the file itself has scopes, which nobody would find who looks for their files.
  func refuseInnerScopes() throws(Failure) {
    let time = now()
    guard options.hasScopeFiles, !options.acceptsEitherLayout, mirror.table.contains(where: { EntryTable.isOfScope($0) && !Entry.isExpired($0.pointee.deadline, at: time) }) else { return }
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

  /// Looks at the files of all scopes. What is not a scope's file, or is in a folder that cannot be used, is left alone.
  ///
  /// - Parameter limit: nil to list the scopes that have an entry that has not expired. Otherwise the others are removed, this many at most,
  ///   beginning where the last such walk ended. The walk ends behind the folder in which it has looked at so many files, so what it costs
  ///   follows the limit, and not how many scopes there are.
  private func walk(_ folders: ScopeFolders, removing limit: Int?) throws(Failure) -> (living: [Key], removed: Int) {
    var living: [Key] = []
    var removed = 0
    var looks = 0
    var failure: Failure?
    var noFolder: Failure?
    var hasFolder = false
    func note(_ error: Failure) throws(Failure) {
      if error.hasNoDescriptor { throw error } // nothing else could be opened either
      if error.status != .refused, error.status != .busy, failure == nil { failure = error }
    }
    let first = limit == nil ? 0 : try folders.firstToSweep()
    for step in 0..<ScopeFolders.count {
      let number = (first &+ step) % ScopeFolders.count
      let names: [[UInt8]]
      do throws(Failure) { names = try folders.names(in: number) } catch {
        try note(error)
        noFolder = error
        continue
      }
      if !names.isEmpty { hasFolder = true }
      let others = names.filter { ScopeFileName.scope(of: $0, in: number) == nil }
      let before = removed
      for file in names where removed != limit {
        guard let scope = ScopeFileName.scope(of: file, in: number) else { continue }
        looks &+= 1
        do throws(Failure) {
          switch try makeJournal(file, in: folders, number).judge(removing: limit != nil, beside: others) {
          case .living: if limit == nil { living.append(Key(stored: scope.name)) }
          case .removed: removed &+= 1
          case .other: break
          }
        } catch { try note(error) }
      }
      if removed > before, options.isPowerDurable {
        do throws(Failure) { try folders.sync(number) } catch { try note(error.restated(as: .notDurable)) }
      }
      guard let limit, looks >= limit else { continue }
      try folders.sweepNext(from: removed == limit ? number : number &+ 1) // a folder may have more than the limit
      break
    }
    // If no folder can be used, the one above them is the reason.
    if removed == 0 || failure?.status == .notDurable, let failure = failure ?? (hasFolder ? nil : noFolder) { throw failure }
    return (living, removed)
  }

  private enum Judgement {
    /// The file has an entry that has not expired.
    case living
    /// The file had none, and is gone.
    case removed
    case other
  }

  /// Opens the file of a scope, reads it without its lock, and judges it.
  ///
  /// - Parameters:
  ///   - removing: if true, removes the file, with what is beside it, if it has nothing that has not expired. Whoever waits for its lock
  ///   finds that the file has no name any more, and makes a new one; for sessions that were attached before, that is a clear. A file with
  ///   damage, or with lines of a newer format, stays, because nobody knows what those say. So does one that is in use just now.
  ///   - others: the names in the folder that are no scope's file, among which are those of what is beside the file.
  private func judge(removing: Bool, beside others: [[UInt8]]) throws(Failure) -> Judgement {
    let time = now()
    return try exclusively { () throws(Failure) in
      func isLiving() -> Bool { mirror.table.contains { !Entry.isExpired($0.pointee.deadline, at: time) } }
      func isOver() -> Bool { !mirror.keepsDamage && !mirror.hasUnknown && !isLiving() }
      for _ in 0..<2 {
        guard try route.openFile(create: false) != .nothing else { return .other }
        try freshen()
        guard removing, route.file >= 0, isOver(), try Syscalls.tryLock(route.file) == .taken else { return isLiving() ? .living : .other }
        defer { Syscalls.unlock(route.file) }
        guard try examine(try Syscalls.sizeAndLinks(route.file)), isOver(), try route.lookUp() == .thisFile else { return .other }
        // A marked file may be replaced without its lock, and then the name would be another file's. So it is rewritten first, if it can be.
        if route.wasLoose, try leavesMarked() { continue }
        if let failure = others.contains(where: isBeside) ? removeRemains() : removeLatestRemains() { throw failure }
        return try removeScopeFile() ? .removed : .other
      }
      return .other
    }
  }

  /// Removes this file, which is that of a scope. The caller has the lock, and has removed what is beside the file. For sessions that are
  /// attached, that is a clear. On a full disk, the blocks of the file have room for the folder's mark.
  ///
  /// - Returns: false if the path leads to another file by now.
  private func removeScopeFile() throws(Failure) -> Bool {
    // This comes before the name goes, because after that anyone may make a new file.
    do throws(Failure) { _ = try changeMark() } catch {
      guard error.status == .noSpace, try route.lookUp() == .thisFile, Syscalls.truncateFile(route.file, to: 0) else { throw error }
      // If even the inode of this file is needed, its name goes first. Then only those who have the file open notice that it is gone.
      do throws(Failure) { _ = try changeMark() } catch {
        guard error.status == .noSpace, Syscalls.removeName(route.directory, names.file) else { throw error }
        route.forgetFile() // it keeps its inode while it is open
        _ = try changeMark()
        return true
      }
    }
    guard try route.lookUp() == .thisFile else { return false }
    guard Syscalls.removeName(route.directory, names.file) else { throw Syscalls.failure("cannot remove") }
    return true
  }

  /// Changes the mark of clears in the folder of this scope's file, and returns it.
  func changeMark() throws(Failure) -> UInt64 {
    var mark: UInt64 = 0
    try guarded { () throws(Failure) in mark = try route.markOfFolder(changing: true) }
    return mark
  }

  /// Clears the scope by removing its file, because the disk is full. Nothing else must be stored in it. The caller has the lock.
  ///
  /// - Returns: false if the path leads to another file by now.
  func clearByRemoving() throws(Failure) -> Bool {
    if let failure = removeRemains() { throw failure }
    guard try removeScopeFile() else { return false }
    debts.namesWentAway()
    if options.isPowerDurable { try makeAbsenceDurable() }
    return true
  }

  /// Removes what a process may have left beside the file since the names in the folder were read, and died: those names are known.
  private func removeLatestRemains() -> Failure? {
    names.nameTemporary(mirror.salt.seed)
    Syscalls.removeName(route.directory, names.temporary)
    return removeCopy()
  }

  /// Returns true for the name of something beside the file, which begins with the file's own name.
  private func isBeside(_ name: [UInt8]) -> Bool {
    let length = strlen(names.file)
    return name.count > length && name.withUnsafeBytes { bytes in bytes.baseAddress.map { memcmp($0, names.file, length) == 0 } ?? false }
  }
}
