import CPlatform
import Foundation
import Testing

@testable import LilySession

/// Checks the journal where the C interface does not reach it: its check, folders, clears, threads and batches.
@Suite struct JournalTests {
  let scratch = Scratch()
  func journal(_ change: (inout Journal.Options) -> Void = { _ in }) throws(Failure) -> Journal {
    var options = Journal.Options()
    change(&options)
    return try Journal.open(path: scratch.file, options: options)
  }

  @Test func `the check is CRC-32C, with and without the processor's instruction`() {
    // These are from RFC 3720, appendix B.4.
    let vectors: [([UInt8], UInt32)] = [
      ([UInt8](repeating: 0, count: 32), 0x8A91_36AA), ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E),
      (Array("123456789".utf8), 0xE306_9283),
    ]
    for (bytes, expected) in vectors { #expect(bytes.withUnsafeBytes { Salt.checkUnsalted($0) } == expected) }
    var dice = Dice(5)
    for length in 0..<300 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &dice) }
      #expect(platform_crc32c(7, bytes, length) == platform_crc32c_portable(7, bytes, length))
    }
  }

  @Test func `S28 a folder in which others could exchange the file is told, and refused by a strict opening`() throws {
    let storage = try journal()
    let folder = URL(fileURLWithPath: scratch.file).deletingLastPathComponent().path
    #expect(try !storage.info().directoryIsOpen)
    #expect(chmod(folder, 0o777) == 0)
    #expect(try storage.info().directoryIsOpen)
    #expect(storage.notices.directoryIsOpen)
    #expect(throws: Failure.self) { _ = try journal { $0.isStrict = true } }
    _ = try journal {
      $0.isStrict = true
      $0.acceptsAnyFolder = true
    }
    #expect(chmod(folder, 0o1777) == 0)
    #expect(try !storage.info().directoryIsOpen)
  }

  @Test func `S8 a write made before a clear is told so`() throws {
    let storage = try journal()
    let before = try storage.read([], of: .none).generation
    try clearSessions(try journal())
    let batch = Batch()
    try batch.set(Key("x"), deadline: 0, version: 0) { $0.append("1") }
    guard case .superseded(let now) = try storage.write(batch, in: .none, generation: before) else { throw Failure(.io, "it was written") }
    #expect(now != before)
    #expect(scratch.lines.count == 1)
    guard case .written = try storage.write(batch, in: .none, generation: now) else { throw Failure(.io, "it was not written") }
  }

  @Test func `S16 threads share a handle`() async throws {
    let storage = try journal()
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<4 {
        group.addTask {
          for round in 0..<250 {
            try? store("k\(thread)", "\(round)", in: storage)
            _ = try? stored("k\((thread + 1) % 4)", in: storage)
          }
        }
      }
    }
    for thread in 0..<4 { #expect(try stored("k\(thread)", in: try journal()) == "249") }
    #expect(scratch.lines.count == 1000)
  }

  @Test func `S14 a batch leaves out what is too long, and stays whole`() throws {
    let batch = Batch()
    try batch.set(Key("a"), deadline: 0, version: 0) { $0.append("1") }
    let tooLong = status { () throws(Failure) in
      try batch.set(Key("b"), deadline: 0, version: 0) { buffer throws(Failure) in
        for _ in 0...(2 << 20) { buffer.append("11111111") }
      }
    }
    #expect(tooLong == .encode)
    try batch.set(Key("c"), deadline: 5, version: 9) { $0.append("3") }
    let storage = try journal()
    _ = try storage.write(batch, in: .none, generation: nil)
    #expect(scratch.lines.first?.hasSuffix(#","batch",[["set","a",1,0],["set","c",3,5,9]]]"#) == true)
    #expect(try stored("a", in: try journal { $0.clock = { 1 } }) == "1")
  }
}
