import CPlatform

/// Works on folders by descriptors: makes those of the default place, and looks at those above a folder.
extension Syscalls {
  enum EnteredFolder {
    /// The folder is open. The caller closes the descriptor.
    case entered(Int32)
    /// There is no such folder, or it cannot be entered. This is errno.
    case notEntered(Int32)
    /// Nothing had this name, and the folder could not be made. This is errno.
    case notMade(Int32)
  }

  /// Opens the folder that a path leads to. Links are followed.
  static func openFolder(_ path: UnsafePointer<CChar>) -> EnteredFolder {
    let folder = openFolder(AT_FDCWD, path, followingLink: true)
    return folder >= 0 ? .entered(folder) : .notEntered(platform_errno())
  }

  /// Opens a folder, which need not be readable, to reach what is in it. Returns -1 and sets errno if that fails.
  private static func openFolder(_ directory: Int32, _ path: UnsafePointer<CChar>, followingLink: Bool) -> Int32 {
    openFile(directory, path, O_DIRECTORY | platform_o_path | (followingLink ? 0 : O_NOFOLLOW))
  }

  /// Returns true if the path names a folder, not a link to one, that has its rights already.
  static func isFinishedFolder(_ path: UnsafePointer<CChar>) -> Bool {
    var status = stat()
    return fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && isFolder(status) && !isUnfinished(status, isMade: false)
  }

  private static func isFolder(_ status: stat) -> Bool { status.st_mode & mode_t(S_IFMT) == mode_t(S_IFDIR) }

  /// Opens the folder with this name. Makes it, with mode 0700, if nothing has the name.
  ///
  /// A folder that is made here is opened without following a link, and its mode is changed through that descriptor, so that whatever
  /// somebody puts in its place meanwhile stays as it is. A link that was there before is followed.
  ///
  /// - Parameter syncing: if true, power loss does not take the name of a folder that is made here.
  static func enterFolder(_ directory: Int32, _ name: UnsafePointer<CChar>, syncing: Bool = false) -> EnteredFolder {
    var folder = openFolder(directory, name, followingLink: false)
    var isMade = false
    if folder < 0, platform_errno() == ENOENT {
      isMade = mkdirat(directory, name, 0o700) == 0
      guard isMade || platform_errno() == EEXIST else { return .notMade(platform_errno()) }
      folder = openFolder(directory, name, followingLink: false)
    }
    guard folder >= 0 else {
      if isMade { return .notMade(platform_errno()) } // somebody has exchanged it already
      guard isNoFolder else { return .notEntered(platform_errno()) }
      folder = openFolder(directory, name, followingLink: true)
      return folder >= 0 ? .entered(folder) : .notEntered(platform_errno())
    }
    let code = finishFolder(folder, isMade: isMade)
    if isMade, syncing { try? syncDirectory(directory, ".") }
    if code == 0 { return .entered(folder) }
    closeFile(folder)
    return .notMade(code)
  }

  /// Takes away others' rights to an open folder, if the file system lets us.
  static func makeFolderPrivate(_ folder: Int32) { _ = fchmod(folder, 0o700) }

  /// Gives the owner the rights that a umask took away when the folder was made. Returns 0, or errno.
  private static func finishFolder(_ folder: Int32, isMade: Bool) -> Int32 {
    var status = stat()
    guard fstat(folder, &status) == 0 else { return platform_errno() }
    guard isUnfinished(status, isMade: isMade) else { return 0 }
    return platform_chmod_opened(folder, 0o700) == 0 ? 0 : platform_errno()
  }

  /// Returns true for a folder of ours whose owner lacks rights, because a umask took them away, and in which nobody else has rights: either
  /// this call has made it, or a program made it and ended before it could set the mode. In the second case the folder's status and its
  /// content were last changed at the same time. Had somebody else changed the mode, these times would differ.
  private static func isUnfinished(_ status: stat, isMade: Bool) -> Bool {
    let isUntouched = status.st_ctim.tv_sec == status.st_mtim.tv_sec && status.st_ctim.tv_nsec == status.st_mtim.tv_nsec
    return status.st_uid == effectiveUser() && status.st_mode & 0o077 == 0 && status.st_mode & 0o700 != 0o700
      && (isMade || isUntouched)
  }

  /// Returns the status of the folder that is `levels` above an open one. For two levels it asks for `../../.`.
  static func status(_ folder: Int32, above levels: Int) throws(Failure) -> stat {
    var status = stat()
    let result = withUnsafeTemporaryAllocation(byteCount: 3 &* levels &+ 2, alignment: 1) { path -> Int32 in
      guard let start = path.baseAddress?.assumingMemoryBound(to: CChar.self) else { return -1 }
      memset(start, Int32(UInt8(ascii: ".")), path.count)
      for level in 0..<levels { start[3 &* level &+ 2] = CChar(bitPattern: UInt8(ascii: "/")) }
      start[3 &* levels &+ 1] = 0
      return fstatat(folder, start, &status, 0)
    }
    guard result == 0 else { throw failure("cannot examine the folders above") }
    return status
  }

  /// Returns the status of this process's root folder.
  static func statusOfRoot() throws(Failure) -> stat {
    var status = stat()
    guard fstatat(AT_FDCWD, "/", &status, 0) == 0 else { throw failure("cannot examine the folders above") }
    return status
  }

  /// Calls `body` with each name in a folder.
  static func forEachName(in folder: Int32, _ body: (UnsafePointer<CChar>) -> Void) throws(Failure) {
    guard lseek(folder, 0, SEEK_SET) == 0 else { throw failure("cannot read the folder of the file") }
    let size = 4096
    try withStackMemory(size, alignment: 8) { memory throws(Failure) in
      var names = platform_names_t()
      guard platform_names_begin(&names, folder, memory, size) else { throw failure("cannot read the folder of the file") }
      defer { platform_names_end(&names) }
      while let name = platform_names_next(&names) { body(name) }
      guard platform_errno() == 0 else { throw failure("cannot read the folder of the file") }
    }
  }

  /// Returns the path of an open folder, without links, for a message. Returns nil if the system does not know it.
  static func path(ofFolder folder: Int32) -> [UInt8]? {
    filledPath { platform_path_of(folder, $0, $1) }
  }
}
