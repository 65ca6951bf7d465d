/// Returns JSON text from a store, which is valid and has no white space, with a line for each element and member, as people edit it.
func indented(_ text: [UInt8]) -> [UInt8] {
  var lines: [UInt8] = []
  var depth = 0
  var isInString = false
  var isEscaped = false
  func newLine() { lines += [0x0A] + [UInt8](repeating: 0x20, count: 2 * depth) }
  // The brackets of both kinds are two apart.
  func isEmpty(_ at: Int) -> Bool { "[{".utf8.contains(text[at]) && at + 1 < text.count && text[at + 1] == text[at] + 2 }
  for (at, byte) in text.enumerated() {
    if isInString {
      lines.append(byte)
      if byte == UInt8(ascii: "\""), !isEscaped { isInString = false }
      isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
      continue
    }
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      lines.append(byte)
      depth += 1
      if !isEmpty(at) { newLine() }
    case UInt8(ascii: "]"), UInt8(ascii: "}"):
      depth -= 1
      if at > 0, !isEmpty(at - 1) { newLine() }
      lines.append(byte)
    case UInt8(ascii: ","):
      lines.append(byte)
      newLine()
    case UInt8(ascii: ":"): lines += [byte, 0x20]
    default:
      if byte == UInt8(ascii: "\"") { isInString = true }
      lines.append(byte)
    }
  }
  return lines
}
