/// What a handle owes to the disk and to its host. It survives a change of the file, and changes only by these transitions.
struct JournalDebts {
  /// True if the handle has written since it last synced.
  private(set) var owesSync = false
  /// True if whoever put the file into its directory may not have synced the directory.
  private(set) var owesDirectory = true
  /// True if a sync of this very file failed. The kernel may have marked pages as clean that it could not write, so another sync of the same
  /// file would only look like success. Only a new file helps; cutting the file or reading it anew does not.
  private(set) var owesNewFile = false
  /// True if the file still holds something that this handle removed, or that it could not take out.
  private(set) var owesRewriting = false
  /// True if a file beside the journal may hold something that this handle removed.
  private(set) var owesRemains = false
  /// True if somebody else has replaced the file of an exclusive storage, so that what this handle wrote since its last sync may
  /// be in no file any more. The next sync says so.
  private(set) var mayHaveLost = false
  /// True if somebody else has written to the file of an exclusive storage. It has to be written anew from memory before it is written to.
  private(set) var owesOwnFile = false
  /// Why the last try to rewrite the file failed; nil if it succeeded.
  private(set) var failure: Failure?

  /// How many tries have failed in a row.
  private var failures = 0
  /// How many requests are ignored before the next try.
  private var pause = 0
  /// True if the last try wrote the line `moved`, by which the file has grown.
  private var hasGrown = false

  /// True if a sync has nothing to do.
  var isNone: Bool { !owesSync && !owesRewriting && !owesRemains && !mayHaveLost }

  // MARK: what is owed

  mutating func wrote() { owesSync = true }
  mutating func removed() {
    owesRewriting = true
    owesRemains = true
  }
  mutating func syncFailed() { owesNewFile = true }
  /// Names in the directory are gone, which a power loss would bring back.
  mutating func namesWentAway() {
    owesSync = true
    owesDirectory = true
  }
  mutating func remainsStay() { owesRemains = true }
  mutating func ownFileWasChanged() { owesOwnFile = true }
  mutating func fileWasReplaced() { mayHaveLost = mayHaveLost || owesSync }

  // MARK: what is no longer owed

  mutating func remainsAreGone() { owesRemains = false }
  mutating func synced() { owesSync = false }
  mutating func lossIsKnown() { mayHaveLost = false }
  mutating func directorySynced() { owesDirectory = false }

  /// Notes that the path leads to another file. Nothing is known of that file.
  mutating func metAnotherFile() {
    owesDirectory = true
    (owesNewFile, owesOwnFile) = (false, false)
  }

  /// The path has no file any more. No sync brings back what was in it, but if this handle has written, the next one makes sure that it does
  /// not come back either.
  mutating func fileIsGone() {
    owesRewriting = false
    metAnotherFile()
    forgetFailure()
  }

  /// A new file with all live entries has taken the file's place. It is durable once its directory is synced, too.
  mutating func rewritten(directorySynced: Bool) {
    (owesNewFile, owesOwnFile) = (false, false)
    owesRewriting = false
    owesSync = !directorySynced
    owesDirectory = !directorySynced
    forgetFailure()
  }

  /// The file holds nothing that has to be taken out. Somebody else may have rewritten it.
  mutating func nothingToRewrite() {
    owesRewriting = false
    forgetFailure()
  }

  private mutating func forgetFailure() {
    failure = nil
    failures = 0
    pause = 0
    hasGrown = false
  }

  // MARK: tries to rewrite the file

  /// Returns true if a request to rewrite the file should lead to a try. Tries that made the file grow are repeated only after 1, 2, 4, 8 …
  /// further requests, so that the growth does not add up. Updates wait in this way after any failure, because most tries would be in vain.
  mutating func mayTry(isUpdate: Bool) -> Bool {
    guard pause > 0, isUpdate || hasGrown else { return true }
    pause &-= 1
    return false
  }

  mutating func rewritingFailed(_ failure: Failure, hasGrown: Bool) {
    self.failure = failure
    self.hasGrown = hasGrown
    pause = 1 &<< min(failures, 20)
    failures &+= 1
  }

  /// Removed values have been overwritten in the file, although it could not be rewritten.
  mutating func erased() { owesRewriting = false }

  /// Removed values are still in the file; `failure` says why.
  mutating func couldNotErase() { owesRewriting = true }
}
