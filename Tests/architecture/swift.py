"""Swift, C++ and Rust as far as the rules need them: what of a file is code, and what it declares."""

import functools
import re

# What begins first counts.
_NOT_CODE = re.compile(
    r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"'  # strings
    r"|//[^\n]*|/\*.*?\*/",
    re.DOTALL,
)
_TYPE = re.compile(
    r"^(?:  )?(?:(?:public|package|private|fileprivate|internal|final) +)*(?:class|struct|enum|protocol|typealias) +(\w+)", re.M)


@functools.cache
def code(text):
    """The text with comments gone and strings empty; every line stays where it is."""
    return _NOT_CODE.sub(lambda found: ('""' if found[0][0] == '"' else "") + "\n" * found[0].count("\n"), text)


def strings(text):
    return [found[0] for found in _NOT_CODE.finditer(text) if found[0][0] == '"']


def methods(text):
    return set(re.findall(r"\bfunc (\w+)", code(text)))


def functions(text):
    """Those of no type."""
    return set(re.findall(r"^(?:public |package )?func (\w+)", code(text), re.M))


def types(text):
    """The types at the top level of a file; in Swift/ that is inside an #if, and so two spaces in."""
    return set(_TYPE.findall(code(text)))


def imports(text):
    return set(re.findall(r"^\s*(?:[\w@]+ +)*import +(\w+)", code(text), re.M))
