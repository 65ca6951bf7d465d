import CPlatform

/// A list of plain values that keeps its memory from one update to the next. An update walks several of these lists. Unlike with
/// arrays, that retains nothing, and need not check whether somebody else has the same list.
struct PlainList<Element: BitwiseCopyable>: ~Copyable {
  private var start: UnsafeMutablePointer<Element>
  private var capacity = 8
  private(set) var count = 0

  init() { start = .allocate(capacity: 8) }

  deinit { start.deallocate() }

  @inline(__always)
  var isEmpty: Bool { count == 0 }

  /// `at` must be below `count`.
  @inline(__always)
  subscript(at: Int) -> Element { start[at] }

  var first: Element? { isEmpty ? nil : start[0] }

  /// Calls `body` with each element. It must not change the list.
  @inline(__always)
  func forEach(_ body: (Element) -> Void) {
    for at in 0..<count { body(start[at]) }
  }

  mutating func removeAll() { count = 0 }

  /// Removes all elements, and frees their memory if it has room for more than `limit`.
  mutating func removeAll(keeping limit: Int) {
    count = 0
    guard capacity > limit else { return }
    start.deallocate()
    start = .allocate(capacity: 8)
    capacity = 8
  }

  /// Makes room for so many elements, if there are none yet.
  mutating func reserve(_ number: Int) {
    guard count == 0, number > capacity else { return }
    start.deallocate()
    start = .allocate(capacity: number)
    capacity = number
  }

  mutating func removeLast(_ number: Int) { count = max(count &- number, 0) }

  @inline(__always)
  mutating func append(_ element: Element) {
    if count == capacity { grow() }
    start[count] = element
    count &+= 1
  }

  /// Changes the last element, if there is one.
  mutating func changeLast(_ body: (inout Element) -> Void) {
    if count > 0 { body(&start[count &- 1]) }
  }

  /// `at` must be at most `count`.
  @inline(__always)
  mutating func insert(_ element: Element, at: Int) {
    if count == capacity { grow() }
    (start + at + 1).update(from: start + at, count: count &- at)
    start[at] = element
    count &+= 1
  }

  @inline(__always)
  mutating func removeAll(where isGone: (Element) -> Bool) {
    var kept = 0
    for at in 0..<count where !isGone(start[at]) {
      start[kept] = start[at]
      kept &+= 1
    }
    count = kept
  }

  @inline(never)
  private mutating func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity &* 2)
    larger.update(from: start, count: count)
    start.deallocate()
    start = larger
    capacity &*= 2
  }
}
