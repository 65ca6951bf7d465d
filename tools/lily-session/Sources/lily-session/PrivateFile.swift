import Glibc

/// A file that only its user can read, and that is written as a whole: it gets its name when all of it is on the disk. No link is
/// followed, and nothing is written into a file that somebody else has put under the name.
struct PrivateFile {
  private let path: String

  /// Checks what is at the path. A regular file will be replaced; anything else is refused.
  init(_ path: String) throws {
    self.path = path
    var status = stat()
    guard lstat(path, &status) == 0 else {
      guard errno == ENOENT else { throw unwritable() }
      return
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFLNK ? "it is a symbolic link" : "it is not a regular file"
      throw Problem(Problem.unusable, "cannot write \(visible(path)): \(kind)", advice: "Name a file that does not exist yet.")
    }
  }

  func write(_ bytes: [UInt8]) throws {
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
    var template = Array("\(folder).lily-session-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)  // a new file: O_EXCL, and no link is followed
    guard descriptor >= 0 else { throw unwritable() }
    defer { close(descriptor) }
    do {
      // The umask may have taken rights from the file's user.
      guard fchmod(descriptor, 0o600) == 0 else { throw unwritable() }
      try writeAll(bytes, to: descriptor)
      guard fsync(descriptor) == 0, rename(template, path) == 0 else { throw unwritable() }
    } catch {
      unlink(template)
      throw error
    }
  }

  private func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw unwritable() }
      rest = rest.dropFirst(written)
    }
  }

  private func unwritable() -> Problem { Problem(Problem.unusable, "cannot write \(visible(path)): \(systemText())") }
}
