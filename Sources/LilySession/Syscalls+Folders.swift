import CPlatform

/// Folders, by descriptors: how those of the default place are made, and how those above one are looked at.
extension Syscalls {
  enum EnteredFolder {
    /// Its descriptor, the caller's to close.
    case entered(Int32)
    /// errno: there is no such folder, or it cannot be gone through.
    case notEntered(Int32)
    /// errno: there was nothing of this name, and the folder could not be made.
    case notMade(Int32)
  }

  /// Opens the folder that a path leads to, through links.
  static func openFolder(_ path: UnsafePointer<CChar>) -> EnteredFolder {
    let folder = openFolder(AT_FDCWD, path, followingLink: true)
    return folder >= 0 ? .entered(folder) : .notEntered(platform_errno())
  }

  /// Opens a folder to go on from it, for which it need not be readable. Returns -1 where that fails, with errno.
  private static func openFolder(_ directory: Int32, _ path: UnsafePointer<CChar>, followingLink: Bool) -> Int32 {
    open(directory, path, O_DIRECTORY | platform_o_path | (followingLink ? 0 : O_NOFOLLOW))
  }

  /// Returns the status of a folder's own name, a link's too; nil if it has none, or none that can be asked for.
  static func statusOfName(_ path: UnsafePointer<CChar>) -> stat? {
    var status = stat()
    return fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status : nil
  }

  /// Opens the folder of that name, or makes it, mode 0700, where there is nothing.
  ///
  /// A folder that is made here is opened without following a link, and has its mode changed by that descriptor alone: whatever
  /// somebody puts in its place meanwhile stays as it is. A link that was there before is followed.
  static func enterFolder(_ directory: Int32, _ name: UnsafePointer<CChar>) -> EnteredFolder {
    var folder = openFolder(directory, name, followingLink: false)
    var isMade = false
    if folder < 0, platform_errno() == ENOENT {
      isMade = mkdirat(directory, name, 0o700) == 0
      guard isMade || platform_errno() == EEXIST else { return .notMade(platform_errno()) }
      folder = openFolder(directory, name, followingLink: false)
    }
    guard folder >= 0 else {
      if isMade { return .notMade(platform_errno()) } // it was exchanged at once
      folder = openFolder(directory, name, followingLink: true)
      return folder >= 0 ? .entered(folder) : .notEntered(platform_errno())
    }
    let code = finishFolder(folder, isMade: isMade)
    if code == 0 { return .entered(folder) }
    close(folder)
    return .notMade(code)
  }

  /// Gives the owner the rights that a umask took when the folder was made. Returns 0, or errno.
  private static func finishFolder(_ folder: Int32, isMade: Bool) -> Int32 {
    var status = stat()
    guard fstat(folder, &status) == 0 else { return platform_errno() }
    guard isUnfinished(status, isMade: isMade) else { return 0 }
    return platform_chmod_opened(folder, 0o700) == 0 ? 0 : platform_errno()
  }

  /// Returns true for a folder of ours that a umask has left without rights of its owner, and nobody with any: this call has made it, or a
  /// program was ended before it could set the mode. A change of the mode by somebody else would have changed the time of the last change
  /// of the status, but not of the content.
  static func isUnfinished(_ status: stat, isMade: Bool = false) -> Bool {
    let isUntouched = status.st_ctim.tv_sec == status.st_mtim.tv_sec && status.st_ctim.tv_nsec == status.st_mtim.tv_nsec
    let isFolder = status.st_mode & mode_t(S_IFMT) == mode_t(S_IFDIR)
    return isFolder && status.st_uid == effectiveUser() && status.st_mode & 0o077 == 0 && status.st_mode & 0o700 != 0o700
      && (isMade || isUntouched)
  }

  /// Returns the status of what a path of `..` alone leads to from an open folder, or why there is none.
  static func status(_ folder: Int32, upwards path: UnsafePointer<CChar>) throws(Failure) -> stat {
    var status = stat()
    guard fstatat(folder, path, &status, 0) == 0 else { throw failure("cannot look at the folders above") }
    return status
  }

  /// Returns the path of an open folder, through no link, for a message; nil where the system does not tell.
  static func path(ofFolder folder: Int32) -> [UInt8]? {
    fill { platform_path_of(folder, $0, $1) }
  }
}
