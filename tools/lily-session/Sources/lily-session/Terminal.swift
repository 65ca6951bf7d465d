import ArgumentParser
import Glibc

/// A standard stream, which may lead to a terminal.
struct Terminal: Sendable {
  static let output = Terminal(descriptor: 1)
  static let error = Terminal(descriptor: 2)

  let descriptor: Int32

  var isTerminal: Bool { isatty(descriptor) != 0 }

  /// True if text on this stream is coloured. Unless --color says so, it is if this is a terminal that has colours, and NO_COLOR
  /// (no-color.org) is not set.
  var hasColours: Bool {
    func value(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
    switch ColourOption.chosen {
    case .always: return true
    case .never: return false
    case .auto: return isTerminal && value("NO_COLOR").isEmpty && value("TERM") != "dumb"
    }
  }

  /// The width of the terminal; nil if the stream is not a terminal, and so nothing has to be cut.
  var columns: Int? {
    guard isTerminal else { return nil }
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  func write(_ text: String) { write(Array(text.utf8)) }

  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else {
        // If standard error cannot be written either, the exit status still tells of the failure.
        if descriptor == 1 { Terminal.error.write("lily-session: cannot write to standard output: \(systemText())\n") }
        exit(Problem.unusable)
      }
      rest = rest.dropFirst(written)
    }
  }
}

/// When text is coloured.
struct ColourOption: ParsableArguments {
  enum Choice: String, ExpressibleByArgument, CaseIterable { case auto, always, never }

  /// What the command line says. It is set once, before anything is written.
  nonisolated(unsafe) fileprivate(set) static var chosen = Choice.auto

  @Option(help: ArgumentHelp("Colour the output: auto, on a terminal only, always or never.", valueName: "when")) var color: Choice = .auto

  func validate() throws { ColourOption.chosen = color }
}

/// Paints text by its meaning. On a stream without colours it returns the text unchanged.
struct Style {
  private let isOn: Bool

  init(_ terminal: Terminal) { isOn = terminal.hasColours }

  private func paint(_ code: String, _ text: String) -> String { isOn && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }

  func heading(_ text: String) -> String { paint("1", text) }
  func key(_ text: String) -> String { paint("36", text) }
  func faint(_ text: String) -> String { paint("2", text) }
  func good(_ text: String) -> String { paint("32", text) }
  func failure(_ text: String) -> String { paint("31", text) }
  func value(_ text: String, _ type: ValueType?) -> String {
    switch type {
    case .string: paint("32", text)
    case .integer, .real: paint("33", text)
    case .boolean, .null: paint("35", text)
    case .array, .object: text
    case nil: faint(text)
    }
  }
}

/// A bar on standard error that shows how much of a long task is done. It is shown on a terminal only.
struct Progress {
  private let label: String
  private let total: Int64
  private let isShown: Bool
  private var shown = -1

  /// - Parameter least: if there is less than this in total, nothing is shown.
  init(_ label: String, total: Int64, least: Int64 = 1 << 20) {
    self.label = label
    self.total = total
    isShown = total >= least && Terminal.error.isTerminal
  }

  mutating func advance(to done: Int64) {
    guard isShown else { return }
    let percent = Int(min(done, total) * 100 / total)
    guard percent != shown else { return }
    shown = percent
    let filled = percent / 4
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 25 - filled)
    Terminal.error.write("\r\(label) [\(bar)] \(percent)%")
  }

  func end() {
    if isShown { Terminal.error.write("\r\u{1B}[K") }
  }
}
