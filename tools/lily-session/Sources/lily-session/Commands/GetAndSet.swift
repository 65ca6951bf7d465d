import ArgumentParser
import Glibc
import LilySession

struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "get", abstract: "Print a key's value, as JSON.")

  @Argument(help: "The key.") var key: String
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var secrets: SecretOptions
  @OptionGroup var output: JSONOption

  func run() throws {
    let store = try Store(store, .reading)
    guard let row = try store.row(keys.stored(key)) else { throw absentKey(key, keys, store) }
    // A program that reads the output would take a mask for the value.
    guard let masked = secrets.masked(row, with: mask) else { return show(row) }
    let reason = masked == mask ? "looks secret" : "has members that look secret"
    throw Problem(Problem.incomplete, "\(keys.shown(row.key)) \(reason), so its value is not shown", advice: "--show-secrets shows the value.")
  }

  private func show(_ row: Row) {
    if output.json {
      Terminal.output.write(row.object() + "\n")
    } else if Terminal.output.isTerminal {
      Terminal.output.write(visible(json: row.json) + "\n")
    } else {
      Terminal.output.write(row.text + [0x0A])
    }
  }
}

struct SetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Store a value.",
    discussion: """
      A plain word is stored as a string. An existing key keeps its version and, without --expires, the time at which it expires. A missing \
      store is created. Put -- before a key that begins with -, and before a value that does unless it is a negative number.
      """)

  @Argument(help: "The key.") var key: String
  @Argument(help: "JSON, a plain word, or - for JSON on standard input.") var json: String
  @Option(help: ArgumentHelp("The time after which it expires: \(Expiry.form).", valueName: "duration")) var expires: String?
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions

  func run() throws {
    let stored = keys.stored(key)
    let expiry = try expiry()
    let text = try value()
    if json != "-", looksSecret(fieldKey(stored)) || masking(text, with: mask) != nil {
      note("other users may have seen this value in the list of processes; give - in its place, and JSON on standard input")
    }
    let missing = try Places.missingFile(store)
    let store = try Store(store, .creating)
    let old = try store.row(stored)
    let deadline =
      switch expiry {
      case .never: Int64(0)
      case .after(let duration): Entry.deadline(after: .milliseconds(duration), from: store.now())
      case nil: old?.deadline ?? 0
      }
    try store.set([Row(key: stored, text: text, deadline: deadline, version: old?.version ?? 0)])
    try store.close()
    if let missing { note("created \(visible(missing))") }
  }

  // The argument parser's message would quote the argument, which is the value if a shell's variable before it was empty.
  private func expiry() throws -> Expiry? {
    guard let expires else { return nil }
    guard let expiry = Expiry(expires) else { throw Problem(Problem.usage, "--expires needs \(Expiry.form)") }
    return expiry
  }

  private func value() throws -> [UInt8] {
    let given = json == "-" ? try readAll(from: 0, named: "standard input") : Array(json.utf8)
    guard let fault = Store.fault(in: given) else { return given }
    let first = json.unicodeScalars.first { !$0.properties.isWhitespace }
    // Text that begins as JSON is meant to be JSON, not a plain word.
    guard json != "-", first.map({ !"[{\"".unicodeScalars.contains($0) }) ?? true else {
      throw Problem(
        Problem.usage, "cannot store the value of \(keys.shown(keys.stored(key))): \(fault)",
        advice: "Quote JSON for the shell: '[1,\"two\"]', '\"text\"'.")
    }
    let text = jsonString(json)
    if let fault = Store.fault(in: Array(text.utf8)) {
      throw Problem(Problem.usage, "cannot store the value of \(keys.shown(keys.stored(key))): \(fault)")
    }
    note("the value is not JSON, so it is stored as the string \(looksSecret(fieldKey(Array(key.utf8))) ? mask : visible(json: text))")
    return Array(text.utf8)
  }
}

struct UnsetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "unset", abstract: "Remove keys.")

  @Argument(help: "The keys.") var key: [String]
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions

  func run() throws {
    let store = try Store(store, .changing)
    let absent = try key.filter { try store.row(keys.stored($0)) == nil }.map { absentKey($0, keys, store) }
    // The file may still have a key that is not visible, because it has expired or its line is damaged. So each key is removed.
    for key in key { try store.removeRow(keys.stored(key)) }
    try store.close()
    absent.dropLast().forEach { $0.tell() }
    if let last = absent.last { throw last }
  }
}

private func absentKey(_ key: String, _ keys: KeyOptions, _ store: Store) -> Problem {
  let isOutside = !keys.all && (try? store.row(Array(key.utf8))) ?? nil != nil
  return Problem(
    Problem.absent, "there is no key \(keys.shown(keys.stored(key))) in \(visible(store.path))",
    advice: isOutside ? "There is such a key outside the prefix lily_session_: give --all." : "lily-session list shows the keys.")
}

struct ClearCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clear", abstract: "Remove all keys that sessions have stored, in one step.",
    discussion: "Asks first. Keys outside the prefix lily_session_ and other scopes stay.")

  @Flag(help: "Do not ask.") var yes = false
  @OptionGroup var store: StoreOptions

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
