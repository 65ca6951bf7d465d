import ArgumentParser

struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Show in what two stores differ.",
    discussion: """
      Compares all keys and scopes, with their values, the times at which they expire, and their versions. What the first store has is shown \
      with -, and what the second has with +. A store is named as for --store. The exit status is 0 if they are the same, 1 if they differ, \
      and 3 if one of them cannot be read.
      """)

  @Argument(help: ArgumentHelp("The first store.", valueName: "store")) var first: String
  @Argument(help: ArgumentHelp("The second store.", valueName: "store")) var second: String
  @Option(help: ArgumentHelp("Compare this scope of both.", valueName: "scope")) var scope: String?
  @OptionGroup var scopes: ScopesOption
  @OptionGroup var secrets: SecretOptions
  @OptionGroup var output: JSONOption
  @OptionGroup var colours: ColourOption

  /// What is under one key in both stores. At least one of them has an entry.
  private struct Difference {
    var scope: String?
    var key: [UInt8]
    var first: Row?
    var second: Row?
  }

  func run() throws {
    let stores = try [open(first), open(second)]
    for store in stores { try store.noteDamage() }
    var differences = try compare(stores, nil)
    if scope == nil, scopes.scopes {
      // Names are compared as bytes.
      var names: [[UInt8]: String] = [:]
      for store in stores { for found in try store.scopes() { names[Array(found.name.utf8)] = found.name } }
      for name in names.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }).map(\.value) {
        differences += try compare(try stores.map { try $0.scoped(name) }, name)
      }
    }
    if output.json { printJSON(differences) } else if !differences.isEmpty { printTable(differences, stores) }
    if !differences.isEmpty { throw ExitCode(Problem.different) }
  }

  private func open(_ store: String) throws -> Store {
    let options = try StoreOptions.parse(["--store=\(store)"] + (scope.map { ["--scope=\($0)"] } ?? []))
    do { return try Store(options, .reading) } catch var problem as Problem where problem.code == Problem.absent {
      problem.code = Problem.unusable  // 1 says that the stores differ
      throw problem
    }
  }

  /// Compares the entries of two stores, or of a scope of both.
  private func compare(_ stores: [Store], _ scope: String?) throws -> [Difference] {
    let all = try stores.map { Dictionary(uniqueKeysWithValues: try $0.rows().map { ($0.key, $0) }) }
    return Set(all.flatMap(\.keys)).sorted { $0.lexicographicallyPrecedes($1) }.compactMap { key in
      let (first, second) = (all[0][key], all[1][key])
      return first == second ? nil : Difference(scope: scope, key: key, first: first, second: second)
    }
  }

  private func printTable(_ differences: [Difference], _ stores: [Store]) {
    let style = Style(Terminal.output)
    let now = stores[0].now()
    let hasScopes = differences.contains { $0.scope != nil }
    var table = Table(["", "SCOPE", "KEY", "VALUE", "EXPIRES", "VERSION"], without: hasScopes ? [] : [1])
    for difference in differences {
      for (sign, row) in [("-", difference.first), ("+", difference.second)] {
        guard let row else { continue }
        let masked = secrets.masked(row, with: mask)
        table.add([
          Table.Cell(text: sign) { sign == "-" ? style.failure($0) : style.good($0) },
          Table.Cell(text: difference.scope.map { visible($0) } ?? "", paint: style.key),
          Table.Cell(text: visible(String(decoding: row.key, as: UTF8.self)), paint: style.key),
          Table.Cell(text: visible(json: masked ?? row.json)) { style.value($0, masked == mask ? nil : row.type) },
          Table.Cell(text: Expiry.words(row.deadline, at: now)), Table.Cell(text: String(row.version), paint: style.faint),
        ])
      }
    }
    Terminal.output.write("--- \(visible(stores[0].path))\n+++ \(visible(stores[1].path))\n")
    Terminal.output.write(table.text(Terminal.output, shrinking: [3, 2, 1], dropping: [5, 4]))
  }

  private func printJSON(_ differences: [Difference]) {
    func member(_ row: Row?) -> String { row.map { $0.object(masked: secrets.masked($0, with: jsonMask)) } ?? "null" }
    Terminal.output.write(
      array(
        differences.map { difference in
          let scope = difference.scope.map { "\"scope\":\(quoted($0))," } ?? ""
          return "{\(scope)\"key\":\(quoted(String(decoding: difference.key, as: UTF8.self))),"
            + "\"first\":\(member(difference.first)),\"second\":\(member(difference.second))}"
        }))
  }
}
