import CPlatform

/// Opening the file, following its path, and beginning it.
extension Journal {
  /// The first look at the file.
  func start() throws(Failure) {
    let opened = try route.open(create: options.create && !options.isReadOnly)
    if opened == .nothing, options.acceptsMissing { return }
    guard opened != .nothing else { throw Failure(.notFound, "cannot open", systemError: ENOENT).at(names.path) }
    // A store that was emptied is not told from one that nobody has stored anything in, unless this very call has made it.
    if options.isStrict, opened != .made, try isEmpty() { throw Failure(.corrupt, "the file is empty").at(names.path) }
    if route.isReadOnly { try freshen() } else { try enterFirst() }
    if options.isStrict, mirror.damagedLines > 0 { throw Failure(.corrupt, "the file is damaged").at(names.path) }
    compactIfWorthwhile()
  }

  /// Returns true if the file has no bytes. One that another process has just made gets its header within microseconds.
  private func isEmpty() throws(Failure) -> Bool {
    var tries = 0
    while try Syscalls.sizeAndLinks(route.file).size == 0 {
      if tries == 20 { return true }
      tries &+= 1
      Syscalls.sleep(microseconds: 1000)
    }
    return false
  }

  /// Reads the file, and makes it fit to be written to. A ruined one stays as it is until something is to be stored: only then is there
  /// a reason to keep it elsewhere.
  private func enterFirst() throws(Failure) {
    try tightenFirst()
    let hostTime = options.clock?()
    guard try lock() else {
      try enter(lookingUp: true)
      leave()
      return
    }
    do throws(Failure) {
      let found = try Syscalls.sizeAndLinks(route.file)
      if try examine(found) {
        if mirror.applied > 0 || mirror.isBlank { try makeReady(found.size) }
        // Strangers keep the old one. Damage waits for who has a reason to write: this may be somebody who wants to repair it.
        if route.wasLoose, mirror.applied > 0, mirror.damagedLines == 0 { try? compact(hostTime) }
        leave()
        return
      }
    } catch {
      leave()
      throw error
    }
    leave()
    try enter(lookingUp: true)
    leave()
  }

  /// Takes others' rights to a journal away, as a copy may have them, before its lock is waited for: a stranger may have that.
  private func tightenFirst() throws(Failure) {
    let size = try Syscalls.sizeAndLinks(route.file).size
    switch try lookAtHeader(size) {
    case .ours, .unfinished, .cut, .zeroed: route.tighten()
    case .lost, .notOurs: break // it may be anything, and is looked at closely first
    }
  }

  // MARK: the path

  enum Followed { case same, another, nothing }

  /// Looks the path up, and goes where it leads: nothing is known of another file, and where there is none, nothing is stored.
  ///
  /// - Parameter create: make the file where the path has none.
  @inline(never)
  func follow(create: Bool) throws(Failure) -> Followed {
    let followed = try goThere()
    guard create, followed == .nothing, try open(create: true) else { return followed }
    if watcher.isOpen { _ = try goThere() }
    return .another
  }

  /// Does so with the watch armed first, and then looks again: what came in between is seen by that look, what comes after it is told.
  private func goThere() throws(Failure) -> Followed {
    if route.file < 0 { watcher.pathChanged() } // the nearest folder may be another one by now
    let had = route.file >= 0
    var followed = try lookOnce()
    var tries = 0
    while watcher.isOpen, !watcher.isArmed, tries < 8 {
      tries &+= 1
      watcher.arm(hasFile: route.file >= 0, isNews: had || route.file >= 0)
      if !watcher.isArmed { break } // the system gives no more watches; the next look-up tries again
      let again = try lookOnce()
      if again != .same { followed = again }
    }
    return followed
  }

  private func lookOnce() throws(Failure) -> Followed {
    switch try route.lookUp() {
    case .thisFile: return .same
    case .another: if try open(create: false) { return .another }
    case .nothing: break
    }
    vanish()
    route.releaseFolder()
    return .nothing
  }

  /// Opens what the path names, where that is another file than before. Returns false if there is none.
  private func open(create: Bool) throws(Failure) -> Bool {
    switch try route.open(create: create) {
    case .nothing: return false
    case .same: break
    case .another, .made: meetAnotherFile()
    }
    return true
  }

  private func meetAnotherFile() {
    mirror.startOver()
    debts.metAnotherFile()
    watcher.pathChanged()
  }

  /// A file that could only be read when it was opened may be writable by now. Where it is not, the reason is the system's own.
  func openForWriting() throws(Failure) {
    if try route.open(create: true, mustWrite: true) != .same { meetAnotherFile() }
  }

  /// The path has no file, and what was stored is gone with it, as after a clear.
  private func vanish() {
    guard route.file >= 0 else { return }
    route.drop()
    mirror.voided()
    debts.fileIsGone()
    watcher.pathChanged()
  }

  // MARK: beginning the file

  /// Writes the header: nothing is stored in the file, or nothing that can be read. The caller holds the lock.
  func create(size: Int64) throws(Failure) {
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

  /// The header of a new file that goes on from what is known.
  func makeHeader() throws(Failure) -> JournalHeader {
    // A file that this handle knows to have vanished is made anew by it: that was one clear, not two.
    let generation = mirror.hasGeneration ? mirror.generation : JournalMirror.firstGeneration(try Syscalls.random())
    return JournalHeader(salt: Salt(try Syscalls.random()), generation: generation)
  }

  private func beginInPlace(_ size: Int64) throws(Failure) {
    if size > 0, !Syscalls.truncate(route.file, to: 0) { throw Syscalls.failure("cannot begin anew").at(names.path) }
    route.makePrivate() // whatever the umask
    do throws(Failure) { try put(input.bytes, into: route.file) } catch {
      _ = Syscalls.truncate(route.file, to: 0)
      throw error
    }
    // Once in a file's life: after power loss a header of foreign blocks would not be taken for ours.
    do throws(Failure) { try Syscalls.sync(data: route.file) } catch { debts.syncFailed() }
  }

  /// Puts a new file in the place of one that was emptied. Another handle may have read that one to where it is empty now, and would take
  /// a header that is as long for the one that it knows. Returns false where that cannot be done, as with a file that is mounted by itself.
  private func beginInNewFile() throws(Failure) -> Bool {
    guard let (new, isPrivate) = try? makeTemporary() else { return false }
    do throws(Failure) {
      // Nobody else can have the lock of a file that has no name yet that anybody looks for.
      guard try Syscalls.tryLock(new) == .taken else { throw Failure(.busy, "the new file is locked") }
      try put(input.bytes, into: new)
      try Syscalls.sync(new)
      try requirePlace()
      try Syscalls.rename(route.directory, names.temporary, names.file)
    } catch {
      Syscalls.close(new)
      Syscalls.unlink(route.directory, names.temporary)
      if route.isInDoubt { throw error } // nor may the header go into a file that the path does not lead to
      return false
    }
    Syscalls.unlock(route.file)
    route.replace(by: new, isPrivate: isPrivate)
    debts.metAnotherFile()
    watcher.pathChanged()
    return true
  }
}
