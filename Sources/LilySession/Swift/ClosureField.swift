#if !hasFeature(Embedded)
  /// A field that closures of the program read and set. It compares values of the program's own type, and encodes those that differ. Only
  /// values of plain types are encoded first, as `ValueCoder.isNative` says.
  struct ClosureField<Session>: FieldBinding, CodedField {
    /// The types of stored values that the field accepts.
    let types: ValueTypes
    let coder: Any
    private let get: (Session) -> Any?
    private let makeTypedBaseline: () -> ClosureBaseline<Session>
    /// Decodes a stored value and sets the field to it. Throws if the decoder or the field refuses the value.
    private let decodeAndSet: (NativeValue, inout Session) throws -> Void
    private let refusal = RefusalNote()
    private let runMigration: ((UInt32, NativeValue, (NativeValue) -> Int32) -> Int32)?

    typealias Visited = Session
    typealias Map = ClosureMap<Session>

    /// - Parameters:
    ///   - get: returns nil if the field is a map's, and the map has no such entry.
    ///   - set: is given nil to remove the entry of a map. It throws to refuse.
    init<A>(
      get: @escaping (Session) -> A?, set: @escaping (inout Session, A?) throws(Failure) -> Void, coder: ValueCoder<A>,
      migrate: ((UInt32, String) throws -> A?)?
    ) {
      self.coder = coder
      types = coder.decoder.types
      self.get = get
      let areEqual = coder.isNative ? nil : equality(of: A.self)
      makeTypedBaseline = { TypedBaseline(get: get, set: set, coder: coder, areEqual: areEqual) }
      decodeAndSet = { native, session in
        guard let value = try coder.decoder.decode(Value(native)) else { throw Failure(.decode, "the decoder refused the stored value") }
        try set(&session, value)
      }
      runMigration = migrate.map { [refusal] migrate in
        { version, stored, body in
          do {
            // The migrated value is encoded, so that the field is set in one way only: from a stored value.
            guard case .json(let text) = Value(stored), let value = try migrate(version, text) else {
              throw Failure(.decode, "the migration refused the stored value")
            }
            return try coder.encode(value).withNative(body)
          } catch { return refusal.note(error, "the migration threw an error") }
        }
      }
    }

    var migrates: Bool { runMigration != nil }
    func value(in session: Session) -> Any? { get(session) }
    func makeBaseline() -> ClosureBaseline<Session> { makeTypedBaseline() }
    func copy(_ baseline: ClosureBaseline<Session>) -> ClosureBaseline<Session> { baseline.copyForRestoring() }
    func dispose(_ baseline: inout ClosureBaseline<Session>) {}
    func capture(_ session: Session, _ baseline: inout ClosureBaseline<Session>) -> Capture { baseline.capture(session) }
    func capture(visited session: Session, _ baseline: inout ClosureBaseline<Session>) -> Capture { baseline.capture(session) }
    func empty(_ baseline: inout ClosureBaseline<Session>) { baseline.empty() }
    func isEmpty(_ baseline: ClosureBaseline<Session>) -> Bool { baseline.isEmpty }
    func append(_ baseline: ClosureBaseline<Session>, to buffer: ByteBuffer) throws(Failure) { try baseline.native.append(to: buffer) }
    func takeRefusal() -> Failure? { refusal.take() }
    func set(_ value: NativeValue, in session: inout Session) -> Int32 {
      do { try decodeAndSet(value, &session) } catch { return refusal.note(error, "the decoder refused the stored value") }
      return 0
    }
    func restore(_ baseline: ClosureBaseline<Session>, in session: inout Session) -> Int32 {
      do throws(Failure) { try baseline.restore(&session) } catch { return error.status.rawValue }
      return 0
    }
    func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32? {
      runMigration.map { $0(version, stored, body) }
    }
  }

  /// A field of a session whose type is not known.
  protocol CodedField {
    /// The `ValueCoder` of the field's type.
    var coder: Any { get }
  }

  /// Why a field has refused a stored value, from when it does until the session asks, which is at once.
  private final class RefusalNote {
    private var failure: Failure?

    /// Notes an error, with this reason if it is the program's. Returns the code of the refusal.
    func note(_ error: any Error, _ reason: StaticString) -> Int32 {
      var failure = error as? Failure ?? Failure(.decode, reason)
      if !(error is Failure) { failure.underlying = error }
      self.failure = failure
      return Status.decode.rawValue
    }

    func take() -> Failure? {
      defer { failure = nil }
      return failure
    }
  }

  /// Returns what compares two values of a type; nil if the type is not Equatable.
  private func equality<A>(of type: A.Type) -> ((A, A) -> Bool)? {
    func compare<E: Equatable>(_: E.Type) -> Any { { (a: E, b: E) in a == b } }
    return (type as? any Equatable.Type).flatMap { compare($0) as? (A, A) -> Bool }
  }

  /// The last value of a field, in the program's own type, and in the native form in which it is stored. This class does not know the
  /// program's type; `TypedBaseline` does, and overrides its functions.
  class ClosureBaseline<Session> {
    var native = NativeBaseline()

    deinit { native.dispose() }

    var isEmpty: Bool { true }
    func empty() { native.dispose() }
    func copyForRestoring() -> ClosureBaseline { ClosureBaseline() }
    func capture(_ session: Session) -> Capture { .same }
    func restore(_ session: inout Session) throws(Failure) {}
  }

  private final class TypedBaseline<Session, A>: ClosureBaseline<Session> {
    private let get: (Session) -> A?
    private let set: (inout Session, A?) throws(Failure) -> Void
    private let coder: ValueCoder<A>
    /// Compares two values. It is nil if they are encoded, and then compared by their native form.
    private let areEqual: ((A, A) -> Bool)?
    private var last: A?

    init(
      get: @escaping (Session) -> A?, set: @escaping (inout Session, A?) throws(Failure) -> Void, coder: ValueCoder<A>,
      areEqual: ((A, A) -> Bool)?
    ) {
      self.get = get
      self.set = set
      self.coder = coder
      self.areEqual = areEqual
    }

    override var isEmpty: Bool { last == nil }

    override func empty() {
      super.empty()
      last = nil
    }

    /// Copies the value alone: the native form is not needed to restore the field.
    override func copyForRestoring() -> ClosureBaseline<Session> {
      let copy = TypedBaseline(get: get, set: set, coder: coder, areEqual: areEqual)
      copy.last = last
      return copy
    }

    override func capture(_ session: Session) -> Capture {
      guard let value = get(session) else { return .unencodable("the map has no such entry") }
      if let areEqual, let last, areEqual(value, last) { return .same }
      guard let encoded = try? coder.encode(value) else { return .unencodable("the value cannot be encoded") }
      let capture = encoded.withNative { native.capture($0, types: coder.decoder.types) }
      if case .unencodable = capture { return capture }
      last = value
      return capture
    }

    override func restore(_ session: inout Session) throws(Failure) {
      try set(&session, last)
    }
  }
#endif
