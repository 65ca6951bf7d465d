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
    let style = Style(terminal)
    var widths = headings.map(width)
    let columns = terminal.columns
    let most = columns == nil ? Table.mostPadding : Int.max
    for row in rows {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], min(width(cell.text), most)) }
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
    return line(headings.map { Cell(text: $0, paint: style.heading) }) + rows.map(line).joined()
  }
}
