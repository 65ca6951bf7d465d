"""The performance budget: the limits (bars), what this run measured, and whether that meets them."""
from dataclasses import dataclass

from units import bytes_, ns, times

LIBRARY = "lily-session"
EXCLUSIVE = "lily-session, EXCLUSIVE"
FIELDS = 20
SIZES = ["10", "100", "1000", "10000", "100000", "after a million"]
USERS = ["100", "1000", "10000", "100000"]


@dataclass
class Bar:
    number: str
    what: str
    bar: str
    measured: str
    is_met: bool


def unchanged(results):
    """Yields P1 and P2."""
    library, bare, loop = (results.time(f"revision/{FIELDS}/{name}") for name in (LIBRARY, "bare update", "C loop"))
    yield Bar("P1", "dispatch, revision unchanged", "≤ 20 ns over the bare update call, or ≤ 3 × the same loop in C",
              f"{ns(library - bare)} over; {times(library / loop)}", library - bare <= 20 or library <= 3 * loop)
    for kind in ("string", "integer"):
        for count in (20, 100):
            library, bare, loop = (results.time(f"compare/{kind}/{count}/{name}") for name in (LIBRARY, "bare gets", "C loop"))
            field = (library - bare) / count
            yield Bar("P2", f"dispatch, {count} {kind}s compared", "≤ 8 ns a field over its bare get, or ≤ 2.5 × the same loop in C",
                      f"{ns(field)} a field over; {times(library / loop)}", field <= 8 or library <= 2.5 * loop)


def changed(results):
    """Yields P3: for storages that processes share, for those of one process (x), and for JSON (j)."""
    def time(name, what="string"):
        return results.time(f"update/{what}/1/kill/{name}")

    library, bare = time(LIBRARY), time("snprintf + write")
    yield Bar("P3", "dispatch, 1 of 20 changed", "≤ 3 × formatting the line and one bare write",
              f"{ns(library)}; {times(library / bare)}", library <= 3 * bare)
    for peer in ("SQLite WAL, NORMAL", "JSON file + rename"):
        yield Bar("P3", "dispatch, 1 of 20 changed", f"faster than {peer}", f"{ns(library)} against {ns(time(peer))}", library < time(peer))
    lmdb = time("LMDB, NOSYNC")
    yield Bar("P3", "dispatch, 1 of 20 changed", "≤ 0.9 × LMDB, NOSYNC", f"{ns(library)}; {times(library / lmdb)}", library <= 0.9 * lmdb)
    alone, level, write = time(EXCLUSIVE), time("LevelDB"), time("write")
    yield Bar("P3x", "the same, EXCLUSIVE", "faster than LevelDB, which is so, too", f"{ns(alone)} against {ns(level)}", alone < level)
    yield Bar("P3x", "the same, EXCLUSIVE", "≤ 2 × a bare write of the line", f"{ns(alone)}; {times(alone / write)}", alone <= 2 * write)
    alone, level = time(EXCLUSIVE, "json4k"), time("LevelDB", "json4k")
    yield Bar("P3j", "dispatch, 4 KiB of JSON changed, EXCLUSIVE", "≤ 1.3 × LevelDB", f"{ns(alone)}; {times(alone / level)}", alone <= 1.3 * level)


def opened(results):
    """Yields P4."""
    for count in ("20", "1000"):
        library, parse, sqlite = (results.time(f"open/{count}/{name}") for name in (LIBRARY, "jansson, parse", "SQLite WAL"))
        what = f"open and attach, {int(count):,} fields"
        yield Bar("P4", what, "≤ 2 × jansson's bare parse of the file + 100 µs", f"{ns(library)} against {ns(2 * parse + 100_000)}",
                  library <= 2 * parse + 100_000)
        yield Bar("P4", what, "≤ 1.5 × SQLite's open and select, which sets no fields", f"{ns(library)}; {times(library / sqlite)}",
                  library <= 1.5 * sqlite)


def grown(results):
    """Yields P5."""
    costs = {size: results.time(f"size/{size}/{LIBRARY}") for size in SIZES}
    cheapest, dearest = min(costs.values()), max(costs.values())
    yield Bar("P5", "P3 with 10 to 100,000 other keys, and after a million updates", "flat: the dearest ≤ 1.3 × the cheapest",
              f"{ns(cheapest)} to {ns(dearest)}; {times(dearest / cheapest)}", dearest <= 1.3 * cheapest)
    # The other half of the bar, 16 times the size of the living entries, is far below 4 MiB here. A line has less than 128 bytes.
    largest = results.counter(f"size/after a million/{LIBRARY}", "largest_file")
    yield Bar("P5", "the file in a million updates", "≤ 4 MiB + one update", bytes_(largest), largest <= (4 << 20) + 128)


def footprint(results):
    """Yields P6."""
    load = f"load/{LIBRARY}"
    took, size, loaded = results.time(load), results.counter(load, "size"), results.counter(load, "dirty")
    dirty = loaded + results.counter(f"in use/{LIBRARY}", "dirty")
    yield Bar("P6", "dlopen and one call", "≤ 0.5 ms", ns(took), took <= 500_000)
    yield Bar("P6", "the stripped file", "≤ 356 KiB", bytes_(size), size <= 356 << 10)
    yield Bar("P6", "memory made dirty, with 20 fields in use", "≤ 1 MiB", bytes_(dirty), dirty <= 1 << 20)


def bindings(results):
    """Yields P7 for the bindings that were measured. Their results are in microseconds."""
    own = results.bindings.get("rust")
    if own:
        rust, c = (own["results"][name] * 1000 for name in (LIBRARY, "C"))
        yield Bar("P7", "Rust: dispatch, 1 of 20 changed", "≤ 2 × C", f"{ns(rust)}; {times(rust / c)}", rust <= 2 * c)
    own = results.bindings.get("python")
    if own:
        found = {name: took * 1000 for name, took in own["results"].items()}
        python = found[LIBRARY]
        yield Bar("P7", "Python: dispatch, 1 of 20 changed", "≤ 25 µs", ns(python), python <= 25_000)
        for peer in ("sqlite3", "shelve", "diskcache"):
            if peer in found:
                yield Bar("P7", "Python: dispatch, 1 of 20 changed", f"faster than {peer}", f"{ns(python)} against {ns(found[peer])}",
                          python < found[peer])


def users(results):
    """Yields P8."""
    def costs(work, name):
        return [results.time(f"users/{count}/{work}/{name}") for count in USERS]

    for work, what in (("request", "a request of one user"), ("logout", "a log-out of one user")):
        library = costs(work, LIBRARY)
        cheapest, dearest = min(library), max(library)
        yield Bar("P8", f"{what} among 100 to 100,000", "flat: the dearest ≤ 1.5 × the cheapest",
                  f"{ns(cheapest)} to {ns(dearest)}; {times(dearest / cheapest)}", dearest <= 1.5 * cheapest)
        for peer in ("SQLite WAL, NORMAL", "JSON file + rename"):
            own, other = max(zip(library, costs(work, peer)), key=lambda pair: pair[0] / pair[1])
            yield Bar("P8", f"{what} among 100 to 100,000", f"faster than {peer}, whichever their number",
                      f"at worst {ns(own)} against {ns(other)}", own < other)
    took = results.time(f"users/{USERS[-1]}/open/{LIBRARY}")
    yield Bar("P8", "open and close, 100,000 users", "≤ 1 ms", ns(took), took <= 1_000_000)
    longest = max(max(results.times[f"users/{count}/sweep/{LIBRARY}"]) for count in USERS)
    yield Bar("P8", "a step of a sweep, 1,000 users expired of up to 100,000", "none > 100 ms", ns(longest), longest <= 100_000_000)


def redis(results):
    """Yields P9, if it was measured."""
    if f"redis/update/{LIBRARY}" not in results.times:
        return
    library, script = (results.time(f"redis/update/{name}") for name in (LIBRARY, "EVALSHA of the same script"))
    yield Bar("P9", "Redis: dispatch, 1 of 20 changed", "≤ 1.2 × a bare EVALSHA of the same script",
              f"{ns(library)}; {times(library / script)}", library <= 1.2 * script)
    library, read, memory = (results.time(f"redis/attach/{name}") for name in (LIBRARY, "HGETALL", "attach from memory"))
    yield Bar("P9", "Redis: attach, 20 fields", "≤ 1.5 × (a bare HGETALL + attach from memory)",
              f"{ns(library)}; {times(library / (read + memory))}", library <= 1.5 * (read + memory))
    size = results.counter(f"redis/memory/{LIBRARY}", "bytes")
    yield Bar("P9", "Redis: a session of 8 fields, 190 bytes, in the server's memory", "≤ 400 bytes", f"{size:.0f} bytes", size <= 400)
    killed, hanging = (results.counters[f"redis/down/{how}"] for how in ("killed", "hangs"))
    slowest = max(each[which] - each["timeout"] for each in (killed, hanging) for which in ("first", "slowest"))
    yield Bar("P9", "Redis: a call while the server is down or hangs", "none exceeds its time-out by 50 ms",
              f"the slowest {'exceeds' if slowest > 0 else 'stays below'} it by {ns(abs(slowest))}", slowest <= 50_000_000)
    yield Bar("P9", "Redis: calls after the first while the server is down", "≤ 1 ms", f"the slowest {ns(killed['slowest'])}",
              killed["slowest"] <= 1_000_000)
    yield Bar("P9", "Redis: calls after the first while the server hangs", "half ≤ 1 ms; the others may try to connect",
              f"half within {ns(hanging['median'])}", hanging["median"] <= 1_000_000)
    back = max(killed["back"], hanging["back"])
    yield Bar("P9", "Redis: from the server's return to an update that is stored", "≤ 1 s", ns(back), back <= 1_000_000_000)


def all_bars(results):
    for part in (unchanged, changed, opened, grown, footprint, bindings, users, redis):
        yield from part(results)
