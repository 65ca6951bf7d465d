import ArgumentParser
import Glibc
import LilySession

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read the file line by line, and show where it is damaged.",
    discussion: """
      Nothing is written. The text of a damaged line is not shown, because what looks like a key in it may be a value. The \
      first 500 lines are shown, and all of them with --json. Where each scope is a file, these files are read, too, and shown if they are \
      damaged, in the wrong folder or no scope's. The exit status is 2 if anything is wrong.
      """)

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: JSONOption
  @OptionGroup var colours: ColourOption

  /// How many findings the table shows. A hostile file may have millions.
  private static let mostRows = 500

  func run() throws {
    let hasScopes = store.scope == nil
    let store = try Store(store, .examining, evenHalfMoved: true)
    let files = hasScopes && store.hasScopeFiles ? ScopeFiles(of: store) : nil
    if output.json { try printJSON(store, files) } else { try printTable(store, files) }
  }

  private func printTable(_ store: Store, _ files: ScopeFiles?) throws {
    let style = Style(Terminal.output)
    var table = Table(["LINE", "AT BYTE", "BYTES", "FINDING"])
    var findings = 0
    var torn: Int64 = 0
    var isNewer = false
    let examination = try store.examine { finding in
      if finding.kind == .torn { torn = finding.length }
      if finding.kind == .newer { isNewer = true }
      findings += 1
      guard findings <= VerifyCommand.mostRows else { return }
      table.add([
        Table.Cell(text: String(finding.line)), Table.Cell(text: String(finding.offset)), Table.Cell(text: String(finding.length)),
        Table.Cell(text: finding.words) { finding.kind == .torn || finding.kind == .newer ? $0 : style.failure($0) },
      ])
    }
    if findings > 0 { Terminal.output.write(table.text(Terminal.output, shrinking: [3], dropping: [1, 2])) }
    if findings > VerifyCommand.mostRows {
      Terminal.output.write("… and \(count(findings - VerifyCommand.mostRows, "more line")), which verify --json shows\n")
    }
    Terminal.output.write(summary(examination, try living(in: store), torn, isNewer, store.path, style))
    let wrong = try files.map { try printTable($0, style) } ?? 0
    if examination.damaged > 0 || wrong > 0 { throw ExitCode(Problem.incomplete) }
  }

  /// Prints what is wrong with the files of scopes. Returns the number of findings.
  private func printTable(_ files: ScopeFiles, _ style: Style) throws -> Int {
    var table = Table(["FILE", "FINDING"])
    var findings = 0
    let scopes = try files.examine { finding in
      findings += 1
      guard findings <= VerifyCommand.mostRows else { return }
      table.add([Table.Cell(text: visible(finding.path)), Table.Cell(text: finding.words, paint: style.failure)])
    }
    if findings > 0 { Terminal.output.write(table.text(Terminal.output, shrinking: [1, 0])) }
    if findings > VerifyCommand.mostRows {
      Terminal.output.write("… and \(findings - VerifyCommand.mostRows) more, which verify --json shows\n")
    }
    let result = findings == 0 ? style.good("No damage.") : style.failure("\(count(findings, "thing is", "things are")) wrong there.")
    Terminal.output.write("\(visible(files.path)): \(count(scopes, "file")) of scopes\n\(result)\n")
    return findings
  }

  /// Prints the findings as they are found, and what is known only then after them.
  private func printJSON(_ store: Store, _ files: ScopeFiles?) throws {
    var waiting = "{\"path\":\(quoted(store.path)),\"findings\":["
    var separator = "\n"
    // A bar of progress would stand in the midst of the findings.
    let examination = try store.examine(showingProgress: !Terminal.output.isTerminal) { finding in
      waiting += separator
      waiting += "{\"line\":\(finding.line),\"offset\":\(finding.offset),\"length\":\(finding.length),\"kind\":\"\(finding.name)\"}"
      separator = ",\n"
      guard waiting.utf8.count >= 1 << 16 else { return }
      Terminal.output.write(waiting)
      waiting = ""
    }
    Terminal.output.write(
      waiting + (separator == "\n" ? "" : "\n") + "],\"file_bytes\":\(examination.fileBytes),\"lines\":\(examination.lines),\"damaged\":\(examination.damaged),"
        + "\"entries\":\(try living(in: store))")
    let wrong = try files.map(printJSON) ?? 0
    Terminal.output.write("}\n")
    if examination.damaged > 0 || wrong > 0 { throw ExitCode(Problem.incomplete) }
  }

  /// Prints what is wrong with the files of scopes as further members. Returns the number of findings.
  private func printJSON(_ files: ScopeFiles) throws -> Int {
    Terminal.output.write(",\"scope_findings\":[")
    var findings = 0
    let scopes = try files.examine { finding in
      let scope = finding.scope.map { ",\"scope\":\(quoted($0))" } ?? ""
      Terminal.output.write("\(findings == 0 ? "\n" : ",\n"){\"path\":\(quoted(finding.path)),\"kind\":\"\(finding.kind)\"\(scope)}")
      findings += 1
    }
    Terminal.output.write("\(findings == 0 ? "" : "\n")],\"scope_files\":\(scopes)")
    return findings
  }

  /// Returns the number of entries in the file, including those in scopes.
  private func living(in store: Store) throws -> Int {
    try store.innerScopes().reduce(store.rows().count) { $0 + (try store.summary(ofScope: $1, isFile: false).entries) }
  }

  private func summary(_ found: Examination, _ living: Int, _ torn: Int64, _ isNewer: Bool, _ path: String, _ style: Style) -> String {
    if found.isUnfinished { return "\(visible(path)): nothing was ever stored in this file; it reads as empty\n" }
    var lines = ["\(visible(path)): \(size(found.fileBytes)), \(count(found.lines, "line")), \(count(living, "entry", "entries"))"]
    if found.damaged == 0 {
      lines.append(style.good("No damage."))
    } else {
      let skipped = "The file is damaged in \(count(found.damaged, "place")). Damaged lines are skipped; all other lines count."
      let kept = (path.split(separator: "/").last.map(String.init) ?? path) + ".damaged"
      let replacing = Places.exists(path + ".damaged") ? ", in place of the existing one," : ""
      lines += [
        style.failure(skipped),
        isNewer
          ? "The file has lines of a newer format. Repair it with a newer version. compact --repair --discard-unknown loses those lines."
          : "compact --repair would keep it as \(visible(kept))\(replacing) and rewrite the \(count(living, "entry", "entries")).",
      ]
    }
    if torn > 0 {
      let bytes = count(Int(torn), "byte")
      lines.append("The last line has no end: \(bytes) of a write that is under way, or whose program died. The next writer cuts them off.")
    }
    if isNewer, found.damaged == 0 {
      lines.append("Some lines have a newer format: this version skips them, and does not write to the file.")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// What is wrong with the files of a store's scopes.
private struct ScopeFiles {
  struct Finding {
    var path: String
    var kind: String
    var words: String
    var scope: String?
  }

  private let store: Store

  init(of store: Store) { self.store = store }

  var path: String { store.path + ".d" }

  /// Calls `visit` for each finding. Returns the number of files.
  func examine(_ visit: (Finding) -> Void) throws -> Int {
    if try !store.innerScopes().isEmpty {
      visit(Finding(path: store.path, kind: "inner", words: "it has scopes in it, which nobody finds there: \(Layout.advice)"))
    }
    var files = 0
    try ScopeFolder(beside: store.path).forEach { path, found in
      switch found {
      case .scope(let name):
        files += 1
        do {
          let lines = try store.damagedLines(inFileOf: name)
          if lines == 0 { return }
          let words = "damaged in \(count(lines, "place")), which verify --scope shows for the scope \(visible(name))"
          visit(Finding(path: path, kind: "damaged", words: words, scope: name))
        } catch let problem as Problem {
          visit(Finding(path: path, kind: "unusable", words: problem.message, scope: name))
        }
      case .odd(let oddity): visit(Finding(path: path, kind: oddity.rawValue, words: oddity.words))
      }
    }
    return files
  }
}

extension Finding {
  fileprivate var name: String {
    switch kind {
    case .header: "header"
    case .check: "check"
    case .grammar: "grammar"
    case .copied: "copied"
    case .missing: "missing"
    case .tooLong: "too-long"
    case .newer: "newer"
    case .torn: "torn"
    }
  }

  fileprivate var words: String {
    switch kind {
    case .header: "this copy of the header is damaged; the other copy is used"
    case .check: "skipped: the checksum is wrong"
    case .grammar: "skipped: the checksum is right, but no writer writes such a line"
    case .copied: "skipped: the line was copied from another place"
    case .missing(let number): "\(number == 1 ? "a line is" : "\(number) lines are") missing before this line"
    case .tooLong: "skipped: the line is longer than 64 MiB"
    case .newer: "skipped: the line has a newer format"
    case .torn: "the line has no end"
    }
  }
}

struct CompactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact", abstract: "Rewrite the file with only its current entries.",
    discussion: "Replaced and removed values are gone from the file then. A damaged file is left alone, unless --repair is given.")

  @Flag(help: "Rewrite a damaged file too, and keep the damaged file as FILE.damaged.") var repair = false
  @Flag(help: "With --repair, rewrite a file with lines of a newer format too; only FILE.damaged keeps those lines.") var discardUnknown = false
  @OptionGroup var store: StoreOptions
  @OptionGroup var colours: ColourOption

  func validate() throws {
    if discardUnknown, !repair { throw ValidationError("--discard-unknown needs --repair.") }
  }

  func run() throws {
    let before = try Store(store, .examining, evenHalfMoved: true).info()
    let store = try Store(store, repair ? .changing : .changingIfWhole, evenHalfMoved: true)
    guard Places.exists(store.path) else { throw Problem(Problem.absent, "there is no scope of this name: \(visible(store.path)) does not exist") }
    try store.compact(discardingUnknown: discardUnknown)
    let after = try store.info()
    try store.close()
    note("\(visible(store.path)): \(size(before.fileBytes)) before, \(size(after.fileBytes)) now")
    if before.damagedLines > 0 || discardUnknown && Places.exists(store.path + ".damaged") {
      note("kept the damaged file as \(visible(store.path)).damaged")
    }
  }
}
