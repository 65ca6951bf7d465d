import CPlatform

/// Where a session is kept when the host names no path: `<base>/<application>/session.jsonl`.
enum DefaultPlace {
  /// The path, NUL-terminated. Its directories are made unless `create` is false.
  static func path(application: UnsafePointer<CChar>?, create: Bool) throws(Failure) -> [CChar] {
    let name = try name(application) // before anything is made
    var path = try base(create)
    append("/", to: &path)
    path += name
    if create { try makeDirectory(path) }
    append("/session.jsonl", to: &path)
    return (path + [0]).map { CChar(bitPattern: $0) }
  }

  /// `$LILY_SESSION_DIR`, else `$XDG_STATE_HOME`, else `~/.local/state`. A relative one would mean another place in another
  /// directory, so it is refused (as the XDG specification asks).
  private static func base(_ create: Bool) throws(Failure) -> [UInt8] {
    if let directory = Syscalls.environment("LILY_SESSION_DIR") ?? Syscalls.environment("XDG_STATE_HOME") {
      let path = [UInt8](cString: directory)
      guard path.first == UInt8(ascii: "/") else {
        throw Failure(.invalidArgument, "LILY_SESSION_DIR or XDG_STATE_HOME is not an absolute path")
      }
      if create { try makeDirectory(path) }
      return path
    }
    guard let home = Syscalls.environment("HOME"), home.pointee == CChar(bitPattern: UInt8(ascii: "/")) else {
      throw Failure(.notFound, "there is no default place: HOME is not an absolute path")
    }
    var path = [UInt8](cString: home)
    for part: StaticString in ["/.local", "/state"] {
      append(part, to: &path)
      if create { try makeDirectory(path) }
    }
    return path
  }

  private static func makeDirectory(_ path: [UInt8]) throws(Failure) {
    try (path + [0]).withBytes { bytes throws(Failure) in
      if let start = bytes.baseAddress { try Syscalls.makeDirectory(start.assumingMemoryBound(to: CChar.self)) }
    }
  }

  private static func append(_ text: StaticString, to path: inout [UInt8]) {
    path += UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  // MARK: the application's name

  private static func name(_ application: UnsafePointer<CChar>?) throws(Failure) -> [UInt8] {
    if let application {
      let name = [UInt8](cString: application)
      guard isName(name) else { throw Failure(.invalidArgument, "an application's name is 1 to 64 of A-Z a-z 0-9 . _ - and begins with no dot") }
      return name
    }
    guard var name = Syscalls.executablePath() else { throw Failure(.invalidArgument, "the application has to be named: its executable is unknown") }
    if let slash = name.lastIndex(of: UInt8(ascii: "/")) { name.removeFirst(slash &+ 1) }
    let deleted: StaticString = " (deleted)" // what the kernel adds after an upgrade replaced the running program
    if name.count > deleted.utf8CodeUnitCount,
      name.suffix(deleted.utf8CodeUnitCount).elementsEqual(UnsafeBufferPointer(start: deleted.utf8Start, count: deleted.utf8CodeUnitCount))
    {
      name.removeLast(deleted.utf8CodeUnitCount)
    }
    guard isName(name) else { throw Failure(.invalidArgument, "the application has to be named: its executable's name does not serve") }
    guard !isInterpreter(name) else { throw Failure(.invalidArgument, "the application has to be named: the executable is an interpreter") }
    return name
  }

  private static func isName(_ name: [UInt8]) -> Bool {
    guard (1...64).contains(name.count), name.first != UInt8(ascii: ".") else { return false }
    return name.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        return true
      default: return false
      }
    }
  }

  /// Programs of many authors share an interpreter's name, and so would share one session.
  private static func isInterpreter(_ name: [UInt8]) -> Bool {
    for (interpreter, anyEnding) in interpreters {
      let length = interpreter.utf8CodeUnitCount
      let begins = name.prefix(length).elementsEqual(UnsafeBufferPointer(start: interpreter.utf8Start, count: length))
      if begins && (anyEnding || name.count == length) { return true }
    }
    return false
  }

  private static var interpreters: [(StaticString, Bool)] {
    [("python", true), ("ruby", true), ("node", false), ("perl", true), ("lua", true), ("java", false), ("php", true)]
  }
}
