import ArgumentParser
import Glibc

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Print the store's entries, for import or for a browser.",
    discussion: """
      Prints a JSON array of objects with key, value, expires_at_ms and version; with --browser, an object of strings, as \
      JSON.stringify(localStorage) returns it. Values that look secret, or have members that do, are part of the output, but on a terminal \
      they are left out unless --show-secrets is given. Only you can read a file that --output writes. \
      It cannot be the store itself.
      """)

  @Flag(help: "Print what JSON.stringify(localStorage) returns, for Lily in a browser.") var browser = false
  @Option(
    name: [.customShort("o"), .long], help: ArgumentHelp("Write to a file that only you can read; - means standard output.", valueName: "file"))
  var output: String?
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var secrets: SecretOptions

  func run() throws {
    let sources = store.isOnServer ? [] : [try Places.path(store), try Store.path(ofScope: store.scope, Places.path(store))]
    let file = output == "-" ? nil : try output.map { try PrivateFile($0, besides: sources) }
    let scope = store.scope
    let store = try Store(store, .reading)
    try store.noteDamage()
    let scopes = scope == nil ? try store.scopes().count : 0
    if scopes > 0 { note("\(count(scopes, "scope is", "scopes are")) not in the output; export each with --scope") }
    let rows = try store.rows(withPrefix: keys.prefix(nil))
    let secret = rows.filter { secrets.masked($0, with: jsonMask) != nil }
    let isLeavingOut = file == nil && Terminal.output.isTerminal && !secret.isEmpty
    let given = isLeavingOut ? rows.filter { secrets.masked($0, with: jsonMask) == nil } : rows
    let text: String
    if browser {
      let members = given.map { "\(quoted(String(decoding: $0.key, as: UTF8.self))):\(quoted($0.json))" }
      text = "{" + members.joined(separator: ",") + "}\n"
      let expiring = given.filter { $0.deadline != 0 }.count
      if expiring > 0 { note("\(count(expiring, "value expires", "values expire")) in this store, but will not expire in a browser") }
    } else {
      text = array(given.map { $0.object(isShown: file == nil) })
    }
    if let file { try file.write(Array(text.utf8)) } else { Terminal.output.write(text) }
    guard !secret.isEmpty else { return }
    let names = secret.map { keys.shown($0.key) }.joined(separator: ", ")
    if isLeavingOut {
      throw Problem(Problem.incomplete, "left out because they look secret: \(names)", advice: "--show-secrets includes them.")
    }
    note("the output contains values that look secret: \(names)")
  }
}

struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Store the entries that export or a browser wrote.",
    discussion: """
      Takes the array that export prints, or the object that JSON.stringify(localStorage) returns. It replaces the values of keys that the \
      store already has; other keys stay. Up to 32 MiB are stored in one step, all or none. Values that are not JSON are left out and \
      listed; the exit status is 2 then. A missing store is created.
      """)

  @Argument(help: "The file, or - for standard input.") var file: String = "-"
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions

  private static let stepBytes = 32 << 20

  func run() throws {
    let bytes = try readFile(file)
    var dump = try Dump(bytes)
    if !keys.all {
      let others = dump.rows.filter { !$0.key.starts(with: sessionPrefix) }.count
      dump.rows.removeAll { !$0.key.starts(with: sessionPrefix) }
      if others > 0 { note("skipped \(count(others, "key")) outside the prefix lily_session_; --all imports such keys too") }
    }
    let leftOut = dump.checkValues()
    let store = try Store(store, .creating)
    var step: [Row] = []
    var taken = 0
    for row in dump.rows {
      let size = store.lineBytes(row)
      if taken + size > ImportCommand.stepBytes, !step.isEmpty {
        try store.set(step)
        step = []
        taken = 0
      }
      step.append(row)
      taken += size
    }
    if !step.isEmpty { try store.set(step) }
    try store.close()
    note("imported \(count(dump.rows.count, "key")) into \(visible(store.path))")
    for (key, reason) in leftOut { note("left out \(keys.shown(key)): \(reason)") }
    if !leftOut.isEmpty { throw ExitCode(Problem.incomplete) }
  }
}
