import ArgumentParser
import LilySession

struct SetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Store a value.",
    discussion: """
      A plain word is stored as a string, but not in place of a value of another type, unless --force is given. An existing key keeps its \
      version and, without --expires, the time at which it expires. A missing store is created. Put -- before a key that begins with -, \
      and before a value that does unless it is a negative number.
      """)

  @Argument(help: "The key.") var key: String
  @Argument(help: "JSON, a plain word, or - for JSON on standard input.") var json: String
  @Option(help: ArgumentHelp("When it expires: \(Expiry.form).", valueName: "time")) var expires: String?
  @Flag(help: "Store a plain word although the key has a value of another type.") var force = false
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var colours: ColourOption

  func run() throws {
    let stored = keys.stored(key)
    try Store.requireUsableKey(stored)
    let expiry = try expiry()
    let (text, isWord) = try value()
    if json != "-", looksSecret(fieldKey(stored)) || masking(text, with: mask) != nil {
      note("other users may have seen this value in the list of processes; give - in its place, and JSON on standard input")
    }
    let missing = try Places.missingFile(store)
    let store = try Store(store, .creating)
    let old = try store.row(stored)
    let shown = looksSecret(fieldKey(stored)) ? mask : visible(json: String(decoding: text, as: UTF8.self))
    if isWord {
      if let old, !force { try requireString(old, shown) }
      note("the value is not JSON, so it is stored as the string \(shown)")
    }
    let deadline = try expiry?.deadline(at: store.now()) ?? old?.deadline ?? 0
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

  /// Returns the JSON text of the value, and whether a plain word was made a string.
  private func value() throws -> (text: [UInt8], isWord: Bool) {
    let given = json == "-" ? try readAll(from: 0, named: "standard input") : Array(json.utf8)
    guard let fault = Store.fault(in: given) else { return (given, false) }
    let first = json.unicodeScalars.first { !$0.properties.isWhitespace }
    // Text that begins as JSON is meant to be JSON, not a plain word.
    guard json != "-", first.map({ !"[{\"".unicodeScalars.contains($0) }) ?? true else {
      throw Problem(
        Problem.usage, "cannot store the value of \(keys.shown(keys.stored(key))): \(fault)",
        advice: "Quote JSON for the shell: '[1,\"two\"]', '\"text\"'.")
    }
    let text = Array(jsonString(json).utf8)
    if let fault = Store.fault(in: text) {
      throw Problem(Problem.usage, "cannot store the value of \(keys.shown(keys.stored(key))): \(fault)")
    }
    return (text, true)
  }

  /// Throws if a plain word would take the place of a value that is no string: the program that has stored the value would refuse a string,
  /// and store its own value again. Null is what a program stores that has no value yet.
  private func requireString(_ old: Row, _ shown: String) throws {
    guard old.type != .string, old.type != .null else { return }
    let name = old.type.rawValue
    throw Problem(
      Problem.usage, "nothing was stored: \(keys.shown(old.key)) has \("aeiou".contains(name.prefix(1)) ? "an" : "a") \(name), and the value given is not JSON",
      advice: "If a string is meant, give '\(shown)' with both quotes, or --force.")
  }
}
