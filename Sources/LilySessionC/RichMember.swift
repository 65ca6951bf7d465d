import CLilySession
import CPlatform
import LilySession

/// A member that is more than one plain value: an enum, a struct, an optional value, an array or a list, or a number of a type that is rare.
/// Members of structs are members of this kind themselves, whatever they are.
struct RichMember {
  /// The host's description, which was checked.
  let field: UnsafePointer<lily_session_field>

  /// A struct's size, and the place of a member in it, are below this, so that no sum of them overflows.
  static var sizeLimit: Int { 1 << 40 }

  var type: lily_session_member_type { lily_session_member_type(UInt32(bitPattern: field.pointee.member_type)) }
  var shape: lily_session_member_shape { lily_session_member_shape(UInt32(bitPattern: field.pointee.member_shape)) }
  var isStruct: Bool { type == LILY_SESSION_MEMBER_STRUCT }
  /// True if the member has any number of values, which are stored as an array.
  var isList: Bool { shape.rawValue >= LILY_SESSION_SHAPE_ARRAY.rawValue }
  /// True if the member points to its values.
  var isPointer: Bool { shape == LILY_SESSION_SHAPE_POINTER || shape == LILY_SESSION_SHAPE_GROWING }

  var size: Int { field.pointee.member_size }
  /// The size of one value.
  var valueSize: Int { isList || isPointer ? field.pointee.member_value_size : size }
  /// How many values an array has room for.
  var capacity: Int { valueSize > 0 ? size / valueSize : 0 }

  /// The places of a member and of what is beside it.
  struct Place {
    let member: UnsafeMutableRawPointer
    let beside: UnsafeMutableRawPointer
  }

  func place(in structure: UnsafeMutableRawPointer) -> Place {
    Place(member: structure + field.pointee.member_offset, beside: structure + field.pointee.member_beside_offset)
  }

  /// Returns a member of the struct. `index` must be below `member_field_count`.
  @inline(never)
  func member(_ index: Int) -> RichMember {
    guard let first = field.pointee.member_fields else { return self }
    return RichMember(field: (UnsafeRawPointer(first) + index &* first.pointee.size).assumingMemoryBound(to: lily_session_field.self))
  }

  /// Returns the first value and the number of values. The first is nil if the value is null, or a list that grows has no memory.
  @inline(never)
  func values(_ at: Place) throws(Failure) -> (first: UnsafeMutableRawPointer?, count: Int) {
    let first = isPointer ? at.member.loadUnaligned(as: UnsafeMutableRawPointer?.self) : at.member
    switch shape {
    case LILY_SESSION_SHAPE_OPTIONAL: return (at.beside.load(as: UInt8.self) != 0 ? first : nil, 1)
    case LILY_SESSION_SHAPE_ARRAY: return (first, capacity)
    case LILY_SESSION_SHAPE_LIST, LILY_SESSION_SHAPE_GROWING:
      let count = loadInteger(at.beside, field.pointee.member_beside_size, isSigned: isPointer)
      let most = isPointer ? Int64(RichMember.sizeLimit) : Int64(capacity)
      guard count >= 0, count <= most, count == 0 || first != nil else {
        throw Failure(.encode, "a list's count is not in its range, or the list is NULL")
      }
      return (first, Int(truncatingIfNeeded: count))
    default: return (first, 1)
    }
  }

  /// Returns the name of an enum's value, or nil if it has none.
  func name(of value: Int64) -> UnsafePointer<CChar>? {
    guard value >= 0, var at = field.pointee.member_names else { return nil }
    for _ in 0..<value {
      if at.pointee == nil { return nil }
      at += 1
    }
    return at.pointee
  }
}

// MARK: numbers of any width

/// The bytes of an integer type, and whether it is signed; nil if the type is not a rare integer.
func integerForm(_ type: lily_session_member_type) -> (size: Int, isSigned: Bool)? {
  switch type {
  case LILY_SESSION_MEMBER_INT8: (1, true)
  case LILY_SESSION_MEMBER_INT16: (2, true)
  case LILY_SESSION_MEMBER_UINT8: (1, false)
  case LILY_SESSION_MEMBER_UINT16: (2, false)
  case LILY_SESSION_MEMBER_UINT32: (4, false)
  default: nil
  }
}

/// Returns the bits of an integer that are not the sign's.
func valueBits(_ size: Int, isSigned: Bool) -> Int64 {
  size >= 8 ? Int64.max : (1 &<< (Int64(size) &* 8 &- (isSigned ? 1 : 0))) &- 1
}

@inline(never)
func loadInteger(_ at: UnsafeRawPointer, _ size: Int, isSigned: Bool) -> Int64 {
  let value: Int64
  switch size {
  case 1: value = Int64(at.load(as: Int8.self))
  case 2: value = Int64(at.loadUnaligned(as: Int16.self))
  case 4: value = Int64(at.loadUnaligned(as: Int32.self))
  default: return at.loadUnaligned(as: Int64.self)
  }
  return isSigned ? value : value & valueBits(size, isSigned: false)
}

@inline(never)
func storeInteger(_ value: Int64, _ at: UnsafeMutableRawPointer, _ size: Int) {
  switch size {
  case 1: at.storeBytes(of: Int8(truncatingIfNeeded: value), as: Int8.self)
  case 2: at.storeBytes(of: Int16(truncatingIfNeeded: value), as: Int16.self)
  case 4: at.storeBytes(of: Int32(truncatingIfNeeded: value), as: Int32.self)
  default: at.storeBytes(of: value, as: Int64.self)
  }
}
