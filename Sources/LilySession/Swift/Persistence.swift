#if !hasFeature(Embedded)
  /// One persisted value of a `Session`.
  public typealias Field<Session> = FieldDefinition<ClosureField<Session>>

  /// An ordered list of fields. `persistence().field(…).field(…)`: each answer has one more.
  public struct Persistence<Session> {
    let list: FieldList<ClosureField<Session>>

    /// Adds a field that is stored under `lily_session_<key>`.
    ///
    /// - Parameters:
    ///   - key: 1 to 256 bytes of UTF-8.
    ///   - set: a session like the one given, with this value.
    ///   - encode: called for values that changed; equal ones are not encoded.
    ///   - decoder: what it refuses leaves the field alone, and the stored text too.
    ///   - expiresAfter: ms after the last write; 0: never.
    ///   - version: of the value's shape; a stored value of a newer version is left alone.
    ///   - migrate: makes a value of this version from an older version's JSON text; nil from it rejects what is stored.
    ///   - formerKeys: keys that the field had before, the latest first.
    public func field<A: Equatable>(
      key: String, get: @escaping (Session) -> A, set: @escaping (Session, A) -> Session, encode: @escaping (A) -> Value,
      decoder: ValueDecoder<A>, expiresAfter: Int64 = 0, version: UInt32 = 0, migrate: ((UInt32, String) -> Value?)? = nil,
      formerKeys: [String] = []
    ) throws(Failure) -> Persistence {
      let more = FieldList<ClosureField<Session>>()
      for field in list.fields { try more.add(field) }
      var formers: [Key] = []
      for former in formerKeys { formers.append(try Key(field: former)) }
      try more.add(
        Field(
          key: try Key(field: key), types: decoder.types, expiresAfter: expiresAfter, version: version, formerKeys: formers,
          binding: ClosureField(get: get, set: set, encode: encode, decoder: decoder, migrate: migrate), owner: nil))
      return Persistence(list: more)
    }
  }

  /// An empty list of fields.
  public func persistence<Session>(of session: Session.Type = Session.self) -> Persistence<Session> {
    Persistence(list: FieldList())
  }

  extension Key {
    public init(field key: String) throws(Failure) {
      self = try [UInt8](key.utf8).withBytes { bytes throws(Failure) in try Key(validating: bytes, limit: Key.fieldLimit) }
    }
  }

  /// A field of closures. What it compares are values of the program's own type; those that differ are encoded.
  public struct ClosureField<Session>: FieldBinding {
    private let make: () -> ClosureBaseline<Session>
    private let accept: (NativeValue, inout Session) -> Bool
    private let migration: ((UInt32, String) -> Value?)?

    init<A: Equatable>(
      get: @escaping (Session) -> A, set: @escaping (Session, A) -> Session, encode: @escaping (A) -> Value, decoder: ValueDecoder<A>,
      migrate: ((UInt32, String) -> Value?)?
    ) {
      migration = migrate
      make = { TypedBaseline(get: get, set: set, encode: encode, types: decoder.types) }
      accept = { native, session in
        guard let value = decoder.decode(Value(native)) else { return false }
        session = set(session, value)
        return true
      }
    }

    public func makeBaseline() -> ClosureBaseline<Session> { make() }
    public func copy(_ baseline: ClosureBaseline<Session>) -> ClosureBaseline<Session> { baseline.copy() }
    public func dispose(_ baseline: inout ClosureBaseline<Session>) {}
    public func capture(_ session: Session, _ baseline: inout ClosureBaseline<Session>) -> Capture { baseline.capture(session) }
    public func append(_ baseline: ClosureBaseline<Session>, to buffer: ByteBuffer) throws(Failure) { try baseline.append(to: buffer) }
    public func set(_ value: NativeValue, in session: inout Session) -> Int32 {
      accept(value, &session) ? 0 : Status.decode.rawValue
    }
    public func restore(_ baseline: ClosureBaseline<Session>, in session: inout Session) -> Int32 {
      baseline.restore(&session)
      return 0
    }
    public func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32? {
      guard let migration, case .json(let text) = Value(stored) else { return nil }
      return migration(version, text)?.withNative(body) ?? Status.decode.rawValue
    }
  }

  public class ClosureBaseline<Session> {
    var native = NativeBaseline()

    deinit { native.dispose() }

    func copy() -> ClosureBaseline { ClosureBaseline() }
    func capture(_ session: Session) -> Capture { .same }
    func restore(_ session: inout Session) {}
    func append(to buffer: ByteBuffer) throws(Failure) { try native.append(to: buffer) }
  }

  private final class TypedBaseline<Session, A: Equatable>: ClosureBaseline<Session> {
    private let get: (Session) -> A
    private let set: (Session, A) -> Session
    private let encode: (A) -> Value
    private let types: ValueTypes
    private var last: A?

    init(get: @escaping (Session) -> A, set: @escaping (Session, A) -> Session, encode: @escaping (A) -> Value, types: ValueTypes) {
      self.get = get
      self.set = set
      self.encode = encode
      self.types = types
    }

    /// Of what is restored: only the value counts.
    override func copy() -> ClosureBaseline<Session> {
      let copy = TypedBaseline(get: get, set: set, encode: encode, types: types)
      copy.last = last
      return copy
    }

    override func capture(_ session: Session) -> Capture {
      let value = get(session)
      if value == last { return .same }
      let capture = encode(value).withNative { native.capture($0, types: types) }
      if case .unencodable = capture { return capture }
      last = value
      return capture
    }

    override func restore(_ session: inout Session) {
      if let last { session = set(session, last) }
    }
  }
#endif
