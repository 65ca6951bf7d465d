"""Lets any folder serve DocC's pages: makes them find what they load from their own place, instead of from the server's root. Makes them the same in each
build.

    docs/relocate.py FOLDER BASE     BASE is what docc convert --hosting-base-path was given
"""
import json
import sys
from pathlib import Path

folder, base = Path(sys.argv[1]), f"/{sys.argv[2]}/"

for page in folder.rglob("*.html"):
    up = "../" * len(page.parent.relative_to(folder).parts) or "./"
    text = page.read_text(encoding="utf-8").replace(f'var baseUrl = "{base}"', f'var baseUrl = new URL("{up}", location.href).pathname')
    page.write_text(text.replace(f'"{base}', f'"{up}'), encoding="utf-8")

# DocC writes the members of an object in an order that differs from one run to the next.
for data in folder.rglob("*.json"):
    content = json.loads(data.read_text(encoding="utf-8"))
    data.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True), encoding="utf-8")

# Without this, the first page would be empty.
(folder / "index.html").write_text('<!doctype html><meta charset="utf-8"><title>LilySession</title>\n'
                                   '<meta http-equiv="refresh" content="0; url=documentation/lilysession/">\n'
                                   '<a href="documentation/lilysession/">LilySession</a>\n', encoding="utf-8")
