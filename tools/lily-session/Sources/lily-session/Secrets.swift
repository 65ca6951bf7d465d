// Decides which names look secret: names of keys, and names of members of objects in values. Their values are masked, because other
// people may see the screen.

/// Words that make a name look secret, however it is written: authToken, auth_token, auth-token, AUTH_TOKEN. A whole word has to match,
/// so keyboard, monkey, author and secretary do not look secret.
private let secretWords: Set<String> = [
  "aspsessid", "bearer", "creds", "credential", "credentials", "csrf", "cvv", "jsessionid", "jwt", "key", "keys", "otp", "pass", "passphrase",
  "phpsessid", "pin", "pincode", "sessid", "sessionid", "sid", "xsrf",
]

/// Words that make a name look secret if one of its words ends with them, because people write authtoken and mypassword as one word. A
/// word that only begins so does not count: a tokenizer makes tokens out of text. No ordinary word ends with one of these.
private let secretEndings = [
  "accesskey", "apikey", "auth", "authkey", "authorization", "cookie", "cookies", "encryptionkey", "masterkey", "mnemonic", "mnemonics", "passcode",
  "passwd", "password", "passwords", "privatekey", "privkey", "pwd", "secret", "secretkey", "secrets", "signingkey", "sshkey", "token", "tokens",
]

/// What people write before pass in one word, as in dbpass. Many ordinary words end with pass, such as compass and bypass.
private let passOwners: Set<String> = [
  "account", "admin", "app", "auth", "client", "database", "db", "email", "ftp", "http", "imap", "key", "ldap", "login", "mail", "master",
  "mongo", "my", "mysql", "pg", "postgres", "proxy", "redis", "root", "server", "smtp", "sql", "ssh", "sudo", "user", "vault", "web", "wifi",
]

/// Returns true if a key or a member with this name should be masked. Marks on letters, such as accents of their own, count for nothing.
//
// A name may be as long as a value, and others choose it. So this looks at scalars, and compares bytes: to compare texts, Swift sorts the
// marks of a letter, which takes very long if there are very many.
func looksSecret(_ name: String) -> Bool {
  var words: [[UInt8]] = []
  let letters: [Unicode.Scalar] = name.unicodeScalars.filter { $0.isASCII || !$0.isMark }
  for part in letters.split(whereSeparator: { !$0.properties.isAlphabetic }) {
    let humps = camelWords(part)
    words += humps
    if humps.count > 1, isSecret(Array(humps.joined())) { return true }
  }
  // Beside a public key, private is the name of a key. In private_mode and isPrivate it only describes something else.
  if words == [Array("private".utf8)] || words.contains(where: isSecret) { return true }
  return zip(words, words.dropFirst()).contains { first, second in
    ["session", "sess"].contains { first.elementsEqual($0.utf8) } && second.elementsEqual("id".utf8)
  }
}

private func isSecret(_ word: [UInt8]) -> Bool {
  func ends(with ending: String) -> Bool { word.count >= ending.utf8.count && word.suffix(ending.utf8.count).elementsEqual(ending.utf8) }
  if secretEndings.contains(where: ends) { return true }
  // The sets have short words only.
  guard word.count <= 16 else { return false }
  let text = String(decoding: word, as: UTF8.self)
  return secretWords.contains(text) || ends(with: "pass") && passOwners.contains(String(text.dropLast(4)))
}

/// Splits a name at its capitals, in lower case: authToken gives auth and token, APIKey gives api and key.
private func camelWords(_ letters: ArraySlice<Unicode.Scalar>) -> [[UInt8]] {
  var words: [[UInt8]] = []
  var word: [UInt8] = []
  for (at, letter) in zip(letters.indices, letters) {
    let isFirst = at == letters.startIndex
    let beginsHump = letter.properties.isUppercase && !isFirst && !letters[at - 1].properties.isUppercase
    let endsCapitals = letter.properties.isUppercase && !isFirst && at + 1 < letters.endIndex && letters[at + 1].properties.isLowercase
    if beginsHump || endsCapitals {
      words.append(word)
      word = []
    }
    word += letter.properties.lowercaseMapping.utf8
  }
  return words + [word]
}

extension Unicode.Scalar {
  fileprivate var isMark: Bool {
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }
}

/// Masks the members that look secret, at any depth, in JSON text from a store, which is valid.
/// - Returns: the text with the mask in place of the values of those members; nil if no member looks secret.
func masking(_ text: [UInt8], with mask: String) -> String? {
  guard text.first == UInt8(ascii: "{") || text.first == UInt8(ascii: "[") else { return nil }
  var scanner = Scanner(text)
  var shown: [UInt8] = []
  var rest = 0
  while true {
    scanner.skip(to: UInt8(ascii: "\""))
    if scanner.isAtEnd { break }
    // A string without a colon after it is a value, not a name.
    guard let name = scanner.takeMemberName(), let name = Scanner.decode(name), looksSecret(name) else { continue }
    shown += text[rest..<scanner.position] + Array(mask.utf8)
    _ = scanner.takeValue()
    rest = scanner.position
  }
  return rest == 0 ? nil : String(decoding: shown + text[rest...], as: UTF8.self)
}
