#if !hasFeature(Embedded)
  extension Session {
    /// Renews the expiry of what is stored for a field, by storing the same value again.
    ///
    /// - Throws: `notFound` if the session has no such field, or nothing is stored for it.
    public func touch(_ key: String) throws(Failure) { try touch(try Key(field: key)) }

    /// Makes the next update store a field, even if it does not change. Use it for a default that the user confirmed, or for a choice that
    /// equals the value this program saw last, when another program may have changed it since. It may be called inside an update function.
    ///
    /// - Throws: `notFound` if the session has no such field.
    public func mark(_ key: String) throws(Failure) { try mark(try Key(field: key)) }

    /// Returns what the storage holds of a field now, and whether the model has a newer value.
    ///
    /// - Throws: `notFound` if the session has no such field.
    public func state(of key: String) throws(Failure) -> FieldState { try state(of: try Key(field: key)) }

    /// The time until the next stored field expires, after which to call ``refresh()``; nil if none expires.
    public var nextExpiry: Duration? { millisecondsToNextExpiry().map { .milliseconds($0) } }
  }

  extension Key {
    init(field key: String) throws(Failure) { try self.init(key, limit: Key.fieldLimit) }

    /// Makes a key of a storage. The key under which a field is stored is `lily_session_` followed by the field's own key.
    ///
    /// - Throws: `invalidArgument` if the key does not have 1 to 1,024 bytes, or has a NUL.
    public init(storage key: String) throws(Failure) { try self.init(key, limit: Key.storageLimit) }

    private init(_ key: String, limit: Int) throws(Failure) {
      self = try [UInt8](key.utf8).withBytes { bytes throws(Failure) in try Key(validating: bytes, limit: limit) }
    }
  }
#endif
