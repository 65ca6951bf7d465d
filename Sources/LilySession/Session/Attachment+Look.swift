/// Looks at the entries in storage, and decides what each means for its field. Attach and refresh do this in the same way.
extension Attachment {
  /// What one field found in storage. The field may have been set already, but nothing is believed until the slice is back in the model.
  struct Look {
    enum Outcome {
      /// The field was set to the entry.
      case set(TakenEntry, isMigrated: Bool)
      /// The field was not set, and the entry stays in storage. The state is rejected or newer. If a clear came before the entry, `cleared` is
      /// what the host returned when the field was set to its initial value, as in `nothing`.
      case refused(TakenEntry, as: FieldState.Stored, Refusal, cleared: Int32?)
      /// The field already has this entry, which may have been renewed.
      case known
      /// The field already has this entry. By the field's own expiry its time is up, although its stored deadline is later. `code` is as in
      /// `nothing`.
      case outlived(TakenEntry, code: Int32)
      /// There is no entry. `code` is what the host returned when the field was set to its initial value, or nil if that was not needed.
      case nothing(isExpired: Bool, code: Int32?)
    }

    /// Why an entry was refused: the host's code or a status, and the reason.
    typealias Refusal = (code: Int32, failure: Failure)

    let field: Int
    let outcome: Outcome
    /// When the entry that was found expires, UTC in ms; 0 means never.
    let storedDeadline: Int64
    /// The former keys that have entries.
    let staleKeys: [Key]

    /// True if the field's value in the slice was changed.
    var isSet: Bool {
      switch outcome {
      case .set: true
      case .outlived(_, let code): code == 0
      case .nothing(_, let code), .refused(_, _, _, let code): code == 0
      case .known: false
      }
    }
  }

  /// What the fields found, and the slice in which they were set.
  struct Looks {
    var slice: Lens.Session
    var found: [Look] = []
    /// False if a field has news but was not set, because its own value could not be captured.
    var isWhole = true
  }

  /// Looks at the entries of all fields that may be set, and sets those fields that have news.
  ///
  /// - Parameter snapshot: is what `readAll` has returned.
  func look(at snapshot: Snapshot, _ now: Int64, from slice: Lens.Session) -> Looks {
    var looks = Looks(slice: slice)
    looks.found.reserveCapacity(count)
    var first = 0
    for at in 0..<count {
      let end = first &+ 1 &+ slots[at].field.formerKeys.count
      guard end <= snapshot.entries.count else { break }
      let entries = snapshot.entries[first..<end]
      first = end
      if slots[at].hasOwnValue { continue }
      if slots[at].trouble == .getFailed {
        // The field's own value may be newer than the entry, but it cannot be read.
        if mayHaveNews(at, entries, now) { looks.isWhole = false }
        continue
      }
      looks.found.append(lookAtField(at, entries, now, &looks.slice))
    }
    return looks
  }

  /// Returns the entry that counts for a field: the first that has not expired, where the field's own key comes before its former keys.
  /// Returns nil if there is none. `source` is as in `TakenEntry`.
  func effectiveEntry(_ entries: ArraySlice<Entry?>, _ now: Int64) -> (source: Int, entry: Entry)? {
    for at in entries.indices {
      if let entry = entries[at], !entry.isExpired(at: now) { return (at &- entries.startIndex, entry) }
    }
    return nil
  }

  /// Returns true if a look would set the field, or restore its initial value, if its own value could be captured.
  private func mayHaveNews(_ at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64) -> Bool {
    guard let (source, entry) = effectiveEntry(entries, now) else { return slots[at].hasOfStorage }
    return slots[at].isNews(TakenEntry(source: source, identity: entry.identity))
  }

  /// Looks at the entries of one field, and sets the field in the slice if there is news.
  func lookAtField(_ at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64, _ slice: inout Lens.Session) -> Look {
    guard let (source, entry) = effectiveEntry(entries, now) else {
      return Look(field: at, outcome: lookForNothing(at, entries, now, &slice), storedDeadline: 0, staleKeys: staleKeys(at, entries))
    }
    let outcome = lookAtEntry(at, entry, source, now, &slice)
    return Look(field: at, outcome: outcome, storedDeadline: entry.deadline, staleKeys: staleKeys(at, entries))
  }

  /// Returns the former keys of a field that have entries.
  private func staleKeys(_ at: Int, _ entries: ArraySlice<Entry?>) -> [Key] {
    if entries.count == 1 { return [] }
    let keys = storedKeys(at)
    var stale: [Key] = []
    for former in entries.indices.dropFirst() where entries[former] != nil { stale.append(keys[former &- entries.startIndex]) }
    return stale
  }

  /// Looks at the entry that counts for a field. `source` is as in `TakenEntry`.
  private func lookAtEntry(_ at: Int, _ entry: Entry, _ source: Int, _ now: Int64, _ slice: inout Lens.Session) -> Look.Outcome {
    let taken = TakenEntry(source: source, identity: entry.identity)
    if !slots[at].isNews(taken) {
      if hasOutlived(at, entry, now) { return slots[at].isInModel ? .outlived(taken, code: restoreInitial(at, &slice)) : .known }
      if slots[at].stored != .expired { return .known } // otherwise somebody has renewed an entry that had expired
    }
    slots[at].keepInitial(slice)
    if entry.version > slots[at].field.version { return refuse(at, taken, as: .newer, (Status.newer.rawValue, .newerEntry), &slice) }
    let (refusal, isMigrated) = setField(at, entry, &slice)
    if let refusal { return refuse(at, taken, as: .rejected, refusal, &slice) }
    slots[at].wasSet()
    return .set(taken, isMigrated: isMigrated || source > 0)
  }

  /// Leaves an entry in storage. What was there before a clear leaves the model all the same.
  private func refuse(
    _ at: Int, _ entry: TakenEntry, as state: FieldState.Stored, _ refusal: Look.Refusal, _ slice: inout Lens.Session
  ) -> Look.Outcome {
    .refused(entry, as: state, refusal, cleared: slots[at].remnant == .cleared ? restoreInitial(at, &slice) : nil)
  }

  private func lookForNothing(
    _ at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64, _ slice: inout Lens.Session
  ) -> Look.Outcome {
    // A value that was refused never came into the model. If none was there before it, nothing has to be restored.
    let code = slots[at].hasOfStorage ? restoreInitial(at, &slice) : nil
    return .nothing(isExpired: hasExpired(at, entries, now), code: code)
  }

  /// Sets a field to its initial value, from before hydration. Returns 0, or the host's code.
  func restoreInitial(_ at: Int, _ slice: inout Lens.Session) -> Int32 {
    slots[at].hasInitial ? slots[at].field.binding.restore(slots[at].initial, in: &slice) : Status.notFound.rawValue
  }

  /// Returns true if a field has outlived its entry: the time that the field's own expiry allows has passed, although the entry's stored
  /// deadline, which is still the one that the session saw, is later.
  func hasOutlived(_ at: Int, _ entry: Entry, _ now: Int64) -> Bool {
    entry.deadline == slots[at].storedDeadline && Entry.isExpired(slots[at].deadline, at: now)
  }

  /// Returns true if a field has no entry that counts because its entry has expired. A compaction may have removed that entry since.
  func hasExpired(_ at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64) -> Bool {
    entries.contains { $0 != nil } || Entry.isExpired(slots[at].deadline, at: now) || slots[at].stored == .expired
  }

  /// Sets a field to an entry. `refusal` is nil if the field was set. `isMigrated` is true if the host made the value from an older one.
  private func setField(_ at: Int, _ entry: Entry, _ slice: inout Lens.Session) -> (refusal: Look.Refusal?, isMigrated: Bool) {
    let field = slots[at].definition
    let isOlder = entry.version < field.pointee.version
    var isMigrated = false
    do throws(Failure) {
      let code = try entry.withText { text throws(Failure) -> Int32 in
        let parsed = try JSON.parse(text)
        if isOlder, let code = field.pointee.binding.migrate(.json(text), from: entry.version, { field.pointee.binding.set($0, in: &slice) }) {
          isMigrated = true
          return code
        }
        guard let code = try parsed.withValue(as: field.pointee.types, { field.pointee.binding.set($0, in: &slice) }) else {
          throw parsed.notAccepted
        }
        return code
      }
      if code == 0 { return (nil, isMigrated) }
      return ((code, field.pointee.binding.takeRefusal() ?? Failure(.decode, "the field refused the stored value")), isMigrated)
    } catch { return ((error.status.rawValue, error), false) }
  }

  /// Notes that a field was set to its initial value, or that the host refused it with this code.
  private func noteReset(_ kind: Event.Kind, _ at: Int, _ code: Int32) {
    noteEvent(kind, at, code: code, code == 0 ? nil : Failure(.callback, "the field refused its value from before attach"))
  }

  /// Puts the slice back into the model if a field was set. Throws if the host cannot; then nothing that was found may be believed.
  func putBack(_ looks: Looks, into runtime: ModelRuntime<Lens.Model>) throws(Failure) {
    guard looks.found.contains(where: { $0.isSet }) else { return }
    guard let next = lens.model(runtime.model, with: looks.slice) else {
      throw Failure(.callback, "config.set returned NULL in place of the model")
    }
    runtime.setModel(hydrated: next)
  }

  /// Lets the slot of a field believe what the field found, and notes the event for it.
  ///
  /// - Parameter isNews: If false, this session caused what was found, so setting the field is no event.
  func believe(_ look: Look, at now: Int64, isNews: Bool) {
    let at = look.field
    let deadline = Deadline(stored: look.storedDeadline, now: now, expiresAfter: slots[at].field.expiresAfter)
    switch look.outcome {
    case .set(let entry, let isMigrated):
      slots[at].took(entry, deadline: deadline, isMigrated: isMigrated)
      if isNews { noteEvent(.changed, at) }
    case .refused(let entry, let state, let refusal, let cleared):
      if let cleared { noteReset(.cleared, at, cleared) }
      slots[at].refused(entry, deadline: look.storedDeadline, as: state)
      noteEvent(state == .newer ? .newer : .rejected, at, code: refusal.code, refusal.failure)
    case .known: slots[at].renewed(slots[at].isInModel ? deadline : Deadline(look.storedDeadline))
    case .outlived(let entry, let code):
      noteReset(.expired, at, code)
      slots[at].outlived(entry)
    case .nothing(let isExpired, let code):
      if let code, isNews || code != 0 { noteReset(slots[at].remnant == .cleared ? .cleared : isExpired ? .expired : .removed, at, code) }
      slots[at].gone(expired: isExpired)
    }
    slots[at].foundStale(look.staleKeys)
  }
}
