/// Calls `body` with memory on the stack, which lives for the call.
///
/// The error goes through a `Result`, because `withUnsafeTemporaryAllocation` of Swift 6.2 forgets its type.
@inline(__always)
func withStackMemory<R>(
  _ byteCount: Int, alignment: Int = 1, _ body: (UnsafeMutableRawPointer) throws(Failure) -> R
) throws(Failure) -> R {
  let result: Result<R, Failure> = withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: alignment) { memory in
    guard let start = memory.baseAddress else { return .failure(JSON.noMemory) }
    do throws(Failure) { return .success(try body(start)) } catch { return .failure(error) }
  }
  return try result.get()
}
