/// The entries that `export` or `JSON.stringify(localStorage)` wrote.
struct Dump {
  /// The entries of the store itself, or of one of its scopes. Each key occurs once.
  struct Part {
    /// The scope; nil for the store itself.
    var scope: String?
    var rows: [Row] = []
    fileprivate var places: [[UInt8]: Int] = [:]

    // If a name occurs several times, the last one counts, as in JSON.parse.
    fileprivate mutating func add(_ row: Row) {
      if let place = places[row.key] {
        rows[place] = row
      } else {
        places[row.key] = rows.count
        rows.append(row)
      }
    }
  }

  /// An entry that cannot be stored.
  struct LeftOut {
    var scope: String?
    var key: [UInt8]
    var reason: String
  }

  /// The store itself, and then the scopes in the order in which the dump has them.
  private(set) var parts = [Part(scope: nil)]
  private var partOfScope: [[UInt8]: Int] = [:]
  private var leftOut: [LeftOut] = []
  /// True if the dump is what a browser's localStorage had.
  private(set) var isOfBrowser = false

  init(_ bytes: [UInt8]) throws {
    var scanner = Scanner(bytes)
    scanner.skipSpace()
    if scanner.take(UInt8(ascii: "{")) {
      isOfBrowser = true
      try scanner.forEach(until: UInt8(ascii: "}")) { scanner in
        guard let name = scanner.takeMemberName(), let value = scanner.takeString() else { throw Dump.malformed(scanner) }
        guard let key = Scanner.decode(name) else { return leaveOut(nil, Array(name), "the key is not valid Unicode") }
        guard let text = Scanner.decode(value) else { return leaveOut(nil, Array(key.utf8), "the value is not valid Unicode") }
        parts[0].add(Row(key: Array(key.utf8), text: Array(text.utf8)))
      }
    } else if scanner.take(UInt8(ascii: "[")) {
      try scanner.forEach(until: UInt8(ascii: "]")) { scanner in try takeEntry(&scanner) }
    } else {
      throw Dump.malformed(scanner)
    }
    scanner.skipSpace()
    guard scanner.isAtEnd else { throw Dump.malformed(scanner) }
  }

  /// Takes an object that `export` wrote.
  private mutating func takeEntry(_ scanner: inout Scanner) throws {
    var row = Row(key: [], text: [])
    var scope: String?
    var isMasked = false
    guard scanner.take(UInt8(ascii: "{")) else { throw Dump.malformed(scanner) }
    try scanner.forEach(until: UInt8(ascii: "}")) { scanner in
      guard let name = scanner.takeMemberName(), let value = scanner.takeValue() else { throw Dump.malformed(scanner) }
      let number = Int64(String(decoding: value, as: UTF8.self))
      // A longer name, whose comparison may take very long, is none of these.
      switch name.count <= 80 ? Scanner.decode(name) : nil {
      case "scope":
        // An entry whose scope cannot be read must not become one of the store itself.
        guard let name = Scanner.decode(value) else { throw Dump.malformed(scanner) }
        scope = name
      case "key": row.key = Array((Scanner.decode(value) ?? "").utf8)
      case "value": row.text = Array(value)
      case "masked": isMasked = true
      case "expires_at_ms":
        guard let number, number >= 0 else { throw Dump.malformed(scanner) }
        row.deadline = number
      case "version":
        guard let version = number.flatMap({ UInt32(exactly: $0) }) else { throw Dump.malformed(scanner) }
        row.version = version
      default: break
      }
    }
    guard !row.key.isEmpty else { throw Dump.malformed(scanner) }
    guard !isMasked else {
      return leaveOut(scope, row.key, "the value is masked in the file; write the file with export, or with list --json --show-secrets")
    }
    guard let scope else { return parts[0].add(row) }
    guard Store.isScope(scope) else { return leaveOut(scope, row.key, "a scope's name has 1 to 64 bytes of UTF-8 without NUL") }
    // Names are told apart by their bytes.
    let name = Array(scope.utf8)
    if partOfScope[name] == nil {
      partOfScope[name] = parts.count
      parts.append(Part(scope: scope))
    }
    if let place = partOfScope[name] { parts[place].add(row) }
  }

  private mutating func leaveOut(_ scope: String?, _ key: [UInt8], _ reason: String) {
    leftOut.append(LeftOut(scope: scope, key: key, reason: reason))
  }

  // MARK: choosing what to store

  var hasScopes: Bool { parts.count > 1 }

  /// Removes the scopes. Returns how many there were.
  mutating func removeScopes() -> Int {
    let count = parts.count - 1
    parts.removeLast(count)
    leftOut.removeAll { $0.scope != nil }
    return count
  }

  /// Makes the entries of a scope those of the store itself, and removes all others.
  /// - Returns: false if the dump has no such scope. Nothing is changed then.
  mutating func choose(_ scope: String) -> Bool {
    guard let place = partOfScope[Array(scope.utf8)] else { return false }
    parts[place].scope = nil
    parts = [parts[place]]
    leftOut = leftOut.filter { $0.scope.map { $0.utf8.elementsEqual(scope.utf8) } ?? false }
    return true
  }

  /// Removes the entries outside the prefix of fields. Returns how many there were.
  mutating func removeOthersKeys() -> Int {
    let before = parts[0].rows.count
    parts[0].rows.removeAll { !$0.key.starts(with: sessionPrefix) }
    return before - parts[0].rows.count
  }

  /// Removes the entries that no store accepts.
  /// - Returns: every entry that is left out, including those that reading the dump left out, with the reason.
  mutating func checkValues() -> [LeftOut] {
    var progress = Progress("importing", total: parts.reduce(0) { $1.rows.reduce($0) { $0 + Int64($1.text.count) } })
    defer { progress.end() }
    var done: Int64 = 0
    parts = parts.map { part in
      var part = part
      part.rows.removeAll { row in
        defer {
          done += Int64(row.text.count)
          progress.advance(to: done)
        }
        guard let reason = Store.isKey(row.key) ? Store.fault(in: row.text) : "a key has 1 to 1024 bytes of UTF-8 without NUL"
        else { return false }
        leaveOut(part.scope, row.key, reason)
        return true
      }
      return part
    }
    return leftOut
  }

  private static func malformed(_ scanner: Scanner) -> Problem {
    Problem(
      Problem.usage,
      "nothing was imported: the input is not what export or JSON.stringify(localStorage) writes at byte \(scanner.position)",
      advice: "In the browser's console, copy(JSON.stringify(localStorage)) copies what import takes.")
  }
}
