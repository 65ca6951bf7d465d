import CPlatform

/// Opens the file, follows its path, and begins a new file.
extension Journal {
  /// Opens the folder and the file for the first time, and reads the file.
  func openWithFolder() throws(Failure) {
    if !isScopeFile {
      guard try route.findFolder() || options.acceptsMissing && Syscalls.hasFoundNoName else {
        throw Syscalls.failure("cannot open").at(names.directory)
      }
    }
    do throws(Failure) { try openFirst() } catch { throw error.naming(names.path) }
  }

  private func openFirst() throws(Failure) {
    let opened = try route.openFile(create: options.create && !options.isReadOnly)
    if opened == .nothing, options.acceptsMissing { return mirror.voided(try markOfScopes()) }
    guard opened != .nothing else { throw Failure(.notFound, "cannot open", systemError: ENOENT).at(names.path) }
    // An empty file may be a store that was emptied, unless this very call has made it.
    if options.isStrict, opened != .made, try isEmpty() { throw Failure(.corrupt, "the file is empty, and may have lost its content").at(names.path) }
    if route.isReadOnly || options.isStrict || isScopeFile { try freshen() }
    // This comes before the file is made ready for writing, because a file that is refused must stay as it is.
    if options.isStrict, mirror.damagedLines > 0 { throw Failure(.corrupt, "the file has damaged lines").at(names.path) }
    if options.isExclusive { try lockForGood() }
    // Whoever serves a request of a user makes few changes or none, and the first one makes the file of a scope ready.
    // That of an exclusive storage may not look any more.
    if !route.isReadOnly, !isScopeFile || options.isExclusive { try enterNewly() }
    try refuseInnerScopes()
    compactIfWorthwhile()
  }

  /// Returns true if the file has no bytes. It waits a moment, because a file that another process has just made gets its header within
  /// microseconds.
  private func isEmpty() throws(Failure) -> Bool {
    var tries = 0
    while try Syscalls.sizeAndLinks(route.file).size == 0 {
      if tries == 20 { return true }
      tries &+= 1
      Syscalls.sleepFor(microseconds: 1000)
    }
    return false
  }

  /// Reads the file, and makes it ready for writing. A ruined file stays as it is until something is to be stored, because only then is
  /// there a reason to keep a copy.
  private func enterNewly() throws(Failure) {
    if route.file >= 0, route.wasOpenedLoose { try tightenFirst() }
    guard route.file >= 0, try lockFile() else {
      try lockAndCatchUp(lookingUp: true)
      unlockFile()
      return
    }
    do throws(Failure) {
      let found = try Syscalls.sizeAndLinks(route.file)
      if try examine(found) {
        // An empty file of a scope stays as it is until something is to be stored, as a missing one does.
        if mirror.applied > 0 || mirror.isBlank && !isScopeFile { try makeReady(found.size) }
        unlockFile()
        return
      }
    } catch {
      unlockFile()
      throw error
    }
    unlockFile()
    try lockAndCatchUp(lookingUp: true)
    unlockFile()
  }

  /// Takes away others' rights to a journal, which a copied file may have. This comes before the wait for the lock, which a stranger may
  /// hold.
  func tightenFirst() throws(Failure) {
    let size = try Syscalls.sizeAndLinks(route.file).size
    defer { input.truncate(to: 0) }
    switch try lookAtHeader(size) {
    case .ours, .unfinished, .cut, .zeroed: route.tighten()
    case .lost, .unknownVersion: break // the file may be anything, and is looked at more closely first
    }
  }

  // MARK: the path

  /// What the path led to: the file that was open, another file, which is open now, or no file.
  enum Followed { case same, another, nothing }

  /// Looks the path up, and opens what it leads to. If that is another file, forgets what was read. If there is no file, nothing is stored any
  /// more.
  ///
  /// - Parameter create: if true, makes a missing file.
  @inline(never)
  func followPath(create: Bool) throws(Failure) -> Followed {
    let followed = try followWithWatch()
    guard create, followed == .nothing, try openAnother(create: true) else { return followed }
    // A sweep may have removed the new file by now, because it is empty.
    if watcher.isOpen, try followWithWatch() == .nothing { return .nothing }
    return .another
  }

  /// Follows the path, arms the watch, and looks once more: that look sees what came before the watch, and the watch sees what comes after.
  private func followWithWatch() throws(Failure) -> Followed {
    if route.file < 0 { watcher.pathChanged() } // the nearest existing folder may be another one by now
    let had = route.file >= 0
    var followed = try followOnce()
    var tries = 0
    while watcher.isOpen, !watcher.isArmed, tries < 8 {
      tries &+= 1
      watcher.arm(hasFile: route.file >= 0, isNews: had || route.file >= 0)
      if !watcher.isArmed { break } // the system has no more watches; the next look-up tries again
      let again = try followOnce()
      if again != .same { followed = again }
    }
    return followed
  }

  private func followOnce() throws(Failure) -> Followed {
    switch try route.lookUp() {
    case .thisFile: return .same
    case .another: if try openAnother(create: false) { return .another }
    case .nothing: break
    }
    try vanish()
    route.releaseFolder()
    return .nothing
  }

  /// Returns, for the file of a scope, the mark of clears in its folder; nil for other files.
  func markOfScopes() throws(Failure) -> UInt64? { isScopeFile ? try route.markOfFolder() : nil }

  /// Opens the file that the path names, which is another one than before. Returns false if the path names no file.
  private func openAnother(create: Bool, mustWrite: Bool = false) throws(Failure) -> Bool {
    let hadFile = route.file >= 0
    let isDeserted = isScopeFile && hadFile && mirror.applied > 0 && !mayBeRewritten()
    switch try route.openFile(create: create, mustWrite: mustWrite) {
    case .nothing: return false
    case .same: break
    case .another, .made:
      if hadFile { noteLoss() }
      meetAnotherFile()
      if isDeserted { mirror.deserted() }
    }
    return true
  }

  /// Returns true if the file that is open says that it was rewritten, or is marked, and so may have been replaced without its lock. Otherwise
  /// it was swept, or somebody has deleted it or moved it away.
  private func mayBeRewritten() -> Bool {
    guard let status = try? Syscalls.status(route.file) else { return false }
    // No lock is needed, because nobody writes to this file any more.
    if Int64(status.st_size) > mirror.applied { _ = try? catchUp(to: Int64(status.st_size), isLocked: true) }
    return mirror.hasMoved || Syscalls.isMarked(status)
  }

  /// Only an exclusive storage writes without looking whether the path still leads to its file.
  private func noteLoss() {
    if options.isExclusive { debts.fileWasReplaced() }
  }

  private func meetAnotherFile() {
    mirror.startOver()
    debts.metAnotherFile()
    watcher.pathChanged()
  }

  /// Opens a file for writing that could only be read when it was opened. Throws the system's reason if it still cannot be written.
  func openForWriting() throws(Failure) {
    _ = try openAnother(create: true, mustWrite: true)
  }

  /// Notes that the path has no file any more. What was stored is gone with it, as after a clear.
  private func vanish() throws(Failure) {
    guard route.file >= 0 || isScopeFile else { return }
    let mark = try markOfScopes()
    if route.file >= 0 {
      noteLoss()
      watcher.pathChanged()
    }
    route.forgetFile()
    mirror.voided(mark)
    debts.fileIsGone()
  }

  // MARK: beginning the file

  /// Writes the header into a file in which nothing is stored, or nothing that can be read. The caller holds the lock.
  func beginFile(size: Int64) throws(Failure) {
    removeLeftFiles()
    if mirror.keepsDamage { try keepDamaged() }
    let header = try makeHeader()
    input.truncate(to: 0)
    header.append(to: input)
    let isBegun = route.isNewlyMade ? false : try beginInNewFile()
    if !isBegun { try beginInPlace(size) }
    route.begun()
    mirror.created(header, length: Int64(input.count))
    if watcher.isOpen, !watcher.isArmed { watchNew() }
  }

  /// Makes the header of a new file that continues what is known.
  func makeHeader() throws(Failure) -> JournalHeader {
    if mirror.applied == 0, isScopeFile { mirror.voided(try markOfScopes()) } // there may have been a clear since this handle looked
    // If this handle knows that the file has vanished, it has counted that as a clear already, so the generation stays.
    let generation = mirror.hasGeneration ? mirror.generation : JournalMirror.firstGeneration(try Syscalls.randomNumber())
    return JournalHeader(salt: Salt(try Syscalls.randomNumber()), generation: generation)
  }

  private func beginInPlace(_ size: Int64) throws(Failure) {
    if size > 0, !Syscalls.truncateFile(route.file, to: 0) { throw Syscalls.failure("cannot empty").at(names.path) }
    route.makePrivate() // the umask may have left others' rights
    do throws(Failure) { try writeGuarded(input.bytes, into: route.file) } catch {
      _ = Syscalls.truncateFile(route.file, to: 0)
      throw error
    }
    // This happens once in a file's life. Without it, power loss could leave blocks with anything in the header's place, and the file would
    // be refused. Where each user has a file, a log-in would have to wait for it.
    if !(isScopeFile && options.closesWithoutSync) {
      do throws(Failure) { try Syscalls.syncData(route.file) } catch { debts.syncFailed() }
    }
  }

  /// Puts a new file in the place of one that was emptied. Another handle may have read the old one, and would take a header of the same
  /// length for the one that it knows. Returns false if that cannot be done, for example because the file is mounted by itself.
  private func beginInNewFile() throws(Failure) -> Bool {
    guard let (new, isPrivate) = try? makeTemporary() else { return false }
    do throws(Failure) {
      // Nobody else can have this lock, because nobody looks for a file with a temporary name.
      guard try Syscalls.tryLock(new) == .taken else { throw Failure(.busy, "the new file is locked") }
      try writeGuarded(input.bytes, into: new)
      try Syscalls.syncFile(new)
      try requirePlace()
      try Syscalls.renameFile(route.directory, names.temporary, names.file)
    } catch {
      Syscalls.closeFile(new)
      Syscalls.removeName(route.directory, names.temporary)
      if route.isInDoubt { throw error } // the header must not go into a file that the path does not lead to
      try requirePlace() // that may have taken long
      return false
    }
    Syscalls.unlock(route.file)
    route.replace(by: new, isPrivate: isPrivate)
    debts.metAnotherFile()
    watcher.pathChanged()
    return true
  }
}
