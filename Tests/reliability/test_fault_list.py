"""docs/faults.md: every fault has a test, and every test that it names is there."""
import ast
import pathlib
import re

TESTS = pathlib.Path(__file__).resolve().parent.parent
PAGE = (TESTS.parent / "docs/faults.md").read_text()
MOST = 97


def rows():
    return {int(number): cells for number, cells in re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)}


def references(text):
    """(path, test) of what is named in `backquotes`; test "" where a whole file is meant."""
    return re.findall(r"`((?:c|faults|fuzz|guards|journal|model|mutations|tool)/[\w./-]+)(?:::(\w+))?`", text)


def exists(path, name):
    if not path.is_file():
        return False
    text = path.read_text()
    if not name:
        return True
    if path.suffix == ".py":
        return name in {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    return f"TEST({name})" in text or f"CASE({name})" in text


def test_the_list_is_whole():
    assert list(rows()) == list(range(1, MOST + 1))


def test_each_fault_has_a_test():
    for number, text in rows().items():
        fault, _, tests = text.rpartition(" | ")
        assert fault and references(tests), f"fault {number} names no test"


def test_each_test_that_is_named_exists():
    named = references(PAGE)
    assert len(named) > MOST
    missing = [f"{path}::{name}" for path, name in named if not exists(TESTS / path, name)]
    assert not missing


def test_each_mutation_is_named_and_names_tests_that_exist():
    patches = {path.name for path in (TESTS / "mutations").glob("*.patch")}
    assert patches == {pathlib.Path(path).name for path, _ in references(PAGE) if path.endswith(".patch")}
    for patch in patches:
        head = (TESTS / "mutations" / patch).read_text().partition("\n--- ")[0]
        caught_by = re.findall(r"^Caught by: Tests/([\w./-]+)(?:::(\w+))?", head, re.MULTILINE)
        assert caught_by, patch
        for path, name in caught_by:
            assert exists(TESTS / path, name) or exists(TESTS / f"{path}.c", name), (patch, path, name)
