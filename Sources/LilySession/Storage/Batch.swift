/// Changes that are written together, spelled as a line of the journal already: items are appended as JSON, and a line
/// is sealed around them without moving a byte. One batch is kept and used again for each update.
public final class Batch {
  struct Change {
    var isSet: Bool
    var key: Range<Int> // in `keys`
    var value: Range<Int> // in `line.buffer`
    var deadline: Int64
    var version: UInt32
  }

  let line = Line()
  private let keys = ByteBuffer()
  private(set) var changes: [Change] = []
  private var open = Change(isSet: false, key: 0..<0, value: 0..<0, deadline: 0, version: 0)
  private var itemStart = 0

  public init() { removeAll() }

  public var isEmpty: Bool { changes.isEmpty }
  var onlyRemoves: Bool { changes.allSatisfy { !$0.isSet } }

  public func removeAll() {
    line.begin()
    keys.truncate(to: 0)
    keys.shrink(to: 64 << 10)
    changes.removeAll(keepingCapacity: true)
  }

  /// Sets `key` to the JSON text that `text` appends, which it may do wrong: then the batch is as before.
  public func set(
    _ key: Key, deadline: Int64, version: UInt32, _ text: (ByteBuffer) throws(Failure) -> Void
  ) throws(Failure) {
    let buffer = line.buffer
    begin("[\"set\",", key)
    buffer.append(UInt8(ascii: ","))
    let start = buffer.count
    do throws(Failure) {
      try text(buffer)
      guard buffer.count &- start <= JSONText.valueLimit else { throw Failure(.encode, "a value is longer than 16 MiB") }
      guard buffer.count <= Line.limit &- 256 else { throw Failure(.quota, "a line would be longer than 64 MiB") }
    } catch {
      buffer.truncate(to: itemStart)
      keys.truncate(to: open.key.lowerBound)
      throw error
    }
    let end = buffer.count
    buffer.append(UInt8(ascii: ","))
    buffer.append(decimal: deadline)
    if version != 0 {
      buffer.append(UInt8(ascii: ","))
      buffer.append(decimal: Int64(version))
    }
    buffer.append(UInt8(ascii: "]"))
    changes.append(Change(isSet: true, key: open.key, value: start..<end, deadline: deadline, version: version))
  }

  public func remove(_ key: Key) {
    begin("[\"remove\",", key)
    line.buffer.append(UInt8(ascii: "]"))
    changes.append(open)
  }

  private func begin(_ operation: StaticString, _ key: Key) {
    let buffer = line.buffer
    itemStart = buffer.count
    if !changes.isEmpty { buffer.append(UInt8(ascii: ",")) }
    buffer.append(operation)
    open.key = keys.count..<(keys.count &+ key.bytes.count)
    key.withBytes { bytes in
      keys.append(bytes)
      JSONText.append(string: bytes, to: buffer)
    }
  }

  /// Brings the table to what the batch says.
  func apply(to table: EntryTable) {
    for change in changes {
      let key = keys.slice(change.key.lowerBound, change.key.upperBound)
      if change.isSet {
        table.set(
          key, line.buffer.slice(change.value.lowerBound, change.value.upperBound), deadline: change.deadline,
          version: change.version)
      } else {
        table.remove(key)
      }
    }
  }

  /// Whether the table has one of the keys.
  func touches(_ table: EntryTable) -> Bool {
    changes.contains { table.find(keys.slice($0.key.lowerBound, $0.key.upperBound)) != nil }
  }
}
