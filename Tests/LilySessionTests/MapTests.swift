import Testing

@testable import LilySession

/// Checks maps as a Swift program has them: dictionaries, each of whose entries is stored by itself (S27).
@Suite struct MapTests {
  let scratch = Scratch()

  private struct Library: Equatable {
    var books: [String: Int] = [:]
    var notes: [String: Note] = [:]
    var theme = "light"
  }

  private struct Note: Codable, Equatable {
    var text: String
  }

  private func open(_ library: Library = Library()) throws -> (runtime: Runtime<Library, Never>, session: Session) {
    let runtime = Runtime<Library, Never>(library)
    let fields = try Persistence<Library>().field("theme", \.theme).map("book/", \.books).map("note/", \.notes)
    return (runtime, try runtime.attach(fields, storage: try Journal.open(path: scratch.file)))
  }

  @Test func `S27 entries are stored, removed and loaded one by one`() throws {
    let (runtime, _) = try open()
    try runtime.update {
      $0.books = ["Ulysses": 1, "Émile": 2]
      $0.notes = ["a": Note(text: "b")]
    }
    let storage = try Journal.open(path: scratch.file)
    #expect(try stored("lily_session_book/Émile", in: storage) == "2")
    #expect(try stored("lily_session_note/a", in: storage) == #"{"text":"b"}"#)
    try runtime.update { $0.books["Ulysses"] = nil }
    #expect(try stored("lily_session_book/Ulysses", in: storage) == nil)
    #expect(try open().runtime.model == Library(books: ["Émile": 2], notes: ["a": Note(text: "b")]))
  }

  @Test func `S10 S27 what others change is merged`() throws {
    let (one, other) = (try open(), try open())
    try one.runtime.update { $0.books["a"] = 1 }
    try other.runtime.update { $0.books["b"] = 2 }
    try other.session.refresh()
    #expect(other.runtime.model.books == ["a": 1, "b": 2])
    try other.runtime.update { $0.books["a"] = nil }
    try one.session.refresh()
    #expect(one.runtime.model.books == ["b": 2])
    try one.session.modify("book/b") { (count: Int?) in (count ?? 0) + 1 }
    #expect(one.runtime.model.books == ["b": 3])
    try one.session.reset("book/b")
    #expect(one.runtime.model.books.isEmpty)
  }

  @Test func `S8 S27 an entry from before hydration comes back after a clear`() throws {
    let (runtime, session) = try open(Library(books: ["mine": 1]))
    try runtime.update { $0.books["mine"] = 2 }
    try clearSessions(try Journal.open(path: scratch.file))
    try session.refresh()
    #expect(runtime.model.books == ["mine": 1])
  }

  @Test func `S1 S27 keys and prefixes that meet are refused`() throws {
    let fields = try Persistence<Library>().map("book/", \.books)
    #expect(status { () throws(Failure) in _ = try fields.field("book/a", \.theme) } == .duplicateKey)
    #expect(status { () throws(Failure) in _ = try fields.map("book", \.books) } == .duplicateKey)
    #expect(status { () throws(Failure) in _ = try fields.map("", \.books) } == .invalidArgument)
    #expect(status { () throws(Failure) in _ = try fields.map("b", \.books, expiresAfter: .zero) } == .invalidArgument)
  }

  @Test func `S7 S27 of two spellings of a key the second is refused, and both stay stored`() throws {
    let (composed, marked) = ("caf\u{E9}", "cafe\u{301}") // one key to a dictionary
    let storage = try Journal.open(path: scratch.file)
    try storage.setJSON("1", forKey: "lily_session_book/\(marked)")
    let (runtime, session) = try open()
    try storage.setJSON("2", forKey: "lily_session_book/\(composed)")
    try session.refresh()
    #expect(runtime.model.books == [marked: 1])
    try runtime.update { $0.books[marked] = 3 }
    #expect(try open().runtime.model.books == [marked: 3])
    #expect(try stored("lily_session_book/\(composed)", in: storage) == "2")
    try storage.removeValue(forKey: "lily_session_book/\(composed)")
    try session.refresh()
    #expect(runtime.model.books == [marked: 3])
  }
}
