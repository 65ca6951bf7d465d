import Testing

@testable import LilySession

/// Checks what several sessions do to one another.
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
    try here.session.refresh() // there is nothing new, and this session has changed nothing
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
    try writeEntries([try EntryChange(Key("lily_session_theme"), to: nil)], to: there)
    try here.session.refresh()
    #expect(here.runtime.model.shop.theme == "plain")
    #expect(here.events.map(\.kind) == [.removed])
    try there.clear()
    try here.session.refresh()
    #expect(here.runtime.model.shop.visits == 0)
    #expect(here.events.map(\.kind) == [.removed, .cleared])
    #expect(scratch.lines.count == 3) // the batch, the removal, the clear: refresh wrote nothing
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
    try runtime.dispatch(.change { $0.page = 1 }) // the reset is not a change of the program, so it is not written
    #expect(try stored("lily_session_theme", in: storage) == nil)
    session.detach()
  }
}
