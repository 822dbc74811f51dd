"""A network of its own for an instance, so that it can be cut off from its database while it hears its clients, or the other way round.

Each instance has a namespace with two links to this machine: `web`, by which requests come, and `sql`, by which it reaches the database. What a cut
loses is lost in silence, as in a network: nobody is told.
"""

import os
import shutil
from dataclasses import dataclass

from processes import run


def check():
    """Raises where namespaces cannot be made here, and says what is missing."""
    missing = [program for program in ("ip", "iptables") if not _find(program)]
    if missing:
        raise RuntimeError(f"network partitions need {' and '.join(missing)} (Debian: apt-get install iproute2 iptables)")
    if os.geteuid() != 0:
        raise RuntimeError("network partitions need root: network namespaces cannot be made by others")
    name = f"weir-{os.getpid()}-try"
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "exec", name, "iptables", "-w", "-n", "-L")
    except RuntimeError as error:
        raise RuntimeError(f"network namespaces cannot be made here: {error}") from error
    finally:
        try:
            run("ip", "netns", "del", name)
        except RuntimeError:
            pass


def _find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@dataclass
class Link:
    """One of the two: its name inside, and the addresses of both ends."""

    name: str
    inside: str
    outside: str


class Namespace:
    """Made at once, and gone, links included, after `remove`."""

    def __init__(self, number):
        self.name = f"weir-{os.getpid()}-{number}"
        # Of the block for tests of network devices, which is nobody's real network.
        base = (os.getpid() % 4096) * 16 + number
        self.links = {}
        run("ip", "netns", "add", self.name)
        try:
            self.inside("ip", "link", "set", "lo", "up")
            for index, name in enumerate(("web", "sql")):
                network = (base * 2 + index) * 4 % (1 << 17)
                prefix = f"198.{18 + (network >> 16)}.{(network >> 8) & 255}"
                link = Link(name, f"{prefix}.{(network & 255) + 2}", f"{prefix}.{(network & 255) + 1}")
                outside = f"wr{os.getpid() % 100000}{name[0]}{number}"
                run("ip", "link", "add", outside, "type", "veth", "peer", "name", name, "netns", self.name)
                run("ip", "addr", "add", f"{link.outside}/30", "dev", outside)
                run("ip", "link", "set", outside, "up")
                self.inside("ip", "addr", "add", f"{link.inside}/30", "dev", name)
                self.inside("ip", "link", "set", name, "up")
                self.links[name] = link
        except RuntimeError:
            self.remove()
            raise

    def inside(self, *command):
        return run("ip", "netns", "exec", self.name, *command)

    @property
    def prefix(self):
        """What a command begins with that is to run inside."""
        return ["ip", "netns", "exec", self.name]

    def cut(self, link, direction):
        """Loses what goes `in`, `out` or `both` on a link."""
        if direction in ("in", "both"):
            self.inside("iptables", "-w", "-A", "INPUT", "-i", link, "-j", "DROP")
        if direction in ("out", "both"):
            self.inside("iptables", "-w", "-A", "OUTPUT", "-o", link, "-j", "DROP")

    def heal(self):
        self.inside("iptables", "-w", "-F")

    def remove(self):
        run("ip", "netns", "del", self.name)
