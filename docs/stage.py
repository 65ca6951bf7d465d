"""Writes the site's sources: the repository's Markdown pages in the places that the site has for them, with their links changed, and
the pages that only the site has (navigation, the C and C++ reference, the sources that pages link to).

    docs/stage.py FOLDER

The pages themselves are plain Markdown, whose links work in a repository browser; nothing in them is for the site.
"""
import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
OUT = Path(sys.argv[1])

# The pages of the navigation. Pages that do not exist yet are left out. "guides/index" has the guides below it.
NAVIGATION = {
    "Start": ["overview", "install", "guides/index", "platforms", "faq"],
    "Languages": ["c/start", "bindings/cpp", "bindings/python", "bindings/rust", "bindings/swift"],
    "Reference": ["c/index", "cpp/index", "swift", "statuses", "command-line", "format", "redis-format", "man/index"],
    "Promises": ["reliability", "faults", "performance"],
    "Project": ["packages", "architecture", "contributing", "security", "changelog"],
}

# The names in the navigation of pages whose own titles do not fit there.
TITLES = {"overview": "Overview", "c/start": "C", "bindings/cpp": "C++", "bindings/python": "Python", "bindings/rust": "Rust", "bindings/swift": "Swift"}

# The headers: the site's folder for each, its title, and its groups, each of which is a page. SECTIONS has the order within a page.
HEADERS = [
    ("c", "C reference", "lily_session.h", ["library", "values", "storage", "backend", "fields", "runtime", "session", "redis"]),
    ("cpp", "C++ reference", "lily_session.hpp", ["errors", "storage", "fields", "runtime", "session"]),
]
# A group of the first that has a header of its own.
OWN_HEADER = {"redis": "lily_session_redis.h"}
SECTIONS = ("briefdescription detaileddescription func innerclass public-type public-func public-attrib public-static-func friend "
            "enum typedef define user-defined")

MANUAL = ["docs/man/lily_session.3", "docs/man/lily_session_redis.3", "tools/lily-session/lily-session.1", "docs/man/lily-session.jsonl.5"]

# The languages of the files that the site shows.
LANGUAGES = {".c": "c", ".cpp": "cpp", ".swift": "swift", ".py": "python", ".rs": "rust", ".toml": "toml", ".json": "json"}

# Pages that are elsewhere in the repository.
MOVED = {"README.md": "overview.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md",
         "SECURITY.md": "security.md", "packaging/README.md": "packages.md"}

# Files that the site shows in another form.
INSTEAD = {f"include/{header}": f"{folder}/index.md" for folder, _, header, _ in HEADERS}
INSTEAD |= {f"include/{header}": f"c/{group}.md" for group, header in OWN_HEADER.items()}
INSTEAD |= {path: f"man/{PurePosixPath(path).name}.md" for path in MANUAL}

# The pages that show files and folders, as far as they are written.
sources: "set[str]" = set()


def place(path: str) -> "str | None":
    """Returns the site's place for a file of the repository, or None if the file is neither a page nor a picture of the site."""
    if path in MOVED:
        return MOVED[path]
    if found := re.fullmatch(r"bindings/(\w+)/README\.md", path):
        return f"bindings/{found[1]}.md"
    if found := re.fullmatch(r"docs/(.+\.(?:md|svg|png))", path):
        return found[1]
    return None


def write(path: str, text: str) -> None:
    (OUT / path).parent.mkdir(parents=True, exist_ok=True)
    (OUT / path).write_text(text, encoding="utf-8")


def source(path: str) -> str:
    """Writes a page that shows a file, or the contents of a folder, and returns its place. The README of a folder stands for the folder."""
    file = ROOT / path
    if file.is_dir() and (file / "README.md").exists():
        return place(f"{path}/README.md") or source(f"{path}/README.md")
    page = f"source/{path}/index.md" if file.is_dir() else f"source/{path.removesuffix('.md')}.md"
    # Pages may link to each other.
    if page in sources:
        return page
    sources.add(page)
    if file.is_dir():
        shown = [child for child in sorted(file.iterdir()) if child.name[0] != "." and not child.is_symlink()]
        links = "\n".join(f"- [{child.name}]({os.path.relpath(source(f'{path}/{child.name}'), f'source/{path}')})" for child in shown)
        text = f"# `{path}`\n\n{links}\n"
    elif file.suffix == ".md":
        text = with_links_put_right(file.read_text(encoding="utf-8"), path, page)
    else:
        text = f"# `{path}`\n\n``````{LANGUAGES.get(file.suffix, 'text')}\n{file.read_text(encoding='utf-8', errors='replace')}``````\n"
    write(page, f"---\norphan: true\n---\n{text}")
    return page


def with_links_put_right(text: str, path: str, page: str) -> str:
    def put_right(found: "re.Match[str]") -> str:
        code, _, before, target = found.groups()
        if code or re.match(r"[a-z]+:|#", target):
            return found[0]
        name, mark, anchor = target.partition("#")
        wanted = os.path.normpath(PurePosixPath(path).parent / name)
        if not (ROOT / wanted).exists():
            sys.exit(f"{path}: there is no {target}")
        there = INSTEAD.get(wanted) or place(wanted) or source(wanted)
        return before + os.path.relpath(there, PurePosixPath(page).parent) + mark + anchor

    # The lines of an alternative text would be joined without a space.
    text = re.sub(r"!\[[^]]+\](?=\()", lambda found: " ".join(found[0].split()), text)
    # Code stays as it is: fences, then spans. Everything else that matches is a link, or the target of a link that is elsewhere.
    return re.sub(r"(^ *(?P<fence>```+).*?^ *(?P=fence) *$|`+[^`]+`+)|(\]\(|^\[[^]]+\]: )([^)\s]+)", put_right, text, flags=re.M | re.S)


def toctree(entries: "list[str]", caption: str = "") -> str:
    return "\n".join(["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), *entries, "```", ""])


def navigation() -> None:
    """Appends the navigation to the front page, and the list of guides to their page."""
    there = lambda entry: (OUT / f"{entry}.md").exists()
    with (OUT / "index.md").open("a", encoding="utf-8") as index:
        for caption, entries in NAVIGATION.items():
            index.write("\n" + toctree([f"{TITLES[entry]} <{entry}>" if entry in TITLES else entry for entry in entries if there(entry)], caption))
    if there("guides/index"):
        text = (OUT / "guides/index.md").read_text(encoding="utf-8")
        if "{toctree}" not in text:
            # The guides have the order in which the page names them. The build fails if the page does not name one.
            write("guides/index.md", text + "\n" + toctree([*dict.fromkeys(re.findall(r"\]\(([\w-]+)\.md", text))]))


def statuses() -> None:
    """Makes a page of each section of the page about statuses, so that a search for a name or a number leads to what it means."""
    before, *sections = re.split(r"^## ", (OUT / "statuses.md").read_text(encoding="utf-8"), flags=re.M)
    names = {}
    for section in sections:
        title, _, text = section.partition("\n")
        name = title.split()[0].removeprefix("LILY_SESSION_ERROR_").lower().replace("_", "-")
        # The navigation is narrow.
        names[name] = title.removeprefix("LILY_SESSION_ERROR_")
        text = re.sub(r"\]\((?!\w+:)", "](../", text)
        # The search finds numbers in the index alone. A main entry comes first among what it finds.
        number = title.rpartition("(")[2].rstrip(")")
        write(f"statuses/{name}.md", f"# {title}\n\n```{{index}} ! single: {number}\n```\n{text}")
    listed = "".join(f"- [{section.partition(chr(10))[0]}](statuses/{name}.md)\n" for name, section in zip(names, sections))
    write("statuses.md", f"{before}{listed}\n" + toctree([f"{title} <statuses/{name}>" for name, title in names.items()]))


def reference() -> None:
    """Writes the pages of the headers, one for each group, from what Doxygen and Breathe read."""
    # Links to a header itself lead to this label.
    label = lambda header: f"({header.replace('_', '__').replace('.', '_8')})=\n"
    for language, title, header, groups in HEADERS:
        for group in groups:
            content = f"```{{doxygengroup}} {group}\n:project: {language}\n:no-title:\n:members:\n:sections: {SECTIONS}\n```\n"
            write(f"{language}/{group}.md", f"{label(OWN_HEADER[group]) if group in OWN_HEADER else ''}# {group.capitalize()}\n\n{content}")
        essay = f"```{{doxygenfile}} {header}\n:project: {language}\n:sections: detaileddescription\n```\n\n"
        write(f"{language}/index.md", f"{label(header)}# {title}\n\n{essay}" + toctree(groups))
    # The guides have the first program in C; this page is the one beside those of the bindings.
    write("c/start.md", "# lily-session for C\n\nThe library itself has a C interface. [Start in C](../guides/start-c.md) has a whole program, "
          "[the guides](../guides/index.md) have more, and [the reference](index.md) has every function.\n")
    # DocC makes the Swift reference, which docs/build puts beside these pages.
    write("swift.md", "# Swift reference\n\nThe module `LilySession`, symbol by symbol, as its sources have it: "
          "<a href=\"swift/documentation/lilysession/\">the pages of DocC</a>.\n\n"
          "[lily-session for Swift](bindings/swift.md) begins with a whole program.\n")


def manual() -> None:
    """Writes the manual pages as the HTML that mandoc makes of them, below the site's titles."""
    names = {re.sub(r"\.(\d)$", r"(\1)", PurePosixPath(path).name): path for path in MANUAL}

    def reference_to(found: "re.Match[str]") -> str:
        name = found[1]
        return f'<a class="Xr" href="{PurePosixPath(names[name]).name}.html">{name}</a>' if name in names else name

    listed = ""
    for name, path in names.items():
        shown = subprocess.run(["mandoc", "-T", "html", "-O", "fragment", ROOT / path], check=True, capture_output=True, text=True).stdout
        shown = re.sub(r'<table class="(head|foot)">.*?</table>', "", shown, flags=re.S)
        shown = re.sub(r"(</?h)([12])\b", lambda found: found[1] + str(int(found[2]) + 1), shown)
        shown = re.sub(r'<a class="Xr">(.*?)</a>', reference_to, shown)
        write(INSTEAD[path], f"# {name}\n\n```{{raw}} html\n<div class=\"manual\">{shown}</div>\n```\n")
        what = re.search(r"^\.Nd (.*)$", (ROOT / path).read_text(encoding="utf-8"), re.M)
        listed += f"- [{name}]({PurePosixPath(path).name}.md): {what[1]}\n"
    write("man/index.md", f"# Manual pages\n\n{listed}\n" + toctree([PurePosixPath(path).name for path in MANUAL]))


def main() -> None:
    files = [file for pattern in ["bindings/*/README.md", "docs/**/*"] for file in sorted(ROOT.glob(pattern))]
    for path in filter(place, [*MOVED, *(str(file.relative_to(ROOT)) for file in files)]):
        file, page = ROOT / path, place(path)
        if file.suffix == ".md":
            write(page, with_links_put_right(file.read_text(encoding="utf-8"), path, page))
        else:
            (OUT / page).parent.mkdir(parents=True, exist_ok=True)
            (OUT / page).write_bytes(file.read_bytes())
    statuses()
    reference()
    manual()
    navigation()


main()
