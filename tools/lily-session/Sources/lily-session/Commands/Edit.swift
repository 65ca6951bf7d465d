import ArgumentParser
import Glibc
import LilySession

struct EditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Change a value in an editor.",
    discussion: """
      Opens the value in the editor that VISUAL or EDITOR names, or in vi. What is saved has to be JSON. If it is not, the command says where, \
      and asks whether to edit it again. The key keeps its version and the time at which it expires. If a program changes the value \
      meanwhile, nothing is stored. While the editor runs, the value is in a file that only you can read.
      """)

  @Argument(help: "The key.") var key: String
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var colours: ColourOption

  func run() throws {
    let store = try Store(store, .changing)
    let stored = keys.stored(key)
    guard let row = try store.row(stored) else { throw try store.absentKey(key, keys) }
    let before = indented(row.text)
    let draft = try Draft(before)
    var isKept = false
    defer { if !isKept { draft.remove() } }
    let text = try edited(draft)
    if text == before || text == row.text { return note("nothing was changed") }
    try store.modify(stored) { now in
      if let now, now.utf8.elementsEqual(row.text) { return String(decoding: text, as: UTF8.self) }
      isKept = true
      throw Problem(
        Problem.incomplete, "nothing was stored: another program has \(now == nil ? "removed" : "changed") \(keys.shown(stored)) meanwhile",
        advice: "What you wrote is in \(visible(draft.path)), which only you can read. Remove it when you need it no more.")
    }
    try store.close()
  }

  /// Lets the person edit until the text is JSON, or until they give up.
  private func edited(_ draft: Draft) throws -> [UInt8] {
    while true {
      try draft.edit()
      var text = try readFile(draft.path)
      while let last = text.last, last == 0x0A || last == 0x0D || last == 0x20 || last == 0x09 { text.removeLast() }
      guard let fault = Store.fault(in: text, { words(for: $0, in: text) }) else { return text }
      guard isatty(0) != 0 else { throw Problem(Problem.usage, "nothing was stored: \(fault)") }
      Terminal.error.write("\(visible(lines: fault))\nEdit it again? [Y/n] ")
      guard let answer = readLine(), ["", "y", "yes"].contains(answer.lowercased()) else { throw Problem(Problem.absent, "nothing was stored") }
    }
  }

  /// Returns what is wrong with a text, and in which line and column, as editors count them.
  private func words(for failure: Failure, in text: [UInt8]) -> String {
    guard let byte = failure.byte else { return String(describing: failure) }
    let before = text.prefix(byte).split(separator: 0x0A, omittingEmptySubsequences: false)
    let column = (before.last.map { String(decoding: $0, as: UTF8.self).unicodeScalars.count } ?? 0) + 1
    return "\(failure.reason) in line \(max(before.count, 1)), column \(column)"
  }
}
