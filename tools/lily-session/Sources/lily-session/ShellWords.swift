/// Splits a command line into words and removes quotes and backslashes as a shell does. Nothing is expanded. The last word is the one at
/// the end of the line; it is empty if the line ends with white space.
/// - Returns: the words, and whether the last one is inside quotes that do not end.
func shellWords(_ line: String) -> (words: [String], isQuoted: Bool) {
  var words: [String] = []
  var word = String.UnicodeScalarView()
  var isInWord = false
  var isEscaped = false
  var quote: Unicode.Scalar?
  for scalar in line.unicodeScalars {
    if !isEscaped, quote == nil, scalar == " " || scalar == "\t" || scalar == "\n" {
      if isInWord { words.append(String(word)) }
      word = String.UnicodeScalarView()
      isInWord = false
      continue
    }
    isInWord = true
    if isEscaped {
      // Between double quotes a backslash stands for itself before most characters.
      if quote != nil, !"$`\"\\\n".unicodeScalars.contains(scalar) { word.append("\\") }
      word.append(scalar)
      isEscaped = false
    } else if scalar == "\\", quote != "'" {
      isEscaped = true
    } else if scalar == quote {
      quote = nil
    } else if quote == nil, scalar == "\"" || scalar == "'" {
      quote = scalar
    } else {
      word.append(scalar)
    }
  }
  words.append(String(word))
  return (words, quote != nil)
}
