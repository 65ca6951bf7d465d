import CJansson
import CPlatform

/// JSON as values. `JSONScan` decides what is JSON. libjansson spells reals, and only this file calls it. A `JSON` exists only while this
/// thread has the C locale, because jansson and strtod ask the locale for the decimal point, and jansson 2.14 aborts if that has more than
/// one byte.
struct JSON {
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

  static var noMemory: Failure { Failure(.io, "cannot allocate memory for JSON", systemError: ENOMEM) }

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
  struct Parsed {
    private let text: UnsafeRawBufferPointer

    fileprivate init(text: UnsafeRawBufferPointer) { self.text = text }

    /// Calls `body` with the value as the first of NULL, BOOL, INT, REAL, STRING, JSON that is among `types` and fits. The value is borrowed
    /// for the call. Returns what `body` returns, or nil if no type fits. Throws only if there is no memory.
    func withValue<R>(as types: ValueTypes, _ body: (NativeValue) -> R) throws(Failure) -> R? {
      let value = JSONText.trimmed(text)
      switch value.first {
      case UInt8(ascii: "n") where types.contains(.null): return body(.null)
      case UInt8(ascii: "t") where types.contains(.bool): return body(.bool(true))
      case UInt8(ascii: "f") where types.contains(.bool): return body(.bool(false))
      case UInt8(ascii: "\"") where types.contains(.string): return try withString(value, body)
      case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "\""): break
      default:
        if types.contains(.int), let integer = JSONText.integer(value) { return body(.int(integer)) }
        // `body` runs outside `withCLocale`, so that the thread has the host's locale again.
        if types.contains(.real) { return body(.real(try JSON.withCLocale { json throws(Failure) in try json.readReal(value) })) }
      }
      return types.contains(.json) ? body(.json(text)) : nil
    }

    private func withString<R>(_ spelled: UnsafeRawBufferPointer, _ body: (NativeValue) -> R) throws(Failure) -> R {
      let inner = UnsafeRawBufferPointer(rebasing: spelled[1..<(spelled.count &- 1)])
      return try JSON.withMemory(inner.count &+ 1) { copy in
        let count = JSONEscape.decode(inner, into: copy) ?? 0
        copy.storeBytes(of: 0, toByteOffset: count, as: UInt8.self) // all text that the host gets ends with a NUL
        return body(.string(UnsafeRawBufferPointer(start: copy, count: count)))
      }
    }
  }

  /// Returns the double that is nearest to a JSON number. It is infinite if the number is too large.
  func readReal(_ number: UnsafeRawBufferPointer) throws(Failure) -> Double {
    try JSON.withMemory(number.count &+ 1) { copy in
      if let from = number.baseAddress { memcpy(copy, from, number.count) }
      copy.storeBytes(of: 0, toByteOffset: number.count, as: UInt8.self)
      return strtod(copy.assumingMemoryBound(to: CChar.self), nil)
    }
  }

  /// Calls `body` with memory, which is on the stack if it is small. It is wiped afterwards, because it may hold a secret.
  private static func withMemory<R>(_ count: Int, _ body: (UnsafeMutableRawPointer) -> R) throws(Failure) -> R {
    let small = 1000
    if count <= small {
      let onStack = withUnsafeTemporaryAllocation(byteCount: small, alignment: 1) { memory in
        memory.baseAddress.map { memory in
          defer { platform_wipe(memory, count) }
          return body(memory)
        }
      }
      if let onStack { return onStack }
    }
    guard let memory = malloc(count) else { throw noMemory }
    defer {
      platform_wipe(memory, count)
      free(memory)
    }
    return body(memory)
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
        buffer.resize(to: from &+ length)
        return
      }
      digits &+= 1
    }
  }
}
