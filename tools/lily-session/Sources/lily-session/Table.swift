/// Rows under headings, in aligned columns. On a terminal some columns are cut so that each row fits on one line.
struct Table {
  struct Cell {
    var text: String
    var paint: (String) -> String = { $0 }
  }

  private let headings: [String]
  private var rows: [[Cell]] = []

  init(_ headings: [String]) { self.headings = headings }

  mutating func add(_ cells: [Cell]) { rows.append(cells) }

  /// Returns the table as text.
  /// - Parameter shrinking: the columns that may be cut. The first of them is cut first.
  func text(_ terminal: Terminal, shrinking: [Int]) -> String {
    let style = Style(terminal)
    var widths = headings.map(width)
    for row in rows {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], width(cell.text)) }
    }
    if let columns = terminal.columns {
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
        let shown = cut(cell.text, to: widths[column])
        line += cell.paint(shown) + (isLast ? "" : String(repeating: " ", count: widths[column] - width(shown) + 2))
      }
      return line + "\n"
    }
    return line(headings.map { Cell(text: $0, paint: style.heading) }) + rows.map(line).joined()
  }
}
