import CPlatform

/// One line of the journal in the making. The body is written first; check, sequence and the frame of a batch are put around it
/// when they are known, under the lock, into room that was left for them.
final class Line {
  static var limit: Int { 64 << 20 }

  let buffer = ByteBuffer(capacity: 1024)

  /// `["xxxxxxxx",` and at most 19 digits, a comma, `"batch",[`.
  static var room: Int { 48 }

  func begin() {
    buffer.resize(to: Line.room)
    buffer.shrink(to: 64 << 10)
  }

  /// Closes the line around what was appended since `begin`: one item without its own bracket, or several as a batch.
  /// May be called again with another sequence or salt.
  func seal(items: Int, sequence: Int64, salt: Salt) -> UnsafeRawBufferPointer {
    let end = buffer.count
    var at = Line.room
    if items == 1 {
      at &+= 1 // the item's own "[" gives way to the line's
    } else {
      buffer.append("]]")
      at = put("\"batch\",[", before: at)
    }
    buffer.append(0x0A)
    at = put(UInt8(ascii: ","), before: at)
    var rest = sequence.magnitude
    repeat {
      at = put(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10), before: at)
      rest /= 10
    } while rest > 0
    let check = salt.check(buffer.slice(at, buffer.count &- 1))
    at = put("\",", before: at)
    for digit in 0..<8 {
      let nibble = UInt8(truncatingIfNeeded: check &>> UInt32(digit &* 4)) & 15
      at = put(nibble < 10 ? UInt8(ascii: "0") &+ nibble : UInt8(ascii: "a") &+ nibble &- 10, before: at)
    }
    at = put("[\"", before: at)
    let sealed = UnsafeRawBufferPointer(start: buffer.start + at, count: buffer.count &- at)
    buffer.retract(to: end) // the frame stays until the next append
    return sealed
  }

  private func put(_ byte: UInt8, before at: Int) -> Int {
    guard at > 0 else { return at }
    buffer.start[at &- 1] = byte
    return at &- 1
  }

  private func put(_ text: StaticString, before at: Int) -> Int {
    guard at >= text.utf8CodeUnitCount else { return at }
    memcpy(buffer.start + (at &- text.utf8CodeUnitCount), text.utf8Start, text.utf8CodeUnitCount)
    return at &- text.utf8CodeUnitCount
  }
}
