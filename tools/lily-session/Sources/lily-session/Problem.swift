import Glibc
import LilySession

/// Why a command did not do all that it was asked for, and what may be done about it.
struct Problem: Error {
  static let absent: Int32 = 1
  static let incomplete: Int32 = 2
  static let unusable: Int32 = 3

  var code: Int32
  var message: String
  var advice: String?

  init(_ code: Int32, _ message: String, advice: String? = nil) {
    self.code = code
    self.message = message
    self.advice = advice
  }

  func tell() {
    let style = Style(Terminal.error)
    Terminal.error.write("lily-session: " + style.failure(visible(lines: message)) + "\n")
    if let advice { note("  " + advice) }
  }
}

/// A line for the person at the terminal; what is printed is for whatever comes next.
func note(_ text: String) { Terminal.error.write(visible(lines: text) + "\n") }

extension Problem {
  /// What the library answered about the store at `path`.
  init(_ failure: Failure, path: String?) {
    let store = path.map { "the store \(visible($0))" } ?? "the store"
    // It names the path as that is.
    let whole = visible(json: String(describing: failure))
    var cause = String(describing: failure.reason)
    if let key = failure.key { cause += ": " + visible(fieldKey(Array(key.utf8))) }
    if failure.systemError != 0, let text = strerror(failure.systemError) { cause += " (\(String(cString: text)))" }
    switch failure.status {
    case .invalidArgument, .decode, .encode: self.init(Problem.usage, failure.path == nil ? cause : whole)
    case .notFound where path == nil: self.init(Problem.absent, whole)
    case .notFound: self.init(Problem.absent, "there is no store at \(path.map { visible($0) } ?? "that place")")
    case _ where failure.path != nil: self.init(Problem.unusable, whole, advice: Problem.advice(failure))
    default: self.init(Problem.unusable, "\(store) cannot be used: \(cause)", advice: Problem.advice(failure))
    }
  }

  /// As swift-argument-parser ends for what it refuses itself (EX_USAGE).
  static let usage: Int32 = 64

  private static func advice(_ failure: Failure) -> String? {
    switch failure.status {
    case .refused: "See that --store names a session.jsonl of your own; nothing was changed."
    case .permission: "Run it as the user whose store it is."
    case .corrupt: "lily-session verify tells what is damaged; compact --repair keeps the damaged file and writes what can be read anew."
    case .busy: "Another program has been at it for five seconds: try again, or see whether that one is stopped."
    case .newer: "A newer version of the library wrote to it: use that version's lily-session. Reading goes on."
    case .noSpace: "Make room on the disk; unset and clear work all the same."
    case .quota: "A line holds 64 MiB, and a file 4 GiB: unset what is not needed."
    case .notDurable: "It is written, but may not survive a power failure: see to the disk."
    default: nil
    }
  }
}
