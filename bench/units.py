"""Formats numbers for people."""


def significant(number):
    """Returns a number with three digits, without an exponent."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def ns(number):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(number) >= size:
            return f"{significant(number / size)} {unit}"
    return f"{significant(number)} ns"


def bytes_(number):
    return f"{number / (1 << 20):.2f} MiB" if number >= 1 << 20 else f"{number / 1024:,.0f} KiB"


def times(ratio):
    return f"{significant(ratio)} ×"
