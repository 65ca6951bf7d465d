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
    var bytes = [UInt8](cString: path)
    guard !bytes.isEmpty else { throw Failure(.invalidArgument, "the path is empty; pass NULL for the default place") }
    if bytes.first != UInt8(ascii: "/") {
      guard let current = Syscalls.currentDirectory() else { throw Syscalls.failure("cannot find the current directory of").at(path) }
      bytes = current + [UInt8(ascii: "/")] + bytes
    }
    let slash = bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
    let name = [UInt8](bytes[(slash &+ 1)...])
    guard !name.isEmpty, name != [UInt8(ascii: ".")], name != [UInt8(ascii: "."), UInt8(ascii: ".")] else {
      throw Failure(.invalidArgument, "the path must end with the name of a file").at(path)
    }
    guard name.count <= 240 else { throw Failure(.invalidArgument, "the file's name is longer than 240 bytes").at(path) }
    return JournalNames(bytes, name, slash)
  }

  private init(_ bytes: [UInt8], _ name: [UInt8], _ slash: Int) {
    path = JournalNames.makeCString(bytes)
    directory = JournalNames.makeCString(slash == 0 ? [UInt8(ascii: "/")] : [UInt8](bytes[0..<slash]))
    file = JournalNames.makeCString(name)
    temporary = JournalNames.makeCString(name, ".00000000.tmp")
    damaged = JournalNames.makeCString(name, ".damaged")
    replacement = JournalNames.makeCString(name, ".replacement")
  }

  deinit {
    for name in [path, directory, file, temporary, damaged, replacement] { name.deallocate() }
  }

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

  private static func makeCString(_ bytes: [UInt8], _ ending: StaticString = "") -> UnsafeMutablePointer<CChar> {
    var all = bytes
    all += UnsafeBufferPointer(start: ending.utf8Start, count: ending.utf8CodeUnitCount)
    all.append(0)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: all.count)
    for at in 0..<all.count { copy[at] = CChar(bitPattern: all[at]) }
    return copy
  }
}
