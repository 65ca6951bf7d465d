import ArgumentParser
import Glibc

@main
struct Tool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lily-session",
    abstract: "Show, change and repair a lily-session store.",
    discussion: """
      A store is the file in which a program keeps its session. --app names it by its program, --store by its path. A key is the key of \
      a field of the program: theme stands for lily_session_theme.

      Exit status: 0 success; 1 no such key or store, or you answered a question with no; 2 damage was found, or something was left out; \
      3 the store cannot be used; 64 the command line is wrong.
      """,
    version: "0.1.0",
    groupedSubcommands: [
      CommandGroup(
        name: "Keys",
        subcommands: [ListCommand.self, GetCommand.self, SetCommand.self, UnsetCommand.self, ClearCommand.self, WatchCommand.self]),
      CommandGroup(
        name: "Stores",
        subcommands: [
          WhereCommand.self, InfoCommand.self, ScopesCommand.self, SweepCommand.self, VerifyCommand.self, CompactCommand.self,
        ]),
      CommandGroup(name: "Interchange", subcommands: [ExportCommand.self, ImportCommand.self]),
    ])

  static func main() {
    setlocale(LC_CTYPE, "C.UTF-8")  // for wcwidth: stored text is UTF-8, whatever the user's locale is
    let given = Array(CommandLine.arguments.dropFirst())
    if let candidates = Completion.candidates(for: given) { return Terminal.output.write(candidates) }
    do {
      try requireText()
      if let script = try completionScript(given) { return Terminal.output.write(script) }
      var command = try parse(visibly: try arguments(given))
      try command.run()
    } catch let problem as Problem {
      problem.tell()
      Glibc.exit(problem.code)
    } catch {
      let code = exitCode(for: error)
      let message = fullMessage(for: error)
      if !message.isEmpty { (code.isSuccess ? Terminal.output : Terminal.error).write(visible(lines: message) + "\n") }
      Glibc.exit(code.rawValue)
    }
  }

  /// Throws if an argument is not UTF-8. Swift has put other characters in place of those bytes, so the argument would name another file.
  private static func requireText() throws {
    for (at, argument) in CommandLine.arguments.indices.map({ ($0, CommandLine.unsafeArgv[$0]) }) {
      guard let argument, String(validatingCString: argument) == nil else { continue }
      throw Problem(Problem.usage, "argument \(at) is not UTF-8: \(visible(String(cString: argument)))", advice: "Keys and paths must be UTF-8.")
    }
  }

  /// Parses the command line. The parser's message quotes a word that it refuses, so a line that it refuses is parsed once more with
  /// escapes in place of invisible characters.
  private static func parse(visibly words: [String]) throws -> any ParsableCommand {
    do { return try parseAsRoot(words) } catch {
      _ = try parseAsRoot(words.map { visible(json: $0) })
      throw error
    }
  }

  /// Returns the script for `--generate-completion-script`, in place of the argument parser's own scripts, which expand candidates.
  /// - Returns: the script; nil if the arguments do not ask for one.
  private static func completionScript(_ given: [String]) throws -> String? {
    let option = "--generate-completion-script"
    guard let first = given.first, first == option || first.hasPrefix(option + "=") else { return nil }
    let shell = first == option ? given.dropFirst().first ?? "" : String(first.dropFirst(option.count + 1))
    guard let script = CompletionScripts.script(for: shell) else {
      throw Problem(Problem.usage, "\(option) needs the name of a shell: bash, zsh or fish")
    }
    return script
  }

  /// Returns the arguments with a value of `set` that is a negative number moved behind `--`, so that it is not taken for an option. The
  /// key stays the first word, and the value the second.
  /// - Throws: if a word stands where the key is expected, begins with `-`, and is no option.
  private static func arguments(_ given: [String]) throws -> [String] {
    // Words that begin with -- stay: the parser knows which option a misspelled one may be.
    func isDashed(_ word: String) -> Bool { word.hasPrefix("-") && !word.hasPrefix("--") && word != "-" }
    func isNegative(_ word: String) -> Bool { isDashed(word) && word.utf8.dropFirst().first.map { $0 >= 0x30 && $0 <= 0x39 } == true }
    guard given.first == "set", given.contains(where: isDashed),
      let command = CommandDescription.ofTool()?.subcommands?.first(where: { $0.commandName == "set" })
    else { return given }
    var before = ["set"]
    var behind: [String] = []  // the value, if it is a negative number, and the words after it that are no options
    var words = given.dropFirst()
    var positionals = 0
    while let word = words.popFirst() {
      if word == "--" { return before + ["--"] + behind + words }
      if let option = command.option(word) {
        before.append(word)
        if option.kind == "option", let value = words.popFirst() { before.append(value) }
        continue
      }
      if word.hasPrefix("--") || word == "-h" {
        before.append(word)
        continue
      }
      if isDashed(word), positionals == 0 || positionals == 1 && !isNegative(word) {
        // The value may be a secret, so it is not shown.
        let (name, example) = positionals == 0 ? ("key \(visible(word))", "\(visible(word)) VALUE") : ("value", "KEY VALUE")
        throw Problem(
          Problem.usage, "nothing was stored: the \(name) begins with -, as options do",
          advice: "Put -- before the key, and options before the --: lily-session set -- \(example)")
      }
      if behind.isEmpty, !isDashed(word) { before.append(word) } else { behind.append(word) }
      positionals += 1
    }
    return behind.isEmpty ? before : before + ["--"] + behind
  }
}
