#!/usr/bin/env python3
"""Counts the instructions of an update under callgrind, and compares them with the recorded numbers.

    instructions.py             fails if a loop takes more than 10 % more or less than is recorded
    instructions.py --record    records the numbers

callgrind counts nothing until the loop begins, and nothing after it. Instructions do not depend on how busy a machine is, but on its
architecture, so each architecture has its own numbers.
"""
import json
import platform
import subprocess
import sys
from pathlib import Path

import callgrind

PROGRAMS = Path(__file__).parents[2] / "build" / "guards"
RECORD = Path(__file__).with_name("instructions.json")
TURNS = 20
TOLERANCE = 0.10


def count_all():
    """Returns the instructions of one turn of each loop."""
    turns = PROGRAMS / "turns", PROGRAMS / "turns.jsonl"
    loops = subprocess.run(turns, check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    marks = callgrind.instructions(*turns, loops[0], 0, marked=True)
    return {loop: round((callgrind.instructions(*turns, loop, TURNS, marked=True) - marks) / TURNS) for loop in loops}


def main():
    machine = platform.machine()
    record = json.loads(RECORD.read_text())
    if sys.argv[1:] == ["--record"]:
        record[machine] = count_all()
        RECORD.write_text(json.dumps(record, indent=2) + "\n")
        print(RECORD.read_text())
        return
    if machine not in record:
        print(f"skipped: nothing is recorded for {machine}; Tests/guards/record does that")
        return
    failed = False
    counted = count_all()
    for loop in sorted(counted.keys() | record[machine].keys()):
        now, was = counted.get(loop), record[machine].get(loop)
        if now is None or was is None:
            verdict = "FAILED: one has it, the other has not"
        elif abs(now - was) > TOLERANCE * was:
            verdict = f"FAILED: {now / was - 1:+.0%}; if that is meant, Tests/guards/record writes it down"
        else:
            verdict = "ok"
        print(f"{loop}: {now} instructions, recorded {was}: {verdict}")
        failed = failed or verdict != "ok"
    sys.exit(failed)


main()
