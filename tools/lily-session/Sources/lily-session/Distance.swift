// Finds the name that somebody may have meant who has written another.

/// Returns the name that is most like what was written; nil if none is so like it that it may have been meant.
func nearest(to written: String, among names: [String]) -> String? {
  let letters = Array(written.unicodeScalars.prefix(mostLetters + 1))
  guard letters.count <= mostLetters else { return nil }
  var best: (name: String, distance: Int)?
  for name in names {
    let others = Array(name.unicodeScalars.prefix(mostLetters + 1))
    // One letter in three may be wrong.
    let most = min(best.map { $0.distance - 1 } ?? Int.max, max(letters.count, others.count) / 3)
    guard others.count <= mostLetters, abs(letters.count - others.count) <= most else { continue }
    let distance = distance(letters, others)
    if distance > 0, distance <= most { best = (name, distance) }
  }
  return best?.name
}

/// What it costs to compare two names follows the product of their lengths.
private let mostLetters = 64

/// Returns how many letters must be added, taken out, exchanged or swapped with the next one to make one name of the other.
private func distance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
  var before: [Int] = []
  var last = Array(0...other.count)
  for (row, letter) in one.enumerated() {
    var next = [row + 1]
    for (column, otherLetter) in other.enumerated() {
      var least = min(last[column] + (letter == otherLetter ? 0 : 1), last[column + 1] + 1, next[column] + 1)
      if row > 0, column > 0, letter == other[column - 1], one[row - 1] == otherLetter { least = min(least, before[column - 1] + 1) }
      next.append(least)
    }
    (before, last) = (last, next)
  }
  return last.last ?? 0
}
