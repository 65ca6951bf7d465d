import CPlatform

/// Tells the sessions of scopes without a file that one was cleared, or swept, for all scopes of a folder together. The generation of a scope
/// without a file is the folder's mark. So a session that was attached before its scope was cleared or swept notices it, whoever makes the
/// file anew.
//
// The mark is in the file `cleared`: 16 hex digits and a newline. Each clear makes it another random number. So nobody need know what was there,
// or wait for anybody, and a mark that is lost and made anew is another one. If the power fails, it may be lost, but then no session is left
// that it could tell anything.
extension Folder {
  private static var length: Int { 17 }
  /// Stands for a mark that this library has not written, or that others could have changed. Random marks are above it.
  private static var strange: UInt64 { 1 }

  private enum Found { case nothing, own, strange }

  /// Returns what there is in the mark's place. Others may have put something there while they had rights to the folder.
  private func find() throws(Failure) -> Found {
    guard let status = try Syscalls.status(descriptor, "cleared") else { return .nothing }
    return Syscalls.isOwnFile(status) && status.st_nlink == 1 && status.st_mode & 0o7777 == 0o600 ? .own : .strange
  }

  /// Returns the mark, or 0 if there is none yet.
  func mark() throws(Failure) -> UInt64 {
    switch try find() {
    case .nothing: return 0
    case .strange: return Folder.strange
    case .own: break
    }
    let file = Syscalls.openFile(descriptor, "cleared", O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    if file < 0, Syscalls.hasFoundNoName { return Folder.strange } // somebody is just making it anew
    guard file >= 0 else { throw Syscalls.failure("cannot open the mark of clears") }
    defer { Syscalls.closeFile(file) }
    let text = ByteBuffer(capacity: Folder.length)
    text.resize(to: try Syscalls.readFile(file, text.start, Folder.length, at: 0))
    return JournalHeader.hex(text.bytes, at: 0, digits: Folder.length - 1).map { $0 & UInt64(UInt32.max) } ?? Folder.strange
  }

  /// Makes the mark another one, and returns it. This writes to a file, whose signal is the caller's to block.
  func changeMark() throws(Failure) -> UInt64 {
    let mark = max(try Syscalls.randomNumber() & UInt64(UInt32.max), Folder.strange &+ 1)
    let text = ByteBuffer(capacity: Folder.length)
    text.append(hex: mark, digits: Folder.length - 1)
    text.append(UInt8(ascii: "\n"))
    if try find() == .strange { Syscalls.removeNameOrFolder(descriptor, "cleared") }
    let flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK
    var file = Syscalls.openFile(descriptor, "cleared", flags)
    if file < 0, Syscalls.hasFoundNoName {
      file = Syscalls.openFile(descriptor, "cleared", flags | O_CREAT | O_EXCL, 0o600)
      if file >= 0 { _ = Syscalls.makePrivate(file) } // a umask may have taken the owner's rights away
      if file < 0, Syscalls.hasFoundSomething { file = Syscalls.openFile(descriptor, "cleared", flags) }
    }
    guard file >= 0 else {
      // What can be neither used nor removed is no reason to leave the scope alone without a word, as a sweep does with what is no journal.
      let failure = Syscalls.failure("cannot make the mark of clears")
      throw failure.status == .refused ? failure.restated(as: .io) : failure
    }
    defer { Syscalls.closeFile(file) }
    try Syscalls.overwrite(file, text.bytes, at: 0)
    return mark
  }
}
