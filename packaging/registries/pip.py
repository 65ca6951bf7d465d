#!/usr/bin/env python3
"""Makes an index for pip of the wheels and sdists of a folder, as PEP 503 describes it.

    packaging/registries/pip.py FOLDER OUT
"""
import hashlib
import html
import pathlib
import re
import shutil
import sys


def project(file):
    """Returns the name of the project in its normal form. A wheel and an sdist have no `-` in the name."""
    return re.sub(r"[-_.]+", "-", file.name.split("-")[0]).lower()


def page(links):
    """Returns a page of links. Each is an address and what is shown."""
    body = "\n".join(f'<a href="{html.escape(address)}">{html.escape(shown)}</a><br>' for address, shown in links)
    return f"<!DOCTYPE html>\n<title>Packages for Python</title>\n{body}\n"


def main(folder, out):
    projects = {}
    for file in sorted(pathlib.Path(folder).iterdir()):
        # The tarballs of the source and of the targets have a `-` in their name.
        if re.fullmatch(r"[^-]+-[^-]+\.tar\.gz|.+\.whl", file.name):
            projects.setdefault(project(file), []).append(file)
    for name, files in projects.items():
        place = pathlib.Path(out, name)
        place.mkdir(parents=True)
        links = []
        for file in files:
            shutil.copy(file, place)
            links.append((f"{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}", file.name))
        (place / "index.html").write_text(page(links))
    pathlib.Path(out, "index.html").write_text(page([(f"{name}/", name) for name in projects]))


main(*sys.argv[1:])
