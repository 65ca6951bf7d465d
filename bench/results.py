"""What bench/run has measured, by the names of the benchmarks."""
import json
import re
from pathlib import Path


class Results:
    def __init__(self, folder):
        self.times = {}  # a benchmark's repetitions, in ns
        self.counters = {}  # of the repetition that has seen the most
        self.context = {}
        self.bindings = {}  # what bindings/LANGUAGE/bench printed
        for path in sorted(Path(folder).glob("*.json")):
            result = json.loads(path.read_text())
            if "benchmarks" not in result:
                self.bindings[path.stem] = result
                continue
            self.context = result["context"]
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
        """Nanoseconds: the lower quartile of the repetitions. What else a machine does only ever adds to them."""
        return sorted(self.times[name])[len(self.times[name]) // 4]

    def counter(self, name, counter):
        return self.counters[name][counter]

    def under(self, group):
        """The last parts of the names that begin with this, the quickest first."""
        names = [name for name in self.times if name.startswith(group + "/")]
        return [name[len(group) + 1 :] for name in sorted(names, key=self.time)]
