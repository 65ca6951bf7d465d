import ArgumentParser
import LilySession

let sessionPrefix = Array("lily_session_".utf8)

/// A stored key as people write it: that of a field by the field's own name.
func fieldKey(_ stored: [UInt8]) -> String {
  String(decoding: stored.starts(with: sessionPrefix) ? stored[sessionPrefix.count...] : stored[...], as: UTF8.self)
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
  @Flag(help: "Show the values of keys and members that look secret, such as authToken, api_key and password.")
  var showSecrets = false

  /// Returns the row's value with the mask in place of what looks secret; nil if all of it may be shown.
  func masked(_ row: Row, with mask: String) -> String? {
    guard !showSecrets else { return nil }
    return looksSecret(fieldKey(row.key)) ? mask : masking(row.text, with: mask)
  }
}

struct JSONOption: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false
}
