import Glibc

/// The folder beside a store's file that has the files of its scopes: `session.jsonl.d`, and in it up to 256 folders.
struct ScopeFolder {
  /// What is there although it should not be.
  enum Oddity: String {
    /// It is not the library's.
    case foreign
    /// It is a symbolic link, which the library does not follow.
    case link
    /// It is a scope's file, but it is in the folder of other scopes.
    case misplaced
    /// It was made beside the file of a scope that has no file any more.
    case leftover
    /// The system does not let this user look into it.
    case unreadable

    /// True if there may be scopes in it that nobody finds.
    var mayHideScopes: Bool { self != .foreign && self != .leftover }

    var words: String {
      switch self {
      case .foreign: "it is not the library's, which leaves it alone"
      case .link: "it is a symbolic link, which the library does not follow"
      case .misplaced: "it is a scope's file, but nobody finds it in this folder"
      case .leftover: "it is left from a scope's file that is gone; remove it"
      case .unreadable: "you may not read it"
      }
    }
  }

  enum Found {
    case scope(String)
    case odd(Oddity)
  }

  typealias Visit = (_ path: String, Found) throws -> Void

  private let path: String

  /// The name of the library's mark of clears, which a folder may have.
  private static let mark = Array("cleared".utf8)

  /// - Parameter file: the store's file.
  init(beside file: String) { path = file + ".d" }

  /// Calls `visit` for each file of a scope, and for everything that should not be there. Only names are read.
  func forEach(_ visit: Visit) throws {
    guard let top = try open(Array(path.utf8), in: AT_FDCWD, path, visit) else { return }
    defer { closedir(top) }
    for name in names(in: top) {
      let inside = "\(path)/\(String(decoding: name, as: UTF8.self))"
      guard let number = ScopeFolder.number(of: name) else {
        try visit(inside, .odd(oddity(of: name, in: dirfd(top))))
        continue
      }
      guard let folder = try open(name, in: dirfd(top), inside, visit) else { continue }
      defer { closedir(folder) }
      let files = names(in: folder)
      let there = Set(files)
      for file in files where file != ScopeFolder.mark || kind(of: file, in: dirfd(folder)) != S_IFREG {
        guard let found = found(file, in: dirfd(folder), number, there) else { continue }
        try visit("\(inside)/\(String(decoding: file, as: UTF8.self))", found)
      }
    }
  }

  /// Removes the folders that have no files of scopes, and nothing else either.
  func removeEmpty() throws {
    guard let top = try open(Array(path.utf8), in: AT_FDCWD, path, { _, _ in }) else { return }
    defer { closedir(top) }
    for name in names(in: top) where ScopeFolder.number(of: name) != nil {
      guard let folder = try open(name, in: dirfd(top), path, { _, _ in }) else { continue }
      defer { closedir(folder) }
      if names(in: folder) == [ScopeFolder.mark] { unlinkat(dirfd(folder), ScopeFolder.cString(ScopeFolder.mark), 0) }
      unlinkat(dirfd(top), ScopeFolder.cString(name), AT_REMOVEDIR)
    }
    guard unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 else { return }
    // The folder must not come back when the power fails, because programs would look for the scopes in it.
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let above = Glibc.open(slash.map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard above >= 0 else { return }
    fsync(above)
    close(above)
  }

  /// - Parameter there: the names of all files in the folder.
  /// - Returns: nil if this is a file that belongs to another one.
  private func found(_ file: [UInt8], in folder: Int32, _ number: Int, _ there: Set<[UInt8]>) -> Found? {
    guard kind(of: file, in: folder) == S_IFREG else { return .odd(oddity(of: file, in: folder)) }
    if let scope = Store.scope(ofFile: file, in: number) { return .scope(scope) }
    if Store.scope(ofFile: file, in: nil) != nil { return .odd(.misplaced) }
    guard let owner = ScopeFolder.owner(of: file), Store.scope(ofFile: owner, in: number) != nil else { return .odd(.foreign) }
    return there.contains(owner) ? nil : .odd(.leftover)
  }

  /// Returns the name of the file beside which the library would make a file of this name; nil if it makes none.
  private static func owner(of file: [UInt8]) -> [UInt8]? {
    for ending in [".damaged", ".replacement"] where file.ends(with: ending) { return file.dropLast(ending.utf8.count) }
    let digits = file.dropLast(4).suffix(8)
    guard file.ends(with: ".tmp"), digits.count == 8, digits.allSatisfy({ isDigit($0) }) else { return nil }
    let owner = file.dropLast(12)
    return owner.last == UInt8(ascii: ".") ? Array(owner.dropLast()) : nil
  }

  private func oddity(of name: [UInt8], in folder: Int32) -> Oddity { kind(of: name, in: folder) == S_IFLNK ? .link : .foreign }

  private func kind(of name: [UInt8], in folder: Int32) -> mode_t {
    var status = stat()
    return fstatat(folder, ScopeFolder.cString(name), &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_mode & S_IFMT : 0
  }

  /// Opens a folder. If there is something else, calls `visit` with that.
  /// - Returns: nil if there is no folder, or it cannot be read.
  private func open(_ name: [UInt8], in folder: Int32, _ path: String, _ visit: Visit) throws -> OpaquePointer? {
    let opened = openat(folder, ScopeFolder.cString(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if opened >= 0 { return fdopendir(opened) }
    let code = errno
    if code != ENOENT { try visit(path, .odd(code == ENOTDIR || code == ELOOP ? oddity(of: name, in: folder) : .unreadable)) }
    return nil
  }

  private func names(in folder: OpaquePointer) -> [[UInt8]] {
    var names: [[UInt8]] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private static func number(of folder: [UInt8]) -> Int? {
    folder.count == 2 && folder.allSatisfy({ isDigit($0) }) ? Int(String(decoding: folder, as: UTF8.self), radix: 16) : nil
  }

  private static func cString(_ name: [UInt8]) -> [CChar] { name.map { CChar(bitPattern: $0) } + [0] }

  /// Returns true for a hex digit as the library writes them in names.
  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}

extension [UInt8] {
  fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
