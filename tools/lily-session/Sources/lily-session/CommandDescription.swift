import ArgumentParser
import FoundationEssentials

/// The commands and what they take, as the argument parser itself describes them.
struct CommandDescription: Decodable {
  struct Argument: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String
    }

    /// positional, option or flag.
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

  func option(_ spelling: String) -> Argument? { displayed.first { $0.spellings.contains(spelling) } }

  static func tool() -> CommandDescription? {
    struct Description: Decodable { var command: CommandDescription }
    return try? JSONDecoder().decode(Description.self, from: Data(Tool._dumpHelp().utf8)).command
  }
}
