#if !hasFeature(Embedded)
  import CLilySession
  import CLilySessionRedis
  import LilySession
  import LilySessionC

  /// Opens storages in Redis or Valkey, for programs that run on several machines.
  ///
  /// ```swift
  /// let all = try RedisStorage.open("redis://sessions.example")
  /// let user = try all.scoped("user:42")
  /// ```
  ///
  /// Each is used as any other storage. The guide `docs/guides/fleet.md` says how the server is set up, and what each failure looks like.
  public enum RedisStorage {
    /// How sessions in Redis are kept.
    public struct Options: Sendable {
      /// How long one call may wait, with connecting.
      public var timeout: Duration = .seconds(1)
      /// A scope is removed so long after it was last written or touched, unless an entry in it has a later deadline of its own; nil means never.
      public var idle: Duration? = .seconds(30 * 24 * 3600)
      /// If true, a write survives power loss when it returns, or reports that it may not.
      public var isPowerDurable = false
      /// How many replicas must have a write before it counts.
      public var replicas = 0
      /// If true, opening succeeds although no server can be reached. Calls throw `io` until one can.
      public var isLazy = false
      /// The path of the certificates that are trusted, as PEM; nil means those of the system.
      public var authorities: String?
      /// The path of the certificate of this program, as PEM; nil means that it has none.
      public var certificate: String?
      /// The path of the key of that certificate, as PEM; nil means that it is in the file of the certificate.
      public var key: String?
      /// Returns the time, UTC in ms; nil for the system's clock. Any thread may call it.
      public var clock: (@Sendable () -> Int64)?
      /// Makes options with the defaults.
      public init() {}
    }

    /// Opens a storage on a server. Any thread may use it.
    ///
    /// - Parameters:
    ///   - address: where the server is, such as `redis://user:password@host:6379/0`. `rediss://` is the same by TLS, `unix://` a socket,
    ///     `redis+sentinel://` and `redis+cluster://` a primary of Sentinels and a Cluster. nil means `$LILY_SESSION_REDIS`, or
    ///     `redis://127.0.0.1:6379` if that is not set. No failure names the password.
    ///   - options: how sessions are kept.
    /// - Throws: `invalidArgument` if the address or an option is wrong; `io` if no server can be reached, or it is not one; `permission` if the
    ///   password is wrong, or the user has too few rights; `unsupported` if the server is too old; `busy` if it has not loaded its data yet.
    public static func open(_ address: String? = nil, options: Options = Options()) throws(LilySession.Failure) -> any Storage {
      let clock = options.clock.map(Clock.init)
      var given = lily_session_redis_options()
      given.timeout_ms = try milliseconds(options.timeout)
      given.idle_ms = try options.idle.map(milliseconds) ?? -1
      given.durability = options.isPowerDurable ? 1 : 0
      given.replicas = Int32(clamping: options.replicas)
      given.flags = options.isLazy ? Int32(LILY_SESSION_REDIS_LAZY.rawValue) : 0
      given.clock = clock == nil ? nil : { context in context.map { Unmanaged<Clock>.fromOpaque($0).takeUnretainedValue().now() } ?? 0 }
      given.context = clock.map { Unmanaged.passUnretained($0).toOpaque() }
      let (table, backendOptions) = try withCStrings([address, options.authorities, options.certificate, options.key]) {
        texts throws(LilySession.Failure) in
        (given.url, given.ca_file, given.certificate_file, given.key_file) = (texts[0], texts[1], texts[2], texts[3])
        do throws(Failure) { return try openStore(given) } catch {
          throw LilySession.Failure(ofBackend: error.status, error.reason, systemError: error.systemError)
        }
      }
      var now: (@Sendable () -> Int64)?
      if let clock { now = { clock.now() } } // so the storage owns the clock, which the store borrows
      return try openBackend(table, backendOptions, clock: now)
    }

    private final class Clock: Sendable {
      let now: @Sendable () -> Int64
      init(_ now: @escaping @Sendable () -> Int64) { self.now = now }
    }

    /// Returns how many ms a duration has. 0 would mean the default.
    private static func milliseconds(_ duration: Duration) throws(LilySession.Failure) -> Int64 {
      guard duration > .zero else { throw LilySession.Failure(.invalidArgument, "a duration is not positive") }
      return duration.milliseconds
    }

    /// Calls `body` with the texts as C strings, which are NULL where a text is nil.
    private static func withCStrings<R>(
      _ texts: [String?], _ body: ([UnsafePointer<CChar>?]) throws(LilySession.Failure) -> R
    ) throws(LilySession.Failure) -> R {
      guard texts.allSatisfy({ $0?.utf8.contains(0) != true }) else {
        throw LilySession.Failure(.invalidArgument, "the address, or the path of a certificate, has a NUL")
      }
      var bytes: [CChar] = []
      var starts: [Int?] = []
      for text in texts {
        starts.append(text == nil ? nil : bytes.count)
        if let text { bytes += text.utf8CString }
      }
      return try bytes.withUnsafeBufferPointer { bytes throws(LilySession.Failure) in
        try body(starts.map { start in start.flatMap { start in bytes.baseAddress.map { $0 + start } } })
      }
    }
  }
#endif
