import CPlatform

/// A part of a buffer. It is not a `Range`, which the compiler does not take for a plain value.
struct Extent {
  var start: Int
  var end: Int

  var count: Int { end &- start }
}

/// A sequence of bytes that can grow. A buffer is kept from one use to the next, so that an update allocates nothing once its buffers are large
/// enough. Memory comes from malloc. If no memory is left, the process ends, as everywhere in Swift.
//
// The bytes may be secrets. So bytes that are taken out are wiped, and memory that is freed holds none of them.
package final class ByteBuffer {
  package private(set) var start: UnsafeMutablePointer<UInt8>
  private(set) var capacity: Int
  package private(set) var count = 0

  package init(capacity: Int = 256) {
    self.capacity = capacity
    start = ByteBuffer.allocate(capacity)
  }

  deinit {
    wipe(from: 0)
    free(start)
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<UInt8> {
    guard let memory = malloc(capacity) else { fatalError("out of memory") } // without memory nothing can go on
    return memory.assumingMemoryBound(to: UInt8.self)
  }

  /// Moves the bytes to memory of another size. realloc would leave a copy of them behind.
  private func move(to capacity: Int) {
    let memory = ByteBuffer.allocate(capacity)
    memcpy(memory, start, count)
    wipe(from: 0)
    free(start)
    start = memory
    self.capacity = capacity
  }

  /// Wipes the bytes from this place on. Those behind `count` were wiped when they were taken out.
  private func wipe(from: Int) {
    if from < count { platform_wipe(start + from, count &- from) }
  }

  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  @inline(__always)
  func slice(_ from: Int, _ end: Int) -> UnsafeRawBufferPointer {
    guard from >= 0, end >= from, end <= count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(start: start + from, count: end &- from)
  }

  @inline(__always)
  func slice(_ extent: Extent) -> UnsafeRawBufferPointer { slice(extent.start, extent.end) }

  @inline(__always)
  func reserve(_ more: Int) {
    // The sum cannot overflow, because callers keep to the limits of a line and a file.
    if capacity &- count < more { grow(more) }
  }

  @inline(never)
  private func grow(_ more: Int) {
    move(to: max(capacity &* 2, count &+ more))
  }

  /// Shortens the buffer to `length` bytes. Does nothing if it is not longer.
  @inline(__always)
  func truncate(to length: Int) {
    guard length >= 0, length < count else { return }
    wipe(from: length)
    count = length
  }

  /// Shortens the buffer without wiping the bytes behind, for bytes that are no secret.
  func retract(to length: Int) {
    if length >= 0, length < count { count = length }
  }

  /// Shortens or lengthens the buffer to `length` bytes. New ones have any value until the caller fills them.
  package func resize(to length: Int) {
    truncate(to: length)
    reserve(length &- count)
    count = max(count, length)
  }

  func removeFirst(_ length: Int) {
    guard length > 0, length <= count else { return }
    memmove(start, start + length, count &- length)
    truncate(to: count &- length)
  }

  /// Frees memory that one large value needed.
  func shrink(to limit: Int) {
    if capacity > limit, count <= limit { move(to: limit) }
  }

  @inline(__always)
  package func append(_ byte: UInt8) {
    reserve(1)
    start[count] = byte
    count &+= 1
  }

  @inline(__always)
  package func append(_ more: UnsafeRawBufferPointer) {
    guard let from = more.baseAddress else { return }
    reserve(more.count)
    memcpy(start + count, from, more.count)
    count &+= more.count
  }

  package func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Overwrites bytes of the buffer.
  func put(_ bytes: UnsafeRawBufferPointer, at place: Int) {
    guard let from = bytes.baseAddress, place >= 0, count &- place >= bytes.count else { return }
    memcpy(start + place, from, bytes.count)
  }

  package func append(decimal value: Int64) {
    reserve(20)
    if value < 0 { append(UInt8(ascii: "-")) }
    count &+= ByteBuffer.decimalLength(value.magnitude)
    ByteBuffer.put(decimal: value.magnitude, before: start + count)
  }

  /// Overwrites the bytes before `end` by a number in decimal digits, for which there must be room. Returns where it begins.
  @inline(__always)
  @discardableResult
  static func put(decimal value: UInt64, before end: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    var at = end
    var rest = value
    repeat {
      at -= 1
      at.pointee = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    return at
  }

  static func decimalLength(_ value: UInt64) -> Int {
    var length = 1
    var rest = value / 10
    while rest > 0 {
      length &+= 1
      rest /= 10
    }
    return length
  }

  func append(hex value: UInt64, digits: Int) {
    reserve(digits)
    count &+= digits
    put(hex: value, digits: digits, at: count &- digits)
  }

  /// Overwrites bytes of the buffer by a number in hexadecimal digits.
  @inline(never)
  func put(hex value: UInt64, digits: Int, at place: Int) {
    guard place >= 0, digits >= 0, count &- place >= digits else { return }
    ByteBuffer.put(hex: value, digits: digits, into: start + place)
  }

  @inline(__always)
  static func put(hex value: UInt64, digits: Int, into memory: UnsafeMutablePointer<UInt8>) {
    for offset in 0..<digits {
      let digit = UInt8(truncatingIfNeeded: (value &>> UInt64((digits &- 1 &- offset) &* 4)) & 15)
      memory[offset] = digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10
    }
  }
}
