import CRedis

/// A command with its arguments, in one piece of memory.
struct Command {
  private var text: [UInt8] = []
  private var lengths: [Int] = []

  /// Makes the arguments of a command that is still to begin.
  init() {
    // Most commands fit, and so need no memory again and again.
    text.reserveCapacity(448)
    lengths.reserveCapacity(24)
  }

  /// Makes a command from its words.
  init(_ words: StaticString...) {
    self.init()
    for word in words { add(word) }
  }

  mutating func add(_ argument: StaticString) {
    add(UnsafeRawBufferPointer(start: argument.utf8Start, count: argument.utf8CodeUnitCount))
  }

  mutating func add(_ argument: [UInt8]) {
    text += argument
    lengths.append(argument.count)
  }

  mutating func add(_ argument: UnsafeRawBufferPointer) {
    text += argument
    lengths.append(argument.count)
  }

  mutating func add(_ number: Int64) {
    let start = text.count
    text.append(decimal: number)
    lengths.append(text.count - start)
  }

  /// Adds one argument that `body` appends in pieces.
  mutating func addPieces(_ body: (inout [UInt8]) -> Void) {
    let start = text.count
    body(&text)
    lengths.append(text.count - start)
  }

  mutating func add(_ arguments: Command) {
    text += arguments.text
    lengths += arguments.lengths
  }

  func adding(_ argument: [UInt8]) -> Command {
    var command = self
    command.add(argument)
    return command
  }

  func adding(_ number: Int64) -> Command {
    var command = self
    command.add(number)
    return command
  }

  /// Appends the command to `buffer` as the protocol spells it.
  func append(to buffer: inout [UInt8]) throws(Failure) {
    var target: UnsafeMutablePointer<CChar>?
    let count = text.withUnsafeBytes { text in
      // An empty argument needs an address, too.
      let none: UnsafePointer<CChar>? = nil
      var at = text.baseAddress.map { UnsafePointer($0.assumingMemoryBound(to: CChar.self)) } ?? none
      var starts: [UnsafePointer<CChar>?] = []
      starts.reserveCapacity(lengths.count)
      for length in lengths {
        starts.append(at)
        at = at.map { $0 + length }
      }
      return redisFormatCommandArgv(&target, Int32(truncatingIfNeeded: lengths.count), &starts, lengths)
    }
    guard count > 0, let target else { throw Failure(Status.io, "memory is exhausted", systemError: ENOMEM) }
    buffer += UnsafeRawBufferPointer(start: target, count: Int(count))
    redisFreeCommand(target)
  }
}

extension [UInt8] {
  /// Appends a number's decimal digits.
  mutating func append(decimal number: Int64) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { room in
      var start = room.count
      var rest = number.magnitude
      repeat {
        start -= 1
        room[start] = UInt8(truncatingIfNeeded: rest % 10) + 48
        rest /= 10
      } while rest > 0
      if number < 0 {
        start -= 1
        room[start] = 45
      }
      append(contentsOf: UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: room[start...]))))
    }
  }
}
