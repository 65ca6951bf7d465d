"""Checks which part may depend on which, that each rule notices what breaks it, and that docs/architecture.md names what exists."""

import re

import checks
import page
import pytest


@pytest.fixture(scope="module")
def tree():
    return checks.read_tree()


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_the_tree_keeps(check, tree):
    assert list(check(tree)) == []


CORE = "Sources/LilySession/"
# A rule, a file, and a text that the rule must notice in it, at its end or in place of the first match of a pattern.
BREAKS = [
    (checks.modules, CORE + "Key.swift", "import CLilySession"),
    (checks.modules, CORE + "JSONText.swift", "import CJansson"),
    (checks.modules, CORE + "Runtime.swift", "internal import Foundation"),
    (checks.modules, CORE + "Swift/Value.swift", "@testable import LilySessionC"),
    (checks.modules, "Sources/LilySessionC/Field.swift", "import CJansson"),
    (checks.layers, CORE + "Storage/Watch.swift", "let session: Session?"),
    (checks.layers, CORE + "Storage/Journal.swift", "extension Attachment {}"),
    (checks.layers, CORE + "JSON.swift", "typealias Table = EntryTable"),
    (checks.layers, CORE + "Runtime.swift", "func change(_ value: Value) {}"),
    (checks.layers, CORE + "Elsewhere.swift", "struct Elsewhere {}"),
    (checks.no_c_names, CORE + "NativeValue.swift", "typealias Other = lily_session_value"),
    (checks.seams, CORE + "Storage/Journal+Read.swift", "func size() { fstat(file, nil) }"),
    (checks.seams, CORE + "Storage/Line.swift", "let now = time(nil)"),
    (checks.seams, CORE + "Storage/EntryTable.swift", 'let log = open("/tmp/log", 1)'),
    (checks.seams, CORE + "Storage/Journal+Write.swift", "let got = CPlatform.write(file, nil, 0)"),
    (checks.seams, "Sources/LilySessionC/Storage.swift", "let it = platform_random(nil, 0)"),
    (checks.nothing_traps, CORE + "Key.swift", "let first = bytes.first!"),
    (checks.nothing_traps, CORE + "Key.swift", "let all = try! read()"),
    (checks.nothing_traps, "Sources/LilySessionC/Border.swift", "let it = object as! Journal"),
    (checks.nothing_traps, CORE + "Swift/Value.swift", "var it: Int!"),
    (checks.nothing_traps, CORE + "ByteBuffer.swift", 'func end() { fatalError("no") }'),
    (checks.nothing_traps, CORE + "Runtime.swift", 'func end() { fatalError("out of memory") }'),
    (checks.nothing_traps, CORE + "Batch.swift", "func check() { precondition(isEmpty) }"),
    (checks.swift_face, CORE + "Swift/Value.swift", "public struct Beside {}"),
    (checks.key_prefix, CORE + "Storage/Scope.swift", 'let prefix = "lily_session_"'),
    (checks.key_prefix, "bindings/python/src/lily_session/_fields.py", "PREFIX = 'lily_session_'"),
    (checks.key_prefix, "bindings/rust/lily-session/src/field.rs", 'const PREFIX: &str = "lily_session_";'),
    (checks.statuses, CORE + "Values/Status.swift", "public static var late: Status { Status(rawValue: -28) }"),
    (checks.statuses, "Sources/LilySessionC/Status.swift", 'case .late: "LILY_SESSION_ERROR_LATE"'),
    (checks.statuses, CORE + "Swift/Descriptions.swift", 'case .busy: "late"'),
    (checks.statuses, "include/lily_session.hpp", "using late_error = error_of<status::late>;"),
    (checks.statuses, "bindings/python/src/lily_session/_errors.py", "    status = lib.LILY_SESSION_ERROR_LATE"),
    (checks.statuses, "bindings/rust/lily-session/src/status.rs", "Late = LILY_SESSION_ERROR_BUSY"),
    (checks.statuses, "docs/statuses.md", "## LILY_SESSION_ERROR_LATE (-28)"),
    (checks.statuses, "docs/man/lily_session.3", ".It Dv LILY_SESSION_ERROR_BUSY\nIt is late."),
    (checks.bindings, "bindings/python/src/lily_session/_storage.py", 'default = os.environ.get("XDG_STATE_HOME")'),
    (checks.bindings, "bindings/python/src/lily_session/_storage.py", "lib.lily_session_storage_lock(handle)"),
    (checks.bindings, "bindings/rust/lily-session/src/storage.rs", "fn lock() { unsafe { flock(3, 2) } }"),
    (checks.bindings, "include/lily_session.hpp", "#include <sys/file.h>"),
    (checks.tool, "tools/lily-session/Sources/lily-session/Commands/List.swift", "let journal = try Journal.open(path: path)"),
    (checks.tool, "tools/lily-session/Sources/lily-session/Dump.swift", "func dump(_ storage: any Storage) {}"),
    (checks.lengths, CORE + "Key.swift", "//\n" * 300),
]


@pytest.mark.parametrize(("check", "path", "broken"), BREAKS, ids=lambda part: getattr(part, "__name__", str(part)[-40:]))
def test_a_rule_notices(check, path, broken, tree):
    found = list(check({**tree, path: tree.get(path, "") + broken + "\n"}))
    assert len(found) == 1 and path in found[0]


def test_a_rule_notices_what_is_gone(tree):
    gone = {path: text for path, text in tree.items() if path != CORE + "Storage/Exclusion.swift" and "/Swift/" not in path}
    assert len(list(checks.stale(gone))) == 4  # two files that call C, the folder's imports, the layer


def test_a_rule_looks_at_code_alone(tree):
    said = '// the host\'s lily_session_value, by try! and fstat()\nlet text = "as! fatalError \\" flock() lily_session_x"\n'
    path = CORE + "Storage/Line.swift"
    for check in checks.ALL:
        assert list(check({**tree, path: tree[path] + said})) == []


# ---- the page


def test_the_page_names_what_there_is(tree):
    assert list(page.wrong_names(page.PAGE.read_text(), tree)) == []


def test_the_picture_names_what_there_is(tree):
    assert list(page.wrong_in_picture(page.PICTURE.read_text(), tree)) == []


@pytest.mark.parametrize(("right", "wrong"), [
    ("`HostLens`", "`HostLenses`"),  # no such type
    ("`HostLens`", "`storeChanges`"),  # a function that the header does not have
    ("`Journal+Lock.swift`", "`Journal+Locks.swift`"),  # no such file
    ("`Session/Runtime.swift`", "`Runtime.swift`"),  # two files
    ("`lily_session_free`", "`lily_session_release`"),  # not in the header
])
def test_the_page_is_noticed_to_be_wrong(right, wrong, tree):
    text = page.PAGE.read_text()
    assert right in text
    assert list(page.wrong_names(text.replace(right, wrong, 1), tree)) != []


def test_the_picture_is_noticed_to_be_wrong(tree):
    picture = page.PICTURE.read_text()
    for right, wrong in [("Syscalls.swift", "Kernel.swift"), (">storage<", ">store<"), ("bindings/", "binding/")]:
        assert list(page.wrong_in_picture(picture.replace(right, wrong), tree)) != []


def test_the_page_has_the_layers(tree):
    for layer in page.rules.LAYERS:
        assert f"**{layer}**" in page.PAGE.read_text()


# ---- a field's transitions

SLOT = CORE + "Session/FieldSlot.swift"
SLOT_TESTS = page.ROOT / "Tests/LilySessionTests/FieldSlotTests.swift"
# These are bookkeeping of an update, and not transitions. `hold`, `changeIfMarked` and `becomePending` are parts of several transitions.
BOOKKEEPING = {
    "becomePending", "changeIfMarked",
    "dispose", "capture", "keepInitial", "keepInitialFromBaseline", "hold", "foundStale", "settledDeadline", "droppedStaleKeys", "writeFailed",
    "toldChore", "updateBegan", "expect", "visited",
}


def test_each_transition_is_taken_by_a_test(tree):
    transitions = set(re.findall(r"mutating func (\w+)", tree[SLOT])) - BOOKKEEPING
    assert set(re.findall(r"@Test func `(\w+):", SLOT_TESTS.read_text())) == transitions


def test_a_slot_is_changed_by_its_transitions_alone(tree):
    assert re.findall(r"^  (?:fileprivate\(set\) )?var (\w+): ?[^{\n]*$", tree[SLOT].split("struct TakenEntry")[0], re.M) == []
