import ArgumentParser
import Glibc

struct WhereCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "where", abstract: "Print the path of the store's file.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: JSONOption

  func run() throws {
    var path = try Places.path(store)
    if path.utf8.first != UInt8(ascii: "/"), let current = getcwd(nil, 0) {
      path = String(cString: current) + "/" + path
      free(current)
    }
    let isThere = Places.exists(path)
    if output.json {
      Terminal.output.write("{\"path\":\(quoted(path)),\"exists\":\(isThere)}\n")
    } else {
      Terminal.output.write((Terminal.output.isTerminal ? visible(path) : path) + "\n")
      if !isThere { note("(the file does not exist yet)") }
    }
  }
}

struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "info", abstract: "Show the store's size, its keys and scopes, and whether it is damaged.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: JSONOption

  func run() throws {
    let path = try Places.path(store)
    let store = try Store(store, .reading)
    let info = try store.info()
    let all = try store.rows()
    let inSessions = all.filter { $0.key.starts(with: sessionPrefix) }.count
    let scopes = try store.scopes().count
    var status = stat()
    stat(path, &status)
    // Whoever made the file may have given it any time that the file system can hold.
    let seconds = min(max(Int64(status.st_mtim.tv_sec), Int64.min / 2000), Int64.max / 2000)
    let changed = seconds * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000
    if output.json {
      Terminal.output.write(
        "{\"path\":\(quoted(store.path)),\"keys\":\(inSessions),\"other_keys\":\(all.count - inSessions),\"scopes\":\(scopes),"
          + "\"live_bytes\":\(info.liveBytes),\"file_bytes\":\(info.fileBytes),\"damaged_lines\":\(info.damagedLines),"
          + "\"directory_is_open\":\(info.directoryIsOpen),\"changed_ms\":\(changed),\"format\":1}\n")
      return
    }
    let style = Style(Terminal.output)
    let damage = info.damagedLines == 0 ? style.good("none") : style.failure("yes; lily-session verify shows where")
    let folder = info.directoryIsOpen ? [("folder", style.failure("its owner or rights let other users exchange the file"))] : []
    let facts = [
      ("store", visible(store.path)), ("keys", "\(inSessions), and \(all.count - inSessions) outside the prefix"),
      ("scopes", String(scopes)),
      ("stored", "\(size(info.liveBytes)) of keys and values, including scopes"), ("file", "\(size(info.fileBytes)), format 1"),
      ("changed", localTime(changed)), ("damage", damage),
    ] + folder
    Terminal.output.write(facts.map { style.heading(padded($0.0, to: 9)) + $0.1 + "\n" }.joined())
  }
}

struct ScopesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "scopes", abstract: "Show the store's scopes.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: JSONOption

  func run() throws {
    let store = try Store(store, .reading)
    let scopes = try store.scopes().map { ($0.name, $0.rows.count, $0.rows.reduce(0) { $0 + $1.key.count + $1.text.count }) }
    if output.json {
      Terminal.output.write(array(scopes.map { "{\"scope\":\(quoted($0.0)),\"keys\":\($0.1),\"bytes\":\($0.2)}" }))
      return
    }
    if scopes.isEmpty {
      note("there are no scopes in \(visible(store.path))")
      return
    }
    let style = Style(Terminal.output)
    var table = Table(["SCOPE", "KEYS", "SIZE"])
    for (name, keys, bytes) in scopes {
      table.add([Table.Cell(text: visible(name), paint: style.key), Table.Cell(text: String(keys)), Table.Cell(text: size(Int64(bytes)))])
    }
    Terminal.output.write(table.text(Terminal.output, shrinking: [0]))
  }
}
