import CPlatform

/// The arrays and objects that are open while a text is scanned, and the names that each object has so far. It is one list, with an inner
/// object's names behind the outer one's. It begins in memory of the caller's, and continues in malloc's. Names that are spelled with
/// escapes are kept decoded.
struct JSONNames: ~Copyable {
  /// An element of the list: a name, or the head of an open array or object. A name lies from `start` to `end` in the text, or, if the high
  /// bit of `start` is set, among the decoded names. A head stands before the names of its array or object, and keeps what is to be restored
  /// when that closes. Its `start` is the place where the names of the array or object around it begin, doubled, plus 1 if that is an object.
  /// Its `end` is the number of bytes of decoded names. Before a head stands a third kind, the traits of the names around it.
  struct Mark {
    var start: UInt32
    var end: UInt32

    @inline(__always)
    init(start: UInt32, end: UInt32) { (self.start, self.end) = (start, end) }

    @inline(__always)
    init(traits: UInt64) { (start, end) = (UInt32(truncatingIfNeeded: traits), UInt32(truncatingIfNeeded: traits &>> 32)) }

    @inline(__always)
    var count: UInt32 { end &- start & ~decodedBit }

    @inline(__always)
    var traits: UInt64 { UInt64(end) &<< 32 | UInt64(start) }
  }

  enum Wrong: UInt8 { case nothing, duplicate, spelling }

  /// How many elements fit into the caller's memory, which has 960 bytes.
  private static var small: Int { 120 }
  private static var decodedBit: UInt32 { 0x8000_0000 }
  /// Up to this many names are compared one by one. An object with more names is looked through once, when it closes.
  private static var few: Int { 16 }

  private var marks: UnsafeMutablePointer<Mark>
  private var capacity = JSONNames.small
  private var isOwned = false
  private var count = 0
  /// Where the names of the innermost array or object begin.
  private var first = 0
  /// The traits of these names, a bit for each. A name whose trait is not here is none of them, which usually spares looking at each.
  private var traits: UInt64 = 0
  private(set) var depth = 0
  /// What is wrong with the name that was refused.
  private(set) var wrong = Wrong.nothing
  private var decoded: UnsafeMutableRawPointer?
  private var decodedCapacity = 0
  private var decodedCount = 0

  /// Calls `body` with memory to begin with, which lives for the call.
  @inline(__always)
  static func withMemory<R>(_ body: (UnsafeMutablePointer<Mark>) throws(Failure) -> R) throws(Failure) -> R {
    try withStackMemory(small &* MemoryLayout<Mark>.stride, alignment: MemoryLayout<Mark>.alignment) { memory throws(Failure) in
      try body(memory.assumingMemoryBound(to: Mark.self))
    }
  }

  /// `memory` must come from `withMemory`.
  init(_ memory: UnsafeMutablePointer<Mark>) { marks = memory }

  deinit {
    if isOwned { free(marks) }
    wipe()
  }

  /// Wipes and frees the decoded names, which are as secret as values.
  private func wipe() {
    guard let decoded else { return }
    platform_wipe(decoded, decodedCapacity)
    free(decoded)
  }

  /// Opens an array or object within one that `closing` closes, or within none, if it is 0.
  @inline(__always)
  mutating func openContainer(within closing: UInt8) throws(Failure) {
    let around = UInt32(truncatingIfNeeded: first) &<< 1 | (closing == UInt8(ascii: "}") ? 1 : 0)
    if capacity &- count < 2 { try grow() }
    marks[count] = Mark(traits: traits)
    marks[count &+ 1] = Mark(start: around, end: UInt32(truncatingIfNeeded: decodedCount))
    count &+= 2
    first = count
    traits = 0
    depth &+= 1
  }

  /// Closes the innermost array or object, of which one must be open. Returns the byte that closes the one around it, if there is one.
  /// Returns nil if what it closes is an object with a duplicate name.
  @inline(__always)
  mutating func closeContainer(_ text: UnsafeRawBufferPointer) throws(Failure) -> UInt8? {
    if count &- first > JSONNames.few, try hasTwoAlike(text) {
      wrong = .duplicate
      return nil
    }
    let around = marks[first &- 1]
    count = first &- 2
    traits = marks[count].traits
    first = Int(around.start &>> 1)
    decodedCount = Int(around.end)
    depth &-= 1
    return around.start & 1 == 1 ? UInt8(ascii: "}") : UInt8(ascii: "]")
  }

  /// Adds a name without escapes to the object. Returns false if the object already has it, and has few names; otherwise `closeContainer`
  /// finds that out. The name must be between quotes.
  @inline(__always)
  mutating func add(_ start: Int, _ end: Int, in text: UnsafePointer<UInt8>, _ whole: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    let trait = JSONNames.trait(text[start], text[end &- 1], end &- start)
    let name = Mark(start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end))
    if traits & trait != 0, hasAlike(name, whole) { return refuse(.duplicate) }
    traits |= trait
    try append(name)
    return true
  }

  /// Returns a bit for a name, by its first byte, its last one and its length. Of an empty name the quotes around it count.
  @inline(__always)
  private static func trait(_ first: UInt8, _ last: UInt8, _ length: Int) -> UInt64 {
    1 &<< (UInt64(first) &+ UInt64(last) &* 5 &+ UInt64(truncatingIfNeeded: length) &* 11)
  }

  /// Adds a name that is spelled with escapes. Returns false as the other `add` does, and if the name has a NUL, which jansson refuses.
  @inline(never)
  mutating func add(spelled start: Int, _ end: Int, in text: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    let length = end &- start
    if decodedCapacity &- decodedCount < length {
      let larger = max(decodedCapacity &* 2, decodedCount &+ length)
      guard let memory = malloc(larger) else { throw JSON.noMemory }
      if let decoded { memcpy(memory, decoded, decodedCount) }
      wipe()
      decoded = memory
      decodedCapacity = larger
    }
    guard let decoded, let had = JSONEscape.decode(UnsafeRawBufferPointer(rebasing: text[start..<end]), into: decoded + decodedCount),
      !UnsafeRawBufferPointer(start: decoded + decodedCount, count: had).hasNUL
    else { return refuse(.spelling) }
    let mark = Mark(
      start: UInt32(truncatingIfNeeded: decodedCount) | JSONNames.decodedBit, end: UInt32(truncatingIfNeeded: decodedCount &+ had))
    decodedCount &+= had
    let quote = UInt8(ascii: "\"")
    let name = bytes(mark, text)
    let trait = JSONNames.trait(name.first ?? quote, name.last ?? quote, had)
    if traits & trait != 0, hasAlike(mark, text) { return refuse(.duplicate) }
    traits |= trait
    try append(mark)
    return true
  }

  /// Returns true if the object already has the name, and has few names.
  @inline(never)
  private func hasAlike(_ name: Mark, _ text: UnsafeRawBufferPointer) -> Bool {
    guard count &- first < JSONNames.few else { return false }
    for other in first..<count where marks[other].count == name.count && isSame(marks[other], name, text) { return true }
    return false
  }

  @inline(never)
  private mutating func refuse(_ what: Wrong) -> Bool {
    wrong = what
    return false
  }

  @inline(__always)
  private mutating func append(_ mark: Mark) throws(Failure) {
    if count == capacity { try grow() }
    marks[count] = mark
    count &+= 1
  }

  @inline(never)
  private mutating func grow() throws(Failure) {
    let bytes = capacity &* MemoryLayout<Mark>.stride
    guard let memory = realloc(isOwned ? marks : nil, bytes &* 2) else { throw JSON.noMemory }
    if !isOwned { memcpy(memory, marks, bytes) }
    marks = memory.assumingMemoryBound(to: Mark.self)
    capacity &*= 2
    isOwned = true
  }

  @inline(__always)
  private func bytes(_ name: Mark, _ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let start = Int(name.start & ~JSONNames.decodedBit)
    let base = name.start & JSONNames.decodedBit == 0 ? text.baseAddress : decoded.map { UnsafeRawPointer($0) }
    return UnsafeRawBufferPointer(start: base.map { $0 + start }, count: Int(name.end) &- start)
  }

  /// Returns true if two names of the same length are equal.
  private func isSame(_ a: Mark, _ b: Mark, _ text: UnsafeRawBufferPointer) -> Bool {
    let (a, b) = (bytes(a, text), bytes(b, text))
    return a.first == b.first && a.equals(b)
  }

  /// Returns true if the innermost object has a duplicate name. The time grows only with the length of the names: it uses a hash table, and
  /// the text cannot choose the hashes.
  @inline(never)
  private func hasTwoAlike(_ text: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    var room = 64
    while room < (count &- first) &* 2 { room &*= 2 }
    let bytesOfTable = room &* MemoryLayout<UInt32>.stride
    guard let memory = malloc(bytesOfTable) else { throw JSON.noMemory }
    defer { free(memory) }
    memset(memory, 0, bytesOfTable)
    let table = memory.assumingMemoryBound(to: UInt32.self) // places in the list; 0 means none
    for index in first..<count {
      let name = bytes(marks[index], text)
      var slot = hashOf(name) & (room &- 1)
      while table[slot] != 0 {
        if bytes(marks[Int(table[slot])], text).equals(name) { return true }
        slot = (slot &+ 1) & (room &- 1)
      }
      table[slot] = UInt32(truncatingIfNeeded: index)
    }
    return false
  }
}
