import CLilySession
import Testing

@testable import LilySession

/// Checks that the core and the header agree on what both define.
@Suite struct BorderTests {
  @Test func `a native value lies in memory as lily_session_value does`() {
    #expect(MemoryLayout<NativeValue>.size == MemoryLayout<lily_session_value>.size)
    #expect(MemoryLayout<NativeValue>.alignment == MemoryLayout<lily_session_value>.alignment)
    #expect(MemoryLayout<NativeValue>.offset(of: \.type) == MemoryLayout<lily_session_value>.offset(of: \.type))
    #expect(MemoryLayout<NativeValue>.offset(of: \.word) == MemoryLayout<lily_session_value>.offset(of: \.as))
    var value = lily_session_value()
    value.as.text.length = 77
    #expect(withUnsafeBytes(of: &value) { $0.load(as: NativeValue.self).length } == 77)
    for (native, type, word) in [(NativeValue.bool(true), LILY_SESSION_BOOL, UInt64(1)), (.int(-1), LILY_SESSION_INT, ~0), (.real(1.5), LILY_SESSION_REAL, 1.5.bitPattern)] {
      #expect(native.type == Int32(type.rawValue))
      #expect(native.word == word)
    }
  }

  @Test func `the types' bits are the header's`() {
    let pairs: [(ValueTypes, lily_session_value_type)] = [
      (.null, LILY_SESSION_NULL), (.bool, LILY_SESSION_BOOL), (.int, LILY_SESSION_INT), (.real, LILY_SESSION_REAL), (.string, LILY_SESSION_STRING),
      (.json, LILY_SESSION_JSON),
    ]
    for (types, bit) in pairs { #expect(types.rawValue == Int32(bit.rawValue)) }
    #expect(pairs.reduce(into: ValueTypes()) { $0.formUnion($1.0) } == .all)
  }

  @Test func `events and states have the header's numbers`() {
    let events: [(Event.Kind, lily_session_event_kind)] = [
      (.rejected, LILY_SESSION_EVENT_REJECTED), (.newer, LILY_SESSION_EVENT_NEWER), (.fieldFailed, LILY_SESSION_EVENT_FIELD_FAILED),
      (.writeFailed, LILY_SESSION_EVENT_WRITE_FAILED), (.damaged, LILY_SESSION_EVENT_DAMAGED), (.directory, LILY_SESSION_EVENT_DIRECTORY),
      (.changed, LILY_SESSION_EVENT_CHANGED), (.removed, LILY_SESSION_EVENT_REMOVED), (.expired, LILY_SESSION_EVENT_EXPIRED),
      (.cleared, LILY_SESSION_EVENT_CLEARED), (.notDurable, LILY_SESSION_EVENT_NOT_DURABLE),
    ]
    for (kind, number) in events { #expect(kind.rawValue == Int32(number.rawValue)) }
    let states: [(FieldState.Stored, lily_session_state)] = [
      (.absent, LILY_SESSION_STATE_ABSENT), (.loaded, LILY_SESSION_STATE_LOADED), (.rejected, LILY_SESSION_STATE_REJECTED),
      (.expired, LILY_SESSION_STATE_EXPIRED), (.migrated, LILY_SESSION_STATE_MIGRATED), (.newer, LILY_SESSION_STATE_NEWER),
    ]
    for (state, number) in states { #expect(state.rawValue == Int32(number.rawValue)) }
  }
}
