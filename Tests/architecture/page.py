"""docs/architecture.md against the code: what it names in backticks, and in its picture, exists."""

import re

import rules
from checks import ROOT
from swift import names

PAGE = ROOT / "docs/architecture.md"
PICTURE = ROOT / "docs/architecture.svg"


def items(page):
    """Its paragraphs, list items and table rows, each on one line."""
    page = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n|\n(?=\s*(?:[-|#]|\d+\.) ?)", page)]


def is_path(name):
    return "/" in name or re.search(r"\.(?:swift|c|h|hpp|md|map|py)$", name)


def resolve(name, tree):
    """The file or folder that a name means: a path of the repository, or the end of one file's path; None: neither."""
    if (ROOT / name).exists():
        return name
    found = [path for path in tree if path.endswith("/" + name)]
    if len(found) == 1:
        return found[0]
    folders = {path[: path.index("/" + name) + len(name)] for path in tree if name.endswith("/") and "/" + name in path}
    return folders.pop() if len(folders) == 1 else None


def wrong_names(page, tree):
    """What the page names and is not there. A function is looked for in the files that its item names, if it names any of Sources."""
    everywhere = declared_everywhere(tree)
    for item in items(page):
        quoted = re.findall(r"`([^`]+)`", item)
        paths = {name: resolve(name, tree) for name in quoted if is_path(name)}
        for name, path in paths.items():
            if path is None:
                yield f"no file, or several: {name}"
        here = [path for path in paths.values() if path in tree and path.endswith(".swift")]
        declared = set().union(*(names(tree[path]) for path in here)) if here else everywhere
        for name in quoted:
            if name in paths or not re.fullmatch(r"[A-Za-z_]\w*", name) or name in rules.OF_OTHERS:
                continue
            if name not in declared and not (name in everywhere and (name[0].isupper() or name.startswith("lily_session_"))):
                yield f"{name} is not declared in {', '.join(here) or 'Sources'}"


def declared_everywhere(tree):
    header = set(re.findall(r"\blily_session_\w+", tree["include/lily_session.h"]))
    return header.union(*(names(text) for path, text in tree.items() if path.startswith("Sources/") and path.endswith(".swift")))


def wrong_in_picture(picture, tree):
    for name in re.findall(r"<text[^>]*>([^<]+)</text>", picture):
        for word in re.findall(r"[\w/.+-]*(?:/|\.swift|\.h)(?![\w.])", name):
            if word != "/" and resolve(word, tree) is None:
                yield f"the picture names {word}"
    modules = {"include/", "bindings/", "LilySessionC", "LilySession", "Swift/", "CPlatform", "CJansson"}
    layers = set(rules.LAYERS) - {"swift"}  # that is Swift/
    for name in sorted((modules | layers) - set(re.findall(r">([\w/.]+)</text>", picture))):
        yield f"the picture does not show {name}"
