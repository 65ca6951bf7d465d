"""Checks docs/faults.md: every fault has a test, and every test that it names exists."""
import ast
import pathlib
import re
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "mutations"))
import edits

PAGE = (TESTS.parent / "docs/faults.md").read_text()
MOST = 161


def rows():
    return {int(number): cells for number, cells in re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)}


def references(text):
    """Returns (path, test) for each name in `backquotes`. test is "" if the name is a whole file."""
    return re.findall(r"`((?:c|faults|fuzz|guards|journal|model|mutations|sessions|tool)/[\w./-]+)(?:::(\w+))?`", text)


def exists(path, name):
    if not path.is_file():
        return False
    text = path.read_text()
    if not name:
        return True
    if path.suffix == ".py":
        return name in {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    return f"TEST({name})" in text or f"CASE({name})" in text or f"CASE_OF_SCOPES({name})" in text


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
    mutations = edits.read_all()
    assert {mutation.name + ".edit" for mutation in mutations} == {pathlib.Path(path).name for path, _ in references(PAGE) if path.endswith(".edit")}
    for mutation in mutations:
        for test in mutation.tests:
            path, _, name = test.partition(" ")[0].removeprefix("Tests/").partition("[")[0].partition("::")
            assert exists(TESTS / path, name) or exists(TESTS / f"{path}.c", name), (mutation.name, test)


def test_each_mutation_fits_the_sources():
    assert not edits.check_all()


@pytest.mark.parametrize("edit", ["- absent", "- twice", "+ put", "- a\n+ b\n- c", "a"])
def test_an_edit_that_does_not_fit_is_refused(tmp_path, edit):
    (tmp_path / "wrong.edit").write_text(f"What is wrong: everything.\nCaught by: nobody\n\n{edit}\n")
    with pytest.raises(edits.Unfit):
        edits.Mutation(tmp_path / "wrong.edit").apply({"one": "once twice a", "two": "twice"})


def test_an_edit_may_have_several_lines(tmp_path):
    (tmp_path / "right.edit").write_text("What is wrong: everything.\nCaught by: nobody\n\n- a\n- b\n+ c\n\n- once \n")
    texts = {"one": "once a\n  // a comment\n  b", "two": "a b"}
    edits.Mutation(tmp_path / "right.edit").apply(texts)
    assert texts == {"one": "c", "two": "a b"}


def test_the_rules_name_files_that_exist():
    rules = re.findall(r"^\| S\d+ \| .* \| (.*) \|$", (TESTS / "README.md").read_text(), re.MULTILINE)
    named = [name for cell in rules for name in re.findall(r"`([\w./-]+)`", cell)]
    assert named and [name for name in named if not (TESTS / name).exists()] == []
