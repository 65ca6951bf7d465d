"""Configures Sphinx, which makes the site from the pages that docs/stage.py writes. docs/build runs both."""
import re
from pathlib import Path

from breathe.directives.content_block import DoxygenGroupDirective
from docutils.parsers.rst.directives import unchanged_required

ROOT = Path(__file__).resolve().parents[1]

project = "lily-session"
version = release = re.search(r"^VERSION *:= *(.+)$", (ROOT / "Makefile").read_text(), re.M)[1]
copyright = "2026 lily-session contributors"

extensions = ["breathe", "myst_parser"]
myst_heading_anchors = 6
myst_enable_extensions = ["html_image"]  # allows <img>, because some pictures need a width
suppress_warnings = ["misc.highlighting_failure"]  # Pygments does not know Swift's key paths; the rest of the code is coloured
nitpicky = True
# These names have no page: those that Doxygen makes for what has no name and, in C++ signatures, those of C, of std and of the header's
# namespace detail.
nitpick_ignore_regex = [("c:identifier", r".*@\d+.*"), ("cpp:identifier", ".*")]
nitpick_ignore = [("c:identifier", name) for name in ["size_t", "int32_t", "uint32_t", "int64_t", "uint64_t"]]  # these are types of C

breathe_projects = {"c": str(ROOT / "build/docs-work/c"), "cpp": str(ROOT / "build/docs-work/cpp")}
breathe_default_project = "c"
breathe_show_enumvalue_initializer = True
breathe_domain_by_extension = {"h": "c", "hpp": "cpp"}

# The page of a group has its symbols in the order of SECTIONS in docs/stage.py. For other pages Breathe has an option for the order.
DoxygenGroupDirective.option_spec["sections"] = unchanged_required

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"lily-session {version}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]
toc_object_entries_show_parents = "hide"


MARKUP = re.compile(r"(<(?:pre|script|svg)\b.*?</(?:pre|script|svg)>|<[^>]*>)", re.S)
NAME = re.compile(r"[\w*][\w*./:-]{14,}")
TOO_LONG = 30  # characters, which fill most of a line on a phone


def with_breaks(html: str) -> str:
    """Returns the HTML with places where the lines may end: after each part of a path, after each word of a name that is too long for one
    line, and after the parenthesis of a signature. Options are marked, so that they do not break after their hyphens."""
    def broken(name: "re.Match[str]") -> str:
        return re.sub(r"(::|[_/.](?=[\w*]))" if len(name[0]) > TOO_LONG else r"(::|/(?=[\w*]))", r"\1<wbr>", name[0])

    parts = MARKUP.split(html)
    parts[::2] = [NAME.sub(broken, text) for text in parts[::2]]
    html = "".join(parts).replace('<span class="sig-paren">(</span>', '<span class="sig-paren">(</span><wbr>')
    return html.replace('<span class="pre">-', '<span class="pre option">-')


def add_breaks(app, pagename, templatename, context, doctree) -> None:
    for part in {"body", "toc", "furo_navigation_tree"} & context.keys():
        context[part] = with_breaks(context[part])


def setup(app) -> None:
    app.connect("html-page-context", add_breaks, priority=900)  # after the theme has made the navigation
