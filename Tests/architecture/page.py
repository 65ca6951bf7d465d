"""Checks docs/architecture.md against the code: everything that it names in backticks, and in its picture, exists."""

import re

import rules
from checks import ROOT
from swift import types

PAGE = ROOT / "docs/architecture.md"
PICTURE = ROOT / "docs/architecture.svg"


def is_path(name):
    return "/" in name or re.search(r"\.(?:swift|c|h|hpp|md|map|py)$", name)


def resolve(name, tree):
    """Returns the file or folder that a name means, which is a path of the repository or the end of one file's path, or else None."""
    if (ROOT / name).exists():
        return name
    found = [path for path in tree if path.endswith("/" + name)]
    if len(found) == 1:
        return found[0]
    folders = {path[: path.index("/" + name) + len(name)] for path in tree if name.endswith("/") and "/" + name in path}
    return folders.pop() if len(folders) == 1 else None


def wrong_names(page, tree):
    """Returns what the page names in backticks and does not exist. It names files, folders, types and functions of the header, and nothing
    private."""
    known = rules.OF_OTHERS | set(re.findall(r"\blily_session_\w+", tree["include/lily_session.h"]))
    for path, text in tree.items():
        if path.startswith("Sources/") and path.endswith(".swift"):
            known |= types(text)
    for name in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL)):
        if is_path(name):
            if resolve(name, tree) is None:
                yield f"no file, or several: {name}"
        elif re.fullmatch(r"[A-Za-z_]\w*", name) and name not in known:
            yield f"{name} is no type of Sources, and no function of the header"


def wrong_in_picture(picture, tree):
    for name in re.findall(r"<text[^>]*>([^<]+)</text>", picture):
        for word in re.findall(r"[\w/.+-]*(?:/|\.swift|\.h)(?![\w.])", name):
            if word != "/" and resolve(word, tree) is None:
                yield f"the picture names {word}"
    modules = {"include/", "bindings/", "LilySessionC", "LilySession", "Swift/", "CPlatform", "CJansson"}
    layers = set(rules.LAYERS) - {"swift"}  # this layer is Swift/
    for name in sorted((modules | layers) - set(re.findall(r">([\w/.]+)</text>", picture))):
        yield f"the picture does not show {name}"
