#if !hasFeature(Embedded)
  /// An ordered list of fields: the values of a `Session` that are stored, and restored at the next start. Each field has its own key.
  ///
  /// ```swift
  /// let fields = try Persistence<Shop>()
  ///   .field("theme", \.theme)
  ///   .field("token", \.token, expiresAfter: .seconds(3600))
  /// ```
  ///
  /// `Session` is the type of the model, or of the part of it that has the fields. It may be a struct or a class.
  public struct Persistence<Session> {
    let list: FieldList<ClosureField<Session>>

    /// Makes a list without fields.
    public init() { self.init(list: FieldList()) }

    private init(list: FieldList<ClosureField<Session>>) { self.list = list }

    /// Adds a field that is encoded and decoded by its type.
    ///
    /// `Bool`, `String`, integers, `Double`, `Float` and optionals of them are stored as JSON values of the same kind. A type whose raw
    /// value is one of them is stored as its raw value. Foundation's `JSONEncoder` and `JSONDecoder`, with their default strategies, encode
    /// and decode all other types; a value is encoded only when it has changed. If the type does not accept a stored value, the value
    /// stays in the storage, and an event reports it.
    ///
    /// - Parameters:
    ///   - key: 1 to 256 bytes. The field is stored under `lily_session_<key>`.
    ///   - path: the place of the value in the session.
    ///   - expiresAfter: how long a stored value lasts after its last write; nil means for ever.
    ///   - version: the version of the value's shape. A stored value of a newer version is left alone.
    ///   - formerKeys: former keys of the field, the latest first. They are looked up if nothing is stored under its own key.
    ///   - migrate: makes a value from the JSON text of an older version. If it returns nil or throws, the stored value is rejected.
    /// - Returns: a list that has the field, too.
    /// - Throws: `duplicateKey` if the list has the key already; `invalidArgument` if a key is invalid, or the expiry is not positive.
    public func field<A: Codable & Equatable>(
      _ key: String, _ path: WritableKeyPath<Session, A>, expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      let coder = ValueCoder.of(A.self)
      return try adding(
        key, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 }, coder, expiresAfter, version, formerKeys, migrate)
    }

    /// Adds a field that an encoder and a decoder of the program translate.
    ///
    /// - Parameters:
    ///   - key: 1 to 256 bytes. The field is stored under `lily_session_<key>`.
    ///   - path: the place of the value in the session.
    ///   - encode: called for a value that has changed. If it throws, the value is not stored, and the next update tries again.
    ///   - decoder: makes a value from what is stored. If it refuses, the field and the stored text stay as they are.
    ///   - expiresAfter: how long a stored value lasts after its last write; nil means for ever.
    ///   - version: the version of the value's shape. A stored value of a newer version is left alone.
    ///   - formerKeys: former keys of the field, the latest first. They are looked up if nothing is stored under its own key.
    ///   - migrate: makes a value from the JSON text of an older version. If it returns nil or throws, the stored value is rejected.
    /// - Returns: a list that has the field, too.
    /// - Throws: `duplicateKey` if the list has the key already; `invalidArgument` if a key is invalid, or the expiry is not positive.
    public func field<A: Equatable>(
      _ key: String, _ path: WritableKeyPath<Session, A>, encode: @escaping (A) throws -> Value, decoder: ValueDecoder<A>,
      expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      try adding(
        key, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 }, ValueCoder(encode: encode, decoder: decoder), expiresAfter, version,
        formerKeys, migrate)
    }

    /// Adds a field that has no writable key path, such as a field of an immutable session.
    ///
    /// - Parameters:
    ///   - key: 1 to 256 bytes. The field is stored under `lily_session_<key>`.
    ///   - get: returns the value of the field.
    ///   - set: returns the session with this value in the field.
    ///   - encode: called for a value that has changed. If it throws, the value is not stored, and the next update tries again.
    ///   - decoder: makes a value from what is stored. If it refuses, the field and the stored text stay as they are.
    ///   - expiresAfter: how long a stored value lasts after its last write; nil means for ever.
    ///   - version: the version of the value's shape. A stored value of a newer version is left alone.
    ///   - formerKeys: former keys of the field, the latest first. They are looked up if nothing is stored under its own key.
    ///   - migrate: makes a value from the JSON text of an older version. If it returns nil or throws, the stored value is rejected.
    /// - Returns: a list that has the field, too.
    /// - Throws: `duplicateKey` if the list has the key already; `invalidArgument` if a key is invalid, or the expiry is not positive.
    public func field<A: Equatable>(
      _ key: String, get: @escaping (Session) -> A, set: @escaping (Session, A) -> Session, encode: @escaping (A) throws -> Value,
      decoder: ValueDecoder<A>, expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      try adding(
        key, get: get, set: { $0 = set($0, $1) }, ValueCoder(encode: encode, decoder: decoder), expiresAfter, version, formerKeys, migrate)
    }

    /// Adds a dictionary, each of whose entries is stored under a key of its own. So two programs that change different entries lose nothing.
    /// All that holds for a field holds for each entry by itself. Where a function takes the key of a field, it takes that of an entry, too:
    /// the prefix and the entry's key in the dictionary.
    ///
    /// - Parameters:
    ///   - prefix: 1 to 256 bytes. An entry is stored under `lily_session_<prefix><key>`, where the key has 1 to 512 bytes, and no NUL.
    ///   - path: the place of the dictionary in the session. If another program has stored a key in two spellings that are one key to a
    ///     dictionary, such as é as a letter and an accent, one of the two is refused, and an event reports it.
    ///   - expiresAfter: how long a stored entry lasts after its last write; nil means for ever.
    ///   - version: the version of the values' shape. A stored value of a newer version is left alone.
    ///   - migrate: makes a value from the JSON text of an older version. If it returns nil or throws, the stored value is rejected.
    /// - Returns: a list that has the map, too.
    /// - Throws: `duplicateKey` if a key of the list begins with the prefix, or if the prefix and that of another map begin the same;
    ///   `invalidArgument` if the prefix is invalid, or the expiry is not positive.
    public func map<A: Codable & Equatable>(
      _ prefix: String, _ path: WritableKeyPath<Session, [String: A]>, expiresAfter: Duration? = nil, version: UInt32 = 0,
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      let key = try Key(field: prefix)
      let coder = ValueCoder.of(A.self)
      let expiry = try Persistence.expiry(expiresAfter, key)
      let more = list.copy()
      try more.add(
        MapDefinition(
          prefix: key, types: coder.decoder.types, expiresAfter: expiry, version: version,
          binding: ClosureMap(path, coder: coder, migrate: migrate)))
      return Persistence(list: more)
    }

    private static func expiry(_ expiresAfter: Duration?, _ key: Key) throws(Failure) -> Int64 {
      guard let expiresAfter else { return 0 }
      guard expiresAfter > .zero else { throw Failure(.invalidArgument, "a field's expiry is not positive", key: key) }
      return expiresAfter.milliseconds
    }

    private func adding<A: Equatable>(
      _ name: String, get: @escaping (Session) -> A, set: @escaping (inout Session, A) -> Void, _ coder: ValueCoder<A>,
      _ expiresAfter: Duration?, _ version: UInt32, _ formerKeys: [String], _ migrate: ((UInt32, String) throws -> A?)?
    ) throws(Failure) -> Persistence {
      let key = try Key(field: name)
      let expiry = try Persistence.expiry(expiresAfter, key)
      let more = list.copy()
      var formers: [Key] = []
      for former in formerKeys { formers.append(try Key(field: former)) }
      try more.add(
        FieldDefinition(
          key: key, types: coder.decoder.types, expiresAfter: expiry, version: version, formerKeys: formers,
          binding: ClosureField(get: get, set: { if let value = $1 { set(&$0, value) } }, coder: coder, migrate: migrate), owner: nil))
      return Persistence(list: more)
    }
  }

  extension Duration {
    /// The duration in milliseconds, rounded up. A duration that does not fit becomes the largest or smallest number.
    var milliseconds: Int64 {
      let (seconds, attoseconds) = components
      let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
      let part = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
      let (sum, carry) = whole.addingReportingOverflow(part)
      return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
  }
#endif
