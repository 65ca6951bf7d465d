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


class Perhaps(tuple):
    """An event that may be reported or not."""


def settled(expected, found):
    """Returns the expected events without those that need not be reported and were not."""
    kept = []
    for event in expected:
        if not isinstance(event, Perhaps) or len(kept) < len(found) and found[len(kept)] == event:
            kept.append(event)
    return kept


ANYTHING = Anything()
