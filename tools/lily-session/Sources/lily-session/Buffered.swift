/// Collects text, and writes it in pieces of 64 KiB, so that neither the text needs memory nor each line a call of the system.
struct Buffered {
  private let put: (String) throws -> Void
  private var waiting = ""

  init(_ put: @escaping (String) throws -> Void) { self.put = put }

  mutating func write(_ text: String) throws {
    waiting += text
    if waiting.utf8.count >= 1 << 16 { try end() }
  }

  /// Writes what has not been written yet.
  mutating func end() throws {
    try put(waiting)
    waiting = ""
  }
}
