"""Visits every state that a system can reach, in the order of the number of steps that lead to it."""

import collections


class Result:
    def __init__(self, states, ends, wrong, trace):
        self.states = states  # how many states there are
        self.ends = ends  # how many states have no further step
        self.wrong = wrong  # what is wrong with the first bad state; None: no state is bad
        self.trace = trace  # the steps to the first bad state; no other way is shorter


def explore(start, steps, judge):
    """Returns the Result. `steps(state)` yields (label, state). `judge(state, is_end)` returns what is wrong with a state, or None.

    The search is breadth first, so that no way to a bad state is shorter than the way to the first one found.
    """
    came_from = {start: None}
    queue = collections.deque([start])
    ends = 0
    while queue:
        state = queue.popleft()
        is_end = True
        for label, following in steps(state):
            is_end = False
            if following not in came_from:
                came_from[following] = (state, label)
                queue.append(following)
        ends += is_end
        wrong = judge(state, is_end)
        if wrong:
            return Result(len(came_from), ends, wrong, trace(came_from, state))
    return Result(len(came_from), ends, None, [])


def trace(came_from, state):
    labels = []
    while came_from[state]:
        state, label = came_from[state]
        labels.append(label)
    return labels[::-1]
