#!/usr/bin/env python3
"""Mutations: each .edit file in this folder takes one step out of the library, or puts one fault back.

    Tests/mutations/edits.py                 checks that each edit is found exactly once, and changes nothing
    Tests/mutations/edits.py NAME TREE       makes the edits of NAME.edit below TREE/Sources

An .edit file begins with a sentence that says what is wrong, and a line "Caught by: TEST" for each test that must fail. Then come the
edits, with an empty line before each. Lines that begin with "- " are looked for, and lines that begin with "+ " replace them:

    - owesSync = true
    + owesSync = false

Usually one line is enough, or a part of it. The text is looked for in all files below Sources, so that a file may be renamed or moved,
and it must be there exactly once. If no single line is unique, an edit has several lines. Their indentation does not matter, nor do
comments on lines of their own between them.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
NEXT_LINE = r"[ \t]*\n(?:[ \t]*//.*\n)*[ \t]*"


class Unfit(Exception):
    """The text of an edit is not found exactly once, or a file is not a list of edits."""


class Mutation:
    def __init__(self, path):
        self.name = path.stem
        head, *edits = path.read_text().rstrip("\n").split("\n\n")
        self.tests = re.findall(r"^Caught by: (.+)$", head, re.MULTILINE)
        self.edits = [self.parse(edit.splitlines()) for edit in edits]
        if not self.tests or not self.edits:
            raise Unfit(f"{path.name} names no test, or has no edit")

    def parse(self, lines):
        """Returns the lines to find, and the lines that replace them."""
        found = [line[2:] for line in lines if line.startswith("- ")]
        put = [line[2:] for line in lines if line.startswith("+ ")]
        if not found or lines != [f"- {line}" for line in found] + [f"+ {line}" for line in put]:
            raise Unfit(f"{self.name}: an edit is lines that begin with '- ', and then lines that begin with '+ '")
        return found, "\n".join(put)

    def apply(self, texts):
        """Changes `texts`, {path: text}. Raises Unfit if the text of an edit is not found exactly once."""
        for found, put in self.edits:
            pattern = re.compile(NEXT_LINE.join(re.escape(line) for line in found))
            places = [(path, match) for path, text in texts.items() for match in pattern.finditer(text)]
            if len(places) != 1:
                raise Unfit(f"{self.name}: found {len(places)} times: {' / '.join(found)}")
            path, match = places[0]
            texts[path] = texts[path][:match.start()] + put + texts[path][match.end():]


def read_sources(tree):
    return {path: path.read_text() for path in sorted(tree.glob("Sources/**/*")) if path.suffix in (".swift", ".c", ".h")}


def read_all():
    return [Mutation(path) for path in sorted(HERE.glob("*.edit"))]


def check_all():
    """Returns a line for each mutation that does not fit the sources of this tree."""
    sources = read_sources(HERE.parent.parent)
    wrong = []
    for path in sorted(HERE.glob("*.edit")):
        try:
            Mutation(path).apply(dict(sources))
        except Unfit as error:
            wrong.append(str(error))
    return wrong


def main(arguments):
    if not arguments:
        wrong = check_all()
        print("\n".join(wrong) or f"{len(read_all())} mutations fit")
        return 1 if wrong else 0
    name, tree = arguments
    before = read_sources(pathlib.Path(tree))
    after = dict(before)
    try:
        Mutation(HERE / f"{name}.edit").apply(after)
    except Unfit as error:
        print(error)
        return 1
    for path in before:
        if after[path] != before[path]:
            path.write_text(after[path])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
