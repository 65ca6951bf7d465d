import CRedis

/// A server's address: a host and a port, or a socket's path.
struct Node: Equatable {
  let host: [UInt8]
  let port: [UInt8]
  /// True if `host` is the path of a socket.
  let isPath: Bool

  init(host: [UInt8], port: [UInt8]) { (self.host, self.port, isPath) = (host, port, false) }
  init(path: [UInt8]) { (host, port, isPath) = (path, [], true) }

  /// The address as a person writes it.
  var name: [UInt8] {
    if isPath { return host }
    return (host.contains(58) ? [91] + host + [93] : host) + [58] + port
  }
}

/// What an address names: where servers are, and who we are there.
struct Address {
  enum Kind { case single, sentinel, cluster }

  private(set) var kind = Kind.single
  private(set) var usesTLS = false
  private(set) var nodes: [Node] = []
  private(set) var user: [UInt8] = []
  private(set) var password: [UInt8]?
  /// The name of the primary among the Sentinels.
  private(set) var primary: [UInt8] = []
  private(set) var database: Int64 = 0

  static let standard = bytes("redis://127.0.0.1:6379")

  /// Reads an address. No message quotes it, because it may have a password.
  init(_ text: [UInt8]) throws(Failure) {
    guard let colon = text.firstIndex(of: 58), text.dropFirst(colon).starts(with: bytes("://")) else {
      throw Failure(Status.invalidArgument, "an address begins with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
    }
    let scheme = [UInt8](text[..<colon])
    let isPath = scheme == bytes("unix")
    if !isPath { try readScheme(scheme) }
    var rest = text.dropFirst(colon + 3)
    let end = rest.firstIndex(of: 47) ?? rest.endIndex
    if let at = rest[..<end].lastIndex(of: 64) {
      try readUser(rest[..<at])
      rest = rest[(at + 1)...]
    }
    if isPath {
      try readPath(rest)
      return
    }
    let authority = rest[..<(rest.firstIndex(of: 47) ?? rest.endIndex)]
    try readNodes(authority)
    try readTail(rest.dropFirst(authority.count + 1))
  }

  private mutating func readScheme(_ scheme: [UInt8]) throws(Failure) {
    usesTLS = scheme.starts(with: bytes("rediss"))
    let rest = scheme.dropFirst(usesTLS ? 6 : 5)
    guard scheme.starts(with: bytes("redis")) else { throw Failure(Status.invalidArgument, "this kind of address is not known") }
    if rest.elementsEqual(bytes("+sentinel")) { kind = .sentinel }
    else if rest.elementsEqual(bytes("+cluster")) { kind = .cluster }
    else if !rest.isEmpty { throw Failure(Status.invalidArgument, "this kind of address is not known") }
  }

  private mutating func readUser(_ text: ArraySlice<UInt8>) throws(Failure) {
    guard let colon = text.firstIndex(of: 58) else {
      user = try unescaped(text)
      return
    }
    user = try unescaped(text[..<colon])
    password = try unescaped(text[(colon + 1)...])
  }

  private mutating func readNodes(_ text: ArraySlice<UInt8>) throws(Failure) {
    let port: StaticString = kind == .sentinel ? "26379" : "6379"
    for part in text.split(separator: 44, omittingEmptySubsequences: false) {
      var host = part, number = bytes(port)[...]
      let afterBracket = part.first == 91 ? part.firstIndex(of: 93) : nil
      if let colon = part[(afterBracket ?? part.startIndex)...].lastIndex(of: 58) {
        (host, number) = (part[..<colon], part[(colon + 1)...])
      }
      let isBracketed = host.first == 91 && host.last == 93
      if isBracketed { host = host.dropFirst().dropLast() }
      guard let port = LilySessionRedis.number(number), 1...65535 ~= port else { throw Failure(Status.invalidArgument, "a port is a number from 1 to 65535") }
      let name = try unescaped(host)
      // What a host's name cannot have would also stand in messages.
      guard 1...255 ~= name.count, name.allSatisfy({ 33...126 ~= $0 && $0 != 91 && $0 != 93 }), isBracketed || !name.contains(58) else {
        throw Failure(Status.invalidArgument, "the address has no host, or one that cannot be")
      }
      nodes.append(Node(host: name, port: digits(port)))
    }
    if kind == .single, nodes.count != 1 { throw Failure(Status.invalidArgument, "the address has several hosts, but is not that of Sentinels or a Cluster") }
  }

  /// Reads what follows the hosts: the name of the primary, and the number of the database.
  private mutating func readTail(_ text: ArraySlice<UInt8>) throws(Failure) {
    var parts = text.split(separator: 47, omittingEmptySubsequences: true)[...]
    if kind == .sentinel {
      guard let name = parts.popFirst() else { throw Failure(Status.invalidArgument, "the address of Sentinels ends with /name of the primary") }
      primary = try unescaped(name)
    }
    if let last = parts.popFirst() { try readDatabase(last) }
    if !parts.isEmpty { throw Failure(Status.invalidArgument, "the address has something after its database") }
    if kind == .cluster, database != 0 { throw Failure(Status.invalidArgument, "a Cluster has only database 0") }
  }

  private mutating func readPath(_ text: ArraySlice<UInt8>) throws(Failure) {
    let end = text.firstIndex(of: 63) ?? text.endIndex
    let path = try unescaped(text[..<end])
    guard path.first == 47 else { throw Failure(Status.invalidArgument, "the path of a socket begins with /") }
    nodes = [Node(path: path)]
    let query = text[end...].dropFirst()
    if query.isEmpty { return }
    guard query.starts(with: bytes("database=")) else { throw Failure(Status.invalidArgument, "after the path of a socket only ?database=n may follow") }
    try readDatabase(query.dropFirst(9))
  }

  private mutating func readDatabase(_ text: ArraySlice<UInt8>) throws(Failure) {
    guard let number = number(text), number <= 1_000_000 else { throw Failure(Status.invalidArgument, "a database is a number") }
    database = number
  }

  /// Returns the text with each `%` and two hexadecimal digits as the byte that they stand for.
  private func unescaped(_ text: ArraySlice<UInt8>) throws(Failure) -> [UInt8] {
    var found: [UInt8] = []
    var rest = text
    while let first = rest.popFirst() {
      guard first == 37 else {
        found.append(first)
        continue
      }
      guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal), high | low != 0 else {
        throw Failure(Status.invalidArgument, "the address has a % without two hexadecimal digits, or %00")
      }
      found.append(high << 4 | low)
    }
    return found
  }

  private func hexadecimal(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 48...57: digit - 48
    case 65...70: digit - 55
    case 97...102: digit - 87
    default: nil
    }
  }

  /// What two storages have in common if they have the same entries.
  var identity: [UInt8] {
    var text = kind == .cluster ? bytes("cluster") : primary
    for node in nodes { text += [32] + node.name }
    return text + [47] + digits(database)
  }
}
