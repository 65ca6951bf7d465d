enum ValueType: String {
  case null, boolean, integer, real, string, array, object

  /// The type of JSON text from a store, which is valid.
  init(_ text: [UInt8]) {
    switch text.first {
    case UInt8(ascii: "n"): self = .null
    case UInt8(ascii: "t"), UInt8(ascii: "f"): self = .boolean
    case UInt8(ascii: "\""): self = .string
    case UInt8(ascii: "["): self = .array
    case UInt8(ascii: "{"): self = .object
    // The library also reads a number that does not fit into 64 bits as a real.
    default: self = Int64(String(decoding: text, as: UTF8.self)) == nil ? .real : .integer
    }
  }
}

extension Row {
  var type: ValueType { ValueType(text) }

  /// Returns the entry as a JSON object for programs, with the full key and the value as it is stored. On a terminal it has escapes, so
  /// that nothing in it steers the terminal.
  /// - Parameters:
  ///   - scope: the scope that the entry is in; nil if that need not be said.
  ///   - masked: the value with null in place of what is not shown; nil if all of it may be shown.
  ///   - isShown: true if the object goes to a terminal.
  func object(of scope: String? = nil, masked: String? = nil, extra: String = "", isShown: Bool = Terminal.output.isTerminal) -> String {
    let shown = masked ?? json
    let value = isShown ? visible(json: shown) : shown
    var members = scope.map { "\"scope\":\(quoted($0))," } ?? ""
    members += "\"key\":\(quotedKey),\"value\":\(value)"
    if masked != nil { members += ",\"masked\":true" }
    if deadline != 0 { members += ",\"expires_at_ms\":\(deadline)" }
    if version != 0 { members += ",\"version\":\(version)" }
    return "{\(extra)\(members)}"
  }

  private var quotedKey: String { quoted(String(decoding: key, as: UTF8.self)) }
}

/// Returns a JSON array with one element per line.
func array(_ elements: [String]) -> String { elements.isEmpty ? "[]\n" : "[\n" + elements.joined(separator: ",\n") + "\n]\n" }

/// What people see in place of a value that is not shown. It has the same length for all values.
let mask = "••••••"
/// What programs read in place of a value that is not shown.
let jsonMask = "null"
