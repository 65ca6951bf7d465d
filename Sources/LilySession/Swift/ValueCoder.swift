#if !hasFeature(Embedded)
  #if canImport(FoundationEssentials)
    internal import FoundationEssentials
  #else
    internal import Foundation
  #endif

  /// How values of a type are stored, and read again.
  struct ValueCoder<A> {
    let encode: (A) throws -> Value
    let decoder: ValueDecoder<A>
    /// Encoding costs less than it matters how the type compares: strings are told apart by their bytes, reals by their bits.
    var isNative = false

    /// nil is JSON's null.
    var optional: ValueCoder<A?> {
      ValueCoder<A?>(encode: Value.optional(encode), decoder: .optional(decoder), isNative: isNative)
    }
  }

  extension ValueCoder where A: Codable {
    /// As it is where JSON has such a value, by its raw value where it has one, else as Foundation's coders do by default.
    static func of(_: A.Type) -> ValueCoder { native(A.self) ?? .json }

    private static var json: ValueCoder {
      ValueCoder(
        encode: { value in
          let encoder = JSONEncoder()
          // One text for one value: what another program stored of it is no change.
          encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
          return .json(String(decoding: try encoder.encode(value), as: UTF8.self))
        },
        decoder: .json { try JSONDecoder().decode(A.self, from: Data($0.utf8)) })
    }
  }

  /// Found out when a field is made, and not by overloads: a type may be `Codable` and have a raw value.
  private func native<A>(_ type: A.Type) -> ValueCoder<A>? {
    let coder: Any?
    switch type {
    case let type as any NativelyCoded.Type: coder = type.anyCoder
    case let type as any RawRepresentable.Type: coder = raw(type)
    default: coder = nil
    }
    return coder as? ValueCoder<A>
  }

  private func raw<A: RawRepresentable>(_: A.Type) -> Any? {
    native(A.RawValue.self).map { coder in
      ValueCoder<A>(
        encode: { try coder.encode($0.rawValue) },
        decoder: ValueDecoder(coder.decoder.types) { value in try coder.decoder.decode(value).flatMap { A(rawValue: $0) } },
        isNative: coder.isNative)
    }
  }

  private protocol NativelyCoded {
    /// A `ValueCoder<Self>`; nil: it wraps what has none.
    static var anyCoder: Any? { get }
  }

  extension Bool: NativelyCoded {
    fileprivate static var anyCoder: Any? { ValueCoder(encode: Value.bool, decoder: .bool, isNative: true) }
  }

  extension String: NativelyCoded {
    fileprivate static var anyCoder: Any? { ValueCoder(encode: Value.string, decoder: .string, isNative: true) }
  }

  extension Double: NativelyCoded {
    fileprivate static var anyCoder: Any? { ValueCoder(encode: Value.real, decoder: .real, isNative: true) }
  }

  extension Float: NativelyCoded {
    fileprivate static var anyCoder: Any? {
      ValueCoder(encode: { .real(Double($0)) }, decoder: .real { Float($0).isFinite ? Float($0) : nil }, isNative: true)
    }
  }

  extension Optional: NativelyCoded {
    fileprivate static var anyCoder: Any? {
      if let coder = native(Wrapped.self) { return coder.optional }
      guard let type = Wrapped.self as? any Codable.Type else { return nil }
      return optionalOfJSON(type)
    }
  }

  private func optionalOfJSON<A: Codable>(_: A.Type) -> Any? { ValueCoder<A>.of(A.self).optional }

  extension NativelyCoded where Self: FixedWidthInteger {
    /// What is beyond Int64 is spelled out: as a real it would lose digits.
    fileprivate static var anyCoder: Any? {
      ValueCoder<Self>(
        encode: { value in Int64(exactly: value).map(Value.integer) ?? .json(String(value)) },
        decoder: ValueDecoder([.int, .json]) { value in
          switch value {
          case .integer(let value): Self(exactly: value)
          case .json(let text): Self(text)
          default: nil
          }
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
