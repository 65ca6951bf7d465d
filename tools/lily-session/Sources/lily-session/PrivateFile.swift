import Glibc

/// A file that only its user can read, and that is written as a whole: it gets its name when all of it is on the disk. No link is
/// followed, and nothing is written into a file that somebody else has put under the name.
struct PrivateFile {
  private let path: String

  /// Checks what is at the path. A regular file will be replaced; anything else is refused, and so are the files at `sources`, under whatever
  /// path they are named.
  init(_ path: String, besides sources: [String]) throws {
    self.path = path
    guard !sources.contains(where: { PrivateFile.isSameFile(path, $0) }) else {
      throw Problem(
        Problem.usage, "cannot write \(visible(path)): it is the store itself", advice: "Name another file; the store was not changed.")
    }
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

  /// Returns true if both paths name one file, or one name in the same folder, under which a store may be a new file at any moment.
  private static func isSameFile(_ one: String, _ other: String) -> Bool {
    func identity(_ path: String) -> (dev_t, ino_t)? {
      var status = stat()
      return stat(path, &status) == 0 ? (status.st_dev, status.st_ino) : nil
    }
    if let file = identity(one), let second = identity(other), file == second { return true }
    let (first, second) = (parts(one), parts(other))
    guard first.name.utf8.elementsEqual(second.name.utf8), let folder = identity(first.folder + ".") else { return false }
    return identity(second.folder + ".").map { $0 == folder } ?? false
  }

  /// Splits a path behind its last slash. The folder is empty if there is none. A slash and a mark behind it may be one character.
  private static func parts(_ path: String) -> (folder: String, name: String) {
    let name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path.utf8.index(after: $0) } ?? path.startIndex
    return (String(path[..<name]), String(path[name...]))
  }

  /// - Parameter body: writes the contents, a piece at a time, by the function that it is given.
  func write(_ body: (@escaping (String) throws -> Void) throws -> Void) throws {
    guard let name = strdup("\(PrivateFile.parts(path).folder).lily-session-XXXXXX") else { throw unwritable() }
    Remains.removeIfEnded(name)
    let descriptor = mkstemp(name)  // a new file: O_EXCL, and no link is followed
    guard descriptor >= 0 else { throw unwritable() }
    defer { close(descriptor) }
    do {
      // The umask may have taken rights from the file's user.
      guard fchmod(descriptor, 0o600) == 0 else { throw unwritable() }
      try body { try writeAll(Array($0.utf8), to: descriptor) }
      guard fsync(descriptor) == 0, rename(name, path) == 0 else { throw unwritable() }
    } catch {
      unlink(name)
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
