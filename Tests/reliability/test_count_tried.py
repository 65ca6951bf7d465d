"""Checks scripts/count-tried: it adds up the figures of the logs, shows which are missing, and compares them with the bars."""
import contextlib
import io
import pathlib
import runpy
import sys
from unittest import mock

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts/count-tried"
LOGS = {
    "faults": "counted: 5000 faults, 9000 kills, 20000 power loss states, 0 lost, 0 wrong, 3 other things",
    "journal": "...\ncounted: 1500 kills, 0 lost, 700 truncations, 5600 bit flips\n12 passed",
    "fuzz": "counted: 10 executions of journal\njson ok\ncounted: 20 executions of json\ncounted: 1801 seconds of fuzzing, 0 wrong",
    "model": "counted: 800 states of the models, 13 variants, 13 variants refuted, 0 wrong",
    "sessions": "counted: 200000 sequences of sessions, 4000000 steps of sessions, 12 cases of sessions, 0 wrong",
    "mutations": "counted: 9 mutations, 9 mutations caught",
    "redis": "counted: 120000 reads after clears, 130 kills of servers, 55 failovers, 1500 slots moved, 0 lost, 0 wrong",
}


@pytest.fixture
def logs(tmp_path):
    for suite, text in LOGS.items():
        (tmp_path / f"{suite}.log").write_text(text + "\n")
    return tmp_path


def run(logs, *options):
    """Runs count-tried in this process, because there are many runs. Returns the exit code, {name: figure}, and what it says is wrong."""
    output, code, wrong = io.StringIO(), 0, ""
    with contextlib.redirect_stdout(output), mock.patch.object(sys, "argv", [str(SCRIPT), *map(str, options), str(logs)]):
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as end:
            code, wrong = (1, f"{end.code}\n") if isinstance(end.code, str) else (end.code or 0, "")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in output.getvalue().splitlines() if line.startswith("|")]
    return code, {row[0]: row[1] for row in rows[2:]}, wrong


def change(logs, suite, old, new):
    log = logs / f"{suite}.log"
    text = log.read_text()
    assert old in text
    log.write_text(text.replace(old, new))


def test_it_adds_up(logs):
    code, figures, wrong = run(logs, "--bars")
    assert (code, wrong) == (0, "")
    assert figures == {
        "Kills": "10,500", "Injected faults": "5,000", "States after power loss": "20,000", "Truncations": "700", "Bit flips": "5,600",
        "Fuzz executions: journal": "10", "Fuzz executions: json": "20", "Fuzz executions in all": "30", "Minutes of fuzzing": "30",
        "States of the models, all interleavings": "800", "Variants of the models refuted": "13 of 13",
        "Sequences of calls beside the model of sessions": "200,000", "Steps of these": "4,000,000",
        "Reads from servers after clears": "120,000", "Kills of servers": "130", "Failovers": "55", "Slots of a Cluster moved": "1,500", "Mutations of the library caught": "9 of 9", "Lost": "0", "Wrong": "0"}


@pytest.mark.parametrize("suite", LOGS)
def test_a_suite_that_says_nothing_is_missing(logs, suite):
    for text in ["FAILED before it counted\n", None]:
        (logs / f"{suite}.log").write_text(text) if text else (logs / f"{suite}.log").unlink()
        code, figures, wrong = run(logs, "--bars")
        assert code == 1 and "missing" in figures.values() and "missing" in wrong
        code, figures, wrong = run(logs)
        assert (code, wrong) == (0, "") and "missing" in figures.values()
        assert (figures["Lost"], figures["Wrong"]) == ("0", "0")  # of those that ran


@pytest.mark.parametrize("suite, old, new, name", [
    ("faults", "9000 kills", "8499 kills", "Kills"), ("faults", "5000 faults", "2499 faults", "Injected faults"),
    ("faults", "20000 power", "9999 power", "States after power loss"), ("journal", "5600 bit", "4999 bit", "Bit flips"),
    ("fuzz", "1801 seconds", "1799 seconds", "Minutes of fuzzing"), ("mutations", "9 mutations caught", "8 mutations caught", "Mutations of the library caught"),
    ("model", "13 variants refuted", "12 variants refuted", "Variants of the models refuted"), ("journal", "0 lost", "1 lost", "Lost"),
    ("faults", "0 lost", "1 lost", "Lost"), ("faults", "0 wrong", "1 wrong", "Wrong"), ("fuzz", "0 wrong", "1 wrong", "Wrong"),
    ("model", "0 wrong", "1 wrong", "Wrong"), ("sessions", "0 wrong", "1 wrong", "Wrong"),
    ("redis", "120000 reads", "99999 reads", "Reads from servers after clears"), ("redis", "130 kills", "99 kills", "Kills of servers"),
    ("redis", "55 failovers", "49 failovers", "Failovers"), ("redis", "0 lost", "1 lost", "Lost"), ("redis", "0 wrong", "1 wrong", "Wrong"),
    ("sessions", "200000 sequences", "199999 sequences", "Sequences of calls beside the model of sessions"), ("fuzz", "20 executions", "0 executions", "Fuzz executions: json"),
    ("mutations", "9 mutations, 9", "0 mutations, 0", "Mutations of the library caught")])
def test_a_figure_below_its_bar_fails(logs, suite, old, new, name):
    change(logs, suite, old, new)
    code, figures, wrong = run(logs, "--bars")
    assert code == 1 and wrong.startswith(f"count-tried: {name}: ") and len(wrong.splitlines()) == 1
    assert run(logs)[0] == 0


def test_it_writes_the_table_into_a_page(logs, tmp_path):
    page = tmp_path / "page.md"
    marks = "<!-- tried: written by scripts/count-tried -->\n", "<!-- /tried -->\n"
    page.write_text("before\n" + marks[0] + "| an old table |\n" + marks[1] + "after\n")
    (logs / "about").write_text("From a test.\n")
    for _ in range(2):
        assert run(logs, "--into", page)[0] == 0
        begin, middle, end = page.read_text().partition(marks[0])[0], page.read_text().split(marks[0])[1].split(marks[1])[0], \
            page.read_text().partition(marks[1])[2]
        assert (begin, end) == ("before\n", "after\n")
        assert "10,500" in middle and "From a test." in middle and "an old table" not in middle
    page.write_text("no marks\n")
    code, _, wrong = run(logs, "--into", page)
    assert code == 1 and "no place" in wrong and page.read_text() == "no marks\n"


def test_the_page_has_a_place_for_it():
    page = (SCRIPT.parent.parent / "docs/reliability.md").read_text()
    assert page.count("<!-- tried: written by scripts/count-tried -->\n") == page.count("<!-- /tried -->\n") == 1
