import CLilySession
import CPlatform
import LilySession

/// Sets members of structs to stored values.
extension RichMember {
  /// Sets the member. Returns 0, or the status that says why not; then nothing of the host's has changed, and no memory was kept.
  //
  // The value is decoded into a copy of the member. The new memory is then what pointers in the copy point to and those in the member do not.
  @inline(never)
  func store(_ value: NativeValue, in session: UnsafeMutableRawPointer) -> Int32 {
    let host = place(in: session)
    let besideSize = field.pointee.member_beside_size
    let (copied, text, room) = (ByteBuffer(), ByteBuffer(), ByteBuffer())
    do throws(Failure) {
      copied.append(UnsafeRawBufferPointer(start: host.member, count: size))
      copied.append(UnsafeRawBufferPointer(start: host.beside, count: besideSize))
      let copy = Place(member: UnsafeMutableRawPointer(copied.start), beside: UnsafeMutableRawPointer(copied.start + size))
      try value.append(to: text, isCompact: true)
      room.resize(to: text.count)
      do throws(Failure) { try decode(JSON.Parsed(text: text.bytes), UnsafeMutableRawPointer(room.start), into: copy) } catch {
        release(copy, keeping: host, all: true)
        throw error
      }
      release(host, keeping: copy, all: false)
      memcpy(host.member, copy.member, size)
      memcpy(host.beside, copy.beside, besideSize)
      return 0
    } catch { return error.status.rawValue }
  }

  private static var refusal: Failure { Failure(.decode, "the member cannot hold the stored value") }

  /// - Parameter room: has room for any string of the text.
  private func decode(_ text: JSON.Parsed, _ room: UnsafeMutableRawPointer, into at: Place) throws(Failure) {
    var count = 1
    var next: UnsafeMutableRawPointer? = at.member
    if isList {
      guard text.isArray else { throw RichMember.refusal }
      count = 0
      var items = text.items
      while items.next() != nil { count &+= 1 }
      guard count <= (isPointer ? Int(truncatingIfNeeded: valueBits(field.pointee.member_beside_size, isSigned: true)) : capacity) else {
        throw RichMember.refusal
      }
      // The values that are dropped, too, so that lists in them that grow are freed.
      if shape == LILY_SESSION_SHAPE_LIST { memset(at.member, 0, max(count, (try? values(at))?.count ?? 0) &* valueSize) }
    } else if text.isNull, shape != LILY_SESSION_SHAPE_ONE {
      count = 0
      if isStruct, !isPointer { memset(at.member, 0, size) } // lists in it that grow are freed
    }
    if isPointer {
      let old = at.member.loadUnaligned(as: UnsafeRawPointer?.self)
      next = try allocate(count, at.member)
      if !isList, let old, let next { memcpy(next, old, valueSize) }
    }
    if field.pointee.member_beside_size > 0 { storeInteger(Int64(count), at.beside, field.pointee.member_beside_size) }
    guard count > 0, var value = next else { return }
    guard isList else { return try decodeValue(text, room, into: value) }
    var items = text.items
    while let item = items.next() {
      try decodeValue(item.value, room, into: value)
      value += valueSize
    }
  }

  @inline(never)
  private func decodeValue(_ text: JSON.Parsed, _ room: UnsafeMutableRawPointer, into at: UnsafeMutableRawPointer) throws(Failure) {
    guard isStruct else {
      guard let value = try text.value(as: valueTypes, room) else { throw RichMember.refusal }
      let code = store(value, at)
      if code != 0 { throw Failure(Status(rawValue: code), "the member cannot hold the stored value") }
      return
    }
    guard text.isObject else { throw RichMember.refusal }
    var items = text.items
    while let item = items.next() {
      let name = item.name.string(room)
      for index in 0..<field.pointee.member_field_count {
        let member = member(index)
        if RichMember.text(member.field.pointee.key, is: name) {
          try member.decode(item.value, room, into: member.place(in: at))
          break // the name was in the room, where a string of the value may be now
        }
      }
    }
  }

  /// Returns true if the C string is this text.
  @inline(never)
  private static func text(_ string: UnsafePointer<CChar>?, is text: UnsafeRawBufferPointer) -> Bool {
    guard let string, strlen(string) == text.count, let start = text.baseAddress else { return false }
    return memcmp(string, start, text.count) == 0
  }

  /// Sets a value that is not a struct. Returns 0, or the status that says why not.
  private func store(_ value: NativeValue, _ at: UnsafeMutableRawPointer) -> Int32 {
    let refused = Status.decode.rawValue
    if let (size, isSigned) = integerForm(type) {
      let most = valueBits(size, isSigned: isSigned)
      guard value.int <= most, value.int >= (isSigned ? -most &- 1 : 0) else { return refused }
      storeInteger(value.int, at, size)
      return 0
    }
    switch type {
    case LILY_SESSION_MEMBER_FLOAT:
      let float = Float(value.real)
      guard float.isFinite else { return refused }
      storeInteger(Int64(float.bitPattern), at, MemoryLayout<Float>.size)
      return 0
    case LILY_SESSION_MEMBER_ENUM:
      var number: Int64 = 0
      while let name = name(of: number) {
        if RichMember.text(name, is: value.text) {
          storeInteger(number, at, valueSize)
          return 0
        }
        number &+= 1
      }
      return refused
    default: return Member(type: type, offset: 0, size: valueSize).store(value, in: at)
    }
  }

  // MARK: memory behind pointers

  /// Makes a pointer point to new memory for this many values, which is zero. Returns it, or nil if there are no values.
  private func allocate(_ count: Int, _ pointer: UnsafeMutableRawPointer) throws(Failure) -> UnsafeMutableRawPointer? {
    let size = count &* valueSize
    var memory: UnsafeMutableRawPointer?
    if count > 0 {
      memory = if let resize = field.pointee.member_resize { resize(field.pointee.context, nil, size) } else { malloc(size) }
      guard let memory else { throw JSON.noMemory }
      memset(memory, 0, size)
    }
    pointer.storeBytes(of: memory, as: UnsafeMutableRawPointer?.self)
    return memory
  }

  /// Frees what pointers of the member point to, unless they are the same in a copy of it.
  ///
  /// - Parameter all: If false, frees nothing but lists that grow, with all that is in them: strings and other pointers belong to the host.
  @inline(never)
  private func release(_ at: Place, keeping copy: Place?, all: Bool) {
    guard let (start, count) = try? values(at), let first = start else { return }
    var other = copy?.member
    var all = all
    if isPointer {
      other = other?.loadUnaligned(as: UnsafeMutableRawPointer?.self)
      if first == other { return }
      if isList { (other, all) = (nil, true) }
      if !all { return }
    }
    for at in 0..<count {
      let value = first + at &* valueSize
      let kept = other.map { $0 + at &* valueSize }
      if isStruct {
        for index in 0..<field.pointee.member_field_count {
          let member = member(index)
          member.release(member.place(in: value), keeping: kept.map { member.place(in: $0) }, all: all)
        }
      } else if all, type == LILY_SESSION_MEMBER_STRING {
        let text = value.loadUnaligned(as: UnsafeMutablePointer<CChar>?.self)
        if let text, text != kept?.loadUnaligned(as: UnsafeMutablePointer<CChar>?.self) {
          platform_wipe(text, strlen(text)) // it may be a secret
          free(text)
        }
      }
    }
    if isPointer {
      platform_wipe(first, count &* valueSize)
      if let resize = field.pointee.member_resize { _ = resize(field.pointee.context, first, 0) } else { free(first) }
    }
  }
}
