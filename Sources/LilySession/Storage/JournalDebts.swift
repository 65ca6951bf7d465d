/// What a handle owes to the disk and to its host. It survives a change of the file, and changes by these transitions alone.
struct JournalDebts {
  /// The handle wrote since it last synced.
  private(set) var owesSync = false
  /// The file was put into its directory by somebody who may not have synced that.
  private(set) var owesDirectory = true
  /// A sync of this very file failed. The kernel may have marked the pages clean that it could not write, so that another sync of the same
  /// file would only look like success: only a new file will do. Cutting the file or reading it anew does not change that.
  private(set) var owesNewFile = false
  /// The handle removed something that the file still holds, or found that it could not be taken out.
  private(set) var owesRewriting = false
  /// Something beside the file that may hold what was removed could not be removed.
  private(set) var owesRemains = false
  /// Why the last try to rewrite the file came to nothing; nil after one that worked.
  private(set) var failure: Failure?

  /// How often it failed in a row, and how many requests are let pass before the next try.
  private var failures = 0
  private var pause = 0
  /// The last try came as far as the line `moved`, by which the file has grown.
  private var hasGrown = false

  var isNone: Bool { !owesSync && !owesRewriting && !owesRemains }

  // MARK: what is owed

  mutating func wrote() { owesSync = true }
  mutating func removed() { owesRewriting = true }
  mutating func syncFailed() { owesNewFile = true }
  mutating func remainsStay() { owesRemains = true }

  // MARK: what is no longer owed

  mutating func remainsAreGone() { owesRemains = false }
  mutating func synced() { owesSync = false }
  mutating func directorySynced() { owesDirectory = false }

  /// The path has another file, of which nothing is known.
  mutating func metAnotherFile() {
    owesDirectory = true
    owesNewFile = false
  }

  /// The path has no file, and no sync brings back what was in it.
  mutating func fileIsGone() {
    owesSync = false
    owesRewriting = false
    metAnotherFile()
    forgetFailure()
  }

  /// A new file with all that lives is in its place. Nothing is durable until its directory is synced, too.
  mutating func rewritten(directorySynced: Bool) {
    owesNewFile = false
    owesRewriting = false
    owesSync = !directorySynced
    owesDirectory = !directorySynced
    forgetFailure()
  }

  /// There is nothing in the file any more that should not be: somebody else has rewritten it.
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

  /// Returns true if a request to rewrite the file leads to a try. Tries that make the file grow are repeated only after 1, 2, 4, 8 … further
  /// requests, so that they do not add up. Updates let requests pass after any failure: most of them would try in vain.
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

  /// What was removed has left the file, though that could not be rewritten.
  mutating func erased() { owesRewriting = false }

  /// What was removed is still in the file, because of `failure`.
  mutating func couldNotErase() { owesRewriting = true }
}
