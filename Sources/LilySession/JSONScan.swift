/// Finds that text is JSON, without making anything of it: a tenth of what jansson's parser costs. It says so only where it is
/// sure. jansson judges the rest: what is wrong, and what is rare enough to be left to it, so that there is one judge of what
/// JSON is (a test and a fuzzer hold this one to it).
struct JSONScan {
  private let text: UnsafeRawBufferPointer
  private var at = 0
  /// The names of the objects that are open, one object's after the other's.
  private let names: UnsafeMutableBufferPointer<Extent>
  private var nameCount = 0
  private var isCompact = true

  private init(_ text: UnsafeRawBufferPointer, _ names: UnsafeMutableBufferPointer<Extent>) {
    self.text = text
    self.names = names
  }

  enum Verdict {
    /// One JSON value, as jansson has it: valid UTF-8, no two names of an object alike, no number out of range. `isCompact`: it has no
    /// white space outside strings.
    case json(isCompact: Bool)
    case unsure
  }

  static func scan(_ text: UnsafeRawBufferPointer) -> Verdict {
    guard text.count <= JSONText.valueLimit else { return .unsure }
    return withUnsafeTemporaryAllocation(of: Extent.self, capacity: 64) { names in
      var scan = JSONScan(text, names)
      guard scan.value(depth: 0) else { return .unsure }
      scan.skipSpace()
      return scan.at == text.count && UTF8Text.isValid(text) ? .json(isCompact: scan.isCompact) : .unsure
    }
  }

  static func isSurelyJSON(_ text: UnsafeRawBufferPointer) -> Bool {
    if case .json = scan(text) { return true }
    return false
  }

  /// JSON whose bytes are its value: no space around it, no escape in a string, no number but an integer that Int64 holds.
  static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let first = text.first, let last = text.last, first > 0x20, last > 0x20 else { return false }
    switch first {
    case UInt8(ascii: "\""):
      if text.contains(UInt8(ascii: "\\")) { return false }
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      // "-0" is a real.
      if JSONText.integer(text) == nil || first == UInt8(ascii: "-") && text.count > 1 && text[1] == UInt8(ascii: "0") { return false }
    default: break
    }
    return isSurelyJSON(text)
  }

  private mutating func value(depth: Int) -> Bool {
    skipSpace()
    guard at < text.count else { return false }
    switch text[at] {
    case UInt8(ascii: "\""): return string() != nil
    case UInt8(ascii: "{"): return depth < 32 && object(depth: depth &+ 1)
    case UInt8(ascii: "["): return depth < 32 && array(depth: depth &+ 1)
    case UInt8(ascii: "t"): return take("true")
    case UInt8(ascii: "f"): return take("false")
    case UInt8(ascii: "n"): return take("null")
    default: return number()
    }
  }

  private mutating func array(depth: Int) -> Bool {
    at &+= 1
    if takeAfterSpace("]") { return true }
    repeat {
      guard value(depth: depth) else { return false }
    } while takeAfterSpace(",")
    return takeAfterSpace("]")
  }

  private mutating func object(depth: Int) -> Bool {
    at &+= 1
    if takeAfterSpace("}") { return true }
    let first = nameCount
    repeat {
      skipSpace()
      guard at < text.count, text[at] == UInt8(ascii: "\""), let name = string(), name.isPlain, isNew(name.text, since: first), takeAfterSpace(":"),
        value(depth: depth)
      else { return false }
    } while takeAfterSpace(",")
    nameCount = first
    return takeAfterSpace("}")
  }

  /// Whether the object has no such name yet. It is plain: what is spelled with escapes may be any. Large objects are for jansson.
  private mutating func isNew(_ name: Extent, since first: Int) -> Bool {
    guard nameCount < names.count else { return false }
    let bytes = UnsafeRawBufferPointer(rebasing: text[name.start..<name.end])
    for other in first..<nameCount where names[other].count == name.count {
      if UnsafeRawBufferPointer(rebasing: text[names[other].start..<names[other].end]).equals(bytes) { return false }
    }
    names[nameCount] = name
    nameCount &+= 1
    return true
  }

  /// What is between the quotes, and whether it has no escapes.
  private mutating func string() -> (text: Extent, isPlain: Bool)? {
    let start = at &+ 1
    var isPlain = true
    at = start
    while true {
      at = JSONText.endOfPlain(text, from: at)
      guard at < text.count else { return nil }
      if text[at] == UInt8(ascii: "\"") {
        at &+= 1
        return (Extent(start: start, end: at &- 1), isPlain)
      }
      isPlain = false
      guard text[at] == UInt8(ascii: "\\"), at &+ 1 < text.count else { return nil }
      switch text[at &+ 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
        UInt8(ascii: "r"), UInt8(ascii: "t"):
        at &+= 2
      default: return nil // \u may be half of a surrogate pair
      }
    }
  }

  /// Without an exponent, and too short to be out of range.
  private mutating func number() -> Bool {
    let start = at
    if at < text.count, text[at] == UInt8(ascii: "-") { at &+= 1 }
    let whole = at
    guard skipDigits(), text[whole] != UInt8(ascii: "0") || at == whole &+ 1 else { return false }
    if at < text.count, text[at] == UInt8(ascii: ".") {
      at &+= 1
      guard skipDigits() else { return false }
    }
    if at < text.count, text[at] | 0x20 == UInt8(ascii: "e") { return false }
    return at &- start <= 100
  }

  private mutating func skipDigits() -> Bool {
    let start = at
    while at < text.count, text[at] >= UInt8(ascii: "0"), text[at] <= UInt8(ascii: "9") { at &+= 1 }
    return at > start
  }

  /// Mostly there is none.
  @inline(__always)
  private mutating func skipSpace() {
    if at < text.count, text[at] <= 0x20 { skipSomeSpace() }
  }

  private mutating func skipSomeSpace() {
    while at < text.count, text[at] == 0x20 || text[at] == 0x09 || text[at] == 0x0A || text[at] == 0x0D {
      at &+= 1
      isCompact = false
    }
  }

  private mutating func takeAfterSpace(_ byte: Unicode.Scalar) -> Bool {
    skipSpace()
    guard at < text.count, text[at] == UInt8(ascii: byte) else { return false }
    at &+= 1
    return true
  }

  private mutating func take(_ word: StaticString) -> Bool {
    guard text.count &- at >= word.utf8CodeUnitCount else { return false }
    for offset in 0..<word.utf8CodeUnitCount where text[at &+ offset] != word.utf8Start[offset] { return false }
    at &+= word.utf8CodeUnitCount
    return true
  }
}
