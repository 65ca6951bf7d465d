import ArgumentParser

/// A word of the command line. The words are counted from 1.
private struct Word {
  var number: Int
  var text: String

  /// The word's number in place of its text, but for the `-` that it begins with.
  var hidden: String { text.prefix { $0 == "-" } + "<argument \(number)>" }

  // Words that begin with -- are left to the parser, which says that there is no such option.
  var isDashed: Bool { text.hasPrefix("-") && !text.hasPrefix("--") && text != "-" }
  var isNegative: Bool { isDashed && text.utf8.dropFirst().first.map { $0 >= 0x30 && $0 <= 0x39 } == true }
}

extension Tool {
  /// Parses the command line. The parser's messages quote words that it refuses, so a line that it refuses is parsed once more, with words in
  /// their places that may be shown.
  static func parse(_ given: [String]) throws -> any ParsableCommand {
    try requireCommand(given)
    let words = try arranged(numbered(given))
    do { return try parseAsRoot(words.map(\.text)) } catch {
      guard !exitCode(for: error).isSuccess else { throw error }  // help and the version, which quote nothing
      _ = try parseAsRoot(quotable(words))
      throw Problem(Problem.usage, "the command line is wrong")
    }
  }

  /// Throws if the word that has to be the name of a command is none. The words after it, which may be values, are not quoted.
  private static func requireCommand(_ given: [String]) throws {
    let names = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    let written = given.first == "help" ? given.dropFirst().first : given.first
    guard let written, !written.hasPrefix("-"), !names.contains(written) else { return }
    let advice = nearest(to: written, among: names).map { "Did you mean \($0)?" } ?? "lily-session help lists the commands."
    throw Problem(Problem.usage, "there is no command \(visible(written))", advice: advice)
  }

  /// Returns true if a message may quote the word at this index.
  static func mayQuote(_ index: Int, of given: [String]) -> Bool {
    given.indices.contains(index) && quotable(numbered(given))[index] == visible(json: given[index])
  }

  private static func numbered(_ given: [String]) -> [Word] { given.enumerated().map { Word(number: $0 + 1, text: $1) } }

  /// Returns the words with their numbers in place of those that may be a value, which may be a secret. After `set`, `help`, and a word that is
  /// no command, which may be a misspelled `set`, each word may be one, except the names of the options of `set`. After another command, which
  /// may have been typed for `set`, a word may be one if the command does not expect it. The parser takes such a word for an option if it
  /// would have taken the word itself for one.
  private static func quotable(_ words: [Word]) -> [String] {
    let first = words.first?.text ?? ""
    let other = first == "set" || first == "help" ? nil : CommandDescription.of(first)
    guard let command = other ?? CommandDescription.of("set") else { return words.map { $0.number == 1 ? visible(json: $0.text) : $0.hidden } }
    var expected = other?.mostPositionals ?? 0
    var isAfterOption = false  // the word before is an option that takes this one as its value
    var isAfterTerminator = false
    return words.map { word in
      let (text, isOption) = (word.text, word.text.hasPrefix("-") && word.text != "-")
      let isValue = isAfterOption && !text.hasPrefix("-")
      isAfterOption = false
      if word.number == 1 || isValue { return visible(json: text) }
      if isOption, !isAfterTerminator {
        isAfterTerminator = text == "--"
        isAfterOption = other != nil && command.option(text)?.kind == "option"
        return isAfterTerminator ? text : quotable(option: word, of: command, valuesToo: other != nil)
      }
      expected -= 1
      return expected >= 0 || text == "-" ? visible(json: text) : word.hidden
    }
  }

  /// Returns a word that begins with `-` as a message may quote it.
  /// - Parameter valuesToo: true shows the values of options, too, and options that the command does not have.
  private static func quotable(option word: Word, of command: CommandDescription, valuesToo: Bool) -> String {
    if command.option(word.text) != nil { return visible(json: word.text) }
    let name = word.text.prefix { $0 != "=" }
    let value = word.text.dropFirst(name.count)  // with the = before it
    if let option = command.option(String(name)) {
      return value == "=" || valuesToo && option.kind == "option" ? visible(json: word.text) : name + "=<argument \(word.number)>"
    }
    // A word such as -1token resembles no option.
    guard valuesToo, name.hasPrefix("--") || name.count == 2 else { return word.hidden }
    return visible(json: String(name)) + (value.isEmpty ? "" : "=<argument \(word.number)>")
  }

  /// Returns the words with a value of `set` that is a negative number moved behind `--`, so that it is not taken for an option. The key
  /// stays the first word, and the value the second.
  /// - Throws: if a word stands where the key is expected, begins with `-`, and is no option.
  private static func arranged(_ given: [Word]) throws -> [Word] {
    guard let first = given.first, first.text == "set", given.contains(where: \.isDashed) else { return given }
    guard let command = CommandDescription.of("set") else { return given }
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
