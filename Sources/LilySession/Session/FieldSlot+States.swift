/// The states of a field that a slot tells apart, beside what it believes of storage.
extension FieldSlot {
  /// What is to be stored, and on what condition.
  enum Pending: BitwiseCopyable {
    case nothing
    /// The program changed the value or marked the field. The value is stored, whatever storage holds.
    case change
    /// This is the first value that could be captured, and nothing was stored. The value is stored if there still is nothing.
    case firstValue
    /// The value was migrated or renamed. It is stored if storage still holds the entry that it was made from.
    case rewriting
  }

  /// What the model still has of an earlier time in storage.
  enum Remnant: BitwiseCopyable {
    case nothing
    /// What was loaded or stored before a clear removed it.
    case cleared
    /// What was loaded or stored before an entry came that was refused.
    case older
  }

  /// Why the program's value is not in the baseline.
  enum Trouble: BitwiseCopyable { case none, getFailed, unstorable }
}
