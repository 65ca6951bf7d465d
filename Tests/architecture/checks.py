"""Checks the rules of rules.py. Each function finds what breaks a rule in a tree, which is {path: text}."""

import ast
import fnmatch
import functools
import pathlib
import re
import subprocess

import rules
from swift import code, functions, imports, methods, strings, types

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORE = "Sources/LilySession/"


def read_tree():
    """Returns the tree that the rules are about."""
    tops = ["Sources", "include", "docs/man/lily_session.3", "docs/statuses.md", rules.TOOL, *rules.BINDINGS]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *tops], cwd=ROOT, check=True, capture_output=True)
    paths = sorted(set(listed.stdout.decode().split("\0")) - {""})
    return {path: (ROOT / path).read_text() for path in paths if (ROOT / path).is_file()}


def swift_files(tree, under="Sources/"):
    return {path: text for path, text in tree.items() if path.startswith(under) and path.endswith(".swift")}


def is_below(path, top):
    return path == top or path.startswith(top + "/")


def modules(tree):
    """A file imports only what its folder may import."""
    for path, text in swift_files(tree).items():
        folder = max((folder for folder in rules.IMPORTS if is_below(path, folder)), key=len, default=None)
        for module in sorted(imports(text) - rules.IMPORTS.get(folder, set())):
            yield f"{path} imports {module}"


def layers(tree):
    """Each file of the core belongs to a layer, and names no type of a later layer."""
    order = list(rules.LAYERS)
    files = swift_files(tree, CORE)
    layer_of = {}
    for path in files:
        name = path.removeprefix(CORE).removesuffix(".swift")
        found = [layer for layer in order if any(fnmatch.fnmatchcase(name, pattern) for pattern in rules.LAYERS[layer])]
        if len(found) != 1:
            yield f"{path} is in no layer of rules.LAYERS, or in several"
        layer_of[path] = found[0] if found else order[-1]
    home = {name: layer_of[path] for path, text in files.items() for name in types(text)}
    for path, text in files.items():
        for name in sorted(set(re.findall(r"(?<![.\w])[A-Z]\w*", code(text)))):
            if name in home and order.index(home[name]) > order.index(layer_of[path]):
                yield f"{path} ({layer_of[path]}) knows {name} ({home[name]})"


def no_c_names(tree):
    """The core does not know the C API: only its comments have names of the header."""
    for path, text in swift_files(tree, CORE).items():
        for name in sorted(set(re.findall(r"\blily_session_?\w*", code(text)))):
            yield f"{path} names {name}"


def seams(tree):
    """Only the files that rules.C_FUNCTIONS names call functions of libc."""
    known = c_functions(tree["Sources/CPlatform/include/CPlatform.h"])
    files = swift_files(tree)
    for path, text in files.items():
        allowed = rules.C_FUNCTIONS.get(path, set()) | rules.MEMORY_AND_TEXT
        if "*" in allowed or "CPlatform" not in imports(text):
            continue
        # A function of C may have the name of one of ours. A type's files begin with its name, so `open` in Journal+Read.swift is Journal's.
        own = {name for other, text in files.items() if type_of(other) == type_of(path) for name in methods(text)}
        own |= {name for other, text in files.items() if other.startswith((CORE, path.rsplit("/", 1)[0])) for name in functions(text)}
        called = set(re.findall(r"(?<![.\w])(?<!func )(\w+)\(", code(text))) & known - own
        called |= set(re.findall(r"\bCPlatform\.(\w+)\(", code(text)))
        for name in sorted(called - allowed):
            yield f"{path} calls {name}"


def type_of(path):
    return path.removesuffix(".swift").split("+")[0]


@functools.cache
def c_functions(header):
    """Returns what a header and all headers that it includes declare, as the compiler lists it."""
    path = ROOT / "build/architecture"
    path.mkdir(parents=True, exist_ok=True)
    headers = ROOT / "Sources/CPlatform/include"
    subprocess.run(
        ["gcc", "-std=gnu2x", "-fsyntax-only", "-I", headers, "-aux-info", "declared", "-x", "c", "-"], input=header.encode(), cwd=path, check=True)
    return set(re.findall(r"(\w+) \(", (path / "declared").read_text()))


def nothing_traps(tree):
    """The sources have no `!`, `try!` or `as!`. Only exhausted memory may end the host."""
    for path, text in swift_files(tree).items():
        for number, (line, whole) in enumerate(zip(code(text).split("\n"), text.split("\n")), 1):
            if re.search(r"[\w)\]}>?]!(?!=)", line):
                yield f"{path}:{number} unwraps by force: {line.strip()}"
            if re.search(rules.ENDS, line):
                yield f"{path}:{number} may end the host: {line.strip()}"
            if "fatalError" in line and (path not in rules.MAY_END or rules.FATAL_ERROR not in whole):
                yield f"{path}:{number} may end the host: {line.strip()}"


def swift_face(tree):
    """The shared library has nothing of Swift/, because each file there is inside one #if."""
    for path, text in swift_files(tree, CORE + "Swift/").items():
        if not re.fullmatch(r"#if !hasFeature\(Embedded\)\n(?:(?!#).*\n)*#endif\n", text):
            yield f"{path} is not one #if !hasFeature(Embedded) from its first line to its last"


def key_prefix(tree):
    """The prefix of keys is spelled in one place of the core and in one of the command."""
    for path, text in tree.items():
        if path in rules.KNOWS_KEY_PREFIX or path == "include/lily_session.h":
            continue
        if rules.KEY_PREFIX in literals(path, text):
            yield f"{path} has {rules.KEY_PREFIX}"


def statuses(tree):
    """The lists of statuses in all languages have those of the header."""
    table = re.findall(r"^  LILY_SESSION_ERROR_(\w+) = (-\d+),? +/\*\*< (.*) \*/$", tree["include/lily_session.h"], re.M)
    for path, pattern, template in rules.STATUS_LISTS:
        wanted = set()
        for name, number, sentence in table:
            pascal = name.title().replace("_", "")
            wanted.add(template.format(
                name=name, number=number, sentence=sentence[0].upper() + sentence[1:], snake=name.lower(), pascal=pascal,
                camel=pascal[0].lower() + pascal[1:]))
        found = {" ".join(text.split()) for text in re.findall(pattern, tree[path])}
        for text in sorted(found ^ wanted):
            yield f"{path} {'has' if text in found else 'lacks'} {text}"


def literals(path, text):
    """Returns the strings of a file, each in double quotes. A docstring is a comment, not a string."""
    if not path.endswith(".py"):
        return strings(text)
    parsed = ast.parse(text)
    prose = {id(node.value) for node in ast.walk(parsed) if isinstance(node, ast.Expr)}
    found = (node.value for node in ast.walk(parsed) if isinstance(node, ast.Constant) and id(node) not in prose)
    found = (value.decode("latin-1") if isinstance(value, bytes) else value for value in found)
    return [f'"{value}"' for value in found if isinstance(value, str)]


def bindings(tree):
    """A binding knows only the names of the header, and nothing behind it."""
    header = {name for path in rules.HEADERS for name in re.findall(r"\blily_session\w*", tree[path])}
    for path, text in tree.items():
        if not any(is_below(path, top) for top in rules.BINDINGS):
            continue
        here = "\n".join(literals(path, text)) + "\n" + (python_code(text) if path.endswith((".py", ".pyi")) else code(text))
        for name in sorted(set(re.findall(r"\blily_session_\w+", here)) - header - rules.OF_THE_BINDINGS):
            yield f"{path} names {name}, which is not the header's"
        for word in sorted(set(re.findall(rules.BEHIND_THE_HEADER, here))):
            yield f"{path} knows {word}"
        for name in re.findall(r"^#\s*include (.*)", text, re.M):
            if not re.fullmatch(r"<(?:lily_session(?:_redis)?\.h(?:pp)?|nlohmann/json\.hpp|[a-z_]+)>", name):  # headers of C++ have no ending
                yield f"{path} includes {name}"


def python_code(text):
    """Returns the text without comments and strings."""
    return re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|#[^\n]*', "", re.sub(r'"""(?:\\.|[^\\])*?"""', "", text))


def tool(tree):
    """Only one file of the command calls storages."""
    for path, text in tree.items():
        if path.startswith(rules.TOOL) and path.rsplit("/", 1)[1] not in rules.ASKS_STORAGES:
            for word in sorted(set(re.findall(rules.ASKING, code(text)))):
                yield f"{path} names {word}"


def lengths(tree):
    for path, text in tree.items():
        if path.startswith("Sources/") and text.count("\n") > rules.LONGEST:
            yield f"{path} has {text.count(chr(10))} lines, and {rules.LONGEST} are allowed"


def stale(tree):
    """Everything that the rules name exists."""
    named = [*rules.C_FUNCTIONS, *rules.MAY_END, *rules.KNOWS_KEY_PREFIX, *rules.IMPORTS, *rules.BINDINGS, rules.TOOL]
    for name in named:
        if not any(is_below(path, name) for path in tree):
            yield f"rules.py names {name}, which is not there"
    for layer, patterns in rules.LAYERS.items():
        for pattern in patterns:
            if not fnmatch.filter(tree, f"{CORE}{pattern}.swift"):
                yield f"rules.LAYERS: {layer} has {pattern}, which is not there"


ALL = [modules, layers, no_c_names, seams, nothing_traps, swift_face, key_prefix, statuses, bindings, tool, lengths, stale]
