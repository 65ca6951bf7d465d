import ArgumentParser

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Show the keys, their values, and when they expire.")

  @Argument(help: "Show only keys with this prefix.") var prefix: String?
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var secrets: SecretOptions
  @OptionGroup var output: JSONOption
  @OptionGroup var colours: ColourOption

  func run() throws {
    let store = try Store(store, .reading)
    try store.noteDamage()
    let rows = try store.rows(withPrefix: keys.prefix(prefix))
    if output.json {
      Terminal.output.write(array(rows.map { $0.object(masked: secrets.masked($0, with: jsonMask)) }))
      return
    }
    if rows.isEmpty { return noteEmptiness(store) }
    let style = Style(Terminal.output)
    let now = store.now()
    var table = Table(["KEY", "VALUE", "TYPE", "EXPIRES", "VERSION"])
    for row in rows {
      let masked = secrets.masked(row, with: mask)
      table.add([
        Table.Cell(text: keys.shown(row.key), paint: style.key),
        Table.Cell(text: visible(json: masked ?? row.json)) { style.value($0, masked == mask ? nil : row.type) },
        Table.Cell(text: row.type.rawValue, paint: style.faint),
        Table.Cell(text: Expiry.words(row.deadline, at: now)) { row.deadline == 0 ? style.faint($0) : $0 },
        Table.Cell(text: String(row.version), paint: style.faint),
      ])
    }
    Terminal.output.write(table.text(Terminal.output, shrinking: [1, 0], dropping: [4, 3, 2]))
  }

  private func noteEmptiness(_ store: Store) {
    // Whoever may not list the scopes of a server may still list its keys.
    let scopes = self.store.scope == nil ? (try? store.scopes().count) ?? 0 : 0
    let others = scopes == 0 ? "" : "; it has \(count(scopes, "scope")), which lily-session scopes lists, and --scope NAME shows the keys of one"
    note("there are no such keys in \(visible(store.path))\(others)")
  }
}
