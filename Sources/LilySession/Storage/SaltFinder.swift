/// Finds the salt of a journal whose header is lost. From a whole line the salt's effect on its check can be calculated. One line proves
/// nothing, as any bytes lead to some salt; two different ones that lead to the same are by the same writer.
struct SaltFinder {
  private struct Candidate {
    var seed: UInt32
    var sequence: Int64
  }

  /// Damaged lines may stand between two whole ones. Only so many, or a large file that is not ours would at last agree by chance.
  private static var memory: Int { 8 }
  private var candidates: [Candidate] = []

  /// Returns the salt once one of the lines before agrees with this one.
  mutating func salt(_ line: UnsafeRawBufferPointer, _ parser: LineReader) throws(Failure) -> Salt? {
    guard let check = LineReader.check(of: line), let sequence = SaltFinder.sequence(line) else { return nil }
    let salt = Salt(lost: check, of: UnsafeRawBufferPointer(rebasing: line[JournalHeader.checkedFrom...]))
    if candidates.contains(where: { $0.seed == salt.seed && $0.sequence < sequence }),
      let (_, operation) = try parser.read(line, salt)
    {
      // A name that is unknown could be anybody's.
      if case .unknown = operation { return nil }
      return salt
    }
    if candidates.count == SaltFinder.memory { candidates.removeFirst() }
    candidates.append(Candidate(seed: salt.seed, sequence: sequence))
    return nil
  }

  private static func sequence(_ line: UnsafeRawBufferPointer) -> Int64? {
    let start = JournalHeader.checkedFrom
    var end = start
    while end < line.count, line[end] >= UInt8(ascii: "0"), line[end] <= UInt8(ascii: "9") { end &+= 1 }
    guard end > start else { return nil }
    return JSONText.integer(UnsafeRawBufferPointer(rebasing: line[start..<end]))
  }
}
