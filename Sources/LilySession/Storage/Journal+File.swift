import CPlatform

/// Opening, creating and judging the file.
extension Journal {
  /// The first look at the file.
  func start() throws(Failure) {
    guard try open(create: options.create && !isReadOnly) else {
      throw Failure(.notFound, "cannot open", systemError: ENOENT).at(names.path)
    }
    if isReadOnly {
      try freshen()
    } else {
      try enter()
      leave()
    }
    if options.isStrict, damagedLines > 0 { throw Failure(.corrupt, "the file is damaged").at(names.path) }
    compactIfWorthwhile()
  }

  /// Opens what the path names and takes it for this journal's file, nothing of it read. false: there is none.
  func open(create: Bool) throws(Failure) -> Bool {
    var patience = Patience()
    while true {
      let opened = try openOnce(create: create)
      guard opened >= 0 else { return false }
      do throws(Failure) {
        if try judge(opened) {
          Syscalls.close(file)
          file = opened
          forget()
          return true
        }
      } catch {
        Syscalls.close(opened)
        throw error
      }
      Syscalls.close(opened) // it was renamed over in the meantime
      try patience.wait("the file is replaced again and again")
    }
  }

  private func openOnce(create: Bool) throws(Failure) -> Int32 {
    // O_NONBLOCK: a FIFO must not make us wait. O_NOFOLLOW: the rename of a compaction would replace the link.
    let flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
    if !options.isReadOnly {
      let opened = Syscalls.open(directory, names.file, O_RDWR | O_APPEND | flags | (create ? O_CREAT : 0), 0o600)
      if opened >= 0 {
        isReadOnly = false
        return opened
      }
      let code = platform_errno()
      if code == ENOENT && !create { return -1 }
      guard code == EACCES || code == EROFS || code == EPERM else { throw Syscalls.failure("cannot open", errno: code).at(names.path) }
      // A file that may only be read is read; what would write says PERMISSION.
      let readable = Syscalls.open(directory, names.file, O_RDONLY | flags)
      guard readable >= 0 else { throw Syscalls.failure("cannot open", errno: code).at(names.path) }
      isReadOnly = true
      return readable
    }
    let opened = Syscalls.open(directory, names.file, O_RDONLY | flags)
    if opened < 0, platform_errno() != ENOENT { throw Syscalls.failure("cannot open").at(names.path) }
    return opened
  }

  /// Whether the file may be used; false: it is no longer in any directory. Throws for what is not ours, which is not touched.
  private func judge(_ opened: Int32) throws(Failure) -> Bool {
    let status = try Syscalls.status(opened)
    guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG) else { throw Failure(.refused, "the path names no regular file").at(names.path) }
    guard status.st_uid == Syscalls.effectiveUser() else { throw Failure(.refused, "the file is another user's").at(names.path) }
    if status.st_nlink == 0 { return false }
    guard status.st_nlink == 1 else { throw Failure(.refused, "the file has a second hard link").at(names.path) }
    guard Int64(status.st_size) <= JournalHeader.fileLimit else { throw Failure(.refused, "the file is larger than 4 GiB").at(names.path) }
    return true
  }

  /// Nothing of the file has been read.
  func forget() {
    table.removeAll()
    sequence = 0
    applied = 0
    damagedLines = 0
    keepsDamage = false
    hasUnknown = false
    hasMoved = false
    holdsRemoved = false
    isGone = false
    needsDirectorySync = true
    needsNewFile = false
    needsRewrite = false
    allocated = 0
  }

  enum Named { case thisFile, another, nothing }

  /// What the path names now. The inode's number cannot be used again while we hold the file open.
  func lookUp() throws(Failure) -> Named {
    guard let there = try Syscalls.status(directory, names.file) else { return .nothing }
    let here = try Syscalls.status(file)
    return there.st_ino == here.st_ino && there.st_dev == here.st_dev ? .thisFile : .another
  }

  /// Begins the file: nothing was ever stored in it. The caller holds the lock.
  func create(size: Int64) throws(Failure) {
    guard !isReadOnly else { throw Failure(.permission, "the file is empty, and may only be read").at(names.path) }
    if size > 0, !Syscalls.truncate(file, to: 0) { throw Syscalls.failure("the file cannot be begun anew") }
    // The generation begins at random: a file that was deleted and made again is told from the one before.
    let header = JournalHeader(salt: Salt(try Syscalls.random()), generation: try Syscalls.random())
    input.truncate(to: 0)
    header.append(to: input)
    try Syscalls.setMode(file, 0o600) // whatever the umask
    do throws(Failure) { try put(input.bytes, into: file) } catch {
      _ = Syscalls.truncate(file, to: 0)
      throw error
    }
    // Once in a file's life: after power loss a header of foreign blocks would not be taken for ours.
    try? Syscalls.sync(data: file)
    salt = header.salt
    generation = header.generation
    applied = Int64(input.count)
  }

  /// A file that others can read was not made by us so, and holds what is nobody else's.
  func tightenMode() throws(Failure) {
    let status = try Syscalls.status(file)
    if !isReadOnly, status.st_mode & 0o077 != 0 { try Syscalls.setMode(file, 0o600) }
  }
}
