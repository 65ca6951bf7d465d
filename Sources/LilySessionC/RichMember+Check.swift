import CLilySession
import CPlatform
import LilySession

/// Checks what the host says of a member, so that nothing else has to.
extension RichMember {
  /// Throws if the member is described wrongly, or is not within the struct, of which `room` is the size.
  func check(within room: Int, depth: Int) throws(Failure) {
    guard depth < 16 else { throw Failure(.invalidArgument, "structs nest deeper than 16 levels") }
    let member = field.pointee
    let types = isList ? .json : isPointer || shape == LILY_SESSION_SHAPE_OPTIONAL ? valueTypes.union(.null) : valueTypes
    guard !types.isEmpty, member.types == types.rawValue else {
      throw Failure(.invalidArgument, "a member's type is unknown, or not that of the field's `types`")
    }
    guard isWithin(room, member.member_offset, member.member_size), isShaped(room) else {
      throw Failure(.invalidArgument, "a member's shape is unknown or does not fit its sizes, or the member is not within its struct")
    }
    guard hasValueSize else { throw Failure(.invalidArgument, "a member's size is not that of its type") }
    if type == LILY_SESSION_MEMBER_ENUM { try checkNames() }
    if isStruct { try checkMembers(depth) }
  }

  private func isWithin(_ room: Int, _ offset: Int, _ size: Int) -> Bool {
    offset >= 0 && size > 0 && size <= room && offset <= room &- size
  }

  /// Returns true if the shape is known, and what it needs is there.
  private func isShaped(_ room: Int) -> Bool {
    let member = field.pointee
    let besideSize = member.member_beside_size
    let isPointerSize = size == MemoryLayout<UnsafeRawPointer?>.size
    let hasRoom = member.member_value_size > 0 && member.member_value_size < 1 << 30
    let hasBeside = isWithin(room, member.member_beside_offset, besideSize) && besideSize <= 8 && besideSize.nonzeroBitCount == 1
    switch shape {
    case LILY_SESSION_SHAPE_ONE: return besideSize == 0
    case LILY_SESSION_SHAPE_OPTIONAL: return hasBeside && besideSize == 1
    case LILY_SESSION_SHAPE_POINTER: return hasRoom && isPointerSize && besideSize == 0
    case LILY_SESSION_SHAPE_ARRAY: return hasRoom && size % valueSize == 0 && besideSize == 0
    case LILY_SESSION_SHAPE_LIST: return hasRoom && size % valueSize == 0 && hasBeside && Int64(capacity) <= valueBits(besideSize, isSigned: false)
    case LILY_SESSION_SHAPE_GROWING: return hasRoom && isPointerSize && hasBeside
    default: return false
    }
  }

  /// The types of one value; empty if the member's type is unknown.
  var valueTypes: ValueTypes {
    switch type {
    case LILY_SESSION_MEMBER_BOOL: .bool
    case LILY_SESSION_MEMBER_INT32, LILY_SESSION_MEMBER_INT64: .int
    case LILY_SESSION_MEMBER_DOUBLE, LILY_SESSION_MEMBER_FLOAT: .real
    case LILY_SESSION_MEMBER_CHARS, LILY_SESSION_MEMBER_ENUM: .string
    case LILY_SESSION_MEMBER_STRING: [.string, .null]
    case LILY_SESSION_MEMBER_STRUCT: .json
    default: integerForm(type) != nil ? .int : []
    }
  }

  private var hasValueSize: Bool {
    switch type {
    case LILY_SESSION_MEMBER_STRUCT: return true
    case LILY_SESSION_MEMBER_FLOAT: return valueSize == MemoryLayout<Float>.size
    case LILY_SESSION_MEMBER_ENUM: return valueSize <= 8 && valueSize.nonzeroBitCount == 1
    default: return integerForm(type).map { $0.size == valueSize } ?? Member(type: type, offset: 0, size: valueSize).fits(valueTypes)
    }
  }

  private func checkNames() throws(Failure) {
    var count: Int64 = 0
    while let name = name(of: count) {
      _ = try keyArgument(name, limit: Key.fieldLimit)
      count &+= 1
    }
    guard count > 0, count &- 1 <= valueBits(valueSize, isSigned: true) else {
      throw Failure(.invalidArgument, "an enum has no names, or more than its integer has values")
    }
  }

  private func checkMembers(_ depth: Int) throws(Failure) {
    let count = field.pointee.member_field_count
    guard let first = field.pointee.member_fields, (1...4096).contains(count),
      first.pointee.size >= MemoryLayout<lily_session_field>.size, first.pointee.size <= 4096
    else {
      throw Failure(.invalidArgument, "a struct has no fields, or the `size` member of its first field is not set")
    }
    for index in 0..<count {
      let member = member(index)
      // All have the size of the first, so that none is read past the table's end.
      guard member.field.pointee.size == first.pointee.size else {
        throw Failure(.invalidArgument, "the fields of a struct have different sizes")
      }
      let given = try readField(member.field)
      _ = try keyArgument(given.key, limit: Key.fieldLimit)
      guard given.get == nil, given.set == nil, given.migrate == nil, given.release == nil, given.former_keys == nil,
        given.expires_after_ms == 0, given.version == 0
      else { throw Failure(.invalidArgument, "a field of a struct has callbacks, an expiry, a version or former keys") }
      for other in 0..<index where strcmp(self.member(other).field.pointee.key, given.key) == 0 {
        throw Failure(.invalidArgument, "two fields of a struct have the same key")
      }
      try member.check(within: valueSize, depth: depth &+ 1)
    }
  }
}
