import CPlatform
import Foundation
import Testing

@testable import LilySession

/// Checks the part of the watch that sessions see.
@Suite struct WatchTests {
  let scratch = Scratch()

  private func isReadable(_ descriptor: Int32) -> Bool {
    var asked = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&asked, 1, 0) == 1
  }

  /// Opens a journal, its watch and its descriptor, and another handle of the same file.
  private func pair() throws -> (journal: Journal, watch: Watch, descriptor: Int32, other: Journal) {
    let journal = try Journal.open(path: scratch.file)
    let watch = try #require(journal.watch)
    return (journal, watch, journal.descriptor, try Journal.open(path: scratch.file))
  }

  @Test func `S10 the descriptor is readable until each session has caught up`() throws {
    let (journal, watch, descriptor, other) = try pair()
    let (first, second) = (watch.join(), watch.join())
    #expect(first != second && !isReadable(descriptor))
    try store("k", "1", in: other)
    #expect(isReadable(descriptor))
    let count = watch.arrivals()
    #expect(try stored("k", in: journal) == "1")
    #expect(isReadable(descriptor)) // reading without a refresh is not enough
    watch.caughtUp(first, to: count)
    #expect(isReadable(descriptor))
    watch.caughtUp(second, to: count)
    #expect(!isReadable(descriptor))
  }

  @Test func `S10 what arrives while a session catches up is told again`() throws {
    let (_, watch, descriptor, other) = try pair()
    let token = watch.join()
    try store("k", "1", in: other)
    let count = watch.arrivals()
    try store("k", "2", in: other)
    watch.caughtUp(token, to: count)
    #expect(isReadable(descriptor))
    watch.caughtUp(token, to: watch.arrivals())
    #expect(!isReadable(descriptor))
  }

  @Test func `S10 a session that ends is not waited for`() throws {
    let (_, watch, descriptor, other) = try pair()
    let (first, second) = (watch.join(), watch.join())
    try store("k", "1", in: other)
    watch.caughtUp(first, to: watch.arrivals())
    watch.leave(second)
    #expect(!isReadable(descriptor))
    try store("k", "2", in: other)
    _ = watch.arrivals()
    watch.leave(first)
    #expect(isReadable(descriptor)) // no session has refreshed
    _ = watch.arrivals()
    watch.looked()
    #expect(!isReadable(descriptor))
  }

  @Test func `S10 a session that is attached has seen what came before`() throws {
    let (_, watch, descriptor, other) = try pair()
    try store("k", "1", in: other)
    #expect(isReadable(descriptor))
    _ = watch.join()
    #expect(!isReadable(descriptor))
  }

  @Test func `S10 sessions may join before anybody asks for the descriptor`() throws {
    let journal = try Journal.open(path: scratch.file)
    let watch = try #require(journal.watch)
    let token = watch.join()
    #expect(watch.arrivals() == 0)
    watch.caughtUp(token, to: 0)
    let descriptor = journal.descriptor
    #expect(!isReadable(descriptor))
    try store("k", "1", in: try Journal.open(path: scratch.file))
    #expect(isReadable(descriptor))
    watch.caughtUp(token, to: watch.arrivals())
    #expect(!isReadable(descriptor))
  }

  @Test func `S21 a file that is exchanged under a session is told once`() throws {
    let (journal, watch, descriptor, other) = try pair()
    let token = watch.join()
    try store("secret", "1", in: other)
    try writeEntries([try EntryChange(Key("secret"), to: nil)], to: other)
    try other.sync()
    for _ in 0..<2 {
      try journal.revalidate()
      let count = watch.arrivals()
      _ = try journal.read([], of: .none)
      watch.caughtUp(token, to: count)
      #expect(!isReadable(descriptor))
    }
    try store("k", "1", in: other)
    #expect(isReadable(descriptor))
  }
}
