import CPlatform

/// The path, and what it led to when it was last looked up: the folder and the file in it, both held open.
//
// The path counts, and it is looked up here alone: the folder by its own path, then the file's name in it. An inode's number cannot be used
// again while it is held open, so device and inode tell whether the path still leads to the same.
final class JournalPath {
  enum Named { case thisFile, another, nothing }
  enum Opened {
    /// The path has no file, or no folder.
    case nothing
    /// Another descriptor of the file that was open before.
    case same
    case another
    /// Another file, which this call has made.
    case made
  }

  private struct Identity: Equatable {
    var device: UInt64
    var inode: UInt64

    init(_ status: stat) {
      device = UInt64(status.st_dev)
      inode = UInt64(status.st_ino)
    }
  }

  let names: JournalNames
  private let readsOnly: Bool
  /// A folder whose files others could exchange is refused.
  private let wantsOwnFolder: Bool

  private(set) var directory: Int32 = -1
  /// Open for reading and, unless `isReadOnly`, for appending. -1: the path has no file, and nothing is read of one that it had.
  private(set) var file: Int32 = -1
  /// By the options, or because the system would not have it otherwise.
  private(set) var isReadOnly: Bool
  /// This handle has made the file, and nobody can have read anything in it yet.
  private(set) var isNewlyMade = false
  /// Something did not go as it should: the path has to be looked up before the file is used again.
  private(set) var isInDoubt = false
  /// Others have rights to the file that the file system would not let us take away.
  private(set) var isOpenToOthers = false
  /// Others could open the file until their rights were taken away. Whoever did may read on, and have it locked.
  private(set) var wasLoose = false
  private var folderIdentity: Identity?
  private var fileIdentity: Identity?

  init(_ names: JournalNames, readsOnly: Bool, wantsOwnFolder: Bool) {
    self.names = names
    self.readsOnly = readsOnly
    self.wantsOwnFolder = wantsOwnFolder
    isReadOnly = readsOnly
  }

  deinit {
    Syscalls.close(file)
    Syscalls.close(directory)
  }

  var isReadyForReading: Bool { file >= 0 && !isInDoubt }
  var isReadyForWriting: Bool { file >= 0 && !isReadOnly && !isInDoubt }

  /// Where the file is: the same for all who lead to the same folder.
  var place: Place {
    Place(device: folderIdentity?.device ?? 0, inode: folderIdentity?.inode ?? 0, name: [UInt8](cString: names.file))
  }

  /// Others could read the file, or exchange it. Asked anew each time: a folder's rights and owners may change.
  var isExposed: Bool { isOpenToOthers || wasLoose || directory >= 0 && FolderOwners.weakness(of: directory, names.directory) != nil }

  func doubt() { isInDoubt = true }

  /// Says what the path names now. A link in the file's place is another file.
  func lookUp() throws(Failure) -> Named {
    // While there is nothing, it is asked for without opening the folder, for which there may be no descriptor.
    if file < 0, Syscalls.isMissing(names.path) { return .nothing }
    guard try findFolder(), let there = try Syscalls.status(directory, names.file) else { return .nothing }
    guard file >= 0, Identity(there) == fileIdentity else { return .another }
    isInDoubt = false
    return .thisFile
  }

  /// Opens the folder that the path leads to now. Returns false if there is none.
  func findFolder() throws(Failure) -> Bool {
    guard let there = try Syscalls.statusOfFolder(names.directory) else { return false }
    if directory >= 0, Identity(there) == folderIdentity { return true }
    let opened = Syscalls.open(AT_FDCWD, names.directory, O_RDONLY | O_DIRECTORY)
    guard opened >= 0 else {
      if Syscalls.hasFoundNothing { return false }
      throw Syscalls.failure("cannot open").at(names.directory)
    }
    do throws(Failure) {
      if wantsOwnFolder, let weakness = FolderOwners.weakness(of: opened, names.directory) {
        isInDoubt = true // the path no longer leads to what was open
        throw weakness
      }
      folderIdentity = Identity(try Syscalls.status(opened))
    } catch {
      Syscalls.close(opened)
      throw error
    }
    if directory >= 0 { Syscalls.unlink(directory, names.temporary) } // the folder was moved during a rewriting
    Syscalls.close(directory)
    directory = opened
    fileIdentity = nil // the same file under another folder's name is opened anew: who knows whether that name is on the disk
    return true
  }

  /// Opens what the path names, and takes it for this journal's file. Where that fails, what was open stays open.
  ///
  /// - Parameter mustWrite: a file that may only be read is a failure.
  func open(create: Bool, mustWrite: Bool = false) throws(Failure) -> Opened {
    guard try findFolder() else {
      if create { throw Syscalls.failure("cannot open").at(names.directory) }
      return .nothing
    }
    var patience = Patience()
    while true {
      let (opened, onlyReads, isMade) = try openOnce(create, mustWrite)
      guard opened >= 0 else { return .nothing }
      do throws(Failure) {
        let status = try Syscalls.status(opened)
        if try isUsable(status) { return take(opened, status, onlyReads, isMade) }
      } catch {
        Syscalls.close(opened)
        throw error
      }
      Syscalls.close(opened) // it was renamed over in the meantime
      try patience.wait("the file is replaced again and again")
    }
  }

  private func take(_ opened: Int32, _ status: stat, _ onlyReads: Bool, _ isMade: Bool) -> Opened {
    let identity = Identity(status)
    let isSame = file >= 0 && identity == fileIdentity
    Syscalls.close(file)
    file = opened
    fileIdentity = identity
    isReadOnly = onlyReads
    isNewlyMade = isMade || isSame && isNewlyMade
    isInDoubt = false
    if !isSame { isOpenToOthers = false }
    wasLoose = !onlyReads && !isMade && Syscalls.isMarked(status)
    return isSame ? .same : isMade ? .made : .another
  }

  private func openOnce(_ create: Bool, _ mustWrite: Bool) throws(Failure) -> (file: Int32, onlyReads: Bool, isMade: Bool) {
    // O_NONBLOCK: a FIFO must not make us wait. O_NOFOLLOW: the rename of a compaction would replace the link.
    let flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
    if readsOnly {
      let opened = Syscalls.open(directory, names.file, O_RDONLY | flags)
      if opened < 0, platform_errno() != ENOENT { throw Syscalls.failure("cannot open").at(names.path) }
      return (opened, true, false)
    }
    var isMade = false
    var opened = Syscalls.open(directory, names.file, O_RDWR | O_APPEND | flags)
    if opened < 0, platform_errno() == ENOENT {
      guard create else { return (-1, false, false) }
      // Exclusively, to know who has made it. Somebody else may be faster.
      opened = Syscalls.open(directory, names.file, O_RDWR | O_APPEND | O_CREAT | O_EXCL | flags, 0o600)
      isMade = opened >= 0
      if opened < 0, platform_errno() == EEXIST { opened = Syscalls.open(directory, names.file, O_RDWR | O_APPEND | flags) }
    }
    if opened >= 0 { return (opened, false, isMade) }
    var code = platform_errno()
    if code == EACCES, Syscalls.rescue(directory, names.file) {
      opened = Syscalls.open(directory, names.file, O_RDWR | O_APPEND | flags)
      if opened >= 0 { return (opened, false, false) }
      code = platform_errno()
    }
    let failure = Syscalls.failure("cannot open", errno: code).at(names.path)
    // A file that may only be read is read.
    guard !mustWrite, code == EACCES || code == EROFS || code == EPERM else { throw failure }
    let readable = Syscalls.open(directory, names.file, O_RDONLY | flags)
    guard readable >= 0 else { throw failure }
    return (readable, true, false)
  }

  /// Returns true if the file may be used, and false if it is no longer in any directory. Throws for what is not ours, which is not touched.
  private func isUsable(_ status: stat) throws(Failure) -> Bool {
    guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG) else { throw Failure(.refused, "the path names no regular file").at(names.path) }
    guard status.st_uid == Syscalls.effectiveUser() else { throw Failure(.refused, "the file is another user's").at(names.path) }
    if status.st_nlink == 0 { return false }
    guard status.st_nlink == 1 else { throw Failure(.refused, "the file has a second hard link").at(names.path) }
    guard Int64(status.st_size) <= JournalHeader.fileLimit else { throw Failure(.refused, "the file is larger than 4 GiB").at(names.path) }
    return true
  }

  /// The path has no file, so the folder is not held open: its end would not be told to who watches it.
  func releaseFolder() {
    Syscalls.close(directory)
    directory = -1
  }

  /// The path has no file. Nothing may read what the one before holds.
  func drop() {
    Syscalls.close(file)
    file = -1
    fileIdentity = nil
    isReadOnly = readsOnly
    isOpenToOthers = false
    wasLoose = false
  }

  /// The file has a header.
  func begun() { isNewlyMade = false }

  /// A new file of ours has been renamed into place.
  func replace(by new: Int32, isPrivate: Bool) {
    isNewlyMade = false
    Syscalls.close(file)
    file = new
    fileIdentity = (try? Syscalls.status(new)).map(Identity.init)
    isOpenToOthers = !isPrivate
    wasLoose = false
  }

  /// The file is marked: others could open it, before this handle did or since.
  func noteMark() { wasLoose = true }

  /// Takes the rights of others to the file away, if it is ours to write.
  func makePrivate() {
    if !isReadOnly { isOpenToOthers = !Syscalls.makePrivate(file) }
  }

  /// Does that only where others have some, and marks the file: it was not made by us so, and holds what is nobody else's.
  func tighten() {
    guard !isReadOnly, let status = try? Syscalls.status(file), status.st_mode & 0o077 != 0 else { return }
    isOpenToOthers = !Syscalls.makePrivateAndMark(file)
    wasLoose = true
  }
}
