// Which names look secret: those of keys, and those of members of objects in values. Their values are not for everybody who can see
// the screen.

/// Words that make a name secret, however it is written: authToken, auth_token, auth-token, AUTH_TOKEN. A whole word has to match, so
/// keyboard, monkey, author and secretary are no secrets.
private let secretWords: Set<String> = [
  "accesskey", "apikey", "auth", "authkey", "authorization", "bearer", "creds", "credential", "credentials", "csrf", "cvv", "jsessionid", "jwt", "key", "keys",
  "oauth", "otp", "pass", "passcode", "passphrase", "pin", "privatekey", "pwd", "secretkey", "sessionid", "sid", "xsrf",
]

/// Words that make secret whatever they end, as people write authtoken and mypassword in one word. A tokenizer only begins so: it
/// makes tokens out of text.
private let secretEndings = ["cookie", "cookies", "passwd", "password", "passwords", "secret", "secrets", "token", "tokens"]

func looksSecret(_ name: String) -> Bool {
  var words: [String] = []
  for part in name.split(whereSeparator: { !$0.isLetter }) {
    let humps = camelWords(part)
    words += humps
    if humps.count > 1, isSecret(part.lowercased()) { return true }
  }
  return words.contains(where: isSecret) || zip(words, words.dropFirst()).contains { $0 == "session" && $1 == "id" }
}

private func isSecret(_ word: String) -> Bool { secretWords.contains(word) || secretEndings.contains { word.hasSuffix($0) } }

/// authToken: auth, token. APIKey: api, key.
private func camelWords(_ part: Substring) -> [String] {
  var words: [String] = []
  var word = ""
  let letters = Array(part)
  for (at, letter) in letters.enumerated() {
    let beginsHump = letter.isUppercase && at > 0 && !letters[at - 1].isUppercase
    let endsCapitals = letter.isUppercase && at > 0 && at + 1 < letters.count && letters[at + 1].isLowercase
    if beginsHump || endsCapitals {
      words.append(word)
      word = ""
    }
    word += letter.lowercased()
  }
  return words + [word]
}

/// Returns JSON text that is in a store, and so is valid, with the mask in place of each value whose member looks secret, at any depth;
/// nil if there is none.
func masking(_ text: [UInt8], with mask: String) -> String? {
  guard text.first == UInt8(ascii: "{") || text.first == UInt8(ascii: "[") else { return nil }
  var scanner = Scanner(text)
  var shown: [UInt8] = []
  var rest = 0
  while true {
    scanner.skip(to: UInt8(ascii: "\""))
    if scanner.isAtEnd { break }
    // A string that no colon follows is a value.
    guard let name = scanner.member(), let name = Scanner.decode(name), looksSecret(name) else { continue }
    shown += text[rest..<scanner.position] + Array(mask.utf8)
    _ = scanner.value()
    rest = scanner.position
  }
  return rest == 0 ? nil : String(decoding: shown + text[rest...], as: UTF8.self)
}
