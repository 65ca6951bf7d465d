#!/usr/bin/python3
"""Writes what was measured into the tables of performance.md, between its marks, and makes its plots.

    bench/report.py RESULTS DOCS

RESULTS has what bench/run left, DOCS has performance.md. Debian's Python, which has Debian's matplotlib.
"""
import os
import re
import sys
from pathlib import Path

import plots
from bars import FIELDS, LIBRARY, SIZES, all_bars
from results import Results
from units import bytes_, ns, times


def table(head, rows):
    """The first column is text, the others are numbers."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def bars(results):
    rows = [[bar.number, bar.what, bar.bar, bar.measured, "met" if bar.is_met else "**not met**"] for bar in all_bars(results)]
    lines = [["", "what", "bar", "measured", ""], ["---"] * 5, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine(results):
    facts = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    system = os.uname()
    context = results.context
    versions = ", ".join(f"{name} {context[name]}" for name in ("SQLite", "LMDB", "LevelDB", "jansson", "GLib"))
    return (f"{facts.get('model name', system.machine)}, {context['num_cpus']} cores of {context['mhz_per_cpu']} MHz; "
            f"{system.sysname} {system.release}; {disk()}; {context['date'][:10]}. {versions}.")


def disk():
    """The file system that the build directory is on."""
    here = os.path.realpath(__file__)
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    inside = [mount for mount in mounts if here.startswith(mount[1].rstrip("/") + "/")]
    device, _, kind = max(inside, key=lambda mount: len(mount[1]))[:3]
    return f"{kind} on {device}"


def unchanged(results):
    groups = [(f"revision/{FIELDS}", "revision unchanged, 20 fields")]
    groups += [(f"compare/{kind}/{count}", f"{count} {kind}s compared") for kind in ("string", "integer") for count in (20, 100)]
    rows = []
    for group, what in groups:
        bare = "bare update" if group.startswith("revision") else "bare gets"
        rows.append([what] + [ns(results.median(f"{group}/{name}")) for name in (bare, "C loop", LIBRARY)])
    return table(["", "the host's callbacks alone", "the loop in C", "lily-session"], rows)


KINDS = [("string/1", "1 of 20, string"), ("integer/1", "1 of 20, integer"), ("json4k/1", "1 of 20, 4 KiB of JSON"),
         ("string/20", "20 of 20, strings"), ("integer/20", "20 of 20, integers")]


def updates(results, survives, kinds):
    first = f"update/string/1/{survives}"
    rows = [[name] + [ns(results.median(f"update/{kind}/{survives}/{name}")) for kind, _ in kinds] for name in results.under(first)]
    return table([""] + [title for _, title in kinds], rows)


def update_kill(results):
    return updates(results, "kill", KINDS)


def update_power(results):
    return updates(results, "power", [KINDS[0], KINDS[3]])


def size(results):
    rows = [[name] + [ns(results.median(f"size/{count}/{name}")) for count in SIZES[:5]] for name in results.under("size/10")]
    after = results.median(f"size/after a million/{LIBRARY}")
    largest = results.counter(f"size/after a million/{LIBRARY}", "largest_file")
    return (table(["other keys"] + [f"{int(count):,}" for count in SIZES[:5]], rows)
            + f"\n\nAfter a million updates, with 10 other keys, lily-session takes {ns(after)}. Meanwhile its file had at most "
              f"{bytes_(largest)}.")


PERCENTILES = ["p50", "p90", "p99", "p99.9", "p99.99", "p100"]


def single(results):
    tables = []
    for survives in ("kill", "power"):
        group = f"single/{survives}"
        rows = [[name, f"{int(results.counter(f'{group}/{name}', 'count')):,}"]
                + [ns(results.counter(f"{group}/{name}", rank)) for rank in PERCENTILES] for name in results.under(group)]
        rows.sort(key=lambda row: results.counter(f"{group}/{row[0]}", "p50"))
        tables.append(table([f"survives {'kill -9' if survives == 'kill' else 'power loss'}", "updates", "50 %", "90 %", "99 %", "99.9 %",
                             "99.99 %", "the slowest"], rows))
    return "\n\n".join(tables)


def opening(results):
    rows = [[name] + [ns(results.median(f"open/{count}/{name}")) for count in ("20", "1000", "100000")] for name in results.under("open/20")]
    return table(["", "20 fields", "1,000 fields", "20 fields among 100,000 entries"], rows)


def clear(results):
    return table(["survives kill -9", "clear"], [[name, ns(results.median(f"clear/kill/{name}"))] for name in results.under("clear/kill")]) \
        + "\n\n" + \
        table(["survives power loss", "clear"], [[name, ns(results.median(f"clear/power/{name}"))] for name in results.under("clear/power")])


def sharing(results):
    rows = [[f"`lily_session_refresh`, {name}", ns(results.median(f"refresh/{name}")), ""] for name in ("nothing new", "1 of 20 changed")]
    for name, what in ((LIBRARY, "from another process's update to the field set here"), ("pipe", "the same by a byte in a pipe")):
        p50, p99 = (results.counter(f"latency/{name}", rank) for rank in ("p50", "p99"))
        rows.append([what, ns(p50), ns(p99)])
    return table(["", "half within", "99 % within"], rows)


def footprint(results):
    rows = [[name, ns(results.median(f"load/{name}")), bytes_(results.counter(f"load/{name}", "size")),
             bytes_(results.counter(f"load/{name}", "dirty"))] for name in results.under("load")]
    used = [[name, bytes_(results.counter(f"in use/{name}", "dirty"))] for name in results.under("in use")]
    used.sort(key=lambda row: results.counter(f"in use/{row[0]}", "dirty"))
    return (table(["", "dlopen and one call", "file", "memory made dirty"], rows) + "\n\n"
            + table(["20 fields and 1,000 updates", "more memory made dirty"], used))


def bindings(results):
    tables = []
    for language, own in sorted(results.bindings.items()):
        rows = [[name, ns(took * 1000)] for name, took in sorted(own["results"].items(), key=lambda item: item[1])]
        tables.append(table([f"{language.capitalize()}: 1 of 20 fields changed", "an update"], rows))
    return "\n\n".join(tables) or "There are no results of bindings."


PARTS = {"bars": bars, "machine": machine, "unchanged": unchanged, "update-kill": update_kill, "update-power": update_power, "size": size,
         "single": single, "open": opening, "clear": clear, "sharing": sharing, "footprint": footprint, "bindings": bindings}


def main():
    _, folder, docs = sys.argv
    results = Results(folder)
    page = Path(docs, "performance.md")
    text = page.read_text()
    for name, part in PARTS.items():
        begin, end = f"<!-- measured: {name} -->\n", "<!-- end -->"
        text, count = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}{part(results)}\n{end}", text, flags=re.S)
        if count != 1:
            sys.exit(f"report: {page} has the mark of {name} {count} times")
    page.write_text(text)
    plots.draw(results, Path(docs))
    for bar in all_bars(results):
        print(f"{bar.number}  {'met    ' if bar.is_met else 'NOT MET'}  {bar.what}: {bar.measured} ({bar.bar})")


main()
