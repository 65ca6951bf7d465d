/// What a batch has of each change.
extension Batch {
  struct Change {
    /// The change's place in the batch before any change was left out. By it, a storage tells which changes it means.
    var place: Int
    var isSet: Bool
    var key: Extent // in `keys`
    var hash: Int // of the key
    var value: Extent // in `line.buffer`
    var deadline: Int64
    var version: UInt32
    /// True if the change is made only together with the change before it.
    var isTied = false
  }

  /// What must be stored so that a change, with those tied to it, is made. It is checked while nobody else can write.
  struct Condition {
    /// The place of the change.
    var place: Int
    var key: Extent // in `keys`
    /// nil if there must be no entry, or an expired one.
    var entry: EntryIdentity?
    /// nil if the entry may have any deadline.
    var deadline: Int64?
  }
}
