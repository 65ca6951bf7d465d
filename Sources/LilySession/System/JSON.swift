import CJansson
import CPlatform

/// JSON as values. `JSONScan` decides what is JSON. libjansson spells reals, and only this file calls it. A `JSON` exists only while this
/// thread has the C locale, because jansson and strtod ask the locale for the decimal point, and jansson 2.14 aborts if that has more than
/// one byte.
package struct JSON {
  private init() {}

  static func withCLocale<R: ~Copyable>(_ body: (JSON) throws(Failure) -> R) throws(Failure) -> R {
    // "C" for all categories is a constant of libc's, so nothing is allocated, and freelocale does nothing.
    guard let plain = newlocale(Int32(PLATFORM_LC_ALL_MASK), "C", nil) else { throw JSON.noMemory }
    let before = uselocale(plain)
    defer {
      uselocale(before)
      freelocale(plain)
    }
    return try body(JSON())
  }

  package static var noMemory: Failure { Failure(.io, "cannot allocate memory for JSON", systemError: ENOMEM) }

  /// Throws if the text is not JSON. Returns true if it has no white space outside strings.
  static func check(_ text: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    guard text.count <= JSONText.valueLimit else { throw Failure(.decode, "the text is longer than 16 MiB") }
    switch try JSONScan.scan(text) {
    case .json(let isCompact): return isCompact
    case .notJSON(let reason, let place): throw Failure(.decode, reason).at(byte: place)
    case .tooDeep: throw Failure(.decode, "arrays and objects nest deeper than 512")
    }
  }

  static func parse(_ text: UnsafeRawBufferPointer) throws(Failure) -> Parsed {
    _ = try check(text)
    return Parsed(text: text)
  }

  /// A text that is JSON.
  package struct Parsed {
    private let text: UnsafeRawBufferPointer

    /// `text` must be JSON.
    package init(text: UnsafeRawBufferPointer) { self.text = JSONText.trimmed(text) }

    package var isNull: Bool { text.first == UInt8(ascii: "n") }
    package var isArray: Bool { text.first == UInt8(ascii: "[") }
    private var isString: Bool { text.first == UInt8(ascii: "\"") }
    package var isObject: Bool { text.first == UInt8(ascii: "{") }

    /// Walks over the elements of an array, or over the members of an object, in their order.
    package var items: Items { Items(text: text, isObject: isObject, at: JSONText.endOfSpace(text, from: 1)) }

    package struct Items {
      fileprivate let text: UnsafeRawBufferPointer
      fileprivate let isObject: Bool
      fileprivate var at: Int

      /// Returns the next element, or the next member and its name; nil behind the last one.
      @inline(never)
      package mutating func next() -> (name: Parsed, value: Parsed)? {
        guard at < text.count &- 1 else { return nil } // the last byte is a bracket
        let start = at
        if isObject {
          at = JSONText.endOfSpace(text, from: JSONText.endOfString(text, from: at &+ 1)) &+ 1 // behind the colon
        }
        let end = JSONText.endOfValue(text, from: at)
        let value = Parsed(text: UnsafeRawBufferPointer(rebasing: text[at..<end]))
        at = JSONText.endOfSpace(text, from: end &+ 1)
        return (Parsed(text: UnsafeRawBufferPointer(rebasing: text[start..<end])), value)
      }
    }

    /// Calls `body` with the value as the first of NULL, BOOL, INT, REAL, STRING, JSON that is among `types` and fits. The value is borrowed
    /// for the call. Returns what `body` returns, or nil if no type fits. Throws only if there is no memory.
    func withValue<R>(as types: ValueTypes, _ body: (NativeValue) -> R) throws(Failure) -> R? {
      try JSON.withMemory(isString ? text.count : 1) { room throws(Failure) in
        guard let value = try value(as: types, room) else { return nil }
        return body(value) // outside `withCLocale`, so that the thread has the host's locale again
      }
    }

    /// Says that none of a field's types fits the value.
    var notAccepted: Failure {
      let reason: StaticString =
        switch text.first {
        case UInt8(ascii: "n"): "the stored value is null, which the field does not accept"
        case UInt8(ascii: "t"), UInt8(ascii: "f"): "the stored value is true or false, which the field does not accept"
        case UInt8(ascii: "\""): "the stored value is a string, which the field does not accept"
        case UInt8(ascii: "["): "the stored value is an array, which the field does not accept"
        case UInt8(ascii: "{"): "the stored value is an object, which the field does not accept"
        default: "the stored value is a number, which the field does not accept"
        }
      return Failure(.decode, reason)
    }

    /// Returns the value as `withValue` gives it.
    ///
    /// - Parameter room: has room for as many bytes as a string's text has. The value's text may be there.
    @inline(never)
    package func value(as types: ValueTypes, _ room: UnsafeMutableRawPointer) throws(Failure) -> NativeValue? {
      switch text.first {
      case UInt8(ascii: "n") where types.contains(.null): return .null
      case UInt8(ascii: "t") where types.contains(.bool): return .bool(true)
      case UInt8(ascii: "f") where types.contains(.bool): return .bool(false)
      case UInt8(ascii: "\"") where types.contains(.string): return .string(string(room))
      case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "\""): break
      default:
        if types.contains(.int), let integer = JSONText.integer(text) { return .int(integer) }
        if types.contains(.real) { return .real(try JSON.withCLocale { json throws(Failure) in try json.readReal(text) }) }
      }
      return types.contains(.json) ? .json(text) : nil
    }

    /// Returns the text of a string, or of the name that a member begins with. A NUL follows it.
    @inline(never)
    package func string(_ room: UnsafeMutableRawPointer) -> UnsafeRawBufferPointer {
      let end = JSONText.endOfPlainString(text, from: 0) ?? JSONText.endOfString(text, from: 1)
      let count = JSONEscape.decode(UnsafeRawBufferPointer(rebasing: text[1..<(end &- 1)]), into: room) ?? 0
      room.storeBytes(of: 0, toByteOffset: count, as: UInt8.self) // all text that the host gets ends with a NUL
      return UnsafeRawBufferPointer(start: room, count: count)
    }
  }

  /// Returns the double that is nearest to a JSON number. It is infinite if the number is too large.
  func readReal(_ number: UnsafeRawBufferPointer) throws(Failure) -> Double {
    try JSON.withMemory(number.count &+ 1) { copy throws(Failure) in
      if let from = number.baseAddress { memcpy(copy, from, number.count) }
      copy.storeBytes(of: 0, toByteOffset: number.count, as: UInt8.self)
      return strtod(copy.assumingMemoryBound(to: CChar.self), nil)
    } ?? 0
  }

  /// Calls `body` with memory, which is on the stack if it is small. It is wiped afterwards, because it may hold a secret.
  private static func withMemory<R>(_ count: Int, _ body: (UnsafeMutableRawPointer) throws(Failure) -> R?) throws(Failure) -> R? {
    let small = 1000
    return try withStackMemory(small) { stack throws(Failure) in
      guard let memory = count <= small ? stack : malloc(count) else { throw noMemory }
      defer {
        platform_wipe(memory, count)
        if count > small { free(memory) }
      }
      return try body(memory)
    }
  }

  /// Appends a finite real with the fewest digits that give the same real when they are read.
  func append(real value: Double, to buffer: ByteBuffer) throws(Failure) {
    guard value.isFinite else { throw Failure(.encode, "a real is not finite") }
    guard let number = json_real(value) else { throw JSON.noMemory }
    defer { json_decref(number) }
    // A normal double keeps 15 digits, so the first try finds every number that has no more. Subnormals keep fewer digits.
    var digits: Int32 = value.isNormal ? 15 : 1
    while true {
      let room = 40
      buffer.reserve(room)
      let from = buffer.count
      let start = UnsafeMutableRawPointer(buffer.start + from).assumingMemoryBound(to: CChar.self)
      let length = json_dumpb(number, start, room, Int(JSON_ENCODE_ANY) | cjansson_real_precision(digits))
      guard length > 0, length < room else { throw JSON.noMemory }
      start[length] = 0
      if digits >= 17 || strtod(start, nil) == value {
        buffer.resize(to: from &+ platform_lay_out_real(start, digits))
        return
      }
      digits &+= 1
    }
  }
}
