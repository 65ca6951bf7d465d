#if !hasFeature(Embedded)
  /// A value in the form in which it is stored.
  public enum Value: Equatable, Sendable {
    /// JSON's null.
    case null
    /// JSON's true or false.
    case bool(Bool)
    /// A number without fraction and exponent.
    case integer(Int64)
    /// Any other number. It must be finite, as all numbers of JSON are.
    case real(Double)
    /// A string.
    case string(String)
    /// JSON text. If the text is not JSON, it is not stored. White space outside of its strings is not stored, either; the rest stays as it is.
    case json(String)

    /// Returns an encoder for optionals that encodes nil as JSON's null.
    public static func optional<A>(_ encode: @escaping (A) throws -> Value) -> (A?) throws -> Value {
      { try $0.map(encode) ?? .null }
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

    /// Calls `body` with the value in native form, which is valid during the call only.
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

    /// Returns the value in native form. Its text is in the buffer, which then holds nothing else.
    func kept(in buffer: ByteBuffer) -> NativeValue {
      withNative { native in
        buffer.truncate(to: 0)
        buffer.append(native.text)
        switch native.types {
        case .string: return .string(buffer.bytes)
        case .json: return .json(buffer.bytes)
        default: return native
        }
      }
    }
  }

  /// The types of stored values that a field accepts, and how the program's value is made from them: `.string`, `.integer {
  /// Date(timeIntervalSince1970: Double($0)) }`, `.optional(.string)`.
  ///
  /// If a transformation returns nil or throws, it refuses the value: the field and the stored value stay as they are.
  public struct ValueDecoder<A> {
    let types: ValueTypes
    let decode: (Value) throws -> A?

    init(_ types: ValueTypes, _ decode: @escaping (Value) throws -> A?) {
      self.types = types
      self.decode = decode
    }

    /// Accepts true and false.
    public static func bool(_ transform: @escaping (Bool) throws -> A?) -> ValueDecoder {
      ValueDecoder(.bool) { if case .bool(let value) = $0 { try transform(value) } else { nil } }
    }

    /// Accepts a number without fraction and exponent.
    public static func integer(_ transform: @escaping (Int64) throws -> A?) -> ValueDecoder {
      ValueDecoder(.int) { if case .integer(let value) = $0 { try transform(value) } else { nil } }
    }

    /// Accepts any number.
    public static func real(_ transform: @escaping (Double) throws -> A?) -> ValueDecoder {
      ValueDecoder(.real) { if case .real(let value) = $0 { try transform(value) } else { nil } }
    }

    /// Accepts a string.
    public static func string(_ transform: @escaping (String) throws -> A?) -> ValueDecoder {
      ValueDecoder(.string) { if case .string(let value) = $0 { try transform(value) } else { nil } }
    }

    /// Accepts anything, as JSON text.
    public static func json(_ transform: @escaping (String) throws -> A?) -> ValueDecoder {
      ValueDecoder(.json) { if case .json(let text) = $0 { try transform(text) } else { nil } }
    }

    /// Accepts anything. Arrays and objects are passed as ``Value/json(_:)``.
    public static func any(_ transform: @escaping (Value) throws -> A?) -> ValueDecoder { ValueDecoder(.all, transform) }

    /// Also accepts null, which becomes nil.
    public static func optional<B>(_ wrapped: ValueDecoder<B>) -> ValueDecoder where A == B? {
      ValueDecoder(wrapped.types.union(.null)) { value in value == .null ? .some(nil) : try wrapped.decode(value).map { $0 } }
    }
  }

  extension ValueDecoder where A == Bool {
    /// Accepts true and false.
    public static var bool: ValueDecoder { .bool { $0 } }
  }

  extension ValueDecoder where A == Int64 {
    /// Accepts a number without fraction and exponent.
    public static var integer: ValueDecoder { .integer { $0 } }
  }

  extension ValueDecoder where A == Double {
    /// Accepts any number.
    public static var real: ValueDecoder { .real { $0 } }
  }

  extension ValueDecoder where A == String {
    /// Accepts a string.
    public static var string: ValueDecoder { .string { $0 } }
    /// Accepts anything, as JSON text.
    public static var json: ValueDecoder { .json { $0 } }
  }
#endif
