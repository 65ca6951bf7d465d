/// Brings into the model what others did to the stored fields.
extension Attachment {
  /// Sets each field that was changed elsewhere, and restores the initial value of each that was removed, was cleared or has expired.
  /// A dirty field is left alone, because its own value is newer. If the slice cannot be put back, everything that was found stays news.
  func takeNews(into runtime: ModelRuntime<Lens.Model>) throws(Failure) {
    guard let storage else { throw Session.detached }
    let arrived = try arrivals(at: storage)
    let snapshot = try readAll(from: storage)
    if snapshot.generation != generation { meetClear(snapshot.generation) }
    guard let slice = lens.slice(of: runtime.model) else { throw noSlice }
    let now = storage.now()
    let looks = look(at: snapshot, now, from: slice)
    try take(looks, at: now, into: runtime, isNews: true)
    hasLeftNews = !looks.isWhole
    if let arrived, let watchToken { storage.watch?.caughtUp(watchToken, to: arrived) }
    if let failure = takeFirstFailure() { throw failure }
  }

  /// Puts the slice with what was found back into the model, and then believes it. Throws if the slice cannot be put back; then nothing is
  /// believed.
  func take(_ looks: Looks, at now: Int64, into runtime: ModelRuntime<Lens.Model>, isNews: Bool) throws(Failure) {
    let set = looks.found.filter { $0.isSet }.map { $0.field }
    do throws(Failure) { try putBack(looks, into: runtime) } catch {
      // If the slice is a part of the model itself, what was set in it must not look like a change by the program.
      try? takeBaselines(of: set, runtime.model)
      _ = takeFirstFailure()
      findUnsettled()
      throw error
    }
    for look in looks.found { believe(look, at: now, isNews: isNews) }
    defer { findUnsettled() }
    if !set.isEmpty { try takeBaselines(of: set, runtime.model) }
  }

  /// Looks the path up, again if that itself finds a change. Returns the watch's count of arrivals before the last look, or nil if the
  /// storage has no watch. What arrives after that look keeps the descriptor readable.
  private func arrivals(at storage: any SessionStorage) throws(Failure) -> UInt64? {
    var arrived = storage.watch?.arrivals()
    for _ in 0..<8 {
      try storage.revalidate()
      let now = storage.watch?.arrivals()
      if now == arrived { break }
      arrived = now // the look itself has found a change
    }
    return arrived
  }
}
