import ArgumentParser

struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Print a key's value, as JSON.",
    discussion: """
      With --raw, a string is printed without its quotes and escapes, for scripts; other values are JSON all the same. With --default, the \
      given text is printed as it is if there is no such key, or no such store, and the exit status is 0.
      """)

  @Argument(help: "The key.") var key: String
  @Flag(help: "Print a string as its text, without quotes and escapes.") var raw = false
  @Option(name: .customLong("default"), help: ArgumentHelp("Print this if there is no such key.", valueName: "text")) var fallback: String?
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var secrets: SecretOptions
  @OptionGroup var output: JSONOption
  @OptionGroup var colours: ColourOption

  func validate() throws {
    if output.json, raw { throw ValidationError("--json and --raw are two forms: give one of them.") }
    if output.json, fallback != nil { throw ValidationError("--default is a text of its own, and no entry: leave out --json.") }
  }

  func run() throws {
    let row: Row
    do { row = try find() } catch let problem as Problem where problem.code == Problem.absent {
      guard let fallback else { throw problem }
      return Terminal.output.write((Terminal.output.isTerminal ? visible(lines: fallback) : fallback) + "\n")
    }
    // A program that reads the output would take a mask for the value.
    guard let masked = secrets.masked(row, with: mask) else { return show(row) }
    let reason = masked == mask ? "looks secret" : "has members that look secret"
    throw Problem(Problem.incomplete, "\(keys.shown(row.key)) \(reason), so its value is not shown", advice: "--show-secrets shows the value.")
  }

  private func find() throws -> Row {
    let store = try Store(store, .reading)
    guard let row = try store.row(keys.stored(key)) else { throw try store.absentKey(key, keys) }
    return row
  }

  private func show(_ row: Row) {
    if output.json { return Terminal.output.write(row.object() + "\n") }
    let text = raw ? Scanner.decode(row.text[...]) : nil
    if Terminal.output.isTerminal {
      Terminal.output.write((text.map { visible(lines: $0) } ?? visible(json: row.json)) + "\n")
    } else {
      Terminal.output.write((text.map { Array($0.utf8) } ?? row.text) + [0x0A])
    }
  }
}
