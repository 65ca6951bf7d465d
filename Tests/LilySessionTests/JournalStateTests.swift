import CPlatform
import Foundation
import Testing

@testable import LilySession

/// Checks what a handle knows of its file, and whether it must still sync or rewrite it.
@Suite struct JournalStateTests {
  let scratch = Scratch()
  private let failure = Failure(.io, "for the test")

  @Test func `a CRC is undone byte by byte`() {
    var dice = Dice(7)
    for length in 0..<200 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &dice) }
      let before = UInt32.random(in: 0...UInt32.max, using: &dice)
      #expect(platform_crc32c_backwards(platform_crc32c(before, bytes, length), bytes, length) == before)
    }
  }

  @Test func `S12 a sync that failed is owed a new file, until there is one`() {
    var debts = JournalDebts()
    debts.wrote()
    debts.syncFailed()
    debts.rewritingFailed(failure, hasGrown: false)
    #expect(debts.owesNewFile && debts.owesSync)
    debts.rewritten(directorySynced: false)
    #expect(!debts.owesNewFile && debts.owesSync && debts.owesDirectory && debts.failure == nil)
    debts.rewritten(directorySynced: true)
    #expect(!debts.owesSync && !debts.owesDirectory)
  }

  @Test func `S8 tries that make the file grow are repeated after 1, 2, 4, 8 requests`() {
    var debts = JournalDebts()
    var tries: [Int] = []
    for request in 0..<20 where debts.mayTry(isUpdate: false) {
      tries.append(request)
      debts.rewritingFailed(failure, hasGrown: true)
    }
    #expect(tries == [0, 2, 5, 10, 19])
    debts.rewritten(directorySynced: true)
    let mayTry = debts.mayTry(isUpdate: false)
    #expect(mayTry)
  }

  @Test func `S8 tries that cost nothing are made each time a sync asks, and backed off from in updates`() {
    var debts = JournalDebts()
    for _ in 0..<5 {
      let mayTry = debts.mayTry(isUpdate: false)
      #expect(mayTry)
      debts.rewritingFailed(failure, hasGrown: false)
    }
    let mayUpdate = debts.mayTry(isUpdate: true)
    #expect(!mayUpdate)
  }

  /// Cutting a file whose sync failed does not repair its pages.
  @Test func `S12 a file that is cut stays one whose sync failed`() throws {
    let journal = try Journal.open(path: scratch.file)
    try store("a", "1", in: journal)
    try store("b", "2", in: journal)
    journal.debts.syncFailed()
    #expect(truncate(scratch.file, 140) == 0)
    #expect(try stored("a", in: journal) == nil)
    #expect(journal.debts.owesNewFile)
    let before = try FileManager.default.attributesOfItem(atPath: scratch.file)[.systemFileNumber] as? Int
    try store("a", "3", in: journal)
    try journal.sync()
    let after = try FileManager.default.attributesOfItem(atPath: scratch.file)[.systemFileNumber] as? Int
    #expect(before != after && !journal.debts.owesNewFile)
  }

  @Test func `S8 a deletion is one clear, of scopes too, and what is made anew goes on from there`() throws {
    let journal = try Journal.open(path: scratch.file)
    let scope = try Key("user:1").withBytes { try Scope(name: $0) }
    try store("a", "1", in: journal)
    let (own, scoped) = (journal.mirror.generation, journal.mirror.generation(of: scope))
    unlink(scratch.file)
    _ = try stored("a", in: journal)
    let (gone, goneScoped) = (journal.mirror.generation, journal.mirror.generation(of: scope))
    #expect(own != gone && scoped != goneScoped)
    _ = try stored("a", in: journal)
    try store("a", "2", in: journal)
    #expect(journal.mirror.generation == gone && journal.mirror.generation(of: scope) == goneScoped)
    let other = try Journal.open(path: scratch.file)
    #expect(other.mirror.generation == gone)
    try clearSessions(other) // the storage's own keys
    _ = try stored("a", in: journal)
    #expect(journal.mirror.generation == gone + 1 && journal.mirror.generation(of: scope) == goneScoped)
  }
}
