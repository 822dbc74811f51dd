"""Hurts a deployment while clients use it, and checks afterwards that they were told the truth. Started by ops/torture."""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import checks
import killing
import network
import spoil
from client import History
from faults import KINDS, Faults, needs
from processes import Repeated, stop_everything, until
from stack import Stack
from workload import CHANNEL_QUOTA, STREAM_QUOTA, Workload, flags


def log(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def torture(binary, folder, seconds, seed, kinds, rate=150, report=log, careless=False):
    """One run. Answers its facts, and what went wrong with the programs themselves; the history and the tables stay in `folder`.

    careless: the standby confirms nothing, and clients do not tell that they make a call again, so that what clients are told is not true.
    """
    if {"partition", "isolate"} & set(kinds):
        network.check()
    history = History(folder / "history.jsonl")
    epoch = (time.time() - time.monotonic()) * 1000
    history.add(kind="run", seed=seed, kinds=list(kinds), quotas={"stream": STREAM_QUOTA, "channel": CHANNEL_QUOTA}, epoch=epoch)
    report(f"starting three instances, seed {seed}")
    stack = None
    try:
        stack = Stack(binary, folder, flags() + ["--drain-seconds", 1], seed=seed, synchronous=not careless, **needs(kinds))
        workload = Workload(stack, history, seed, rate=rate, forgetful=careless)
        faults = Faults(stack, history, kinds, seed, report)
        sampler = Repeated(0.5, lambda: sample(stack, history))
        report(f"clients start; faults: {', '.join(kinds)}")
        workload.start()
        time.sleep(2)
        faults.run(seconds)
        time.sleep(2)
        report("all is healed; clients stop")
        workload.stop()
        sampler.stop()
        troubles = workload.broken + faults.troubles
        try:
            wait_for_rest(stack)
        except TimeoutError as error:
            troubles.append(str(error))
        tables = {table: stack.postgres.rows(table) for table in checks.TABLES}
        troubles += stack.stop()
        stack = None
    finally:
        if stack:
            try:
                stack.stop()
            except Exception as error:
                report(f"stopping: {error}")
        stop_everything()
        history.close()
    (folder / "tables.json").write_text(json.dumps(tables))
    return checks.Facts.of(History.read(history.path), tables), troubles


def sample(stack, history):
    """What one look at the database shows of the quotas."""
    start = time.monotonic()
    try:
        line = stack.postgres.sql(
            "SELECT (SELECT count(*) FROM stream), (SELECT coalesce(sum(stream_count), 0) FROM account_usage), "
            "(SELECT count(*) FROM channel), (SELECT coalesce(sum(channel_count), 0) FROM account_usage)")
        numbers = [int(number) for number in line.split("|")]
    except (RuntimeError, ValueError, OSError):
        return
    history.add(kind="sample", time=start, stream=numbers[:2], channel=numbers[2:])


def wait_for_rest(stack):
    """Waits until everything that was begun is over: transitions, and edge configurations whose agent says nothing any more."""
    busy = (
        "SELECT (SELECT count(*) FROM task) + (SELECT count(*) FROM stream WHERE status <> 'ACTIVE') "
        "+ (SELECT count(*) FROM channel WHERE status <> 'ACTIVE') + (SELECT count(*) FROM edge_configuration WHERE deadline IS NOT NULL)")
    until(lambda: stack.postgres.sql(busy) == "0", "everything has come to rest", deadline=40, pause=0.5)


def describe(facts, troubles, violations, seed, duration):
    """The report, as lines."""
    changes = [entry for entry in facts.calls if entry["operation"] in checks.RECORDED]
    outcomes = Counter(entry["outcome"] for entry in facts.calls)
    codes = Counter(entry["code"] for entry in facts.calls if entry["outcome"] == "refused")
    attempts = Counter(
        str(status) if request_id else f"HAProxy {status}" if status else code
        for entry in facts.calls for _, _, status, code, request_id in entry["attempts"] if status != 200)
    kinds = Counter(fault["fault"] for fault in facts.faults)
    gaps = checks.unavailability(facts)
    yield f"seed {seed}, {duration / 60:.1f} minutes"
    unknown = sum(entry["outcome"] == "unknown" for entry in changes)
    yield (
        f"calls: {len(facts.calls)}, of which {len(changes)} ask for a change: {outcomes['ok']} ok, {outcomes['refused']} refused, "
        f"{outcomes['unknown']} of unknown outcome ({unknown} of them changes)")
    yield f"calls of more than one attempt: {sum(len(entry['attempts']) > 1 for entry in facts.calls)}"
    yield "attempts without success: " + ", ".join(f"{name} {count}" for name, count in attempts.most_common())
    yield "refusals: " + ", ".join(f"{code} {count}" for code, count in codes.most_common())
    operations = defaultdict(Counter)
    for entry in facts.calls:
        operations[entry["operation"]][entry["outcome"]] += 1
    yield "operations (ok / refused / unknown): " + ", ".join(
        f"{name} {count['ok']}/{count['refused']}/{count['unknown']}" for name, count in sorted(operations.items()))
    yield (
        f"cells: {len(checks.by_cell(facts.calls))}; lists: {len(facts.listings)}; looks at the database: {len(facts.samples)}; "
        f"events: {len(facts.tables['event'])}; connections cut: {facts.cuts}")
    yield f"{'fault':<10} {'times':>5} {'longest time without an answer':>31} {'without a change':>17}   what it is"
    for kind, count in sorted(kinds.items()):
        yield f"{kind:<10} {count:>5} {gaps[kind]['any']:>29.2f} s {gaps[kind]['change']:>15.2f} s   {KINDS[kind]}"
    for trouble in troubles:
        yield f"TROUBLE: {trouble}"
    for name, found in violations.items():
        yield f"VIOLATED: {name}, {len(found)} times"
        for violation in found[:5]:
            yield "  " + violation
    yield "passed" if not troubles and not violations else "FAILED"


def new_folder(options):
    folder = options.folder or Path(tempfile.mkdtemp(prefix="weir-torture-", dir="/var/tmp"))
    folder.mkdir(exist_ok=True)
    # The user postgres has to pass through.
    folder.chmod(0o711)
    return folder


def self_test():
    failures = spoil.failures()
    for failure in failures:
        print(failure)
    print(f"{len(spoil.SPOILT)} spoilt histories and {len(spoil.SOUND)} sound ones, {len(failures)} wrong verdicts")
    return bool(failures)


def kill(options):
    folder = new_folder(options)
    stack = Stack(options.weir, folder, ["--drain-seconds", 2])
    callers = killing.Callers(stack)
    kills = killing.kill_one_after_the_other(stack, options.kill, options.seed or "0")
    callers.stop()
    troubles = callers.failures + callers.doubled() + stack.stop()
    print(
        f"{kills} kills; {callers.calls} calls by boto3 in its standard mode, {callers.retried} of them made again, the longest "
        f"{callers.longest:.2f} s; {len(callers.failures)} failed; {len(callers.made)} streams from creation to deletion")
    for trouble in troubles:
        print(trouble)
    if not options.folder:
        shutil.rmtree(folder)
    return bool(troubles)


def main():
    parser = argparse.ArgumentParser(prog="ops/torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2, help="how long faults go on (default 2); each kind comes at least once")
    parser.add_argument("--seed", default=None, help="what decides on calls and faults; a run that failed names its own")
    parser.add_argument("--faults", default=",".join(KINDS), help="kinds, separated by commas; default: all of " + ", ".join(KINDS))
    parser.add_argument("--rate", type=float, default=150, help="calls in a second, about (default 150)")
    parser.add_argument("--folder", type=Path, help="keeps everything there; by default only a run that failed leaves its folder behind")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="only checks what an earlier run left there")
    parser.add_argument("--self-test", action="store_true", help="only shows that every check can fail")
    parser.add_argument("--kill", type=float, metavar="SECONDS", help="only kills one of three instances every two seconds, under clients that retry")
    parser.add_argument("--weir", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    kinds = options.faults.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}: there are {', '.join(KINDS)}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))

    if options.self_test:
        sys.exit(self_test())
    if options.kill:
        sys.exit(kill(options))
    if options.check:
        facts, troubles = checks.Facts.of(History.read(options.check / "history.jsonl"), json.loads((options.check / "tables.json").read_text())), []
        seed, duration = "of an earlier run", max(entry["end"] for entry in facts.calls) - min(entry["start"] for entry in facts.calls)
    else:
        seed = options.seed or str(random.SystemRandom().randrange(10**9))
        folder = new_folder(options)
        began = time.monotonic()
        facts, troubles = torture(options.weir, folder, options.minutes * 60, seed, kinds, options.rate)
        duration = time.monotonic() - began
    violations = checks.check(facts, log)
    for line in describe(facts, troubles, violations, seed, duration):
        print(line)
    failed = bool(troubles or violations)
    if not options.check and not options.folder:
        if failed:
            print(f"left for a look: {folder} (ops/torture --check {folder})")
        else:
            shutil.rmtree(folder)
    sys.exit(failed)


if __name__ == "__main__":
    main()
