import CPlatform

/// Who could put another file in a file's place: the owners and rights of its folder and of all above it.
//
// Asked of the open folder by `..` alone, so that it is the chain that the kernel would walk, whatever links the path goes through. The folders
// between this one and the first that is somebody else's cannot be exchanged by others, so nobody can hide that one while they are looked at.
enum FolderOwners {
  /// No path that a program can open is deeper.
  private static var deepest: Int { 1024 }

  /// Returns why others could exchange the folder's files, as a failure that names the folder; nil: only root and the user could.
  ///
  /// - Parameter path: of the folder, where the system does not tell its own.
  static func weakness(of folder: Int32, _ path: UnsafePointer<CChar>) -> Failure? {
    var upwards: [CChar] = [dot, 0]
    var depth = 0
    do throws(Failure) {
      let top = try Syscalls.status(AT_FDCWD, upwards: [slash, 0])
      var below = top
      while true {
        let status = try Syscalls.status(folder, upwards: upwards)
        if let reason = weakness(status) { return Failure(.refused, reason).at(name(folder, depth, path)) }
        if isSame(status, top) { return nil }
        // Above the top of a file system that nobody has mounted any more it goes on for ever. Not so at the first: a folder may be mounted
        // on one that is in it.
        if depth == deepest { return isSame(status, below) ? nil : Failure(.refused, "the folder lies too deep").at(path) }
        below = status
        upwards.insert(contentsOf: [dot, dot, slash], at: 0)
        depth &+= 1
      }
    } catch { return Failure(.refused, error.reason, systemError: error.systemError).at(path) }
  }

  private static func isSame(_ one: stat, _ other: stat) -> Bool { one.st_dev == other.st_dev && one.st_ino == other.st_ino }

  /// As OpenSSH's StrictModes has it, but that a sticky folder lets nobody touch what is another's. That a group is the user's alone cannot
  /// be known, so its right counts as others'. An owner that this user namespace does not know (the overflow user, 65534) is somebody else.
  private static func weakness(_ folder: stat) -> StaticString? {
    guard folder.st_uid == 0 || folder.st_uid == Syscalls.effectiveUser() else { return "another user owns the folder" }
    guard folder.st_mode & 0o022 == 0 || folder.st_mode & mode_t(S_ISVTX) != 0 else { return "others can write to the folder, which is not sticky" }
    return nil
  }

  /// Returns the path of the folder so many above an open one, for a message.
  private static func name(_ folder: Int32, _ levels: Int, _ path: UnsafePointer<CChar>) -> [UInt8] {
    var name = Syscalls.path(ofFolder: folder) ?? []
    guard name.first == UInt8(bitPattern: slash) else {
      name = [UInt8](cString: path)
      for _ in 0..<levels { name += [UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: ".")] }
      return name
    }
    for _ in 0..<levels { name.removeLast(name.count &- (name.lastIndex(of: UInt8(bitPattern: slash)) ?? 0)) }
    return name.isEmpty ? [UInt8(bitPattern: slash)] : name
  }

  private static var dot: CChar { CChar(bitPattern: UInt8(ascii: ".")) }
  private static var slash: CChar { CChar(bitPattern: UInt8(ascii: "/")) }
}
