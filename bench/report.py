#!/usr/bin/python3
"""Writes the measured figures into the tables of performance.md, between its marks, and makes its plots.

    bench/report.py RESULTS DOCS

RESULTS is the folder with the results of bench/run, and DOCS the folder with performance.md. The script runs with Debian's Python, which
has Debian's matplotlib.
"""
import re
import sys
from pathlib import Path

import plots
import tables
from bars import all_bars
from results import Results


def main():
    _, folder, docs = sys.argv
    results = Results(folder)
    page = Path(docs, "performance.md")
    text = page.read_text()
    for name, make in tables.ALL.items():
        begin, end = f"<!-- measured: {name} -->\n", "<!-- end -->"
        text, count = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}{make(results)}\n{end}", text, flags=re.S)
        if count != 1:
            sys.exit(f"report: cannot write the table {name}: {page} has its mark {count} times instead of once")
    page.write_text(text)
    plots.draw(results, Path(docs))
    for bar in all_bars(results):
        print(f"{bar.number}  {'met    ' if bar.is_met else 'NOT MET'}  {bar.what}: {bar.measured} ({bar.bar})")


main()
