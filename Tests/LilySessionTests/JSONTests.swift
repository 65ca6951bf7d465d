import Foundation
import Testing

@testable import LilySession

/// Checks that what is written without jansson agrees with jansson, and that what is read goes through jansson.
@Suite struct JSONTests {
  private func check(_ json: String) -> Status? { check(Array(json.utf8)) }
  private func check(_ json: [UInt8]) -> Status? {
    json.withUnsafeBytes { bytes in status { () throws(Failure) in _ = try JSON.check(bytes) } }
  }
  private func spelled(_ real: Double) throws -> String {
    try text { buffer in try JSON.withCLocale { json throws(Failure) in try json.append(real: real, to: buffer) } }
  }

  @Test func `S2 reals take the fewest digits that read back`() throws {
    for (real, spelling) in [(0.1, "0.1"), (3.0, "3.0"), (-0.0, "-0.0"), (.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e308"), (0.1 + 0.2, "0.30000000000000004"), (1e21, "1e21"), (100.0, "100.0")] {
      #expect(try spelled(real) == spelling)
    }
    var dice = Dice(2)
    for _ in 0..<5000 {
      let real = Double(bitPattern: dice.next())
      guard real.isFinite else { continue }
      #expect(try Double(spelled(real)) == real)
      #expect(try significant(spelled(real)) <= significant("\(real)")) // Swift prints as few digits as possible, too
    }
  }

  private func significant(_ spelling: String) -> Int {
    let digits = spelling.prefix { $0 != "e" }.filter(\.isNumber).drop { $0 == "0" }
    return String(digits.reversed().drop { $0 == "0" }).count
  }

  @Test func `S2 integers are spelled as they are`() throws {
    for value in [Int64.min, -1, 0, 7, 10, 99, 100, Int64.max] {
      #expect(text { $0.append(decimal: value) } == "\(value)")
      #expect(Array("\(value)".utf8).withUnsafeBytes { JSONText.integer($0) } == value)
    }
    for spelling in ["9223372036854775808", "-9223372036854775809", "1.0", "1e3", "", "-"] {
      #expect(Array(spelling.utf8).withUnsafeBytes { JSONText.integer($0) } == nil)
    }
  }

  @Test func `S2 white space goes, all else stays`() {
    let compacted = text { buffer in Array(" { \"a b\" :\t[ 1.50 , \"\\\" x\" ]\r\n} ".utf8).withUnsafeBytes { JSONText.append(compacted: $0, to: buffer) } }
    #expect(compacted == "{\"a b\":[1.50,\"\\\" x\"]}")
  }

  @Test func `S2 a value's end is found in a line`() throws {
    for value in ["1", "\"a]\\\"b,\"", "[1,[2,{\"x\":\"]\"}]]", "{}", "true", "-1.5e3", "\"é\""] {
      for ending in [",0]", "]", ",", "", " "] {
        for beginning in ["", "[\"\\", "\u{FF}"] {
          let text = Array((beginning + value + ending).utf8)
          let end = try text.withUnsafeBytes { text throws(Failure) in try JSONScan.end(ofValueAt: beginning.utf8.count, in: text) }
          #expect(end == beginning.utf8.count + value.utf8.count, "\(value) \(ending)")
        }
      }
    }
    for text in [" 1", "[1, 2]", "[1,2", "\"a", "tru", "1e999", "{\"a\":1,\"a\":2}", "", "]", ",", "\"\u{1}\""] {
      #expect(try Array(text.utf8).withUnsafeBytes { text throws(Failure) in try JSONScan.end(ofValueAt: 0, in: text) } == nil, "\(text)")
    }
    // The reader does not look at what follows the value.
    #expect(try ([0x31, 0xFF] as [UInt8]).withUnsafeBytes { text throws(Failure) in try JSONScan.end(ofValueAt: 0, in: text) } == 1)
    // A text has at most 16 MiB.
    for (length, isOne) in [(JSONText.valueLimit, true), (JSONText.valueLimit + 1, false)] {
      for text in [[0x22] + [UInt8](repeating: 0x61, count: length - 2) + [0x22], [UInt8](repeating: 0x31, count: 1) + [0x2E] + [UInt8](repeating: 0x31, count: length - 2)] {
        #expect(try (text + [0x2C]).withUnsafeBytes { text throws(Failure) in try JSONScan.end(ofValueAt: 0, in: text) } == (isOne ? length : nil))
        #expect(check(text) == (isOne ? nil : .decode))
      }
    }
  }

  @Test func `S17 the thread's locale is as before`() {
    let before = uselocale(nil)
    #expect(check("1.5") == nil)
    #expect(check("x") == .decode)
    #expect(uselocale(nil) == before)
  }

  @Test func `UTF-8 is valid where Swift's String finds it so`() {
    var dice = Dice(3)
    for round in 0..<tries(of: 20000) {
      var bytes = (0..<(round % 12)).map { _ in UInt8.random(in: 0...255, using: &dice) }
      if round % 3 == 0 { bytes = Array("aéü😀€\u{800}\u{FFFF}".utf8).shuffled(using: &dice) }
      if round % 3 == 1 { bytes = Array("0123456789é".utf8) + bytes.prefix(3) }
      #expect(bytes.withUnsafeBytes { UTF8Text.isValid($0) } == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
    }
  }

  @Test func `S2 a field's JSON is stored without its white space, whatever it held before`() throws {
    var baseline = NativeBaseline()
    defer { baseline.dispose() }
    // Only jansson can judge the number in the last text.
    for (json, stored) in [("[1, 2]", "[1,2]"), ("[1,2]", "[1,2]"), ("{\n\"a b\" : 1 }", "{\"a b\":1}"), ("[1,2] ", "[1,2]"), ("[1e2, 3]", "[1e2,3]")] {
      Array(json.utf8).withUnsafeBytes { _ = baseline.capture(.json($0), types: .json) }
      var copy = baseline.copy()
      defer { copy.dispose() }
      for held in [baseline, copy] {
        #expect(try text { buffer in try held.append(to: buffer) } == stored)
      }
    }
  }
}
