import CPlatform

/// Tells a file or a folder from all others while it is open. An inode's number is not used again before that.
struct FileIdentity: Equatable {
  let device: UInt64
  let inode: UInt64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }
}

/// A folder that is held open for the files in it. Journals whose files are in the same folder may share one.
final class Folder: @unchecked Sendable { // what changes is guarded by `exclusion`
  let descriptor: Int32
  let identity: FileIdentity
  /// Keeps those who share the folder apart; nil if it is not shared.
  private let exclusion: Exclusion?
  /// True if the folder's own name, and that of the folder above it, may be lost if the power fails.
  private var owesNames: Bool
  private var isJudged = false
  private var knownWeakness: Failure?

  /// - Parameter sharing: keeps those who share the folder apart. Nobody shares it if this is nil, and then it is not this library that made
  ///   it, so its name is not synced.
  init(_ descriptor: Int32, _ identity: FileIdentity, sharing exclusion: Exclusion? = nil) {
    self.descriptor = descriptor
    self.identity = identity
    self.exclusion = exclusion
    owesNames = exclusion != nil
  }

  deinit { Syscalls.closeFile(descriptor) }

  private func alone(_ body: () throws(Failure) -> Void) throws(Failure) {
    if let exclusion { try exclusion.run(body) } else { try body() }
  }

  /// Returns why others could exchange the folder's files, as `FolderOwners` does; nil if they could not.
  ///
  /// - Parameter anew: if false, a shared folder is judged once only, because a server opens a scope for each request.
  func weakness(_ path: UnsafePointer<CChar>, anew: Bool) -> Failure? {
    guard exclusion != nil else { return FolderOwners.weakness(of: descriptor, path) }
    var weakness: Failure?
    _ = try? alone { () throws(Failure) in
      if anew || !isJudged { knownWeakness = FolderOwners.weakness(of: descriptor, path) }
      isJudged = true
      weakness = knownWeakness
    }
    return weakness
  }

  /// Calls `body` with each name in the folder.
  func forEachName(_ body: (UnsafePointer<CChar>) -> Void) throws(Failure) {
    // The descriptor has one place from which names are read, so only one thread may read them.
    try alone { () throws(Failure) in try Syscalls.forEachName(in: descriptor, body) }
  }

  /// Makes the names in the folder survive power loss, and that by which the folder is found, if the library has made it.
  func sync() throws(Failure) {
    try Syscalls.syncDirectory(descriptor)
    try alone { () throws(Failure) in
      guard owesNames else { return }
      try Syscalls.syncDirectory(descriptor, "..")
      try Syscalls.syncDirectory(descriptor, "../..")
      owesNames = false
    }
  }
}
