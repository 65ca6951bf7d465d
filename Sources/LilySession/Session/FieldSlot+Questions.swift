/// Asks what a session believes of one field. Nothing here changes a slot.
extension FieldSlot {
  /// The definition, which is not copied.
  var field: FieldDefinition<Binding> {
    @inline(__always) unsafeAddress { definition }
  }

  /// True if the model has a value that storage does not have.
  var isDirty: Bool { pending != .nothing || isUnstorable || isMarked }
  /// True if the program's value is newer than what storage holds, or may be, so that a refresh leaves it alone.
  var hasOwnValue: Bool { pending == .change || isUnstorable || isMarked }
  /// True if this update can write the field.
  var isWritable: Bool { pending != .nothing && !hasNoBaseline && !failedInThisUpdate }
  /// True if former keys may be removed, because the value under the field's own key was accepted. Until then they may have the only copy.
  var mayDropStaleKeys: Bool { !staleKeys.isEmpty && stored == .loaded }
  /// True if the next update has something to do for the field.
  var isUnsettled: Bool { isDirty || trouble != .none || hasNoBaseline || mayDropStaleKeys || owesDeadline }
  /// True if the entry is stored with another deadline than the one that counts, and so has to be corrected.
  var owesDeadline: Bool { deadline != storedDeadline }
  /// True if the stored value is, or was, in the model.
  var isInModel: Bool { stored == .loaded || stored == .migrated }

  /// True if the model has a value that was loaded or stored. If storage has nothing any more, that has to be reset.
  var hasOfStorage: Bool { isInModel || remnant != .nothing }

  /// True if the baseline has no value, because a map of the model has no such entry.
  var isEmpty: Bool { field.binding.isEmpty(baseline) }
  /// True if neither the model nor storage has an entry of a map, nor had it before hydration, so that its field can be dropped.
  var isForgettable: Bool {
    isEmpty && field.binding.isEmpty(initial) && hasInitial && !isUnsettled && remnant == .nothing && (stored == .absent || stored == .expired)
  }

  /// Returns true if the session has neither taken nor written this entry.
  //
  // This is inlined, because a call would copy the slot.
  @inline(__always)
  func isNews(_ entry: TakenEntry) -> Bool {
    switch origin {
    case .none: true
    case .taken(let known): known != entry
    case .ownWrite: entry.source != 0 || entry.identity.version != field.version || FieldSlot.hash(of: baseline, definition) != entry.identity.textHash
    case .adopted(let known): known != entry || FieldSlot.hash(of: baseline, definition) != entry.identity.textHash
    }
  }

  /// Returns a hash of a baseline's JSON, or nil if it cannot be encoded.
  @inline(never)
  private static func hash(of baseline: Binding.Baseline, _ field: UnsafePointer<FieldDefinition<Binding>>) -> Int? {
    let text = ByteBuffer()
    guard (try? field.pointee.binding.append(baseline, to: text)) != nil else { return nil }
    return hashOf(text.bytes)
  }
}
