"""Makes the tables of performance.md. Each function is for the mark of the same name."""
import os
from pathlib import Path

from bars import FIELDS, LIBRARY, SIZES, USERS, all_bars
from units import bytes_, ns

SURVIVES = {"kill": "survives `kill -9`", "power": "survives power loss"}
KINDS = {"string/1": "1 of 20, a string", "integer/1": "1 of 20, an integer", "json4k/1": "1 of 20, 4 KiB of JSON", "string/20": "20 strings",
         "integer/20": "20 integers"}
RANKS = {"mean": "mean", "p50": "50 %", "p90": "90 %", "p99": "99 %", "p99.9": "99.9 %", "p99.99": "99.99 %", "p100": "the slowest"}


def table(head, rows, are_numbers=True):
    """Returns a table in Markdown. The first column is text; the others are numbers if `are_numbers` is true."""
    rule = ["---"] + ["--:" if are_numbers else "---"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def bars(results):
    rows = [[bar.number, bar.what, bar.bar, bar.measured, "met" if bar.is_met else "**not met**"] for bar in all_bars(results)]
    return table(["", "what", "bar", "measured", ""], rows, are_numbers=False)


def machine(results):
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
                 os.uname().machine)
    context = results.context
    names = ("SQLite", "LMDB", "LevelDB", "jansson", "GLib", "Redis", "hiredis")
    versions = ", ".join(f"{name} {context[name]}" for name in names if name in context)
    return (f"{model}, {context['num_cpus']} cores of {context['mhz_per_cpu']} MHz; {os.uname().sysname} {os.uname().release}; {disk()}; "
            f"{context['date'][:10]}. {versions}.")


def disk():
    """Returns the file system and the device of this directory, and so of build/bench."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    around = [mount for mount in mounts if os.path.realpath(__file__).startswith(mount[1].rstrip("/") + "/")]
    device, _, kind = max(around, key=lambda mount: len(mount[1]))[:3]
    return f"{kind} on {device}"


def unchanged(results):
    groups = {f"revision/{FIELDS}": "revision unchanged, 20 fields"}
    groups.update({f"compare/{kind}/{count}": f"{count} {kind}s compared" for kind in ("string", "integer") for count in (20, 100)})
    rows = []
    for group, what in groups.items():
        bare = "bare update" if group.startswith("revision") else "bare gets"
        rows.append([what] + [ns(results.time(f"{group}/{name}")) for name in (bare, "C loop", LIBRARY)])
    return table(["", "the host's callbacks alone", "the loop in C", LIBRARY], rows)


def updates(results, survives, kinds):
    rows = [[name] + [ns(results.time(f"update/{kind}/{survives}/{name}")) for kind in kinds]
            for name in results.under(f"update/string/1/{survives}")]
    return table([SURVIVES[survives]] + [KINDS[kind] for kind in kinds], rows)


def parts(results):
    """Returns the parts of an update that changes one string: those that are measured separately, and the rest."""
    whole, calls = (results.time(f"update/string/1/kill/{name}") for name in (LIBRARY, "flock + statx + write + unlock"))
    gets, compared = (results.time(f"compare/string/{FIELDS}/{name}") for name in ("bare gets", LIBRARY))
    shares = {
        "the four system calls": calls,
        f"the host's update function and its {FIELDS} gets": gets,
        f"comparing {FIELDS} fields": compared - gets,
        "JSON, the check, the table in memory, locks; and what the kernel has pushed out of the caches": whole - calls - compared,
    }
    return table(["", "time", "share"], [[what, ns(took), f"{took / whole:.0%}"] for what, took in shares.items()])


def size(results):
    counts = SIZES[:5]
    rows = [[name] + [ns(results.time(f"size/{count}/{name}")) for count in counts] for name in results.under("size/10")]
    after = f"size/after a million/{LIBRARY}"
    return (table(["other keys"] + [f"{int(count):,}" for count in counts], rows)
            + f"\n\nAfter a million updates, with 10 other keys, {LIBRARY} takes {ns(results.time(after))}. Meanwhile its file had at most "
            + f"{bytes_(results.counter(after, 'largest_file'))}.")


def single(results):
    tables = []
    for survives, title in SURVIVES.items():
        counters = {name: results.counters[f"single/{survives}/{name}"] for name in results.under(f"single/{survives}")}
        rows = [[name, f"{int(each['count']):,}"] + [ns(each[rank]) for rank in RANKS]
                for name, each in sorted(counters.items(), key=lambda item: item[1]["p50"])]
        tables.append(table([title, "updates", *RANKS.values()], rows))
    return "\n\n".join(tables)


def opening(results):
    counts = {"20": "20 fields", "1000": "1,000 fields", "100000": "20 fields among 100,000 entries"}
    rows = [[name] + [ns(results.time(f"open/{count}/{name}")) for count in counts] for name in results.under("open/20")]
    return table(["", *counts.values()], rows)


def clear(results):
    tables = []
    for survives, title in SURVIVES.items():
        group = f"clear/{survives}"
        tables.append(table([title, "clear"], [[name, ns(results.time(f"{group}/{name}"))] for name in results.under(group)]))
    return "\n\n".join(tables)


def sharing(results):
    rows = [[f"`lily_session_refresh`, {name}", ns(results.time(f"refresh/{name}")), ""] for name in ("nothing new", "1 of 20 changed")]
    for name, what in ((LIBRARY, "from another process's update to the field set here"), ("pipe", "the same by a byte in a pipe")):
        rows.append([what] + [ns(results.counter(f"latency/{name}", rank)) for rank in ("p50", "p99")])
    return table(["", "half within", "99 % within"], rows)


def footprint(results):
    loaded = [[name, ns(results.time(f"load/{name}"))] + [bytes_(results.counter(f"load/{name}", which)) for which in ("size", "dirty")]
              for name in results.under("load")]
    used = {name: results.counter(f"in use/{name}", "dirty") for name in results.under("in use")}
    return (table(["", "dlopen and one call", "file", "memory made dirty"], loaded) + "\n\n"
            + table(["20 fields and 1,000 updates", "more memory made dirty"], [[name, bytes_(used[name])] for name in sorted(used, key=used.get)]))


def users(results):
    tables = []
    for work, title in (("request", "a request"), ("logout", "a log-out"), ("open", "open and close"), ("sweep", "the longest step of a sweep that removes up to 1,000")):
        rows = [[name] + [ns(results.time(f"users/{count}/{work}/{name}")) for count in USERS] for name in results.under(f"users/{USERS[0]}/{work}")]
        tables.append(table([f"{title}, users:"] + [f"{int(count):,}" for count in USERS], rows))
    rows = [[name, ns(results.time(f"users/100/many/{name}")), f"{results.counter(f'users/{USERS[-1]}/request/{name}', 'disk'):,.0f} bytes",
             bytes_(results.counter(f"users/{USERS[-1]}/memory/{name}", "dirty"))] for name in results.under("users/100/many")]
    tables.append(table(["", "the mean of a user's first 130 requests", "disk for each of 100,000", "memory made dirty by 1,000 requests"], rows))
    return "\n\n".join(tables)


def redis(results):
    if f"redis/update/{LIBRARY}" not in results.times:
        return "It was not measured in this run."
    tables = []
    for work, title in (("update", "1 of 20 fields changed"), ("attach", "20 fields read")):
        names = results.under(f"redis/{work}")
        tables.append(table([title, "time"], [[name, ns(results.time(f"redis/{work}/{name}"))] for name in names]))
    sizes = {name: results.counters[f"redis/memory/{name}"] for name in results.under("redis/memory")}
    count = max(each["sessions"] for each in sizes.values())
    tables.append(table([f"{count:,.0f} sessions of 8 fields", "memory of the server for each"],
                        [[name, f"{each['bytes']:.0f} bytes"] for name, each in sorted(sizes.items(), key=lambda item: item[1]["bytes"])]))
    down = {name: results.counters[f"redis/down/{name}"] for name in ("killed", "hangs")}
    head = [f"time-out {ns(down['hangs']['timeout'])}; the server", "first call", "half of the later ones within", "the slowest later one",
            "from its return to an update that is stored"]
    tables.append(table(head, [[name] + [ns(each[which]) for which in ("first", "median", "slowest", "back")] for name, each in down.items()]))
    return "\n\n".join(tables)


def bindings(results):
    tables = [table([f"{language.capitalize()}: 1 of 20 fields changed", "an update"],
                    [[name, ns(took * 1000)] for name, took in sorted(own["results"].items(), key=lambda item: item[1])])
              for language, own in sorted(results.bindings.items())]
    return "\n\n".join(tables) or "There are none yet."


ALL = {
    "bars": bars,
    "machine": machine,
    "unchanged": unchanged,
    "update-kill": lambda results: updates(results, "kill", KINDS),
    "update-power": lambda results: updates(results, "power", ["string/1", "string/20"]),
    "parts": parts,
    "size": size,
    "single": single,
    "open": opening,
    "clear": clear,
    "sharing": sharing,
    "footprint": footprint,
    "users": users,
    "redis": redis,
    "bindings": bindings,
}
