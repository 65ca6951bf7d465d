#!/usr/bin/env python3
"""Opens files that are made to be expensive to open for their size, and compares what that takes with a bound for each byte of the file.

Memory is the peak of a process that does nothing else, less the peak of a process that opens an empty journal. At most, it is 12 times the
file. Time is counted in instructions, under callgrind, because these do not depend on how busy a machine is. The bound is about half a
microsecond on a slow processor. The most expensive kind, a file of nothing but newlines, takes less than half of it. A cost that grows
faster than the file would go far beyond the bound.
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import callgrind

PROGRAM = Path(__file__).parents[2] / "build" / "guards" / "hostile"
MEMORY = 12                          # as a multiple of the file's size
INSTRUCTIONS = 1500                  # for each byte
TO_WEIGH = 4 << 20
TO_COUNT = 1 << 20 if os.environ.get("LILY_SESSION_LONG") else 1 << 17  # callgrind takes 50 times as long as the program
PATIENCE = 120                       # seconds: far beyond the bound, however busy the machine


def run(*command):
    command = [str(part) for part in command]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE).stdout


def made(kind, size):
    path = PROGRAM.with_name(f"hostile-{kind}.jsonl")
    run(PROGRAM, "make", kind, path, size)
    return path


def peak(path):
    return int(run(PROGRAM, "open", path)) << 10


def instructions(path):
    return callgrind.instructions(PROGRAM, "open", path, timeout=PATIENCE)


def check(kind, empty):
    try:
        return weigh(kind, empty)
    except subprocess.TimeoutExpired:
        return True, f"FAILED {kind}: not opened within {PATIENCE} seconds"


def weigh(kind, empty):
    path = made(kind, TO_WEIGH)
    memory = (peak(path) - empty[0]) / path.stat().st_size
    path = made(kind, TO_COUNT)
    count = (instructions(path) - empty[1]) / path.stat().st_size
    path.unlink()
    failed = memory > MEMORY or count > INSTRUCTIONS
    return failed, f"{'FAILED' if failed else 'ok    '} {kind}: {max(memory, 0):.1f} times its size, {count:.0f} instructions a byte"


def main():
    kinds = sys.argv[1:] or run(PROGRAM, "kinds").split()
    path = made("newlines", 0)  # a header alone
    empty = peak(path), instructions(path)
    path.unlink()
    failed = False
    with ThreadPoolExecutor(2) as pool:
        for has_failed, text in pool.map(lambda kind: check(kind, empty), kinds):
            print(text, flush=True)
            failed = failed or has_failed
    sys.exit(failed)


main()
