/// The name of a scope's file, `<name>.jsonl`, and the number of its folder.
//
// In the name, bytes other than small letters, digits, `-`, `.`, `_` and `~` are spelled `%` and two capital hex digits (RFC 3986, 2.1), and
// so is a dot at the beginning. Capital letters are spelled so, too, because some file systems take `A` and `a` for the same. So no two scopes have
// one file on any file system, and no name is hidden, or is that of another file of a journal's.
struct ScopeFileName {
  let file: [UInt8]
  let folder: Int

  init(_ name: [UInt8]) {
    var spelled: [UInt8] = []
    spelled.reserveCapacity(3 &* name.count &+ 8)
    for byte in name {
      if ScopeFileName.isPlain(byte), byte != UInt8(ascii: ".") || !spelled.isEmpty {
        spelled.append(byte)
      } else {
        spelled += [UInt8(ascii: "%"), ScopeFileName.digit(byte >> 4), ScopeFileName.digit(byte & 15)]
      }
    }
    file = spelled + ScopeFileName.ending
    folder = Int(name.withBytes { Salt.checkUnsalted($0) } >> 24)
  }

  /// Returns the scope whose file has this name in this folder, or nil if it is no scope's.
  static func scope(of file: [UInt8], in folder: Int) -> Scope? {
    guard file.count > ending.count, Array(file.suffix(ending.count)) == ending else { return nil }
    var name: [UInt8] = []
    var rest = file.dropLast(ending.count)
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        name.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value) else { return nil }
      name.append(high << 4 | low)
    }
    // There is one spelling for each name, and one folder.
    let spelled = ScopeFileName(name)
    guard spelled.file == file, spelled.folder == folder else { return nil }
    return name.withBytes { try? Scope(name: $0) }
  }

  /// Returns the name of a folder: two small hex digits, as a C string.
  static func folderName(_ number: Int) -> [CChar] {
    let digits: StaticString = "0123456789abcdef"
    func digit(_ value: Int) -> CChar { CChar(bitPattern: digits.utf8Start[value & 15]) }
    return [digit(number >> 4), digit(number), 0]
  }

  private static var ending: [UInt8] {
    let ending: StaticString = ".jsonl"
    return [UInt8](UnsafeBufferPointer(start: ending.utf8Start, count: ending.utf8CodeUnitCount))
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
    default: false
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "A") &- 10 &+ value }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit &- UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit &- UInt8(ascii: "A") &+ 10
    default: nil
    }
  }
}
