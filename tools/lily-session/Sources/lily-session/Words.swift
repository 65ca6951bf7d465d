import ArgumentParser

/// A word of the command line. The words are counted from 1.
private struct Word {
  var number: Int
  var text: String

  // Words that begin with -- are left to the parser, which says that there is no such option.
  var isDashed: Bool { text.hasPrefix("-") && !text.hasPrefix("--") && text != "-" }
  var isNegative: Bool { isDashed && text.utf8.dropFirst().first.map { $0 >= 0x30 && $0 <= 0x39 } == true }
}

extension Tool {
  /// Parses the command line. The parser's messages quote words that it refuses, so a line that it refuses is parsed once more, with words in
  /// their places that may be shown.
  static func parse(_ given: [String]) throws -> any ParsableCommand {
    let words = try arranged(given.enumerated().map { Word(number: $0 + 1, text: $1) })
    do { return try parseAsRoot(words.map(\.text)) } catch {
      guard !exitCode(for: error).isSuccess else { throw error }  // help and the version, which quote nothing
      _ = try parseAsRoot(mayHaveValue(given) ? hidden(words) : words.map { visible(json: $0.text) })
      throw Problem(Problem.usage, "the command line is wrong")
    }
  }

  /// Returns true if a word may be a value, which may be a secret, so that no message quotes it: if the command is `set`, or none of the
  /// commands, as a misspelled `set`.
  static func mayHaveValue(_ given: [String]) -> Bool {
    !configuration.subcommands.contains { $0 != SetCommand.self && $0.configuration.commandName == given.first }
  }

  /// Returns the words with their numbers in place of everything but the command and the names of options of `set`. The parser takes such a
  /// word for an option if it would have taken the word itself for one.
  private static func hidden(_ words: [Word]) -> [String] {
    let command = CommandDescription.set
    return words.map { word in
      let (text, number) = (word.text, "<argument \(word.number)>")
      if word.number == 1 || text == "-" || text == "--" || command?.option(text) != nil { return visible(json: text) }
      if let equals = text.firstIndex(of: "="), command?.option(String(text[..<equals])) != nil {
        return text[...equals] + (text[equals...] == "=" ? "" : number)
      }
      return text.prefix { $0 == "-" } + number
    }
  }

  /// Returns the words with a value of `set` that is a negative number moved behind `--`, so that it is not taken for an option. The key
  /// stays the first word, and the value the second.
  /// - Throws: if a word stands where the key is expected, begins with `-`, and is no option.
  private static func arranged(_ given: [Word]) throws -> [Word] {
    guard let first = given.first, first.text == "set", given.contains(where: \.isDashed), let command = CommandDescription.set else { return given }
    let terminator = Word(number: 0, text: "--")
    var before = [first]
    var behind: [Word] = []  // the value, if it is a negative number, and the words after it that are no options
    var words = given.dropFirst()
    var positionals = 0
    while let word = words.popFirst() {
      if word.text == "--" { return before + [terminator] + behind + words }
      if let option = command.option(word.text) {
        before.append(word)
        if option.kind == "option", let value = words.popFirst() { before.append(value) }
        continue
      }
      if word.text.hasPrefix("--") || word.text == "-h" {
        before.append(word)
        continue
      }
      if word.isDashed, positionals == 0 || positionals == 1 && !word.isNegative {
        throw Problem(
          Problem.usage, "nothing was stored: the \(positionals == 0 ? "key" : "value") begins with -, as options do",
          advice: "Put -- before the key, and options before the --: lily-session set -- KEY VALUE")
      }
      if behind.isEmpty, !word.isDashed { before.append(word) } else { behind.append(word) }
      positionals += 1
    }
    return behind.isEmpty ? before : before + [terminator] + behind
  }
}
