import CPlatform
import Testing

@testable import LilySession

/// Checks each transition of the table in docs/architecture.md, under its name there. A test of Tests/architecture compares the names.
@Suite struct FieldSlotTests {
  @Test func `took: the entry is in the model`() {
    let slot = Slot()
    slot.took(entry(1))
    #expect(slot.stored == .loaded && slot.isOrigin(.taken(entry(1))) && slot.isPending(.nothing) && !slot.isDirty)
    #expect(!slot.isNews(entry(1)) && slot.isNews(entry(2)))
    slot.took(entry(2), isMigrated: true)
    #expect(slot.stored == .migrated && slot.isPending(.rewriting) && slot.isDirty)
  }

  @Test func `refused: the entry stays, and is told once`() {
    let slot = Slot()
    slot.value.refused(entry(1), deadline: 9, as: .newer)
    #expect(slot.stored == .newer && !slot.isNews(entry(1)) && slot.value.deadline == 9 && !slot.value.isInModel)
  }

  @Test func `gone: what comes back is news`() {
    let slot = Slot()
    slot.took(entry(1))
    slot.value.gone(expired: true)
    #expect(slot.stored == .expired && slot.isNews(entry(1)) && slot.value.deadline == 0)
  }

  @Test func `cleared: a change of this update stays, an older one is dropped and told`() {
    let fresh = Slot()
    fresh.took(entry(1))
    fresh.set(5)
    #expect(!fresh.value.cleared() && fresh.isPending(.change))
    #expect(fresh.stored == .absent && fresh.value.wasCleared)

    let old = Slot()
    old.set(5)
    old.value.updateBegan()
    #expect(old.value.cleared() && old.isPending(.nothing))
    #expect(!old.value.wasCleared) // it was never stored

    let migrated = Slot()
    migrated.took(entry(1), isMigrated: true)
    #expect(!migrated.value.cleared() && migrated.isPending(.nothing) && migrated.value.wasCleared)
    _ = migrated.value.cleared()
    #expect(migrated.value.wasCleared) // until a refresh
  }

  @Test func `changed: dirty, and fresh until the next update begins`() {
    let slot = Slot()
    slot.set(1)
    #expect(slot.isPending(.change) && slot.isDirty && slot.value.changedInThisUpdate && slot.value.hasOwnValue)
    slot.value.updateBegan()
    #expect(slot.isDirty && !slot.value.changedInThisUpdate)
  }

  @Test func `changed after it was left out and cleared: it can be written again`() {
    let slot = Slot()
    slot.set(1)
    slot.value.writeFailed()
    #expect(!slot.value.isWritable)
    _ = slot.value.cleared()
    slot.set(2)
    #expect(slot.value.isWritable)
  }

  @Test func `marked: dirty at once, a change when the next update begins`() {
    let slot = Slot()
    slot.value.marked()
    #expect(slot.isDirty && slot.isPending(.nothing) && !slot.value.cleared() && slot.isDirty)
    slot.value.retried()
    #expect(slot.isPending(.change) && slot.value.changedInThisUpdate && !slot.value.isMarked)
  }

  @Test func `retried: what failed may be well`() {
    let slot = Slot()
    slot.value.getFailed()
    slot.value.retried()
    #expect(!slot.value.isUnsettled)
  }

  @Test func `tried: what could be taken is no trouble any more`() {
    let slot = Slot()
    slot.value.lostSight(by: .getFailed)
    slot.value.tried()
    #expect(slot.value.hasNoBaseline) // it failed
    slot.value.retried()
    slot.value.tried() // an update that finds the value equal to the baseline
    #expect(!slot.value.hasNoBaseline && slot.isPending(.firstValue))
  }

  @Test func `getFailed: not dirty, but not settled`() {
    let slot = Slot()
    slot.value.getFailed()
    #expect(!slot.isDirty && slot.value.isUnsettled && !slot.value.hasOwnValue)
  }

  @Test func `becameUnstorable: dirty until the value can be stored`() {
    let slot = Slot()
    slot.value.becameUnstorable()
    #expect(slot.isDirty && slot.value.hasOwnValue && slot.isPending(.nothing))
    slot.value.retried()
    slot.value.getFailed()
    slot.value.tried()
    #expect(slot.isDirty) // the value may differ, as no baseline is known
    slot.value.retried()
    slot.value.tried()
    #expect(!slot.isDirty)
  }

  @Test func `lostSight: there is nothing to write`() {
    let slot = Slot()
    slot.took(entry(1), isMigrated: true)
    slot.value.lostSight(by: .getFailed)
    #expect(slot.isPending(.nothing) && slot.stored == .migrated && slot.value.hasNoBaseline)
    let unstorable = Slot()
    unstorable.value.lostSight(by: .unstorable)
    #expect(!unstorable.isDirty && !unstorable.value.hasOwnValue) // a value that was there from the start is not a change
  }

  @Test func `found: written where there is nothing, adopted where there is something`() {
    let absent = Slot()
    absent.value.lostSight(by: .getFailed)
    absent.value.retried()
    absent.set(5)
    #expect(absent.isPending(.firstValue) && absent.value.isWritable)

    let loaded = Slot()
    loaded.took(entry(1))
    loaded.value.lostSight(by: .getFailed)
    loaded.value.retried()
    loaded.set(5)
    #expect(loaded.isPending(.nothing) && loaded.isOrigin(.adopted(entry(1))))
    #expect(loaded.isNews(entry(1))) // the entry differs from the model

    let refused = Slot()
    refused.value.refused(entry(1), deadline: 0, as: .rejected)
    refused.value.lostSight(by: .getFailed)
    refused.value.retried()
    refused.set(5)
    #expect(refused.isPending(.nothing) && !refused.isNews(entry(1)))

    let marked = Slot()
    marked.value.lostSight(by: .getFailed)
    marked.value.marked()
    marked.value.retried()
    marked.set(5)
    #expect(marked.isPending(.change))
  }

  @Test func `sighted: the baseline is the value`() {
    let slot = Slot()
    slot.value.lostSight(by: .getFailed)
    slot.value.sighted()
    #expect(!slot.value.hasNoBaseline && !slot.value.isUnsettled)
  }

  @Test func `written: loaded, clean, and its own`() {
    let slot = Slot()
    slot.value.foundStale([Key("old")])
    slot.set(5)
    slot.value.written(deadline: 7)
    #expect(slot.stored == .loaded && !slot.isDirty && slot.value.deadline == 7 && slot.value.staleKeys.isEmpty)
    #expect(!slot.isNews(TakenEntry(source: 0, identity: Slot.identity(of: 5))))
    #expect(slot.isNews(TakenEntry(source: 1, identity: Slot.identity(of: 5)))) // under a former key
    #expect(slot.isNews(entry(6)))
  }

  @Test func `overtaken: not dirty, and what is stored is news`() {
    let slot = Slot()
    slot.took(entry(1), isMigrated: true)
    slot.value.overtaken()
    #expect(!slot.isDirty && slot.stored == .migrated && slot.isNews(entry(2)))
  }

  @Test func `outlived: expired, and known, so that it does not come back`() {
    let slot = Slot()
    slot.value.took(entry(1), deadline: Deadline(stored: 5000, now: 1000, expiresAfter: 100), isMigrated: true)
    slot.value.outlived()
    #expect(slot.stored == .expired && !slot.isDirty && !slot.isNews(entry(1)))
    #expect(slot.value.deadline == 1100 && slot.value.storedDeadline == 5000)
  }

  @Test func `renewed: at most the field's own expiry from now`() {
    let slot = Slot()
    slot.value.renewed(Deadline(stored: 5000, now: 1000, expiresAfter: 100))
    #expect(slot.value.deadline == 1100 && slot.value.owesDeadline && slot.value.isUnsettled && !slot.isDirty)
    slot.value.renewed(Deadline(stored: 5000, now: 1050, expiresAfter: 100))
    #expect(slot.value.deadline == 1100) // looking at it does not move it
    slot.value.renewed(Deadline(stored: 5000, now: 900, expiresAfter: 100))
    #expect(slot.value.deadline == 1000 && slot.value.owesDeadline) // the clock was set back
    slot.value.renewed(Deadline(stored: 1100, now: 1000, expiresAfter: 100))
    #expect(slot.value.deadline == 1100 && !slot.value.owesDeadline)
    slot.value.renewed(Deadline(stored: 5000, now: 1000, expiresAfter: 0))
    #expect(slot.value.deadline == 5000)
    slot.value.renewed(Deadline(stored: Int64.max, now: Int64.max - 1, expiresAfter: 10))
    #expect(slot.value.deadline == Int64.max && !slot.value.owesDeadline)
  }
}

private func entry(_ text: Int) -> TakenEntry { TakenEntry(source: 0, identity: EntryIdentity(text: text, version: 0)) }

/// Makes a slot of an integer field of version 0.
private final class Slot {
  var value: FieldSlot<Binding>

  init() {
    value = FieldSlot(Binding(), key: PreparedKey.make(Key("field"), ByteBuffer()))
    _ = value.capture(0)
  }

  deinit { value.dispose() }

  /// Does what an update does with a value that differs.
  func set(_ number: Int) {
    if case .changed = value.capture(number) { value.changed() }
  }

  func took(_ entry: TakenEntry, isMigrated: Bool = false) {
    value.took(entry, deadline: Deadline(0), isMigrated: isMigrated)
  }

  var stored: FieldState.Stored { value.stored }
  var isDirty: Bool { value.isDirty }
  func isNews(_ entry: TakenEntry) -> Bool { value.isNews(entry, fieldVersion: 0) }
  func isPending(_ pending: FieldSlot<Binding>.Pending) -> Bool { value.pending == pending }
  func isOrigin(_ origin: FieldSlot<Binding>.Origin) -> Bool {
    switch (value.origin, origin) {
    case (.none, .none), (.ownWrite, .ownWrite): true
    case (.taken(let one), .taken(let other)), (.adopted(let one), .adopted(let other)): one == other
    default: false
    }
  }

  static func identity(of number: Int) -> EntryIdentity {
    let text = ByteBuffer()
    text.append(decimal: Int64(number))
    return EntryIdentity(text: hashOf(text.bytes), version: 0)
  }

  struct Binding: FieldBinding {
    var migrates: Bool { false }
    func makeBaseline() -> Int? { nil }
    func copy(_ baseline: Int?) -> Int? { baseline }
    func dispose(_ baseline: inout Int?) {}
    func capture(_ session: Int, _ baseline: inout Int?) -> Capture {
      defer { baseline = session }
      return baseline == session ? .same : .changed
    }
    func append(_ baseline: Int?, to buffer: ByteBuffer) throws(Failure) {
      guard let baseline else { throw Failure(.encode, "there is no value") }
      buffer.append(decimal: Int64(baseline))
    }
    func set(_ value: NativeValue, in session: inout Int) -> Int32 { 0 }
    func restore(_ baseline: Int?, in session: inout Int) -> Int32 { 0 }
    func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32? { nil }
  }
}
