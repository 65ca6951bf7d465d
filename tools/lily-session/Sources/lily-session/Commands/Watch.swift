import ArgumentParser
import Glibc

struct WatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Show the changes that programs make, as they happen.", discussion: "Runs until Ctrl-C ends it.")

  @Argument(help: "Show only keys with this prefix.") var prefix: String?
  @OptionGroup var store: StoreOptions
  @OptionGroup var keys: KeyOptions
  @OptionGroup var secrets: SecretOptions
  @OptionGroup var output: JSONOption
  @OptionGroup var colours: ColourOption

  private struct Moment: Equatable {
    var generation: UInt64
    var rows: [[UInt8]: Row]
  }

  func run() throws {
    let store = try Store(store, .reading)
    let descriptor = store.descriptor  // made before the first reading, so that no change in between is missed
    var before = try readMoment(store)
    note("watching \(visible(store.path)); press Ctrl-C to end")
    if descriptor < 0 { note("the system does not report changes to this store; checking it once a second") }
    while true {
      awaitChange(descriptor, until: before.rows.values.map(\.deadline).filter { $0 != 0 }.min(), now: store.now())
      let after = try readMoment(store)
      printChanges(from: before, to: after, now: store.now())
      before = after
    }
  }

  /// Reads the rows and the generation as of one moment.
  private func readMoment(_ store: Store) throws -> Moment {
    func read() throws -> Moment {
      let generation = try store.generation()
      return Moment(generation: generation, rows: Dictionary(uniqueKeysWithValues: try store.rows(withPrefix: keys.prefix(prefix)).map { ($0.key, $0) }))
    }
    // If a clear comes between the two, its removals look like single ones. And a change that comes between them has been met by the second, so
    // the descriptor does not tell of it. So both are read until nothing has changed.
    var moment = try read()
    while true {
      let again = try read()
      if again == moment { return moment }
      moment = again
    }
  }

  /// Waits until the store changes, or until the deadline.
  private func awaitChange(_ descriptor: Int32, until deadline: Int64?, now: Int64) {
    var timeout = descriptor < 0 ? Int32(1000) : -1
    if let deadline { timeout = min(timeout < 0 ? Int32.max : timeout, Int32(clamping: max(deadline - now, 0))) }
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    poll(&wanted, 1, timeout)
  }

  private func printChanges(from before: Moment, to after: Moment, now: Int64) {
    var left = before.rows
    if after.generation != before.generation {
      printChange("cleared", nil, now)
      left = [:]
    }
    for row in left.values.filter({ after.rows[$0.key] == nil }).sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      printChange(row.deadline != 0 && row.deadline <= now ? "expired" : "removed", row, now)
    }
    for row in after.rows.values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      guard let old = left[row.key] else {
        printChange("set", row, now)
        continue
      }
      if old.text != row.text || old.version != row.version {
        printChange("set", row, now)
      } else if old.deadline != row.deadline {
        printChange("renewed", row, now)
      }
    }
  }

  /// - Parameter row: the entry that changed; nil if the event is about all of them.
  private func printChange(_ event: String, _ row: Row?, _ now: Int64) {
    let hasValue = event == "set" || event == "renewed"
    if output.json {
      let extra = "\"time_ms\":\(now),\"event\":\"\(event)\""
      let line =
        switch row {
        case let row? where hasValue: row.object(masked: secrets.masked(row, with: jsonMask), extra: extra + ",")
        case let row?: "{\(extra),\"key\":\(quoted(String(decoding: row.key, as: UTF8.self)))}"
        case nil: "{\(extra)}"
        }
      Terminal.output.write(line + "\n")
      return
    }
    let style = Style(Terminal.output)
    let time = localTime(now, "%H:%M:%S")
    let key = row.map { keys.shown($0.key) } ?? ""
    var value = ""
    if let row, hasValue {
      let masked = secrets.masked(row, with: mask)
      value = visible(json: masked ?? row.json)
      if row.deadline != 0 { value += "  (expires \(Expiry.words(row.deadline, at: now)))" }
      if let columns = Terminal.output.columns { value = cut(value, to: max(columns - 21 - width(key), 12)) }
      value = "  " + style.value(value, masked == mask ? nil : row.type)
    }
    let painted = hasValue ? style.good(padded(event, to: 7)) : style.failure(padded(event, to: 7))
    Terminal.output.write("\(style.faint(time))  \(painted)\(key.isEmpty ? "" : "  " + style.key(key))\(value)\n")
  }
}
