import CPlatform

/// The path, and what it led to when it was last looked up: the folder and the file in it. Both are held open.
//
// The path decides which file is the journal. It is looked up only here: the folder by its own path, then the file's name in it. An inode's
// number is not used again while the inode is held open, so device and inode tell whether the path still leads to the same file.
final class JournalPath {
  enum Named { case thisFile, another, nothing }
  enum Opened {
    /// The path has no file, or no folder.
    case nothing
    /// The file is the one that was open before, with another descriptor.
    case same
    case another
    /// The file is another one, which this call has made.
    case made
  }

  let names: JournalNames
  private let readsOnly: Bool
  /// True if a folder whose files others could exchange is refused.
  private let wantsOwnFolder: Bool
  /// Where the file is, if it is that of a scope: in the folder with this number.
  private let scope: (folders: ScopeFolders, number: Int)?

  private var folder: Folder?
  var directory: Int32 { folder?.descriptor ?? -1 }
  /// The file, open for reading and, unless `isReadOnly`, for appending. It is -1 if the path has no file; then no former file is used either.
  private(set) var file: Int32 = -1
  private(set) var isReadOnly: Bool { didSet { chooseLinksThatCount() } } // by the options, or because the system allows no writing
  /// True if this handle has made the file, and has not begun it yet.
  private(set) var isNewlyMade = false
  /// True if something went wrong, so that the path must be looked up before the file is used again.
  private(set) var isInDoubt = false
  /// True if this handle keeps the file's lock as long as it has the file open.
  private(set) var isLockedForGood = false { didSet { isReadAlone = false } }
  /// True if all of the file has been read since then, so that nobody else can have stored anything in it.
  private(set) var isReadAlone = false
  /// True if others have rights to the file that the file system did not let us take away.
  private(set) var isOpenToOthers = false { didSet { chooseLinksThatCount() } }
  /// True if others could open the file before their rights were taken away. Whoever did may still read it, and have it locked.
  private(set) var wasLoose = false
  /// True if others had rights to the file when it was opened.
  private(set) var wasOpenedLoose = false
  /// The bits of the count of links that call for an action. Rights that cannot be taken away call for none.
  private(set) var linksThatCount = ~UInt32(0)
  private var fileIdentity: FileIdentity?
  private(set) var blockSize: Int64 = 4096 // the file has room up to a multiple of this power of two

  init(_ names: JournalNames, readsOnly: Bool, wantsOwnFolder: Bool, scope: (folders: ScopeFolders, number: Int)?) {
    self.names = names
    self.scope = scope
    self.readsOnly = readsOnly
    self.wantsOwnFolder = wantsOwnFolder
    isReadOnly = readsOnly
    chooseLinksThatCount()
  }

  deinit { Syscalls.closeFile(file) }

  var isReadyForReading: Bool { file >= 0 && !isInDoubt }
  var isReadyForWriting: Bool { file >= 0 && !isReadOnly && !isInDoubt }

  /// Where the file is, or would be. All paths that lead to the same folder now have the same place. While there is no folder, only the path
  /// itself tells.
  var place: Place {
    guard let found = try? Syscalls.statusOfFolder(names.directory) else { return Place(device: 0, inode: 0, name: [UInt8](cString: names.path)) }
    let folder = FileIdentity(found)
    return Place(device: folder.device, inode: folder.inode, name: [UInt8](cString: names.file))
  }

  /// Returns true if others could read or exchange the file. `anew` is as in `Folder.weakness`: a folder's rights and owners may change.
  func isExposed(anew: Bool) -> Bool { isOpenToOthers || wasLoose || folder?.weakness(names.directory, anew: anew) != nil }

  func doubt() { isInDoubt = true }

  /// This handle has the lock of the file that is open, and keeps it.
  func lockedForGood() {
    guard !isLockedForGood else { return }
    Syscalls.claim(file)
    isLockedForGood = true
  }

  /// The file has been read to its end under the lock, or something may be there behind the last line.
  func isReadToEnd(_ isWhole: Bool) { isReadAlone = isLockedForGood && isWhole }

  /// Returns what the path names now. A link in the file's place is another file.
  func lookUp() throws(Failure) -> Named {
    if file < 0, Syscalls.isMissing(names.path) { return .nothing } // no folder is opened, because there may be no descriptor left
    guard try findFolder(), let there = try Syscalls.status(directory, names.file) else { return .nothing }
    guard file >= 0, FileIdentity(there) == fileIdentity else { return .another }
    isInDoubt = false
    return .thisFile
  }

  /// Returns true if this name in the folder leads to an open file.
  func leads(_ name: UnsafePointer<CChar>, to opened: Int32) -> Bool {
    guard let there = (try? Syscalls.status(directory, name)) ?? nil, let status = try? Syscalls.status(opened) else { return false }
    return FileIdentity(there) == FileIdentity(status)
  }

  /// Opens the folder that the path leads to now. Returns false if it leads to no folder.
  ///
  /// - Parameter create: if true, makes a missing folder of a scope. Other folders are the program's to make.
  func findFolder(create: Bool = false) throws(Failure) -> Bool {
    let found = try Syscalls.statusOfFolder(names.directory)
    if let folder, folder.identity == found.map(FileIdentity.init) { return true }
    // If a name in a scope's path is no folder, this says so.
    guard found != nil || create || scope != nil && !Syscalls.hasFoundNoName, let opened = try openFolder(found, create) else { return false }
    if wantsOwnFolder, let weakness = opened.weakness(names.directory, anew: true) {
      isInDoubt = true // the path no longer leads to what was open
      throw weakness
    }
    if folder != nil { Syscalls.removeName(directory, names.temporary) } // the folder was moved during a rewriting
    folder = opened
    fileIdentity = nil // the same file in another folder is opened anew, because its name there may not be on the disk yet
    return true
  }

  private func openFolder(_ found: stat?, _ create: Bool) throws(Failure) -> Folder? {
    if let scope { return try scope.folders.folder(scope.number, found, create: create) }
    let opened = Syscalls.openFile(AT_FDCWD, names.directory, O_RDONLY | O_DIRECTORY)
    guard opened >= 0 else {
      if Syscalls.hasFoundNothing { return nil }
      throw Syscalls.failure("cannot open").at(names.directory)
    }
    do throws(Failure) { return Folder(opened, FileIdentity(try Syscalls.status(opened))) } catch {
      Syscalls.closeFile(opened)
      throw error
    }
  }

  /// Returns the mark of clears of the folder of a scope's file; 0 if there is no folder.
  ///
  /// - Parameter changing: if true, changes the mark first. Makes a missing folder then: a session may have failed to make it, and try again.
  func markOfFolder(changing: Bool = false) throws(Failure) -> UInt64 {
    guard try findFolder(create: changing), let folder else { return 0 }
    return try freeingDescriptors { () throws(Failure) in changing ? try folder.changeMark() : try folder.mark() }
  }

  /// Makes the names of the files survive power loss.
  func syncFolder() throws(Failure) { try folder?.sync() }

  /// Calls `body` with each name in the folder.
  func forEachName(_ body: (UnsafePointer<CChar>) -> Void) throws(Failure) { try folder?.forEachName(body) }

  /// Opens the file that the path names, which becomes this journal's. If that fails, the file that was open stays open.
  ///
  /// - Parameter mustWrite: if true, throws for a file that may only be read.
  func openFile(create: Bool, mustWrite: Bool = false) throws(Failure) -> Opened {
    try freeingDescriptors { () throws(Failure) in try openFound(create, mustWrite) }
  }

  /// Does something again without the folders that no scope uses, if it has found no descriptor left.
  private func freeingDescriptors<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    do throws(Failure) { return try body() } catch {
      guard let scope, error.hasNoDescriptor else { throw error }
      scope.folders.closeFolders()
      return try body()
    }
  }

  private func openFound(_ create: Bool, _ mustWrite: Bool) throws(Failure) -> Opened {
    guard try findFolder(create: create) else {
      if create { throw Syscalls.failure("cannot open").at(names.directory) }
      return .nothing
    }
    var patience = Patience()
    while true {
      let (opened, onlyReads, isMade) = try openOnce(create, mustWrite)
      guard opened >= 0 else { return .nothing }
      do throws(Failure) {
        let status = try Syscalls.status(opened)
        if try isUsable(status) { return keepOpened(opened, status, onlyReads, isMade) }
      } catch {
        Syscalls.closeFile(opened)
        throw error
      }
      Syscalls.closeFile(opened) // another file was renamed over it meanwhile
      try patience.keepWaiting("the file is replaced again and again")
    }
  }

  private func keepOpened(_ opened: Int32, _ status: stat, _ onlyReads: Bool, _ isMade: Bool) -> Opened {
    let identity = FileIdentity(status)
    let isSame = file >= 0 && identity == fileIdentity
    Syscalls.closeFile(file)
    isLockedForGood = false
    file = opened
    fileIdentity = identity
    blockSize = status.st_blksize == 1024 || status.st_blksize == 2048 ? Int64(status.st_blksize) : 4096
    isReadOnly = onlyReads
    isNewlyMade = isMade || isSame && isNewlyMade
    isInDoubt = false
    if !isSame { isOpenToOthers = false }
    wasOpenedLoose = status.st_mode & 0o077 != 0
    wasLoose = !onlyReads && !isMade && Syscalls.isMarked(status)
    return isSame ? .same : isMade ? .made : .another
  }

  private func openOnce(_ create: Bool, _ mustWrite: Bool) throws(Failure) -> (file: Int32, onlyReads: Bool, isMade: Bool) {
    // O_NONBLOCK, so that a FIFO does not make us wait. O_NOFOLLOW, because the rename of a compaction would replace a link.
    let flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
    if readsOnly {
      let opened = Syscalls.openFile(directory, names.file, O_RDONLY | flags)
      if opened < 0, platform_errno() != ENOENT { throw whyNotOpened(platform_errno()) }
      return (opened, true, false)
    }
    var isMade = false
    var opened = Syscalls.openFile(directory, names.file, O_RDWR | O_APPEND | flags)
    if opened < 0, platform_errno() == ENOENT {
      guard create else { return (-1, false, false) }
      // O_EXCL tells whether this call has made the file, as somebody else may be faster.
      opened = Syscalls.openFile(directory, names.file, O_RDWR | O_APPEND | O_CREAT | O_EXCL | flags, 0o600)
      isMade = opened >= 0
      if opened < 0, platform_errno() == EEXIST { opened = Syscalls.openFile(directory, names.file, O_RDWR | O_APPEND | flags) }
    }
    if opened >= 0 { return (opened, false, isMade) }
    var code = platform_errno()
    if code == EACCES, Syscalls.rescue(directory, names.file) {
      opened = Syscalls.openFile(directory, names.file, O_RDWR | O_APPEND | flags)
      if opened >= 0 { return (opened, false, false) }
      code = platform_errno()
    }
    let failure = whyNotOpened(code)
    // If the file may only be read, it is opened for reading.
    guard !mustWrite, code == EACCES || code == EROFS || code == EPERM else { throw failure }
    let readable = Syscalls.openFile(directory, names.file, O_RDONLY | flags)
    guard readable >= 0 else { throw failure }
    return (readable, true, false)
  }

  private func whyNotOpened(_ code: Int32) -> Failure {
    // The folder is open already, so only the file itself can be a link here.
    if code == ELOOP { return Failure(.refused, "the file is a symbolic link; use the path that it leads to").at(names.path) }
    return Syscalls.failure("cannot open", errno: code).at(names.path)
  }

  /// Returns true if the file may be used, and false if it is no longer in any directory. Throws for a file that is not ours, which is not
  /// touched.
  private func isUsable(_ status: stat) throws(Failure) -> Bool {
    guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG) else { throw Failure(.refused, "not a regular file").at(names.path) }
    guard status.st_uid == Syscalls.effectiveUser() else { throw Failure(.refused, "another user owns the file").at(names.path) }
    if status.st_nlink == 0 { return false }
    guard status.st_nlink == 1 else { throw Failure(.refused, "the file has a second hard link").at(names.path) }
    guard Int64(status.st_size) <= JournalHeader.fileLimit else { throw Failure(.refused, "the file is larger than 4 GiB").at(names.path) }
    return true
  }

  /// Closes the folder, because the path has no file. A folder that is held open would not report its own removal to the watch.
  func releaseFolder() { folder = nil }

  /// Closes the file, because the path has none any more. Nothing may read what it holds.
  func forgetFile() {
    Syscalls.closeFile(file)
    file = -1
    isLockedForGood = false
    fileIdentity = nil
    isReadOnly = readsOnly
    isOpenToOthers = false
    wasLoose = false
  }

  /// The file has a header.
  func begun() { isNewlyMade = false }

  /// A new file of this handle has been renamed to the path.
  func replace(by new: Int32, isPrivate: Bool) {
    isNewlyMade = false
    Syscalls.closeFile(file)
    file = new
    if isLockedForGood { Syscalls.claim(new) }
    fileIdentity = (try? Syscalls.status(new)).map(FileIdentity.init)
    isOpenToOthers = !isPrivate
    wasLoose = false
  }

  private func chooseLinksThatCount() {
    linksThatCount = isReadOnly ? ~(Syscalls.looseMark | Syscalls.openToOthers) : isOpenToOthers ? ~Syscalls.openToOthers : ~0
  }

  /// Takes away the rights of others to the file, unless it is read only. A marked file is private already, and keeps its mark.
  func makePrivate() {
    if !isReadOnly, !wasLoose { isOpenToOthers = !Syscalls.makePrivate(file) }
  }

  /// Takes away the rights of others, if they have any, and marks the file as one that others could open.
  func tighten() {
    guard !isReadOnly, let status = try? Syscalls.status(file), status.st_mode & 0o077 != 0 else { return }
    let isPrivate = Syscalls.makePrivateAndMark(file)
    isOpenToOthers = !isPrivate
    if isPrivate { wasLoose = true } // otherwise a new file would not help, because others could open that, too
  }

  /// Does so if the bits beside the count of links tell of such rights. If they tell of the mark, others could open the file.
  func noteMarks(_ links: UInt32) {
    if links & Syscalls.openToOthers != 0 { tighten() }
    if links & Syscalls.looseMark != 0 { wasLoose = true }
  }
}
