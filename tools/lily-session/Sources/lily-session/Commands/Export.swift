import ArgumentParser

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Print everything in the store, for a back-up, for import or for a browser.",
    discussion: """
      Prints a JSON array of objects with scope, key, value, expires_at_ms and version, of which an entry has those that it needs. All keys \
      and all scopes are in it; --scope prints the entries of one scope. With --browser it prints an object of strings, as \
      JSON.stringify(localStorage) returns it, which has no scopes, and no keys outside the prefix unless --all is given. Values that look \
      secret, or have members that do, are part of the output, but on a terminal they are left out unless --show-secrets is given. Only you \
      can read a file that --output writes. It cannot be the store itself. The exit status is 2 if something was left out or is damaged.
      """)

  @Flag(help: "Print what JSON.stringify(localStorage) returns, for Lily in a browser.") var browser = false
  @Option(
    name: [.customShort("o"), .long], help: ArgumentHelp("Write to a file that only you can read; - means standard output.", valueName: "file"))
  var output: String?
  @OptionGroup var store: StoreOptions
  @OptionGroup var scopes: ScopesOption
  @OptionGroup var keys: KeyOptions
  @OptionGroup var secrets: SecretOptions
  @OptionGroup var colours: ColourOption

  func run() throws {
    let sources = store.isOnServer ? [] : [try Places.path(store), try Store.path(ofScope: store.scope, Places.path(store))]
    let file = output == "-" ? nil : try output.map { try PrivateFile($0, besides: sources) }
    let whole = try Store(store, .reading)
    let hasNoScopes = store.scope != nil || !scopes.scopes
    var export = Export(isOfBrowser: browser, keys, secrets, isOnTerminal: file == nil && Terminal.output.isTerminal)
    if let file {
      try file.write { try export.write(whole, withScopes: !hasNoScopes, $0) }
    } else {
      try export.write(whole, withScopes: !hasNoScopes) { Terminal.output.write($0) }
    }
    try export.report()
  }
}

struct ScopesOption: ParsableArguments {
  @Flag(inversion: .prefixedNo, help: "Include the store's scopes.") var scopes = true
}

/// Writes the entries of a store. It reads one scope at a time, so that a store with very many scopes needs no memory for all of them.
private struct Export {
  private let isOfBrowser: Bool
  private let keys: KeyOptions
  private let secrets: SecretOptions
  private let isOnTerminal: Bool

  private var separator = ""
  private var secret = Names()
  private var damaged = Names()
  private var unusable = Names()
  private var scopesLeftOut = 0
  private var keysLeftOut = 0
  private var expiring = 0

  init(isOfBrowser: Bool, _ keys: KeyOptions, _ secrets: SecretOptions, isOnTerminal: Bool) {
    (self.isOfBrowser, self.keys, self.secrets, self.isOnTerminal) = (isOfBrowser, keys, secrets, isOnTerminal)
  }

  mutating func write(_ store: Store, withScopes: Bool, _ put: @escaping (String) throws -> Void) throws {
    let scopes = withScopes ? try store.scopes(leave: { path, oddity in if oddity.mayHideScopes { unusable.add(visible(path)) } }) : []
    guard Layout(store, scopes) != .both else {
      throw Problem(Problem.unusable, "some scopes are in the store's file, and some in files", advice: "\(Layout.advice).")
    }
    var output = Buffered(put)
    try output.write(isOfBrowser ? "{" : "[")
    separator = isOfBrowser ? "" : "\n"
    try write(try read(store, isFile: true), of: nil, to: &output)
    if isOfBrowser { scopesLeftOut = scopes.count } else { try write(scopes, of: store, to: &output) }
    try output.write(isOfBrowser ? "}\n" : separator == "\n" ? "]\n" : "\n]\n")
    try output.end()
  }

  private mutating func write(_ scopes: [Store.FoundScope], of store: Store, to output: inout Buffered) throws {
    for scope in scopes {
      let rows: [Row]
      do { rows = try read(try store.scoped(scope.name), isFile: scope.isFile) } catch let problem as Problem where scope.isFile {
        // The others must be in the output all the same.
        unusable.add("\(visible(scope.name)) (\(problem.message))")
        continue
      }
      try write(rows, of: scope.name, to: &output)
    }
  }

  /// - Parameter isFile: true if the entries have a file of their own, which may be damaged.
  private mutating func read(_ store: Store, isFile: Bool) throws -> [Row] {
    let rows = try store.rows()
    if isFile, try store.isDamaged() { damaged.add(visible(store.path)) }
    return rows
  }

  /// - Parameter scope: the scope that the entries are in; nil for those of the store itself.
  private mutating func write(_ rows: [Row], of scope: String?, to output: inout Buffered) throws {
    for row in rows {
      if isOfBrowser, !keys.all, !row.key.starts(with: sessionPrefix) {
        keysLeftOut += 1
        continue
      }
      if secrets.masked(row, with: jsonMask) != nil {
        secret.add(keys.shown(row.key) + (scope.map { " of \(visible($0))" } ?? ""))
        if isOnTerminal { continue }
      }
      if row.deadline != 0 { expiring += 1 }
      try output.write(separator + (isOfBrowser ? member(row) : row.object(of: scope, isShown: isOnTerminal)))
      separator = isOfBrowser ? "," : ",\n"
    }
  }

  private func member(_ row: Row) -> String { "\(quoted(String(decoding: row.key, as: UTF8.self))):\(quoted(row.json))" }

  /// Says what is not in the output, and what people might not expect in it.
  func report() throws {
    if isOfBrowser, expiring > 0 {
      note("\(count(expiring, "value expires", "values expire")) in this store, but will not expire in a browser")
    }
    if keysLeftOut > 0 {
      note("\(count(keysLeftOut, "key")) outside the prefix lily_session_ \(keysLeftOut == 1 ? "is" : "are") not in the output; --all includes such keys")
    }
    if !secret.isEmpty, !isOnTerminal { note("the output contains values that look secret: \(secret.text)") }
    var problems: [Problem] = []
    if !secret.isEmpty, isOnTerminal {
      problems.append(Problem(Problem.incomplete, "left out because they look secret: \(secret.text)", advice: "--show-secrets includes them."))
    }
    if scopesLeftOut > 0 {
      problems.append(
        Problem(
          Problem.incomplete, "left out \(count(scopesLeftOut, "scope")): a browser has none",
          advice: "Without --browser they are included. --scope NAME exports one for a browser; with --no-scopes nothing is said about them."))
    }
    if !damaged.isEmpty {
      problems.append(
        Problem(
          Problem.incomplete, "damaged lines were skipped, and are not in the output: \(damaged.text)", advice: "lily-session verify shows what is damaged."))
    }
    if !unusable.isEmpty {
      problems.append(
        Problem(
          Problem.incomplete, "left out because it cannot be used: \(unusable.text)", advice: "lily-session verify names all such files, with the reasons."))
    }
    try throwAll(problems)
  }
}
