"""A server that takes media is killed while producers send, again and again: what it told them as PERSISTED is there afterwards, byte for byte.
And its disk is a small file system that fills: nothing that was told is lost but what `disk-full` = `oldest` drops, and the rest of the server goes on.

Started by ops/torture --media. The loss of power, which takes what was not synced, is simulated beneath the store by `FaultTests.swift`.
"""

import argparse
import contextlib
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import media
from calls import call, wait_active
from deployment import Deployments, run_weir
from media import Producer, cluster, end_of_fragment, head

PRODUCERS = 8


class Load:
    """Producers that send fragments, each other bytes, and keep what they were told."""

    def __init__(self, server, start, told, size):
        self._server, self._start, self._size = server, start, size
        self._told = told
        self._stop = threading.Event()
        self.errors = []
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(PRODUCERS)]
        for thread in self._threads:
            thread.start()

    def _run(self, number):
        stream, chance = f"camera-{number}", random.Random(f"{self._start}-{number}")
        at = self._start
        # A server that dies ends connections at any place.
        with contextlib.suppress(OSError, AssertionError, ValueError):
            with Producer(self._server, stream) as producer:
                if producer.status != 200:
                    self.errors.append(producer.error[0])
                    return
                producer.send(head())
                while not self._stop.is_set():
                    sent = {}
                    for _ in range(chance.randint(1, 3)):
                        at += 1000
                        sent[at] = cluster(at, length=chance.randint(1, self._size) * 2)
                        producer.send(sent[at], end_of_fragment())
                    while sent:
                        found = producer.next()
                        if found is None or found["EventType"] == "ERROR":
                            self.errors.append(found and found["ErrorCode"])
                            return
                        if found["EventType"] == "PERSISTED":
                            self._told[stream][found["FragmentNumber"]] = hashlib.md5(sent.pop(found["FragmentTimecode"])).digest()

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


def missing(server, stream, told, may_be_gone=False):
    """How many of these fragments are not there, or are others."""
    listed = {found["FragmentNumber"] for found in pages(server, stream)}
    wanted = [number for number in told if number in listed]
    wrong = 0 if may_be_gone else len(told) - len(wanted)
    client = media.media_client(server, stream, "GET_MEDIA_FOR_FRAGMENT_LIST")
    for first in range(0, len(wanted), 200):
        part = wanted[first:first + 200]
        answer = call(client, "GetMediaForFragmentList", StreamName=stream, Fragments=part)["Payload"].read()
        read = {document.number: hashlib.md5(document.cluster).digest() for document in media.documents(answer)}
        wrong += sum(read.get(number) != told[number] for number in part)
    client.close()
    return wrong


def pages(server, stream):
    client = media.media_client(server, stream, "LIST_FRAGMENTS")
    for page in client.get_paginator("list_fragments").paginate(StreamName=stream, MaxResults=1000):
        yield from page["Fragments"]
    client.close()


def make_streams(server):
    client = server.client()
    for number in range(PRODUCERS):
        call(client, "CreateStream", StreamName=f"camera-{number}", DataRetentionInHours=24)
    for number in range(PRODUCERS):
        wait_active(client, f"camera-{number}")
    client.close()


def deaths(engine, rounds, seed):
    """Kills a server so often; returns how many fragments it told, and how many of them are lost."""
    chance = random.Random(seed)
    told = {f"camera-{number}": {} for number in range(PRODUCERS)}
    lost = 0
    with tempfile.TemporaryDirectory(prefix="weir-deaths-", dir="/var/tmp") as folder:
        deployments = Deployments(engine, folder)
        try:
            server = deployments.server("--media-reserve-bytes", "0")
            make_streams(server)
            for number in range(rounds):
                before = {stream: len(fragments) for stream, fragments in told.items()}
                load = Load(server, media.now_ms(), told, 20_000)
                time.sleep(chance.uniform(0.1, 1.2))
                server.kill()
                load.end()
                server = deployments.again(server)
                # What came before this round is looked at in the end once more, with everything else.
                for stream, fragments in told.items():
                    new = dict(list(fragments.items())[before[stream]:])
                    lost += missing(server, stream, new)
            for stream, fragments in told.items():
                lost += missing(server, stream, fragments)
            spoilt = run_weir("media", "verify", "--data-dir", server.folder, *server.database.flags, *server.flags)
            assert spoilt.stdout, spoilt.stderr
            print(f"  weir media verify: {spoilt.stdout.strip().splitlines()[-1]}", flush=True)
            lost += spoilt.returncode != 0
        finally:
            deployments.close()
    return sum(map(len, told.values())), lost


@contextlib.contextmanager
def small_file_system(megabytes):
    """A file system of its own, gone afterwards; None where mounting is not allowed."""
    with tempfile.TemporaryDirectory(prefix="weir-small-", dir="/var/tmp") as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "weir", folder], capture_output=True, text=True)
        if mounted.returncode:
            print(f"  no small file system: {mounted.stderr.strip()}", flush=True)
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def fills(when_full):
    """Sends more than a disk holds; returns how much was told, and how much of it is lost."""
    told = {f"camera-{number}": {} for number in range(PRODUCERS)}
    with small_file_system(96) as disk, tempfile.TemporaryDirectory(prefix="weir-full-", dir="/var/tmp") as folder:
        if disk is None:
            return 0, 0
        deployments = Deployments("sqlite", folder)
        try:
            server = deployments.server("--media-dir", disk, "--media-reserve-bytes", "0", "--disk-full", when_full)
            make_streams(server)
            errors = set()
            for _ in range(4):
                load = Load(server, media.now_ms(), told, 200_000)
                time.sleep(3)
                load.end()
                errors |= set(load.errors)
                # Nothing else notices.
                client = server.client()
                assert client.describe_stream(StreamName="camera-0")["StreamInfo"]["Status"] == "ACTIVE"
                client.close()
            print(f"  {when_full}: errors {sorted(map(str, errors))}", flush=True)
            if when_full == "oldest":
                assert not errors, errors
            else:
                assert errors and errors <= {"ARCHIVAL_ERROR", "ServiceUnavailableException", "ServiceUnavailable"}, errors
            lost = sum(missing(server, stream, fragments, when_full == "oldest") for stream, fragments in told.items())
            server.kill()
            again = deployments.again(server)
            lost += sum(missing(again, stream, fragments, when_full == "oldest") for stream, fragments in told.items())
        finally:
            deployments.close()
    return sum(map(len, told.values())), lost


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rounds", type=int, nargs="?", default=100)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    failed = False
    for engine in ["sqlite"] + ["postgres"] * ("WEIR_TEST_POSTGRES" in os.environ):
        told, lost = deaths(engine, options.rounds, options.seed)
        failed = failed or bool(lost) or not told
        print(f"{'FAILED' if lost else 'passed'} {options.rounds} deaths on {engine}: {told} fragments told as stored, {lost} lost", flush=True)
    for when_full in ("refuse", "oldest"):
        told, lost = fills(when_full)
        failed = failed or bool(lost)
        print(f"{'FAILED' if lost else 'passed'} a disk that fills, {when_full}: {told} fragments told as stored, {lost} lost", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
