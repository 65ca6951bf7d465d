import CJansson
import Testing

@testable import LilySession

/// Checks that the scanner accepts the texts that jansson accepts, and reads the same values.
@Suite struct JSONScanTests {
  // MARK: what jansson reads

  /// Returns true if the text is at most 512 levels deep. It counts byte by byte, because jansson has another limit.
  private static func isShallow(_ bytes: [UInt8]) -> Bool {
    var (depth, inString, isEscaped) = (0, false, false)
    for byte in bytes {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\"") {
        inString.toggle()
      } else if inString {
        isEscaped = byte == UInt8(ascii: "\\")
      } else if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
        depth += 1
        if depth > 512 { return false }
      } else if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
        depth -= 1
      }
    }
    return true
  }

  /// Passes jansson's value to `body`, or nil if jansson refuses the text.
  private func asJansson<R>(_ bytes: [UInt8], _ body: (UnsafeMutablePointer<json_t>?) throws -> R) rethrows -> R {
    let flags = Int(JSON_DECODE_ANY) | Int(JSON_REJECT_DUPLICATES) | Int(JSON_ALLOW_NUL) | Int(JSON_DECODE_INT_AS_REAL)
    guard !bytes.contains(0), JSONScanTests.isShallow(bytes) else { return try body(nil) }
    let root = bytes.withUnsafeBytes { text in
      text.baseAddress.flatMap { json_loadb($0.assumingMemoryBound(to: CChar.self), text.count, flags, nil) }
    }
    defer { json_decref(root) }
    return try body(root)
  }

  private func value(of root: UnsafeMutablePointer<json_t>, _ bytes: [UInt8], as types: ValueTypes) -> String? {
    let trimmed = Array(bytes.drop { $0 <= 0x20 }.reversed().drop { $0 <= 0x20 }.reversed())
    switch root.pointee.type {
    case JSON_NULL where types.contains(.null): return "\(Value(.null))"
    case JSON_TRUE where types.contains(.bool): return "\(Value(.bool(true)))"
    case JSON_FALSE where types.contains(.bool): return "\(Value(.bool(false)))"
    case JSON_REAL:
      if types.contains(.int), let integer = Int64(String(decoding: trimmed, as: UTF8.self)) { return "\(Value(.int(integer)))" }
      if types.contains(.real) { return "\(Value(.real(json_real_value(root))))" }
    case JSON_STRING where types.contains(.string):
      return "\(Value(.string(UnsafeRawBufferPointer(start: json_string_value(root), count: json_string_length(root)))))"
    default: break
    }
    return types.contains(.json) ? trimmed.withUnsafeBytes { "\(Value(.json($0)))" } : nil
  }

  /// Does what #expect does, which is too slow for a hundred thousand texts.
  private func demand(_ isSo: Bool, _ bytes: [UInt8], _ what: @autoclosure () -> String) {
    if !isSo { Issue.record("\(what()): \(String(decoding: bytes.prefix(300), as: UTF8.self)) \(bytes.prefix(40))") }
  }

  private func isJSON(_ bytes: [UInt8]) throws -> Bool {
    try bytes.withUnsafeBytes { text throws(Failure) in
      guard case .json(let isCompact) = try JSONScan.scan(text) else { return false }
      let compacted = ByteBuffer()
      JSONText.append(compacted: text, to: compacted)
      demand(isCompact == compacted.bytes.equals(text), bytes, "white space")
      // Within a line, the scanner finds the same value, and where it ends.
      if isCompact { demand(try JSONScan.end(ofValueAt: 0, in: text) == text.count, bytes, "its end") }
      return true
    }
  }

  /// Returns true if the text is JSON.
  @discardableResult
  private func compare(_ bytes: [UInt8]) throws -> Bool {
    let isOurs = try isJSON(bytes)
    try asJansson(bytes) { root in
      demand(isOurs == (root != nil), bytes, "it is JSON here: \(isOurs)")
      guard isOurs, let root else { return }
      for types: ValueTypes in [.all, .null, .bool, .int, .real, .string, [.string, .json], [.real, .null]] {
        let seen = try bytes.withUnsafeBytes { text throws(Failure) in try JSON.parse(text).withValue(as: types) { "\(Value($0))" } }
        let theirs = value(of: root, bytes, as: types)
        demand(seen == theirs, bytes, "\(seen ?? "nothing") instead of \(theirs ?? "nothing")")
      }
    }
    return isOurs
  }

  @discardableResult
  private func compare(_ text: String) throws -> Bool { try compare(Array(text.utf8)) }

  // MARK: tables

  private static let scalars = [
    "null", "true", "false", "nul", "tru", "fals", "nulll", "truex", "True", "NULL", "t", "f", "n", "falsetrue", "NaN", "Infinity", "-Infinity", "nan",
    "0", "-0", "1", "-1", "00", "01", "-01", "+1", "-", "--1", "1-", "0x10", "1.", ".5", "1.5", "-1.50", "1..5", "1.5.5", "1e", "1e+", "1e-", "1e5",
    "1E5", "1e+5", "1e-5", "1.5e3", "1.e3", "1e5.5", "1e05", "0e0", "-0e-0", "-0.0", "0.0e10", "1_000", "1,000", "1a", "12 34", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "123456789012345678901234567890", "1e307", "1e308", "1e309", "-1e308",
    "-1e309", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "17.976931348623159e307", "0.17976931348623159e309",
    "1e999", "1e-999", "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999999999999", "0.000e999", "0.1e309", "0.01e309", "0.01e310",
    "0.01e311", "5e-324", "4e-400", "1e+0000000000000000000000000000000000000000000000000000308", "1e000309",
    "\"\"", "\"a\"", "\"a b\"", "\"", "\"a", "a\"", "'a'", "\"\\\"\"", "\"\\\\\"", "\"\\\"", "\"\\/\\b\\f\\n\\r\\t\"", "\"\\x41\"", "\"\\U0041\"",
    "\"\\a\"", "\"\\ \"", "\"\\u\"", "\"\\u0\"", "\"\\u004\"", "\"\\u0041\"", "\"\\u004g\"", "\"\\u00e9\\u00E9\"", "\"\\u0000\"", "\"\\u0001\"", "\"\\u001f\"",
    "\"\\ud83d\\ude00\"", "\"\\uD83D\\uDE00\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ude00\\ud83d\"", "\"\\ud83d\\ud83d\"", "\"\\ud83d\\u0041\"",
    "\"\\ud83dx\"", "\"\\ud83d\\n\"", "\"\\ud83d\\\\ude00\"", "\"\\ud83d\\ude0\"", "\"\\ud83d\\udbff\"", "\"\\ud83d\\ue000\"", "\"\\ue000\\ud7ff\"", "\"\\ud83d\\udfff\"", "\"\\udbff\\udfff\"", "\"\\ud800\\udc00\"",
    "\"\\uffff\"", "\"\\ufffe\"", "\"\\ud7ff\\ue000\"", "\"é😀\u{7F}\u{80}\u{2028}\u{FFFF}\u{10FFFF}\"", "\"\t\"", "\"\n\"", "\"\u{1}\"", "\"\u{1F}\"",
    "\"0123456789abcdef\"", "\"0123456\\n\"", "\"01234567\\u0041\"", "\"0123456\u{1}\"", "\"01234567\u{1F}0123456789\"", "\"aé\\u00e9\"",
    "[]", "{}", "[[]]", "[{}]", "{\"a\":[]}", "[1,]", "[,1]", "[,]", "[1 2]", "[1,,2]", "[1}", "{]", "[", "]", "{", "}", "[]]", "[[]", "{\"a\"}", "{\"a\":}",
    "{:1}", "{1:2}", "{a:1}", "{\"a\":1,}", "{,\"a\":1}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":2,\"a\":3}",
    "{\"a\":1,\"\\u0061\":2}", "{\"\\u0061\":1,\"a\":2}", "{\"\\u0061\":1,\"\\u0061\":2}", "{\"\\u0061\":1,\"\\u0062\":2}", "{\"\":1}", "{\"\":1,\"\":2}",
    "{\"\\u0000\":1}", "{\"a\\u0000b\":1}", "{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}", "{\"a\":{\"b\":1},\"b\":2}", "{\"a\":[{\"b\":1,\"b\":2}]}",
    "{\"A\":1,\"a\":2}", "{\"é\":1,\"\\u00e9\":2}", "{\"é\":1,\"e\u{301}\":2}", "{\"\\ud83d\\ude00\":1,\"😀\":2}", "{\"/\":1,\"\\/\":2}", "{\"ab\":1,\"a\":2,\"b\":3}",
    "/**/1", "1//", "[1/**/]", "\u{FEFF}1", "\u{A0}1", "\u{C}1", "\u{B}1", "", " ", "\u{7F}", ":", ",", "\\", "é",
  ]

  @Test func `S2 the verdict on a text is jansson's, and so are its values`() throws {
    var sure = (json: 0, not: 0)
    for scalar in JSONScanTests.scalars {
      for text in [
        scalar, "[\(scalar)]", "{\"a\":\(scalar)}", "[1,\(scalar),[2]]", " \(scalar) ", "\t[\r\n\(scalar)\n, 0 ]", "{ \"a b\" : \(scalar) , \"c\" : {} }", "\(scalar)1",
        "\(scalar) x", "{\"a\":0,\(scalar)}", "[\"a\":\(scalar)]", "\"0123456\",\(scalar)", "[\(scalar),\(scalar)]", String(scalar.dropLast()), "[\(scalar)",
      ] {
        if try compare(text) { sure.json += 1 } else { sure.not += 1 }
      }
    }
    #expect(sure.json > 500 && sure.not > 500)
  }

  @Test func `S2 bytes that are no text have jansson's verdict`() throws {
    for first in UInt8.min...UInt8.max {
      try compare([first])
      for around in [("", ""), ("\"", "\""), ("\"abcdefgh", "ijklmnop\""), ("[", "]"), ("\"\\", "\""), ("\"\\u00", "1\""), ("1", ""), ("[1", "2]"), ("{", "\"a\":1}")] {
        try compare(Array(around.0.utf8) + [first] + Array(around.1.utf8))
        for second: UInt8 in [0x00, 0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF] where around.0.hasPrefix("\"") {
          try compare(Array(around.0.utf8) + [first, second] + Array(around.1.utf8))
          try compare(Array(around.0.utf8) + [first, second, 0x80] + Array(around.1.utf8))
          try compare(Array(around.0.utf8) + [first, second, 0xBF, 0x80] + Array(around.1.utf8))
        }
      }
    }
  }

  @Test func `S2 two names are alike where jansson finds them alike, however they are spelled`() throws {
    let names = ["", "a", "b", "ab", "\\u0061", "\\u0062", "a\\u0062", "\\n", "\\u000a", "\\u000A", "\\\\", "\\u005c", "\\\"", "é", "\\u00e9", "😀", "\\ud83d\\ude00", "/", "\\/", "a\\u0000", "0123456789", "\\u00301234567\\u00389", "n"]
    for first in names {
      for second in names {
        try compare("{\"\(first)\":1,\"\(second)\":2}")
        try compare("{\"\(first)\":{\"\(second)\":0},\"c\":1,\"\(second)\":2}")
        try compare("[{\"\(first)\":1},{\"\(second)\":2}]")
      }
    }
  }

  @Test(arguments: [2, 15, 16, 17, 18, 32, 33, 63, 64, 65, 119, 120, 121, 1000, 3000]) func `S2 so in objects of any size`(_ count: Int) throws {
    func object(_ name: (Int) -> String) -> String { "{" + (0..<count).map { "\"\(name($0))\":\($0 % 7 == 3 ? "{\"0\":1}" : "0")" }.joined(separator: ",") + "}" }
    func spelled(_ text: String) -> String { text.unicodeScalars.map { $0 == "1" ? "\\u0031" : String($0) }.joined() }
    #expect(try compare(object { "\($0)" }))
    #expect(try compare(object { $0 % 2 == 0 ? "\($0)" : spelled("\($0)") }))
    #expect(try compare("[" + object { "\($0)" } + "," + object { spelled("\($0)") } + "]"))
    for (twin, of) in [(1, 0), (count - 1, 0), (count - 1, count - 2), (count - 1, count / 2), (count / 2, max(count / 2 - 1, 0))] where twin != of {
      #expect(try !compare(object { $0 == twin ? "\(of)" : "\($0)" }))
      #expect(try !compare(object { $0 == twin ? spelled("\(of)1") : $0 == of ? "\(of)1" : "x\($0)" }))
      #expect(try !compare("[{\"a\":" + object { $0 == twin ? "\(of)" : "\($0)" } + "}]"))
    }
  }

  @Test(arguments: [1, 59, 60, 61, 118, 119, 120, 121, 240, 511, 512, 513, 600]) func `S2 depth, of arrays and of objects`(_ depth: Int) throws {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"\\u0061\":1,\"b\":", "}]")] {
      let pieces = open.utf8.first == UInt8(ascii: "[") && open.count > 1 ? depth / 2 : depth
      for inner in ["1", "[]", "{}", "\"[[{\""] {
        let text = String(repeating: open, count: pieces) + inner + String(repeating: close, count: pieces)
        try compare(text)
        try compare("[1,{\"b\":\(text)}]")
        try compare(String(text.dropLast()))
      }
    }
    #expect(try compare(String(repeating: "[", count: depth) + String(repeating: "]", count: depth)) == (depth <= 512))
  }

  // MARK: at random

  private static let samples = [
    "null", "true", "false", "0", "-0", "-1.5", "12e3", "1E+2", "123456789012345678901234567890", "\"\"", "\"a b\"", "\"é😀\"", "\"\\n\\\"\\/\"", "1e308", "1e309",
    "\"\\u0041\\ud83d\\ude00\"", "[]", "[ 1 , [ 2.50 ] ]", "{}", "{\"a\": 1, \"b\": {\"a\": [true, null]}, \"\": \"x\"}", "[1e0,{},{},{}]", "17e307",
    "[{\"id\":1,\"name\":\"apple\",\"tags\":[\"x\",\"y\"]},{\"id\":2,\"name\":\"pear\",\"tags\":[]}]", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
    "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":0,\"k\":1,\"l\":2,\"m\":3,\"n\":4,\"o\":5,\"p\":6,\"q\":7,\"r\":8}",
  ]

  private func mutated(_ dice: inout Dice) -> [UInt8] {
    var bytes = Array((JSONScanTests.samples.randomElement(using: &dice) ?? "").utf8)
    for _ in 0..<Int.random(in: 0..<3, using: &dice) {
      let at = Int.random(in: 0...bytes.count, using: &dice)
      let byte = Array(" \t\n[]{},:\"\\-+.0123456789eEtrufalsn\u{7F}/b".utf8).randomElement(using: &dice) ?? UInt8.random(in: 0...255, using: &dice)
      switch Int.random(in: 0..<4, using: &dice) {
      case 0 where at < bytes.count: bytes[at] = byte
      case 1 where at < bytes.count: bytes.remove(at: at)
      case 2: bytes.insert(UInt8.random(in: 0...255, using: &dice), at: at)
      default: bytes.insert(byte, at: at)
      }
    }
    return bytes
  }

  @Test func `S2 texts that are nearly JSON have jansson's verdict and values`() throws {
    var dice = Dice(4)
    var found = 0
    let rounds = tries(of: 20_000)
    for _ in 0..<rounds where try compare(mutated(&dice)) { found += 1 }
    #expect((rounds / 4..<rounds * 9 / 10).contains(found))
  }

  @Test func `S2 pieces of JSON in any order have jansson's verdict`() throws {
    var dice = Dice(11)
    let pieces = ["[", "]", "{", "}", "{\"a\":", "{\"b\":", ",\"c\":", "[[", "]]", "]}", "}]", ",", ",", ":", " ", "1", "-0.5e1", "\"a\"", "\"\\u0061\"", "\"b\":", "true", "null", "\"\\ud83d\\ude00é\""]
    for round in 0..<tries(of: 30_000) {
      var text = ""
      for _ in 0..<(1 + round % 12) { text += pieces.randomElement(using: &dice) ?? "" }
      try compare(text)
    }
  }

  @Test func `S2 strings decode as jansson decodes them`() throws {
    var dice = Dice(12)
    let pieces = ["a", "bcdefghij", "\\u", "\\ud83d", "\\ude00", "\\uDBFF\\uDFFF", "\\n", "\\\\", "\\\"", "\\/", "é", "😀", "\\u00e9", "\\u0000", "\\u07ff", "\\u0800", "\\uFFFF", "0041", "\u{7F}"]
    var found = 0
    let rounds = tries(of: 8000)
    for round in 0..<rounds {
      var text = ""
      for _ in 0..<(round % 8) { text += pieces.randomElement(using: &dice) ?? "" }
      if try compare("\"\(text)\"") { found += 1 }
      try compare("{\"a\":1,\"\(text)\":2}")
    }
    #expect((rounds / 4..<rounds * 19 / 20).contains(found))
  }

  @Test func `S2 numbers near the ends of a double's range have jansson's verdict and value`() throws {
    var dice = Dice(13)
    var found = 0
    func digits(_ count: Int) -> String { String((0..<count).map { _ in Character("\(Int.random(in: 0...9, using: &dice))") }) }
    for round in 0..<2000 {
      let whole = round % 3 == 0 ? "0" : "\(Int.random(in: 1...9, using: &dice))" + digits([0, 1, 16, 290, 307, 308, 309, 320].randomElement(using: &dice) ?? 0)
      let zeros = String(repeating: "0", count: [0, 0, 1, 300, 310].randomElement(using: &dice) ?? 0)
      let fraction = round % 2 == 0 ? "" : "." + zeros + digits([1, 2, 17, 300].randomElement(using: &dice) ?? 1)
      var power = Int.random(in: -5...5, using: &dice) + ([0, 308, 620, -308, -340].randomElement(using: &dice) ?? 0)
      if whole != "0", Bool.random(using: &dice) { power = 309 - whole.count + Int.random(in: -1...1, using: &dice) }
      let exponent = round % 5 == 0 ? "" : "e\(power)"
      if try compare((round % 7 == 0 ? "-" : "") + whole + fraction + exponent) { found += 1 }
    }
    for mantissa in ["1.7976931348623157", "1.7976931348623158", "1.79769313486231580793", "1.7976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633028641669288791094694655554785194040263065748867150582068190890200070838367627385484581771153176447573027006985557136695962284291481986083493647529271907416844436551070434271155969950809304288017790417449779", "1.7976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633028641669288791094694655554785194040263065748867150582068190890200070838367627385484581771153176447573027006985557136695962284291481986083493647529271907416844436551070434271155969950809304288017790417449780"] {
      for end in ["e308", "e+308", "E0308", "e307"] { try compare(mantissa + end) }
      try compare(String(mantissa.filter { $0 != "." }) + "e\(308 - (mantissa.count - 2))")
    }
    #expect((500..<1950).contains(found))
  }
}
