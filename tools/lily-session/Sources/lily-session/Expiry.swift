import Glibc
import LilySession

/// A value of --expires, such as 7d, 1h30m, 2027-01-31 or never.
enum Expiry {
  case never
  case after(Int64)  // ms
  case at(Int64)  // UTC in ms

  private static let units: [(name: Character, milliseconds: Int64, one: String)] = [
    ("w", 604_800_000, "week"), ("d", 86_400_000, "day"), ("h", 3_600_000, "hour"), ("m", 60_000, "minute"), ("s", 1000, "second"),
  ]

  /// Returns a duration in the largest unit of which at least two are there after rounding, but in days instead of weeks: "7 days".
  /// - Returns: nil if it is shorter than two seconds; "over a century" if it is longer than that.
  fileprivate static func words(for duration: Int64) -> String? {
    for unit in units.dropFirst() {
      let number = (duration / (unit.milliseconds / 2) + 1) / 2
      if number >= 2 { return number > 36_500 ? "over a century" : "\(number) \(unit.one)s" }
    }
    return nil
  }

  init?(_ text: String) {
    if text == "never" {
      self = .never
    } else if let time = localTime(text) {
      self = .at(time)
    } else if let duration = Expiry.duration(text) {
      self = .after(duration)
    } else {
      return nil
    }
  }

  private static func duration(_ text: String) -> Int64? {
    var total: Int64 = 0
    var digits = ""
    for character in text {
      if character.isASCII, character.isNumber {
        digits.append(character)
        continue
      }
      guard let number = Int64(digits), let unit = Expiry.units.first(where: { $0.name == character }) else { return nil }
      let part = number.multipliedReportingOverflow(by: unit.milliseconds)
      let sum = total.addingReportingOverflow(part.partialValue)
      guard !part.overflow, !sum.overflow else { return nil }
      total = sum.partialValue
      digits = ""
    }
    return digits.isEmpty && total > 0 ? total : nil
  }

  static let form = "a number with s, m, h, d or w, such as 7d or 1h30m, a date such as 2027-01-31 or 2027-01-31T18:30, or never"

  /// Returns the deadline of what is stored now; 0 means never.
  func deadline(at now: Int64) throws -> Int64 {
    switch self {
    case .never: return 0
    case .after(let duration): return Entry.deadline(after: .milliseconds(duration), from: now)
    case .at(let time):
      guard time > now else { throw Problem(Problem.usage, "nothing was stored: the time of --expires is past", advice: "unset removes a key.") }
      return time
    }
  }

  /// The time until a deadline up to which it is shown in place of the date.
  private static let longest: Int64 = 100 * 86_400_000

  /// Returns when an entry expires in words: "never", "in 7 days", "in a moment", "2035-01-31", "expired".
  static func words(_ deadline: Int64, at now: Int64) -> String {
    guard deadline != 0 else { return "never" }
    let left = deadline.subtractingReportingOverflow(now)
    guard !left.overflow, left.partialValue > 0 else { return "expired" }
    if left.partialValue >= longest { return deadline >= lastDate ? "after 9999" : localTime(deadline, "%Y-%m-%d") }
    return words(for: left.partialValue).map { "in \($0)" } ?? "in a moment"
  }

  /// Years with more digits are no dates that people read: 9999-12-31, UTC in ms.
  private static let lastDate: Int64 = 253_402_214_400_000
}

/// Returns how long ago a time was, in words: "7 days ago". Less than 90 seconds, and a time in the future, is "just now".
func age(_ time: Int64, at now: Int64) -> String {
  let passed = now.subtractingReportingOverflow(time)
  guard passed.overflow || passed.partialValue >= 90_000 else { return "just now" }
  return (Expiry.words(for: passed.overflow ? Int64.max : passed.partialValue) ?? "") + " ago"
}

/// Returns a time of the system's clock as text, in the user's time zone.
func localTime(_ milliseconds: Int64, _ format: String = "%Y-%m-%d %H:%M:%S") -> String {
  var seconds = time_t(milliseconds / 1000)
  var parts = tm()
  localtime_r(&seconds, &parts)
  var text = [CChar](repeating: 0, count: 64)
  let length = strftime(&text, text.count, format, &parts)
  return String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Returns the time, UTC in ms, that is written as a date, or as a date and a time of the user's time zone, or of UTC if Z follows.
/// - Returns: nil if the text is no such time, or there is no such day.
private func localTime(_ text: String) -> Int64? {
  var bytes = Array(text.utf8)
  let isUTC = bytes.count > 10 && bytes.last == UInt8(ascii: "Z")
  if isUTC { bytes.removeLast() }
  // 0 stands for a digit. A time may be written with a space, too.
  func fits(_ byte: UInt8, _ wanted: UInt8) -> Bool {
    switch wanted {
    case UInt8(ascii: "0"): byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    case UInt8(ascii: "T"): byte == wanted || byte == UInt8(ascii: " ")
    default: byte == wanted
    }
  }
  let forms = ["0000-00-00", "0000-00-00T00:00", "0000-00-00T00:00:00"]
  guard forms.contains(where: { bytes.count == $0.utf8.count && zip(bytes, $0.utf8).allSatisfy(fits) }) else { return nil }
  func number(_ place: Int, _ digits: Int) -> Int32 { bytes.dropFirst(place).prefix(digits).reduce(0) { $0 * 10 + Int32($1 - UInt8(ascii: "0")) } }
  var parts = tm()
  (parts.tm_year, parts.tm_mon, parts.tm_mday) = (number(0, 4) - 1900, number(5, 2) - 1, number(8, 2))
  (parts.tm_hour, parts.tm_min, parts.tm_sec) = (number(11, 2), number(14, 2), number(17, 2))
  parts.tm_isdst = -1  // the time zone's rules say whether it is summer time
  guard parts.tm_hour < 24, parts.tm_min < 60, parts.tm_sec < 60 else { return nil }
  let (month, day) = (parts.tm_mon, parts.tm_mday)
  let seconds = isUTC ? timegm(&parts) : mktime(&parts)
  // A day that there is not, such as 30 February, has become another one.
  return seconds > 0 && parts.tm_mon == month && parts.tm_mday == day ? Int64(seconds) * 1000 : nil
}
