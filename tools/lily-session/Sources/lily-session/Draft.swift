import Glibc

/// A file with a text that a person edits. It is in a folder of its own, because editors put other files beside it, and it is removed with
/// that folder, because the text may be a secret.
struct Draft {
  let path: String
  private let folder: String

  init(_ text: [UInt8]) throws {
    let above = Draft.setting(["XDG_RUNTIME_DIR", "TMPDIR"]) { $0.utf8.first == UInt8(ascii: "/") } ?? "/tmp"
    var template = Array("\(above)/lily-session-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Problem(Problem.unusable, "cannot create a folder in \(visible(above)): \(systemText())")
    }
    folder = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    path = folder + "/value.json"
    do { try PrivateFile(path, besides: []).write { try $0(String(decoding: text, as: UTF8.self) + "\n") } } catch {
      remove()
      throw error
    }
    Remains.removeIfEnded(strdup(path), folder: strdup(folder))
  }

  /// Returns the first of these variables of the environment that is set to something usable.
  private static func setting(_ names: [String], isUsable: (String) -> Bool) -> String? {
    for name in names {
      if let value = getenv(name).map({ String(cString: $0) }), isUsable(value) { return value }
    }
    return nil
  }

  /// Runs the person's editor, and waits until it has ended.
  func edit() throws {
    let editor = Draft.setting(["VISUAL", "EDITOR"]) { !$0.isEmpty } ?? "vi"
    // Ctrl-C is meant for the editor.
    let before = [SIGINT, SIGQUIT].map { signal($0) { _ in } }
    defer { for (number, handler) in zip([SIGINT, SIGQUIT], before) { signal(number, handler) } }
    // A shell splits the words of the editor's command, as those of $EDITOR are for other programs.
    let words: [String] = ["sh", "-c", "\(editor) \"$@\"", editor, path]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    var process = pid_t()
    let failure = posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ)
    guard failure == 0 else { throw Problem(Problem.unusable, "cannot run the editor: \(String(cString: strerror(failure)))") }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      throw Problem(Problem.absent, "nothing was stored: the editor \(visible(editor)) failed", advice: "VISUAL or EDITOR names the editor.")
    }
  }

  /// Removes the file, with what the editor has left beside it.
  func remove() {
    guard let directory = opendir(folder) else { return }
    while let entry = readdir(directory) { _ = withUnsafeMutablePointer(to: &entry.pointee.d_name.0) { unlinkat(dirfd(directory), $0, 0) } }
    closedir(directory)
    rmdir(folder)
  }
}
