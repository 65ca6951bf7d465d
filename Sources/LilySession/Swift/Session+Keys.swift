#if !hasFeature(Embedded)
  extension Session {
    /// The storage of the session, whose `clear()` is a log-out. It is nil if the session has ended.
    public var storage: (any Storage)? { work.storage }

    /// Renews the expiry of what is stored for a field, by storing the same value again.
    ///
    /// - Throws: `notFound` if the session has no such field, or nothing is stored for it, or it has expired.
    public func touch(_ key: String) throws(Failure) { try touch(try Key(entry: key)) }

    /// Makes the next update store a field, even if it does not change. Use it for a default that the user confirmed, or for a choice that
    /// equals the value this program saw last, when another program may have changed it since. It may be called inside an update function.
    ///
    /// - Throws: `notFound` if the session has no such field.
    public func mark(_ key: String) throws(Failure) { try mark(try Key(entry: key)) }

    /// Persists, then changes what is stored for a field, without losing what another program stores at the same time: for counters and
    /// lists that several programs change. Then sets the field in the model to what storage holds, which may already be a newer value of
    /// another program. The call renews the field's expiry.
    ///
    /// ```swift
    /// try session.modify("visits") { (visits: Int?) in (visits ?? 0) + 1 }
    /// ```
    ///
    /// - Parameters:
    ///   - key: the key of a field whose type is the type of the values here. They are encoded and decoded as the field's are.
    ///   - change: returns the new value. It is given what is stored, or nil if nothing is. It is called again if another program stores
    ///     something meanwhile, so it must not count its calls. No lock is held while it runs. If it throws, nothing is changed.
    /// - Throws: `callback`, with the closure's error as ``Failure/underlying``, if it threw; `notFound` if the session has no such field;
    ///   `newer` or `decode` if what is stored is not the field's value, and stays; `encode` if the new value cannot be stored; `busy` if other
    ///   programs keep changing the field, or if its own change could not be stored; and what ``persist()`` throws. `callback` without an
    ///   underlying error means that the new value is stored, and the field's decoder refused it.
    public func modify<A: Codable>(_ key: String, _ change: (A?) throws -> A) throws(Failure) {
      let coder = work.binding(of: try Key(entry: key)) as? any CodedField
      try modify(key, coder?.coder as? ValueCoder<A> ?? ValueCoder.of(A.self), change)
    }

    /// Changes what is stored for a field that has an encoder and a decoder of the program's.
    ///
    /// It does what ``modify(_:_:)`` does.
    ///
    /// - Parameters:
    ///   - key: the key of the field.
    ///   - encode: encodes the new value, as the field's own does.
    ///   - decoder: decodes what is stored, as the field's own does.
    ///   - change: returns the new value. It is given what is stored, or nil if nothing is. It may be called several times.
    /// - Throws: what ``modify(_:_:)`` throws.
    public func modify<A>(
      _ key: String, encode: @escaping (A) throws -> Value, decoder: ValueDecoder<A>, _ change: (A?) throws -> A
    ) throws(Failure) {
      try modify(key, ValueCoder(encode: encode, decoder: decoder), change)
    }

    private func modify<A>(_ key: String, _ coder: ValueCoder<A>, _ change: (A?) throws -> A) throws(Failure) {
      let key = try Key(entry: key)
      let text = ByteBuffer() // The text of the new value, which the core borrows.
      try modify(key) { stored throws(Failure) in
        var old: A?
        if let stored {
          do { old = try coder.decoder.decode(Value(stored)) } catch {
            var failure = Failure(.decode, "the stored value is not of this type", key: key)
            failure.underlying = error
            throw failure
          }
          if old == nil { throw Failure(.decode, "the stored value is not of this type", key: key) }
        }
        let new = try modified(key) { try change(old) }
        do { return try coder.encode(new).kept(in: text) } catch {
          var failure = Failure(.encode, "the value cannot be encoded", key: key)
          failure.underlying = error
          throw failure
        }
      }
    }

    /// Removes what is stored for a field, and sets the field in the model to the value that it had before attach.
    ///
    /// - Throws: `notFound` if the session has no such field.
    public func reset(_ key: String) throws(Failure) { try reset(try Key(entry: key)) }

    /// Returns what the storage holds of a field now, and whether the model has a newer value.
    ///
    /// - Throws: `notFound` if the session has no such field.
    public func state(of key: String) throws(Failure) -> FieldState { try state(of: try Key(entry: key)) }

    /// The time until the next stored field expires, after which to call ``refresh()``; nil if none expires.
    public var nextExpiry: Duration? { millisecondsToNextExpiry().map { .milliseconds($0) } }
  }

  /// Runs the program's closure that changes what is stored under a key. If it throws, throws `callback` with its error as the underlying
  /// one.
  func modified<A>(_ key: Key, by change: () throws -> A) throws(Failure) -> A {
    do { return try change() } catch {
      var failure = Failure(.callback, "the closure threw an error", key: key)
      failure.underlying = error
      throw failure
    }
  }

  extension Key {
    init(field key: String) throws(Failure) { try self.init(key, limit: Key.fieldLimit) }

    /// Makes the key of a field, or of a map's entry.
    init(entry key: String) throws(Failure) { try self.init(key, limit: Key.entryLimit) }

    /// Makes a key of a storage. The key under which a field is stored is `lily_session_` followed by the field's own key.
    ///
    /// - Throws: `invalidArgument` if the key does not have 1 to 1,024 bytes, or has a NUL.
    public init(storage key: String) throws(Failure) { try self.init(key, limit: Key.storageLimit) }

    private init(_ key: String, limit: Int) throws(Failure) {
      self = try [UInt8](key.utf8).withBytes { bytes throws(Failure) in try Key(validating: bytes, limit: limit) }
    }
  }
#endif
