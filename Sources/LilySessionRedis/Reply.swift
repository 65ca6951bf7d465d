import CRedis

/// A reply of a server, or a part of one, which keeps the whole.
struct Reply {
  private final class Owner {
    let root: UnsafeMutablePointer<redisReply>
    init(_ root: UnsafeMutablePointer<redisReply>) { self.root = root }
    deinit { redis_reply_free(root) }
  }

  private let owner: Owner
  private let reply: UnsafeMutablePointer<redisReply>

  /// Takes a reply that a reader has made.
  init(owning reply: UnsafeMutablePointer<redisReply>) {
    owner = Owner(reply)
    self.reply = reply
  }

  private init(_ owner: Owner, _ reply: UnsafeMutablePointer<redisReply>) { (self.owner, self.reply) = (owner, reply) }

  var isNothing: Bool { reply.pointee.type == REDIS_REPLY_NIL }
  var isError: Bool { reply.pointee.type == REDIS_REPLY_ERROR }
  var isArray: Bool { reply.pointee.type == REDIS_REPLY_ARRAY }

  /// The number that the reply is, or nil.
  var integer: Int64? { reply.pointee.type == REDIS_REPLY_INTEGER ? reply.pointee.integer : nil }

  /// Calls `body` with the bytes of a text, a status or an error; with none for other replies.
  func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    withExtendedLifetime(owner) { body(Reply.bytes(of: reply)) }
  }

  private static func bytes(of reply: UnsafeMutablePointer<redisReply>) -> UnsafeRawBufferPointer {
    let type = reply.pointee.type
    let isText = (type == REDIS_REPLY_STRING || type == REDIS_REPLY_STATUS || type == REDIS_REPLY_ERROR) && reply.pointee.str != nil
    return UnsafeRawBufferPointer(start: isText ? reply.pointee.str : nil, count: isText ? max(Int(reply.pointee.len), 0) : 0)
  }

  /// A copy of the bytes.
  var text: [UInt8] { withBytes { [UInt8]($0) } }

  /// True if the bytes begin with these.
  func begins(_ beginning: StaticString) -> Bool { withBytes { $0.begins(with: beginning) } }

  /// The number of elements of an array; 0 for another reply.
  var count: Int { isArray ? Int(truncatingIfNeeded: reply.pointee.elements) : 0 }

  /// Calls `body` with the bytes of each two elements of an array. They live as long as somebody has the reply.
  func forEachPair(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
    withExtendedLifetime(owner) {
      for at in stride(from: 0, to: count - 1, by: 2) {
        if let one = reply.pointee.element[at], let other = reply.pointee.element[at + 1] { body(Reply.bytes(of: one), Reply.bytes(of: other)) }
      }
    }
  }

  /// Returns an element of an array, or nil if there is none.
  subscript(at: Int) -> Reply? {
    guard at >= 0, at < count, let element = reply.pointee.element?[at] else { return nil }
    return Reply(owner, element)
  }
}
