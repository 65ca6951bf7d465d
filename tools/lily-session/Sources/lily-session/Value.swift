enum ValueType: String {
  case null, boolean, integer, real, string, array, object

  /// Of JSON text that is in a store, and so is valid.
  init(_ text: [UInt8]) {
    switch text.first {
    case UInt8(ascii: "n"): self = .null
    case UInt8(ascii: "t"), UInt8(ascii: "f"): self = .boolean
    case UInt8(ascii: "\""): self = .string
    case UInt8(ascii: "["): self = .array
    case UInt8(ascii: "{"): self = .object
    // What is beyond 64 bits is a real to the library, too.
    default: self = Int64(String(decoding: text, as: UTF8.self)) == nil ? .real : .integer
    }
  }
}

extension Row {
  var type: ValueType { ValueType(text) }

  /// One object, for programs: the key in full, the value as it is stored. On a terminal nothing in it steers that.
  /// - Parameter masked: the value with null in place of what is not shown, if there is such.
  /// - Parameter isShown: the object goes to standard output.
  func object(masked: String? = nil, extra: String = "", isShown: Bool = true) -> String {
    let shown = masked ?? json
    let value = isShown && Terminal.output.isTerminal ? visible(json: shown) : shown
    var members = "\"key\":\(quotedKey),\"value\":\(value)"
    if masked != nil { members += ",\"masked\":true" }
    if deadline != 0 { members += ",\"expires_at_ms\":\(deadline)" }
    if version != 0 { members += ",\"version\":\(version)" }
    return "{\(extra)\(members)}"
  }

  private var quotedKey: String { quoted(String(decoding: key, as: UTF8.self)) }
}

/// A JSON array with an element a line.
func array(_ elements: [String]) -> String { elements.isEmpty ? "[]\n" : "[\n" + elements.joined(separator: ",\n") + "\n]\n" }

/// What stands for a value that is not shown, of the same length for all: for people, and for programs.
let mask = "••••••"
let jsonMask = "null"
