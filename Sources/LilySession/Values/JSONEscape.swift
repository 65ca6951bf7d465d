import CPlatform

/// An escape in a JSON string, as jansson reads it: both halves of a surrogate pair are one escape, and a half alone is invalid.
struct JSONEscape {
  let scalar: UInt32
  /// The length of its spelling, in bytes.
  let length: Int

  /// Reads the escape at a place. Returns nil if there is no backslash, or no valid escape behind it.
  init?(_ text: UnsafeRawBufferPointer, at: Int) {
    guard at >= 0, text.count &- at >= 2, text[at] == UInt8(ascii: "\\") else { return nil }
    var length = 2
    switch text[at &+ 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = UInt32(text[at &+ 1])
    case UInt8(ascii: "b"): scalar = 0x08
    case UInt8(ascii: "f"): scalar = 0x0C
    case UInt8(ascii: "n"): scalar = 0x0A
    case UInt8(ascii: "r"): scalar = 0x0D
    case UInt8(ascii: "t"): scalar = 0x09
    case UInt8(ascii: "u"):
      guard let unit = JSONEscape.unit(text, at) else { return nil }
      switch unit {
      case 0xD800..<0xDC00:
        guard let low = JSONEscape.unit(text, at &+ 6), low >= 0xDC00, low < 0xE000 else { return nil }
        scalar = 0x1_0000 &+ (unit &- 0xD800) &<< 10 &+ (low &- 0xDC00)
        length = 12
      case 0xDC00..<0xE000: return nil
      default:
        scalar = unit
        length = 6
      }
    default: return nil
    }
    self.length = length
  }

  /// Returns the unit of UTF-16 that `\uXXXX` at this place stands for; nil if there is no such escape.
  private static func unit(_ text: UnsafeRawBufferPointer, _ at: Int) -> UInt32? {
    guard text.count &- at >= 6, text[at] == UInt8(ascii: "\\"), text[at &+ 1] == UInt8(ascii: "u") else { return nil }
    var value: UInt32 = 0
    for index in (at &+ 2)..<(at &+ 6) {
      let digit = text[index]
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value &<< 4 | UInt32(digit &- UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value &<< 4 | UInt32(digit &- UInt8(ascii: "a") &+ 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value &<< 4 | UInt32(digit &- UInt8(ascii: "A") &+ 10)
      default: return nil
      }
    }
    return value
  }

  /// Writes the text between a string's quotes, with its escapes decoded. `memory` must have room for as many bytes as the text has. That is
  /// enough, because every escape is longer than what it stands for. Returns how many bytes it wrote, or nil if there is a quote, a control
  /// character or an invalid escape.
  static func decode(_ spelled: UnsafeRawBufferPointer, into memory: UnsafeMutableRawPointer) -> Int? {
    var count = 0
    var at = 0
    while true {
      let end = JSONText.endOfPlain(spelled, from: at)
      if end > at, let from = spelled.baseAddress {
        memcpy(memory + count, from + at, end &- at)
        count &+= end &- at
      }
      if end == spelled.count { return count }
      guard let escape = JSONEscape(spelled, at: end) else { return nil }
      count &+= escape.encode(into: memory + count)
      at = end &+ escape.length
    }
  }

  /// Writes the scalar as UTF-8, and returns how many bytes that took. These are fewer than its spelling has.
  private func encode(into memory: UnsafeMutableRawPointer) -> Int {
    func store(_ byte: UInt32, _ offset: Int) { memory.storeBytes(of: UInt8(truncatingIfNeeded: byte), toByteOffset: offset, as: UInt8.self) }
    func continuing(_ shift: UInt32) -> UInt32 { 0x80 | (scalar &>> shift) & 0x3F }
    switch scalar {
    case 0..<0x80:
      store(scalar, 0)
      return 1
    case 0x80..<0x800:
      store(0xC0 | scalar &>> 6, 0)
      store(continuing(0), 1)
      return 2
    case 0x800..<0x1_0000:
      store(0xE0 | scalar &>> 12, 0)
      store(continuing(6), 1)
      store(continuing(0), 2)
      return 3
    default:
      store(0xF0 | scalar &>> 18, 0)
      store(continuing(12), 1)
      store(continuing(6), 2)
      store(continuing(0), 3)
      return 4
    }
  }
}
