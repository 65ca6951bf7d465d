#if !hasFeature(Embedded)
  /// The values of a `Session` that survive a restart: an ordered list of fields, each with a key of its own.
  ///
  /// ```swift
  /// let fields = try Persistence<Shop>()
  ///   .field("theme", \.theme)
  ///   .field("token", \.token, expiresAfter: .seconds(3600))
  /// ```
  ///
  /// `Session` is the model, or the part of it that has the fields: a struct, or a class.
  public struct Persistence<Session> {
    let list: FieldList<ClosureField<Session>>

    /// No fields yet.
    public init() { self.init(list: FieldList()) }

    private init(list: FieldList<ClosureField<Session>>) { self.list = list }

    /// Adds a field that is stored as its type is coded.
    ///
    /// `Bool`, `String`, integers, `Double`, `Float`, optionals of them, and types whose raw value is one of them are stored as they
    /// are, such a type by its raw value. Any other type goes through Foundation's `JSONEncoder` and `JSONDecoder`, as they are by
    /// default, when it has changed. What the type does not accept is left as it is stored, and an event tells of it.
    ///
    /// - Parameters:
    ///   - key: 1 to 256 bytes; it is stored under `lily_session_<key>`.
    ///   - path: where the value is in the session.
    ///   - expiresAfter: after the last write; nil: never.
    ///   - version: of the value's shape. A stored value of a newer version is left alone.
    ///   - formerKeys: keys that the field had before, the latest first.
    ///   - migrate: makes a value from the JSON text of an older version; nil, or an error, rejects what is stored.
    /// - Returns: a list with one field more.
    /// - Throws: `duplicateKey` for a key that the list has; `invalidArgument` for what is none, or an expiry that is not positive.
    public func field<A: Codable & Equatable>(
      _ key: String, _ path: WritableKeyPath<Session, A>, expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      let coder = ValueCoder.of(A.self)
      return try adding(
        key, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 }, coder, expiresAfter, version, formerKeys, migrate)
    }

    /// Adds a field that is stored as `encode` says.
    ///
    /// - Parameters:
    ///   - key: 1 to 256 bytes; it is stored under `lily_session_<key>`.
    ///   - path: where the value is in the session.
    ///   - encode: called for a value that has changed. One that it throws for is not stored, and tried again at the next update.
    ///   - decoder: what it refuses leaves the field alone, and the stored text too.
    ///   - expiresAfter: after the last write; nil: never.
    ///   - version: of the value's shape. A stored value of a newer version is left alone.
    ///   - formerKeys: keys that the field had before, the latest first.
    ///   - migrate: makes a value from the JSON text of an older version; nil, or an error, rejects what is stored.
    /// - Returns: a list with one field more.
    /// - Throws: `duplicateKey` for a key that the list has; `invalidArgument` for what is none, or an expiry that is not positive.
    public func field<A: Equatable>(
      _ key: String, _ path: WritableKeyPath<Session, A>, encode: @escaping (A) throws -> Value, decoder: ValueDecoder<A>,
      expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      try adding(
        key, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 }, ValueCoder(encode: encode, decoder: decoder), expiresAfter, version,
        formerKeys, migrate)
    }

    /// Adds a field that no key path leads to: one of an immutable session.
    ///
    /// - Parameters:
    ///   - key: 1 to 256 bytes; it is stored under `lily_session_<key>`.
    ///   - get: the field's value.
    ///   - set: the session with this value.
    ///   - encode: called for a value that has changed. One that it throws for is not stored, and tried again at the next update.
    ///   - decoder: what it refuses leaves the field alone, and the stored text too.
    ///   - expiresAfter: after the last write; nil: never.
    ///   - version: of the value's shape. A stored value of a newer version is left alone.
    ///   - formerKeys: keys that the field had before, the latest first.
    ///   - migrate: makes a value from the JSON text of an older version; nil, or an error, rejects what is stored.
    /// - Returns: a list with one field more.
    /// - Throws: `duplicateKey` for a key that the list has; `invalidArgument` for what is none, or an expiry that is not positive.
    public func field<A: Equatable>(
      _ key: String, get: @escaping (Session) -> A, set: @escaping (Session, A) -> Session, encode: @escaping (A) throws -> Value,
      decoder: ValueDecoder<A>, expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      try adding(
        key, get: get, set: { $0 = set($0, $1) }, ValueCoder(encode: encode, decoder: decoder), expiresAfter, version, formerKeys, migrate)
    }

    private func adding<A: Equatable>(
      _ name: String, get: @escaping (Session) -> A, set: @escaping (inout Session, A) -> Void, _ coder: ValueCoder<A>,
      _ expiresAfter: Duration?, _ version: UInt32, _ formerKeys: [String], _ migrate: ((UInt32, String) throws -> A?)?
    ) throws(Failure) -> Persistence {
      let key = try Key(field: name)
      guard expiresAfter ?? .seconds(1) > .zero else { throw Failure(.invalidArgument, "a field's expiry is not positive", key: key) }
      let more = FieldList<ClosureField<Session>>()
      for field in list.fields { try more.add(field) }
      var formers: [Key] = []
      for former in formerKeys { formers.append(try Key(field: former)) }
      try more.add(
        FieldDefinition(
          key: key, types: coder.decoder.types, expiresAfter: expiresAfter?.milliseconds ?? 0, version: version, formerKeys: formers,
          binding: ClosureField(get: get, set: set, coder: coder, migrate: migrate), owner: nil))
      return Persistence(list: more)
    }
  }

  extension Duration {
    /// Up to the next whole one; far away saturates.
    var milliseconds: Int64 {
      let (seconds, attoseconds) = components
      let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
      let part = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
      let (sum, carry) = whole.addingReportingOverflow(part)
      return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
  }
#endif
