#if !hasFeature(Embedded)
  // Entries with all that is stored of them, for programs that look after a storage: back it up, move it, show it.

  extension Storage {
    /// What is stored under a key, with its deadline and version; nil: it is absent, or has expired.
    public func entry(forKey key: String) throws(Failure) -> Entry? { try get(try Key(storage: key), from: self) }

    /// The entries whose keys begin so, in byte order of the keys, without those that have expired.
    public func items(withPrefix prefix: String = "") throws(Failure) -> [Item] {
      let prefix = try [UInt8](prefix.utf8).withBytes { bytes throws(Failure) in try Key(prefix: bytes) }
      return try LilySession.entries(prefix, of: self)
    }

    /// Stores entries, no key twice, in one step. Each keeps its deadline and version.
    ///
    /// - Throws: `decode` for what is not JSON, and `quota` for more than a line of 64 MiB: then nothing is stored. `quota` too, and the
    ///   first key that is left out, where not all fit into the storage's quota: then those that do are stored.
    public func setItems(_ items: [Item]) throws(Failure) {
      let batch = Batch()
      for item in items {
        try item.entry.withText { text throws(Failure) in
          let isCompact: Bool
          do throws(Failure) { isCompact = try JSON.check(text) } catch { throw error.about(item.key) }
          try batch.set(scope.key(item.key), deadline: item.entry.deadline, version: item.entry.version) { buffer throws(Failure) in
            JSONText.append(json: text, isCompact: isCompact, to: buffer)
          }
        }
      }
      guard case .written(let shortfall?) = try write(batch, in: scope, generation: nil) else { return }
      if let first = shortfall.leftOut.first { throw Failure(.quota, "it does not fit into the quota", key: items[first].key) }
      if let notDurable = shortfall.notDurable { throw notDurable }
    }

    /// The scopes that have entries, by name, with what ``items(withPrefix:)`` of them answers. A scope has none.
    public func scopes() throws(Failure) -> [(name: String, items: [Item])] {
      guard scope == .none else { return [] }
      let now = now()
      var found: [(name: String, items: [Item])] = []
      var last = Scope.none
      for item in try entries(Key(stored: [0])) where !item.entry.isExpired(at: now) {
        let scope = item.key.withBytes { Scope(of: $0) }
        let key = scope.hostKey(item.key)
        if key.bytes.isEmpty { continue } // its generation
        if scope != last { found.append((name: scope.name, items: [])) }
        last = scope
        found[found.count - 1].items.append(Item(key: key, entry: item.entry))
      }
      return found
    }
  }

  extension Scope {
    fileprivate var name: String { String(decoding: prefix.dropFirst().dropLast(), as: UTF8.self) }
  }

  extension Entry {
    /// When something expires that is stored now: UTC in ms. Far away saturates.
    public static func deadline(after duration: Duration, from now: Int64) -> Int64 {
      LilySession.deadline(after: duration.milliseconds, from: now)
    }
  }

  /// Throws `decode` for what no storage takes as a value: text that is not JSON, is longer than 16 MiB, or nests deeper than 512.
  public func checkJSON(_ text: String) throws(Failure) {
    try [UInt8](text.utf8).withBytes { text throws(Failure) in _ = try JSON.check(text) }
  }
#endif
