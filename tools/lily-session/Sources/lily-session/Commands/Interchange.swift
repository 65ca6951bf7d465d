import ArgumentParser
import Glibc

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Print the store's entries, for import or for a browser.",
    discussion: """
      Without --browser: a JSON array of objects with key, value, expires_at_ms and version. With it: an object of strings, as \
      JSON.stringify(localStorage) gives. Values that look secret, or have members that do, are part of the data, but on a terminal they \
      are left out unless --show-secrets is given. A file that --output makes can be read by its user alone.
      """)

  @Flag(help: "As Lily in a browser keeps it: what JSON.stringify(localStorage) gives.") var browser = false
  @Option(name: [.customShort("o"), .long], help: ArgumentHelp("Write a file that only you can read; - prints.", valueName: "file"))
  var output: String?
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var secrets: SecretOptions

  func run() throws {
    let file = output == "-" ? nil : try output.map(PrivateFile.init)
    let store = try Store(store, .reading)
    try store.noteDamage()
    let rows = try store.rows(keys.prefix(nil))
    let secret = rows.filter { secrets.masked($0, with: jsonMask) != nil }
    let isLeavingOut = file == nil && Terminal.output.isTerminal && !secret.isEmpty
    let given = isLeavingOut ? rows.filter { secrets.masked($0, with: jsonMask) == nil } : rows
    let text: String
    if browser {
      let members = given.map { "\(quoted(String(decoding: $0.key, as: UTF8.self))):\(quoted($0.json))" }
      text = "{" + members.joined(separator: ",") + "}\n"
      let expiring = given.filter { $0.deadline != 0 }.count
      if expiring > 0 { note("\(count(expiring, "value expires", "values expire")) here; a browser does not know of that") }
    } else {
      text = array(given.map { $0.object(isShown: file == nil) })
    }
    if let file { try file.write(Array(text.utf8)) } else { Terminal.output.write(text) }
    guard !secret.isEmpty else { return }
    let names = secret.map { keys.shown($0.key) }.joined(separator: ", ")
    if isLeavingOut { throw Problem(Problem.incomplete, "left out, as they look secret: \(names)", advice: "--show-secrets shows them.") }
    note("what looks secret is in it: \(names)")
  }
}

struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Store what export or a browser gave.",
    discussion: """
      Takes the array that export prints, or the object that JSON.stringify(localStorage) gives. What is in the store under the same keys \
      is replaced, other keys stay. Up to 32 MiB are stored in one step, all or none. Values that are not JSON are named and left out; the \
      exit status is 2 then. A store that is not there yet is made.
      """)

  @Argument(help: "The file, or - for standard input.") var file: String = "-"
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions

  private static let stepBytes = 32 << 20

  func run() throws {
    let bytes = try read(file: file)
    var dump = try Dump(bytes)
    if !keys.all {
      let others = dump.rows.filter { !$0.key.starts(with: sessionPrefix) }.count
      dump.rows.removeAll { !$0.key.starts(with: sessionPrefix) }
      if others > 0 { note("\(count(others, "key")) outside the prefix lily_session_ left alone; --all takes them too") }
    }
    let leftOut = dump.checkValues()
    let store = try Store(store, .creating)
    var step: [Row] = []
    var taken = 0
    for row in dump.rows {
      if taken + row.key.count + row.text.count > ImportCommand.stepBytes, !step.isEmpty {
        try store.set(step)
        step = []
        taken = 0
      }
      step.append(row)
      taken += row.key.count + row.text.count + 64
    }
    if !step.isEmpty { try store.set(step) }
    try store.close()
    note("\(count(dump.rows.count, "key")) imported into \(visible(store.path))")
    for (key, reason) in leftOut { note("left out \(keys.shown(key)): \(reason)") }
    if !leftOut.isEmpty { throw ExitCode(Problem.incomplete) }
  }
}
