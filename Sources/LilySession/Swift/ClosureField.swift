#if !hasFeature(Embedded)
  /// A field that closures of the program read and set. It compares values of the program's own type, and encodes those that differ. Only
  /// values of plain types are encoded first, as `ValueCoder.isNative` says.
  struct ClosureField<Session>: FieldBinding {
    private let makeTypedBaseline: () -> ClosureBaseline<Session>
    /// Decodes a stored value and sets the field to it. Returns false if the decoder or the field refuses the value.
    private let decodeAndSet: (NativeValue, inout Session) -> Bool
    private let runMigration: ((UInt32, NativeValue, (NativeValue) -> Int32) -> Int32)?

    typealias Visited = Session
    typealias Map = ClosureMap<Session>

    /// - Parameters:
    ///   - get: returns nil if the field is a map's, and the map has no such entry.
    ///   - set: is given nil to remove the entry of a map. It throws to refuse.
    init<A: Equatable>(
      get: @escaping (Session) -> A?, set: @escaping (inout Session, A?) throws(Failure) -> Void, coder: ValueCoder<A>,
      migrate: ((UInt32, String) throws -> A?)?
    ) {
      makeTypedBaseline = { TypedBaseline(get: get, set: set, coder: coder) }
      decodeAndSet = { native, session in
        guard let value = try? coder.decoder.decode(Value(native)) else { return false }
        return (try? set(&session, value)) != nil
      }
      runMigration = migrate.map { migrate in
        { version, stored, body in
          // The migrated value is encoded, so that the field is set in one way only: from a stored value.
          guard case .json(let text) = Value(stored), let value = try? migrate(version, text), let encoded = try? coder.encode(value) else {
            return Status.decode.rawValue
          }
          return encoded.withNative(body)
        }
      }
    }

    var migrates: Bool { runMigration != nil }
    func makeBaseline() -> ClosureBaseline<Session> { makeTypedBaseline() }
    func copy(_ baseline: ClosureBaseline<Session>) -> ClosureBaseline<Session> { baseline.copyForRestoring() }
    func dispose(_ baseline: inout ClosureBaseline<Session>) {}
    func capture(_ session: Session, _ baseline: inout ClosureBaseline<Session>) -> Capture { baseline.capture(session) }
    func capture(visited session: Session, _ baseline: inout ClosureBaseline<Session>) -> Capture { baseline.capture(session) }
    func empty(_ baseline: inout ClosureBaseline<Session>) { baseline.empty() }
    func isEmpty(_ baseline: ClosureBaseline<Session>) -> Bool { baseline.isEmpty }
    func append(_ baseline: ClosureBaseline<Session>, to buffer: ByteBuffer) throws(Failure) { try baseline.native.append(to: buffer) }
    func set(_ value: NativeValue, in session: inout Session) -> Int32 { decodeAndSet(value, &session) ? 0 : Status.decode.rawValue }
    func restore(_ baseline: ClosureBaseline<Session>, in session: inout Session) -> Int32 {
      do throws(Failure) { try baseline.restore(&session) } catch { return error.status.rawValue }
      return 0
    }
    func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32? {
      runMigration.map { $0(version, stored, body) }
    }
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

  private final class TypedBaseline<Session, A: Equatable>: ClosureBaseline<Session> {
    private let get: (Session) -> A?
    private let set: (inout Session, A?) throws(Failure) -> Void
    private let coder: ValueCoder<A>
    private var last: A?

    init(get: @escaping (Session) -> A?, set: @escaping (inout Session, A?) throws(Failure) -> Void, coder: ValueCoder<A>) {
      self.get = get
      self.set = set
      self.coder = coder
    }

    override var isEmpty: Bool { last == nil }

    override func empty() {
      super.empty()
      last = nil
    }

    /// Copies the value alone: the native form is not needed to restore the field.
    override func copyForRestoring() -> ClosureBaseline<Session> {
      let copy = TypedBaseline(get: get, set: set, coder: coder)
      copy.last = last
      return copy
    }

    override func capture(_ session: Session) -> Capture {
      guard let value = get(session) else { return .unencodable("the map has no such entry") }
      if !coder.isNative, let last, value == last { return .same }
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
