"""Whether a history could have happened one call after the other.

The search of Wing and Gong, with Lowe's memory of what was tried: calls are put into a sequence one by one; the next may be any whose beginning is
before the end of every call that is not in the sequence yet. A sequence in which each call could answer what it did answer, given those before it,
explains the history. Calls of unknown outcome may be in it, anywhere after their beginning, or not.
"""

from dataclasses import dataclass


@dataclass
class Call:
    """One call. `is_optional`: its outcome is unknown, so that it may have happened at any time after its beginning, or never."""

    start: float
    end: float
    is_optional: bool
    # What the model knows it by.
    entry: object


@dataclass
class Verdict:
    """explained: whether a sequence was found. Where none was: the calls of the longest sequence that was, and those none of which could come next.
    exhausted: the search gave up."""

    explained: bool
    sequence: list
    stuck: list
    states: list
    exhausted: bool = False


def search(calls, initial, step, limit=2_000_000):
    """`step(state, entry)` answers the states, which must be hashable, that a call can lead to with the answer that it had; none where it could not.
    Gives up after `limit` steps."""
    calls = sorted(calls, key=lambda call: call.start)
    required = 0
    for index, call in enumerate(calls):
        if not call.is_optional:
            required |= 1 << index
    tried = set()
    best = (-1, None)
    # What is left to try: a state, which calls led to it, and the way there as a chain of pairs.
    stack = [(initial, 0, None)]
    visited = 0
    while stack:
        state, done, way = stack.pop()
        if (done, state) in tried:
            continue
        tried.add((done, state))
        visited += 1
        if done & required == required:
            return Verdict(True, _sequence(calls, way), [], [])
        if visited > limit:
            return _failure(calls, best, step, exhausted=True)
        progress = (done & required).bit_count()
        if progress > best[0]:
            best = (progress, (state, done, way))
        # Those that are tried first come last: required ones before optional ones, early ends before late ones.
        for index in _candidates(calls, done):
            for following in step(state, calls[index].entry):
                stack.append((following, done | 1 << index, (index, way)))
    return _failure(calls, best, step)


def _candidates(calls, done):
    """The calls that may come next, those that should be tried first at the end."""
    found = []
    earliest_end = float("inf")
    for index, call in enumerate(calls):
        if call.start > earliest_end:
            break
        if done >> index & 1:
            continue
        found.append(index)
        if not call.is_optional and call.end < earliest_end:
            earliest_end = call.end
    found = [index for index in found if calls[index].start <= earliest_end]
    found.sort(key=lambda index: (not calls[index].is_optional, -calls[index].end))
    return found


def _sequence(calls, way):
    entries = []
    while way:
        index, way = way
        entries.append(calls[index].entry)
    return entries[::-1]


def _failure(calls, best, step, exhausted=False):
    state, done, way = best[1]
    return Verdict(False, _sequence(calls, way), [calls[index].entry for index in _candidates(calls, done)], [state], exhausted)
