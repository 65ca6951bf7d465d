import CLilySession
import CPlatform
import LilySession

@_cdecl("lily_session_map_add")
public func lily_session_map_add(
  _ persistence: OpaquePointer?, _ map: UnsafePointer<lily_session_map>?
) -> lily_session_status {
  withStatus { () throws(Failure) in
    // If this call fails, the context is released before the message is set.
    let owner = map.map(namedMembers).map { Context($0.context, $0.release) }
    guard let map, let owner else { throw Failure(.invalidArgument, "the map is NULL") }
    let given = try readStruct(map)
    let prefix = try keyArgument(given.prefix, limit: Key.fieldLimit)
    guard given.each != nil, given.set != nil else { throw Failure(.invalidArgument, "a map needs each and set", key: prefix) }
    try persistence.object(FieldListHandle.self).list.add(
      MapDefinition(
        prefix: prefix, types: ValueTypes(rawValue: given.types), expiresAfter: given.expires_after_ms, version: given.version,
        binding: HostMap(given, owner: owner)))
  }
}

/// A map as a C host binds it.
struct HostMap: MapBinding {
  typealias Field = HostField

  private let map: lily_session_map
  private let owner: Context

  init(_ map: lily_session_map, owner: Context) {
    self.map = map
    self.owner = owner
  }

  func each(
    _ session: UnsafeMutableRawPointer, _ visit: @escaping (UnsafeRawBufferPointer, NativeValue) -> Int32
  ) -> Int32 {
    let visitor = Visitor(visit)
    defer { withExtendedLifetime(visitor) {} }
    let call: lily_session_map_visit_fn = { visitor, id, value in
      guard let visitor, let id else { return Status.invalidArgument.rawValue }
      let text = UnsafeRawBufferPointer(start: id, count: strnlen(id, Key.idLimit + 1))
      // A NativeValue has the same layout in memory as a lily_session_value; a test compares the two.
      // One that is NULL has no type, so the field fails, and its entry stays: that the map has the id says that it was not removed.
      let native = value.map { UnsafeRawPointer($0).loadUnaligned(as: NativeValue.self) } ?? NativeValue()
      return Unmanaged<Visitor>.fromOpaque(visitor)._withUnsafeGuaranteedRef { $0.visit(text, native) }
    }
    return map.each?(map.context, session, call, Unmanaged.passUnretained(visitor).toOpaque()) ?? Status.callback.rawValue
  }

  func field(_ id: Key) -> (binding: HostField, owner: AnyObject?) {
    let entry = EntryOwner(id, owner)
    return (HostField(entry: entry.id, of: map), entry)
  }
}

/// What a C host passes back to each visit.
private final class Visitor {
  let visit: (UnsafeRawBufferPointer, NativeValue) -> Int32

  init(_ visit: @escaping (UnsafeRawBufferPointer, NativeValue) -> Int32) { self.visit = visit }
}

/// Keeps the id of an entry, with a NUL at its end, and the context of the entry's map.
private final class EntryOwner {
  let id: UnsafeMutablePointer<CChar>
  private let map: Context

  init(_ id: Key, _ map: Context) {
    self.map = map
    let count = id.bytes.count
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count + 1, alignment: 1)
    id.withBytes { if let from = $0.baseAddress { memory.copyMemory(from: from, byteCount: count) } }
    memory.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
    self.id = memory.assumingMemoryBound(to: CChar.self)
  }

  deinit { id.deallocate() }
}
