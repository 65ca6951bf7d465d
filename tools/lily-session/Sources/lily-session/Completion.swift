import ArgumentParser

/// What a shell completes that is not known before: the keys of the store that the words before it name.
enum Completion {
  static let keys = CompletionKind.custom { words, _, _ in
    let isAll = words.contains("--all")
    return rows(words).compactMap { row in
      let key = isAll ? String(decoding: row.key, as: UTF8.self) : fieldKey(row.key)
      let isPlain = key.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"'\\$`:".utf8.contains($0) }
      return isPlain && (isAll || row.key.starts(with: sessionPrefix)) ? key : nil
    }
  }

  private static func rows(_ words: [String]) -> [Row] {
    func value(_ option: String) -> String? {
      guard let at = words.firstIndex(of: option), at + 1 < words.count else { return nil }
      return words[at + 1]
    }
    var arguments: [String] = []
    for option in ["--store", "--app", "--scope"] {
      if let given = value(option) { arguments += [option, given] }
    }
    guard let options = try? StoreOptions.parse(arguments) else { return [] }
    return (try? Store(options, .reading).rows()) ?? []
  }
}
