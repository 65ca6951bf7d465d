import ArgumentParser

struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Store the entries that export or a browser wrote.",
    discussion: """
      Takes the array that export prints, or the object that JSON.stringify(localStorage) returns. It replaces the values of keys that the \
      store already has; other keys stay. Each scope is stored in a step of its own, as are the keys in no scope: all of it or none, up to \
      32 MiB. With --scope, what has no scope in the input is stored in that scope; from an input that has scopes, only that scope is \
      taken. Values that are not JSON are left out and listed; the exit status is 2 then. A missing store is created.
      """)

  @Argument(help: "The file, or - for standard input.") var file: String = "-"
  @OptionGroup var store: StoreOptions
  @OptionGroup var scopes: ScopesOption
  @OptionGroup var keys: KeyOptions
  @OptionGroup var colours: ColourOption

  private static let stepBytes = 32 << 20
  private static let mostNotes = 100

  func run() throws {
    var dump = try Dump(try readFile(file))
    try choose(from: &dump)
    var leftOut = dump.checkValues()
    let store = try Store(store, .creating)
    var (inStore, inScopes, stored) = (0, 0, 0)
    for part in dump.parts where !part.rows.isEmpty {
      let refused: [Dump.LeftOut]
      do { refused = try write(part, to: store) } catch {
        if inStore + inScopes > 0 { note("\(count(inStore + inScopes, "key was", "keys were")) imported before this; the same command imports all") }
        throw error
      }
      leftOut += refused
      let taken = part.rows.count - refused.count
      if part.scope == nil { inStore += taken } else { (inScopes, stored) = (inScopes + taken, stored + (taken > 0 ? 1 : 0)) }
    }
    try store.close()
    let scoped = stored == 0 ? "" : ", and \(count(inScopes, "key")) in \(count(stored, "scope")),"
    note("imported \(count(inStore, "key"))\(scoped) into \(visible(store.path))")
    for entry in leftOut.prefix(ImportCommand.mostNotes) {
      note("left out \(keys.shown(entry.key))\(entry.scope.map { " of \(visible($0))" } ?? ""): \(entry.reason)")
    }
    if leftOut.count > ImportCommand.mostNotes { note("left out \(leftOut.count - ImportCommand.mostNotes) more") }
    if !leftOut.isEmpty { throw ExitCode(Problem.incomplete) }
  }

  /// Removes from the dump what the options leave out, and says so.
  private func choose(from dump: inout Dump) throws {
    if let scope = store.scope, dump.hasScopes {
      guard dump.choose(scope) else {
        throw Problem(
          Problem.absent, "nothing was imported: the input has scopes, and none of the name \(visible(scope))",
          advice: "Without --scope all of it is imported, each entry to its scope.")
      }
      note("importing the scope \(visible(scope)) alone; without --scope all of the input is imported")
    }
    if !scopes.scopes {
      let removed = dump.removeScopes()
      if removed > 0 { note("skipped \(count(removed, "scope"))") }
    }
    guard dump.isOfBrowser, !keys.all else { return }
    let others = dump.removeOthersKeys()
    if others > 0 { note("skipped \(count(others, "key")) outside the prefix lily_session_; --all imports such keys too") }
  }

  /// Returns the entries that this store does not take. A store on a server takes fewer names than a file.
  private func write(_ part: Dump.Part, to store: Store) throws -> [Dump.LeftOut] {
    let place = try part.scope.map { try store.scoped($0) } ?? store
    var step: [Row] = []
    var taken = 0
    var refused: [Dump.LeftOut] = []
    func writeStep() throws {
      do { try place.set(step) } catch let problem as Problem where problem.code == Problem.usage {
        for row in step {
          do { try place.set([row]) } catch let problem as Problem where problem.code == Problem.usage {
            refused.append(Dump.LeftOut(scope: part.scope, key: row.key, reason: problem.message))
          }
        }
      }
      step = []
      taken = 0
    }
    for row in part.rows {
      let size = place.lineBytes(row)
      if taken + size > ImportCommand.stepBytes, !step.isEmpty { try writeStep() }
      step.append(row)
      taken += size
    }
    try writeStep()
    if store.hasScopeFiles, part.scope != nil { try place.close() }
    return refused
  }
}
