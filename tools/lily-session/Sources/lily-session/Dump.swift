/// The entries that `export` or `JSON.stringify(localStorage)` wrote.
struct Dump {
  /// The entries. Each key occurs once.
  var rows: [Row] = []
  private var leftOut: [(key: [UInt8], reason: String)] = []

  init(_ bytes: [UInt8]) throws {
    var scanner = Scanner(bytes)
    scanner.skipSpace()
    var places: [[UInt8]: Int] = [:]
    // If a name occurs several times, the last one counts, as in JSON.parse.
    func add(_ row: Row) {
      if let place = places[row.key] {
        rows[place] = row
      } else {
        places[row.key] = rows.count
        rows.append(row)
      }
    }
    if scanner.take(UInt8(ascii: "{")) {
      try scanner.forEach(until: UInt8(ascii: "}")) { scanner in
        guard let name = scanner.takeMemberName(), let value = scanner.takeString() else { throw Dump.malformed(scanner) }
        guard let key = Scanner.decode(name) else { return leftOut.append((Array(name), "the key is not valid Unicode")) }
        guard let text = Scanner.decode(value) else { return leftOut.append((Array(key.utf8), "the value is not valid Unicode")) }
        add(Row(key: Array(key.utf8), text: Array(text.utf8)))
      }
    } else if scanner.take(UInt8(ascii: "[")) {
      try scanner.forEach(until: UInt8(ascii: "]")) { scanner in
        var row = Row(key: [], text: [])
        var isMasked = false
        guard scanner.take(UInt8(ascii: "{")) else { throw Dump.malformed(scanner) }
        try scanner.forEach(until: UInt8(ascii: "}")) { scanner in
          guard let name = scanner.takeMemberName(), let value = scanner.takeValue() else { throw Dump.malformed(scanner) }
          let number = Int64(String(decoding: value, as: UTF8.self))
          // A longer name, whose comparison may take very long, is none of these.
          switch name.count <= 80 ? Scanner.decode(name) : nil {
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
        if isMasked {
          leftOut.append((row.key, "the value is masked in the file; write the file with export, or with list --json --show-secrets"))
        } else {
          add(row)
        }
      }
    } else {
      throw Dump.malformed(scanner)
    }
    scanner.skipSpace()
    guard scanner.isAtEnd else { throw Dump.malformed(scanner) }
  }

  /// Removes the entries that no store accepts.
  /// - Returns: every entry that is left out, including those that reading the dump left out, with the reason.
  mutating func checkValues() -> [(key: [UInt8], reason: String)] {
    var progress = Progress("importing", total: rows.reduce(0) { $0 + Int64($1.text.count) })
    defer { progress.end() }
    var done: Int64 = 0
    rows.removeAll { row in
      defer {
        done += Int64(row.text.count)
        progress.advance(to: done)
      }
      guard let reason = Store.isKey(row.key) ? Store.fault(in: row.text) : "a key has 1 to 1024 bytes of UTF-8 without NUL"
      else { return false }
      leftOut.append((row.key, reason))
      return true
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
