import CLilySession
import CRedis

// The functions of the backend's table. The context is the store.

/// Runs a function of the table, and returns its status. A failure tells its reason.
private func withStatus(_ context: UnsafeMutableRawPointer?, _ body: (Store) throws(Failure) -> lily_session_status) -> lily_session_status {
  guard let context else { return Status.invalidArgument }
  do throws(Failure) {
    return try body(Unmanaged<Store>.fromOpaque(context).takeUnretainedValue())
  } catch {
    return error.tell()
  }
}

/// Returns the table of a store, which it retains until its `release`.
func makeTable(_ store: Store) -> lily_session_backend {
  var table = lily_session_backend()
  table.size = MemoryLayout<lily_session_backend>.size
  table.context = Unmanaged.passRetained(store).toOpaque()
  table.release = { context in context.map { Unmanaged<Store>.fromOpaque($0).release() } }

  table.load = { context, prefix, keys, count, generation, visit, visitor in
    withStatus(context) { store throws(Failure) in
      let found = try store.load(Place.split(prefix).place, UnsafeBufferPointer(start: keys, count: count))
      generation?.pointee = found.generation
      return found.forEach { at, value in
        var entry = StoredValue.read(value)
        return visit?(visitor, at, &entry) ?? Status.ok
      }
    }
  }
  table.generation = { context, prefix, generation in
    withStatus(context) { store throws(Failure) in
      generation?.pointee = try store.generation(of: Place.split(prefix).place)
      return Status.ok
    }
  }
  table.write = { context, entries, count, prefix, generation in
    withStatus(context) { store throws(Failure) in
      try store.write(UnsafeBufferPointer(start: entries, count: count), .anything, prefix == nil ? nil : generation)
    }
  }
  table.renew = { context, entry in
    withStatus(context) { store throws(Failure) in
      guard let entry else { return Status.invalidArgument }
      return try store.write(UnsafeBufferPointer(start: entry, count: 1), .value(entry.pointee, deadline: nil), nil)
    }
  }
  table.replace = { context, stored, entry, prefix, generation in
    withStatus(context) { store throws(Failure) in
      let condition = stored.map { Condition.value($0.pointee, deadline: $0.pointee.expires_at_ms) } ?? .nothing
      return try store.write(UnsafeBufferPointer(start: entry, count: 1), condition, prefix == nil ? nil : generation)
    }
  }
  table.clear = { context, prefix in
    withStatus(context) { store throws(Failure) in
      let (place, rest) = Place.split(prefix)
      guard Place.isSession(rest) else { throw Failure(Status.unsupported, "only a session can be cleared") }
      _ = try store.write(.clear, Command().adding(store.settings.markLife).adding(store.settings.idle), at: place)
      return Status.ok
    }
  }
  setLists(&table)
  table.sync = { context in
    withStatus(context) { store throws(Failure) in
      try store.sync()
      return Status.ok
    }
  }
  table.notice = { context in
    withStatus(context) { store throws(Failure) in
      if let notice = try store.servers.notices.take() { throw notice }
      return Status.ok
    }
  }
  table.fd = { context in descriptor(context, nil) }
  table.prefix_fd = { context, prefix in descriptor(context, prefix) }
  table.identity = { context in context.flatMap { UnsafePointer(Unmanaged<Store>.fromOpaque($0).takeUnretainedValue().identity) } }
  return table
}

private func setLists(_ table: inout lily_session_backend) {
  table.each = { context, prefix, visit, visitor in
    withStatus(context) { store throws(Failure) in
      let (place, rest) = Place.split(prefix)
      if !place.scope.isEmpty || !rest.isEmpty { return try store.forEach(place, rest) { visit?(visitor, $0) ?? Status.ok } }
      for place in [place] + (try store.scopes()) {
        let status = try store.forEach(place, rest) { visit?(visitor, $0) ?? Status.ok }
        if status != Status.ok { return status }
      }
      return Status.ok
    }
  }
  table.each_unscoped = { context, prefix, visit, visitor in
    withStatus(context) { store throws(Failure) in
      try store.forEach(.whole, UnsafeRawBufferPointer(start: prefix, count: prefix.map { strlen($0) } ?? 0)) { visit?(visitor, $0) ?? Status.ok }
    }
  }
  table.scopes = { context, visit, visitor in
    withStatus(context) { store throws(Failure) in
      for place in try store.scopes() {
        let status = withCString([UInt8](place.scope)) { visit?(visitor, $0) ?? Status.ok }
        if status != Status.ok { return status }
      }
      return Status.ok
    }
  }
}

private func descriptor(_ context: UnsafeMutableRawPointer?, _ prefix: UnsafePointer<CChar>?) -> Int32 {
  var descriptor: Int32 = -1
  _ = withStatus(context) { store throws(Failure) in
    descriptor = try store.descriptor(of: Place.split(prefix).place)
    return Status.ok
  }
  return descriptor
}
