#if !hasFeature(Embedded)
  extension Storage {
    /// Removes every field that sessions have stored here, in one step, for log-out. Other keys stay.
    ///
    /// It may be called anywhere, even inside an update function. It does not change the model, and a field is stored again only when it
    /// changes.
    public func clear() throws(Failure) { try clearSessions(forSessions) }

    /// Returns a part of this storage that is a separate storage, such as one for each user.
    ///
    /// - Parameter name: the name of the part, 1 to 64 bytes.
    /// - Throws: `unsupported` if this storage is a scope itself, or if its scopes are files and ``Journal/Options/hasScopeFiles`` is not set.
    public func scoped(_ name: String) throws(Failure) -> ScopedStorage {
      try ScopedStorage.make(forSessions, try [UInt8](name.utf8).withBytes { name throws(Failure) in try Scope(name: name) })
    }

    /// Returns the names of the scopes that have an entry that has not expired, in byte order. Where scopes are files, each is read.
    ///
    /// - Throws: `unsupported` as ``scoped(_:)`` does.
    public func scopes() throws(Failure) -> [String] {
      let names: [Key] = try forSessions.scopes()
      return names.map(\.description)
    }

    /// Removes scopes in which nothing is left that has not expired, where scopes are files with the files. It may be called at any time,
    /// beside programs that use the scopes.
    ///
    /// - Parameter limit: how many scopes to remove at most; nil means no limit. Where scopes are files, it also looks at about so many only,
    ///   and the next sweep goes on there.
    /// - Returns: how many were removed.
    /// - Throws: `invalidArgument` if the limit is not positive; `unsupported` as ``scoped(_:)`` does.
    @discardableResult
    public func sweep(limit: Int? = nil) throws(Failure) -> Int {
      let limit: Int = limit ?? Int.max
      guard limit > 0 else { throw Failure(.invalidArgument, "the limit is not positive") }
      return try forSessions.sweep(limit: limit)
    }

    /// Returns the JSON text under a key. The key under which a field is stored is `lily_session_` followed by the field's own key.
    ///
    /// - Returns: nil if the key is absent, or its entry has expired.
    public func json(forKey key: String) throws(Failure) -> String? { try getEntry(try Key(storage: key), from: forSessions)?.json }

    /// Stores JSON text under a key of the program's own.
    ///
    /// - Throws: `decode` if the text is not JSON; `quota` if it does not fit.
    public func setJSON(_ json: String, forKey key: String, expiresAfter: Duration? = nil) throws(Failure) {
      let key = try Key(storage: key)
      guard expiresAfter ?? .seconds(1) > .zero else { throw Failure(.invalidArgument, "the expiry is not positive", key: key) }
      let deadline = deadline(after: expiresAfter?.milliseconds ?? 0, from: now())
      try [UInt8](json.utf8).withBytes { text throws(Failure) in 
        try writeEntries([try EntryChange(key, to: text, deadline: deadline)], to: forSessions)
      }
    }

    /// Changes the JSON text under a key, without losing what another program stores at the same time. The entry keeps its deadline and its
    /// version; a new one has none.
    ///
    /// ```swift
    /// try storage.modifyJSON(forKey: "jobs") { jobs in "\((jobs.flatMap { Int($0) } ?? 0) + 1)" }
    /// ```
    ///
    /// - Parameters:
    ///   - key: a key of the program's own.
    ///   - change: returns the new text. It is given what is stored, or nil if nothing is. It is called again if another program stores
    ///     something meanwhile, so it must not count its calls. No lock is held while it runs. If it throws, nothing is changed.
    /// - Throws: `callback`, with the closure's error as ``Failure/underlying``, if it threw; `decode` if the new text is not JSON; `quota` if
    ///   it does not fit; `busy` if other programs keep changing the entry.
    public func modifyJSON(forKey key: String, _ change: (String?) throws -> String) throws(Failure) {
      let key = try Key(storage: key)
      let buffer = ByteBuffer() // The new text, which the core borrows.
      try modifyEntry(key, in: forSessions) { stored throws(Failure) in
        let new = try modified(key) { try change(stored.map { String(decoding: $0, as: UTF8.self) }) }
        return Value.json(new).kept(in: buffer).text
      }
    }

    /// Removes a key. If the key is absent, nothing happens.
    public func removeValue(forKey key: String) throws(Failure) {
      try writeEntries([try EntryChange(try Key(storage: key), to: nil)], to: forSessions)
    }

    /// Returns the keys that have the prefix, in byte order.
    public func keys(withPrefix prefix: String = "") throws(Failure) -> [String] {
      let prefix = try [UInt8](prefix.utf8).withBytes { bytes throws(Failure) in try Key(prefix: bytes) }
      return try listEntries(prefix, of: forSessions).map(\.key.description)
    }
  }

  extension Journal {
    /// Opens a file, and creates it if it is missing. Its folder must exist.
    ///
    /// - Parameters:
    ///   - path: the path of the file. Other files appear beside it.
    ///   - options: how the file is opened.
    public static func open(path: String, options: Options = Options()) throws(Failure) -> Journal {
      guard !path.utf8.contains(0) else { throw Failure(.invalidArgument, "the path has a NUL") }
      return try open(path: Array(path.utf8CString), options: options)
    }

    /// Opens a program's file in the default place, and creates it and its folders if they are missing.
    ///
    /// The path is `<application>/session.jsonl` in the first of `$LILY_SESSION_DIR`, `$XDG_STATE_HOME` and `~/.local/state` that is set.
    ///
    /// - Parameters:
    ///   - application: the program's name, 1 to 64 of the characters `A-Z a-z 0-9 . _ -`; nil means the executable's name.
    ///   - options: how the file is opened.
    public static func open(application: String? = nil, options: Options = Options()) throws(Failure) -> Journal {
      guard let application else { return try open(application: UnsafePointer<CChar>?.none, options: options) }
      guard !application.utf8.contains(0) else { throw Failure(.invalidArgument, "the application's name has a NUL") }
      return try Array(application.utf8CString).withUnsafeBufferPointer { name throws(Failure) in
        try open(application: name.baseAddress, options: options)
      }
    }

    /// The file's absolute path.
    public var path: String { String(cString: names.path) }
  }

  // Defaults for a program's own storage, which seldom needs to implement these.
  extension Storage {
    public var descriptor: Int32 { -1 }
    public func sync() throws(Failure) -> Failure? { nil }
    public func now() -> Int64 { systemClock() }

    /// Counts the entries and their bytes.
    public func info() throws(Failure) -> StorageInfo {
      var info = StorageInfo()
      for item in try entries(Key(stored: [])) {
        info.entries += 1
        info.liveBytes += Int64(item.key.bytes.count + item.entry.textCount)
      }
      return info
    }
  }

  extension Entry {
    /// Makes an entry.
    ///
    /// - Parameters:
    ///   - json: the JSON text.
    ///   - deadline: when the entry expires, UTC in ms; 0 means never.
    ///   - version: the version of the field.
    public init(json: String, deadline: Int64 = 0, version: UInt32 = 0) {
      self = Array(json.utf8).withUnsafeBytes { Entry(text: $0, deadline: deadline, version: version) }
    }

    /// The JSON text of the entry.
    public var json: String { (try? withText { text throws(Failure) in String(decoding: text, as: UTF8.self) }) ?? "" }
  }

  extension Batch {
    /// A change of one key.
    public enum Operation: Sendable {
      /// Stores the entry under the key.
      case set(Key, Entry)
      /// Removes what is under the key.
      case remove(Key)
    }

    /// The changes that a batch makes to a storage that holds certain entries.
    public struct Plan: Sendable {
      /// The changes, in their order. A batch changes each key once at most.
      public var operations: [Operation] = []
      /// The positions in the batch of the changes that are left out, for ``Shortfall``.
      public var overtaken: [Int] = []
    }

    /// Returns the changes to make. It leaves out those whose condition does not hold, because somebody else has stored something since.
    ///
    /// Call it inside the transaction that then makes the changes.
    ///
    /// - Parameters:
    ///   - now: the time, UTC in ms. An entry that has expired counts as absent.
    ///   - stored: returns the entry under a key, or nil if there is none.
    public func plan(at now: Int64, over stored: (Key) throws(Failure) -> Entry?) throws(Failure) -> Plan {
      var plan = Plan()
      try leaveOutOvertaken(at: { now }, stored)
      plan.overtaken = overtaken
      forEachChange { key, text, deadline, version in
        plan.operations.append(text.map { .set(key, Entry(text: $0, deadline: deadline, version: version)) } ?? .remove(key))
      }
      return plan
    }
  }
#endif
