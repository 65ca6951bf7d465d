"""Reads what bench/run has measured, by the names of the benchmarks."""
import json
import re
from pathlib import Path


class Results:
    def __init__(self, folder):
        self.times = {}  # the times of a benchmark's repetitions, in ns
        self.counters = {}  # the counters of the repetition with the largest count
        self.context = {}
        self.bindings = {}  # what bindings/LANGUAGE/bench printed
        for path in sorted(Path(folder).glob("*.json")):
            result = json.loads(path.read_text())
            if "benchmarks" not in result:
                self.bindings[path.stem] = result
                continue
            self.context |= result["context"]  # each program names the versions of what it measures
            for run in result["benchmarks"]:
                if run["run_type"] == "iteration":
                    self._add(run)

    def _add(self, run):
        if run["time_unit"] != "ns":
            raise ValueError(f"{run['name']} is not in ns")
        name = re.sub(r"/(iterations:\d+|real_time|manual_time|repeats:\d+)", "", run["run_name"])
        self.times.setdefault(name, []).append(run["real_time"])
        if run.get("count", 1) >= self.counters.get(name, {}).get("count", 1):
            self.counters[name] = run

    def time(self, name):
        """Returns the lower quartile of the repetitions in nanoseconds. Other work of the machine can only make a repetition slower."""
        return sorted(self.times[name])[len(self.times[name]) // 4]

    def counter(self, name, counter):
        return self.counters[name][counter]

    def under(self, group):
        """Returns the names in a group without the group, the fastest first."""
        names = [name for name in self.times if name.startswith(group + "/")]
        return [name[len(group) + 1 :] for name in sorted(names, key=self.time)]
