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

/// A storage in the host's own store. The core's keys of a scope begin with NUL, which would end a C string; a backend sees U+0001 instead.
private final class HostBackend: FilelessStorage, @unchecked Sendable { // the header says that any thread may call the host's functions
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

  private let host: Functions
  private let table: lily_session_backend
  private let context: UnsafeMutableRawPointer?
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
    var info = StorageInfo()
    info.owesSync = try exclusion.run { () throws(Failure) in owesSync }
    for item in try walk(Key(stored: [])).found {
      info.entries += 1
      info.liveBytes += Int64(item.key.bytes.count) + Int64(item.entry.textCount)
    }
    return info
  }

  func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    try refuseFork()
    try refuseReserved(scope.session)
    // The generation is read first. If a clear comes before the entries are read, these are newer than the generation, and never older.
    var number: UInt64 = 0
    try checkForUpdate(spelled(scope.session) { host.generation(context, $0, &number) })
    var found: [Entry?] = []
    for key in keys { found.append(try read(key)) }
    return Snapshot(entries: found, generation: number)
  }

  private func read(_ key: Key) throws(Failure) -> Entry? {
    try refuseReserved(key)
    var entry = lily_session_entry()
    let status = spelled(key) { host.read(context, $0, &entry) }
    if status == Status.notFound.rawValue { return nil }
    try checkForUpdate(status)
    return Entry(entry)
  }

  /// Returns nil, because asking a host that has just failed would mean waiting for it twice.
  func generationAtHand(of scope: Scope) -> UInt64? { nil }

  func write(_ batch: Batch, in scope: Scope, generation wanted: UInt64?) throws(Failure) -> WriteOutcome {
    try refuseFork()
    var stored: Entry? // what a replacement replaces
    let isRenewal = batch.isRenewal && table.renew != nil
    let isReplacement = !isRenewal && batch.isReplacement && table.replace != nil
    if !isRenewal {
      try batch.leaveOutOvertaken(at: now) { key throws(Failure) in
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
    let status = withExtendedLifetime(strings) {
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
    }
    if isRenewal || isReplacement, status == Status.notFound.rawValue { return .written(.of(overtaken: [0])) }
    if let wanted, status == Status.newer.rawValue {
      let current = try read([], of: scope).generation
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
    try check(spelled(scope.session) { host.clear(context, $0) })
  }

  func allScopes() throws(Failure) -> [Scope] {
    guard let scopes = table.scopes else { return try scopesOfEntries(in: self) }
    try refuseFork()
    let names = Names()
    let visit: lily_session_scope_fn = { visitor, name in
      guard let visitor, let name else { return Status.invalidArgument.rawValue }
      return Unmanaged<Names>.fromOpaque(visitor).takeUnretainedValue().add(name)
    }
    let status = scopes(context, visit, Unmanaged.passUnretained(names).toOpaque())
    try withExtendedLifetime(names) { () throws(Failure) in try check(status) }
    return names.found
  }

  private final class Names {
    private(set) var found: [Scope] = []

    func add(_ name: UnsafePointer<CChar>) -> Int32 {
      guard let scope = try? Scope(name: UnsafeRawBufferPointer(start: name, count: strlen(name))) else { return Status.invalidArgument.rawValue }
      found.append(scope)
      return Status.ok.rawValue
    }
  }

  func entries(_ prefix: Key) throws(Failure) -> [Item] { try walk(prefix).items(prefix) }

  private func walk(_ prefix: Key) throws(Failure) -> Walk {
    try refuseFork()
    let walk = Walk()
    let visit: lily_session_entry_fn = { visitor, entry in
      guard let visitor, let entry else { return Status.invalidArgument.rawValue }
      return Unmanaged<Walk>.fromOpaque(visitor).takeUnretainedValue().add(entry.pointee)
    }
    let status = spelled(prefix) { host.each(context, $0, visit, Unmanaged.passUnretained(walk).toOpaque()) }
    try withExtendedLifetime(walk) { () throws(Failure) in try check(status) }
    return walk
  }

  private final class Walk {
    private(set) var found: [Item] = []

    func add(_ entry: lily_session_entry) -> Int32 {
      guard let name = entry.key, let stored = Entry(entry) else { return Status.invalidArgument.rawValue }
      var bytes = [UInt8](UnsafeRawBufferPointer(start: name, count: strlen(name)))
      // A key that begins with U+0001 is a scope's, and has it in place of both NULs.
      if bytes.first == 1, let end = bytes.dropFirst().firstIndex(of: 1) {
        bytes[0] = 0
        bytes[end] = 0
      }
      found.append(Item(key: Key(stored: bytes), entry: stored))
      return Status.ok.rawValue
    }

    /// Returns the entries in byte order of their keys. Those of scopes are among them only if the prefix is a scope's.
    func items(_ prefix: Key) -> [Item] {
      Item.inOrder(found.filter { $0.key.begins(with: prefix) && (prefix.bytes.first == 0 || $0.key.bytes.first != 0) })
    }
  }

  // MARK: border

  private func refuseFork() throws(Failure) {
    if exclusion.isForked { throw Failure(.forked, "the storage was opened before fork") }
  }

  /// Throws if a backend could not tell the key from another one, because U+0001 stands for the NULs of a scope's keys.
  private func refuseReserved(_ key: Key) throws(Failure) {
    let isScoped = key.bytes.first == 0
    let end = key.bytes.dropFirst().firstIndex(of: 0) ?? 0
    guard key.bytes.first != 1, !(isScoped && key.bytes[0..<end].contains(1)) else {
      throw Failure(.invalidArgument, "a backend's key begins with U+0001, or its scope's name contains it")
    }
  }

  /// Throws the failure that a backend returned.
  private func check(_ status: Int32) throws(Failure) {
    if status != 0 { throw failure(status) }
  }

  /// Does so for what an update calls. A dispatch returns these statuses if the message was not applied, and so not for a backend's.
  private func checkForUpdate(_ status: Int32) throws(Failure) {
    let failed = Status(rawValue: status)
    let isOfTheCall = failed == .update || failed == .invalidArgument || failed == .reentrant || failed == .unsupported
    try check(isOfTheCall ? Status.io.rawValue : status)
  }

  /// Returns a failure with the backend's status, or with IO if the header has no such status.
  private func failure(_ status: Int32) -> Failure {
    Failure(cName(of: Status(rawValue: status)) == nil ? .io : Status(rawValue: status), "the backend failed")
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
  private static func spell(_ key: Key) -> [UInt8] { key.bytes.map { $0 == 0 ? 1 : $0 } + [0] }

  /// Calls `body` with a key as the host sees it, or with NULL.
  private func spelled<R>(_ key: Key?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    guard let key else { return body(nil) }
    return HostBackend.spell(key).withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
  }
}

extension Entry {
  init?(_ entry: lily_session_entry) {
    guard let json = entry.json, entry.length >= 0 else { return nil }
    // A text longer than any value is not read. It counts as an empty text, which is not JSON, so it is refused, too.
    let count = entry.length <= JSONText.valueLimit ? entry.length : 0
    self.init(text: UnsafeRawBufferPointer(start: json, count: count), deadline: max(entry.expires_at_ms, 0), version: entry.version)
  }
}
