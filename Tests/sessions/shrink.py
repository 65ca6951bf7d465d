"""Makes a case that disagrees small: removes steps, then simplifies them, while it still disagrees in the same way."""


def shrink(case, disagrees):
    """Returns the smallest case that it finds for which `disagrees` returns True."""
    changed = True
    while changed:
        changed = False
        size = max(len(case) // 2, 1)
        while size:
            at = 0
            while at < len(case):
                smaller = case[:at] + case[at + size:]
                if smaller and disagrees(smaller):
                    case, changed = smaller, True
                else:
                    at += size
            size //= 2
        for at, step in enumerate(case):
            for simpler in simpler_steps(step):
                candidate = case[:at] + [simpler] + case[at + 1:]
                if disagrees(candidate):
                    case, changed = candidate, True
                    break
    return case


def simpler_steps(step):
    """Yields simpler steps than this one: without one of its fields, options, or inner steps."""
    for at, part in enumerate(step):
        if isinstance(part, list) and part and isinstance(part[0], (dict, list)):
            for gone in range(len(part)):
                if len(part) > 1 or isinstance(part[0], list):
                    yield step[:at] + [part[:gone] + part[gone + 1:]] + step[at + 1:]
                if isinstance(part[gone], dict):
                    for key in [key for key in part[gone] if key not in ("key", "types", "default", "ids")]:
                        smaller = {name: value for name, value in part[gone].items() if name != key}
                        yield step[:at] + [part[:gone] + [smaller] + part[gone + 1:]] + step[at + 1:]
        if isinstance(part, dict):
            for key, value in part.items():
                if key in ("kind", "gives"):
                    continue
                yield step[:at] + [{name: other for name, other in part.items() if name != key}] + step[at + 1:]
                if isinstance(value, list):
                    for smaller in smaller_lists(value):
                        yield step[:at] + [{**part, key: smaller}] + step[at + 1:]


def smaller_lists(steps):
    """Yields lists without one of the steps, or with a simpler one in its place. Instead of steps, there may be lists of steps."""
    for at, step in enumerate(steps):
        yield steps[:at] + steps[at + 1:]
        simpler = smaller_lists(step) if step and isinstance(step[0], list) else simpler_steps(step) if isinstance(step, list) else ()
        for one in simpler:
            yield steps[:at] + [one] + steps[at + 1:]
