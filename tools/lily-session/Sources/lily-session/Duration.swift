import Glibc
import LilySession

/// A value of --expires, such as 7d, 1h30m or never.
enum Expiry {
  case never
  case after(Int64)  // ms

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
      return
    }
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
    guard digits.isEmpty, total > 0 else { return nil }
    self = .after(total)
  }

  static let form = "a number with s, m, h, d or w, such as 7d or 1h30m, or never"

  /// Returns the time until a deadline in words: "never", "in 7 days", "in a moment", "expired".
  static func words(_ deadline: Int64, at now: Int64) -> String {
    guard deadline != 0 else { return "never" }
    let left = deadline.subtractingReportingOverflow(now)
    guard !left.overflow, left.partialValue > 0 else { return "expired" }
    return words(for: left.partialValue).map { "in \($0)" } ?? "in a moment"
  }
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
