import CJansson
import CPlatform

/// libjansson: the only file that calls it. A `JSON` exists only while this thread has the C locale, because jansson asks
/// the locale for its decimal point (and 2.14 aborts where that is more than one byte). jansson's error text is never read: it
/// quotes the input, which may be a secret.
struct JSON {
  private init() {}

  static func run<R: ~Copyable>(_ body: (JSON) throws(Failure) -> R) throws(Failure) -> R {
    // "C" for all categories is a constant of libc's: nothing is allocated, and freelocale leaves it alone.
    guard let plain = newlocale(Int32(PLATFORM_LC_ALL_MASK), "C", nil) else { throw JSON.noMemory }
    let before = uselocale(plain)
    defer {
      uselocale(before)
      freelocale(plain)
    }
    return try body(JSON())
  }

  static var notJSON: Failure { Failure(.decode, "the text is not JSON") }
  static var noMemory: Failure { Failure(.io, "there is no memory for jansson", systemError: ENOMEM) }

  /// Text that is JSON. Every number in it is read as a real, so that one beyond int64 is a number too; `JSONText.integer` finds
  /// the integers.
  struct Parsed: ~Copyable {
    /// nil: the text is plain, and jansson was not asked.
    private let root: UnsafeMutablePointer<json_t>?
    private let text: UnsafeRawBufferPointer

    fileprivate init(root: UnsafeMutablePointer<json_t>?, text: UnsafeRawBufferPointer) {
      self.root = root
      self.text = text
    }

    deinit { json_decref(root) }

    /// jansson converts a copy of a number, which without memory may have been cut (and then errno is 0 again).
    fileprivate var hasAllDigits: Bool {
      guard let root, root.pointee.type == JSON_REAL, text.count > 15 else { return true }
      return withUnsafeTemporaryAllocation(byteCount: text.count &+ 1, alignment: 1) { copy in
        copy.copyMemory(from: text)
        copy[text.count] = 0
        return copy.baseAddress.map { strtod($0.assumingMemoryBound(to: CChar.self), nil) } == json_real_value(root)
      }
    }

    /// Hands over the first of NULL, BOOL, INT, REAL, STRING, JSON among `types` that it fits; nil: none. The value is borrowed
    /// for the call: its text is jansson's, or what was parsed.
    func withValue<R>(as types: ValueTypes, _ body: (NativeValue) -> R) -> R? {
      guard let root else { return withPlainValue(as: types, body) }
      return value(of: root, as: types).map(body)
    }

    private func withPlainValue<R>(as types: ValueTypes, _ body: (NativeValue) -> R) -> R? {
      switch text.first {
      case UInt8(ascii: "n") where types.contains(.null): return body(.null)
      case UInt8(ascii: "t") where types.contains(.bool): return body(.bool(true))
      case UInt8(ascii: "f") where types.contains(.bool): return body(.bool(false))
      case UInt8(ascii: "\"") where types.contains(.string):
        return withUnsafeTemporaryAllocation(byteCount: text.count &- 1, alignment: 1) { copy in
          let inner = UnsafeRawBufferPointer(rebasing: text[1..<(text.count &- 1)])
          copy.copyMemory(from: inner)
          copy[inner.count] = 0 // as all text that the host gets
          return body(.string(UnsafeRawBufferPointer(rebasing: copy[0..<inner.count])))
        }
      default:
        guard let integer = JSONText.integer(text) else { break }
        if types.contains(.int) { return body(.int(integer)) }
        if types.contains(.real) { return body(.real(Double(integer))) }
      }
      return types.contains(.json) ? body(.json(text)) : nil
    }

    private func value(of root: UnsafeMutablePointer<json_t>, as types: ValueTypes) -> NativeValue? {
      switch root.pointee.type {
      case JSON_NULL where types.contains(.null): return .null
      case JSON_TRUE where types.contains(.bool): return .bool(true)
      case JSON_FALSE where types.contains(.bool): return .bool(false)
      case JSON_REAL:
        if types.contains(.int), let integer = JSONText.integer(text) { return .int(integer) }
        if types.contains(.real) { return .real(json_real_value(root)) }
      case JSON_STRING where types.contains(.string):
        return .string(UnsafeRawBufferPointer(start: json_string_value(root), count: json_string_length(root)))
      default: break
      }
      return types.contains(.json) ? .json(text) : nil
    }
  }

  static func parse(_ text: UnsafeRawBufferPointer) throws(Failure) -> Parsed {
    if JSONScan.isPlain(text) { return Parsed(root: nil, text: text) }
    return try run { json throws(Failure) in try json.parse(text) }
  }

  func parse(_ text: UnsafeRawBufferPointer) throws(Failure) -> Parsed {
    guard text.count <= JSONText.valueLimit else { throw Failure(.decode, "the text is longer than 16 MiB") }
    guard JSONText.isShallow(text, depth: JSONText.depthLimit) else { throw Failure(.decode, "the text nests deeper than 512") }
    return try load(text)
  }

  private func load(_ text: UnsafeRawBufferPointer) throws(Failure) -> Parsed {
    guard !text.hasNUL, let start = text.baseAddress?.assumingMemoryBound(to: CChar.self) else {
      throw JSON.notJSON // jansson takes a NUL between tokens for the text's end
    }
    let flags = Int(JSON_DECODE_ANY) | Int(JSON_REJECT_DUPLICATES) | Int(JSON_ALLOW_NUL) | Int(JSON_DECODE_INT_AS_REAL)
    // Where it gets no memory, jansson (2.14) may say that the text is wrong, say nothing, or go on with a byte less. A line that
    // was taken for damaged then would be lost. errno tells; but glibc may leave it behind an allocation that it could make
    // another way, hence the second try.
    for _ in 0..<2 {
      var error = json_error_t()
      platform_set_errno(0)
      let root = json_loadb(start, text.count, flags, &error)
      if platform_errno() == ENOMEM {
        json_decref(root)
        continue
      }
      guard let root else { throw json_error_code(&error) == json_error_unknown ? JSON.noMemory : JSON.notJSON }
      let parsed = Parsed(root: root, text: text)
      guard parsed.hasAllDigits else { throw JSON.noMemory }
      return parsed
    }
    throw JSON.noMemory
  }

  /// Throws what is wrong with the text. true: it is known to have no white space outside strings.
  static func check(_ text: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    if case .json(let isCompact) = JSONScan.scan(text) { return isCompact }
    try run { json throws(Failure) in _ = try json.parse(text) }
    return false
  }

  /// Whether a line is an array of values; the line itself nests once.
  func isLine(_ text: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    guard JSONText.isShallow(text, depth: JSONText.depthLimit + 1) else { return false }
    return try isAccepted { () throws(Failure) in _ = try load(text) }
  }

  func isValue(_ text: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    if JSONScan.isSurelyJSON(text) { return true }
    return try isAccepted { () throws(Failure) in _ = try parse(text) }
  }

  /// Throws only what says nothing of the text: that there is no memory.
  private func isAccepted(_ load: () throws(Failure) -> Void) throws(Failure) -> Bool {
    do throws(Failure) { try load() } catch {
      if error.status == .decode { return false }
      throw error
    }
    return true
  }

  /// A finite real in the fewest digits that read back.
  func append(real value: Double, to buffer: ByteBuffer) throws(Failure) {
    guard value.isFinite else { throw Failure(.encode, "a real is not finite") }
    guard let number = json_real(value) else { throw JSON.noMemory }
    defer { json_decref(number) }
    // What has 15 digits or fewer is found by the first try: a normal double keeps them all. Subnormals keep fewer.
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
