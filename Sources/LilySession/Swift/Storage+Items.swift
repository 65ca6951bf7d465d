#if !hasFeature(Embedded)
  // Access to whole entries, with their deadlines and versions, for programs that back up, move or show a storage.

  extension Storage {
    /// Returns the entry under a key, with its deadline and version.
    ///
    /// - Returns: nil if the key is absent, or its entry has expired.
    public func entry(forKey key: String) throws(Failure) -> Entry? { try getEntry(try Key(storage: key), from: forSessions) }

    /// Returns true if the storage still has an entry under the key, but it has expired, so that for programs it is absent.
    public func hasExpiredEntry(forKey key: String) throws(Failure) -> Bool {
      let stored = try read([scope.key(try Key(storage: key))], of: scope).entries
      return stored.contains { $0?.isExpired(at: now()) ?? false }
    }

    /// Returns the entries whose keys have the prefix, in byte order of the keys, without those that have expired.
    public func items(withPrefix prefix: String = "") throws(Failure) -> [Item] {
      let prefix = try [UInt8](prefix.utf8).withBytes { bytes throws(Failure) in try Key(prefix: bytes) }
      return try listEntries(prefix, of: forSessions)
    }

    /// Stores entries in one step. Each keeps its deadline and version. No key may occur twice.
    ///
    /// - Throws: `invalidArgument` if a key is not one of ``items(withPrefix:)``, or a deadline is negative; `decode` if a text is not JSON;
    ///   `quota` if the entries need a line of more than 64 MiB: nothing is stored then. Also `quota`, with the first key that is left out,
    ///   if not all entries fit into the storage's quota: those that fit are stored then.
    public func setItems(_ items: [Item]) throws(Failure) {
      let batch = Batch()
      for item in items {
        _ = try item.key.withBytes { bytes throws(Failure) in try Key(validating: bytes, limit: Key.storageLimit) }
        try checkDeadline(item.entry.deadline, of: item.key)
        try item.entry.withText { text throws(Failure) in
          let isCompact: Bool
          do throws(Failure) { isCompact = try JSON.check(text) } catch { throw error.about(item.key) }
          try batch.set(scope.key(item.key), deadline: item.entry.deadline, version: item.entry.version) { buffer throws(Failure) in
            JSONText.append(json: text, isCompact: isCompact, to: buffer)
          }
        }
      }
      guard case .written(let shortfall?) = try write(batch, in: scope, generation: nil) else { return }
      if let first = shortfall.leftOut.first {
        throw Failure(.quota, "the value does not fit into the storage's quota", key: items.indices.contains(first) ? items[first].key : nil)
      }
      if let notDurable = shortfall.notDurable { throw notDurable }
    }

    /// Stores and removes several keys in one step: either all of it happens, or nothing does.
    ///
    /// ```swift
    /// try storage.write([.set(Key(storage: "cart"), Entry(json: "[]")), .remove(Key(storage: "basket"))])
    /// ```
    ///
    /// - Throws: `decode` if a text is not JSON; `duplicateKey` if a key occurs twice; `quota` if not all of it fits.
    public func write(_ changes: [Batch.Operation]) throws(Failure) {
      try withExtendedLifetime(changes) { () throws(Failure) in // The entries own the texts.
        try writeEntries(
          try changes.map { change throws(Failure) in
            switch change {
            case .set(let key, let entry):
              try EntryChange(key, to: try entry.withText { $0 }, deadline: entry.deadline, version: entry.version)
            case .remove(let key): try EntryChange(key, to: nil)
            }
          }, to: forSessions)
      }
    }
  }

  extension Key {
    /// True if a field or an entry of a map can be stored under this key. Another key may be one of a program's own.
    public var canBeOfField: Bool {
      begins(with: .session) && (1...Key.entryLimit).contains(bytes.count - Key.session.bytes.count)
    }
  }

  extension Entry {
    /// Returns the deadline, UTC in ms, of a value that is stored now and expires after the duration. A deadline that does not fit becomes
    /// the largest number. A duration that is not positive counts as a millisecond, as its deadline must not be 0, which means never.
    public static func deadline(after duration: Duration, from now: Int64) -> Int64 {
      LilySession.deadline(after: max(duration.milliseconds, 1), from: now)
    }
  }

  /// Checks that a storage would accept a text as a value.
  ///
  /// - Throws: `decode` if the text is not JSON, is longer than 16 MiB, or is nested more than 512 levels deep.
  public func checkJSON(_ text: String) throws(Failure) {
    try [UInt8](text.utf8).withBytes { text throws(Failure) in _ = try JSON.check(text) }
  }
#endif
