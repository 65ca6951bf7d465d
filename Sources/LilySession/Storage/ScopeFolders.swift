import CPlatform

/// The folders of a storage whose scopes are files: `<file>.d`, and in it up to 256 folders, one for each beginning of a check of a scope's
/// name. The handle of the storage and those of its scopes hold each of them open at most once, however many scopes there are.
final class ScopeFolders: @unchecked Sendable { // all that changes is guarded by `exclusion`
  static var count: Int { 256 }

  /// Keeps the threads apart that look for a folder. A journal takes it after its own lock.
  private let exclusion: Exclusion
  /// The path of `<file>.d`.
  let path: [CChar]
  private var folders: [Folder?] = []
  /// The folder with which the next sweep begins, or nil if there was none. The first one begins anywhere, so that handles that are opened
  /// for one sweep each reach all folders, too.
  private var sweepsFrom: Int?

  init(beside file: JournalNames, after exclusion: Exclusion) {
    self.exclusion = Exclusion(after: exclusion)
    path = ScopeFolders.path(beside: file)
  }

  /// Returns the path of the folder for the scopes of a file, as a C string.
  static func path(beside file: JournalNames) -> [CChar] {
    [UInt8](cString: file.path).map { CChar(bitPattern: $0) } + [0x2E, 0x64, 0] // ".d"
  }

  /// Returns the names for a file in a folder.
  func names(_ folder: Int, _ file: [UInt8]) throws(Failure) -> JournalNames {
    let whole = ByteBuffer(capacity: path.count &+ file.count &+ 4)
    path.dropLast().withUnsafeBytes { whole.append($0) }
    whole.append(UInt8(ascii: "/"))
    whole.append(hex: UInt64(folder), digits: 2)
    whole.append(UInt8(ascii: "/"))
    file.withUnsafeBytes { whole.append($0) }
    return try JournalNames.make(absolute: whole.bytes)
  }

  private func path(of folder: Int) -> [CChar] { Array(path.dropLast()) + [0x2F] + ScopeFileName.folderName(folder) }

  /// Returns a folder that the caller has just found at this place, held open. Others have no rights to it.
  ///
  /// - Parameters:
  ///   - found: what the folder's path leads to; nil if it leads to nothing.
  ///   - create: if true, makes a missing folder.
  /// - Returns: nil if there is no folder.
  func folder(_ number: Int, _ found: stat?, create: Bool) throws(Failure) -> Folder? {
    try exclusion.run { () throws(Failure) in
      if folders.isEmpty { forgetFolders() }
      guard folders.indices.contains(number) else { return nil }
      if let known = folders[number], let found, known.identity == FileIdentity(found), found.st_mode & 0o077 == 0 { return known }
      folders[number] = nil
      let opened: Folder?
      do throws(Failure) { opened = try open(number, create) } catch {
        guard error.hasNoDescriptor else { throw error }
        forgetFolders()
        opened = try open(number, create)
      }
      folders[number] = opened
      return opened
    }
  }

  private func open(_ number: Int, _ create: Bool) throws(Failure) -> Folder? {
    guard let (above, _) = try enter(AT_FDCWD, path, create) else { return nil }
    defer { Syscalls.closeFile(above) }
    guard let (opened, identity) = try enter(above, ScopeFileName.folderName(number), create) else { return nil }
    return Folder(opened, identity, sharing: Exclusion(after: exclusion))
  }

  /// Closes the folders that no scope has in use, because there is no descriptor left. They are opened again when they are needed.
  func closeFolders() { _ = try? exclusion.run { () throws(Failure) in forgetFolders() } }

  private func forgetFolders() { folders = [Folder?](repeating: nil, count: ScopeFolders.count) }

  /// Returns the names of the files that are in a folder now.
  func names(in number: Int) throws(Failure) -> [[UInt8]] {
    guard let found = try Syscalls.statusOfFolder(path(of: number)) else { return [] }
    var names: [[UInt8]] = []
    try folder(number, found, create: false)?.forEachName { names.append([UInt8](cString: $0)) }
    return names
  }

  /// Makes the names in a folder survive power loss.
  func sync(_ number: Int) throws(Failure) { try folder(number, try Syscalls.statusOfFolder(path(of: number)), create: false)?.sync() }

  func firstToSweep() throws(Failure) -> Int {
    if let known = try exclusion.run({ () throws(Failure) in sweepsFrom }) { return known }
    return Int(truncatingIfNeeded: try Syscalls.randomNumber()) & 0xFF
  }
  func sweepNext(from number: Int) throws(Failure) { try exclusion.run { () throws(Failure) in sweepsFrom = number } }

  /// Opens a folder of this user's, and takes others' rights to it away. Returns nil if there is none.
  private func enter(_ above: Int32, _ name: [CChar], _ create: Bool) throws(Failure) -> (Int32, FileIdentity)? {
    // Links are not followed, because somebody who could place one would decide where users' sessions are.
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    var opened = Syscalls.openFile(above, name, flags)
    if opened < 0, create, Syscalls.hasFoundNoName {
      switch Syscalls.enterFolder(above, name) {
      case .entered(let made): Syscalls.closeFile(made)
      case .notEntered(let code), .notMade(let code): throw Syscalls.failure("cannot make the folder of the scopes", errno: code).at(path)
      }
      opened = Syscalls.openFile(above, name, flags)
    }
    guard opened >= 0 else {
      if Syscalls.hasFoundNoName { return nil }
      guard Syscalls.isNoFolder else { throw Syscalls.failure("cannot open the folder of the scopes").at(path) }
      throw Failure(.refused, "the folder of the scopes is a symbolic link, or no folder").at(path)
    }
    do throws(Failure) {
      let status = try Syscalls.status(opened)
      guard status.st_uid == Syscalls.effectiveUser() else { throw Failure(.refused, "another user owns the folder of the scopes").at(path) }
      if status.st_mode & 0o077 != 0 { Syscalls.makeFolderPrivate(opened) }
      return (opened, FileIdentity(status))
    } catch {
      Syscalls.closeFile(opened)
      throw error
    }
  }
}

extension Failure {
  /// True if the process or the system has no descriptor left.
  var hasNoDescriptor: Bool { systemError == EMFILE || systemError == ENFILE }
}
