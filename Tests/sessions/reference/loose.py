"""What no rule determines: it equals whatever the library says, or one of a few things."""


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
    """An event that may be told or not."""


def settled(expected, found):
    """What is expected, without the events that may be told and were not."""
    kept = []
    for event in expected:
        if not isinstance(event, Perhaps) or len(kept) < len(found) and found[len(kept)] == event:
            kept.append(event)
    return kept


ANYTHING = Anything()
