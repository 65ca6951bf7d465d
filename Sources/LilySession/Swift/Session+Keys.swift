#if !hasFeature(Embedded)
  extension Session {
    /// Stores what is stored of an unchanged field again, which renews its expiry.
    ///
    /// - Throws: `notFound` where the session has no such field, or nothing is stored for it.
    public func touch(_ key: String) throws(Failure) { try touch(try Key(field: key)) }

    /// Has the next update store a field, whether it changes or not: for a default that the user confirmed, or a choice that equals what
    /// this program saw last while another changed it. It may be called inside an update function.
    ///
    /// - Throws: `notFound` where the session has no such field.
    public func mark(_ key: String) throws(Failure) { try mark(try Key(field: key)) }

    /// What storage holds of a field now, and whether the model has something newer.
    ///
    /// - Throws: `notFound` where the session has no such field.
    public func state(of key: String) throws(Failure) -> FieldState { try state(of: try Key(field: key)) }

    /// How long until the next of the stored fields expires, which is when to ``refresh()``; nil: none will.
    public var nextExpiry: Duration? { millisecondsToNextExpiry().map { .milliseconds($0) } }
  }

  extension Key {
    init(field key: String) throws(Failure) { try self.init(key, limit: Key.fieldLimit) }

    /// A key of a storage; a field's is `lily_session_` and its own.
    ///
    /// - Throws: `invalidArgument` for other than 1 to 512 bytes, or a NUL.
    public init(storage key: String) throws(Failure) { try self.init(key, limit: Key.storageLimit) }

    private init(_ key: String, limit: Int) throws(Failure) {
      self = try [UInt8](key.utf8).withBytes { bytes throws(Failure) in try Key(validating: bytes, limit: limit) }
    }
  }
#endif
