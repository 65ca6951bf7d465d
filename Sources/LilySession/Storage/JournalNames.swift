import CPlatform

/// The path of a journal, and the names of the files beside it, as C strings that live as long as the journal.
final class JournalNames {
  let path: UnsafeMutablePointer<CChar>
  let directory: UnsafeMutablePointer<CChar>
  let file: UnsafeMutablePointer<CChar>
  /// The name of a new file until it is renamed. `nameTemporary(_:)` chooses it.
  let temporary: UnsafeMutablePointer<CChar>
  /// The name of the copy of a damaged file.
  let damaged: UnsafeMutablePointer<CChar>
  /// The name of a new file that is to replace one whose lock a stranger holds.
  let replacement: UnsafeMutablePointer<CChar>

  static func make(_ path: UnsafePointer<CChar>) throws(Failure) -> JournalNames {
    let given = UnsafeRawBufferPointer(start: path, count: strlen(path))
    guard let first = given.first else { throw Failure(.invalidArgument, "the path is empty; pass NULL for the default place") }
    let absolute = ByteBuffer(capacity: given.count)
    if first != UInt8(ascii: "/") {
      guard let current = Syscalls.currentDirectory() else { throw Syscalls.failure("cannot find the current directory of").at(path) }
      current.withUnsafeBytes { absolute.append($0) }
      absolute.append(UInt8(ascii: "/"))
    }
    absolute.append(given)
    return try make(absolute: absolute.bytes)
  }

  /// Makes the names for an absolute path.
  static func make(absolute path: UnsafeRawBufferPointer) throws(Failure) -> JournalNames {
    let slash = path.lastIndex(of: UInt8(ascii: "/")) ?? 0
    let name = path[(slash &+ 1)...]
    guard name.count > 2 || !name.allSatisfy({ $0 == UInt8(ascii: ".") }) else { // no name, or one of a folder
      throw Failure(.invalidArgument, "the path must end with the name of a file").at([UInt8](path))
    }
    guard name.count <= 240 else { throw Failure(.invalidArgument, "the file's name is longer than 240 bytes").at([UInt8](path)) }
    return JournalNames(path, slash)
  }

  /// All names are in one block, because a server makes them for each request.
  private init(_ path: UnsafeRawBufferPointer, _ slash: Int) {
    let name = UnsafeRawBufferPointer(rebasing: path[(slash &+ 1)...])
    let folder = UnsafeRawBufferPointer(rebasing: path[..<max(slash, 1)])
    self.path = .allocate(capacity: path.count &+ folder.count &+ 3 &* name.count &+ 48) // for the endings and the NULs
    var end = UnsafeMutableRawPointer(self.path)
    func add(_ text: UnsafeRawBufferPointer, _ ending: StaticString = "") -> UnsafeMutablePointer<CChar> {
      let start = end
      if let from = text.baseAddress { memcpy(end, from, text.count) }
      memcpy(end + text.count, ending.utf8Start, ending.utf8CodeUnitCount &+ 1) // with its NUL
      end += text.count &+ ending.utf8CodeUnitCount &+ 1
      return start.assumingMemoryBound(to: CChar.self)
    }
    file = add(path) + slash + 1
    directory = add(folder)
    temporary = add(name, ".00000000.tmp")
    damaged = add(name, ".damaged")
    replacement = add(name, ".replacement")
  }

  deinit { path.deallocate() }

  /// Changes the temporary name. `number` should be one that others cannot guess.
  func nameTemporary(_ number: UInt32) {
    let digits = UnsafeMutableRawPointer(temporary + strlen(temporary) - 12) // before ".tmp"
    ByteBuffer.put(hex: UInt64(number), digits: 8, into: digits.assumingMemoryBound(to: UInt8.self))
  }

  /// Returns true for the name of a new file that was to replace this one: `<file>.`, 8 hex digits and `.tmp`.
  func isTemporary(_ name: UnsafePointer<CChar>) -> Bool {
    let length = strlen(temporary)
    let digits = length &- 12
    guard strlen(name) == length, memcmp(name, temporary, digits) == 0, memcmp(name + digits + 8, temporary + digits + 8, 4) == 0 else {
      return false
    }
    return JournalHeader.hex(UnsafeRawBufferPointer(start: name, count: length), at: digits, digits: 8) != nil
  }
}
