"""Every state that a system can come to, in the order of the steps it takes to get there."""

import collections


class Result:
    def __init__(self, states, ends, wrong, trace):
        self.states = states  # how many there are
        self.ends = ends  # those from which nothing leads on
        self.wrong = wrong  # what is wrong with the first bad one; None: nothing, in none
        self.trace = trace  # the steps to it; no other way is shorter


def explore(start, steps, judge):
    """`steps(state)` yields (label, state). `judge(state, is_end)` returns what is wrong with a state, or None.

    Breadth first, so that the first bad state found is one with a shortest way to it.
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
