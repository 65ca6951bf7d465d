import ArgumentParser
import LilySession

let sessionPrefix = Array("lily_session_".utf8)

/// A stored key as people write it: that of a field by the field's own name.
func fieldKey(_ stored: [UInt8]) -> String {
  String(decoding: stored.starts(with: sessionPrefix) ? stored[sessionPrefix.count...] : stored[...], as: UTF8.self)
}

/// Whose value is not for everybody who can see the screen.
func looksSecret(_ key: [UInt8]) -> Bool {
  let name = String(decoding: key, as: UTF8.self).lowercased()
  return ["token", "password", "secret", "key"].contains { name.contains($0) }
}

struct KeyOptions: ParsableArguments {
  @Flag(help: "Keys outside the prefix lily_session_ too; they are written in full.")
  var all = false

  /// theme is short for lily_session_theme.
  func stored(_ written: String) -> [UInt8] {
    let bytes = Array(written.utf8)
    return all || bytes.starts(with: sessionPrefix) ? bytes : sessionPrefix + bytes
  }

  /// As `stored`, for the beginning of keys.
  func prefix(_ written: String?) -> [UInt8] { stored(written ?? "") }

  func shown(_ stored: [UInt8]) -> String { visible(all ? String(decoding: stored, as: UTF8.self) : fieldKey(stored)) }
}

struct SecretOptions: ParsableArguments {
  @Flag(help: "Show the values of keys that look secret (token, password, secret, key).")
  var showSecrets = false

  func hides(_ row: Row) -> Bool { !showSecrets && looksSecret(row.key) }
}

struct JSONOption: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false
}
