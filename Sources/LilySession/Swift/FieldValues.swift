#if !hasFeature(Embedded)
  extension Session {
    /// Returns the values of a field, one after the other: the one that it has now, and then each that differs from the one before.
    ///
    /// ```swift
    /// for try await theme in try session.values(of: "theme", as: Theme.self) { window.show(theme) }
    /// ```
    ///
    /// The sequence waits until what is stored has changed, whichever program or session changed it, and refreshes the session, so the model
    /// follows. Values that come faster than they are asked for are left out, except the last. The storage's other sessions must refresh
    /// as well, as for ``Storage/changes()``. The sequence ends when its task is cancelled or the session ends. Use it where the session is
    /// used, such as on its actor.
    ///
    /// - Parameters:
    ///   - key: the key of a field, or of a map's entry.
    ///   - type: the field's type. For an entry of a map, an optional: nil means that there is no such entry.
    /// - Throws: `unsupported` as ``Storage/changes()`` does; `notFound` if the session has no such field; `invalidArgument` if it has
    ///   another type, or the session is detached. The sequence itself throws what ``refresh()`` throws.
    public func values<A: Equatable>(of key: String, as type: A.Type = A.self) throws(Failure) -> FieldValues<A> {
      let key = try Key(entry: key)
      guard let storage = work.storage else { throw Session.detached }
      guard storage.descriptor >= 0 else { throw Failure(.unsupported, "this storage cannot tell of changes") }
      _ = try value(of: key, as: type)
      return FieldValues(session: self, storage: storage, key: key)
    }

    fileprivate func value<A>(of key: Key, as type: A.Type) throws(Failure) -> A {
      guard let value = try work.value(of: key) as Any as? A else { throw Failure(.invalidArgument, "the field has another type", key: key) }
      return value
    }
  }

  /// The sequence that ``Session/values(of:as:)`` returns.
  public struct FieldValues<A: Equatable>: AsyncSequence {
    public typealias Failure = LilySession.Failure

    let session: Session
    let storage: any Storage
    let key: Key

    /// Makes the iterator that `for try await` uses.
    public func makeAsyncIterator() -> Iterator { Iterator(values: self) }

    /// Waits for values.
    public struct Iterator: AsyncIteratorProtocol {
      let values: FieldValues
      private var last: A?

      init(values: FieldValues) { self.values = values }

      /// Waits for the next value.
      /// - Returns: nil if the task was cancelled, or the session has ended.
      public mutating func next(isolation actor: isolated (any Actor)?) async throws(LilySession.Failure) -> A? {
        if last == nil { return try take() }
        var changes = StorageChanges(storage: values.storage).makeAsyncIterator()
        while await changes.next(isolation: actor) != nil {
          if values.session.work.storage == nil { return nil }
          try values.session.refresh()
          let before = last
          if let value = try take(), value != before { return value }
        }
        return nil
      }

      private mutating func take() throws(LilySession.Failure) -> A? {
        let value = try values.session.value(of: values.key, as: A.self)
        last = value
        return value
      }
    }
  }
#endif
