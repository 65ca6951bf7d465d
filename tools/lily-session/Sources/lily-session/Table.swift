/// Rows under headings, in aligned columns. On a terminal some columns are cut so that each row fits on one line. Elsewhere nothing is cut,
/// and a cell that is very wide widens its own row alone: every row as wide as the longest value could be far more than the store.
struct Table {
  struct Cell {
    var text: String
    var paint: (String) -> String = { $0 }
  }

  /// The most columns to which cells are padded where they are not cut.
  private static let mostPadding = 80

  private let headings: [String]
  private var rows: [[Cell]] = []

  init(_ headings: [String]) { self.headings = headings }

  mutating func add(_ cells: [Cell]) { rows.append(cells) }

  /// Returns the table as text.
  /// - Parameter shrinking: the columns that may be cut. The first of them is cut first.
  func text(_ terminal: Terminal, shrinking: [Int]) -> String {
    var text = ""
    forEachLine(terminal, shrinking, rows.count, { rows[$0] }) { text += $0 }
    return text
  }

  /// Writes a table of rows that are made when they are needed, so that very many of them need no memory.
  /// - Parameter row: returns the cells of a row. It is called twice for each.
  func write(_ terminal: Terminal, shrinking: [Int], rows count: Int, _ row: (Int) -> [Cell]) {
    var waiting = ""
    forEachLine(terminal, shrinking, count, row) { line in
      waiting += line
      guard waiting.utf8.count >= 1 << 16 else { return }
      terminal.write(waiting)
      waiting = ""
    }
    terminal.write(waiting)
  }

  private func forEachLine(_ terminal: Terminal, _ shrinking: [Int], _ count: Int, _ row: (Int) -> [Cell], _ body: (String) -> Void) {
    let style = Style(terminal)
    var widths = headings.map(width)
    let columns = terminal.columns
    let most = columns == nil ? Table.mostPadding : Int.max
    for number in 0..<count {
      for (column, cell) in row(number).enumerated() { widths[column] = max(widths[column], min(width(cell.text), most)) }
    }
    if let columns {
      for least in [12, 4] {
        for column in shrinking {
          let excess = widths.reduce(2 * (widths.count - 1), +) - columns
          if excess > 0 { widths[column] = max(widths[column] - excess, min(least, widths[column])) }
        }
      }
    }
    func line(_ cells: [Cell]) -> String {
      var line = ""
      for (column, cell) in cells.enumerated() {
        let isLast = column == cells.count - 1
        let shown = columns == nil ? cell.text : cut(cell.text, to: widths[column])
        line += cell.paint(shown) + (isLast ? "" : String(repeating: " ", count: max(widths[column] - width(shown), 0) + 2))
      }
      return line + "\n"
    }
    body(line(headings.map { Cell(text: $0, paint: style.heading) }))
    for number in 0..<count { body(line(row(number))) }
  }
}
