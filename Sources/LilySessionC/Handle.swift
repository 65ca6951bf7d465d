import CPlatform
import LilySession

/// What a C handle points to: something of the core, and a mark by which a call tells it from a handle that was given back.
//
// The mark is wiped when the object goes. Whoever reads it then reads freed memory, so this tells of a mistake where it can, until the memory
// serves for something else, and nothing relies on it.
class Handle {
  fileprivate final var mark: UInt32
  /// The function that ends the handle was called. Inside a callback the object lives on until the outermost call returns.
  fileprivate final var isGivenBack = false

  init(mark: UInt32) { self.mark = mark }

  deinit { withUnsafeMutableBytes(of: &mark) { platform_wipe($0.baseAddress, $0.count) } }
}

/// A kind of handle.
protocol HandleKind: Handle {
  static var mark: UInt32 { get }
  static var isNone: StaticString { get }
}

/// A handle, with a reference of its own.
func handle(_ object: Handle) -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(object).toOpaque()) }

/// The handle, if it has this mark.
@inline(never)
private func validated(_ handle: OpaquePointer?, _ mark: UInt32, _ isNone: StaticString) throws(Failure) -> UnsafeRawPointer {
  guard let handle else { throw Failure(.invalidArgument, "a handle is NULL") }
  let object = UnsafeRawPointer(handle)
  guard Unmanaged<Handle>.fromOpaque(object)._withUnsafeGuaranteedRef({ $0.mark == mark }) else { throw Failure(.invalidArgument, isNone) }
  return object
}

extension Optional where Wrapped == OpaquePointer {
  /// The object behind a handle, retained for as long as the caller uses it.
  func object<Kind: HandleKind>(_ kind: Kind.Type) throws(Failure) -> Kind {
    Unmanaged<Kind>.fromOpaque(try validated(self, Kind.mark, Kind.isNone)).takeUnretainedValue()
  }

  /// The object and the handle's own reference to it, for the function that ends the handle; nil if it was called before.
  func take<Kind: HandleKind>(_ kind: Kind.Type) -> Kind? {
    guard let object = try? self.object(kind), !object.isGivenBack else { return nil }
    object.isGivenBack = true
    return self.map { Unmanaged<Kind>.fromOpaque(UnsafeRawPointer($0)).takeRetainedValue() }
  }
}
