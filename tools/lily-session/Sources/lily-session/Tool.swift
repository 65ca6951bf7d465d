import ArgumentParser
import Glibc

@main
struct Tool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lily-session",
    abstract: "See and mend a lily-session store.",
    discussion: """
      A store is the file in which a program keeps its session. It is named by --app, the program's name, or by --store, a path. Keys \
      are those of the program's fields: theme stands for lily_session_theme.

      Exit status: 0 done; 1 no such key or store, or a question was answered with no; 2 damage was found, or something was left out; 3 the \
      store cannot be used; 64 the command line is wrong.
      """,
    version: "0.1.0",
    groupedSubcommands: [
      CommandGroup(
        name: "Keys",
        subcommands: [ListCommand.self, GetCommand.self, SetCommand.self, UnsetCommand.self, ClearCommand.self, WatchCommand.self]),
      CommandGroup(
        name: "Stores", subcommands: [WhereCommand.self, InfoCommand.self, ScopesCommand.self, VerifyCommand.self, CompactCommand.self]),
      CommandGroup(name: "Interchange", subcommands: [ExportCommand.self, ImportCommand.self]),
    ])

  static func main() {
    setlocale(LC_CTYPE, "C.UTF-8")  // for wcwidth: what is stored is UTF-8, whatever the user's locale
    do {
      var command = try parseAsRoot(arguments(Array(CommandLine.arguments.dropFirst())))
      try command.run()
    } catch let problem as Problem {
      problem.tell()
      Glibc.exit(problem.code)
    } catch {
      exit(withError: error)
    }
  }

  /// A negative number is a value, not an option: it goes behind `--`.
  private static func arguments(_ given: [String]) -> [String] {
    func isNumber(_ word: String) -> Bool { word.hasPrefix("-") && word.utf8.dropFirst().first.map { $0 >= 0x30 && $0 <= 0x39 } == true }
    guard given.first == "set", !given.contains("--"), given.contains(where: isNumber) else { return given }
    return given.filter { !isNumber($0) } + ["--"] + given.filter(isNumber)
  }
}
