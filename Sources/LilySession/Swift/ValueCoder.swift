#if !hasFeature(Embedded)
  #if canImport(FoundationEssentials)
    internal import FoundationEssentials
  #else
    internal import Foundation
  #endif
  import CPlatform

  /// Encodes and decodes the values of a type.
  struct ValueCoder<A> {
    let encode: (A) throws -> Value
    let decoder: ValueDecoder<A>
    /// True if values are encoded before they are compared. Encoding them is cheap, and then strings differ if their bytes do, and reals
    /// if their bits do, however the type compares.
    var isNative = false

    /// A coder for optionals that encodes nil as JSON's null.
    var optional: ValueCoder<A?> {
      ValueCoder<A?>(encode: Value.optional(encode), decoder: .optional(decoder), isNative: isNative)
    }
  }

  /// Foundation's coders of a list of fields.
  struct JSONCoders {
    let encoder: JSONEncoder
    let decoder: JSONDecoder

    init(encoder: JSONEncoder? = nil, decoder: JSONDecoder? = nil) {
      self.encoder = encoder ?? JSONEncoder()
      self.decoder = decoder ?? JSONDecoder()
      // Equal values give equal texts, so that a value which another program stored does not look changed.
      self.encoder.outputFormatting.insert(.sortedKeys)
      if encoder == nil { self.encoder.outputFormatting.insert(.withoutEscapingSlashes) }
    }
  }

  extension ValueCoder where A: Codable {
    /// Returns the coder of a type. Plain types are encoded as JSON values of the same kind, types whose raw value is one of them by that
    /// value, and all others by Foundation's coders.
    static func of(_: A.Type, _ coders: JSONCoders = JSONCoders()) -> ValueCoder { native(A.self, coders) ?? .json(coders) }

    private static func json(_ coders: JSONCoders) -> ValueCoder {
      ValueCoder(
        encode: { .json(String(decoding: try coders.encoder.encode($0), as: UTF8.self)) },
        decoder: .json { try coders.decoder.decode(A.self, from: Data($0.utf8)) })
    }
  }

  /// Returns the coder of a type that needs no `Codable`; nil if there is none. It looks at run time, because overloads would be ambiguous for
  /// a type that is `Codable` and has a raw value.
  private func native<A>(_ type: A.Type, _ coders: JSONCoders) -> ValueCoder<A>? {
    let coder: Any?
    switch type {
    case let type as any NativelyCoded.Type: coder = type.anyCoder(coders)
    case let type as any RawRepresentable.Type: coder = raw(type, coders)
    default: coder = nil
    }
    return coder as? ValueCoder<A>
  }

  private func raw<A: RawRepresentable>(_: A.Type, _ coders: JSONCoders) -> Any? {
    native(A.RawValue.self, coders).map { coder in
      ValueCoder<A>(
        encode: { try coder.encode($0.rawValue) },
        decoder: ValueDecoder(coder.decoder.types) { value in
          guard let made = try coder.decoder.decode(value).flatMap({ A(rawValue: $0) }) else { throw misfit(A.self) }
          return made
        },
        isNative: coder.isNative)
    }
  }

  /// The refusal of a value that is of the right kind, and none of the type's: a number out of its range, or no raw value of its cases.
  private func misfit(_ type: Any.Type) -> DecodingError {
    DecodingError.typeMismatch(type, DecodingError.Context(codingPath: [], debugDescription: "the value is none of the type's"))
  }

  private protocol NativelyCoded {
    /// A `ValueCoder<Self>`; nil if this is an optional of a type that has none.
    static func anyCoder(_ coders: JSONCoders) -> Any?
  }

  extension Bool: NativelyCoded {
    fileprivate static func anyCoder(_ coders: JSONCoders) -> Any? { ValueCoder(encode: Value.bool, decoder: .bool, isNative: true) }
  }

  extension String: NativelyCoded {
    fileprivate static func anyCoder(_ coders: JSONCoders) -> Any? { ValueCoder(encode: Value.string, decoder: .string, isNative: true) }
  }

  extension Double: NativelyCoded {
    fileprivate static func anyCoder(_ coders: JSONCoders) -> Any? { ValueCoder(encode: Value.real, decoder: .real, isNative: true) }
  }

  extension Float: NativelyCoded {
    fileprivate static func anyCoder(_ coders: JSONCoders) -> Any? {
      ValueCoder(
        encode: { .real($0.isFinite ? platform_decimal($0) : Double($0)) },
        decoder: .real { value in
          let narrow = Float(value)
          guard narrow.isFinite else { throw misfit(Float.self) }
          return narrow
        }, isNative: true)
    }
  }

  extension Optional: NativelyCoded {
    fileprivate static func anyCoder(_ coders: JSONCoders) -> Any? {
      if let coder = native(Wrapped.self, coders) { return coder.optional }
      guard let type = Wrapped.self as? any Codable.Type else { return nil }
      return optionalOfJSON(type, coders)
    }
  }

  private func optionalOfJSON<A: Codable>(_: A.Type, _ coders: JSONCoders) -> Any? { ValueCoder<A>.of(A.self, coders).optional }

  extension NativelyCoded where Self: FixedWidthInteger {
    /// A number that does not fit into Int64 is stored as JSON text with all its digits, as a real would lose some.
    fileprivate static func anyCoder(_ coders: JSONCoders) -> Any? {
      ValueCoder<Self>(
        encode: { value in Int64(exactly: value).map(Value.integer) ?? .json(String(value)) },
        decoder: ValueDecoder([.int, .json]) { value in
          let number: Self? =
            switch value {
            case .integer(let value): Self(exactly: value)
            case .json(let text): Self(text)
            default: nil
            }
          guard let number else { throw misfit(Self.self) }
          return number
        }, isNative: true)
    }
  }

  extension Int: NativelyCoded {}
  extension Int8: NativelyCoded {}
  extension Int16: NativelyCoded {}
  extension Int32: NativelyCoded {}
  extension Int64: NativelyCoded {}
  extension UInt: NativelyCoded {}
  extension UInt8: NativelyCoded {}
  extension UInt16: NativelyCoded {}
  extension UInt32: NativelyCoded {}
  extension UInt64: NativelyCoded {}
#endif
