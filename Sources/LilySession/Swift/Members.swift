#if !hasFeature(Embedded)
  #if canImport(FoundationEssentials)
    public import FoundationEssentials
  #else
    public import Foundation
  #endif

  extension Persistence where Session: Codable {
    /// Makes a list in which each member of the session is a field: those that its `Codable` conformance encodes, under their coding keys.
    ///
    /// ```swift
    /// struct App: Codable {
    ///   var visits = 0
    ///   var theme = Theme.light
    /// }
    /// let fields = try Persistence(membersOf: App())
    /// ```
    ///
    /// Each is stored as a field with a key path to it, so a program may change from one to the other. Setting a field makes a new session
    /// from the members. So members that are not encoded get their initial values then, and the session must be a struct. An `init(from:)` of
    /// the program's own that checks members against each other sees them one by one, and may refuse one that would fit the next. Key paths
    /// are faster.
    ///
    /// - Parameters:
    ///   - session: any value of the type, which tells the names of its members. It is not kept.
    ///   - except: the names of members that are not stored in this way. They may be added as fields by key paths, with an expiry for example.
    ///   - encoder: encodes the values that are not plain; nil is as for ``init()``.
    ///   - decoder: decodes them.
    /// - Throws: `invalidArgument` if the session is an object, is not encoded as a struct with names, or a name is no field's key.
    public init(membersOf session: Session, except: Set<String> = [], encoder: JSONEncoder? = nil, decoder: JSONDecoder? = nil) throws(Failure) {
      var list = Persistence(encoder: encoder, decoder: decoder)
      for member in try Members<Session>.all(of: session) where !except.contains(member.name) {
        list = try member.add(list, member.name)
      }
      self = list
    }
  }

  /// A member of a `Codable` struct, found by its coding key.
  private struct Members<Session: Codable> {
    let name: String
    /// Adds the member to a list, as a field of the member's own type.
    let add: (Persistence<Session>, String) throws(Failure) -> Persistence<Session>

    private static var unusable: Failure {
      Failure(.invalidArgument, "the session is not a struct whose members are encoded by names; use key paths")
    }

    static func all(of session: Session) throws(Failure) -> [Members] {
      guard !(Session.self is AnyClass) else { throw unusable }
      guard let values = try? MemberValues(of: session) else { throw unusable }
      let seen = MemberTypes(values)
      // Each try finds the type of one more member that has no value now.
      for _ in 0...1000 {
        seen.begin()
        if (try? Session(from: MemberDecoder(source: seen))) != nil { break }
        if !seen.foundAbsent { throw unusable }
      }
      var members: [Members] = []
      for (name, type) in seen.found {
        guard let type = type as? any Codable.Type else { throw unusable }
        members.append(member(name, type, isOptional: seen.optional.contains(name)))
      }
      return members
    }

    private static func member<A: Codable>(_ name: String, _: A.Type, isOptional: Bool) -> Members {
      guard isOptional else {
        return Members(name: name) { list, key throws(Failure) in
          try list.adding(
            key, get: { value($0, key) }, set: { session, value throws(Failure) in try set(&session, key, value) }, like: A.self)
        }
      }
      return Members(name: name) { list, key throws(Failure) in
        try list.adding(
          key, get: { .some(value($0, key)) }, set: { session, value throws(Failure) in try set(&session, key, value ?? nil) }, like: A?.self)
      }
    }

    private static func value<A>(_ session: Session, _ name: String) -> A? { (try? MemberValues(of: session, only: name))?.values[name] as? A }

    private static func set<A>(_ session: inout Session, _ name: String, _ value: A?) throws(Failure) {
      do {
        let values = try MemberValues(of: session)
        values.values[name] = value.map { $0 as Any }
        session = try Session(from: MemberDecoder(source: values))
      } catch {
        var failure = Failure(.decode, "the session cannot be made with the stored value")
        failure.underlying = error
        throw failure
      }
    }
  }

  private struct NotByName: Error {}

  /// Gives a decoder the values of members.
  private protocol MemberSource {
    func has(_ name: String) -> Bool
    func value<T>(_ name: String, as type: T.Type) -> T?
  }

  /// The values of a struct's members by their names, in the program's own types.
  private final class MemberValues: MemberSource {
    var values: [String: Any] = [:]
    let only: String?
    /// True if something was encoded in another way.
    var hasOthers = false

    /// - Parameter only: the name of the only member that is wanted; nil means all.
    init<Session: Encodable>(of session: Session, only: String? = nil) throws {
      self.only = only
      try session.encode(to: MemberEncoder(values: self))
      if hasOthers { throw NotByName() }
    }

    func note(_ name: String, _ value: Any) {
      if only == nil || only == name { values[name] = value }
    }

    func has(_ name: String) -> Bool { values[name] != nil }
    func value<T>(_ name: String, as type: T.Type) -> T? { values[name] as? T }
  }

  /// Finds the types of members by how the session decodes itself: one that is looked up before it is decoded may be absent.
  private final class MemberTypes: MemberSource {
    private let values: MemberValues
    private(set) var found: [(name: String, type: Any.Type)] = []
    private(set) var optional: Set<String> = []
    /// True if a member was decoded that has no value, so that only its type is known now.
    private(set) var foundAbsent = false
    private var absent: Set<String> = []

    init(_ values: MemberValues) { self.values = values }

    func begin() { foundAbsent = false }

    func has(_ name: String) -> Bool {
      optional.insert(name)
      return values.has(name) || !absent.contains(name)
    }

    func value<T>(_ name: String, as type: T.Type) -> T? {
      if !found.contains(where: { $0.name == name }) { found.append((name, type)) }
      if !values.has(name), optional.contains(name) {
        absent.insert(name)
        foundAbsent = true
      }
      return values.value(name, as: type)
    }
  }

  // MARK: coders

  private struct MemberEncoder: Encoder {
    let values: MemberValues
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Name: CodingKey>(keyedBy: Name.Type) -> KeyedEncodingContainer<Name> {
      KeyedEncodingContainer(EncodedMembers<Name>(values: values))
    }
    func unkeyedContainer() -> any UnkeyedEncodingContainer { others }
    func singleValueContainer() -> any SingleValueEncodingContainer { others }

    private var others: EncodedOthers {
      values.hasOthers = true
      return EncodedOthers(encoder: self)
    }
  }

  private struct EncodedMembers<Name: CodingKey>: KeyedEncodingContainerProtocol {
    let values: MemberValues
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Name) {}
    func encode<T: Encodable>(_ value: T, forKey key: Name) { values.note(key.stringValue, value) }
    func nestedContainer<Inner: CodingKey>(keyedBy: Inner.Type, forKey key: Name) -> KeyedEncodingContainer<Inner> {
      others.nestedContainer(keyedBy: Inner.self)
    }
    func nestedUnkeyedContainer(forKey key: Name) -> any UnkeyedEncodingContainer { others }
    func superEncoder() -> any Encoder { others.encoder }
    func superEncoder(forKey key: Name) -> any Encoder { others.encoder }

    private var others: EncodedOthers {
      values.hasOthers = true
      return EncodedOthers(encoder: MemberEncoder(values: values))
    }
  }

  /// Takes what is encoded without names, and forgets it.
  private struct EncodedOthers: UnkeyedEncodingContainer, SingleValueEncodingContainer {
    let encoder: MemberEncoder
    var codingPath: [any CodingKey] { [] }
    var count: Int { 0 }

    func encodeNil() {}
    func encode<T: Encodable>(_ value: T) {}
    func nestedContainer<Inner: CodingKey>(keyedBy: Inner.Type) -> KeyedEncodingContainer<Inner> { encoder.container(keyedBy: Inner.self) }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { self }
    func superEncoder() -> any Encoder { encoder }
  }

  private struct MemberDecoder: Decoder {
    let source: any MemberSource
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Name: CodingKey>(keyedBy: Name.Type) -> KeyedDecodingContainer<Name> {
      KeyedDecodingContainer(DecodedMembers<Name>(source: source))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw NotByName() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw NotByName() }
  }

  private struct DecodedMembers<Name: CodingKey>: KeyedDecodingContainerProtocol {
    let source: any MemberSource
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Name] { [] }

    func contains(_ key: Name) -> Bool { source.has(key.stringValue) }
    func decodeNil(forKey key: Name) -> Bool { false }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Name) throws -> T {
      guard let value = source.value(key.stringValue, as: type) else { throw NotByName() }
      return value
    }
    func nestedContainer<Inner: CodingKey>(keyedBy: Inner.Type, forKey: Name) throws -> KeyedDecodingContainer<Inner> { throw NotByName() }
    func nestedUnkeyedContainer(forKey: Name) throws -> any UnkeyedDecodingContainer { throw NotByName() }
    func superDecoder() throws -> any Decoder { throw NotByName() }
    func superDecoder(forKey: Name) throws -> any Decoder { throw NotByName() }
  }
#endif
