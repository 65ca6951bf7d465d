import CPlatform

/// The place of the file if the host names no path: `<base>/<application>/session.jsonl`.
enum DefaultPlace {
  /// Returns the path with a NUL at its end. Makes its folders if `create` is true.
  static func path(application: UnsafePointer<CChar>?, create: Bool) throws(Failure) -> [CChar] {
    let name = try ApplicationName.choose(application) // this may throw, so it comes before anything is made
    let base = try Base.find()
    let folder = base.path + [slash] + name
    if create { try base.makeFolders(folder) }
    return (folder + DefaultPlace.bytes("/session.jsonl") + [0]).map { CChar(bitPattern: $0) }
  }

  fileprivate static var slash: UInt8 { UInt8(ascii: "/") }

  fileprivate static func bytes(_ text: StaticString) -> [UInt8] {
    [UInt8](UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}

/// The folder that holds the folders of all applications, and the variable of the environment that names it.
private struct Base {
  let path: [UInt8]
  private let variable: Variable
  /// The length of the part of the path that must exist, because a missing home is not made; 0 if all of it may be made.
  private let existing: Int

  /// Uses the first variable that is set. A relative path is refused, because it would mean another place in another directory (the XDG
  /// specification asks for this).
  static func find() throws(Failure) -> Base {
    for variable in variables {
      guard let value = environment(variable.name) else { continue }
      var path = [UInt8](cString: value)
      guard path.first == DefaultPlace.slash else { throw Failure(variable.relativeStatus, variable.relativeReason).at(path) }
      while path.last == DefaultPlace.slash { path.removeLast() } // "/" becomes empty, because another slash follows
      let isHome = variable.below.utf8CodeUnitCount > 0
      return Base(path: path + DefaultPlace.bytes(variable.below), variable: variable, existing: isHome ? path.count : 0)
    }
    if Syscalls.hidesEnvironment() {
      let reason: StaticString =
        "the environment is not used in a program with raised rights (set-user-ID, capabilities); open a path of your own"
      throw Failure(.notFound, reason)
    }
    throw Failure(.notFound, "there is no default place, because HOME is not set; set HOME or LILY_SESSION_DIR, or open a path of your own")
  }

  /// Makes the folder and those above it that are missing, as the XDG specification asks. Only their owner has rights to them.
  //
  // Each is opened or made in the one above it, which is held open. No path is walked twice, so nobody can make the library change what
  // another name leads to.
  func makeFolders(_ folder: [UInt8]) throws(Failure) {
    if Syscalls.isFinishedFolder(Base.cString(folder[...])) { return }
    var at: Int32 = -1
    defer { Syscalls.closeFile(at) }
    switch Syscalls.openFolder(Base.cString(existing == 0 ? [DefaultPlace.slash] : folder[..<existing])) {
    case .entered(let top): at = top
    case .notMade(let code), .notEntered(let code): throw existing > 0 && code == ENOENT ? missingHome : failure(code, at: folder[...])
    }
    var end = existing
    while end < folder.count {
      let start = end &+ 1 // behind a slash
      end = folder[start...].firstIndex(of: DefaultPlace.slash) ?? folder.count
      if start == end { continue } // another slash
      switch Syscalls.enterFolder(at, Base.cString(folder[start..<end]), syncing: true) {
      case .entered(let below):
        Syscalls.closeFile(at)
        at = below
      case .notMade(let code): throw failure(code, at: folder[..<end])
      case .notEntered(let code): throw failure(code, at: folder[...]) // the folders below it cannot be made
      }
    }
  }

  private static func cString(_ text: ArraySlice<UInt8>) -> [CChar] { text.map { CChar(bitPattern: $0) } + [0] }

  private func failure(_ code: Int32, at folder: ArraySlice<UInt8>) -> Failure {
    Syscalls.failure(variable.cannotCreate, errno: code).at([UInt8](folder))
  }

  private var missingHome: Failure { Syscalls.failure("HOME: cannot find", errno: ENOENT).at([UInt8](path[..<existing])) }

  // MARK: the variables

  private struct Variable {
    let name: StaticString
    /// What follows the variable's value in the path.
    let below: StaticString
    /// The status and the reason of the failure if the variable is a relative path.
    let relativeStatus: Status
    let relativeReason: StaticString
    let cannotCreate: StaticString
  }

  private static var variables: [Variable] {
    [
      Variable(
        name: "LILY_SESSION_DIR", below: "", relativeStatus: .invalidArgument,
        relativeReason: "LILY_SESSION_DIR is not an absolute path", cannotCreate: "LILY_SESSION_DIR: cannot create"),
      Variable(
        name: "XDG_STATE_HOME", below: "", relativeStatus: .invalidArgument,
        relativeReason: "XDG_STATE_HOME is not an absolute path", cannotCreate: "XDG_STATE_HOME: cannot create"),
      Variable(
        name: "HOME", below: "/.local/state", relativeStatus: .notFound,
        relativeReason: "HOME is not an absolute path", cannotCreate: "HOME: cannot create"),
    ]
  }

  private static func environment(_ name: StaticString) -> UnsafePointer<CChar>? {
    Syscalls.environmentValue(UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
  }
}
