# SPDX-License-Identifier: EUPL-1.2
"""run bench dossier: what a dossier costs among many, and how fast a large document is read.

The whole bed: the service, real buses and processes, two cards without a link's time. The dossiers of people who never
come are laid out by peers/lay-dossiers.c, with the store's own code. Figures are medians of interleaved rounds; nothing
is asserted.
"""
import argparse
import contextlib
import glob
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bed"))
import actor  # noqa: E402
from actor import Actor  # noqa: E402
from bed import Bed, wait_for  # noqa: E402

ORIGIN = "bed.vitaled.example/record"
MIB = 1 << 20


# -- inside the process of the user -----------------------------------------------------------------------------------

def drain(fd, limit=None):
    """(bytes, seconds to the first, seconds in all) of what comes by a pipe until its end, or @limit bytes."""
    begin, first, n = time.monotonic(), None, 0
    while limit is None or n < limit:
        part = len(os.read(fd, MIB))
        if not part:
            break
        first = first or time.monotonic() - begin
        n += part
    return n, first or 0, time.monotonic() - begin


class Peer(actor.Peer):
    """The actor's, and contents too large for its lines."""

    def argument(self, a):
        if isinstance(a, dict) and list(a) == ["letters"]:
            fd, end = os.pipe()
            handle = self.dbus.types.UnixFd(fd)
            os.close(fd)
            import threading
            threading.Thread(target=self.feed, args=(end, b"x" * a["letters"]), daemon=True).start()
            return handle
        return super().argument(a)

    def do_drain(self, q):
        """Read, from the call to the last byte."""
        o = self.bus.get_object(actor.NAME, q["path"], introspect=False)
        begin = time.monotonic()
        pipe, facts = o.get_dbus_method("Read", actor.NAME + ".Dossier")(q["document"])
        called = time.monotonic() - begin
        os.close(facts.take())
        fd = pipe.take()
        n, first, seconds = drain(fd)
        os.close(fd)
        self.emit(id=q["id"], ok=[n, called, seconds])

    def do_bare(self, q):
        """The same of the bare loop."""
        if not hasattr(self, "bare"):
            self.bare = subprocess.Popen(q["argv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.bare.stdin.write(b"1")
        n, first, seconds = drain(self.bare.stdout.fileno(), q["bytes"])
        self.emit(id=q["id"], ok=[n, 0, seconds])


class BenchActor(Actor):
    program = [os.path.abspath(__file__), "--peer"]


# -- the bench ---------------------------------------------------------------------------------------------------------

def metadata(size):
    digest = hashlib.sha256(b"x" * size).hexdigest()
    return json.dumps({"format": 1, "type": "image", "title": f"Document of {size} bytes", "date": "2026-11-21",
                       "mime": "application/octet-stream", "size": size, "sha256": digest, "flags": []})


class Desk:
    """One professional with one patient, whose dossier is there."""

    def __init__(self, bed, stack):
        self.bed, self.stack = bed, stack
        self.agent = stack.enter_context(Actor(bed, "vdagent"))
        self.app = stack.enter_context(BenchActor(bed, "vdapp"))
        self.arrive()

    def arrive(self):
        self.agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])

    def open(self):
        session = self.app.open(intent=["consult", "feed", "create"])
        while True:
            state = self.app.state(session)
            if state == "unlocked":
                return session
            if state in ("refused", "locked", "failed"):
                raise SystemExit(f"the session is {state}: {self.app.get(session, 'Session', 'Reason')}")

    def call(self, session, method, *args):
        return self.app.call(method, *args, path=session, interface="Dossier", timeout=600)

    def add(self, session, size):
        return self.call(session, "Add", {"letters": size}, {"fd": metadata(size)})

    def lock(self, session):
        self.app.call("Release", path=session, interface="Session")


def timed(work):
    begin = time.monotonic()
    value = work()
    return 1000 * (time.monotonic() - begin), value


def round_of(desk, found):
    """One consultation: milliseconds of each part into @found."""
    def note(name, work):
        ms, value = timed(work)
        found.setdefault(name, []).append(ms)
        return value
    session = note("open", desk.open)
    note("list", lambda: desk.call(session, "List", {"a{sv}": {}}))
    note("add", lambda: desk.add(session, 1000))
    note("history", lambda: desk.call(session, "History", {"a{sv}": {"limit": {"u": 100}}}))
    note("lock", lambda: desk.lock(session))


def restart(desk, work):
    """@work while the service does not run; milliseconds until it is there again."""
    desk.bed.end("vitaled")
    wait_for(lambda: not desk.bed.owned("org.vitaled1"))
    work()
    ms, _ = timed(desk.bed.start_broker)
    desk.arrive()
    return ms


def laying(bed, build, orders):
    """Each of @orders by a lay-dossiers of its own, beside each other; then all into the record."""
    peers, state = os.path.join(build, "tests/bench/peers"), bed.path("state")
    as_vitaled = ["setpriv", "--reuid=vitaled", "--regid=vitaled", "--clear-groups", "--"]
    with contextlib.ExitStack() as stack:
        laid = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in orders]
        work = [subprocess.Popen([*as_vitaled, f"{peers}/lay-dossiers", state, *map(str, order)], stdout=out,
                                 umask=0o077)
                for order, out in zip(orders, laid)]
        if [p.wait() for p in work] != [0] * len(work):
            raise SystemExit("lay-dossiers failed")
        for out in laid:
            out.seek(0)
            subprocess.run([*as_vitaled, f"{peers}/lay-record", state, ORIGIN], stdin=out, check=True, umask=0o077)
    os.sync()  # else the service's own syncs would pay for it


def lay(bed, build, first, count, documents):
    half = count // 2
    laying(bed, build, [order for order in ((first, half, documents), (first + half, count - half, documents)) if order[1]])


def grow(desk, build, documents):
    """So many documents more for the one whom the desk knows."""
    laying(desk.bed, build, [("grow", desk.patient, documents)])


BY_HAND = 20  # documents that are added one by one; more are laid out
PARTS = ("open", "list", "add", "history", "lock")


def many(desk, build, counts, documents, rounds):
    print(f"One dossier among many, {documents} documents in each: ms, medians of {rounds} consultations; × of the first row\n")
    print("| dossiers | laid out in s | start | " + " | ".join(PARTS) + " |")
    print("|---:|---:|---:|" + "---:|" * len(PARTS), flush=True)
    there, base = 0, None
    restart(desk, lambda: grow(desk, build, documents - 1))
    for count in counts:
        begin = time.monotonic()
        start = restart(desk, lambda: lay(desk.bed, build, there, count - there, documents))
        laid, there, found = time.monotonic() - begin - start / 1000, count, {}
        for _ in range(rounds):
            round_of(desk, found)
        row = [start] + [statistics.median(found[name]) for name in PARTS]
        base = base or row
        cells = [f"{ms:.1f} (×{ms / first:.2f})" for ms, first in zip(row, base)]
        print(f"| {count:,} | {laid:.0f} | " + " | ".join(cells) + " |", flush=True)


def documents(desk, build, sizes, rounds):
    """List against the number of documents of one dossier, a page of 100."""
    print(f"\nOne dossier of many documents: ms, medians of {rounds}; × of the first row\n")
    print("| documents | open | list of 100 | list of one period | add |\n|---:|---:|---:|---:|---:|", flush=True)
    there, base = None, None
    for size in sizes:
        session = desk.open()
        if there is None:
            there = len(desk.call(session, "List", {"a{sv}": {}}))
        for _ in range(there, min(size, there + BY_HAND)):
            desk.add(session, 100)
            there += 1
        desk.lock(session)
        if there < size:
            restart(desk, lambda: grow(desk, build, size - there))
            there = size
        found = {"open": [], "list": [], "period": [], "add": []}
        for _ in range(rounds):
            ms, session = timed(desk.open)
            found["open"].append(ms)
            found["list"].append(timed(lambda: desk.call(session, "List", {"a{sv}": {"limit": {"u": 100}}}))[0])
            found["period"].append(timed(lambda: desk.call(session, "List", {"a{sv}": {"from": "1990-01-01", "to": "1990-12-31"}}))[0])
            found["add"].append(timed(lambda: desk.add(session, 100))[0])
            there += 1
            desk.lock(session)
        row = [statistics.median(v) for v in found.values()]
        base = base or row
        print(f"| {size:,} | " + " | ".join(f"{ms:.1f} (×{ms / first:.2f})" for ms, first in zip(row, base)) + " |", flush=True)


def large(desk, build, mib, rounds):
    """A document read, beside the bare loop, in turns."""
    size, bare = mib * MIB, os.path.join(build, "tests/bench/peers/bare-read")
    file = desk.bed.path("bare.sqlite")
    subprocess.run([bare, "make", file, str(size)], check=True)
    for name in (file, file + "-wal", file + "-shm"):
        if os.path.exists(name):
            os.chmod(name, 0o666)
    os.chmod(desk.bed.work, 0o777)
    session = desk.open()
    ms, ident = timed(lambda: desk.add(session, size))
    ours, floor, calls = [], [], []
    for _ in range(rounds):
        n, _, seconds = desk.app.answer(desk.app.send("bare", argv=[bare, "read", file], bytes=size), 120)
        floor.append(n / seconds / MIB)
        n, called, seconds = desk.app.answer(desk.app.send("drain", path=session, document=ident), 120)
        if n != size:
            raise SystemExit(f"{n} of {size} bytes came")
        ours.append(n / (called + seconds) / MIB)
        calls.append(1000 * called)
    desk.lock(session)
    ratio = statistics.median(ours) / statistics.median(floor)
    print(f"\nA document of {mib} MiB read, medians of {rounds} in turns\n\n| | MiB/s | share | goal |\n|---|---:|---:|---|")
    print(f"| bare loop (SQLite blob, EVP, pipe) | {statistics.median(floor):.0f} | | |")
    print(f"| Read, from the call to the last byte | {statistics.median(ours):.0f} | {100 * ratio:.0f} % |"
          f" ≥ 60 %: {'met' if ratio >= 0.6 else 'not met'} |")
    print(f"\nthe call alone {statistics.median(calls):.1f} ms; added in {ms:.0f} ms ({1000 * mib / ms:.0f} MiB/s)", flush=True)


def numbers(text):
    return [int(n) for n in text.split(",") if n]


def main():
    p = argparse.ArgumentParser(prog="./run bench dossier")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--counts", type=numbers, default=[1000, 10000, 100000], help="dossiers")
    p.add_argument("--each", type=int, default=50, help="documents of each of them")
    p.add_argument("--documents", type=numbers, default=[10, 100, 1000, 10000, 99000], help="of the one dossier")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--mib", type=int, default=64, help="of the large document")
    a = p.parse_args()
    begin = time.monotonic()
    with Bed(a.build) as bed, contextlib.ExitStack() as stack:
        desk = Desk(bed, stack)
        session = desk.open()
        desk.call(session, "Create", {"a{sv}": {}})
        desk.add(session, 1000)
        desk.lock(session)
        desk.patient = os.path.basename(glob.glob(bed.path("state/dossiers/??/*.key"))[0])[:64]
        many(desk, os.path.abspath(a.build), a.counts, a.each, a.rounds)
        large(desk, os.path.abspath(a.build), a.mib, a.rounds)
        documents(desk, os.path.abspath(a.build), a.documents, a.rounds)
    print(f"\n{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        Peer().run()
    else:
        main()
