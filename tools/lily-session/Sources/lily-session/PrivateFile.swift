import Glibc

/// A file that only its user can read, written as a whole: it gets its name when all of it is on the disk. No link is followed, and what
/// somebody else has put under the name is not written into.
struct PrivateFile {
  private let path: String

  /// Checks what is there already: a regular file is replaced, anything else is refused.
  init(_ path: String) throws {
    self.path = path
    var status = stat()
    guard lstat(path, &status) == 0 else {
      guard errno == ENOENT else { throw PrivateFile.failure(path) }
      return
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFLNK ? "a symbolic link" : "no regular file"
      throw Problem(Problem.unusable, "\(visible(path)) is \(kind), so nothing was written", advice: "Name a file that is not there yet.")
    }
  }

  func write(_ bytes: [UInt8]) throws {
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
    var template = Array("\(folder).lily-session-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)  // a new file: O_EXCL, and no link is followed
    guard descriptor >= 0 else { throw PrivateFile.failure(path) }
    defer { close(descriptor) }
    do {
      // Whatever the umask has left of the mode.
      guard fchmod(descriptor, 0o600) == 0 else { throw PrivateFile.failure(path) }
      try fill(descriptor, bytes)
      guard fsync(descriptor) == 0, rename(template, path) == 0 else { throw PrivateFile.failure(path) }
    } catch {
      unlink(template)
      throw error
    }
  }

  private func fill(_ descriptor: Int32, _ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw PrivateFile.failure(path) }
      rest = rest.dropFirst(written)
    }
  }

  private static func failure(_ path: String) -> Problem {
    Problem(Problem.unusable, "\(visible(path)) cannot be written (\(String(cString: strerror(errno))))")
  }
}
