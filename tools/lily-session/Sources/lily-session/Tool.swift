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

      Exit status: 0 success; 1 no such key or store, two stores differ, or you answered a question with no; 2 damage was found, or something was left out; \
      3 the store cannot be used; 64 the command line is wrong.
      """,
    version: "0.1.0",
    groupedSubcommands: [
      CommandGroup(
        name: "Keys",
        subcommands: [ListCommand.self, GetCommand.self, SetCommand.self, EditCommand.self, UnsetCommand.self, ClearCommand.self, WatchCommand.self]),
      CommandGroup(
        name: "Stores",
        subcommands: [
          WhereCommand.self, InfoCommand.self, ScopesCommand.self, SweepCommand.self, VerifyCommand.self, CompactCommand.self,
          DiffCommand.self,
        ]),
      CommandGroup(name: "Interchange", subcommands: [ExportCommand.self, ImportCommand.self]),
    ])

  static func main() {
    setlocale(LC_CTYPE, "C.UTF-8")  // for wcwidth: stored text is UTF-8, whatever the user's locale is
    let given = Array(CommandLine.arguments.dropFirst())
    if let candidates = Completion.candidates(for: given) { return Terminal.output.write(candidates) }
    do {
      try requireText(given)
      if let script = try completionScript(given) { return Terminal.output.write(script) }
      var command = try parse(given)
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
  private static func requireText(_ given: [String]) throws {
    for (at, argument) in CommandLine.arguments.indices.map({ ($0, CommandLine.unsafeArgv[$0]) }) {
      guard let argument, String(validatingCString: argument) == nil else { continue }
      let quote = mayQuote(at - 1, of: given) ? ": \(visible(String(cString: argument)))" : ""
      throw Problem(Problem.usage, "argument \(at) is not UTF-8\(quote)", advice: "Keys, values and paths must be UTF-8.")
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
}
