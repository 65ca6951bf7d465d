/// What storage holds, and what that means for each field: the same for attach and for refresh.
extension Attachment {
  /// What one field finds in storage. The field may have been set, but nothing is believed before the slice is back in the model.
  struct Look {
    enum Outcome {
      /// The field was set to the entry.
      case set(TakenEntry, isMigrated: Bool)
      /// The entry stays where it is, and the field as it is. `state`: rejected or newer.
      case refused(TakenEntry, as: FieldState.Stored, code: Int32, systemError: Int32)
      /// The entry that the field has already; it may have been renewed.
      case known
      /// The entry that the field has already, and that is stored for longer than it may last. `code`: as below.
      case outlived(code: Int32)
      /// There is none. `code`: what the host returned when the field was set to its value from before; nil: there was no need to.
      case nothing(isExpired: Bool, code: Int32?)
    }

    let field: Int
    let outcome: Outcome
    /// When the entry that was found expires, UTC in ms; 0: never.
    let storedDeadline: Int64
    let staleKeys: [Key]

    /// The field's value in the slice is another one now.
    var isSet: Bool {
      switch outcome {
      case .set: true
      case .outlived(let code): code == 0
      case .nothing(_, let code): code == 0
      case .refused, .known: false
      }
    }
  }

  /// What the fields found, and the slice with what they were set to.
  struct Looks {
    var slice: Lens.Session
    var found: [Look] = []
    /// Every field that has news was set; not so where a field's value cannot be taken now.
    var isWhole = true
  }

  /// Looks at the entries of all fields that may be set, and sets those that have news.
  ///
  /// - Parameter snapshot: the entries of `allKeys`.
  func look(at snapshot: Snapshot, _ now: Int64, from slice: Lens.Session) -> Looks {
    var looks = Looks(slice: slice)
    var first = 0
    for at in 0..<count {
      let end = first &+ 1 &+ fields[at].formerKeys.count
      guard end <= snapshot.entries.count else { break }
      let entries = snapshot.entries[first..<end]
      first = end
      if slots[at].hasOwnValue { continue }
      if slots[at].trouble == .getFailed {
        // Its value may be newer, too; nobody can tell.
        if mayHaveNews(at, entries, now) { looks.isWhole = false }
        continue
      }
      looks.found.append(look(at, entries, now, &looks.slice))
    }
    return looks
  }

  /// The entry that counts for a field: the first that has not expired, the field's own key before its former ones.
  func effective(_ entries: ArraySlice<Entry?>, _ now: Int64) -> (source: Int, entry: Entry)? {
    for at in entries.indices {
      if let entry = entries[at], !entry.isExpired(at: now) { return (at &- entries.startIndex, entry) }
    }
    return nil
  }

  private func mayHaveNews(_ at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64) -> Bool {
    guard let (source, entry) = effective(entries, now) else { return slots[at].isInModel || slots[at].wasCleared }
    return slots[at].isNews(TakenEntry(source: source, identity: entry.identity), fieldVersion: fields[at].version)
  }

  private func look(_ at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64, _ slice: inout Lens.Session) -> Look {
    let keys = fields[at].formerKeys.isEmpty ? [] : storedKeys(at)
    var stale: [Key] = []
    for former in entries.indices.dropFirst() where entries[former] != nil { stale.append(keys[former &- entries.startIndex]) }
    let current = effective(entries, now)
    func found(_ outcome: Look.Outcome) -> Look {
      Look(field: at, outcome: outcome, storedDeadline: current?.entry.deadline ?? 0, staleKeys: stale)
    }
    guard let (source, entry) = current else { return found(lookForNothing(at, entries, now, &slice)) }
    let taken = TakenEntry(source: source, identity: entry.identity)
    if !slots[at].isNews(taken, fieldVersion: fields[at].version) {
      if hasOutlived(at, entry, now) { return found(slots[at].isInModel ? .outlived(code: setBack(at, &slice)) : .known) }
      if slots[at].stored != .expired { return found(.known) } // else somebody has renewed what had expired here
    }
    guard entry.version <= fields[at].version else {
      return found(.refused(taken, as: .newer, code: Status.newer.rawValue, systemError: 0))
    }
    slots[at].keepInitial(slice)
    let (refusal, isMigrated) = set(at, entry, &slice)
    if let refusal { return found(.refused(taken, as: .rejected, code: refusal.code, systemError: refusal.systemError)) }
    return found(.set(taken, isMigrated: isMigrated || source > 0))
  }

  private func lookForNothing(
    _ at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64, _ slice: inout Lens.Session
  ) -> Look.Outcome {
    // What was refused never came into the model.
    let code = slots[at].isInModel || slots[at].wasCleared ? setBack(at, &slice) : nil
    return .nothing(isExpired: hasExpired(at, entries, now), code: code)
  }

  /// Sets a field to its value from before hydration. Returns the host's code.
  private func setBack(_ at: Int, _ slice: inout Lens.Session) -> Int32 {
    slots[at].hasInitial ? slots[at].binding.restore(slots[at].initial, in: &slice) : Status.notFound.rawValue
  }

  /// Returns true if the entry, which the field has, is stored for longer than it may last, and that time has passed.
  func hasOutlived(_ at: Int, _ entry: Entry, _ now: Int64) -> Bool {
    entry.deadline == slots[at].storedDeadline && Entry.isExpired(slots[at].deadline, at: now)
  }

  /// Returns true if a field that has no entry had one that expired. It may have been swept since.
  func hasExpired(_ at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64) -> Bool {
    entries.contains { $0 != nil } || Entry.isExpired(slots[at].deadline, at: now) || slots[at].stored == .expired
  }

  /// Sets a field to an entry. `refusal` is nil if it was set.
  private func set(_ at: Int, _ entry: Entry, _ slice: inout Lens.Session) -> (refusal: (code: Int32, systemError: Int32)?, isMigrated: Bool) {
    let binding = slots[at].binding
    let types = fields[at].types
    let isOlder = entry.version < fields[at].version
    var isMigrated = false
    do throws(Failure) {
      let code = try entry.withText { text throws(Failure) -> Int32 in
        let parsed = try JSON.parse(text)
        if isOlder, let code = binding.migrate(.json(text), from: entry.version, { binding.set($0, in: &slice) }) {
          isMigrated = true
          return code
        }
        return try parsed.withValue(as: types) { binding.set($0, in: &slice) } ?? Status.decode.rawValue
      }
      return (code == 0 ? nil : (code, 0), isMigrated)
    } catch { return ((error.status.rawValue, error.systemError), false) }
  }

  /// Puts the slice back into the model if a field was set. Where the host cannot, nothing of what was found is believed.
  func putBack(_ looks: Looks, into runtime: ModelRuntime<Lens.Model>) throws(Failure) {
    guard looks.found.contains(where: { $0.isSet }) else { return }
    guard let next = lens.model(runtime.model, with: looks.slice) else {
      throw Failure(.callback, "the callback that puts the slice back returned NULL")
    }
    runtime.setModel(hydrated: next)
  }

  /// Believes what a field found, and notes what the host is to be told. `isNews`: what was set is told, too.
  func settle(_ look: Look, at now: Int64, isNews: Bool) {
    let at = look.field
    let deadline = Deadline(stored: look.storedDeadline, now: now, expiresAfter: fields[at].expiresAfter)
    switch look.outcome {
    case .set(let entry, let isMigrated):
      slots[at].took(entry, deadline: deadline, isMigrated: isMigrated)
      if isNews { note(.changed, at, Status.ok.rawValue) }
    case .refused(let entry, let state, let code, let systemError):
      slots[at].refused(entry, deadline: look.storedDeadline, as: state)
      note(state == .newer ? .newer : .rejected, at, code, systemError: systemError)
    case .known: slots[at].renewed(slots[at].isInModel ? deadline : Deadline(look.storedDeadline))
    case .outlived(let code):
      note(.expired, at, code)
      slots[at].outlived()
    case .nothing(let isExpired, let code):
      if let code { note(slots[at].wasCleared ? .cleared : isExpired ? .expired : .removed, at, code) }
      slots[at].gone(expired: isExpired)
    }
    slots[at].foundStale(look.staleKeys)
  }
}
