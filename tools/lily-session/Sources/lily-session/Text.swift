import CWidth

// Somebody may have put text into a store or an argument that steers the terminal of the person who sees it, or that looks like other
// text. These functions replace control characters, characters that turn the direction of text, invisible characters, and all blanks but
// the ordinary space by JSON escapes.

/// Returns a key, a path or other plain text with escapes. A backslash is doubled, so that an escape cannot be confused with text that
/// looks like one. Nothing marks the ends of such a text, so spaces at its start and end have escapes, too.
func visible(_ text: String) -> String {
  let scalars = text.unicodeScalars
  guard scalars.first == " " || scalars.last == " " else { return escaped(text, doublingBackslashes: true) }
  let inner = scalars.drop { $0 == " " }
  let core = inner.lastIndex { $0 != " " }.map { inner[...$0] } ?? inner
  let space = "\\u0020"
  return String(repeating: space, count: scalars.count - inner.count) + escaped(String(core), doublingBackslashes: true)
    + String(repeating: space, count: inner.count - core.count)
}

/// Returns JSON text with escapes. It still is JSON and means the same.
func visible(json text: String) -> String { escaped(text, doublingBackslashes: false) }

/// Returns a message with escapes. Its line breaks stay, and parts that have escapes already do not change.
//
// It is split at scalars, because Swift takes very long to compare a character that has very many marks.
func visible(lines text: String) -> String {
  text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { visible(json: String($0)) }.joined(separator: "\n")
}

/// How many marks one letter may have. Any number of them would take no column, so that nothing would cut them.
private let mostMarks = 8

private func escaped(_ text: String, doublingBackslashes: Bool) -> String {
  // Bytes, because appending a text to a view of Unicode scalars copies the whole view each time.
  var shown: [UInt8] = []
  shown.reserveCapacity(text.utf8.count)
  var marks = 0  // scalars without a width, since the last one with a width
  for scalar in text.unicodeScalars {
    marks = scalar.isASCII || width(scalar) > 0 ? 0 : marks + 1
    if scalar == "\\", doublingBackslashes {
      shown += [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
    } else if marks <= mostMarks, isSeen(scalar) {
      shown += UTF8.encode(scalar)!
    } else {
      for unit in UTF16.encode(scalar)! { appendEscape(unit, to: &shown) }
    }
  }
  return String(decoding: shown, as: UTF8.self)
}

/// Returns true if people can see the scalar. The joiners and variation selectors of scripts and emoji count as invisible: with them two
/// names could differ and look alike. So do all spaces but the ordinary one.
private func isSeen(_ scalar: Unicode.Scalar) -> Bool {
  if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
  switch scalar {
  // Blanks whose Unicode properties do not say so: of Braille, of music, two Egyptian ones, and the filler of the Khitan script.
  case "\u{2800}", "\u{1D159}", "\u{13441}", "\u{13442}", "\u{16FE4}": return false
  default: break
  }
  guard !scalar.properties.isDefaultIgnorableCodePoint else { return false }
  switch scalar.properties.generalCategory {
  case .control, .format, .unassigned, .privateUse, .surrogate, .lineSeparator, .paragraphSeparator, .spaceSeparator: return false
  default: return true
  }
}

private func appendEscape(_ unit: UInt16, to bytes: inout [UInt8]) {
  bytes += [UInt8(ascii: "\\"), UInt8(ascii: "u")]
  for shift in stride(from: 12, through: 0, by: -4) { bytes.append(hexDigits[Int(unit >> UInt16(shift) & 0xF)]) }
}

private let hexDigits = Array("0123456789abcdef".utf8)

/// Returns the text as a JSON string that is safe to show. The quotes mark its ends, so spaces there need no escapes.
func quoted(_ text: String) -> String { visible(json: jsonString(text)) }

/// Returns the text as a JSON string, with escapes only where JSON needs them.
func jsonString(_ text: String) -> String {
  var spelled = [UInt8(ascii: "\"")]
  spelled.reserveCapacity(text.utf8.count + 2)
  for byte in text.utf8 {
    if byte < 0x20 {
      appendEscape(UInt16(byte), to: &spelled)
      continue
    }
    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { spelled.append(UInt8(ascii: "\\")) }
    spelled.append(byte)
  }
  spelled.append(UInt8(ascii: "\""))
  return String(decoding: spelled, as: UTF8.self)
}

/// Returns the number of terminal columns that the text takes.
func width(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + width($1) } }

private func width(_ scalar: Unicode.Scalar) -> Int { max(Int(wcwidth(wchar_t(scalar.value))), 0) }

/// Returns the text, cut to at most `limit` columns. A text that was cut ends with an ellipsis, and no character is split.
func cut(_ text: String, to limit: Int) -> String {
  guard width(text) > limit else { return text }
  var kept = ""
  var taken = 0
  for character in text {
    taken += width(String(character))
    guard taken < limit else { break }
    kept.append(character)
  }
  return kept + "…"
}

func padded(_ text: String, to length: Int) -> String { text + String(repeating: " ", count: max(length - width(text), 0)) }

/// Returns a number with its noun: "1 key", "2 keys".
func count(_ number: Int, _ one: String, _ many: String? = nil) -> String { "\(number) \(number == 1 ? one : many ?? one + "s")" }

/// Returns a size in words: "812 bytes", "5 MiB", "1.4 GiB".
func size(_ bytes: Int64) -> String {
  if bytes < 1024 { return count(Int(bytes), "byte") }
  var value = Double(bytes)
  var unit = ""
  for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
    value /= 1024
    unit = next
  }
  let tenths = Int((value * 10).rounded())
  return tenths % 10 == 0 || tenths >= 1000 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
}
