#if !hasFeature(Embedded)
  internal import Dispatch

  extension Storage {
    /// Returns a sequence with an element each time that somebody may have changed what is stored, from this call on. Call
    /// ``Session/refresh()`` for each.
    ///
    /// ```swift
    /// for await _ in try storage.changes() { try session.refresh() }
    /// ```
    ///
    /// An element may come without a change, and several changes may give one element. Elements keep coming until each session of the
    /// storage has refreshed or, if there are no sessions, until the storage was read. The sequence ends when its task is cancelled.
    ///
    /// - Throws: `unsupported` if the storage cannot tell of changes, or the system gives no descriptor.
    public func changes() throws(Failure) -> StorageChanges {
      guard descriptor >= 0 else { throw Failure(.unsupported, "this storage cannot tell of changes") }
      return StorageChanges(storage: self)
    }
  }

  /// The sequence that ``Storage/changes()`` returns.
  public struct StorageChanges: AsyncSequence, Sendable {
    let storage: any Storage

    /// Makes the iterator that `for await` uses.
    public func makeAsyncIterator() -> Iterator { Iterator(storage: storage) }

    /// Waits for changes.
    public struct Iterator: AsyncIteratorProtocol {
      let storage: any Storage

      /// Waits for the next change.
      /// - Returns: nil if the task was cancelled.
      public mutating func next() async -> Void? { await next(isolation: nil) }

      /// Waits for the next change.
      /// - Returns: nil if the task was cancelled.
      public mutating func next(isolation actor: isolated (any Actor)?) async -> Void? {
        let storage = storage
        let descriptor = storage.descriptor
        guard descriptor >= 0 else { return nil } // This is a child of fork, which has no descriptor.
        // Each wait has a source of its own, so that nothing runs between two waits. Any thread may cancel a source, but Dispatch for Linux
        // does not declare it Sendable.
        nonisolated(unsafe) let source = DispatchSource.makeReadSource(fileDescriptor: descriptor)
        await withTaskCancellationHandler {
          await withCheckedContinuation { continuation in
            source.setEventHandler { source.cancel() }
            // The descriptor stays open until the source has let go of it.
            source.setCancelHandler { withExtendedLifetime(storage) { continuation.resume() } }
            source.activate()
          }
        } onCancel: {
          source.cancel()
        }
        return Task.isCancelled ? nil : ()
      }
    }
  }
#endif
