import Glibc
import LilySession

/// Where stores are.
enum Places {
  static let ownName = "lily-session"

  static func path(_ options: StoreOptions) throws -> String {
    if let store = options.store { return store }
    do { return try Journal.defaultPath(application: options.app ?? ownName) } catch { throw Problem(error, path: nil) }
  }

  /// As a shell does with a word that begins so; a completion sees it before that.
  static func expandingHome(_ path: String) -> String {
    guard path.hasPrefix("~/"), let home = getenv("HOME") else { return path }
    return String(cString: home) + path.dropFirst()
  }

  static func exists(_ path: String) -> Bool { Glibc.access(path, F_OK) == 0 }

  /// The programs that have a store at the default place.
  static func applications() -> [String] {
    guard let path = try? Journal.defaultPath(application: ownName) else { return [] }
    let base = path.dropLast("/\(ownName)/session.jsonl".count)
    guard let directory = opendir(String(base)) else { return [] }
    defer { closedir(directory) }
    var found: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix("."), exists("\(base)/\(name)/session.jsonl") { found.append(name) }
    }
    return found.sorted()
  }

  static func absent(_ path: String, _ options: StoreOptions, _ access: Store.Access) -> Problem {
    if access == .creating {
      return Problem(
        Problem.unusable, "no store can be made at \(visible(path)): its folder is not there", advice: "Make the folder first.")
    }
    let message = "there is no store at \(visible(path))"
    if options.store != nil {
      return Problem(
        Problem.absent, message, advice: "A program makes its store with its first update; --app NAME looks at the default place.")
    }
    let found = applications().map { "--app \(visible($0))" }
    return Problem(
      Problem.absent, message,
      advice: found.isEmpty
        ? "A program makes its store with its first update; --store PATH names one elsewhere."
        : "There are stores for: \(found.joined(separator: ", "))")
  }
}
