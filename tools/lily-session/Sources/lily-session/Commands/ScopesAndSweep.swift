import ArgumentParser
import LilySession

struct ScopesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scopes", abstract: "Show the store's scopes, or move them into files of their own and back.",
    discussion: """
      Scopes in which everything has expired are not shown. Where each scope is a file, the list says how long ago it was written. \
      Stop the programs that use the store before you move its scopes. If a move is interrupted, no scope is lost, and the same command \
      completes it. What a scope has at its new place already is kept, and what it lacks there is added.
      """)

  @Flag(help: "Move the scopes into files of their own, for programs that open the store so.") var toFiles = false
  @Flag(help: "Move the scopes from their files back into the store's file.") var toOne = false
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: JSONOption
  @OptionGroup var colours: ColourOption

  func validate() throws {
    if toFiles, toOne { throw ValidationError("--to-files and --to-one are opposites: give one of them.") }
    if store.scope != nil { throw ValidationError("scopes is about all scopes of a store: leave out --scope.") }
    if output.json, toFiles || toOne { throw ValidationError("--json is for the list: leave it out.") }
  }

  func run() throws { if toFiles || toOne { try move() } else { try list() } }

  // MARK: the list

  /// A scope of the list. There may be very many.
  private struct Line {
    var name: String
    var summary: ScopeSummary
  }

  private func list() throws {
    let store = try Store(store, .reading)
    var unusable = 0
    let scopes = try store.scopes { _, oddity in if oddity.mayHideScopes { unusable += 1 } }
    var lines: [Line] = []
    var over = 0
    for scope in scopes {
      do {
        let line = Line(name: scope.name, summary: try store.summary(ofScope: scope.name, isFile: scope.isFile))
        if line.summary.entries > 0 { lines.append(line) } else { over += 1 }
      } catch { unusable += 1 }
    }
    if output.json { printJSON(lines) } else if !lines.isEmpty { printTable(lines, store) }
    if lines.isEmpty, !output.json { note("there are no scopes in \(visible(store.path))") }
    if over > 0 { note("\(count(over, "scope has", "scopes have")) nothing left; lily-session sweep removes them") }
    if Layout(store, scopes) == .both { note("some scopes are in the store's file, and some in files: \(Layout.advice)") }
    if unusable > 0 {
      throw Problem(
        Problem.incomplete, "\(count(unusable, "file or folder", "files or folders")) of scopes cannot be used", advice: "lily-session verify names them, with the reasons.")
    }
  }

  private func printTable(_ lines: [Line], _ store: Store) {
    let style = Style(Terminal.output)
    let now = store.now()
    let table = Table(["SCOPE", "KEYS", "SIZE"] + (store.hasScopeFiles ? ["WRITTEN"] : []))
    table.write(Terminal.output, shrinking: [0], dropping: [3, 2, 1], rows: lines.count) { row in
      let (name, summary) = (lines[row].name, lines[row].summary)
      let cells = [
        Table.Cell(text: visible(name), paint: style.key), Table.Cell(text: String(summary.entries)), Table.Cell(text: size(summary.bytes)),
      ]
      return store.hasScopeFiles ? cells + [Table.Cell(text: summary.written.map { age($0, at: now) } ?? "", paint: style.faint)] : cells
    }
  }

  private func printJSON(_ lines: [Line]) {
    if lines.isEmpty { return Terminal.output.write(array([])) }
    for (at, line) in lines.enumerated() {
      let written = line.summary.written.map { ",\"written_ms\":\($0)" } ?? ""
      Terminal.output.write(
        "\(at == 0 ? "[\n" : ",\n"){\"scope\":\(quoted(line.name)),\"keys\":\(line.summary.entries),\"bytes\":\(line.summary.bytes)\(written)}")
    }
    Terminal.output.write("\n]\n")
  }

  // MARK: moving

  private func move() throws {
    let store = try Store(store, .moving)
    let (moved, left) = try store.moveScopes(toFiles: toFiles)
    try store.close()
    note("moved \(count(moved, "scope")) \(toFiles ? "into files of their own" : "into \(visible(store.path))")")
    var remains = 0
    func leave(_ name: String, _ reason: String) {
      remains += 1
      if remains <= ScopesCommand.mostNotes { note("left \(visible(name)): \(reason)") }
    }
    if toFiles {
      for (scope, reason) in left { leave(scope, reason.message) }
    } else {
      let folder = ScopeFolder(beside: store.path)
      try folder.removeEmpty()
      let reasons = Dictionary(left.map { ($0.scope, $0.reason.message) }) { first, _ in first }
      try folder.forEach { path, found in
        switch found {
        case .scope(let name): leave(name, reasons[name] ?? "a program that is running has just made it")
        case .odd(let oddity): leave(path, oddity.words)
        }
      }
    }
    guard remains > 0 else { return }
    throw Problem(
      Problem.incomplete, "\(count(remains, "file")) could not be moved",
      advice: "Stop the programs that use the store. lily-session verify says which files are damaged: repair those. Then run the command again.")
  }

  private static let mostNotes = 100
}

struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep", abstract: "Remove the scopes in which nothing is left that has not expired.",
    discussion: "Programs may use the store meanwhile. Damaged files, and files in use at the moment, stay. Prints how many were removed.")

  @Option(help: ArgumentHelp("Remove so many at most, and look at about so many files.", valueName: "number")) var limit: Int?
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: JSONOption
  @OptionGroup var colours: ColourOption

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit is 1 or more.") }
    if store.scope != nil { throw ValidationError("sweep is about all scopes of a store: leave out --scope.") }
  }

  func run() throws {
    let store = try Store(store, .sweeping)
    let removed = try store.sweep(limit: limit)
    try store.close()
    Terminal.output.write(output.json ? "{\"removed\":\(removed)}\n" : "removed \(count(removed, "scope"))\n")
  }
}

/// Where a store's scopes are.
enum Layout: String {
  case one, files, both

  init(_ store: Store, _ scopes: [Store.FoundScope]) {
    self = !store.hasScopeFiles ? .one : scopes.contains { !$0.isFile } ? .both : .files
  }

  static let advice = "lily-session scopes --to-files or --to-one completes the move that was interrupted"

  func words(_ scopes: [Store.FoundScope]) -> String {
    switch self {
    case .one: scopes.isEmpty ? "none" : "\(scopes.count), in this file"
    case .files: scopes.isEmpty ? "none; they would be files of their own" : "\(scopes.count), in files of their own"
    case .both: "\(scopes.count), some in this file and some in files of their own; \(Layout.advice)"
    }
  }
}
