import CLilySession
import CLilySessionRedis
import CRedis

/// How a storage was opened.
struct Settings {
  let address: Address
  let tls: TLSContext?
  let timeout: Int64
  /// How long a scope lives after the last write, in ms; -1: for ever.
  let idle: Int64
  /// True if each write must survive power loss.
  let isDurable: Bool
  let replicas: Int64
  let isLazy: Bool
  let clock: lily_session_clock_fn?
  let context: UnsafeMutableRawPointer?

  /// Reads the options of a program.
  init(_ options: lily_session_redis_options) throws(Failure) {
    let text = options.url == nil ? bytes(redis_environment("LILY_SESSION_REDIS")) : bytes(options.url)
    address = try Address(options.url == nil && text.isEmpty ? Address.standard : text)
    guard options.timeout_ms >= 0, options.timeout_ms <= Int64(Int32.max) else { throw Failure(Status.invalidArgument, "timeout_ms is out of range") }
    guard options.idle_ms >= -1 else { throw Failure(Status.invalidArgument, "idle_ms is out of range") }
    guard options.replicas >= 0 else { throw Failure(Status.invalidArgument, "replicas is negative") }
    guard 0...1 ~= options.durability else { throw Failure(Status.invalidArgument, "durability is unknown") }
    guard options.flags & ~Settings.lazy == 0 else { throw Failure(Status.invalidArgument, "flags has an unknown bit") }
    timeout = options.timeout_ms == 0 ? 1000 : options.timeout_ms
    idle = options.idle_ms == 0 ? Settings.month : min(options.idle_ms, Settings.longest)
    isDurable = options.durability == 1
    replicas = Int64(options.replicas)
    isLazy = options.flags & Settings.lazy != 0
    clock = options.clock
    context = options.context
    let files = [options.ca_file, options.certificate_file, options.key_file].map { $0 == nil ? nil : bytes($0) }
    guard address.usesTLS || files.allSatisfy({ $0 == nil }) else { throw Failure(Status.invalidArgument, "certificates are for addresses with TLS, such as rediss://") }
    tls = address.usesTLS ? try TLSContext(trusting: files[0], certificate: files[1], key: files[2]) : nil
  }

  private static var lazy: Int32 { Int32(LILY_SESSION_REDIS_LAZY.rawValue) }
  private static var month: Int64 { 30 * 24 * 3600 * 1000 }

  /// How long the mark of a clear lives if nothing is written after it, in ms. A program that has not looked at a scope for so long might write
  /// what it had there before the clear.
  var markLife: Int64 { idle < 0 ? Settings.month : idle }

  /// A time to live in ms that no server takes for an overflow: 31,000 years.
  static var longest: Int64 { 1_000_000_000_000_000 }

  /// Now, as the program's entries count it, in ms since 1970.
  var now: Int64 {
    if let clock { return clock(context) }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }
}
