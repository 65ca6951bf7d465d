#if !hasFeature(Embedded)
  #if canImport(FoundationEssentials)
    public import FoundationEssentials
  #else
    public import Foundation
  #endif

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
    /// What puts the values of fields back that a failed update has changed.
    let keepers: [FieldKeeper<Session>]
    private let coders: JSONCoders

    /// Makes a list without fields.
    public init() { self.init(encoder: nil, decoder: nil) }

    /// Makes a list without fields, whose values that are not plain are encoded and decoded by these, for other strategies than the default
    /// ones: dates as texts, or names in snake case.
    ///
    /// - Parameters:
    ///   - encoder: gets `.sortedKeys` among its formatting, because equal values must give equal texts. Nil is the default encoder.
    ///   - decoder: nil is the default decoder.
    public init(encoder: JSONEncoder?, decoder: JSONDecoder?) {
      self.init(list: FieldList(), keepers: [], coders: JSONCoders(encoder: encoder, decoder: decoder))
    }

    private init(list: FieldList<ClosureField<Session>>, keepers: [FieldKeeper<Session>], coders: JSONCoders) {
      self.list = list
      self.keepers = keepers
      self.coders = coders
    }

    /// Adds a field that is encoded and decoded by its type.
    ///
    /// `Bool`, `String`, integers, `Double`, `Float` and optionals of them are stored as JSON values of the same kind. A type whose raw
    /// value is one of them is stored as its raw value. Foundation's `JSONEncoder` and `JSONDecoder` encode and decode all other types, with
    /// their default strategies or those of ``init(encoder:decoder:)``. If the type is `Equatable`, a value is encoded only when it has
    /// changed. If it is not, it is encoded for each comparison, and has changed if its text has. If the type does not accept a stored
    /// value, the value stays in the storage, and an event reports it.
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
    public func field<A: Codable>(
      _ key: String, _ path: WritableKeyPath<Session, A>, expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      try adding(key, path, ValueCoder.of(A.self, coders), expiresAfter, version, formerKeys, migrate)
    }

    /// Says why a key path is no field's.
    @available(*, unavailable, message: "the key path cannot be written: it leads to a let, or through an optional. Use a var, or get: and set:")
    public func field<A: Codable>(
      _ key: String, _ path: KeyPath<Session, A>, expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence { self }

    /// Says why a value is no field's.
    @available(*, unavailable, message: "the value is not Codable. Make its type Codable, or use encode: and decoder:")
    public func field<A>(
      _ key: String, _ path: KeyPath<Session, A>, expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence { self }

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
    public func field<A>(
      _ key: String, _ path: WritableKeyPath<Session, A>, encode: @escaping (A) throws -> Value, decoder: ValueDecoder<A>,
      expiresAfter: Duration? = nil, version: UInt32 = 0, formerKeys: [String] = [],
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      try adding(key, path, ValueCoder(encode: encode, decoder: decoder), expiresAfter, version, formerKeys, migrate)
    }

    /// Adds a field that has no writable key path, such as a field of an immutable session, and that is encoded and decoded by its type.
    ///
    /// - Parameters:
    ///   - key: 1 to 256 bytes. The field is stored under `lily_session_<key>`.
    ///   - get: returns the value of the field.
    ///   - set: returns the session with this value in the field.
    ///   - expiresAfter: how long a stored value lasts after its last write; nil means for ever.
    ///   - version: the version of the value's shape. A stored value of a newer version is left alone.
    ///   - formerKeys: former keys of the field, the latest first. They are looked up if nothing is stored under its own key.
    ///   - migrate: makes a value from the JSON text of an older version. If it returns nil or throws, the stored value is rejected.
    /// - Returns: a list that has the field, too.
    /// - Throws: `duplicateKey` if the list has the key already; `invalidArgument` if a key is invalid, or the expiry is not positive.
    public func field<A: Codable>(
      _ key: String, get: @escaping (Session) -> A, set: @escaping (Session, A) -> Session, expiresAfter: Duration? = nil, version: UInt32 = 0,
      formerKeys: [String] = [], migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      try adding(key, get: get, set: { $0 = set($0, $1) }, ValueCoder.of(A.self, coders), expiresAfter, version, formerKeys, migrate)
    }

    /// Adds a field that has no writable key path, and that an encoder and a decoder of the program translate.
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
    public func field<A>(
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
    public func map<A: Codable>(
      _ prefix: String, _ path: WritableKeyPath<Session, [String: A]>, expiresAfter: Duration? = nil, version: UInt32 = 0,
      migrate: ((_ version: UInt32, _ json: String) throws -> A?)? = nil
    ) throws(Failure) -> Persistence {
      let key = try Key(field: prefix)
      let coder = ValueCoder.of(A.self, coders)
      let expiry = try Persistence.expiry(expiresAfter, key)
      let more = list.copy()
      try more.add(
        MapDefinition(
          prefix: key, types: coder.decoder.types, expiresAfter: expiry, version: version,
          binding: ClosureMap(path, coder: coder, migrate: migrate)))
      return Persistence(list: more, keepers: keepers + [FieldKeeper(path)], coders: coders)
    }

    private static func expiry(_ expiresAfter: Duration?, _ key: Key) throws(Failure) -> Int64 {
      guard let expiresAfter else { return 0 }
      guard expiresAfter > .zero else { throw Failure(.invalidArgument, "a field's expiry is not positive", key: key) }
      return expiresAfter.milliseconds
    }

    /// Adds a member of a session that is a value, as a field that is encoded and decoded by its type.
    func adding<A: Codable>(
      _ name: String, get: @escaping (Session) -> A?, set: @escaping (inout Session, A?) throws(Failure) -> Void, like _: A.Type
    ) throws(Failure) -> Persistence {
      let binding = ClosureField(get: get, set: set, coder: ValueCoder.of(A.self, coders), migrate: nil)
      return try adding(name, binding, nil, 0, [], keptBy: FieldKeeper(\.self))
    }

    private func adding<A>(
      _ name: String, _ path: WritableKeyPath<Session, A>, _ coder: ValueCoder<A>, _ expiresAfter: Duration?, _ version: UInt32,
      _ formerKeys: [String], _ migrate: ((UInt32, String) throws -> A?)?
    ) throws(Failure) -> Persistence {
      let binding = ClosureField<Session>(
        get: { $0[keyPath: path] }, set: { if let value = $1 { $0[keyPath: path] = value } }, coder: coder, migrate: migrate)
      return try adding(name, binding, expiresAfter, version, formerKeys, keptBy: FieldKeeper(path))
    }

    private func adding<A>(
      _ name: String, get: @escaping (Session) -> A, set: @escaping (inout Session, A) -> Void, _ coder: ValueCoder<A>,
      _ expiresAfter: Duration?, _ version: UInt32, _ formerKeys: [String], _ migrate: ((UInt32, String) throws -> A?)?
    ) throws(Failure) -> Persistence {
      let binding = ClosureField<Session>(get: get, set: { if let value = $1 { set(&$0, value) } }, coder: coder, migrate: migrate)
      return try adding(name, binding, expiresAfter, version, formerKeys, keptBy: FieldKeeper(get: get, set: set))
    }

    private func adding(
      _ name: String, _ binding: ClosureField<Session>, _ expiresAfter: Duration?, _ version: UInt32, _ formerKeys: [String],
      keptBy keeper: FieldKeeper<Session>
    ) throws(Failure) -> Persistence {
      let key = try Key(field: name)
      let expiry = try Persistence.expiry(expiresAfter, key)
      let more = list.copy()
      var formers: [Key] = []
      for former in formerKeys { formers.append(try Key(field: former)) }
      try more.add(
        FieldDefinition(
          key: key, types: binding.types, expiresAfter: expiry, version: version, formerKeys: formers, binding: binding, owner: nil))
      return Persistence(list: more, keepers: keepers + [keeper], coders: coders)
    }
  }

  extension Duration {
    /// The duration in milliseconds, rounded up. A duration that does not fit becomes the largest or smallest number.
    package var milliseconds: Int64 {
      let (seconds, attoseconds) = components
      let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
      let part = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
      let (sum, carry) = whole.addingReportingOverflow(part)
      return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
  }
#endif
