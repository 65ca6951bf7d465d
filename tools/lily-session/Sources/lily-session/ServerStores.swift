/// Stores in Redis or Valkey, which --store names by an address.
enum ServerStores {
  /// Stands for the address in the environment.
  static let inEnvironment = "redis"

  /// Returns true if a store's name is an address: a scheme, and `://`.
  static func isAddress(_ store: String) -> Bool {
    let scheme = store.utf8.prefix { $0 != UInt8(ascii: ":") }
    guard let first = scheme.first, isLetter(first), store.utf8.dropFirst(scheme.count).starts(with: "://".utf8) else { return false }
    return scheme.allSatisfy { isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "+-.".utf8.contains($0) }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }

  /// Returns an address as messages show it: without the user and the password, wherever these may end.
  static func shown(_ address: String) -> String {
    guard let at = address.utf8.lastIndex(of: UInt8(ascii: "@")), let slash = address.utf8.firstIndex(of: UInt8(ascii: "/")), slash < at else {
      return address
    }
    return String(address[..<slash]) + "//" + address[address.utf8.index(after: at)...]
  }

  /// The problem that a command needs a file.
  static let noFile = Problem(
    Problem.usage, "this command is about a store's file, but the store is on a server",
    advice: "These commands work on a server: list, get, set, edit, unset, clear, watch, scopes, sweep, diff, export, import.")

  static let missing = Problem(
    Problem.unusable, "this lily-session was built without Redis and Valkey",
    advice: "Build it where hiredis and OpenSSL are installed: make tool.")
}

extension StoreOptions {
  /// True if the store is on a server, and not in a file.
  var isOnServer: Bool { store.map { $0 == ServerStores.inEnvironment || ServerStores.isAddress($0) } ?? false }
}
