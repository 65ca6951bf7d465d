import CLilySession
import CPlatform
import LilySession

@implementation @_cdecl("lily_session_storage_open_backend")
public func lily_session_storage_open_backend(
  _ backend: UnsafePointer<lily_session_backend>?, _ options: UnsafePointer<lily_session_storage_options>?,
  _ out_storage: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  out_storage?.pointee = nil
  return withStatus { () throws(Failure) in
    // If this call fails, the context is released before the message is set.
    let owner = backend.map(namedMembers).map { Context($0.context, $0.release) }
    guard let backend, let out_storage else { throw Failure(.invalidArgument, "the backend or the out parameter is NULL") }
    let given = try readStruct(backend, smallest: 11 * MemoryLayout<Int>.size) // without `renew` and what follows it
    let options = try readOptions(options)
    try refuseFileOptions(options)
    guard options.quota_bytes == 0 else { throw Failure(.invalidArgument, "a backend keeps its own quota") }
    let functions = try HostBackend.Functions(given)
    out_storage.pointee = newHandle(StorageHandle(HostBackend(functions, given, clockOption(options), owner)))
  }
}

@implementation @_cdecl("lily_session_backend_fail")
public func lily_session_backend_fail(
  _ status: lily_session_status, _ reason: UnsafePointer<CChar>?, _ system_error: Int32
) -> lily_session_status {
  platform_told().pointee.system_error = system_error
  platform_told().pointee.has_reason = reason != nil
  if let reason { Message.keep(reason) }
  return status
}

@implementation @_cdecl("lily_session_backend_tell_generation")
public func lily_session_backend_tell_generation(_ generation: UInt64) {
  platform_told().pointee.generation = generation
  platform_told().pointee.has_generation = true
}

/// A storage in the host's own store. The core's keys of a scope begin with NUL, which would end a C string; a backend sees U+0001 instead.
final class HostBackend: FilelessStorage, @unchecked Sendable { // the header says that any thread may call the host's functions
  /// The functions that a backend must have.
  struct Functions {
    let read: lily_session_backend_read_fn
    let write: lily_session_backend_write_fn
    let clear: lily_session_backend_clear_fn
    let generation: lily_session_backend_generation_fn
    let each: lily_session_backend_each_fn

    init(_ table: lily_session_backend) throws(Failure) {
      guard let read = table.read, let write = table.write, let clear = table.clear, let generation = table.generation,
        let each = table.each
      else { throw Failure(.invalidArgument, "a backend needs read, write, clear, generation and each") }
      (self.read, self.write, self.clear, self.generation, self.each) = (read, write, clear, generation, each)
    }
  }

  let host: Functions
  let table: lily_session_backend
  let context: UnsafeMutableRawPointer?
  private let clock: (@Sendable () -> Int64)?
  private let owner: Context?
  private let exclusion = Exclusion()
  /// True if the host said that a write may not survive power loss. Guarded by `exclusion`.
  private var owesSync = false

  init(_ functions: Functions, _ table: lily_session_backend, _ clock: (@Sendable () -> Int64)?, _ owner: Context?) {
    host = functions
    self.table = table
    context = table.context
    self.clock = clock
    self.owner = owner
  }

  deinit {
    if !exclusion.isForked { table.close?(context) }
  }

  func now() -> Int64 { clock?() ?? systemClock() }
  var descriptor: Int32 { exclusion.isForked ? -1 : table.fd?(context) ?? -1 }

  func descriptor(of scope: Scope) -> Int32 {
    guard let descriptor = table.prefix_fd, !exclusion.isForked else { return self.descriptor }
    return spelled(scope.generationKey) { descriptor(context, $0) }
  }

  var place: Place {
    guard let name = table.identity?(context) else { return Place(of: self) }
    return Place(named: [UInt8](cString: name))
  }

  func close() { _ = try? sync() }

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
    info.owesSync = try exclusion.run { () throws(Failure) in owesSync }
    return info
  }

  func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    try refuseFork()
    try refuseReserved(scope.session)
    for key in keys { try refuseReserved(key) }
    if let load = table.load { return try read(keys, of: scope, by: load) }
    // The generation is read first. If a clear comes before the entries are read, these are newer than the generation, and never older.
    let number = try generation(of: scope)
    var found: [Entry?] = []
    for key in keys { found.append(try read(key)) }
    return Snapshot(entries: found, generation: number)
  }

  private func generation(of scope: Scope) throws(Failure) -> UInt64 {
    var number: UInt64 = 0
    try checkForUpdate(call { spelled(scope.session) { host.generation(context, $0, &number) } })
    return number
  }

  private func read(_ key: Key) throws(Failure) -> Entry? {
    var entry = lily_session_entry()
    let status = call { spelled(key) { host.read(context, $0, &entry) } }
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
    if !isRenewal {
      try batch.leaveOutOvertaken(at: now) { key throws(Failure) in
        try refuseReserved(key)
        stored = try read(key)
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
      HostBackend.spell(key).withUnsafeBytes { strings.append($0) }
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
    let isScoped = key.bytes.first == 0
    let end = key.bytes.dropFirst().firstIndex(of: 0) ?? 0
    guard key.bytes.first != 1, !(isScoped && key.bytes[0..<end].contains(1)) else {
      throw Failure(.invalidArgument, "a backend's key begins with U+0001, or its scope's name contains it")
    }
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

  /// Returns a failure with the backend's status, or with IO if the header has no such status, and with the reason that it has told.
  private func failure(_ status: Int32) -> Failure {
    let (kind, told) = (cName(of: Status(rawValue: status)) == nil ? .io : Status(rawValue: status), platform_told().pointee)
    guard told.has_reason else { return Failure(kind, "the backend failed", systemError: told.system_error) }
    let reason = [UInt8](cString: platform_message())
    if told.system_error == 0 { return Failure(kind, "the backend failed").at(reason) }
    return Failure(kind, "the backend failed:", systemError: told.system_error).at(reason)
  }

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

  /// Returns a key as the backend sees it, with a NUL at its end.
  static func spell(_ key: Key) -> [UInt8] { key.bytes.map { $0 == 0 ? 1 : $0 } + [0] }

  /// Calls `body` with a key as the host sees it, or with NULL.
  func spelled<R>(_ key: Key?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    guard let key else { return body(nil) }
    return HostBackend.spell(key).withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
  }
}

extension Entry {
  /// Makes an entry of the host's. One that it cannot read counts as an empty text, which is not JSON, so it is refused.
  init(_ entry: lily_session_entry) {
    // A text longer than any value is not read. It counts as an empty text, too.
    let count = entry.json != nil && entry.length >= 0 && entry.length <= JSONText.valueLimit ? entry.length : 0
    self.init(text: UnsafeRawBufferPointer(start: entry.json, count: count), deadline: max(entry.expires_at_ms, 0), version: entry.version)
  }
}
