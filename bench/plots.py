"""Makes the plots of performance.md. They have no background, and colours that can be read on white and on black."""
import math

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from bars import LIBRARY, SIZES, USERS
from units import ns

INK = "#7b7b7b"
COLOURS = {LIBRARY: "#e0457b", "SQLite": "#3f8fd2", "LMDB": "#2fa36b", "LevelDB": "#d98a1f", "JSON": "#9a73d1", "GKeyFile": "#b0704a",
           "GSettings": "#4aa3a8", "GET": "#9a73d1"}

plt.rcParams.update({
    "svg.hashsalt": "lily-session",  # so that the same figures make the same file
    "font.size": 11, "font.family": "DejaVu Sans",
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "axes.titlecolor": INK,
    "xtick.color": INK, "ytick.color": INK, "legend.labelcolor": INK, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11, "axes.titlelocation": "left",
    "grid.color": INK, "grid.alpha": 0.25,
})


def colour(name):
    return next((found for begin, found in COLOURS.items() if name.startswith(begin)), INK)


def is_library(name):
    return name.startswith(LIBRARY)


def time_axis(axis):
    axis.set_major_formatter(FuncFormatter(lambda value, _: ns(value).replace(".00", "").replace(".0", "")))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(NullLocator())


def save(figure, path):
    figure.savefig(path, transparent=True, bbox_inches="tight", pad_inches=0.15, metadata={"Date": None})
    plt.close(figure)


def rows(results, path, groups, begin, axis_label):
    """Draws a panel for each group of benchmarks, and in it a row for each benchmark. The axis begins at `begin`."""
    names = [results.under(group) for group, _ in groups]
    figure, panels = plt.subplots(2, 1, sharex=True, figsize=(8, (8 + 3 * sum(map(len, names))) / 10), height_ratios=[len(each) for each in names],
                                  layout="constrained")
    for panel, (group, title), list_ in zip(panels, groups, names):
        for row, name in enumerate(list_):
            took = results.time(f"{group}/{name}")
            panel.hlines(row, begin, took, color=colour(name), linewidth=2.5, alpha=0.55)
            panel.plot(took, row, "o", color=colour(name), markersize=8)
            panel.annotate(ns(took), (took, row), xytext=(9, 0), textcoords="offset points", va="center", color=colour(name),
                           weight="bold" if is_library(name) else "normal")
        panel.set_yticks(range(len(list_)), list_)
        for label in panel.get_yticklabels():
            label.set_color(colour(label.get_text()))
            label.set_weight("bold" if is_library(label.get_text()) else "normal")
        panel.set_ylim(len(list_) - 0.4, -0.6)
        panel.set_xscale("log")
        panel.set_title(title)
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
    slowest = max(results.time(f"{group}/{each[-1]}") for (group, _), each in zip(groups, names))
    panels[0].set_xlim(begin, slowest * 4)  # room for the last label
    time_axis(panels[1].xaxis)
    panels[1].set_xlabel(axis_label)
    save(figure, path)


def against_number(results, path, counts, group, label, title):
    """Draws a line for each store. `group` returns the group of the benchmarks with so many of what `label` names."""
    figure, panel = plt.subplots(figsize=(8, 4.4), layout="constrained")
    all_costs = []
    for name in reversed(results.under(group(counts[-1]))):
        costs = [results.time(f"{group(count)}/{name}") for count in counts]
        all_costs += costs
        panel.plot([int(count) for count in counts], costs, "o-", color=colour(name), label=name, linewidth=3 if is_library(name) else 1.8)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{int(value):,}"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_ylim(10 ** math.floor(math.log10(min(all_costs))), 10 ** math.ceil(math.log10(max(all_costs))))  # so that there are labels
    time_axis(panel.yaxis)
    panel.set_xlabel(f"{label} (log scale)")
    panel.set_ylabel(f"{title} (log scale)")
    panel.grid()
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, path)


def tail(results, path):
    ranks = [("p50", "50 %"), ("p90", "90 %"), ("p99", "99 %"), ("p99.9", "99.9 %"), ("p99.99", "99.99 %"), ("p100", "slowest")]
    figure, panel = plt.subplots(figsize=(8, 4.6), layout="constrained")
    names = [name for name in results.under("single/kill") if colour(name) != INK]
    for name in sorted(names, key=lambda name: -results.counter(f"single/kill/{name}", "p100")):
        costs = [results.counter(f"single/kill/{name}", rank) for rank, _ in ranks]
        panel.plot(range(len(ranks)), costs, "o--" if "WRITEMAP" in name else "o-", color=colour(name), label=name,
                   linewidth=3 if is_library(name) else 1.8)
    panel.set_yscale("log")
    time_axis(panel.yaxis)
    panel.set_xticks(range(len(ranks)), [title for _, title in ranks])
    panel.set_xlabel("this share of the updates took")
    panel.set_ylabel("at most (log scale)")
    panel.grid()
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, path)


def draw(results, folder):
    groups = [("update/string/1/kill", "survives kill -9"), ("update/string/1/power", "survives power loss")]
    rows(results, folder / "performance-updates.svg", groups, 100, "one update, 1 of 20 strings changed (log scale); grey: the system calls alone")
    if f"redis/update/{LIBRARY}" in results.times:
        groups = [("redis/update", "an update, 1 of 20 strings changed"), ("redis/attach", "20 strings read")]
        rows(results, folder / "performance-redis.svg", groups, 1000, "time (log scale); grey: hiredis alone, and attaching without a server")
    against_number(results, folder / "performance-size.svg", SIZES[:5], lambda count: f"size/{count}", "other keys in the store", "one update")
    against_number(results, folder / "performance-users.svg", USERS, lambda count: f"users/{count}/request", "users", "one request")
    tail(results, folder / "performance-tail.svg")
