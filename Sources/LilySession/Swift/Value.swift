#if !hasFeature(Embedded)
  import CPlatform

  /// A field's value as a Swift program gives and takes it.
  public enum Value: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case real(Double)
    case string(String)
    /// JSON text.
    case json(String)

    /// The value in native form, borrowed for the call.
    func withNative<R>(_ body: (NativeValue) -> R) -> R {
      switch self {
      case .null: return body(.null)
      case .bool(let value): return body(.bool(value))
      case .integer(let value): return body(.int(value))
      case .real(let value): return body(.real(value))
      case .string(var text): return text.withUTF8 { body(.string(UnsafeRawBufferPointer($0))) }
      case .json(var text): return text.withUTF8 { body(.json(UnsafeRawBufferPointer($0))) }
      }
    }

    init(_ native: NativeValue) {
      switch native.types {
      case .bool: self = .bool(native.bool)
      case .int: self = .integer(native.int)
      case .real: self = .real(native.real)
      case .string: self = .string(String(decoding: native.text, as: UTF8.self))
      case .json: self = .json(String(decoding: native.text, as: UTF8.self))
      default: self = .null
      }
    }

    /// The encoder of an optional: nil is JSON's null.
    public static func optional<A>(_ encode: @escaping (A) -> Value) -> (A?) -> Value {
      { $0.map(encode) ?? .null }
    }
  }

  /// Which values a field accepts, and what they mean to the program.
  public struct ValueDecoder<A> {
    let types: ValueTypes
    /// nil refuses.
    let decode: (Value) -> A?

    public init(_ types: ValueTypes, _ decode: @escaping (Value) -> A?) {
      self.types = types
      self.decode = decode
    }

    /// Refuses also what `transform` answers nil for.
    public func map<B>(_ transform: @escaping (A) -> B?) -> ValueDecoder<B> {
      let decode = decode
      return ValueDecoder<B>(types) { decode($0).flatMap(transform) }
    }

    /// Accepts null, too, for nil.
    public static func optional<B>(_ wrapped: ValueDecoder<B>) -> ValueDecoder where A == B? {
      ValueDecoder(wrapped.types.union(.null)) { value in value == .null ? .some(nil) : wrapped.decode(value).map { $0 } }
    }
  }

  extension ValueDecoder where A == Bool {
    public static var bool: ValueDecoder { ValueDecoder(.bool) { if case .bool(let value) = $0 { value } else { nil } } }
  }

  extension ValueDecoder where A == Int64 {
    public static var integer: ValueDecoder { ValueDecoder(.int) { if case .integer(let value) = $0 { value } else { nil } } }
  }

  extension ValueDecoder where A == Double {
    public static var real: ValueDecoder { ValueDecoder(.real) { if case .real(let value) = $0 { value } else { nil } } }
  }

  extension ValueDecoder where A == String {
    public static var string: ValueDecoder { ValueDecoder(.string) { if case .string(let value) = $0 { value } else { nil } } }
    /// Any value, as JSON text.
    public static var json: ValueDecoder { ValueDecoder(.json) { if case .json(let value) = $0 { value } else { nil } } }
  }

  extension Journal {
    public static func open(path: String, options: Options = Options()) throws(Failure) -> Journal {
      try open(path: Array(path.utf8CString), options: options)
    }

    /// The default place: `$LILY_SESSION_DIR/<application>/session.jsonl`, else under `$XDG_STATE_HOME` or `~/.local/state`.
    public static func open(application: String, options: Options = Options()) throws(Failure) -> Journal {
      let name = strdup(application)
      defer { free(name) }
      return try open(application: UnsafePointer(name), options: options)
    }
  }
#endif
