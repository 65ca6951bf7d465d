/// Names for a message, which has the first of them and the number of the others, because there may be very many.
struct Names {
  private static let most = 20
  private var first: [String] = []
  private(set) var count = 0

  mutating func add(_ name: String) {
    count += 1
    if first.count < Names.most { first.append(name) }
  }

  var isEmpty: Bool { count == 0 }

  var text: String { first.joined(separator: ", ") + (count > first.count ? " and \(count - first.count) more" : "") }
}
