"""The site, from what docs/stage.py puts together (docs/build)."""
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
myst_enable_extensions = ["html_image"]  # <img>, where a picture needs a width
suppress_warnings = ["misc.highlighting_failure"]  # Pygments does not know Swift's key paths; the rest of the code is coloured
nitpicky = True
# Doxygen's names for what has none; in C++ signatures, what is of C, of std and of the header's own insides.
nitpick_ignore_regex = [("c:identifier", r".*@\d+.*"), ("cpp:identifier", ".*")]
nitpick_ignore = [("c:identifier", name) for name in ["size_t", "int32_t", "uint32_t", "int64_t", "uint64_t"]]  # C's own

breathe_projects = {"c": str(ROOT / "build/docs-work/c"), "cpp": str(ROOT / "build/docs-work/cpp")}
breathe_default_project = "c"
breathe_show_enumvalue_initializer = True
breathe_domain_by_extension = {"h": "c", "hpp": "cpp"}

# A page of a group has what is in it in our order: see SECTIONS in docs/stage.py. For other pages Breathe has the option itself.
DoxygenGroupDirective.option_spec["sections"] = unchanged_required

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"lily-session {version}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]
toc_object_entries_show_parents = "hide"
