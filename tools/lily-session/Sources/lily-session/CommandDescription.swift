import ArgumentParser
import FoundationEssentials

/// A command and its arguments, decoded from the description that the argument parser gives of itself.
struct CommandDescription: Decodable {
  struct Argument: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String
    }

    /// "positional", "option" or "flag".
    var kind: String
    var shouldDisplay: Bool
    var isRepeating: Bool
    var names: [Name]?
    var valueName: String?

    var spellings: [String] { (names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name } }
  }

  var commandName: String
  var subcommands: [CommandDescription]?
  var arguments: [Argument]?

  var displayed: [Argument] { (arguments ?? []).filter(\.shouldDisplay) }

  /// How many words the command takes that are no options and not their values.
  var mostPositionals: Int {
    let positionals = displayed.filter { $0.kind == "positional" }
    return positionals.contains(where: \.isRepeating) ? .max : positionals.count
  }

  /// - Returns: the option that is spelled so, such as `--app`; nil if the command has no such option.
  func option(_ spelling: String) -> Argument? { displayed.first { $0.spellings.contains(spelling) } }

  /// - Returns: the description of the whole tool; nil if the argument parser describes itself in a form that this type does not know.
  static func ofTool() -> CommandDescription? {
    struct Description: Decodable { var command: CommandDescription }
    return try? JSONDecoder().decode(Description.self, from: Data(Tool._dumpHelp().utf8)).command
  }

  /// - Returns: the description of the command with this name; nil if there is no such command, or as for the tool.
  static func of(_ name: String) -> CommandDescription? { ofTool()?.subcommands?.first { $0.commandName == name } }
}
