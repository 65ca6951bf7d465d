import CPlatform

/// All calls to the kernel. Those that a signal may interrupt are made again, and errno becomes a failure. Only the files `Syscalls*.swift`
/// call the kernel.
enum Syscalls {
  /// Makes a failure from errno, which also decides its status.
  static func failure(_ reason: StaticString, errno code: Int32 = platform_errno()) -> Failure {
    let status: Status
    switch code {
    case ENOSPC, EDQUOT, EFBIG: status = .noSpace
    case EACCES, EPERM, EROFS: status = .permission
    case ENOENT, ENOTDIR: status = .notFound
    case ELOOP, ENXIO, EISDIR: status = .refused
    default: status = .io
    }
    return Failure(status, reason, systemError: code)
  }

  /// True if the last call failed because there is nothing at the path.
  static var hasFoundNothing: Bool { platform_errno() == ENOENT || platform_errno() == ENOTDIR }

  /// True if the last call failed because a name in the path is missing, and not because one is no folder.
  static var hasFoundNoName: Bool { platform_errno() == ENOENT }

  /// True if the last call, which opened a folder without following links, found a link or something else.
  static var isNoFolder: Bool { platform_errno() == ENOTDIR || platform_errno() == ELOOP }

  /// True if the last call failed because this user may not do it, or because the path is a link.
  static var isForbidden: Bool { [EACCES, EPERM, ELOOP].contains(platform_errno()) }

  /// True if the last call failed because there is something at the path.
  static var hasFoundSomething: Bool { platform_errno() == EEXIST }

  /// Makes a call again as long as a signal interrupts it, and returns its result.
  @inline(__always)
  private static func retried<R: SignedInteger>(_ call: () -> R) -> R {
    while true {
      let result = call()
      if result != -1 || platform_errno() != EINTR { return result }
    }
  }

  // MARK: files

  /// Opens a file. Returns -1 and sets errno if that fails.
  static func openFile(_ directory: Int32, _ path: UnsafePointer<CChar>, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
    aboveStandard(retried { platform_openat(directory, path, flags | O_CLOEXEC, mode) })
  }

  /// Makes sure that a new descriptor is not that of standard input, output or error. It would be if the program was started with those
  /// closed, and then what the program prints would be written into the file.
  static func aboveStandard(_ descriptor: Int32) -> Int32 {
    guard (0...2).contains(descriptor) else { return descriptor }
    let copy = platform_copy_above_standard(descriptor)
    let code = platform_errno()
    closeFile(descriptor)
    platform_set_errno(code)
    return copy
  }

  static func closeFile(_ file: Int32) {
    if file >= 0 { _ = CPlatform.close(file) }
  }

  static func status(_ file: Int32) throws(Failure) -> stat {
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("cannot examine the file") }
    return status
  }

  /// Returns the status of a name in a directory, without following a link. Returns nil if nothing has this name.
  static func status(_ directory: Int32, _ name: UnsafePointer<CChar>) throws(Failure) -> stat? {
    var status = stat()
    if fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
    if platform_errno() == ENOENT { return nil }
    throw failure("cannot look up the file")
  }

  /// Returns the status of what a path leads to, through links. Returns nil if it leads nowhere.
  static func statusOfFolder(_ path: UnsafePointer<CChar>) throws(Failure) -> stat? {
    var status = stat()
    if fstatat(AT_FDCWD, path, &status, 0) == 0 { return status }
    if hasFoundNothing { return nil }
    throw failure("cannot look up").at(path)
  }

  /// Returns true if the path leads to nothing.
  static func isMissing(_ path: UnsafePointer<CChar>) -> Bool {
    var status = stat()
    return fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) != 0 && hasFoundNothing
  }

  /// Returns true unless the path leads to nothing, or to something of another user's. A link is looked at itself.
  static func mayBeOwn(_ path: UnsafePointer<CChar>) -> Bool {
    var status = stat()
    if fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status.st_uid == effectiveUser() }
    return !hasFoundNothing
  }

  /// `links` is 1 for a file that has one name and is not marked as loose.
  typealias SizeAndLinks = (size: Int64, links: UInt32)

  /// The bit that `links` has if the file is marked as one that others could open.
  static let looseMark: UInt32 = PLATFORM_STICKY
  /// The bit that `links` has if others have rights to the file now.
  static let openToOthers: UInt32 = PLATFORM_OPEN_TO_OTHERS

  @inline(__always)
  static func sizeAndLinks(_ file: Int32) throws(Failure) -> SizeAndLinks {
    var size: Int64 = 0
    var links: UInt32 = 0
    guard platform_size_and_links(file, &size, &links) == 0 else { throw failure("cannot examine the file") }
    return (size, links)
  }

  /// Reads `count` bytes, or fewer at the end of the file. Returns how many it has read.
  static func readFile(_ file: Int32, _ into: UnsafeMutablePointer<UInt8>, _ count: Int, at offset: Int64) throws(Failure) -> Int {
    var done = 0
    while done < count {
      let got = retried { pread(file, into + done, count &- done, off_t(offset &+ Int64(done))) }
      guard got >= 0, got <= count &- done else { throw failure("cannot read the file") }
      if got == 0 { break }
      done &+= got
    }
    return done
  }

  /// Returns the place of the next bytes, from `offset` on, that are not in a hole. Returns Int64.max if only a hole follows.
  static func nextData(_ file: Int32, from offset: Int64) -> Int64 {
    let found = platform_next_data(file, offset)
    if found >= 0 { return max(found, offset) }
    return platform_errno() == ENXIO ? Int64.max : offset // other errors mean that the file system does not know of holes
  }

  /// Writes all bytes, by one write if the kernel takes them at once. If it throws, a part may have been written.
  @inline(__always)
  static func writeFile(_ file: Int32, _ bytes: UnsafeRawBufferPointer) throws(Failure) {
    let put = CPlatform.write(file, bytes.baseAddress, bytes.count)
    if put != bytes.count { try writeFile(file, bytes, after: put) }
  }

  /// Writes the rest of the bytes. `first` is what the first write returned.
  @inline(never)
  private static func writeFile(_ file: Int32, _ bytes: UnsafeRawBufferPointer, after first: Int) throws(Failure) {
   var rest = bytes
   var put = first
    while true {
      if put < 0, platform_errno() == EINTR { put = 0 } else {
        guard put > 0, put <= rest.count else {
          throw put == 0 ? Failure(.io, "the system wrote nothing into the file") : failure("cannot write the file")
        }
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[put...])
      if rest.isEmpty { return }
      put = CPlatform.write(file, rest.baseAddress, rest.count)
    }
  }

  /// Runs `body` while the descriptor does not append, so that `overwrite` works. Linux otherwise appends, whatever the place.
  ///
  /// - Returns: what `body` threw, or nil; and false if the descriptor cannot be made to append again, so that it must not be used any more.
  static func withoutAppending(
    _ file: Int32, _ body: () throws(Failure) -> Void
  ) throws(Failure) -> (failure: Failure?, appendsAgain: Bool) {
    guard platform_set_appending(file, false) else { throw failure("cannot overwrite the file") }
    var failed: Failure?
    do throws(Failure) { try body() } catch { failed = error }
    return (failed, platform_set_appending(file, true))
  }

  /// Overwrites bytes within the file.
  static func overwrite(_ file: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) {
    var done = 0
    while done < bytes.count {
      let put = retried { pwrite(file, bytes.baseAddress.map { $0 + done }, bytes.count &- done, off_t(offset &+ Int64(done))) }
      guard put > 0, put <= bytes.count &- done else { throw failure("cannot overwrite the file") }
      done &+= put
    }
  }

  /// Cuts the file, or lengthens it by a hole. Returns false and sets errno if that fails.
  static func truncateFile(_ file: Int32, to size: Int64) -> Bool {
    retried { ftruncate(file, off_t(size)) } == 0
  }

  /// Allocates blocks past the end, so that writing there cannot fail on a full disk. Does nothing if the file system cannot do it.
  static func allocate(_ file: Int32, from offset: Int64, _ count: Int64) throws(Failure) {
    if retried({ platform_fallocate_keep_size(file, offset, count) }) == 0 { return }
    let code = platform_errno()
    if code == ENOSPC || code == EDQUOT || code == EFBIG { throw failure("cannot allocate space for the file", errno: code) }
  }

  static func syncData(_ file: Int32) throws(Failure) {
    guard fdatasync(file) == 0 else { throw failure("cannot sync the file") }
  }

  static func syncFile(_ file: Int32) throws(Failure) {
    guard fsync(file) == 0 else { throw failure("cannot sync the file") }
  }

  /// Syncs the names in a directory. If the file system does not support that, there is nothing to sync.
  static func syncDirectory(_ directory: Int32) throws(Failure) {
    if fsync(directory) == 0 { return }
    let code = platform_errno()
    if code != EINVAL, code != ENOTSUP { throw failure("cannot sync the folder of the file", errno: code) }
  }

  /// Syncs the names in the folder to which `path` leads from an open one.
  static func syncDirectory(_ from: Int32, _ path: UnsafePointer<CChar>) throws(Failure) {
    let directory = openFile(from, path, O_RDONLY | O_DIRECTORY)
    guard directory >= 0 else { throw failure("cannot open the folder of the file") }
    defer { closeFile(directory) }
    try syncDirectory(directory)
  }

  /// Takes away others' rights to the file (mode 0600). Returns false if others have rights that the file system does not let us take away.
  static func makePrivate(_ file: Int32) -> Bool {
    if fchmod(file, 0o600) == 0 { return true }
    var status = stat()
    return fstat(file, &status) == 0 && status.st_mode & 0o077 == 0
  }

  /// Takes away others' rights to the file, and marks it as one that others could open, and may have locked. The mark is the sticky bit,
  /// which has no meaning for files in Linux. Returns false if others still have rights.
  static func makePrivateAndMark(_ file: Int32) -> Bool {
    var status = stat()
    return (fchmod(file, 0o600 | mode_t(S_ISVTX)) == 0 || makePrivate(file)) && fstat(file, &status) == 0 && status.st_mode & 0o077 == 0
  }

  /// Returns true if a file is marked in this way.
  static func isMarked(_ status: stat) -> Bool { status.st_mode & mode_t(S_ISVTX) != 0 }

  /// Gives a file of this user its mode, if the process that made it died before it could: the file is empty, and not even its owner may
  /// open it. Returns false if it is no such file.
  static func rescue(_ directory: Int32, _ name: UnsafePointer<CChar>) -> Bool {
    let path = openFile(directory, name, platform_o_path | O_NOFOLLOW)
    defer { closeFile(path) }
    guard path >= 0, let found = try? status(path), found.st_mode & mode_t(S_IFMT | 0o400) == mode_t(S_IFREG), found.st_size == 0,
      found.st_uid == effectiveUser(), found.st_nlink == 1
    else { return false }
    return platform_chmod_opened(path, 0o600) == 0
  }

  static func renameFile(_ directory: Int32, _ from: UnsafePointer<CChar>, _ to: UnsafePointer<CChar>) throws(Failure) {
    guard renameat(directory, from, directory, to) == 0 else { throw failure("cannot replace the file") }
  }

  /// Removes a file's name.
  ///
  /// - Parameter wentAway: is called if something had the name.
  /// - Returns: true if no file of ours has this name any more. A file of another user, or anything but a regular file, is left alone.
  @discardableResult
  static func removeName(_ directory: Int32, _ name: UnsafePointer<CChar>, _ wentAway: () -> Void = {}) -> Bool {
    if unlinkat(directory, name, 0) == 0 {
      wentAway()
      return true
    }
    if platform_errno() == ENOENT { return true }
    let code = platform_errno() // a read-only file system fails even if nothing has this name
    var found = stat()
    if fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0 { return hasFoundNothing }
    platform_set_errno(code)
    return !isOwnFile(found)
  }

  /// Removes whatever has this name, unless it is a folder that is not empty.
  static func removeNameOrFolder(_ directory: Int32, _ name: UnsafePointer<CChar>) {
    if unlinkat(directory, name, 0) != 0 { _ = unlinkat(directory, name, AT_REMOVEDIR) }
  }

  /// Returns true for a regular file of this user's.
  static func isOwnFile(_ status: stat) -> Bool { status.st_uid == effectiveUser() && status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG) }

  // MARK: locks

  enum Lock { case taken, held }

  @inline(__always)
  static func tryLock(_ file: Int32) throws(Failure) -> Lock {
    if retried({ flock(file, LOCK_EX | LOCK_NB) }) == 0 { return .taken }
    if platform_errno() == EWOULDBLOCK { return .held }
    throw failure("cannot lock the file")
  }

  @inline(__always)
  static func unlock(_ file: Int32) { _ = flock(file, LOCK_UN) }

  /// Tells others that whoever has the lock of an open file may write to it, which a stranger with the lock need not. It holds until the file is
  /// closed.
  static func claim(_ file: Int32) { platform_claim(file) }

  /// Returns true if somebody else has claimed the file.
  static func isClaimed(_ file: Int32) -> Bool { platform_is_claimed(file) }
}
