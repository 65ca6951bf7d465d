#if !hasFeature(Embedded)
  import CPlatform

  // For tools that move scopes. Other programs do not need these functions.
  //
  // Each scope is at its new place, and synced, before it is taken out of the old one. So whenever the process ends, a scope is whole at one of
  // the places at least, and a further call does what is left. What the new place has under a key stays as it is, because only it can have been
  // written since.
  extension Journal {
    /// Moves the scopes inside this file into files of their own. Expired entries are left out.
    ///
    /// The journal must have been opened with ``Options/hasScopeFiles``, ``Options/acceptsEitherLayout`` and ``Options/isExclusive``, and no other
    /// program may use it meanwhile.
    ///
    /// - Parameters:
    ///   - progress: called with the number of scopes that are done, and with that of all.
    ///   - leave: called for each scope that stays inside because its file cannot be used, with the reason.
    /// - Returns: how many scopes were moved.
    /// - Throws: `corrupt` if this file is damaged, and `newer` if it has lines of a newer format. Nothing is moved then.
    public func moveScopesToFiles(progress: (Int, Int) -> Void, leave: (String, Failure) -> Void) throws(Failure) -> Int {
      try requireMovable()
      let scopes = try allScopes()
      var moved = 0
      var latest: [Key] = []
      for (done, scope) in scopes.enumerated() {
        progress(done, scopes.count)
        let items = try LilySession.entries(of: scope, in: self)
        let isLiving: Bool
        do throws(Failure) {
          let file = try file(of: scope)
          isLiving = try file.take(items, of: scope, as: .none)
          try file.secure()
        } catch {
          guard error.isAboutOneFile else { throw error }
          leave(scope.text, error)
          continue
        }
        var keys = items.map(\.key) + [scope.generationKey]
        if isLiving {
          moved += 1
          swap(&latest, &keys)
        }
        try erase(keys)
      }
      progress(scopes.count, scopes.count)
      // What was moved leaves the file. The last scope has not been erased before: whoever opens a file that has a scope is told to move it, so
      // this is not forgotten if the process ends now.
      try compact(without: latest)
      return moved
    }

    /// Moves the scopes that have files into this file. Expired entries are left out.
    ///
    /// The journal must be open as for ``moveScopesToFiles(progress:leave:)``. The folders stay.
    ///
    /// - Parameters:
    ///   - progress: called with the number of folders that are done, and with that of all.
    ///   - leave: called for each scope that stays in its file because the file cannot be used or is damaged, with the reason.
    /// - Returns: how many scopes were moved.
    /// - Throws: as ``moveScopesToFiles(progress:leave:)``.
    public func moveScopesToOne(progress: (Int, Int) -> Void, leave: (String, Failure) -> Void) throws(Failure) -> Int {
      try requireMovable()
      guard let scopeFolders else { return 0 }
      var moved = 0
      for number in 0..<ScopeFolders.count {
        progress(number, ScopeFolders.count)
        let names: [[UInt8]]
        do throws(Failure) { names = try scopeFolders.names(in: number) } catch {
          guard error.isAboutOneFile else { throw error }
          continue // this is no folder of ours
        }
        var taken: [Scope] = []
        for scope in names.compactMap({ ScopeFileName.scope(of: $0, in: number) }) {
          let items: [Item]
          do throws(Failure) {
            let file = try file(of: scope)
            try file.requireMovable()
            items = try LilySession.entries(of: .none, in: file)
          } catch {
            guard error.isAboutOneFile else { throw error }
            leave(scope.text, error)
            continue
          }
          if try take(items, of: .none, as: scope) { moved += 1 }
          taken.append(scope)
        }
        guard !taken.isEmpty else { continue }
        try secure() // one sync is enough for all files of a folder
        var last: Journal?
        for scope in taken {
          do throws(Failure) {
            let file = try file(of: scope)
            try file.removeMoved(to: self, as: scope)
            last = file
          } catch { leave(scope.text, error) }
        }
        if let last { try last.exclusively { () throws(Failure) in try last.route.syncFolder() } }
      }
      progress(ScopeFolders.count, ScopeFolders.count)
      try compact() // a move to files may have been killed, whose removed values are still there
      return moved
    }

    /// Throws if a move could lose something of this file, or if others could write to it meanwhile.
    private func requireMovable() throws(Failure) {
      guard options.isExclusive else { throw Failure(.invalidArgument, "scopes are moved by an exclusive storage only") }
      if try info().damagedLines > 0 { throw Failure(.corrupt, "the file has damaged lines").at(names.path) }
      try exclusively { () throws(Failure) in
        if mirror.hasUnknown { throw Failure.newerLines }
        if isScopeFile, mirror.table.contains(where: EntryTable.isOfScope) { throw Failure(.refused, "the file of a scope has scopes in it") }
      }
    }

    /// Stores those of another place's entries that have not expired, and of whose keys there is nothing here.
    ///
    /// - Parameters:
    ///   - scope: the scope that the entries' keys are in.
    ///   - target: the scope that they are stored in.
    /// - Returns: false if all of them have expired, or there are none.
    private func take(_ items: [Item], of scope: Scope, as target: Scope) throws(Failure) -> Bool {
      let time = now()
      let living = items.filter { !$0.entry.isExpired(at: time) }.map { Item(key: target.key(scope.hostKey($0.key)), entry: $0.entry) }
      if living.isEmpty { return false }
      let batch = Batch()
      for (item, stored) in zip(living, try self.read(living.map(\.key), of: .none).entries) where stored == nil {
        if batch.line.buffer.count &+ item.entry.textCount > Journal.stepBytes { try write(whole: batch) }
        try batch.set(item.key, deadline: item.entry.deadline, version: item.entry.version) { buffer throws(Failure) in
          try item.entry.withText { text throws(Failure) in buffer.append(text) }
        }
      }
      try write(whole: batch)
      return true
    }

    private func erase(_ keys: [Key]) throws(Failure) {
      let batch = Batch()
      for key in keys {
        if batch.line.buffer.count > Journal.stepBytes { try write(whole: batch) }
        batch.remove(key)
      }
      try write(whole: batch)
    }

    /// The bytes of a line after which the next one is begun.
    private static var stepBytes: Int { 32 << 20 }

    private func write(whole batch: Batch) throws(Failure) {
      if batch.isEmpty { return }
      guard case .written(let shortfall) = try write(batch, in: .none, generation: nil), shortfall?.leftOut.isEmpty ?? true else {
        throw Failure(.quota, "the scopes do not fit into the storage's quota")
      }
      batch.removeAll()
    }

    /// Syncs the file, even if it was another handle that wrote it.
    private func secure() throws(Failure) {
      try exclusively { () throws(Failure) in
        if route.file >= 0, let failure = makeDurable(nil) { throw failure }
      }
    }

    /// Removes this file, which is that of a scope. The copy of a damaged file stays.
    ///
    /// - Throws: `busy` if the other file lacks something that this one has.
    private func removeMoved(to whole: Journal, as scope: Scope) throws(Failure) {
      let time = now()
      let keys = try LilySession.entries(of: .none, in: self).filter { !$0.entry.isExpired(at: time) }.map { scope.key($0.key) }
      guard try !whole.read(keys, of: .none).entries.contains(where: { $0 == nil }) else {
        throw Failure(.busy, "another program has written to the scope").at(names.path)
      }
      try exclusively { () throws(Failure) in
        guard route.file >= 0, try route.lookUp() == .thisFile else { return }
        if let failure = removeLeftFiles() { throw failure }
        guard Syscalls.removeName(route.directory, names.file) else { throw Syscalls.failure("cannot remove") }
      }
    }
  }

  extension Scope {
    fileprivate var text: String { String(decoding: name, as: UTF8.self) }
  }

  extension Failure {
    /// True if other files may well be usable.
    fileprivate var isAboutOneFile: Bool { [.refused, .busy, .permission, .corrupt, .newer].contains(status) }
  }
#endif
