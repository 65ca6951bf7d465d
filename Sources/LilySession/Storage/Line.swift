import CPlatform

/// A line of the journal that is being made. The body is written first, behind some room. Sealing the line fills that room from behind, under
/// the lock, when the sequence number is known: with the frame of a batch, if there are several items, the sequence number, and the check.
final class Line {
  static var limit: Int { 64 << 20 }

  let buffer = ByteBuffer(capacity: 1024)

  /// The room for `["xxxxxxxx",`, at most 19 digits, a comma and `"batch",[`.
  static var room: Int { 48 }

  /// Empties the line, and leaves the room.
  func begin() {
    buffer.resize(to: Line.room)
    buffer.shrink(to: 64 << 10)
  }

  /// Makes a line of what was appended since `begin`, and returns it: one item without its own bracket, or several as a batch. The check
  /// depends on the file's salt. A line may be sealed again with another sequence number or salt.
  func seal(items: Int, sequence: Int64, salt: Salt) -> UnsafeRawBufferPointer {
    let end = buffer.count
    var at = Line.room
    if items == 1 {
      at &+= 1 // the line's "[" takes the place of the item's own
    } else {
      buffer.append("]]")
      at = put("\"batch\",[", before: at)
    }
    buffer.append(0x0A)
    at = put(UInt8(ascii: ","), before: at)
    at = ByteBuffer.put(decimal: sequence.magnitude, before: buffer.start + at) - buffer.start
    let check = salt.check(buffer.slice(at, buffer.count &- 1))
    at = put("\",", before: at)
    at &-= JournalHeader.checkDigits // `room` has place for them
    ByteBuffer.put(hex: UInt64(check), digits: JournalHeader.checkDigits, into: buffer.start + at)
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
