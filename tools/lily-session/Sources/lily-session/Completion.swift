import LilySession

/// Finds what a shell offers when TAB is pressed. The scripts of CompletionScripts.swift ask for it, and insert what they get unchanged.
enum Completion {
  private enum Offer {
    case words([String])
    /// The shell offers the names of files itself, and quotes them.
    case files
  }

  /// Returns the candidates for a completion script.
  ///
  /// bash calls `---complete line` and writes TAIL and LINE: LINE ends at the cursor, and TAIL is the part of the last word that will be
  /// replaced. Shells that remove quotes themselves call `---complete words` and write WORD… CURRENT. Each of them ends with a NUL. The list of
  /// processes shows arguments, so what was typed, which may be a secret, comes from standard input.
  ///
  /// - Returns: one candidate per line, or a line `/`, which asks the shell to offer files; nil if the arguments do not come from a
  ///   completion script.
  static func candidates(for arguments: [String]) -> String? {
    let isLine = arguments == ["---complete", "line"]
    guard isLine || arguments == ["---complete", "words"] else { return nil }
    let typed = ((try? readAll(from: 0, named: "standard input")) ?? []).split(separator: 0, omittingEmptySubsequences: false)
    let texts = typed.dropLast().map { String(decoding: $0, as: UTF8.self) }
    guard !isLine || texts.count == 2 else { return "" }
    var (words, isQuoted) = isLine ? shellWords(texts[1]) : (texts, false)
    guard words.count > 1, let current = words.popLast() else { return "" }
    switch offer(after: Array(words.dropFirst()), completing: current) {
    case .files: return "/\n"
    case .words(let candidates):
      let kept = isLine ? beforeTail(texts[0], of: current) : 0
      guard let kept else { return "" }
      let fitting = candidates.filter { $0.utf8.starts(with: current.utf8) }
      return fitting.map { candidate in
        let rest = String(decoding: candidate.utf8.dropFirst(kept), as: UTF8.self)
        // bash inserts a candidate as it is; other shells quote it themselves.
        return (isLine && !isQuoted ? String(rest.map { $0 == " " ? "\\ " : String($0) }.joined()) : rest) + "\n"
      }.joined()
    }
  }

  /// Returns how many bytes of the word at the cursor bash will keep, as it replaces only the end of it. The end may be quoted.
  /// - Returns: nil if the word does not end so.
  private static func beforeTail(_ tail: String, of current: String) -> Int? {
    for tail in [tail, shellWords(tail).words.last ?? ""] where current.utf8.suffix(tail.utf8.count).elementsEqual(tail.utf8) {
      return current.utf8.count - tail.utf8.count
    }
    return nil
  }

  /// Returns true if every shell may insert the name without quotes, but for spaces in it. Other people choose the names in stores and
  /// folders, so a name may have characters that a shell acts on.
  private static func isOfferable(_ name: String) -> Bool {
    let ends = [name.utf8.first, name.utf8.last]
    return !name.isEmpty && ends[0] != UInt8(ascii: "-") && !ends.contains(UInt8(ascii: " "))
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "._:@- ".utf8.contains(byte)
        }
      }
  }

  /// - Parameters:
  ///   - words: the words between the program's name and the word at the cursor.
  ///   - current: the word at the cursor, up to the cursor.
  private static func offer(after words: [String], completing current: String) -> Offer {
    guard let tool = CommandDescription.ofTool() else { return .words([]) }
    let names = tool.subcommands?.map(\.commandName) ?? []
    guard let at = words.firstIndex(where: { !$0.hasPrefix("-") }) else {
      return .words(current.hasPrefix("-") ? tool.displayed.flatMap(\.spellings) : names)
    }
    guard let command = tool.subcommands?.first(where: { $0.commandName == words[at] }) else { return .words([]) }
    let given = GivenWords(words[(at + 1)...], of: command)
    if let option = given.waiting { return values(option, given, names) }
    if !given.isTerminated, current.hasPrefix("-") {
      guard let equals = current.firstIndex(of: "="), let option = command.option(String(current[..<equals])) else {
        return .words(given.optionsLeft)
      }
      guard case .words(let found) = values(option, given, names) else { return .files }
      return .words(found.map { current[...equals] + $0 })
    }
    let positionals = command.displayed.filter { $0.kind == "positional" }
    if given.positionals < positionals.count { return values(positionals[given.positionals], given, names) }
    if let last = positionals.last, last.isRepeating { return values(last, given, names) }
    return .words(given.isTerminated ? [] : given.optionsLeft)
  }

  private static func values(_ argument: CommandDescription.Argument, _ given: GivenWords, _ commands: [String]) -> Offer {
    switch argument.valueName {
    case "path", "file", "store": .files
    case "name": .words(Places.applications().filter(isOfferable))
    case "scope": .words(((try? Store(storeOptions(given, taking: ["--store", "--app"]), .reading).scopes()) ?? []).map(\.name).filter(isOfferable))
    case "key", "prefix": .words(keys(given).filter(isOfferable))
    case "subcommands": .words(commands)
    case "when": .words(ColourOption.Choice.allCases.map(\.rawValue))
    default: .words([])
    }
  }

  private static func keys(_ given: GivenWords) -> [String] {
    let rows = (try? Store(storeOptions(given, taking: ["--store", "--app", "--scope"]), .reading).rows()) ?? []
    if given.names.contains("--all") { return rows.map { String(decoding: $0.key, as: UTF8.self) } }
    return rows.filter { $0.key.starts(with: sessionPrefix) }.map { fieldKey($0.key) }
  }

  /// Returns the options that name a store, from the words before the cursor.
  private static func storeOptions(_ given: GivenWords, taking wanted: [String]) throws -> StoreOptions {
    try StoreOptions.parse(
      wanted.flatMap { name in given.values[name].map { [name, name == "--store" ? Places.expandingHome($0) : $0] } ?? [] })
  }
}

/// What the words after a subcommand say about the word that comes next.
private struct GivenWords {
  /// The options that were given, and the last value of each.
  private(set) var names: Set<String> = []
  private(set) var values: [String: String] = [:]
  private(set) var positionals = 0
  /// The option whose value comes next; nil if the next word is no option's value.
  private(set) var waiting: CommandDescription.Argument?
  /// True after a `--`: the words after it are not options.
  private(set) var isTerminated = false
  private let command: CommandDescription

  init(_ words: ArraySlice<String>, of command: CommandDescription) {
    self.command = command
    for word in words {
      if let option = waiting {
        for name in option.spellings { values[name] = word }
        waiting = nil
      } else if isTerminated || !word.hasPrefix("-") || word == "-" {
        positionals += 1
      } else if word == "--" {
        isTerminated = true
      } else if let equals = word.firstIndex(of: "=") {
        for name in command.option(String(word[..<equals]))?.spellings ?? [] {
          names.insert(name)
          values[name] = String(word[word.index(after: equals)...])
        }
      } else if let option = command.option(word) {
        names.formUnion(option.spellings)
        if option.kind == "option" { waiting = option }
      }
    }
  }

  var optionsLeft: [String] { command.displayed.flatMap(\.spellings).filter { !names.contains($0) } }
}
