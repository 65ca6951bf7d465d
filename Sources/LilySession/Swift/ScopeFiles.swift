#if !hasFeature(Embedded)
  import CPlatform

  // For tools that show, check and sweep the scopes of a journal. Other programs do not need these functions.

  /// How much is stored in a scope.
  public struct ScopeSummary: Sendable {
    /// The number of entries that have not expired.
    public var entries = 0
    /// The bytes of their keys and values.
    public var bytes: Int64 = 0
    /// When the scope's file was last written, UTC in ms; nil if the scope has no file of its own.
    public var written: Int64?
  }

  extension Journal {
    /// Returns true if there is something beside the file where scopes that are files would be, and no other user has put it there.
    public static func hasScopeFiles(beside path: String) throws(Failure) -> Bool {
      Syscalls.mayBeOwn(ScopeFolders.path(beside: try makeNames(path)))
    }

    /// Returns the path of a scope's file, whether there is one or not.
    public static func path(ofScope name: String, beside path: String) throws(Failure) -> String {
      let place = ScopeFileName(try makeScope(name).name)
      let folders = ScopeFolders(beside: try makeNames(path), after: Exclusion())
      let names = try folders.names(place.folder, place.file)
      return withExtendedLifetime(names) { String(cString: names.path) }
    }

    /// Returns the scope that has a file of this name.
    ///
    /// - Parameters:
    ///   - name: the file's name, in bytes.
    ///   - folder: the number of the file's folder; nil if the file may be in any.
    /// - Returns: nil if no scope has such a file there.
    public static func scope(ofFile name: [UInt8], in folder: Int?) -> String? {
      for number in folder.map({ $0..<($0 + 1) }) ?? 0..<ScopeFolders.count {
        if let scope = ScopeFileName.scope(of: name, in: number) { return String(decoding: scope.name, as: UTF8.self) }
      }
      return nil
    }

    /// Returns true if a scope can have this name.
    public static func isScope(_ name: String) -> Bool { (try? makeScope(name)) != nil }

    private static func makeNames(_ path: String) throws(Failure) -> JournalNames {
      guard !path.utf8.contains(0) else { throw Failure(.invalidArgument, "the path has a NUL") }
      return try JournalNames.make(Array(path.utf8CString))
    }

    fileprivate static func makeScope(_ name: String) throws(Failure) -> Scope {
      try [UInt8](name.utf8).withBytes { name throws(Failure) in try Scope(name: name) }
    }

    /// Returns the names of the scopes that have an entry in this very file that has not expired, in byte order.
    public func namesOfInnerScopes() throws(Failure) -> [String] { try livingScopes(of: self).map(\.description) }

    /// Returns the journal that is a scope's file. The file need not exist yet.
    ///
    /// - Throws: `unsupported` if this journal was opened without ``Options/hasScopeFiles``.
    public func file(ofScope name: String) throws(Failure) -> Journal { try file(of: Journal.makeScope(name)) }

    func file(of scope: Scope) throws(Failure) -> Journal {
      guard scopeFolders != nil, let file = try holder(of: scope).0 as? Journal else {
        throw Failure(.unsupported, "the storage was not opened for scopes that are files")
      }
      return file
    }

    /// Returns how much is in the file, if it is that of a scope.
    public func summary() throws(Failure) -> ScopeSummary {
      var summary = try summary(of: .none)
      summary.written = try exclusively { () throws(Failure) in
        guard route.file >= 0 else { return nil }
        let time = try Syscalls.status(route.file).st_mtim
        // Whoever made the file may have given it any time that the file system can hold.
        return min(max(Int64(time.tv_sec), Int64.min / 2000), Int64.max / 2000) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000
      }
      return summary
    }
  }

  extension Storage {
    /// Returns how much is in a scope, if that is not a file of its own.
    public func summary(ofInnerScope name: String) throws(Failure) -> ScopeSummary { try summary(of: Journal.makeScope(name)) }

    fileprivate func summary(of scope: Scope) throws(Failure) -> ScopeSummary {
      let time = now()
      var summary = ScopeSummary()
      for item in try LilySession.entries(of: scope, in: forSessions) where !item.entry.isExpired(at: time) {
        summary.entries &+= 1
        summary.bytes &+= Int64(scope.hostKey(item.key).bytes.count &+ item.entry.textCount)
      }
      return summary
    }
  }
#endif
