import CRedis

/// The certificates of a storage's connections.
final class TLSContext {
  fileprivate let context: OpaquePointer

  init(trusting authorities: [UInt8]?, certificate: [UInt8]?, key: [UInt8]?) throws(Failure) {
    guard let context = SSL_CTX_new(TLS_client_method()) else { throw TLSContext.failure("TLS cannot be used") }
    self.context = context
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    guard redis_tls_at_least_1_2(context) else { throw TLSContext.failure("TLS cannot be used") }
    let trusts = authorities.map { file in withCString(file) { SSL_CTX_load_verify_locations(context, $0, nil) } } ?? SSL_CTX_set_default_verify_paths(context)
    guard trusts == 1 else { throw TLSContext.failure("the trusted certificates cannot be read") }
    guard let certificate else { return }
    guard withCString(certificate, { SSL_CTX_use_certificate_chain_file(context, $0) }) == 1 else { throw TLSContext.failure("the certificate cannot be read") }
    let isKey = withCString(key ?? certificate) { SSL_CTX_use_PrivateKey_file(context, $0, SSL_FILETYPE_PEM) }
    guard isKey == 1, SSL_CTX_check_private_key(context) == 1 else { throw TLSContext.failure("the certificate's key cannot be read, or is another one's") }
  }

  deinit { SSL_CTX_free(context) }

  /// Returns a failure with OpenSSL's words, which name no secret.
  fileprivate static func failure(_ reason: StaticString) -> Failure {
    let words = ERR_reason_error_string(ERR_peek_last_error())
    ERR_clear_error()
    return Failure(Status.invalidArgument, reason, words == nil ? [] : bytes(": ") + bytes(words))
  }
}

/// TLS over a socket. OpenSSL reads and writes memory alone, so that no call of it waits, or raises SIGPIPE.
final class TLS {
  private let tls: OpaquePointer
  private let context: TLSContext
  private let socket: Socket
  // `tls` owns both.
  private let received: OpaquePointer
  private let toSend: OpaquePointer
  private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 1)

  /// Shakes hands with the server, whose certificate must be that of the host.
  init(_ socket: Socket, _ node: Node, _ context: TLSContext, _ deadline: Deadline) throws(Failure) {
    guard let tls = SSL_new(context.context), let received = BIO_new(BIO_s_mem()), let toSend = BIO_new(BIO_s_mem()) else {
      throw Failure.connection("TLS cannot be used")
    }
    (self.tls, self.context, self.socket, self.received, self.toSend) = (tls, context, socket, received, toSend)
    SSL_set_bio(tls, received, toSend)
    SSL_set_connect_state(tls)
    let isNamed = withCString(node.host) { host in
      // A host that is an address is not sent as a name.
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host) == 1 || redis_tls_server_name(tls, host) && SSL_set1_host(tls, host) == 1
    }
    guard isNamed else { throw Failure.connection("TLS cannot be used with this host") }
    _ = try exchange(deadline) { SSL_do_handshake(tls) }
  }

  deinit {
    SSL_free(tls)
    room.deallocate()
  }

  func send(_ bytes: UnsafeRawBufferPointer, _ deadline: Deadline) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 20))
      rest = rest.dropFirst(try exchange(deadline) { SSL_write(tls, piece.baseAddress, Int32(truncatingIfNeeded: piece.count)) })
    }
  }

  func receive(into room: UnsafeMutableRawBufferPointer, _ deadline: Deadline) throws(Failure) -> Int {
    try exchange(deadline) { SSL_read(tls, room.baseAddress, Int32(clamping: room.count)) }
  }

  /// Runs a step of OpenSSL's, sends what it wants to send, and receives what it waits for, until it has succeeded.
  private func exchange(_ deadline: Deadline, _ step: () -> Int32) throws(Failure) -> Int {
    while true {
      ERR_clear_error()
      let count = step()
      let code = count > 0 ? SSL_ERROR_NONE : SSL_get_error(tls, count)
      try sendWaiting(deadline)
      if count > 0 { return Int(count) }
      guard code == SSL_ERROR_WANT_READ else {
        if code == SSL_ERROR_ZERO_RETURN { throw Failure.connection("the server ended the connection", systemError: ECONNRESET) }
        throw Failure.connection("TLS failed: ", bytes(ERR_reason_error_string(ERR_peek_last_error())))
      }
      BIO_write(received, room.baseAddress, Int32(truncatingIfNeeded: try socket.receive(into: room, deadline)))
    }
  }

  private func sendWaiting(_ deadline: Deadline) throws(Failure) {
    while true {
      let count = BIO_read(toSend, room.baseAddress, Int32(truncatingIfNeeded: room.count))
      guard count > 0 else { return }
      try socket.send(UnsafeRawBufferPointer(rebasing: room[..<Int(count)]), deadline)
    }
  }
}
