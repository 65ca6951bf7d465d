#if !hasFeature(Embedded)
  internal import Dispatch

  extension Storage {
    /// An element each time that somebody may have changed what is stored, from this call on: then ``Session/refresh()``.
    ///
    /// ```swift
    /// for await _ in try storage.changes() { try session.refresh() }
    /// ```
    ///
    /// There may be elements for nothing, and several changes may be one element. It stays ready until each session of the storage has
    /// refreshed; without sessions, until the storage was read. The sequence ends when its task is cancelled.
    ///
    /// - Throws: `unsupported` where the storage cannot tell, as one in memory.
    public func changes() throws(Failure) -> StorageChanges {
      guard descriptor >= 0 else { throw Failure(.unsupported, "this storage cannot tell of changes") }
      return StorageChanges(storage: self)
    }
  }

  /// The changes of a storage: see ``Storage/changes()``.
  public struct StorageChanges: AsyncSequence, Sendable {
    let storage: any Storage

    /// For `for await`.
    public func makeAsyncIterator() -> Iterator { Iterator(storage: storage) }

    /// Waits for changes.
    public struct Iterator: AsyncIteratorProtocol {
      let storage: any Storage

      /// Waits for the next; nil: the task was cancelled.
      public mutating func next() async -> Void? { await next(isolation: nil) }

      /// Waits for the next; nil: the task was cancelled.
      public mutating func next(isolation actor: isolated (any Actor)?) async -> Void? {
        let storage = storage
        let descriptor = storage.descriptor
        guard descriptor >= 0 else { return nil } // a child of fork
        // One source for each wait: between two, nothing runs. Any thread may cancel it, which Dispatch for Linux does not declare.
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
