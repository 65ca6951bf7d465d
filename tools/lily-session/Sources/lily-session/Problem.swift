import Glibc
import LilySession

/// The reason why a command did not do all that it was asked for, and advice on what to do about it.
struct Problem: Error {
  static let absent: Int32 = 1
  static let different: Int32 = 1
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

  /// Writes the message and the advice to standard error.
  func tell() {
    let style = Style(Terminal.error)
    Terminal.error.write("lily-session: " + style.failure(visible(lines: message)) + "\n")
    if let advice { note("  " + advice) }
  }
}

/// Tells all problems but the last, which it throws, as that one ends the command.
func throwAll(_ problems: [Problem]) throws {
  problems.dropLast().forEach { $0.tell() }
  if let last = problems.last { throw last }
}

/// Writes a line to standard error, for the person at the terminal. Standard output is for the program that reads it.
func note(_ text: String) { Terminal.error.write(visible(lines: text) + "\n") }

/// Returns the system's words for the last error, such as "Permission denied".
func systemText() -> String { String(cString: strerror(errno)) }

extension Problem {
  /// A failure of the library about the store at `path`.
  init(_ failure: Failure, path: String?) {
    let store = path.map { "the store \(visible($0))" } ?? "the store"
    // The description of a failure has the path as the system takes it, with characters that steer a terminal.
    let whole = visible(json: String(describing: failure))
    var cause = String(describing: failure.reason)
    if let key = failure.key { cause += ": " + visible(fieldKey(Array(key.utf8))) }
    if failure.systemError != 0, let text = strerror(failure.systemError) { cause += ": \(String(cString: text))" }
    switch failure.status {
    case .invalidArgument, .decode, .encode: self.init(Problem.usage, failure.path == nil ? cause : whole)
    case .notFound where path == nil: self.init(Problem.absent, whole)
    case .notFound: self.init(Problem.absent, "there is no store at \(path.map { visible($0) } ?? "that place")")
    case _ where failure.path != nil: self.init(Problem.unusable, whole, advice: Problem.advice(failure))
    default: self.init(Problem.unusable, "cannot use \(store): \(cause)", advice: Problem.advice(failure))
    }
  }

  /// A failure of the library about the store on a server.
  init(_ failure: Failure, server: String) {
    // What a server's storage says about a failure stands where a file's has its path.
    var cause = visible(json: failure.path ?? String(describing: failure.reason))
    if let key = failure.key { cause += ": " + visible(fieldKey(Array(key.utf8))) }
    if failure.systemError != 0, let text = strerror(failure.systemError) { cause += ": \(String(cString: text))" }
    switch failure.status {
    case .invalidArgument, .decode, .encode: self.init(Problem.usage, cause)
    default: self.init(Problem.unusable, "cannot use the store \(visible(server)): \(cause)")
    }
  }

  /// The exit status with which swift-argument-parser refuses a command line (EX_USAGE).
  static let usage: Int32 = 64

  private static func advice(_ failure: Failure) -> String? {
    switch failure.status {
    case .refused: "Check that --store names a session.jsonl of your own. Nothing was changed."
    case .permission: "Run the command as the user who owns the store."
    case .corrupt: "lily-session verify shows what is damaged; compact --repair keeps the damaged file and rewrites what can be read."
    case .busy: "Another program has held the store for five seconds. Try again, or check whether that program is stopped."
    case .newer: "A newer version of the library wrote to the store. Use lily-session of that version; this one can still read it."
    case .noSpace: "Free space on the disk. unset and clear work on a full disk, too."
    case .quota: "A line holds at most 64 MiB, and a file 4 GiB. Unset what is not needed."
    case .notDurable: "The change is written, but may not survive a power failure. Check the disk."
    default: nil
    }
  }
}
