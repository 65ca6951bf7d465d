import ArgumentParser
import Glibc

struct WhereCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "where", abstract: "Print the path of the store's file.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: JSONOption
  @OptionGroup var colours: ColourOption

  func run() throws {
    var path = try Store.path(ofScope: store.scope, Places.path(store))
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
  @OptionGroup var colours: ColourOption

  func run() throws {
    let store = try Store(store, .examining)
    let info = try store.info()
    let all = try store.rows()
    let inSessions = all.filter { $0.key.starts(with: sessionPrefix) }.count
    let scopes = try store.scopes()
    let layout = Layout(store, scopes)
    var status = stat()
    stat(store.path, &status)
    // Whoever made the file may have given it any time that the file system can hold.
    let seconds = min(max(Int64(status.st_mtim.tv_sec), Int64.min / 2000), Int64.max / 2000)
    let changed = seconds * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000
    if output.json {
      Terminal.output.write(
        "{\"path\":\(quoted(store.path)),\"keys\":\(inSessions),\"other_keys\":\(all.count - inSessions),\"scopes\":\(scopes.count),"
          + "\"layout\":\"\(layout.rawValue)\",\"live_bytes\":\(info.liveBytes),\"file_bytes\":\(info.fileBytes),\"damaged_lines\":\(info.damagedLines),"
          + "\"directory_is_open\":\(info.directoryIsOpen),\"changed_ms\":\(changed),\"format\":1}\n")
      return
    }
    let style = Style(Terminal.output)
    let damage = info.damagedLines == 0 ? style.good("none") : style.failure("yes; lily-session verify shows where")
    let folder = info.directoryIsOpen ? [("folder", style.failure("its owner or rights let other users exchange the file"))] : []
    let facts = [
      ("store", visible(store.path)), ("keys", "\(inSessions), and \(all.count - inSessions) outside the prefix"),
      ("scopes", layout.words(scopes)),
      ("stored", "\(size(info.liveBytes)) of keys and values\(store.hasScopeFiles ? "" : ", including scopes")"),
      ("file", "\(size(info.fileBytes)), format 1"),
      ("changed", localTime(changed)), ("damage", damage),
    ] + folder
    Terminal.output.write(facts.map { style.heading(padded($0.0, to: 9)) + $0.1 + "\n" }.joined())
  }
}
