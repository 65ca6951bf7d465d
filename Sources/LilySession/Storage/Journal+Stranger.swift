import CPlatform

/// A lock that a stranger holds.
//
// Who may read a file may lock it. A copy or a restored file can be loose for a while, and another user who opened it then could keep all
// others from writing for ever. Where it is certain that the holder is another user, none of ours is writing, and a new file can take the
// place of this one without its lock.
extension Journal {
  /// Puts a new file with the same entries in the place of this one, whose lock another user holds. Does nothing where another process
  /// is about to do so.
  func takeFromStranger() throws(Failure) {
    // Only this user can open it, so it keeps two of ours from doing this at once.
    names.nameTemporary(~mirror.salt.seed)
    let name = names.temporaryName
    let mutex = Syscalls.open(route.directory, names.temporary, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
    defer { Syscalls.close(mutex) }
    guard mutex >= 0, try Syscalls.status(mutex).st_uid == Syscalls.effectiveUser(), try Syscalls.tryLock(mutex) == .taken else { return }
    defer { name.withUnsafeBufferPointer { name in name.baseAddress.map { _ = Syscalls.unlink(route.directory, $0) } } }
    guard try route.lookUp() == .thisFile else { return }
    let size = try Syscalls.sizeAndLinks(route.file).size
    if mirror.applied < size { _ = try catchUp(to: size, isLocked: true) }
    guard mirror.applied > 0 else { return }
    try compact(0, isHeldByStranger: true) // by a time at which nothing has expired: the host's clock is not to be called here
  }

  /// Throws unless the stranger still holds the lock and nobody has written: the new file may take the place of this one.
  func requireStranger() throws(Failure) {
    let size = try Syscalls.sizeAndLinks(route.file).size
    guard size == mirror.applied, route.isHeldByStranger() else { throw Failure(.busy, "the file's lock has changed hands") }
  }

  /// Reads what one of ours has written who got the lock in the last moment. Returns true if there is something.
  func catchUpWithLast() throws(Failure) -> Bool {
    var patience = Patience()
    while try Syscalls.tryLock(route.file) != .taken, !route.isHeldByStranger() { try patience.wait("the file's lock has changed hands") }
    let (size, before) = (try Syscalls.sizeAndLinks(route.file).size, mirror.applied)
    if size > before { _ = try catchUp(to: size, isLocked: true) }
    return mirror.applied > before
  }
}
