import CLilySession
import CPlatform
import LilySession

/// What a `lily_session_storage *` points to.
final class StorageHandle: Handle, HandleKind {
  static var mark: UInt32 { 0x4C53_7374 }
  static var invalidMessage: StaticString { "the storage handle has been closed, or is not a storage" }

  let storage: any SessionStorage

  init(_ storage: any SessionStorage) {
    self.storage = storage
    super.init(mark: StorageHandle.mark)
  }
}

@_cdecl("lily_session_storage_open")
public func lily_session_storage_open(
  _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<lily_session_storage_options>?,
  _ out_storage: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  withNewHandle(out_storage) { () throws(Failure) in StorageHandle(try openJournal(path, options)) }
}

@_cdecl("lily_session_storage_open_memory")
public func lily_session_storage_open_memory(
  _ options: UnsafePointer<lily_session_storage_options>?, _ out_storage: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  withNewHandle(out_storage) { () throws(Failure) in
    let options = try readOptions(options)
    try refuseFileOptions(options)
    return StorageHandle(MemoryStorage(clock: clockOption(options), quota: quotaOption(options)))
  }
}

@_cdecl("lily_session_storage_scoped")
public func lily_session_storage_scoped(
  _ parent: OpaquePointer?, _ scope: UnsafePointer<CChar>?, _ out_storage: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  withNewHandle(out_storage) { () throws(Failure) in
    let parent = try parent.object(StorageHandle.self).storage
    return StorageHandle(try ScopedStorage.make(parent, try scopeArgument(scope)))
  }
}

@_cdecl("lily_session_storage_scopes")
public func lily_session_storage_scopes(
  _ storage: OpaquePointer?, _ visit: lily_session_scope_fn?, _ context: UnsafeMutableRawPointer?
) -> lily_session_status {
  var stopped: lily_session_status = 0
  let status = withStatus { () throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    guard let visit else { throw Failure(.invalidArgument, "visit is NULL") }
    for name in try storage.scopes() {
      stopped = withCString(name) { visit(context, $0) }
      guard stopped == 0 else { throw Failure(.callback, "visit stopped the walk") }
    }
  }
  return stopped != 0 ? stopped : status
}

@_cdecl("lily_session_storage_sweep")
public func lily_session_storage_sweep(
  _ storage: OpaquePointer?, _ limit: Int, _ out_removed: UnsafeMutablePointer<Int>?
) -> lily_session_status {
  withStatus { () throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    // In C the limit has no sign, so one that seems negative here is a very large one.
    let removed = try storage.sweep(limit: limit > 0 ? limit : Int.max)
    out_removed?.pointee = removed
  }
}

/// Throws if an option is set that only a file has.
func refuseFileOptions(_ options: lily_session_storage_options) throws(Failure) {
  guard options.application == nil, options.flags == 0, options.durability == Int32(LILY_SESSION_DURABILITY_PROCESS.rawValue) else {
    throw Failure(.invalidArgument, "only a file has an application, flags and a durability")
  }
}

/// Opens the journal at `path`, or at the default place if it is NULL.
func openJournal(
  _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<lily_session_storage_options>?
) throws(Failure) -> Journal {
  let given = try readOptions(options)
  var options = Journal.Options()
  options.isReadOnly = given.flags & Int32(LILY_SESSION_READ_ONLY.rawValue) != 0
  options.isStrict = given.flags & Int32(LILY_SESSION_STRICT.rawValue) != 0
  options.isExclusive = given.flags & Int32(LILY_SESSION_EXCLUSIVE.rawValue) != 0
  options.hasScopeFiles = given.flags & Int32(LILY_SESSION_SCOPE_FILES.rawValue) != 0
  options.closesWithoutSync = given.flags & Int32(LILY_SESSION_NO_SYNC.rawValue) != 0
  options.isPowerDurable = given.durability == Int32(LILY_SESSION_DURABILITY_POWER.rawValue)
  options.quota = quotaOption(given)
  options.clock = clockOption(given)
  guard let path else { return try Journal.open(application: given.application, options: options) }
  return try Journal.open(path: path, options: options)
}

func readOptions(_ options: UnsafePointer<lily_session_storage_options>?) throws(Failure) -> lily_session_storage_options {
  guard let options else { return lily_session_storage_options() }
  let given = try readStruct(options)
  guard [LILY_SESSION_DURABILITY_PROCESS, LILY_SESSION_DURABILITY_POWER].contains(where: { given.durability == Int32($0.rawValue) }) else {
    throw Failure(.invalidArgument, "the durability is unknown")
  }
  let flags = LILY_SESSION_READ_ONLY.rawValue | LILY_SESSION_STRICT.rawValue | LILY_SESSION_EXCLUSIVE.rawValue
    | LILY_SESSION_SCOPE_FILES.rawValue | LILY_SESSION_NO_SYNC.rawValue
  guard given.flags & ~Int32(flags) == 0 else {
    throw Failure(.invalidArgument, "a flag is unknown")
  }
  guard given.quota_bytes >= -1 else { throw Failure(.invalidArgument, "the quota is less than -1") }
  return given
}

func quotaOption(_ options: lily_session_storage_options) -> Int64 {
  switch options.quota_bytes {
  case 0: defaultQuota
  case -1: Int64.max
  default: options.quota_bytes
  }
}

/// Returns the host's clock, or nil if the system's is to be used.
func clockOption(_ options: lily_session_storage_options) -> (@Sendable () -> Int64)? {
  guard let now = options.clock else { return nil }
  nonisolated(unsafe) let context = options.context // the header says that the clock may run on any thread
  return { now(context) }
}

@_cdecl("lily_session_storage_close")
public func lily_session_storage_close(_ storage: OpaquePointer?) {
  storage.take(StorageHandle.self)?.storage.close()
}

@_cdecl("lily_session_storage_path")
public func lily_session_storage_path(_ storage: OpaquePointer?) -> UnsafePointer<CChar>? {
  (try? storage.object(StorageHandle.self))?.storage.cPath
}

@_cdecl("lily_session_storage_get")
public func lily_session_storage_get(
  _ storage: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ out_json: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ out_length: UnsafeMutablePointer<Int>?
) -> lily_session_status {
  withStatus { () throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    let key = try keyArgument(key, limit: Key.storageLimit)
    guard let out_json else { throw Failure(.invalidArgument, "the out parameter is NULL") }
    guard let entry = try getEntry(key, from: storage) else { throw Failure(.notFound, "there is no such key", key: key) }
    try entry.withText { text throws(Failure) in
      out_json.pointee = try copyText(text)
      out_length?.pointee = text.count
    }
  }
}

@_cdecl("lily_session_storage_set")
public func lily_session_storage_set(
  _ storage: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ json: UnsafePointer<CChar>?, _ length: Int, _ expires_at_ms: Int64
) -> lily_session_status {
  withStatus { () throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    let key = try keyArgument(key, limit: Key.storageLimit)
    guard let json, length >= 0 else { throw Failure(.invalidArgument, "the text is NULL, or its length is negative", key: key) }
    let change = try EntryChange(key, to: UnsafeRawBufferPointer(start: json, count: length), deadline: expires_at_ms)
    try writeEntries([change], to: storage)
  }
}

@_cdecl("lily_session_storage_remove")
public func lily_session_storage_remove(_ storage: OpaquePointer?, _ key: UnsafePointer<CChar>?) -> lily_session_status {
  withStatus { () throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    try writeEntries([try EntryChange(try keyArgument(key, limit: Key.storageLimit), to: nil)], to: storage)
  }
}

@_cdecl("lily_session_storage_write")
public func lily_session_storage_write(
  _ storage: OpaquePointer?, _ entries: UnsafePointer<lily_session_entry>?, _ count: Int
) -> lily_session_status {
  withStatus { () throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    guard count >= 0, count == 0 || entries != nil else { throw Failure(.invalidArgument, "the entries are NULL, or their number is negative") }
    var changes: [EntryChange] = []
    for entry in UnsafeBufferPointer(start: entries, count: count) {
      let key = try keyArgument(entry.key, limit: Key.storageLimit)
      guard entry.length >= 0 else { throw Failure(.invalidArgument, "the length of a text is negative", key: key) }
      let text = entry.json.map { UnsafeRawBufferPointer(start: $0, count: entry.length) }
      changes.append(try EntryChange(key, to: text, deadline: entry.expires_at_ms, version: entry.version))
    }
    try writeEntries(changes, to: storage)
  }
}

@_cdecl("lily_session_storage_modify")
public func lily_session_storage_modify(
  _ storage: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ modify: lily_session_modify_fn?, _ context: UnsafeMutableRawPointer?
) -> lily_session_status {
  withModification(modify, context) { change throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    let key = try keyArgument(key, limit: Key.storageLimit)
    try modifyEntry(key, in: storage) { stored throws(Failure) in
      let new = try change(stored.map { .json($0) })
      guard new.types == .json, new.length >= 0 else { throw Failure(.encode, "modify gave no JSON text", key: key) }
      return new.text
    }
  }
}

@_cdecl("lily_session_storage_each")
public func lily_session_storage_each(
  _ storage: OpaquePointer?, _ prefix: UnsafePointer<CChar>?, _ visit: lily_session_item_fn?, _ context: UnsafeMutableRawPointer?
) -> lily_session_status {
  var stopped: lily_session_status = 0
  let status = withStatus { () throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    let prefix = try prefixArgument(prefix)
    guard let visit else { throw Failure(.invalidArgument, "visit is NULL") }
    for item in try listEntries(prefix, of: storage) {
      stopped = try item.entry.withText { text throws(Failure) in
        withCString(item.key) { visit(context, $0, text.baseAddress?.assumingMemoryBound(to: CChar.self), text.count, item.entry.deadline) }
      }
      guard stopped == 0 else { throw Failure(.callback, "visit stopped the walk", key: item.key) }
    }
  }
  return stopped != 0 ? stopped : status
}

/// Calls `body` with a key as a C string, which lives for the call.
func withCString<R>(_ key: Key, _ body: (UnsafePointer<CChar>?) -> R) -> R {
  (key.bytes + [0]).withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
}

@_cdecl("lily_session_storage_sync")
public func lily_session_storage_sync(_ storage: OpaquePointer?) -> lily_session_status {
  withStatus { () throws(Failure) in
    if let notRewritten = try storage.object(StorageHandle.self).storage.sync() { throw notRewritten }
  }
}

@_cdecl("lily_session_storage_fd")
public func lily_session_storage_fd(_ storage: OpaquePointer?) -> Int32 {
  (try? storage.object(StorageHandle.self))?.storage.descriptor ?? -1
}

@_cdecl("lily_session_storage_info")
public func lily_session_storage_info(
  _ storage: OpaquePointer?, _ out_info: UnsafeMutablePointer<lily_session_info>?
) -> lily_session_status {
  withStatus { () throws(Failure) in
    let storage = try storage.object(StorageHandle.self).storage
    guard let out_info else { throw Failure(.invalidArgument, "the out parameter is NULL") }
    var report = try readStruct(UnsafePointer(out_info), smallest: 9 * MemoryLayout<Int>.size) // without `directory_is_open`
    let info = try storage.info()
    report.path = storage.cPath
    report.entries = Int64(info.entries)
    report.live_bytes = info.liveBytes
    report.quota_bytes = info.quota == Int64.max ? -1 : info.quota
    report.file_bytes = info.fileBytes
    report.damaged_lines = Int64(info.damagedLines)
    report.last_compaction_ms = info.lastCompaction
    report.durability = Int32((info.isPowerDurable ? LILY_SESSION_DURABILITY_POWER : LILY_SESSION_DURABILITY_PROCESS).rawValue)
    report.owes_sync = info.owesSync ? 1 : 0
    report.directory_is_open = info.directoryIsOpen ? 1 : 0
    memcpy(out_info, &report, min(report.size, MemoryLayout<lily_session_info>.size))
  }
}
