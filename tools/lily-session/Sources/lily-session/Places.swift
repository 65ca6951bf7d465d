import Glibc
import LilySession

/// Finds the files of stores.
enum Places {
  static let ownName = "lily-session"

  /// Throws if the store is not in a file.
  static func path(_ options: StoreOptions) throws -> String {
    if options.isOnServer { throw ServerStores.noFile }
    if let store = options.store { return store }
    do { return try Journal.defaultPath(application: options.app ?? ownName) } catch {
      var problem = Problem(error, path: nil)
      if error.status == .notFound { problem.advice = "--store PATH names a store at another place." }
      throw problem
    }
  }

  /// Replaces a leading `~/` with the home folder. A shell does so before it runs a command, but not before it asks for completions.
  static func expandingHome(_ path: String) -> String {
    guard path.hasPrefix("~/"), let home = getenv("HOME") else { return path }
    return String(cString: home) + path.dropFirst()
  }

  /// Returns the path of the store's file if there is none yet; nil also if the store is on a server.
  static func missingFile(_ options: StoreOptions) throws -> String? {
    if options.isOnServer { return nil }
    let path = try path(options)
    return exists(path) ? nil : path
  }

  static func exists(_ path: String) -> Bool { Glibc.access(path, F_OK) == 0 }

  /// Returns the names of the programs that have a store at the default place, sorted.
  static func applications() -> [String] {
    guard let path = try? Journal.defaultPath(application: ownName) else { return [] }
    // In bytes, because a character at the end of a folder's name may include the slash.
    let base = String(decoding: path.utf8.dropLast("/\(ownName)/session.jsonl".utf8.count), as: UTF8.self)
    guard let directory = opendir(base) else { return [] }
    defer { closedir(directory) }
    var found: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix("."), exists("\(base)/\(name)/session.jsonl") { found.append(name) }
    }
    return found.sorted()
  }

  /// The problem that there is no store at the path, with advice that fits the options.
  static func absent(_ path: String, _ options: StoreOptions, _ access: Store.Access) -> Problem {
    if access == .creating {
      return Problem(
        Problem.unusable, "cannot create a store at \(visible(path)): its folder does not exist", advice: "Create the folder first.")
    }
    let message = "there is no store at \(visible(path))"
    if options.store != nil {
      return Problem(
        Problem.absent, message, advice: "A program creates its store with its first update; --app NAME looks at the default place.")
    }
    let found = applications().map { "--app \(visible($0))" }
    return Problem(
      Problem.absent, message,
      advice: found.isEmpty
        ? "A program creates its store with its first update; --store PATH names a store elsewhere."
        : "There are stores for: \(found.joined(separator: ", "))")
  }
}
