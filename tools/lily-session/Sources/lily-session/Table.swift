/// Rows under headings, in aligned columns. On a terminal each row fits on one line: some columns are cut, and on a narrow one others are
/// left out. Elsewhere nothing is cut, and a cell that is very wide widens its own row alone: every row as wide as the longest value could be
/// far more than the store.
struct Table {
  struct Cell {
    var text: String
    var paint: (String) -> String = { $0 }
  }

  /// The most columns to which cells are padded where they are not cut.
  private static let mostPadding = 80

  private let headings: [String]
  private let empty: [Int]
  private var rows: [[Cell]] = []

  /// - Parameter empty: the columns that are left out, because nothing is in them.
  init(_ headings: [String], without empty: [Int] = []) { (self.headings, self.empty) = (headings, empty) }

  mutating func add(_ cells: [Cell]) { rows.append(cells) }

  /// Returns the table as text.
  /// - Parameters:
  ///   - shrinking: the columns that may be cut. The first of them is cut first.
  ///   - dropping: the columns that may be left out. The first of them goes first.
  func text(_ terminal: Terminal, shrinking: [Int], dropping: [Int] = []) -> String {
    var text = ""
    forEachLine(terminal, shrinking, dropping, rows.count, { rows[$0] }) { text += $0 }
    return text
  }

  /// Writes a table of rows that are made when they are needed, so that very many of them need no memory.
  /// - Parameter row: returns the cells of a row. It is called twice for each.
  func write(_ terminal: Terminal, shrinking: [Int], dropping: [Int], rows count: Int, _ row: (Int) -> [Cell]) {
    var waiting = ""
    forEachLine(terminal, shrinking, dropping, count, row) { line in
      waiting += line
      guard waiting.utf8.count >= 1 << 16 else { return }
      terminal.write(waiting)
      waiting = ""
    }
    terminal.write(waiting)
  }

  private func forEachLine(
    _ terminal: Terminal, _ shrinking: [Int], _ dropping: [Int], _ count: Int, _ row: (Int) -> [Cell], _ body: (String) -> Void
  ) {
    let style = Style(terminal)
    let columns = terminal.columns
    let most = columns == nil ? Table.mostPadding : Int.max
    var widths = headings.map(width)
    for number in 0..<count {
      for (column, cell) in row(number).enumerated() { widths[column] = max(widths[column], min(width(cell.text), most)) }
    }
    var shown = headings.indices.filter { !empty.contains($0) }
    if let columns { fit(&widths, &shown, into: columns, shrinking, dropping) }
    func line(_ cells: [Cell]) -> String {
      var line = ""
      for column in shown {
        let text = columns == nil ? cells[column].text : cut(cells[column].text, to: widths[column])
        line += cells[column].paint(text) + (column == shown.last ? "" : String(repeating: " ", count: max(widths[column] - width(text), 0) + 2))
      }
      return line + "\n"
    }
    body(line(headings.map { Cell(text: $0, paint: style.heading) }))
    for number in 0..<count { body(line(row(number))) }
  }

  /// Makes columns narrower until all of them fit, and leaves out columns rather than make the others too narrow to say anything.
  private func fit(_ widths: inout [Int], _ shown: inout [Int], into columns: Int, _ shrinking: [Int], _ dropping: [Int]) {
    func excess() -> Int { shown.reduce(2 * (shown.count - 1)) { $0 + widths[$1] } - columns }
    func shrink(to least: Int) {
      for column in shrinking where excess() > 0 { widths[column] = max(widths[column] - excess(), min(least, widths[column])) }
    }
    shrink(to: 12)
    for column in dropping where excess() > 0 { shown.removeAll { $0 == column } }
    shrink(to: 1)
  }
}
