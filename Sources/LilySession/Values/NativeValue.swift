/// The types that a value can have. A field accepts some of them. The bits are part of the C ABI.
package struct ValueTypes: OptionSet, Sendable {
  package var rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }

  package static var null: ValueTypes { ValueTypes(rawValue: 1) }
  package static var bool: ValueTypes { ValueTypes(rawValue: 2) }
  package static var int: ValueTypes { ValueTypes(rawValue: 4) }
  package static var real: ValueTypes { ValueTypes(rawValue: 8) }
  package static var string: ValueTypes { ValueTypes(rawValue: 16) }
  package static var json: ValueTypes { ValueTypes(rawValue: 32) }
  package static var all: ValueTypes { ValueTypes(rawValue: 63) }
}

/// A value in its native form, without JSON. It has the layout of `lily_session_value`, so that a C callback fills it in place, and
/// comparing a field needs no conversion. Text is borrowed.
package struct NativeValue {
  /// Exactly one bit of `ValueTypes`, except that a callback may set it to anything.
  package var type: Int32 = 0
  /// The bool, the integer, the bits of the real, or the address of the text.
  package var word: UInt64 = 0
  /// The length of the text in bytes. A callback may set it to a negative number.
  package var length: Int = 0

  package init() {}

  package static var null: NativeValue { make(.null, 0) }
  package static func bool(_ value: Bool) -> NativeValue { make(.bool, value ? 1 : 0) }
  package static func int(_ value: Int64) -> NativeValue { make(.int, UInt64(bitPattern: value)) }
  package static func real(_ value: Double) -> NativeValue { make(.real, value.bitPattern) }
  package static func string(_ text: UnsafeRawBufferPointer) -> NativeValue { make(.string, text) }
  package static func json(_ text: UnsafeRawBufferPointer) -> NativeValue { make(.json, text) }

  private static func make(_ type: ValueTypes, _ word: UInt64) -> NativeValue {
    var value = NativeValue()
    value.type = type.rawValue
    value.word = word
    return value
  }

  private static func make(_ type: ValueTypes, _ text: UnsafeRawBufferPointer) -> NativeValue {
    var value = make(type, UInt64(UInt(bitPattern: text.baseAddress)))
    value.length = text.count
    return value
  }

  package var types: ValueTypes { ValueTypes(rawValue: type) }
  package var isText: Bool { type == ValueTypes.string.rawValue || type == ValueTypes.json.rawValue }

  package var bool: Bool { word & 0xFF != 0 } // a C bool is one byte, so the rest of the word may be anything
  package var int: Int64 { Int64(bitPattern: word) }
  package var real: Double { Double(bitPattern: word) }

  /// The text, or an empty buffer if there is none.
  @inline(__always)
  package var text: UnsafeRawBufferPointer {
    guard length > 0, let start = UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: word)) else {
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return UnsafeRawBufferPointer(start: start, count: length)
  }

  /// Appends the value as JSON text. If it is JSON, it must have been checked.
  ///
  /// - Parameter isCompact: If true, JSON is known to have no white space outside strings.
  package func append(to buffer: ByteBuffer, isCompact: Bool) throws(Failure) {
    switch types {
    case .null: buffer.append("null")
    case .bool: buffer.append(bool ? "true" : "false")
    case .int: buffer.append(decimal: int)
    case .real: try JSON.withCLocale { json throws(Failure) in try json.append(real: real, to: buffer) }
    case .string: JSONText.append(string: text, to: buffer)
    case .json: JSONText.append(json: text, isCompact: isCompact, to: buffer)
    default: throw Failure(.encode, "the field has no value yet")
    }
  }
}
