import CPlatform

/// The last value seen of a field whose values come in native form (`NativeValue`), with a copy of its text. Values are compared without making
/// JSON: first their types, then 64 bits or the bytes of the text.
package struct NativeBaseline {
  /// Its type is 0 while there is no value.
  package private(set) var value = NativeValue()
  private var capacity = 0
  /// True if the value is JSON that has no white space outside strings.
  private var isCompact = false

  package init() {}

  package var isEmpty: Bool { value.type == 0 }

  package func copy() -> NativeBaseline {
    var copy = NativeBaseline()
    copy.keepCopy(of: value, isCompact: isCompact)
    return copy
  }

  package mutating func dispose() {
    if capacity > 0, let memory = UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: value.word)) {
      platform_wipe(memory, capacity) // it may be a secret
      free(memory)
    }
    self = NativeBaseline()
  }

  /// Returns true if this is the same value. Bool, integer and real compare by their bits: a NaN equals itself, and 0.0 is not -0.0.
  @inline(__always)
  package func holds(_ other: NativeValue) -> Bool {
    guard value.type == other.type else { return false }
    guard value.isText else {
      return value.word == other.word ? value.type != 0 : value.type == ValueTypes.bool.rawValue && value.bool == other.bool
    }
    guard value.length == other.length else { return false }
    guard let here = UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: value.word)),
      let there = UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: other.word))
    else { return value.length == 0 }
    return memcmp(here, there, value.length) == 0
  }

  /// Compares with a value, which becomes the baseline if it differs and can be stored.
  @inline(__always)
  package mutating func capture(_ other: NativeValue, types: ValueTypes) -> Capture {
    holds(other) ? .same : replaceValue(by: other, types)
  }

  @inline(never)
  private mutating func replaceValue(by other: NativeValue, _ types: ValueTypes) -> Capture {
    do throws(Failure) { keepCopy(of: other, isCompact: try NativeBaseline.check(other, types)) } catch { return .unencodable(error.reason) }
    return .changed
  }

  /// Makes this the value, with a copy of its text. `other` has been checked.
  private mutating func keepCopy(of other: NativeValue, isCompact: Bool) {
    if !other.isText || other.length >= capacity {
      dispose()
    }
    guard other.isText else {
      value = other
      return
    }
    if capacity == 0 {
      capacity = max(other.length &+ 1, 16)
      guard let memory = malloc(capacity) else { fatalError("out of memory") } // without memory nothing can go on
      value.word = UInt64(UInt(bitPattern: memory))
    }
    if let to = UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: value.word)) {
      if let from = other.text.baseAddress { memcpy(to, from, other.length) }
      to.storeBytes(of: 0, toByteOffset: other.length, as: UInt8.self) // all text that the host gets ends with a NUL
      let before = value.length
      if before > other.length { platform_wipe(to + other.length, before &- other.length) }
    }
    value.type = other.type
    value.length = other.length
    self.isCompact = isCompact
  }

  /// Throws if the value cannot be stored. Returns true if it is JSON without white space outside strings.
  private static func check(_ other: NativeValue, _ types: ValueTypes) throws(Failure) -> Bool {
    guard other.type != 0 else { throw Failure(.encode, "the value could not be encoded, or has no type") }
    guard other.type.nonzeroBitCount == 1, types.contains(other.types) else { throw Failure(.encode, "the field does not accept a value of this type") }
    if other.types == .real, !other.real.isFinite { throw Failure(.encode, "a real is not finite") }
    guard other.isText else { return false }
    guard other.length >= 0, other.length == 0 || other.word != 0 else { throw Failure(.encode, "the text's length is negative, or the text is NULL") }
    guard other.length <= JSONText.valueLimit else { throw Failure(.encode, "the value is longer than 16 MiB") }
    if other.types == .json { return try JSON.check(other.text) }
    guard UTF8Text.isValid(other.text) else { throw Failure(.encode, "the string is not valid UTF-8") }
    return false
  }

  package func append(to buffer: ByteBuffer) throws(Failure) { try value.append(to: buffer, isCompact: isCompact) }
}
