import Testing

@testable import LilySession

/// Checks the cases of Lily's own suite, and the rules for fields and updates, as a Swift program meets them.
@Suite struct SessionTests {
  let scratch = Scratch()
  func journal() throws -> Journal { try Journal.open(path: scratch.file) }

  @Test func `S3 empty storage leaves the model alone, and attach writes nothing`() throws {
    let attached = try Attached(journal())
    #expect(attached.runtime.model == Model())
    #expect(scratch.lines.isEmpty)
  }

  @Test func `S3 what was stored is hydrated after a restart`() throws {
    do {
      let attached = try Attached(journal())
      try attached.change { $0.token = "t"; $0.theme = "dark"; $0.visits = 3; $0.volume = 0.1 }
    }
    let attached = try Attached(journal())
    #expect(attached.runtime.model.shop == Shop(token: "t", theme: "dark", visits: 3, volume: 0.1))
  }

  @Test func `S3 a refused value is left alone and kept until its field changes`() throws {
    let storage = try journal()
    try store("lily_session_theme", "\"\"", in: storage) // the decoder refuses it
    try store("lily_session_visits", "\"many\"", in: storage) // another type
    try store("lily_session_token", "\"t\"", in: storage)
    let attached = try Attached(storage)
    #expect(attached.runtime.model.shop == Shop(token: "t"))
    #expect(attached.events.map(\.kind) == [.rejected, .rejected])
    #expect(try attached.session.state(of: "theme") == FieldState(stored: .rejected, isDirty: false))
    try attached.change { $0.token = "u" }
    #expect(try stored("lily_session_theme", in: storage) == "\"\"")
    try attached.change { $0.theme = "dark" }
    #expect(try stored("lily_session_theme", in: storage) == "\"dark\"")
    #expect(try attached.session.state(of: "theme") == FieldState(stored: .loaded, isDirty: false))
  }

  @Test func `S5 only changed fields are written, several in one line, none when nothing changed`() throws {
    let attached = try Attached(journal())
    try attached.change { $0.theme = "dark" }
    try attached.change { _ in }
    try attached.runtime.dispatch(.change { $0.page = 7 })
    #expect(scratch.lines.count == 1)
    try attached.change { $0.volume = 1; $0.token = "t" }
    #expect(scratch.lines.count == 2)
    #expect(scratch.lines.last?.contains(#""batch",[["set","lily_session_token","t",0],["set","lily_session_volume",1.0,0]]]"#) == true)
  }

  @Test func `S5 an equal revision skips the comparison, a dirty field does not let it`() throws {
    let runtime = shopRuntime()
    var revision: UInt64 = 1
    let session = try runtime.attach(
      try shopFields(), at: \.shop, storage: try journal(), revision: { _ in revision })
    try runtime.dispatch(.change { $0.shop.theme = "dark" })
    #expect(scratch.lines.isEmpty)
    revision = 2
    try runtime.dispatch(.change { _ in })
    #expect(scratch.lines.count == 1)
    session.detach()
  }

  @Test func `S7 a value that cannot be stored touches no other, and is tried again`() throws {
    let attached = try Attached(journal())
    #expect(status { () throws(Failure) in try attached.change { $0.volume = .nan; $0.theme = "dark" } } == .encode)
    #expect(attached.events.map(\.kind) == [.fieldFailed])
    #expect(try stored("lily_session_theme", in: try journal()) == "\"dark\"")
    #expect(status { () throws(Failure) in try attached.change { $0.visits = 1 } } == .encode)
    try attached.change { $0.volume = 0.25 }
    #expect(try stored("lily_session_volume", in: try journal()) == "0.25")
  }

  @Test func `S8 clear removes the session's keys alone, and what did not change is not written again`() throws {
    let storage = try journal()
    try store("other", "1", in: storage)
    let attached = try Attached(storage)
    try attached.change { $0.theme = "dark"; $0.token = "t" }
    try storage.clear()
    #expect(try stored("lily_session_theme", in: storage) == nil)
    #expect(try stored("other", in: storage) == "1")
    #expect(try attached.session.state(of: "theme") == FieldState(stored: .absent, isDirty: false))
    try attached.change { $0.visits = 1 }
    #expect(try stored("lily_session_theme", in: storage) == nil)
    try attached.change { $0.theme = "blue" }
    #expect(try stored("lily_session_theme", in: storage) == "\"blue\"")
  }

  @Test func `S8 what an update changes around its call of clear is written after it`() throws {
    let storage = try journal()
    let attached = try Attached(storage)
    try attached.change { $0.token = "t" }
    try attached.change { shop in
      shop.theme = "dark"
      try? storage.clear()
      shop.visits = 1
    }
    #expect(try stored("lily_session_token", in: storage) == nil)
    #expect(try stored("lily_session_theme", in: storage) == "\"dark\"")
    #expect(try stored("lily_session_visits", in: storage) == "1")
  }

  @Test func `S13 a host with its own loop updates the model without messages`() throws {
    let runtime = Runtime(Shop())
    try runtime.attach(try shopFields(), storage: try journal())
    try runtime.update { $0.theme = "dark" }
    #expect(scratch.lines.count == 1)
    #expect(status { () throws(Failure) in try runtime.update { shop in shop.theme = "blue"; throw Refusal() } } == .update)
    #expect(runtime.model.theme == "dark")
  }

  @Test func `S13 a model that is an object changes by itself, and persist stores it`() throws {
    final class Settings { var theme = "light" }
    let settings = Settings()
    let runtime = Runtime(settings)
    let session = try runtime.attach(try Persistence<Settings>().field("theme", \.theme), storage: try journal())
    settings.theme = "dark"
    #expect(scratch.lines.isEmpty)
    try session.persist()
    #expect(scratch.lines.count == 1)
    try store("lily_session_theme", "\"theirs\"", in: try journal())
    try session.refresh()
    #expect(settings.theme == "theirs")
  }

  @Test func `S15 what runs the runtime is refused inside its callbacks, a detach there waits`() throws {
    let attached = try Attached(journal())
    var inside: [Status?] = []
    try attached.runtime.dispatch(.change { [unowned attached] model in
      model.shop.theme = "dark"
      inside.append(status { () throws(Failure) in try attached.runtime.dispatch(.refuse) })
      inside.append(status { () throws(Failure) in try attached.session.persist() })
      inside.append(status { () throws(Failure) in try attached.session.flush() })
      attached.session.detach()
    })
    #expect(inside == [.reentrant, .reentrant, .reentrant])
    #expect(scratch.lines.count == 1) // the update that detached was stored
    #expect(status { () throws(Failure) in try attached.session.persist() } == .invalidArgument)
    try attached.change { $0.theme = "blue" }
    #expect(scratch.lines.count == 1)
  }

  @Test func `an update that is refused leaves the model and the storage alone`() throws {
    let attached = try Attached(journal())
    #expect(status { () throws(Failure) in try attached.runtime.dispatch(.refuse) } == .update)
    #expect(attached.runtime.model == Model())
  }

  @Test func `S1 a second field of one key is refused, in a list and on one file`() throws {
    #expect(throws: Failure.self) { try shopFields().field("theme", \.theme) }
    let runtime = shopRuntime()
    let first = try runtime.attach(try shopFields(), at: \.shop, storage: try journal())
    let second = status { () throws(Failure) in
      _ = try runtime.attach(try shopFields(), at: \.shop, storage: try Journal.open(path: scratch.file))
    }
    #expect(second == .duplicateKey)
    first.detach()
    try runtime.attach(try shopFields(), at: \.shop, storage: try journal()).detach()
  }

  @Test func `S9 a field expires some milliseconds after its last write`() throws {
    let clock = Clock(1_000_000)
    let storage = MemoryStorage(clock: { clock.now })
    let fields = try Persistence<Shop>().field("theme", \.theme, expiresAfter: .milliseconds(1000))
    let runtime = shopRuntime()
    let session = try runtime.attach(fields, at: \.shop, storage: storage)
    try runtime.dispatch(.change { $0.shop.theme = "dark" })
    clock.now += 999
    #expect(try stored("lily_session_theme", in: storage) == "\"dark\"")
    #expect(try session.state(of: "theme").stored == .loaded)
    clock.now += 1
    #expect(try stored("lily_session_theme", in: storage) == nil)
    #expect(try session.state(of: "theme").stored == .expired)
    let later = shopRuntime()
    let again = try later.attach(fields, at: \.shop, storage: storage)
    #expect(later.model.shop.theme == "light")
    #expect(try again.state(of: "theme").stored == .expired)
    session.detach()
    again.detach()
  }

  @Test func `S9 deadlines saturate`() {
    #expect(deadline(after: 0, from: .max) == 0)
    #expect(deadline(after: 1, from: .max) == .max)
    #expect(deadline(after: .max, from: 1) == .max)
    #expect(deadline(after: 5, from: 10) == 15)
    #expect(deadline(after: 1, from: -1) == 1)
  }
}
