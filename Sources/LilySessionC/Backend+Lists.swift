import CLilySession
import CPlatform
import LilySession

/// Asks a backend for many entries at once: those of a session, all of a prefix, the scopes, or their number.
extension HostBackend {
  /// Reads by the host's `load`, in one call.
  func read(_ keys: [Key], of scope: Scope, by load: lily_session_backend_load_fn) throws(Failure) -> Snapshot {
    let loaded = Loaded(keys.count)
    let visit: lily_session_loaded_fn = { visitor, place, entry in
      guard let visitor, let entry else { return Status.invalidArgument.rawValue }
      return Unmanaged<Loaded>.fromOpaque(visitor).takeUnretainedValue().note(entry.pointee, at: place)
    }
    let strings = ByteBuffer(capacity: 1024)
    var starts: [Int] = []
    starts.reserveCapacity(keys.count)
    for key in keys {
      starts.append(strings.count)
      HostBackend.append(key, to: strings)
    }
    var number: UInt64 = 0
    let status = withExtendedLifetime(strings) {
      let first = strings.bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      let names = starts.map { start in first.map { $0 + start } }
      return call { spelled(scope.session) { load(context, $0, names, names.count, &number, visit, Unmanaged.passUnretained(loaded).toOpaque()) } }
    }
    return try withExtendedLifetime(loaded) { () throws(Failure) in
      try checkForUpdate(status)
      return Snapshot(entries: loaded.entries, generation: number)
    }
  }

  private final class Loaded {
    private(set) var entries: [Entry?]
    private let texts = ByteBuffer()

    init(_ count: Int) { entries = [Entry?](repeating: nil, count: count) }

    func note(_ entry: lily_session_entry, at place: Int) -> Int32 {
      guard entries.indices.contains(place) else { return Status.invalidArgument.rawValue }
      entries[place] = Entry(entry, beside: texts)
      return Status.ok.rawValue
    }
  }

  /// Returns the number of entries, and their bytes.
  func usage() throws(Failure) -> StorageInfo {
    var info = StorageInfo()
    try refuseFork()
    willRead(.none)
    if let usage = table.usage {
      var entries: Int64 = 0
      try check(call { usage(context, &entries, &info.liveBytes) })
      info.entries = Int(truncatingIfNeeded: entries)
      return info
    }
    for item in try walk(Key(stored: []), host.each).found {
      info.entries += 1
      info.liveBytes += Int64(item.key.bytes.count) + Int64(item.entry.textCount)
    }
    return info
  }

  func allScopes() throws(Failure) -> [Scope] {
    guard let scopes = table.scopes else { return try scopesOfEntries(in: self) }
    try refuseFork()
    willRead(.none)
    let names = Names()
    let visit: lily_session_scope_fn = { visitor, name in
      guard let visitor, let name else { return Status.invalidArgument.rawValue }
      return Unmanaged<Names>.fromOpaque(visitor).takeUnretainedValue().add(name)
    }
    let status = call { scopes(context, visit, Unmanaged.passUnretained(names).toOpaque()) }
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
    willRead(prefix.withBytes { Scope(of: $0) })
    let each = prefix.bytes.first == 0 ? host.each : table.each_unscoped ?? host.each
    return try walk(prefix, each)
  }

  private func walk(_ prefix: Key, _ each: lily_session_backend_each_fn) throws(Failure) -> Walk {
    let walk = Walk()
    let visit: lily_session_entry_fn = { visitor, entry in
      guard let visitor, let entry else { return Status.invalidArgument.rawValue }
      return Unmanaged<Walk>.fromOpaque(visitor).takeUnretainedValue().add(entry.pointee)
    }
    let status = call { spelled(prefix) { each(context, $0, visit, Unmanaged.passUnretained(walk).toOpaque()) } }
    try withExtendedLifetime(walk) { () throws(Failure) in try check(status) }
    return walk
  }

  private final class Walk {
    private(set) var found: [Item] = []

    func add(_ entry: lily_session_entry) -> Int32 {
      guard let name = entry.key, entry.length >= 0 else { return Status.invalidArgument.rawValue }
      if entry.json == nil { return Status.ok.rawValue } // what the host cannot read hides no other entry
      var bytes = [UInt8](UnsafeRawBufferPointer(start: name, count: strlen(name)))
      // A key that begins with U+0001 is a scope's, and has it in place of both NULs.
      if bytes.first == 1, let end = bytes.dropFirst().firstIndex(of: 1) {
        bytes[0] = 0
        bytes[end] = 0
      }
      found.append(Item(key: Key(stored: bytes), entry: Entry(entry)))
      return Status.ok.rawValue
    }

    /// Returns the entries in byte order of their keys. Those of scopes are among them only if the prefix is a scope's.
    func items(_ prefix: Key) -> [Item] {
      Item.inOrder(found.filter { $0.key.begins(with: prefix) && (prefix.bytes.first == 0 || $0.key.bytes.first != 0) })
    }
  }
}
