import Glibc

/// Reads a descriptor to its end.
/// - Parameter name: what messages call it.
func readAll(from descriptor: Int32, named name: String) throws -> [UInt8] {
  var bytes: [UInt8] = []
  let chunk = 1 << 16
  while true {
    let had = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: chunk))
    let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress.map { $0 + had }, chunk) }
    bytes.removeLast(chunk - max(got, 0))
    if got == 0 { return bytes }
    if got < 0, errno != EINTR { throw unreadable(name) }
  }
}

/// Reads a whole file, or standard input if the path is `-`.
func readFile(_ path: String) throws -> [UInt8] {
  if path == "-" { return try readAll(from: 0, named: "standard input") }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw unreadable(path) }
  defer { close(descriptor) }
  return try readAll(from: descriptor, named: path)
}

private func unreadable(_ name: String) -> Problem {
  Problem(Problem.absent, "cannot read \(visible(name)): \(systemText())")
}
