import ArgumentParser
import LilySession

let sessionPrefix = Array("lily_session_".utf8)

/// Returns a stored key as people write it, without the prefix that fields' keys have.
func fieldKey(_ stored: [UInt8]) -> String {
  String(decoding: stored.starts(with: sessionPrefix) ? stored[sessionPrefix.count...] : stored[...], as: UTF8.self)
}

struct KeyOptions: ParsableArguments {
  @Flag(help: "Include keys outside the prefix lily_session_, and write all keys in full.")
  var all = false

  /// Returns the key under which an entry is stored. `theme` is short for `lily_session_theme`.
  func stored(_ written: String) -> [UInt8] {
    let bytes = Array(written.utf8)
    return all || bytes.starts(with: sessionPrefix) ? bytes : sessionPrefix + bytes
  }

  /// Returns the beginning of the stored keys that begin as written; nil means all keys that the options include.
  func prefix(_ written: String?) -> [UInt8] { stored(written ?? "") }

  /// Returns a stored key as the options write it, safe to show on a terminal.
  func shown(_ stored: [UInt8]) -> String { visible(all ? String(decoding: stored, as: UTF8.self) : fieldKey(stored)) }
}

extension Store {
  /// Returns the problem that there is no such key, with advice that fits what there is.
  func absentKey(_ key: String, _ options: KeyOptions) throws -> Problem {
    let stored = options.stored(key)
    let shown = options.shown(stored)
    if try hasExpired(stored) { return Problem(Problem.absent, "there is no key \(shown) in \(visible(path)) any more: it has expired") }
    func advice() throws -> String {
      if !options.all, (try? row(Array(key.utf8))) ?? nil != nil { return "There is such a key outside the prefix lily_session_: give --all." }
      let names = try rows(withPrefix: options.prefix(nil)).map { options.all ? String(decoding: $0.key, as: UTF8.self) : fieldKey($0.key) }
      if let meant = nearest(to: key, among: names) { return "Did you mean \(visible(meant))?" }
      return "lily-session list shows the keys."
    }
    return Problem(Problem.absent, "there is no key \(shown) in \(visible(path))", advice: try advice())
  }
}

struct SecretOptions: ParsableArguments {
  @Flag(help: "Show the values of keys and members that look secret, such as authToken, api_key and password.")
  var showSecrets = false

  /// - Returns: the row's value with the mask in place of everything that looks secret; nil if all of it may be shown.
  func masked(_ row: Row, with mask: String) -> String? {
    guard !showSecrets else { return nil }
    return looksSecret(fieldKey(row.key)) ? mask : masking(row.text, with: mask)
  }
}

struct JSONOption: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false
}
