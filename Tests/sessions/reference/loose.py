"""Values for what no rule decides. They are equal to anything, or to one of a few values."""


class Anything:
    def __eq__(self, _):
        return True

    def __repr__(self):
        return "anything"


class Either:
    def __init__(self, *allowed):
        self.allowed = allowed

    def __eq__(self, other):
        return other in self.allowed

    def __repr__(self):
        return " or ".join(map(repr, self.allowed))


def first(status, other):
    """Returns the first failure of two calls, or OK. The first one may have had one of several outcomes."""
    return Either(*(one or other for one in status.allowed)) if isinstance(status, Either) else status or other


class Undecided(Exception):
    """Says that no rule decides what a step does. The case ends before it."""


class Perhaps(tuple):
    """An event that may be reported or not."""


def settled(expected, found):
    """Returns the expected events without those that need not be reported and were not."""
    kept = matched(expected, found)
    return [event for event in expected if not isinstance(event, Perhaps)] if kept is None else kept


def matched(expected, found):
    """Returns the expected events that were found, or None if they are not those that were found."""
    if not expected:
        return None if found else []
    kept = matched(expected[1:], found[1:]) if found and found[0] == expected[0] else None
    if kept is not None:
        return expected[:1] + kept
    return matched(expected[1:], found) if isinstance(expected[0], Perhaps) else None


ANYTHING = Anything()
