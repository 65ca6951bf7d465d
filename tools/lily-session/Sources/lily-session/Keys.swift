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
