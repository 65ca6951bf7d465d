import CPlatform

/// Everything that is asked of the kernel, with EINTR retried and errno turned into a failure. The files
/// `Syscalls*.swift` are the only ones that call it.
enum Syscalls {
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

  /// The last call failed because there is nothing at the path.
  static var hasFoundNothing: Bool { platform_errno() == ENOENT || platform_errno() == ENOTDIR }

  /// The last call failed because a name in the path is missing, and not because one is no folder.
  static var hasFoundNoName: Bool { platform_errno() == ENOENT }

  /// The last call failed because this user may not do it, or because it is a link.
  static var isForbidden: Bool { [EACCES, EPERM, ELOOP].contains(platform_errno()) }

  /// The last call failed because there is something at the path.
  static var hasFoundSomething: Bool { platform_errno() == EEXIST }

  /// The answer of a call that is made again as long as a signal interrupts it.
  @inline(__always)
  private static func retried<R: SignedInteger>(_ call: () -> R) -> R {
    while true {
      let answer = call()
      if answer != -1 || platform_errno() != EINTR { return answer }
    }
  }

  // MARK: files

  /// Opens a file; -1 where that fails, with errno.
  static func open(_ directory: Int32, _ path: UnsafePointer<CChar>, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
    aboveStandard(retried { platform_openat(directory, path, flags | O_CLOEXEC, mode) })
  }

  /// Moves a new descriptor out of the way of standard input, output and error. In a program that was started with those closed it
  /// would be one of them, and what the program prints would land in the file.
  static func aboveStandard(_ descriptor: Int32) -> Int32 {
    guard (0...2).contains(descriptor) else { return descriptor }
    let copy = platform_copy_above_standard(descriptor)
    let code = platform_errno()
    close(descriptor)
    platform_set_errno(code)
    return copy
  }

  static func close(_ file: Int32) {
    if file >= 0 { _ = CPlatform.close(file) }
  }

  static func status(_ file: Int32) throws(Failure) -> stat {
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("the file cannot be examined") }
    return status
  }

  /// Returns the status of a name in a directory; nil if there is nothing of this name. A link is not followed.
  static func status(_ directory: Int32, _ name: UnsafePointer<CChar>) throws(Failure) -> stat? {
    var status = stat()
    if fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
    if platform_errno() == ENOENT { return nil }
    throw failure("the path cannot be looked up")
  }

  /// Returns the status of what a path leads to, through links; nil if it leads nowhere.
  static func statusOfFolder(_ path: UnsafePointer<CChar>) throws(Failure) -> stat? {
    var status = stat()
    if fstatat(AT_FDCWD, path, &status, 0) == 0 { return status }
    if hasFoundNothing { return nil }
    throw failure("the directory cannot be looked up")
  }

  /// Returns true if the path leads to nothing.
  static func isMissing(_ path: UnsafePointer<CChar>) -> Bool {
    var status = stat()
    return fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) != 0 && hasFoundNothing
  }

  /// `links` is 1 for a file that has one name and is not marked as loose.
  typealias SizeAndLinks = (size: Int64, links: UInt32)

  /// What is set in the count of a file's links if it is marked as one that others could open.
  static let looseMark: UInt32 = PLATFORM_STICKY

  @inline(__always)
  static func sizeAndLinks(_ file: Int32) throws(Failure) -> SizeAndLinks {
    var size: Int64 = 0
    var links: UInt32 = 0
    guard platform_size_and_links(file, &size, &links) == 0 else { throw failure("the file cannot be examined") }
    return (size, links)
  }

  /// `count` bytes, or those that there are before the end of the file.
  static func read(_ file: Int32, _ into: UnsafeMutablePointer<UInt8>, _ count: Int, at offset: Int64) throws(Failure) -> Int {
    var done = 0
    while done < count {
      let got = retried { pread(file, into + done, count &- done, off_t(offset &+ Int64(done))) }
      guard got >= 0, got <= count &- done else { throw failure("the file cannot be read") }
      if got == 0 { break }
      done &+= got
    }
    return done
  }

  /// Returns where the next bytes are that are not in a hole: at least `offset`, Int64.max if only a hole follows.
  static func nextData(_ file: Int32, from offset: Int64) -> Int64 {
    let found = platform_next_data(file, offset)
    if found >= 0 { return max(found, offset) }
    return platform_errno() == ENXIO ? Int64.max : offset // a file system that does not know says nothing of holes
  }

  /// All of it, by one write where the kernel takes it whole. Throws after part of it too.
  @inline(__always)
  static func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer) throws(Failure) {
    let put = CPlatform.write(file, bytes.baseAddress, bytes.count)
    if put != bytes.count { try write(file, bytes, after: put) }
  }

  /// `answer`: what the first write came to.
  @inline(never)
  private static func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer, after answer: Int) throws(Failure) {
    var rest = bytes
    var put = answer
    while true {
      if put < 0, platform_errno() == EINTR { put = 0 } else {
        guard put > 0, put <= rest.count else {
          throw put == 0 ? Failure(.io, "the file cannot be written") : failure("the file cannot be written")
        }
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[put...])
      if rest.isEmpty { return }
      put = CPlatform.write(file, rest.baseAddress, rest.count)
    }
  }

  /// Lets `overwrite` work on a file that is open for appending, where Linux appends whatever the place.
  ///
  /// - Returns: what `body` threw, and false if the descriptor cannot be made to append again: what is written to it next would land anywhere.
  static func withoutAppending(
    _ file: Int32, _ body: () throws(Failure) -> Void
  ) throws(Failure) -> (failure: Failure?, appendsAgain: Bool) {
    guard platform_set_appending(file, false) else { throw failure("the file cannot be overwritten") }
    var failed: Failure?
    do throws(Failure) { try body() } catch { failed = error }
    return (failed, platform_set_appending(file, true))
  }

  /// Overwrites bytes within the file.
  static func overwrite(_ file: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) {
    var done = 0
    while done < bytes.count {
      let put = retried { pwrite(file, bytes.baseAddress.map { $0 + done }, bytes.count &- done, off_t(offset &+ Int64(done))) }
      guard put > 0, put <= bytes.count &- done else { throw failure("the file cannot be overwritten") }
      done &+= put
    }
  }

  static func truncate(_ file: Int32, to size: Int64) -> Bool {
    retried { ftruncate(file, off_t(size)) } == 0
  }

  /// Blocks past the end, so that writing there cannot meet a full disk. File systems that cannot do it are left at that.
  static func allocate(_ file: Int32, from offset: Int64, _ count: Int64) throws(Failure) {
    if retried({ platform_fallocate_keep_size(file, offset, count) }) == 0 { return }
    let code = platform_errno()
    if code == ENOSPC || code == EDQUOT || code == EFBIG { throw failure("the file cannot grow", errno: code) }
  }

  static func sync(data file: Int32) throws(Failure) {
    guard fdatasync(file) == 0 else { throw failure("the disk did not take the data") }
  }

  static func sync(_ file: Int32) throws(Failure) {
    guard fsync(file) == 0 else { throw failure("the disk did not take the data") }
  }

  /// Syncs the names in a directory. A file system that says that it has no such thing has nothing to sync.
  static func sync(directory: Int32) throws(Failure) {
    if fsync(directory) == 0 { return }
    let code = platform_errno()
    if code != EINVAL, code != ENOTSUP { throw failure("the disk did not take the data", errno: code) }
  }

  /// Makes the file its owner's alone, mode 0600. Returns false where others have rights that the file system does not let us take.
  static func makePrivate(_ file: Int32) -> Bool {
    if fchmod(file, 0o600) == 0 { return true }
    var status = stat()
    return fstat(file, &status) == 0 && status.st_mode & 0o077 == 0
  }

  /// Takes others' rights to a file away, and marks it by the sticky bit, which means nothing to Linux in a file: others could open it,
  /// and whoever did may have it locked. Returns false where the file system does not let us.
  static func makePrivateAndMark(_ file: Int32) -> Bool { fchmod(file, 0o600 | mode_t(S_ISVTX)) == 0 || makePrivate(file) }

  /// Returns true if a file is marked so.
  static func isMarked(_ status: stat) -> Bool { status.st_mode & mode_t(S_ISVTX) != 0 }

  /// Gives a file of this user its mode that died, with the process that made it, before it had any: it is empty, and not even its owner
  /// may open it. Returns false if it is no such file.
  static func rescue(_ directory: Int32, _ name: UnsafePointer<CChar>) -> Bool {
    let path = open(directory, name, platform_o_path | O_NOFOLLOW)
    defer { close(path) }
    guard path >= 0, let found = try? status(path), found.st_mode & mode_t(S_IFMT | 0o400) == mode_t(S_IFREG), found.st_size == 0,
      found.st_uid == effectiveUser(), found.st_nlink == 1
    else { return false }
    return platform_chmod_opened(path, 0o600) == 0
  }

  static func rename(_ directory: Int32, _ from: UnsafePointer<CChar>, _ to: UnsafePointer<CChar>) throws(Failure) {
    guard renameat(directory, from, directory, to) == 0 else { throw failure("the file cannot be renamed") }
  }

  /// Removes a file's name.
  ///
  /// - Returns: true if there is no file of ours of this name by now. What is another user's, or no regular file, is left alone.
  @discardableResult
  static func unlink(_ directory: Int32, _ name: UnsafePointer<CChar>) -> Bool {
    if unlinkat(directory, name, 0) == 0 || platform_errno() == ENOENT { return true }
    let code = platform_errno() // a file system that may only be read says so, whether there is something of this name or not
    var found = stat()
    if fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0 { return hasFoundNothing }
    platform_set_errno(code)
    return found.st_uid != effectiveUser() || found.st_mode & mode_t(S_IFMT) != mode_t(S_IFREG)
  }

  // MARK: locks

  enum Lock { case taken, held }

  @inline(__always)
  static func tryLock(_ file: Int32) throws(Failure) -> Lock {
    if retried({ flock(file, LOCK_EX | LOCK_NB) }) == 0 { return .taken }
    if platform_errno() == EWOULDBLOCK { return .held }
    throw failure("the file cannot be locked")
  }

  @inline(__always)
  static func unlock(_ file: Int32) { _ = flock(file, LOCK_UN) }
}
