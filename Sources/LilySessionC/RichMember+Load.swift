import CLilySession
import CPlatform
import LilySession

/// Reads members of structs, and encodes them.
extension RichMember {
  /// Compares the member with the baseline as `FieldBinding.capture` does. An array, a list or a struct is compared by its JSON text.
  func capture(_ session: UnsafeMutableRawPointer, _ baseline: inout NativeBaseline, _ types: ValueTypes) throws(Failure) -> Capture {
    let at = place(in: session)
    let text = ByteBuffer()
    var value = NativeValue.null
    if isList || isStruct {
      try encode(at, to: text)
      value = .json(text.bytes)
    } else if let first = try values(at).first {
      if type == LILY_SESSION_MEMBER_FLOAT, baseline.value.types == .real, // a float that is the same costs no conversion
        Float(baseline.value.real).bitPattern == first.loadUnaligned(as: UInt32.self)
      { return .same }
      value = try load(first)
    }
    return baseline.capture(value, types: types)
  }

  /// Returns a value that is not a struct.
  private func load(_ at: UnsafeRawPointer) throws(Failure) -> NativeValue {
    if let (size, isSigned) = integerForm(type) { return .int(loadInteger(at, size, isSigned: isSigned)) }
    switch type {
    case LILY_SESSION_MEMBER_FLOAT: return .real(platform_decimal(at.loadUnaligned(as: Float.self)))
    case LILY_SESSION_MEMBER_ENUM:
      guard let name = name(of: loadInteger(at, valueSize, isSigned: true)) else { throw Failure(.encode, "an enum's value has no name") }
      return .string(UnsafeRawBufferPointer(start: name, count: strlen(name)))
    default:
      guard let value = Member(type: type, offset: 0, size: valueSize).load(from: at) else { throw Member.isEndless }
      return value
    }
  }

  /// Appends the member as JSON text.
  func encode(_ at: Place, to text: ByteBuffer) throws(Failure) {
    let (first, count) = try values(at)
    guard isList else {
      guard let first else { return text.append("null") }
      return try encodeValue(first, to: text)
    }
    text.append(UInt8(ascii: "["))
    if let first {
      for index in 0..<count {
        if index > 0 { text.append(UInt8(ascii: ",")) }
        try encodeValue(first + index &* valueSize, to: text)
        guard text.count <= JSONText.valueLimit else { throw Failure(.encode, "the value is longer than 16 MiB") }
      }
    }
    text.append(UInt8(ascii: "]"))
  }

  @inline(never)
  private func encodeValue(_ at: UnsafeMutableRawPointer, to text: ByteBuffer) throws(Failure) {
    guard isStruct else { return try load(at).append(to: text, isCompact: true) }
    for index in 0..<field.pointee.member_field_count {
      let member = member(index)
      text.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
      if let key = member.field.pointee.key {
        try NativeValue.string(UnsafeRawBufferPointer(start: key, count: strlen(key))).append(to: text, isCompact: true)
      }
      text.append(UInt8(ascii: ":"))
      try member.encode(member.place(in: at), to: text)
    }
    text.append(UInt8(ascii: "}"))
  }
}
