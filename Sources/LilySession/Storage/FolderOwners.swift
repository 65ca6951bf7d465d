import CPlatform

/// Finds out whether others could put another file in a file's place, by the owners and rights of its folder and of all folders above.
//
// It goes up from the open folder by `..` alone. That is the chain that the kernel would walk, whatever links the path goes through. Others
// cannot exchange the folders between this one and the first that is somebody else's, so nobody can hide that one from the search.
enum FolderOwners {
  /// A limit on the levels above. No path that a program can open is deeper.
  private static var deepest: Int { 1024 }

  /// Returns why others could exchange the folder's files, as a failure that names the folder concerned. Returns nil if only root and the
  /// user could.
  ///
  /// - Parameter path: the folder's path, for the message if the system does not know it.
  static func weakness(of folder: Int32, _ path: UnsafePointer<CChar>) -> Failure? {
    do throws(Failure) {
      let top = try Syscalls.statusOfRoot()
      var below = top
      for level in 0..<deepest {
        let status = try Syscalls.status(folder, above: level)
        if let reason = weakness(status) { return Failure(.refused, reason).at(name(folder, level, path)) }
        if isSame(status, top) { return nil }
        // In a file system that is no longer mounted, `..` of the top is the top itself, and the walk would have no end. This is asked at
        // the last level only, because a folder may be mounted on one that is in it.
        if level == deepest &- 1, isSame(status, below) { return nil }
        below = status
      }
      return Failure(.refused, "the folder has more than 1024 folders above it").at(path)
    } catch { return error.restated(as: .refused).at(path) }
  }

  private static func isSame(_ one: stat, _ other: stat) -> Bool { one.st_dev == other.st_dev && one.st_ino == other.st_ino }

  /// Judges one folder as OpenSSH's StrictModes does, except that a sticky folder is safe, because nobody can touch another's files in it.
  /// The library cannot know whether a group has only this user, so a group's rights count as others'. An owner that this user namespace
  /// does not know (the overflow user, 65534) counts as somebody else.
  private static func weakness(_ folder: stat) -> StaticString? {
    guard folder.st_uid == 0 || folder.st_uid == Syscalls.effectiveUser() else { return "another user owns the folder" }
    let isSticky = folder.st_mode & mode_t(S_ISVTX) != 0
    return folder.st_mode & 0o022 == 0 || isSticky ? nil : "others can write to the folder, which is not sticky"
  }

  /// Returns the path of the folder that is `levels` above an open one, for a message. If the system does not know it, returns `path`.
  private static func name(_ folder: Int32, _ levels: Int, _ path: UnsafePointer<CChar>) -> [UInt8] {
    guard let name = Syscalls.path(ofFolder: folder) else { return [UInt8](cString: path) }
    var end = name.count
    for _ in 0..<levels { end = name[..<end].lastIndex(of: UInt8(ascii: "/")) ?? 0 }
    return [UInt8](name[..<max(end, 1)])
  }
}
