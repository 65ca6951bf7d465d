import Glibc

/// All that a descriptor gives.
func read(_ descriptor: Int32, _ name: String) throws -> [UInt8] {
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

/// A file's content; - is standard input.
func read(file path: String) throws -> [UInt8] {
  if path == "-" { return try read(0, "standard input") }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw unreadable(path) }
  defer { close(descriptor) }
  return try read(descriptor, path)
}

private func unreadable(_ name: String) -> Problem {
  Problem(Problem.absent, "\(visible(name)) cannot be read (\(String(cString: strerror(errno))))")
}
