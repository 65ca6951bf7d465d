/// What others did to the stored fields, brought into the model.
extension Attachment {
  /// Sets each field that was changed elsewhere, and gives one that was removed, cleared, or has expired its value from before
  /// hydration. A dirty field is left alone: its own value is the newer one. If the slice cannot be put back, all is still news.
  func takeOver(_ runtime: ModelRuntime<Lens.Model>) throws(Failure) {
    guard let storage else { throw Session.detached }
    let arrived = try arrivals(at: storage)
    let snapshot = try storage.read(allKeys, of: scope)
    if snapshot.generation != generation { meetClear(snapshot.generation) }
    guard let slice = lens.slice(of: runtime.model) else { throw noSlice }
    let now = storage.now()
    let looks = look(at: snapshot, now, from: slice)
    do throws(Failure) { try putBack(looks, into: runtime) } catch {
      // The slice may be the model's own: what was set in it must not look like a change of the program's. In a copy nothing was.
      try? takeBaselines(of: looks.found.filter { $0.isSet }.map { $0.field }, runtime.model)
      _ = takeFirstFailure()
      findUnsettled()
      throw error
    }
    for look in looks.found { settle(look, at: now, isNews: true) }
    defer { findUnsettled() }
    let set = looks.found.filter { $0.isSet }.map { $0.field }
    if !set.isEmpty { try takeBaselines(of: set, runtime.model) }
    hasLeftNews = !looks.isWhole
    if let arrived, let watchToken { storage.watch?.caughtUp(watchToken, to: arrived) }
    if let failure = takeFirstFailure() { throw failure }
  }

  /// Looks the path up, and returns a count of what had arrived before the last look; what comes after it is told again.
  private func arrivals(at storage: any Storage) throws(Failure) -> UInt64? {
    var arrived = storage.watch?.arrivals()
    for _ in 0..<8 {
      try storage.revalidate()
      let now = storage.watch?.arrivals()
      if now == arrived { break }
      arrived = now // the look itself has found something
    }
    return arrived
  }
}
