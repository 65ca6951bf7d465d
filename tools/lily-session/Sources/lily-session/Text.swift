import CWidth

// What comes out of a store, or in with an argument, may have been put there to steer the terminal of whoever looks, or to look like
// something else: control characters, and those that turn the direction of text or cannot be seen, are shown as JSON escapes.

/// A key, a path or other plain text. A backslash is doubled, so that what is shown says exactly what is there.
func visible(_ text: String) -> String { escaped(text, doublingBackslashes: true) }

/// JSON text: the escapes mean in it what they stand for.
func visible(json text: String) -> String { escaped(text, doublingBackslashes: false) }

/// A message, whose parts may have been made visible before. Its line breaks stay.
func visible(lines text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { visible(json: String($0)) }.joined(separator: "\n")
}

private func escaped(_ text: String, doublingBackslashes: Bool) -> String {
  var shown = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if scalar == "\\", doublingBackslashes {
      shown.append(contentsOf: "\\\\".unicodeScalars)
    } else if isSeen(scalar) {
      shown.append(scalar)
    } else {
      for unit in String(scalar).utf16 { shown.append(contentsOf: ("\\u" + hex(unit)).unicodeScalars) }
    }
  }
  return String(shown)
}

/// Returns true if the scalar is a part of what people see. The joiners and variation selectors of scripts and emoji are not: with them
/// two names could differ and look alike.
private func isSeen(_ scalar: Unicode.Scalar) -> Bool {
  if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
  // The blank of Braille is a symbol by its properties, and ignorable by none.
  guard !scalar.properties.isDefaultIgnorableCodePoint, scalar != "\u{2800}" else { return false }
  switch scalar.properties.generalCategory {
  case .control, .format, .unassigned, .privateUse, .surrogate, .lineSeparator, .paragraphSeparator: return false
  default: return true
  }
}

private func hex(_ unit: UInt16) -> String {
  let digits = String(unit, radix: 16)
  return String(repeating: "0", count: 4 - digits.count) + digits
}

/// A JSON string that is safe to show.
func quoted(_ text: String) -> String {
  var spelled = "\""
  for scalar in visible(text).unicodeScalars { spelled += scalar == "\"" ? "\\\"" : String(scalar) }
  return spelled + "\""
}

/// How many columns of a terminal the text takes.
func width(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + width($1) } }

private func width(_ scalar: Unicode.Scalar) -> Int { max(Int(wcwidth(wchar_t(scalar.value))), 0) }

/// No wider than `limit`; what is cut ends with an ellipsis. Characters stay whole.
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

func count(_ number: Int, _ one: String, _ many: String? = nil) -> String { "\(number) \(number == 1 ? one : many ?? one + "s")" }

/// 812 bytes, 5 MiB, 1.4 GiB.
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
