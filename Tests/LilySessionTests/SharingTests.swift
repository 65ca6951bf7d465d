import Foundation
import Testing

@testable import LilySession

/// What several sessions do to one another.
@Suite struct SharingTests {
  let scratch = Scratch()
  func journal() throws -> Journal { try Journal.open(path: scratch.file) }

  @Test func `S10 refresh sets what was changed elsewhere, and leaves what is dirty here`() throws {
    let (here, there) = (try Attached(journal()), try Attached(journal()))
    try there.change { $0.theme = "dark"; $0.visits = 3 }
    #expect(here.runtime.model.shop == Shop())
    try here.session.refresh()
    #expect(here.runtime.model.shop == Shop(theme: "dark", visits: 3))
    #expect(here.events.map(\.kind) == [.changed, .changed])
    let lines = scratch.lines.count
    try here.session.refresh() // nothing is new, and nothing of it is a change of this session's
    try here.change { _ in }
    #expect(here.events.count == 2)
    #expect(scratch.lines.count == lines)
  }

  @Test func `S10 a field that is dirty here is left alone`() throws {
    let (here, there) = (try Attached(journal()), try Attached(journal()))
    #expect(status { () throws(Failure) in try here.change { $0.volume = .nan; $0.theme = "mine" } } == .encode)
    try there.change { $0.theme = "theirs" }
    try there.change { $0.volume = 0.75 }
    #expect(status { () throws(Failure) in try here.session.refresh() } == .encode)
    #expect(here.runtime.model.shop.theme == "theirs")
  }

  @Test func `S10 what was removed or cleared elsewhere goes back to its value from before hydration`() throws {
    try Attached(journal()).change { $0.theme = "dark"; $0.visits = 3 }
    let here = try Attached(journal(), Model(shop: Shop(theme: "plain")))
    #expect(here.runtime.model.shop.theme == "dark")
    let there = try journal()
    try remove(Key("lily_session_theme"), from: there)
    try here.session.refresh()
    #expect(here.runtime.model.shop.theme == "plain")
    #expect(here.events.map(\.kind) == [.removed])
    try there.clear()
    try here.session.refresh()
    #expect(here.runtime.model.shop.visits == 0)
    #expect(here.events.map(\.kind) == [.removed, .cleared])
    #expect(scratch.lines.count == 3) // the batch, the removal, the clear: refresh wrote nothing
  }

  @Test func `S8 a clear through the session's own storage is one too`() throws {
    let storage = try journal()
    let here = try Attached(storage)
    try here.change { $0.theme = "dark" }
    try storage.clear()
    #expect(here.runtime.model.shop.theme == "dark") // until a refresh
    try here.session.refresh()
    #expect(here.runtime.model.shop.theme == "light")
    #expect(here.events.map(\.kind) == [.cleared])
  }

  @Test func `S10 the descriptor polls readable after another's change, and is quiet after a read`() throws {
    let (here, there) = (try journal(), try journal())
    func isReadable() -> Bool {
      var poller = pollfd(fd: here.descriptor, events: Int16(POLLIN), revents: 0)
      return poll(&poller, 1, 0) == 1
    }
    #expect(here.descriptor >= 0)
    #expect(here.descriptor == here.descriptor)
    #expect(!isReadable())
    try store("x", "1", in: there)
    #expect(isReadable())
    #expect(try stored("x", in: here) == "1")
    #expect(!isReadable())
    try remove(Key("x"), from: there)
    try there.sync() // another file has the name now
    _ = try stored("x", in: here)
    #expect(!isReadable())
    try store("y", "1", in: there)
    #expect(isReadable())
  }

  @Test func `S9 refresh sets an expired field back, touch renews, next expiry counts down`() throws {
    let clock = Clock(1_000_000)
    let storage = MemoryStorage(clock: { clock.now })
    var events: [Event.Kind] = []
    let fields = try Persistence<Shop>().field("theme", \.theme, expiresAfter: .milliseconds(1000))
    let runtime = shopRuntime()
    let session = try runtime.attach(
      fields, at: \.shop, storage: storage, onEvent: { events.append($0.kind) })
    #expect(session.nextExpiry == nil)
    #expect(status { () throws(Failure) in try session.touch("theme") } == .notFound)
    try runtime.dispatch(.change { $0.shop.theme = "dark" })
    #expect(session.nextExpiry == .milliseconds(1000))
    clock.now += 600
    try session.touch("theme")
    #expect(session.nextExpiry == .milliseconds(1000))
    clock.now += 999
    try session.refresh()
    #expect(runtime.model.shop.theme == "dark")
    clock.now += 1
    #expect(session.nextExpiry == .milliseconds(0))
    try session.refresh()
    #expect(runtime.model.shop.theme == "light")
    #expect(events == [.expired])
    #expect(session.nextExpiry == nil)
    #expect(status { () throws(Failure) in try session.touch("theme") } == .notFound)
    try runtime.dispatch(.change { $0.page = 1 }) // going back was no change: nothing is written
    #expect(try stored("lily_session_theme", in: storage) == nil)
    session.detach()
  }

  @Test func `S9 touch renews what another has written, and does not undo it`() throws {
    let clock = Clock(1000)
    let storage = MemoryStorage(clock: { clock.now })
    let here = try Attached(storage)
    try here.change { $0.theme = "dark" }
    try store("lily_session_theme", "\"theirs\"", deadline: 1500, in: storage)
    clock.now = 1400
    try here.session.touch("theme")
    clock.now = 1600
    #expect(try stored("lily_session_theme", in: storage) == "\"theirs\"")
  }

  @Test func `S19 a scope's keys are its own`() throws {
    let parent = try journal()
    let a = try ScopedStorage.make(parent, Scope(name: Key("user:4")))
    let b = try ScopedStorage.make(try journal(), Scope(name: Key("user:42")))
    for (storage, theme) in [(parent as any Storage, "p"), (a, "a"), (b, "b")] { try Attached(storage).change { $0.theme = theme } }
    for (storage, theme) in [(parent as any Storage, "p"), (a, "a"), (b, "b")] {
      #expect(try stored("lily_session_theme", in: storage) == "\"\(theme)\"")
      #expect(try entries(Key(""), of: storage).map { String(decoding: $0.key.bytes, as: UTF8.self) } == ["lily_session_theme"])
    }
    try clear(a)
    #expect(try stored("lily_session_theme", in: a) == nil)
    #expect(try stored("lily_session_theme", in: b) != nil)
    #expect(try stored("lily_session_theme", in: parent) != nil)
    #expect(try entries(Key(""), of: a).isEmpty)
    try clear(parent)
    #expect(try stored("lily_session_theme", in: b) != nil)
    try parent.sync()
    #expect(try stored("lily_session_theme", in: b) == "\"b\"")
    #expect(try journal().info().entries == 1)
    #expect(status { () throws(Failure) in _ = try ScopedStorage.make(a, Scope(name: Key("x"))) } == .unsupported)
    #expect(status { () throws(Failure) in _ = try Scope(name: Key(String(repeating: "x", count: 65))) } == .invalidArgument)
  }

  @Test func `S19 a clear of one scope does not drop the dirty marks of another`() throws {
    let parent = try journal()
    let a = try ScopedStorage.make(parent, Scope(name: Key("a")))
    let (before, beforeA) = (try parent.read([], of: .none).generation, try parent.read([], of: a.scope).generation)
    try clear(a)
    #expect(try parent.read([], of: .none).generation == before)
    #expect(try parent.read([], of: a.scope).generation != beforeA)
    try parent.sync() // a rewritten file keeps it
    let again = try journal()
    #expect(try again.read([], of: a.scope).generation == parent.read([], of: a.scope).generation)
    #expect(try again.read([], of: .none).generation == before)
  }
}
