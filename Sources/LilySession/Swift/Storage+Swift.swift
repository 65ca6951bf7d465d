#if !hasFeature(Embedded)
  extension Storage {
    /// Removes every field that sessions have stored here, in one step: log-out. Other keys stay.
    ///
    /// It may be called anywhere, inside an update function too. The model is left alone, and a field is stored again only once
    /// it changes.
    public func clear() throws(Failure) { try clear(scope) }

    /// A part of this storage that is a storage of its own, such as one for each user.
    ///
    /// - Parameter name: 1 to 64 bytes.
    /// - Throws: `unsupported` for a scope of a scope.
    public func scoped(_ name: String) throws(Failure) -> ScopedStorage {
      try ScopedStorage.make(self, try Scope(name: try Key(storage: name)))
    }

    /// The JSON text under a key; nil: it is absent, or has expired. A field's key is `lily_session_` and its own.
    public func json(forKey key: String) throws(Failure) -> String? { try get(try Key(storage: key), from: self)?.json }

    /// Stores JSON text under a key of the program's own.
    ///
    /// - Throws: `decode` for what is not JSON; `quota` where it does not fit.
    public func setJSON(_ json: String, forKey key: String, expiresAfter: Duration? = nil) throws(Failure) {
      let key = try Key(storage: key)
      guard expiresAfter ?? .seconds(1) > .zero else { throw Failure(.invalidArgument, "the expiry is not positive", key: key) }
      let deadline = deadline(after: expiresAfter?.milliseconds ?? 0, from: now())
      try [UInt8](json.utf8).withBytes { text throws(Failure) in try set(key, to: text, deadline: deadline, in: self) }
    }

    /// Removes a key; one that is absent is none.
    public func removeValue(forKey key: String) throws(Failure) { try remove(try Key(storage: key), from: self) }

    /// The keys that begin so, in byte order.
    public func keys(withPrefix prefix: String = "") throws(Failure) -> [String] {
      let prefix = try [UInt8](prefix.utf8).withBytes { bytes throws(Failure) in try Key(prefix: bytes) }
      return try LilySession.entries(prefix, of: self).map(\.key.description)
    }
  }

  extension Journal {
    /// Opens a file, and makes it where there is none. Its folder has to be there.
    ///
    /// - Parameters:
    ///   - path: of the file; others appear beside it.
    ///   - options: how it is opened.
    public static func open(path: String, options: Options = Options()) throws(Failure) -> Journal {
      guard !path.utf8.contains(0) else { throw Failure(.invalidArgument, "the path has a NUL") }
      return try open(path: Array(path.utf8CString), options: options)
    }

    /// Opens the default place: `$LILY_SESSION_DIR/<application>/session.jsonl`, else under `$XDG_STATE_HOME` or `~/.local/state`.
    ///
    /// - Parameters:
    ///   - application: 1 to 64 of A-Z a-z 0-9 . _ -; nil: the executable's name.
    ///   - options: how it is opened.
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

  // What a storage of the program's own mostly has no need to say.
  extension Storage {
    public var scope: Scope { .none }
    public var descriptor: Int32 { -1 }
    public func revalidate() throws(Failure) {}
    public func sync() throws(Failure) -> Failure? { nil }
    public func generationAtHand(of scope: Scope) -> UInt64? { nil }
    public var watch: Watch? { nil }
    public func close() {}
    public func now() -> Int64 { systemClock() }
    public var place: Place { Place(of: self) }
    public var notices: Notices { Notices() }
    public var cPath: UnsafePointer<CChar>? { nil }

    /// Counts the entries.
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
    /// An entry, of JSON text as a batch gave it.
    ///
    /// - Parameters:
    ///   - json: the text.
    ///   - deadline: UTC in ms; 0: none.
    ///   - version: of the field.
    public init(json: String, deadline: Int64, version: UInt32) {
      self = Array(json.utf8).withUnsafeBytes { Entry(text: $0, deadline: deadline, version: version) }
    }

    /// The JSON text.
    public var json: String { (try? withText { text throws(Failure) in String(decoding: text, as: UTF8.self) }) ?? "" }
  }

  extension Batch {
    /// What to do with one key.
    public enum Operation: Sendable {
      /// Stores the entry under the key.
      case set(Key, Entry)
      /// Removes what is under the key.
      case remove(Key)
    }

    /// What is to be done to a storage that holds certain entries.
    public struct Plan: Sendable {
      /// The changes, in their order. No key is in a batch twice.
      public var operations: [Operation] = []
      /// The places in the batch of the changes that are left out; for ``Shortfall``.
      public var overtaken: [Int] = []
    }

    /// Leaves out the changes whose condition does not hold, because somebody else has stored something in the meantime.
    ///
    /// Call it inside the transaction that then does what it returns.
    ///
    /// - Parameters:
    ///   - now: UTC in ms: what has expired counts as absent.
    ///   - stored: what is stored under a key.
    public func plan(at now: Int64, over stored: (Key) throws(Failure) -> Entry?) throws(Failure) -> Plan {
      var plan = Plan()
      plan.overtaken = try leaveOutOvertaken(at: { now }, stored)
      forEachChange { key, text, deadline, version in
        plan.operations.append(text.map { .set(key, Entry(text: $0, deadline: deadline, version: version)) } ?? .remove(key))
      }
      return plan
    }
  }
#endif
