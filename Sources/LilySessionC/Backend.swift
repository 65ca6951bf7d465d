import CLilySession
import CPlatform
import LilySession

/// A storage in the host's own store. The core's keys of a scope begin with NUL, which would end a C string; a backend sees U+0001 instead.
final class HostBackend: FilelessStorage, @unchecked Sendable { // the header says that any thread may call the host's functions
  let host: Functions
  let table: lily_session_backend
  let context: UnsafeMutableRawPointer?
  private let options: Options
  var syncsAtEnd: Bool { options.syncsAtEnd }
  var renewsUnread: Bool { table.renew != nil }
  private let owner: Context?
  private let exclusion = Exclusion()
  /// Nil if the host has no descriptor of the kind.
  let watch: Watch?
  private let scopeWatches: ScopeWatches?
  /// True if the host said that a write may not survive power loss. Guarded by `exclusion`.
  private var owesSync = false

  init(_ functions: Functions, _ table: lily_session_backend, _ options: Options, _ owner: Context?) {
    host = functions
    self.table = table
    context = table.context
    self.options = options
    self.owner = owner
    watch = table.fd == nil ? nil : Watch(after: exclusion)
    scopeWatches = table.prefix_fd == nil ? nil : ScopeWatches(after: exclusion)
  }

  deinit {
    if !exclusion.isForked { table.close?(context) }
  }

  func now() -> Int64 { options.clock?() ?? systemClock() }
  var descriptor: Int32 { watch?.openDescriptor { table.fd?(context) ?? -1 } ?? -1 }

  func descriptor(of scope: Scope) -> Int32 {
    guard let scopeWatches else { return descriptor }
    return scopeWatches[scope]?.openDescriptor { spelled(scope.generationKey) { table.prefix_fd?(context, $0) ?? -1 } } ?? -1
  }

  func beginWatch(of scope: Scope) -> Watch? { scopeWatches.map { $0.begin(scope) } ?? watch }
  func endWatch(of scope: Scope) { scopeWatches?.end(scope) }

  /// Tells the watch that the host is about to read the scope.
  func willRead(_ scope: Scope) {
    if scope == .none || scopeWatches == nil { watch?.willRead() } else { scopeWatches?[scope]?.willRead() }
  }

  var place: Place {
    guard let name = table.identity?(context) else { return Place(of: self) }
    return Place(named: [UInt8](cString: name))
  }

  var notices: Notices {
    var notices = Notices()
    let status = call { table.notice?(context) ?? 0 }
    if status != 0 { notices.ofBackend = Failure(ofBackend: status, toldReason, systemError: 0, "a notice of the store") }
    return notices
  }

  func close() {
    if syncsAtEnd { _ = try? sync() }
  }

  func sync() throws(Failure) -> Failure? {
    try refuseFork()
    if let sync = table.sync {
      try check(sync(context))
    } else if try exclusion.run({ () throws(Failure) in owesSync }) {
      throw failure(Status.notDurable.rawValue) // the backend has no function that could make it durable
    }
    try noteDurable(true)
    return nil
  }

  private func noteDurable(_ isDurable: Bool) throws(Failure) {
    try exclusion.run { () throws(Failure) in owesSync = !isDurable }
  }

  func info() throws(Failure) -> StorageInfo {
    var info = try usage()
    info.isPowerDurable = options.isPowerDurable
    info.owesSync = try exclusion.run { () throws(Failure) in owesSync }
    return info
  }

  func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    try refuseFork()
    try refuseReserved(scope.session)
    for key in keys { try refuseReserved(key) }
    willRead(scope)
    if let load = table.load { return try read(keys, of: scope, by: load) }
    // The generation is read first. If a clear comes before the entries are read, these are newer than the generation, and never older.
    let number = try generation(of: scope)
    var found: [Entry?] = []
    for key in keys { found.append(try read(key, of: scope)) }
    return Snapshot(entries: found, generation: number)
  }

  private func generation(of scope: Scope) throws(Failure) -> UInt64 {
    var number: UInt64 = 0
    try checkForUpdate(call { spelled(scope.session) { host.generation(context, $0, &number) } })
    return number
  }

  private func read(_ key: Key, of scope: Scope) throws(Failure) -> Entry? {
    guard let read = host.read else { return try self.read([key], of: scope).entries.first ?? nil }
    var entry = lily_session_entry()
    let status = call { spelled(key) { read(context, $0, &entry) } }
    if status == Status.notFound.rawValue { return nil }
    try checkForUpdate(status)
    return Entry(entry)
  }

  /// Returns nil, because asking a host that has just failed would mean waiting for it twice.
  func generationAtHand(of scope: Scope) -> UInt64? { nil }

  func write(_ batch: Batch, in scope: Scope, generation wanted: UInt64?) throws(Failure) -> WriteOutcome {
    try refuseFork()
    try refuseReserved(scope.session)
    var stored: Entry? // what a replacement replaces
    let isRenewal = batch.isRenewal && table.renew != nil
    let isReplacement = !isRenewal && batch.isReplacement && table.replace != nil
    if isReplacement, let required = batch.required {
      stored = required // the backend compares it
    } else if !isRenewal {
      try batch.leaveOutOvertaken(at: now) { key throws(Failure) in
        try refuseReserved(key)
        stored = try read(key, of: scope)
        return stored
      }
    }
    if batch.isEmpty { return .written(.of(overtaken: batch.overtaken)) }
    var entries: [lily_session_entry] = []
    // Keys and texts, each with a NUL. What is in the buffer is wiped with it.
    let strings = ByteBuffer()
    var starts: [(key: Int, text: Int?)] = []
    var reserved: Key?
    batch.forEachChange { key, text, deadline, version in
      if reserved == nil, (try? refuseReserved(key)) == nil { reserved = key }
      let start = strings.count
      HostBackend.append(key, to: strings)
      starts.append((start, text.map { _ in strings.count }))
      if let text {
        strings.append(text)
        strings.append(0)
      }
      entries.append(lily_session_entry(key: nil, json: nil, length: text?.count ?? 0, expires_at_ms: deadline, version: version))
    }
    if let reserved { try refuseReserved(reserved) }
    let status = call { withExtendedLifetime(strings) {
      let first = strings.bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      for (at, start) in starts.enumerated() where at < entries.count {
        entries[at].key = first.map { $0 + start.key }
        if let text = start.text { entries[at].json = first.map { $0 + text } }
      }
      if isRenewal, let renew = table.renew { return renew(context, entries) }
      return spelled(wanted.map { _ in scope.session }) { prefix in
        guard isReplacement, let replace = table.replace else { return host.write(context, entries, entries.count, prefix, wanted ?? 0) }
        return withEntry(stored) { replace(context, $0, entries, prefix, wanted ?? 0) }
      }
    } }
    if isRenewal || isReplacement, status == Status.notFound.rawValue { return .written(.of(overtaken: [0])) }
    if let wanted, status == Status.newer.rawValue {
      let current: UInt64
      if let told = toldGeneration { current = told } else { current = try generation(of: scope) }
      if current != wanted { return .superseded(generation: current) }
    }
    let notDurable = status == Status.notDurable.rawValue ? failure(status) : nil
    if notDurable == nil { try checkForUpdate(status) }
    try noteDurable(notDurable == nil)
    return .written(.of(overtaken: batch.overtaken, notDurable: notDurable))
  }

  func clear(_ scope: Scope) throws(Failure) {
    try refuseFork()
    try refuseReserved(scope.session)
    try check(call { spelled(scope.session) { host.clear(context, $0) } })
  }

  // MARK: border

  func refuseFork() throws(Failure) {
    if exclusion.isForked { throw Failure(.forked, "the storage was opened before fork") }
  }

  /// Throws if a backend could not tell the key from another one, because U+0001 stands for the NULs of a scope's keys.
  func refuseReserved(_ key: Key) throws(Failure) {
    let isReserved = key.withBytes { bytes in
      guard bytes.first == 0, let rest = bytes.baseAddress.map({ $0 + 1 }), let end = memchr(rest, 0, bytes.count &- 1) else { return bytes.first == 1 }
      return memchr(rest, 1, UnsafeRawPointer(end) - rest) != nil
    }
    if isReserved { throw Failure(.invalidArgument, "a backend's key begins with U+0001, or its scope's name contains it") }
  }

  /// Throws the failure that a backend returned.
  func check(_ status: Int32) throws(Failure) {
    if status != 0 { throw failure(status) }
  }

  /// Does so for what an update calls. A dispatch returns these statuses if the message was not applied, and so not for a backend's.
  func checkForUpdate(_ status: Int32) throws(Failure) {
    let failed = Status(rawValue: status)
    let isOfTheCall = failed == .update || failed == .invalidArgument || failed == .reentrant || failed == .unsupported
    try check(isOfTheCall ? Status.io.rawValue : status)
  }

  /// Calls a function of the host's, which may tell more than its status.
  func call(_ body: () -> Int32) -> Int32 {
    platform_told().pointee = platform_told_t()
    return body()
  }

  /// Returns a failure with the backend's status, and with the reason that it has told.
  private func failure(_ status: Int32) -> Failure {
    Failure(ofBackend: status, toldReason, systemError: platform_told().pointee.system_error)
  }

  /// The reason that the function which was called last has told, or nil.
  private var toldReason: [UInt8]? { platform_told().pointee.has_reason ? [UInt8](cString: platform_message()) : nil }

  /// The generation that the function which was called last has told, or nil.
  private var toldGeneration: UInt64? {
    let told = platform_told().pointee
    return told.has_generation ? told.generation : nil
  }

  /// Calls `body` with an entry without its key, or with NULL if there is none.
  private func withEntry(_ entry: Entry?, _ body: (UnsafePointer<lily_session_entry>?) -> Int32) -> Int32 {
    guard let entry else { return body(nil) }
    let status = try? entry.withText { text throws(Failure) in
      var stored = lily_session_entry(
        key: nil, json: text.baseAddress?.assumingMemoryBound(to: CChar.self), length: text.count, expires_at_ms: entry.deadline,
        version: entry.version)
      return body(&stored)
    }
    return status ?? Status.io.rawValue
  }

  /// Appends a key as the backend sees it, with a NUL at its end.
  static func append(_ key: Key, to strings: ByteBuffer) {
    let at = strings.count
    key.withBytes { strings.append($0) }
    strings.append(0)
    let spelled = strings.start + at
    guard key.bytes.first == 0 else { return }
    spelled[0] = 1
    let end = strlen(spelled) // of the scope's name
    if end < key.bytes.count { spelled[end] = 1 }
  }

  /// Calls `body` with a key as the host sees it, or with NULL.
  func spelled<R>(_ key: Key?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    guard let key else { return body(nil) }
    let string = ByteBuffer()
    HostBackend.append(key, to: string)
    return withExtendedLifetime(string) { body(string.bytes.baseAddress?.assumingMemoryBound(to: CChar.self)) }
  }
}

extension Failure {
  /// Makes a backend's failure, with its status, or with IO if the header has no such status.
  ///
  /// - Parameter words: stand before the reason, unless there is an errno.
  package init(ofBackend status: Int32, _ reason: [UInt8]?, systemError: Int32, _ words: StaticString = "the backend failed") {
    let kind = cName(of: Status(rawValue: status)) == nil ? .io : Status(rawValue: status)
    if let reason, systemError != 0 {
      self = Failure(kind, "the backend failed:", systemError: systemError).at(reason)
    } else {
      self = Failure(kind, words, systemError: systemError)
      if let reason { self = at(reason) }
    }
  }
}

extension Entry {
  /// Makes an entry of the host's. One that it cannot read counts as an empty text, which is not JSON, so it is refused.
  ///
  /// - Parameter others: keeps the text beside those of other entries.
  init(_ entry: lily_session_entry, beside others: ByteBuffer? = nil) {
    // A text longer than any value is not read. It counts as an empty text, too.
    let count = entry.json != nil && entry.length >= 0 && entry.length <= JSONText.valueLimit ? entry.length : 0
    self.init(
      text: UnsafeRawBufferPointer(start: entry.json, count: count), deadline: max(entry.expires_at_ms, 0), version: entry.version, beside: others)
  }
}
