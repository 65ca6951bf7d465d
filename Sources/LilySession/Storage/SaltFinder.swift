/// Finds the salt of a journal whose header is lost, by computing it back from a line's check. One line proves nothing, because any bytes lead
/// to some salt. But if two different lines lead to the same salt, they are of the same journal.
struct SaltFinder {
  private struct Candidate {
    var seed: UInt32
    var sequence: Int64
  }

  /// How many earlier lines are kept, because damaged lines may stand between two whole ones. With more, a large file that is no journal
  /// would agree by chance in the end.
  private static var memory: Int { 8 }
  private var candidates: [Candidate] = []

  /// Returns the salt if an earlier line leads to the same one, or nil if none does.
  mutating func findSalt(_ line: UnsafeRawBufferPointer, _ parser: LineReader) throws(Failure) -> Salt? {
    guard let check = LineReader.check(of: line), let sequence = SaltFinder.sequence(line) else { return nil }
    let salt = Salt(lost: check, of: UnsafeRawBufferPointer(rebasing: line[JournalHeader.checkedFrom...]))
    if candidates.contains(where: { $0.seed == salt.seed && $0.sequence < sequence }),
      let (_, operation) = try parser.readLine(line, salt)
    {
      // A line with an unknown operation proves nothing, because anybody may have written it.
      if case .unknown = operation { return nil }
      return salt
    }
    if candidates.count == SaltFinder.memory { candidates.removeFirst() }
    candidates.append(Candidate(seed: salt.seed, sequence: sequence))
    return nil
  }

  /// Returns the sequence number at the beginning of a line, or nil if there is none.
  private static func sequence(_ line: UnsafeRawBufferPointer) -> Int64? {
    let start = JournalHeader.checkedFrom
    var end = start
    while end < line.count, line[end] >= UInt8(ascii: "0"), line[end] <= UInt8(ascii: "9") { end &+= 1 }
    guard end > start else { return nil }
    return JSONText.integer(UnsafeRawBufferPointer(rebasing: line[start..<end]))
  }
}
