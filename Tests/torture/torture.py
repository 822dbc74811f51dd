"""Hurts a deployment while clients use it, and checks afterwards that they were told the truth. Started by ops/torture."""

import argparse
import asyncio
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import cameras
import checks
import killing
import network
import recordings
import signals
import spoil
import spoil_media
import spoil_signals
from client import History
from faults import KINDS, STORE, Faults, needs
from processes import Repeated, stop_everything, until
from stack import REGION, Stack
from workload import CHANNEL_QUOTA, STREAM_QUOTA, Workload, flags


def log(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def torture(binary, folder, seconds, seed, kinds, rate=150, report=log, careless=False, media=0, sweep=False):
    """One run. Returns its facts, those of its media, and what went wrong with the programs themselves; the history, the tables and what media there
    was stay in `folder`.

    media: how many cameras, each with a viewer, there are beside the other clients. sweep: waits in the end until nothing of them is left.
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
        stack = Stack(
            binary, folder, flags() + ["--drain-seconds", 1], seed=seed, synchronous=not careless, store=media > 0 or bool(STORE & set(kinds)),
            **needs(kinds))
        workload = Workload(stack, history, seed, rate=rate, forgetful=careless)
        watched = cameras.Cameras(stack, history, seed, media)
        faults = Faults(stack, history, kinds, seed, report)
        sampler = Repeated(0.5, lambda: sample(stack, history))
        report(f"clients start; faults: {', '.join(kinds)}")
        workload.start()
        watched.start()
        ageing = Repeated(20, lambda: cameras.let_time_pass(stack))
        time.sleep(2)
        faults.run(seconds)
        time.sleep(2)
        report("all is healed; clients stop")
        workload.stop()
        sampler.stop()
        ageing.stop()
        left = watched.stop(sweep)
        troubles = workload.broken + watched.broken + faults.troubles
        try:
            wait_for_rest(stack)
        except TimeoutError as error:
            troubles.append(str(error))
        tables = {table: [row for row in stack.postgres.rows(table) if is_of_calls(row)] for table in checks.TABLES}
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
    (folder / "media.json").write_text(json.dumps(left))
    return *read(folder), troubles


def is_of_calls(row):
    """Whether a row is of what the recorded calls made: cameras have a region of their own, and the store of media is nobody's."""
    arn = row.get("arn") or row.get("resource_arn") or row.get("stream_arn") or ""
    return row.get("region", REGION) == REGION and (not arn or f":{REGION}:" in arn)


def read(folder):
    """The facts of a run, and those of its media, as they were left in a folder."""
    history = History.read(folder / "history.jsonl")
    tables, left = (json.loads((folder / name).read_text()) for name in ("tables.json", "media.json"))
    return checks.Facts.of(history, tables), recordings.Media.of(history, left)


def sample(stack, history):
    """What one look at the database shows of the quotas."""
    start = time.monotonic()
    try:
        line = stack.postgres.sql(
            f"SELECT (SELECT count(*) FROM stream WHERE region = '{REGION}'), "
            f"(SELECT coalesce(sum(stream_count), 0) FROM account_usage WHERE region = '{REGION}'), "
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


def check(facts, media, progress=lambda text: None):
    """All violations, by the name of the check that found them."""
    return checks.check(facts, progress) | recordings.check(media)


def describe(facts, media, troubles, violations, seed, duration):
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
    yield f"{'fault':<13} {'times':>5} {'longest time without an answer':>31} {'without a change':>17}   what it is"
    for kind, count in sorted(kinds.items()):
        yield f"{kind:<13} {count:>5} {gaps[kind]['any']:>29.2f} s {gaps[kind]['change']:>15.2f} s   {KINDS[kind]}"
    yield from recordings.describe(media)
    yield from verdict(troubles, violations)


def verdict(troubles, violations):
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
    failures = spoil.failures() + spoil_media.failures() + spoil_signals.failures()
    for failure in failures:
        print(failure)
    spoilt, sound = (sum(len(getattr(tales, name)) for tales in (spoil, spoil_media, spoil_signals)) for name in ("SPOILT", "SOUND"))
    print(f"{spoilt} spoilt histories and {sound} sound ones, {len(failures)} wrong verdicts")
    return bool(failures)


def watch(options):
    """Cameras of 1 Mbit/s, each on one instance and its viewer on another, while an instance is killed every so often."""
    folder, seed = new_folder(options), options.seed or str(random.SystemRandom().randrange(10**9))
    history = History(folder / "history.jsonl")
    stack = Stack(options.weir, folder, ["--drain-seconds", 2, "--log-requests", "false"], store=True)

    def ports(camera):
        """Those of the camera and of its viewer; where one has died its clients go to the next."""
        own = [instance.port for instance in stack.instances]
        own = own[camera.number % len(own):] + own[:camera.number % len(own)]
        return own, own[1:] + own[:1]

    watched = cameras.Cameras(stack, history, seed, options.cameras, ports, size=125_000, lasting=True)
    faults = Faults(stack, history, ["kill"], seed, log)
    log(f"{options.cameras} cameras start, seed {seed}")
    watched.start()
    end = time.monotonic() + options.minutes * 60
    while time.monotonic() < end:
        time.sleep(20)
        faults.once("kill")
    time.sleep(5)
    left = watched.stop(sweep=False, deadline=1800)
    troubles = watched.broken + faults.troubles + stack.stop()
    history.close()
    (folder / "media.json").write_text(json.dumps(left))
    media = recordings.Media.of(History.read(history.path), left)
    violations = recordings.check(media)
    for line in (*recordings.describe(media), *recordings.each_gap(media), *verdict(troubles, violations)):
        print(line)
    finish(options, folder, troubles or violations)


def talk(options):
    """A master and two viewers on each of many channels, on three instances, of which one is killed every 20 s."""
    # A file for each socket.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    folder, seed = new_folder(options), options.seed or str(random.SystemRandom().randrange(10**9))
    stack = Stack(options.weir, folder, ["--log-requests", "false", "--signaling-grace-seconds", 2])
    clients = signals.Signals(stack, seed, options.signaling, options.rate / 8)
    log(f"{options.signaling} channels, seed {seed}")
    asyncio.run(clients.run(options.minutes * 60, report=log))
    troubles, violations = clients.troubles + stack.stop(), signals.check(clients.facts)
    for line in (*signals.describe(clients.facts), *verdict(troubles, violations)):
        print(line)
    finish(options, folder, troubles or violations)


def finish(options, folder, failed):
    """Leaves the folder of a run that failed, and ends."""
    if not options.folder:
        if failed:
            print(f"left for a look: {folder}")
        else:
            shutil.rmtree(folder)
    sys.exit(bool(failed))


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
    parser.add_argument("--minutes", type=float, default=2, help="how long faults go on (default 2); each kind comes once for every two minutes, even where that takes longer")
    parser.add_argument("--seed", default=None, help="what decides on calls and faults; a run that failed names its own")
    parser.add_argument("--faults", default=",".join(KINDS), help="kinds, separated by commas; default: all of " + ", ".join(KINDS))
    parser.add_argument("--with-cameras", type=int, default=4, help="cameras, each with a viewer, beside the other clients (default 4)")
    parser.add_argument("--cameras", type=int, metavar="N", help="only N cameras of 1 Mbit/s, their viewers on other instances, and kills every 20 s")
    parser.add_argument("--signaling", type=int, metavar="N", help="only N channels with a master and two viewers each, and kills every 20 s")
    parser.add_argument("--rate", type=float, default=150, help="calls, or messages of signaling, in a second, about (default 150)")
    parser.add_argument("--folder", type=Path, help="keeps everything there; by default only a run that failed leaves its folder behind")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="only checks what an earlier run left there")
    parser.add_argument("--self-test", action="store_true", help="only shows that every check can fail")
    parser.add_argument("--kill", type=float, metavar="SECONDS", help="only kills one of three instances every two seconds, under clients that retry")
    parser.add_argument("--weir", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    kinds = options.faults.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}: there are {', '.join(KINDS)}")
    if not options.weir:
        return  # Without the program only the words are looked at.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))

    if options.self_test:
        sys.exit(self_test())
    if options.kill:
        sys.exit(kill(options))
    if options.cameras:
        watch(options)
    if options.signaling:
        talk(options)
    if options.check:
        (facts, media), troubles = read(options.check), []
        seed, duration = "of an earlier run", max(entry["end"] for entry in facts.calls) - min(entry["start"] for entry in facts.calls)
    else:
        seed = options.seed or str(random.SystemRandom().randrange(10**9))
        folder = new_folder(options)
        began = time.monotonic()
        facts, media, troubles = torture(
            options.weir, folder, options.minutes * 60, seed, kinds, options.rate, media=options.with_cameras, sweep=True)
        duration = time.monotonic() - began
    violations = check(facts, media, log)
    for line in describe(facts, media, troubles, violations, seed, duration):
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
