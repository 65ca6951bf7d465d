#!/usr/bin/env python3
"""Counts the instructions of what is done with one scope, among few scopes and among many. They may not depend on the number of scopes.

A log-out, a request and a walk through a scope cost what the one scope has: in a file for each scope, in one file, and in memory. Opening a
storage whose scopes are files does not read the scopes, and a sweep with a limit reads about so many. It always finishes a folder, where each file
costs the same however many there are.
"""
import os
import sys
import tempfile
from pathlib import Path

import callgrind

PROGRAM = Path(__file__).parents[2] / "build" / "guards" / "scopes"
FEW, MANY = 20, 2000 if "LILY_SESSION_LONG" in os.environ else 1000
TURNS = 40
MOST = 1.25
CASES = [("files", "request"), ("files", "logout"), ("files", "each"), ("files", "open"),
         ("files", "sweep"), ("one", "request"), ("one", "logout"), ("one", "each"),
         ("memory", "request"), ("memory", "logout"), ("memory", "each")]


def count(kind, work, scopes, turns):
    """Returns the instructions of one turn."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        return callgrind.instructions(PROGRAM, directory, kind, work, scopes, turns, marked=True) / turns


def main():
    failed = False
    for kind, work in CASES:
        few, many = (count(kind, work, scopes, TURNS) for scopes in (FEW, MANY))
        verdict = "ok" if many <= MOST * few else "FAILED: it grows with the number of scopes"
        print(f"{kind}, {work}: {few:.0f} instructions among {FEW} scopes, {many:.0f} among {MANY}: {verdict}")
        failed = failed or verdict != "ok"
    few, many = (count("folder", "sweep", scopes, 2) / scopes for scopes in (100, 800))
    verdict = "ok" if many <= MOST * few else "FAILED: it grows with the number of files"
    print(f"one folder, sweep: {few:.0f} instructions for each of 100 files, {many:.0f} for each of 800: {verdict}")
    sys.exit(failed or verdict != "ok")


main()
