import CRedis

/// A connected socket. No call waits past its deadline.
final class Socket {
  let descriptor: Int32
  /// True if a receive waits by itself, for `patience`.
  private let waits: Bool

  /// How long a receive waits by itself, in ms. Most replies come sooner, and so need no other call of the system's.
  private static var patience: Int32 { 10 }

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    waits = redis_receive_waits(descriptor, Socket.patience)
  }

  /// Connects to a server.
  //
  // This is no initialiser, because one that throws leaves the memory of the object behind in Embedded Swift 6.3.
  static func open(_ node: Node, _ deadline: Deadline) throws(Failure) -> Socket {
    Socket(try node.isPath ? connect(path: node.host, deadline) : connect(node, deadline))
  }

  deinit { close(descriptor) }

  private static func connect(path: [UInt8], _ deadline: Deadline) throws(Failure) -> Int32 {
    try connect(family: AF_UNIX, deadline) { socket in withCString(path) { redis_connect_unix(socket, $0) } }
  }

  /// Tries each address of a host. The last failure counts.
  private static func connect(_ node: Node, _ deadline: Deadline) throws(Failure) -> Int32 {
    var first: UnsafeMutablePointer<addrinfo>?
    let code = withCString(node.host) { host in
      withCString(node.port) { port in redis_resolve(host, port, Int32(clamping: deadline.left), &first) }
    }
    guard code == 0 else { throw Failure.connection("the host has no address: ", bytes(gai_strerror(code))) }
    defer { freeaddrinfo(first) }
    var failure = Failure.connection("the host has no address")
    var next = first
    while let address = next?.pointee {
      do throws(Failure) {
        let socket = try connect(family: address.ai_family, deadline) { CRedis.connect($0, address.ai_addr, address.ai_addrlen) }
        redis_send_at_once(socket)
        return socket
      } catch {
        failure = error
      }
      next = address.ai_next
    }
    throw failure
  }

  private static func connect(family: Int32, _ deadline: Deadline, _ begin: (Int32) -> Int32) throws(Failure) -> Int32 {
    let socket = redis_socket(family)
    guard socket >= 0 else { throw failure("no socket can be made") }
    do throws(Failure) {
      if begin(socket) != 0 {
        guard redis_errno() == EINPROGRESS else { throw failure("the server cannot be reached") }
        try wait(socket, POLLOUT, deadline)
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw Failure.connection("the server cannot be reached", systemError: code) }
      }
      return socket
    } catch {
      close(socket)
      throw error
    }
  }

  private static func failure(_ reason: StaticString) -> Failure { .connection(reason, systemError: redis_errno()) }

  /// Waits until the socket can be read or written.
  private static func wait(_ socket: Int32, _ events: Int32, _ deadline: Deadline) throws(Failure) {
    var poller = pollfd(fd: socket, events: Int16(truncatingIfNeeded: events), revents: 0)
    repeat {
      let left = deadline.left
      let count = left == 0 ? 0 : poll(&poller, 1, Int32(clamping: left))
      if count > 0 { return }
      if count == 0 { throw Failure.late }
    } while redis_errno() == EINTR
    throw failure("the socket cannot be waited for")
  }

  /// Sends all bytes.
  func send(_ bytes: UnsafeRawBufferPointer, _ deadline: Deadline) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = CRedis.send(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
      if count > 0 { rest = rest.dropFirst(count) }
      else if redis_errno() == EAGAIN { try Socket.wait(descriptor, POLLOUT, deadline) }
      else if redis_errno() != EINTR { throw Socket.failure("the connection broke") }
    }
  }

  /// Waits until something has come, and receives it.
  func receive(into room: UnsafeMutableRawBufferPointer, _ deadline: Deadline) throws(Failure) -> Int {
    // The system counts in ticks of up to 10 ms, and may wait for two of them longer than it was told.
    var waits = waits && deadline.left > 4 * Int64(Socket.patience)
    while true {
      if !waits { try Socket.wait(descriptor, POLLIN, deadline) }
      let count = recv(descriptor, room.baseAddress, room.count, waits ? 0 : Int32(MSG_DONTWAIT))
      if count > 0 { return count }
      if count == 0 { throw Failure.connection("the server ended the connection", systemError: ECONNRESET) }
      if redis_errno() != EAGAIN, redis_errno() != EINTR { throw Socket.failure("the connection broke") }
      waits = false
    }
  }

  /// True if nothing has come, not even the end. It is then likely that the server still listens.
  var isQuiet: Bool {
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
    return count < 0 && redis_errno() == EAGAIN
  }
}
