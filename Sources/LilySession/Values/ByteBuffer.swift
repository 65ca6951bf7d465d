import CPlatform

/// Where something lies in a buffer. A `Range` is not a plain value to the compiler.
struct Extent {
  var start: Int
  var end: Int

  var count: Int { end &- start }
}

/// Bytes that grow, kept from one use to the next so that an update allocates nothing once it has warmed up.
/// Memory comes from malloc; when there is none left the process ends, as everywhere in Swift.
//
// They may be secrets. So what is taken out is wiped, and memory that is given back holds nothing of it.
package final class ByteBuffer {
  private(set) var start: UnsafeMutablePointer<UInt8>
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
    guard let memory = malloc(capacity) else { fatalError("out of memory") } // no memory: nothing can go on
    return memory.assumingMemoryBound(to: UInt8.self)
  }

  /// Moves to memory of another size. realloc would leave a copy behind.
  private func move(to capacity: Int) {
    let memory = ByteBuffer.allocate(capacity)
    memcpy(memory, start, count)
    wipe(from: 0)
    free(start)
    start = memory
    self.capacity = capacity
  }

  /// What is behind `count` was wiped when it was taken out.
  private func wipe(from: Int) {
    if from < count { platform_wipe(start + from, count &- from) }
  }

  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  func slice(_ from: Int, _ end: Int) -> UnsafeRawBufferPointer {
    guard from >= 0, end >= from, end <= count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(start: start + from, count: end &- from)
  }

  func slice(_ extent: Extent) -> UnsafeRawBufferPointer { slice(extent.start, extent.end) }

  func reserve(_ more: Int) {
    // Callers keep to the limits of a line and a file, far below Int's.
    if capacity &- count < more { grow(more) }
  }

  @inline(never)
  private func grow(_ more: Int) {
    move(to: max(capacity &* 2, count &+ more))
  }

  /// Shortens; what is longer than the buffer changes nothing.
  @inline(__always)
  func truncate(to length: Int) {
    guard length >= 0, length < count else { return }
    wipe(from: length)
    count = length
  }

  /// Shortens, and leaves what is behind as it is until something is appended: it is nobody's secret.
  func retract(to length: Int) {
    if length >= 0, length < count { count = length }
  }

  /// Leaves `length` bytes, of which the new ones are as they come; the caller fills them.
  func resize(to length: Int) {
    truncate(to: length)
    reserve(length &- count)
    count = max(count, length)
  }

  func removeFirst(_ length: Int) {
    guard length > 0, length <= count else { return }
    memmove(start, start + length, count &- length)
    truncate(to: count &- length)
  }

  /// Gives back memory that one large value took.
  func shrink(to limit: Int) {
    if capacity > limit, count <= limit { move(to: limit) }
  }

  package func append(_ byte: UInt8) {
    reserve(1)
    start[count] = byte
    count &+= 1
  }

  package func append(_ more: UnsafeRawBufferPointer) {
    guard let from = more.baseAddress else { return }
    reserve(more.count)
    memcpy(start + count, from, more.count)
    count &+= more.count
  }

  package func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Overwrites bytes that are there.
  func put(_ bytes: UnsafeRawBufferPointer, at place: Int) {
    guard let from = bytes.baseAddress, place >= 0, count &- place >= bytes.count else { return }
    memcpy(start + place, from, bytes.count)
  }

  package func append(decimal value: Int64) {
    reserve(20)
    if value < 0 { append(UInt8(ascii: "-")) }
    var digits = value.magnitude
    let length = ByteBuffer.decimalLength(digits)
    var at = count &+ length
    count = at
    repeat {
      at &-= 1
      start[at] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digits % 10)
      digits /= 10
    } while digits > 0
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

  /// Overwrites bytes that are there.
  func put(hex value: UInt64, digits: Int, at place: Int) {
    guard place >= 0, digits >= 0, count &- place >= digits else { return }
    ByteBuffer.put(hex: value, digits: digits, into: start + place)
  }

  static func put(hex value: UInt64, digits: Int, into memory: UnsafeMutablePointer<UInt8>) {
    for offset in 0..<digits {
      let digit = UInt8(truncatingIfNeeded: (value &>> UInt64((digits &- 1 &- offset) &* 4)) & 15)
      memory[offset] = digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10
    }
  }
}
