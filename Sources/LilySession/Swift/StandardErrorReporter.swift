#if !hasFeature(Embedded)
  /// Returns what a session without `onEvent` does with events: it prints those of which no call tells the program, each once, so that they
  /// are not overlooked.
  func standardErrorReporter() -> (Event) -> Void {
    var told: Set<String> = []
    return { event in
      switch event.kind {
      case .rejected, .newer, .damaged, .directory, .notRewritten, .notice: break
      case .fieldFailed, .writeFailed, .changed, .removed, .expired, .cleared, .notDurable: return
      }
      guard told.insert("\(event.kind) \(event.key ?? "")").inserted else { return }
      Syscalls.printError("lily-session: \(event)\n")
    }
  }
#endif
