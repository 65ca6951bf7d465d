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
    #expect(slot.stored == .newer && !slot.isNews(entry(1)) && slot.deadline == 9 && !slot.isInModel && !slot.hasOfStorage)
  }

  @Test func `refused after it was loaded: the model still has what was loaded, until a clear`() {
    let slot = Slot()
    slot.took(entry(1))
    slot.value.refused(entry(2), deadline: 0, as: .rejected)
    slot.value.refused(entry(3), deadline: 0, as: .rejected)
    #expect(slot.isRemnant(.older) && slot.hasOfStorage)
    _ = slot.value.cleared()
    #expect(slot.isRemnant(.cleared) && slot.hasOfStorage)
    slot.value.refused(entry(4), deadline: 0, as: .rejected) // before this, the field got its initial value
    #expect(slot.isRemnant(.nothing) && !slot.hasOfStorage)
  }

  @Test func `wasSet: the value is not the initial one any more`() {
    let slot = Slot()
    slot.value.wasSet()
    slot.value.keepInitialFromBaseline()
    let hasInitial = slot.value.hasInitial
    #expect(!hasInitial)
  }

  @Test func `gone: what comes back is news`() {
    let slot = Slot()
    slot.took(entry(1))
    slot.value.gone(expired: true)
    #expect(slot.stored == .expired && slot.isNews(entry(1)) && slot.deadline == 0)
  }

  @Test func `cleared: a change of this update stays, an older one is dropped and told`() {
    let fresh = Slot()
    fresh.took(entry(1))
    fresh.set(5)
    #expect(!fresh.value.cleared() && fresh.isPending(.change))
    #expect(fresh.stored == .absent && fresh.isRemnant(.cleared))

    let old = Slot()
    old.set(5)
    old.value.updateBegan()
    #expect(old.value.cleared() && old.isPending(.nothing))
    #expect(old.isRemnant(.nothing)) // it was never stored

    let migrated = Slot()
    migrated.took(entry(1), isMigrated: true)
    #expect(!migrated.value.cleared() && migrated.isPending(.nothing) && migrated.isRemnant(.cleared))
    _ = migrated.value.cleared()
    #expect(migrated.isRemnant(.cleared)) // this stays true until a refresh
  }

  @Test func `changed: dirty, and fresh until the next update begins`() {
    let slot = Slot()
    slot.set(1)
    #expect(slot.isPending(.change) && slot.isDirty && slot.changedInThisUpdate && slot.hasOwnValue)
    slot.value.updateBegan()
    #expect(slot.isDirty && !slot.changedInThisUpdate)
  }

  @Test func `changed after it was left out and cleared: it can be written again`() {
    let slot = Slot()
    slot.set(1)
    slot.value.writeFailed()
    #expect(!slot.isWritable)
    _ = slot.value.cleared()
    slot.set(2)
    #expect(slot.isWritable)
  }

  @Test func `marked: dirty at once, a change when the next update begins`() {
    let slot = Slot()
    slot.value.marked()
    #expect(slot.isDirty && slot.isPending(.nothing) && !slot.value.cleared() && slot.isDirty)
    slot.value.retried()
    #expect(slot.isPending(.change) && slot.changedInThisUpdate && !slot.isMarked)

    let missing = Slot() // a map's entry that the model does not have
    _ = missing.value.captureAbsence()
    missing.value.marked()
    missing.value.retried()
    #expect(missing.isPending(.nothing) && !missing.isDirty)
  }

  @Test func `retried: what failed may be well`() {
    let slot = Slot()
    slot.value.getFailed()
    slot.value.retried()
    #expect(!slot.isUnsettled)
  }

  @Test func `tried: what could be taken is no trouble any more`() {
    let slot = Slot()
    slot.value.lostSight(by: .getFailed)
    slot.value.tried()
    #expect(slot.hasNoBaseline) // get failed at attach
    slot.value.retried()
    slot.value.tried() // an update that finds the value equal to the baseline
    #expect(!slot.hasNoBaseline && slot.isPending(.firstValue))
  }

  @Test func `getFailed: not dirty, but not settled`() {
    let slot = Slot()
    slot.value.getFailed()
    #expect(!slot.isDirty && slot.isUnsettled && !slot.hasOwnValue)
  }

  @Test func `becameUnstorable: dirty until the value can be stored`() {
    let slot = Slot()
    slot.value.becameUnstorable()
    #expect(slot.isDirty && slot.hasOwnValue && slot.isPending(.nothing))
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
    #expect(slot.isPending(.nothing) && slot.stored == .migrated && slot.hasNoBaseline)
    let unstorable = Slot()
    unstorable.value.lostSight(by: .unstorable)
    #expect(!unstorable.isDirty && !unstorable.hasOwnValue) // a value that was there from the start is not a change
  }

  @Test func `found: written where there is nothing, adopted where there is something`() {
    let absent = Slot()
    absent.value.lostSight(by: .getFailed)
    absent.value.retried()
    absent.set(5)
    #expect(absent.isPending(.firstValue) && absent.isWritable)

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
    #expect(!slot.hasNoBaseline && !slot.isUnsettled)
  }

  @Test func `written: loaded, clean, and its own`() {
    let slot = Slot()
    slot.value.foundStale([Key("old")])
    slot.set(5)
    slot.value.written(deadline: 7)
    #expect(slot.stored == .loaded && !slot.isDirty && slot.deadline == 7 && slot.staleKeys.isEmpty)
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

  @Test func `reset: nothing is stored, and nothing is to be`() {
    let slot = Slot()
    slot.took(entry(1))
    slot.set(5)
    slot.value.marked()
    slot.value.reset()
    #expect(slot.stored == .absent && !slot.isDirty && slot.isNews(entry(1)) && slot.isRemnant(.nothing))
  }

  @Test func `captureAbsence: a value that is missing is a change, once`() {
    let slot = Slot()
    slot.took(entry(1))
    guard case .changed = slot.value.captureAbsence() else { Issue.record("no change"); return }
    slot.value.changed()
    #expect(slot.isEmpty && slot.isPending(.change))
    guard case .same = slot.value.captureAbsence() else { Issue.record("a change again"); return }
  }

  @Test func `removed: storage has what the model has, which is nothing`() {
    let slot = Slot()
    slot.took(entry(1))
    _ = slot.value.captureAbsence()
    slot.value.changed()
    slot.value.written(deadline: 7)
    #expect(slot.stored == .absent && !slot.isDirty && slot.isNews(entry(1)) && slot.deadline == 0)
  }

  @Test func `S27 an entry of a map is forgotten when neither the model nor storage has it, nor had it before`() {
    let slot = Slot(hasInitial: true)
    #expect(!slot.isForgettable) // the model has it
    _ = slot.value.captureAbsence()
    #expect(slot.isForgettable)
    slot.value.changed()
    #expect(!slot.isForgettable)
    slot.value.written(deadline: 0)
    #expect(slot.isForgettable)
    slot.value.refused(entry(1), deadline: 0, as: .rejected)
    #expect(!slot.isForgettable)
  }

  @Test func `outlived: expired, and known, so that it does not come back`() {
    let slot = Slot()
    slot.value.took(entry(1), deadline: Deadline(stored: 5000, now: 1000, expiresAfter: 100), isMigrated: true)
    slot.value.outlived(entry(1))
    #expect(slot.stored == .expired && !slot.isDirty && !slot.isNews(entry(1)))
    #expect(slot.deadline == 1100 && slot.storedDeadline == 5000)
  }

  @Test func `outlived: an entry of its own is known though the baseline is the initial value again`() {
    let slot = Slot()
    let own = TakenEntry(source: 0, identity: Slot.identity(of: 5))
    slot.set(5)
    slot.value.written(deadline: 7)
    slot.value.outlived(own)
    _ = slot.value.capture(0)
    #expect(slot.stored == .expired && !slot.isNews(own))
  }

  @Test func `renewed: at most the field's own expiry from now`() {
    let slot = Slot()
    slot.value.renewed(Deadline(stored: 5000, now: 1000, expiresAfter: 100))
    #expect(slot.deadline == 1100 && slot.owesDeadline && slot.isUnsettled && !slot.isDirty)
    slot.value.renewed(Deadline(stored: 5000, now: 1050, expiresAfter: 100))
    #expect(slot.deadline == 1100) // looking at it does not move it
    slot.value.renewed(Deadline(stored: 5000, now: 900, expiresAfter: 100))
    #expect(slot.deadline == 1000 && slot.owesDeadline) // the clock was set back
    slot.value.renewed(Deadline(stored: 1100, now: 1000, expiresAfter: 100))
    #expect(slot.deadline == 1100 && !slot.owesDeadline)
    slot.value.renewed(Deadline(stored: 5000, now: 1000, expiresAfter: 0))
    #expect(slot.deadline == 5000)
    slot.value.renewed(Deadline(stored: Int64.max, now: Int64.max - 1, expiresAfter: 10))
    #expect(slot.deadline == Int64.max && !slot.owesDeadline)
  }
}

private func entry(_ text: Int) -> TakenEntry { TakenEntry(source: 0, identity: EntryIdentity(textHash: text, version: 0)) }

/// Makes a slot of an integer field of version 0.
private final class Slot {
  var value: FieldSlot<Binding>
  private let list = ListedFields<Binding>()

  init(hasInitial: Bool = false) {
    let field = try! FieldDefinition(
      key: Key("field"), types: .int, expiresAfter: 0, version: 0, formerKeys: [], binding: Binding(), owner: nil)
    list.append(field)
    value = FieldSlot(list.fields, key: list.keys.prepared[0], hasInitial: hasInitial)
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

  // A slot cannot be copied, and #expect copies what it asks.
  var stored: FieldState.Stored { value.stored }
  var isDirty: Bool { value.isDirty }
  var isEmpty: Bool { value.isEmpty }
  var isForgettable: Bool { value.isForgettable }
  var changedInThisUpdate: Bool { value.changedInThisUpdate }
  var deadline: Int64 { value.deadline }
  var hasNoBaseline: Bool { value.hasNoBaseline }
  var hasOwnValue: Bool { value.hasOwnValue }
  var isInModel: Bool { value.isInModel }
  var isMarked: Bool { value.isMarked }
  var isUnsettled: Bool { value.isUnsettled }
  var isWritable: Bool { value.isWritable }
  var owesDeadline: Bool { value.owesDeadline }
  var staleKeys: [Key] { value.staleKeys }
  var storedDeadline: Int64 { value.storedDeadline }
  var hasOfStorage: Bool { value.hasOfStorage }
  func isRemnant(_ remnant: FieldSlot<Binding>.Remnant) -> Bool { value.remnant == remnant }
  func isNews(_ entry: TakenEntry) -> Bool { value.isNews(entry) }
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
    return EntryIdentity(textHash: hashOf(text.bytes), version: 0)
  }

  struct Binding: FieldBinding {
    typealias Visited = Int
    typealias Map = NoMap<Binding>

    var migrates: Bool { false }
    func makeBaseline() -> Int? { nil }
    func copy(_ baseline: Int?) -> Int? { baseline }
    func dispose(_ baseline: inout Int?) {}
    func capture(_ session: Int, _ baseline: inout Int?) -> Capture {
      defer { baseline = session }
      return baseline == session ? .same : .changed
    }
    func capture(visited session: Int, _ baseline: inout Int?) -> Capture { capture(session, &baseline) }
    func empty(_ baseline: inout Int?) { baseline = nil }
    func isEmpty(_ baseline: Int?) -> Bool { baseline == nil }
    func append(_ baseline: Int?, to buffer: ByteBuffer) throws(Failure) {
      guard let baseline else { throw Failure(.encode, "there is no value") }
      buffer.append(decimal: Int64(baseline))
    }
    func set(_ value: NativeValue, in session: inout Int) -> Int32 { 0 }
    func restore(_ baseline: Int?, in session: inout Int) -> Int32 { 0 }
    func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32? { nil }
  }
}
