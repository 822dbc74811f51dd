"""That the checks of signaling can fail: a viewer and a master that talk, which is right, and spoilt in every way that they are to find."""

import signals
from signals import Connection, Facts, Message


def tale():
    """A viewer on instance 1 sends three messages to a master on instance 2, while instance 3 dies."""
    facts = Facts([Connection("door/viewer", 0, 1, 0.0), Connection("door/master", 1, 2, 0.0)], kills=[(3, 5.0)], looks=[(21.0, [1, 1], [1, 1])])
    for number in (1, 2, 3):
        facts.messages.append(Message(0, "door/master", number, 9.0 + number, 9.1 + number))
        facts.connections[1].received.append((0, number, 9.2 + number))
    return facts


def lost(facts):
    del facts.connections[1].received[1]


def last_lost(facts):
    del facts.connections[1].received[2]


def out_of_order(facts):
    received = facts.connections[1].received
    received[1], received[2] = received[2], received[1]


def route_to_the_dead(facts):
    facts.looks[0] = (21.0, [1, 1, 1], [1, 1])


def route_is_missing(facts):
    facts.looks[0] = (21.0, [1], [1, 1])


SPOILT = {
    lost: "lost messages", last_lost: "lost messages", out_of_order: "order of messages", route_to_the_dead: "routes", route_is_missing: "routes"}


# Sound, though not plain.

def plain(facts):
    pass


def recipient_dies(facts):
    """Who was on an instance that dies comes back elsewhere; what was under way to the old place is gone."""
    lost(facts)
    facts.kills.append((2, 11.5))
    facts.connections[1].closed = 11.5
    facts.connections.append(Connection("door/master", 2, 1, 12.5))


def sender_dies(facts):
    last_lost(facts)
    facts.kills.append((1, 12.6))


def never_accepted(facts):
    last_lost(facts)
    facts.messages[2].accepted = None


def twice(facts):
    facts.connections[1].received.append((0, 2, 13.0))


def recipient_comes_late(facts):
    lost(facts)
    facts.connections[1].opened = 11.05


SOUND = [plain, recipient_dies, sender_dies, never_accepted, twice, recipient_comes_late]


def failures():
    """What the checks say of these, where that is wrong."""
    found = []
    for spoil, expected in [*SPOILT.items(), *((sound, None) for sound in SOUND)]:
        facts = tale()
        spoil(facts)
        violations = set(signals.check(facts))
        if (expected not in violations) if expected else violations:
            found.append(f"{spoil.__name__} should violate {expected or 'nothing'}, but violates {', '.join(sorted(violations)) or 'nothing'}")
    return found + [f"nothing shows that the check of {name} can fail" for name in set(signals.CHECKS) - set(SPOILT.values())]
