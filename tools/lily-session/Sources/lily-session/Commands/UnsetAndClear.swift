import ArgumentParser
import Glibc

struct UnsetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "unset", abstract: "Remove keys.")

  @Argument(help: "The keys.") var key: [String]
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var colours: ColourOption

  func run() throws {
    let store = try Store(store, .changing)
    let absent = try key.filter { try store.row(keys.stored($0)) == nil }.map { try store.absentKey($0, keys) }
    // The file may still have a key that is not visible, because it has expired or its line is damaged. So each key is removed.
    for key in key { try store.removeRow(keys.stored(key)) }
    try store.close()
    try throwAll(absent)
  }
}

struct ClearCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clear", abstract: "Remove all keys that sessions have stored, in one step.",
    discussion: "Asks first. Keys outside the prefix lily_session_ and other scopes stay.")

  @Flag(help: "Do not ask.") var yes = false
  @OptionGroup var store: StoreOptions
  @OptionGroup var colours: ColourOption

  func run() throws {
    let store = try Store(store, .changing)
    let keys = count(try store.rows(withPrefix: sessionPrefix).count, "key")
    if !yes {
      guard isatty(0) != 0 else {
        throw Problem(
          Problem.usage, "nothing was removed: there is no terminal to ask on", advice: "--yes removes \(keys) without asking.")
      }
      Terminal.error.write("Remove \(keys) from \(visible(store.path))? [y/N] ")
      guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
        throw Problem(Problem.absent, "nothing was removed")
      }
    }
    try store.clear()
    try store.close()
    note("removed \(keys)")
  }
}
