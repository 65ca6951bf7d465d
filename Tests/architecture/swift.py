"""Reads Swift, C++ and Rust as far as the rules need: which part of a file is code, and what it declares."""

import functools
import re

# Of several matches, the one that begins first counts.
_NOT_CODE = re.compile(
    r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"'  # strings
    r"|//[^\n]*|/\*.*?\*/",
    re.DOTALL,
)
_TYPE = re.compile(
    r"^(?:  )?(?:(?:public|package|private|fileprivate|internal|final) +)*(?:class|struct|enum|protocol|typealias) +(\w+)", re.M)


@functools.cache
def code(text):
    """Returns the text without comments and with empty strings. Every line keeps its number."""
    return _NOT_CODE.sub(lambda found: ('""' if found[0][0] == '"' else "") + "\n" * found[0].count("\n"), text)


@functools.cache
def strings(text):
    return [found[0] for found in _NOT_CODE.finditer(text) if found[0][0] == '"']


@functools.cache
def methods(text):
    return set(re.findall(r"\bfunc (\w+)", code(text)))


@functools.cache
def functions(text):
    """Returns the functions that belong to no type."""
    return set(re.findall(r"^(?:public |package )?func (\w+)", code(text), re.M))


@functools.cache
def types(text):
    """Returns the types at the top level of a file. In Swift/ that is inside an #if, and so indented by two spaces."""
    return set(_TYPE.findall(code(text)))


@functools.cache
def imports(text):
    return set(re.findall(r"^\s*(?:[\w@]+ +)*import +(\w+)", code(text), re.M))
