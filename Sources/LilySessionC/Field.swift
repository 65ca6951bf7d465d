import CLilySession
import CPlatform
import LilySession

/// What a `lily_session_persistence *` points to.
final class FieldListHandle: Handle, HandleKind {
  static var mark: UInt32 { 0x4C53_666C }
  static var invalidMessage: StaticString { "the list of fields has been freed, or the handle is not a list of fields" }

  let list = FieldList<HostField>()

  init() { super.init(mark: FieldListHandle.mark) }
}

@_cdecl("lily_session_persistence_new")
public func lily_session_persistence_new() -> OpaquePointer? {
  _ = succeed()
  return newHandle(FieldListHandle())
}

@_cdecl("lily_session_persistence_free")
public func lily_session_persistence_free(_ persistence: OpaquePointer?) {
  _ = persistence.take(FieldListHandle.self)
}

@_cdecl("lily_session_field_add")
public func lily_session_field_add(
  _ persistence: OpaquePointer?, _ field: UnsafePointer<lily_session_field>?
) -> lily_session_status {
  withStatus { () throws(Failure) in
    guard let field else { throw Failure(.invalidArgument, "the field is NULL") }
    try addFields(field, 1, to: persistence)
  }
}

@_cdecl("lily_session_fields_add")
public func lily_session_fields_add(
  _ persistence: OpaquePointer?, _ fields: UnsafePointer<lily_session_field>?, _ count: Int
) -> lily_session_status {
  withStatus { () throws(Failure) in try addFields(fields, count, to: persistence) }
}

/// Adds all fields of a table to a list of the host's, or none of them.
private func addFields(_ fields: UnsafePointer<lily_session_field>?, _ count: Int, to persistence: OpaquePointer?) throws(Failure) {
  let new = try definitions(fields, count) // before the list is looked at, so that a failure there releases the contexts, too
  try persistence.object(FieldListHandle.self).list.add(new)
}

/// Makes the fields of a table. On failure the contexts of all of them are released.
func definitions(_ fields: UnsafePointer<lily_session_field>?, _ count: Int) throws(Failure) -> [FieldDefinition<HostField>] {
  guard count >= 0, count == 0 || fields != nil else { throw Failure(.invalidArgument, "the fields are NULL, or their number is negative") }
  guard count > 0, let fields else { return [] }
  // The elements have the size that the struct has for the host, which each of them tells. Where one tells another, the table's end or its
  // beginning is not what it seems, so nothing from there on is looked at.
  let size = UnsafeRawPointer(fields).load(as: Int.self)
  let isSize = size >= smallestField && size <= 4096 && size % MemoryLayout<Int>.size == 0
  var table = [fields]
  while table.count < count, isSize {
    let next = (UnsafeRawPointer(fields) + table.count &* size).assumingMemoryBound(to: lily_session_field.self)
    if next.pointee.size != size { break }
    table.append(next)
  }
  // Each is released when the last list and session that have the field let go of it; on failure before the call's message is set.
  let owners = table.map { field in
    let named = namedMembers(field)
    return Context(named.context, named.release)
  }
  guard table.count == count else {
    throw Failure(.invalidArgument, "the `size` member of a field is not set, or is not that of the first; use LILY_SESSION_FIELD_INIT")
  }
  var definitions: [FieldDefinition<HostField>] = []
  for (field, owner) in zip(table, owners) {
    let given = try readField(field)
    let key = try keyArgument(given.key, limit: Key.fieldLimit)
    definitions.append(
      try FieldDefinition(
        key: key, types: ValueTypes(rawValue: given.types), expiresAfter: given.expires_after_ms, version: given.version,
        formerKeys: try formerKeys(given.former_keys), binding: try HostField(given, key: key, owner: owner), owner: owner))
  }
  return definitions
}

/// A field as a C host binds it: by two callbacks, or to a member of a struct. Nothing in it is reference-counted, so a copy costs nothing.
struct HostField: FieldBinding {
  typealias Session = UnsafeMutableRawPointer
  typealias Visited = NativeValue
  typealias Map = HostMap

  private let get: lily_session_get_fn?
  private let set: lily_session_set_fn?
  private let migrate: lily_session_migrate_fn?
  private let context: UnsafeMutableRawPointer?
  private let types: ValueTypes
  private let member: Member
  /// The id of the entry, if the field is a map's. It lives as long as the field's owner.
  private var id: UnsafePointer<CChar>?
  private var setEntry: lily_session_map_set_fn?

  /// - Parameter owner: keeps what the field needs of the host's struct.
  init(_ field: lily_session_field, key: Key, owner: Context) throws(Failure) {
    get = field.get
    set = field.set
    migrate = field.migrate
    context = field.context
    types = ValueTypes(rawValue: field.types)
    if field.get == nil, field.set == nil, field.member_shape != 0 || field.member_type > Int32(LILY_SESSION_MEMBER_STRING.rawValue) {
      member = Member(rich: try owner.keep(field, key: key))
      return
    }
    member = Member(type: lily_session_member_type(UInt32(bitPattern: field.member_type)), offset: field.member_offset, size: field.member_size)
    let hasCallbacks = field.get != nil && field.set != nil && member.type == LILY_SESSION_MEMBER_NONE
    guard hasCallbacks || field.get == nil && field.set == nil && member.fits(types) else {
      throw Failure(.invalidArgument, "a field needs get and set, or a member whose type and size are known", key: key)
    }
  }

  /// Binds the entry of a map.
  init(entry id: UnsafePointer<CChar>, of map: lily_session_map) {
    (get, set, migrate, context) = (nil, nil, map.migrate, map.context)
    types = ValueTypes(rawValue: map.types)
    member = Member(type: LILY_SESSION_MEMBER_NONE, offset: 0, size: 0)
    self.id = id
    setEntry = map.set
  }

  var migrates: Bool { migrate != nil }
  func makeBaseline() -> NativeBaseline { NativeBaseline() }
  func copy(_ baseline: NativeBaseline) -> NativeBaseline { baseline.copy() }
  func dispose(_ baseline: inout NativeBaseline) { baseline.dispose() }
  func empty(_ baseline: inout NativeBaseline) { baseline.dispose() }
  func isEmpty(_ baseline: NativeBaseline) -> Bool { baseline.isEmpty }
  func append(_ baseline: NativeBaseline, to buffer: ByteBuffer) throws(Failure) { try baseline.append(to: buffer) }

  @inline(__always)
  func capture(_ session: UnsafeMutableRawPointer, _ baseline: inout NativeBaseline) -> Capture {
    var value = NativeValue()
    if let get {
      // A NativeValue has the same layout in memory as a lily_session_value; a test compares the two.
      let code = withUnsafeMutableBytes(of: &value) { memory in
        get(context, session, memory.baseAddress?.assumingMemoryBound(to: lily_session_value.self))
      }
      guard code == 0 else { return .callbackFailed(code) }
    } else {
      guard let loaded = member.load(from: session) else { return HostField.captureRich(member.rich, session, &baseline, types) }
      value = loaded
    }
    return baseline.capture(value, types: types)
  }

  @inline(__always)
  func capture(visited: NativeValue, _ baseline: inout NativeBaseline) -> Capture { baseline.capture(visited, types: types) }

  /// Captures a member that is not plain, or that is an array of characters without a NUL. This is not a method, because the loop over all fields
  /// would then copy each of them for it.
  @inline(never)
  private static func captureRich(
    _ member: RichMember?, _ session: UnsafeMutableRawPointer, _ baseline: inout NativeBaseline, _ types: ValueTypes
  ) -> Capture {
    do throws(Failure) {
      guard let member else { throw Member.isEndless }
      return try member.capture(session, &baseline, types)
    } catch { return .unencodable(error.reason) }
  }

  func set(_ value: NativeValue, in session: inout UnsafeMutableRawPointer) -> Int32 {
    if id != nil { return setEntry(to: value, in: session) }
    guard let set else { return member.rich?.store(value, in: session) ?? member.store(value, in: session) }
    var value = value
    return withUnsafeMutableBytes(of: &value) { memory in
      set(context, session, UnsafePointer(memory.baseAddress?.assumingMemoryBound(to: lily_session_value.self)))
    }
  }
}

extension HostField {
  func restore(_ baseline: NativeBaseline, in session: inout UnsafeMutableRawPointer) -> Int32 {
    if baseline.isEmpty, id != nil { return setEntry(to: nil, in: session) }
    return set(baseline.value, in: &session)
  }

  /// Sets the entry of a map, or removes it if the value is nil.
  @inline(never)
  private func setEntry(to value: NativeValue?, in session: UnsafeMutableRawPointer) -> Int32 {
    guard let setEntry else { return Status.callback.rawValue }
    guard var value else { return setEntry(context, session, id, nil) }
    return withUnsafeMutableBytes(of: &value) { memory in
      setEntry(context, session, id, UnsafePointer(memory.baseAddress?.assumingMemoryBound(to: lily_session_value.self)))
    }
  }

  func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32? {
    guard let migrate else { return nil }
    var stored = stored
    var value = NativeValue()
    let code = withUnsafeMutableBytes(of: &value) { out in
      withUnsafeMutableBytes(of: &stored) { stored in
        migrate(
          context, version, UnsafePointer(stored.baseAddress?.assumingMemoryBound(to: lily_session_value.self)),
          out.baseAddress?.assumingMemoryBound(to: lily_session_value.self))
      }
    }
    guard code == 0 else { return code }
    var copy = NativeBaseline() // capturing the value checks it, and ends its text with a NUL
    defer { copy.dispose() }
    guard case .changed = copy.capture(value, types: types) else { return Status.decode.rawValue }
    return body(copy.value)
  }
}

/// The size of the struct without `member_shape` and what follows it.
private var smallestField: Int { 14 * MemoryLayout<Int>.size }

/// Reads a field of the host's.
@inline(never)
func readField(_ field: UnsafePointer<lily_session_field>) throws(Failure) -> lily_session_field {
  try readStruct(field, smallest: smallestField)
}

/// Reads a list of field keys, which ends with NULL.
private func formerKeys(_ list: UnsafePointer<UnsafePointer<CChar>?>?) throws(Failure) -> [Key] {
  var keys: [Key] = []
  guard var at = list else { return keys }
  while let text = at.pointee {
    keys.append(try keyArgument(text, limit: Key.fieldLimit))
    at += 1
  }
  return keys
}
