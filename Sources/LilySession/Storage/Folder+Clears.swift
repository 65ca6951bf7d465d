import CPlatform

/// Counts the clears of scopes that have no file, and the scopes that were swept, for all scopes of a folder together. The generation of a scope
/// without a file is this count. So a session that was attached before its scope was cleared or swept notices it, whoever makes the file anew.
//
// The count is in the file `cleared`: 16 hex digits and a newline. It is written under that file's lock, and read without it. If the power
// fails, it may be lost, but then no session is left that it could tell anything.
extension Folder {
  private static var length: Int { 17 }

  /// Returns the count, or 0 if there is none yet.
  func clears() -> UInt64 {
    let file = Syscalls.openFile(descriptor, "cleared", O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    defer { Syscalls.closeFile(file) }
    return file < 0 ? 0 : Folder.read(file)
  }

  /// Raises the count above `count` and above what it was. Returns it.
  func raiseClears(above count: UInt64) throws(Failure) -> UInt64 {
    let file = Syscalls.openFile(descriptor, "cleared", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard file >= 0 else { throw Syscalls.failure("cannot open the count of clears") }
    defer { Syscalls.closeFile(file) }
    var patience = Patience()
    while try Syscalls.tryLock(file) == .held {
      try patience.keepWaiting("the count of clears is locked")
      Syscalls.yieldProcessor()
    }
    defer { Syscalls.unlock(file) }
    let raised = (max(Folder.read(file), count) &+ 1) & UInt64(UInt32.max)
    let text = ByteBuffer(capacity: Folder.length)
    text.append(hex: raised, digits: Folder.length - 1)
    text.append(UInt8(ascii: "\n"))
    try Syscalls.overwrite(file, text.bytes, at: 0)
    return raised
  }

  private static func read(_ file: Int32) -> UInt64 {
    let text = ByteBuffer(capacity: length)
    guard let got = try? Syscalls.readFile(file, text.start, length, at: 0) else { return 0 }
    text.resize(to: got)
    return JournalHeader.hex(text.bytes, at: 0, digits: length - 1) ?? 0
  }
}
