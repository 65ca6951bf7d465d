import CPlatform
import LilySession

/// What a C handle points to: an object of the core, and a mark by which a call recognises a handle that was given back.
//
// The mark is wiped when the object is freed. A call that looks at it after that reads freed memory: it detects the mistake only until the
// memory is reused. So nothing relies on it.
class Handle {
  fileprivate final var mark: UInt32
  /// True once the function that ends the handle was called. Inside a callback the object lives on until the outermost call returns.
  fileprivate final var isGivenBack = false

  init(mark: UInt32) { self.mark = mark }

  /// Returns true if this is a handle of this kind. Nothing else of the object may be looked at before.
  @inline(__always)
  final func isOf<Kind: HandleKind>(_ kind: Kind.Type) -> Bool { mark == Kind.mark }

  deinit { withUnsafeMutableBytes(of: &mark) { platform_wipe($0.baseAddress, $0.count) } }
}

/// A kind of handle, with its mark and the message for a handle that is not of this kind or was given back.
protocol HandleKind: Handle {
  static var mark: UInt32 { get }
  static var invalidMessage: StaticString { get }
}

/// Makes a handle, which holds a reference of its own to the object.
func newHandle(_ object: Handle) -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(object).toOpaque()) }

/// Returns the address behind the handle, if its object has this mark.
@inline(never)
private func validated(_ handle: OpaquePointer?, _ mark: UInt32, _ invalidMessage: StaticString) throws(Failure) -> UnsafeRawPointer {
  guard let handle else { throw Failure(.invalidArgument, "a handle is NULL") }
  let object = UnsafeRawPointer(handle)
  guard Unmanaged<Handle>.fromOpaque(object)._withUnsafeGuaranteedRef({ $0.mark == mark }) else { throw Failure(.invalidArgument, invalidMessage) }
  return object
}

extension Optional where Wrapped == OpaquePointer {
  /// Returns the object behind a handle, retained for as long as the caller uses it.
  func object<Kind: HandleKind>(_ kind: Kind.Type) throws(Failure) -> Kind {
    Unmanaged<Kind>.fromOpaque(try validated(self, Kind.mark, Kind.invalidMessage)).takeUnretainedValue()
  }

  /// Returns the object and takes over the handle's own reference to it, for the function that ends the handle. Returns nil if the handle
  /// is not valid or was given back already.
  func take<Kind: HandleKind>(_ kind: Kind.Type) -> Kind? {
    guard let object = try? self.object(kind), !object.isGivenBack else { return nil }
    object.isGivenBack = true
    return self.map { Unmanaged<Kind>.fromOpaque(UnsafeRawPointer($0)).takeRetainedValue() }
  }
}
