"""What is done to a deployment while clients use it. One fault at a time, each healed before the next, in an order that a seed decides."""

import random
import time

# The time after which another worker takes over the tasks of one that has not finished them, in seconds: Workers, TransitionWorker.
LEASE = 5
# How far apart the clocks of client and server may be, in seconds.
SIGNATURE_WINDOW = 300

KINDS = {
    "kill": "an instance is killed (kill -9) and started again",
    "pause": "an instance is stopped (SIGSTOP) for longer than a lease, and goes on",
    "restart": "Postgres is shut down, fast, and started again",
    "crash": "Postgres crashes and recovers",
    "failover": "the primary is lost, its standby is promoted, and gets a standby of its own",
    "cut-web": "connections to instances are cut between request and answer",
    "cut-sql": "connections to Postgres are cut between request and answer",
    "partition": "an instance and its database do not hear each other, or one does not hear the other",
    "isolate": "an instance and its load balancer do not hear each other, or one does not hear the other",
    "clock": "an instance's clock is wrong by less than the five minutes that signatures allow",
    "skew": "an instance's clock is wrong by more than that",
    "store-kill": "the store of media is killed (kill -9) and started again",
    "store-slow": "each piece to the store and from it takes up to some seconds",
    "store-refuses": "requests to the store are answered by errors 500 and 503",
    "store-loses": "connections to the store are cut between a PUT and its answer",
    "store-silent": "instances and the store do not hear each other",
}


STORE = {kind for kind in KINDS if kind.startswith("store-")}


def needs(kinds):
    """What a stack must be made with for these faults."""
    return {
        "replicated": "failover" in kinds,
        "cuttable": bool(({"cut-web", "cut-sql", "partition", "isolate"} | STORE - {"store-kill"}) & set(kinds)),
        "partitionable": bool({"partition", "isolate"} & set(kinds)),
        "shiftable": bool({"clock", "skew"} & set(kinds)),
    }


class Faults:
    """Does one after the other, and tells the history of each when it began, when it was healed and when everything was ready again."""

    def __init__(self, stack, history, kinds, seed, on_fault=lambda line: None):
        self._stack, self._history, self._kinds = stack, history, list(kinds)
        self._chance = random.Random(f"{seed}-faults")
        self._on_fault = on_fault
        self.troubles = []

    def run(self, seconds):
        """Faults of every kind, in rounds of changing order, until the time is over; longer where a round takes more than two minutes: every kind
        comes once for every two minutes, at least once."""
        end, owed = time.monotonic() + seconds, max(1, round(seconds / 120))
        while owed > 0 or time.monotonic() < end:
            for kind in self._chance.sample(self._kinds, len(self._kinds)):
                if time.monotonic() > end and owed <= 0:
                    return
                self.once(kind)
                if self.troubles:
                    return
                time.sleep(self._chance.uniform(0.5, 1.5))
            owed -= 1

    def once(self, kind):
        start = time.monotonic()
        steps = getattr(self, kind.replace("-", "_"))()
        detail = next(steps)
        for _ in steps:
            pass
        healed = time.monotonic()
        try:
            self._stack.wait_until_ready()
        except TimeoutError as error:
            self.troubles.append(f"after {kind} ({detail}): {error}")
        ready = time.monotonic()
        self._history.add(kind="fault", fault=kind, detail=detail, start=start, healed=healed, ready=ready)
        self._on_fault(f"{kind}: {detail}; healed after {healed - start:.1f} s, ready {ready - healed:.1f} s later")

    def _instance(self):
        return self._chance.choice(self._stack.instances)

    # Each fault: what it does to whom, as a text, once it has begun; the rest heals it.

    def kill(self):
        instance = self._instance()
        instance.kill()
        yield f"instance {instance.number}"
        time.sleep(self._chance.choice([0, 0.2, 1, 2.5]))
        instance.start()

    def pause(self):
        instance, seconds = self._instance(), LEASE + self._chance.uniform(1, 3)
        instance.pause()
        yield f"instance {instance.number} for {seconds:.1f} s"
        time.sleep(seconds)
        instance.resume()

    def restart(self):
        return self._end_postgres("fast")

    def crash(self):
        return self._end_postgres(self._chance.choice(["immediate", "kill"]))

    def _end_postgres(self, mode):
        primary = self._stack.postgres.primary
        primary.stop(mode)
        yield f"{mode}"
        time.sleep(self._chance.choice([0, 0.5, 2]))
        primary.start()
        primary.wait_until_up()
        self._stack.postgres.wait_until_replicated()

    def failover(self):
        mode = self._chance.choice(["immediate", "kill", "fast"])
        self._stack.postgres.fail_over(mode)
        yield f"{mode}, to {self._stack.postgres.primary.name}"
        self._stack.postgres.replicate()

    def cut_web(self):
        chosen = self._chance.sample(self._stack.instances, self._chance.choice([1, 1, 3]))
        return self._cut([instance.web_link for instance in chosen], self._chance.uniform(0.1, 0.5))

    def cut_sql(self):
        chosen = self._chance.sample(self._stack.instances, self._chance.choice([1, 1, 3]))
        return self._cut([name for instance in chosen for name in instance.sql_links()], self._chance.uniform(0.02, 0.2))

    def _cut(self, links, share):
        way = self._chance.choice(["sent", "answered"])
        for link in links:
            self._stack.proxies.cut(link, way, share)
        yield f"{share:.0%} of {', '.join(links)} once {way}"
        time.sleep(self._chance.uniform(1.5, 3.5))
        count = sum(self._stack.proxies.heal(link) for link in links)
        self._history.add(kind="cuts", count=count)

    def store_kill(self):
        self._stack.store.kill()
        yield ""
        time.sleep(self._chance.choice([0, 1, 3]))
        self._stack.store.start()
        self._stack.store.wait_until_up()

    def store_slow(self):
        return self._hurt_store("slow", self._chance.choice([0.2, 1, 3]))

    def store_refuses(self):
        return self._hurt_store("refused", self._chance.choice([0.2, 0.6, 1]))

    def store_loses(self):
        return self._hurt_store("answered", self._chance.choice([0.2, 0.6, 1]))

    def store_silent(self):
        return self._hurt_store("silent", 1)

    def _hurt_store(self, way, share):
        chosen = self._chance.sample(self._stack.instances, self._chance.choice([1, 1, 3]))
        # A fragment waits for the store for 20 s.
        seconds = self._chance.choice([2, 4, 8] if way != "silent" else [3, 8, 25])
        for instance in chosen:
            self._stack.proxies.cut(instance.store_link, way, share)
        yield f"{way} {share}, {', '.join(instance.store_link for instance in chosen)}, for {seconds} s"
        time.sleep(seconds)
        count = sum(self._stack.proxies.heal(instance.store_link) for instance in chosen)
        self._history.add(kind="cuts", count=count)

    def partition(self):
        instance, direction, seconds = self._instance(), self._chance.choice(["both", "in", "out"]), self._chance.choice([3, 7, 12, 18])
        instance.cut_from_database(direction)
        yield f"instance {instance.number} and its database, {direction}, for {seconds} s"
        time.sleep(seconds)
        instance.heal()

    def isolate(self):
        instance, direction, seconds = self._instance(), self._chance.choice(["both", "in", "out"]), self._chance.choice([2, 5, 9])
        instance.cut_from_clients(direction)
        yield f"instance {instance.number} and HAProxy, {direction}, for {seconds} s"
        time.sleep(seconds)
        instance.heal()

    def clock(self):
        return self._set_clock(self._chance.randint(20, SIGNATURE_WINDOW - 20))

    def skew(self):
        return self._set_clock(self._chance.randint(SIGNATURE_WINDOW + 100, 20 * SIGNATURE_WINDOW))

    def _set_clock(self, seconds):
        instance, seconds = self._instance(), seconds * self._chance.choice([1, -1])
        instance.set_clock(seconds)
        yield f"instance {instance.number} by {seconds} s"
        time.sleep(self._chance.uniform(3, 6))
        instance.set_clock(0)
        # The clock is looked up about once a second, and is right for good only then.
        time.sleep(2.2)
