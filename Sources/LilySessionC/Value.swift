import CLilySession
import LilySession

// Access to the union of a value, for languages that have no unions.

@_cdecl("lily_session_value_set_null")
public func lily_session_value_set_null(_ out_value: UnsafeMutablePointer<lily_session_value>?) {
  out_value?.pointee.type = ValueTypes.null.rawValue
}

@_cdecl("lily_session_value_set_bool")
public func lily_session_value_set_bool(_ out_value: UnsafeMutablePointer<lily_session_value>?, _ boolean: Bool) {
  out_value?.pointee.type = ValueTypes.bool.rawValue
  out_value?.pointee.as.boolean = boolean
}

@_cdecl("lily_session_value_set_int")
public func lily_session_value_set_int(_ out_value: UnsafeMutablePointer<lily_session_value>?, _ integer: Int64) {
  out_value?.pointee.type = ValueTypes.int.rawValue
  out_value?.pointee.as.integer = integer
}

@_cdecl("lily_session_value_set_real")
public func lily_session_value_set_real(_ out_value: UnsafeMutablePointer<lily_session_value>?, _ real: Double) {
  out_value?.pointee.type = ValueTypes.real.rawValue
  out_value?.pointee.as.real = real
}

@_cdecl("lily_session_value_set_string")
public func lily_session_value_set_string(
  _ out_value: UnsafeMutablePointer<lily_session_value>?, _ bytes: UnsafePointer<CChar>?, _ length: Int
) {
  setText(out_value, .string, bytes, length)
}

@_cdecl("lily_session_value_set_json")
public func lily_session_value_set_json(
  _ out_value: UnsafeMutablePointer<lily_session_value>?, _ bytes: UnsafePointer<CChar>?, _ length: Int
) {
  setText(out_value, .json, bytes, length)
}

@_cdecl("lily_session_value_get_bool")
public func lily_session_value_get_bool(_ value: UnsafePointer<lily_session_value>?) -> Bool {
  guard let value, value.pointee.type == ValueTypes.bool.rawValue else { return false }
  return value.pointee.as.boolean
}

@_cdecl("lily_session_value_get_int")
public func lily_session_value_get_int(_ value: UnsafePointer<lily_session_value>?) -> Int64 {
  guard let value, value.pointee.type == ValueTypes.int.rawValue else { return 0 }
  return value.pointee.as.integer
}

@_cdecl("lily_session_value_get_real")
public func lily_session_value_get_real(_ value: UnsafePointer<lily_session_value>?) -> Double {
  guard let value, value.pointee.type == ValueTypes.real.rawValue else { return 0 }
  return value.pointee.as.real
}

@_cdecl("lily_session_value_get_string")
public func lily_session_value_get_string(
  _ value: UnsafePointer<lily_session_value>?, _ out_length: UnsafeMutablePointer<Int>?
) -> UnsafePointer<CChar>? {
  text(value, .string, out_length)
}

@_cdecl("lily_session_value_get_json")
public func lily_session_value_get_json(
  _ value: UnsafePointer<lily_session_value>?, _ out_length: UnsafeMutablePointer<Int>?
) -> UnsafePointer<CChar>? {
  text(value, .json, out_length)
}

@inline(never)
private func setText(
  _ value: UnsafeMutablePointer<lily_session_value>?, _ type: ValueTypes, _ bytes: UnsafePointer<CChar>?, _ length: Int
) {
  value?.pointee.type = type.rawValue
  value?.pointee.as.text.bytes = bytes
  value?.pointee.as.text.length = length
}

@inline(never)
private func text(
  _ value: UnsafePointer<lily_session_value>?, _ type: ValueTypes, _ out_length: UnsafeMutablePointer<Int>?
) -> UnsafePointer<CChar>? {
  guard let value, value.pointee.type == type.rawValue, let bytes = value.pointee.as.text.bytes else {
    out_length?.pointee = 0
    return nil
  }
  out_length?.pointee = value.pointee.as.text.length
  return bytes
}
