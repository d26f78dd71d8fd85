# SPDX-License-Identifier: EUPL-1.2
"""Kills, power cuts and disks that fail: no acknowledged entry or document is lost, record and store verify after each.

tests/crash has the disk that fails on purpose and a broker in small that works on it, so that thousands of deaths take
seconds; the same disk stands under the whole bed besides. Full counts with --soak, a tenth otherwise; the seed is in
pytest's header.
"""
import base64
import contextlib
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from actor import Actor, BusError
from bed import ROOT, Bed, wait_for
from conftest import pids
from test_consultation import metadata

sys.path[:0] = [os.path.join(ROOT, "tests", name) for name in ("crash", "tools")]
import disk as disks  # noqa: E402
import verify_audit  # noqa: E402

HOWS = ["none", "none", 512, 4096, "order"]
SMALL, LARGE = "small", "large"


@pytest.fixture
def rng(request):
    return random.Random(request.config.getoption("--seed"))


@pytest.fixture
def scale(request):
    """scale(n): n with --soak, else a tenth."""
    return lambda n: n if request.config.getoption("--soak") else n // 10


@pytest.fixture
def memory():
    """A folder on a disk of memory: what syncs cost is not the question here."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None, prefix="vitaled-crash.") as d:
        yield d


def verified(log, note=None):
    """The leaves of an exported record, checked by the program that shares no code with us."""
    verify_audit.verify(log, note or log["checkpoint"], log["vkey"])
    return [base64.b64decode(leaf) for leaf in log["leaves"]]


# -- the broker in small ------------------------------------------------------------------------------------------


class Drive:
    def __init__(self, build, folder):
        self.program = os.path.join(build, "tests/crash/crash-drive")
        self.library = os.path.join(build, "tests/crash/crash-disk.so")
        self.folder = folder
        self.control = os.path.join(folder, "control")
        self.number = 0

    def new(self):
        """A new, empty place for a state folder."""
        self.number += 1
        return os.path.join(self.folder, f"state{self.number}")

    def run(self, *argv, env=None):
        done = subprocess.run([self.program, *argv], env={**os.environ, **(env or {})}, capture_output=True, text=True,
                              timeout=300)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def play(self, size, seed, mode=disks.PLAIN, nth=0, error=0, log=None):
        state = self.new()
        os.mkdir(state, 0o700)
        control = disks.Control(self.control, mode, nth, error)
        status, lines, errors = self.run("play", state, str(seed), size,
                                         env=disks.env(self.library, state, self.control, log))
        return state, status, lines, errors, control

    def check(self, state, promises):
        """Start on @state, look at everything, go on working. What is broken, as text; the folder goes."""
        export = os.path.join(self.folder, "export")
        status, lines, errors = self.run("check", state, export)
        if status or lines[-1:] != ["= works"]:
            return "\n".join(lines[-3:]) + errors
        found = promises.broken({line.split()[1]: line.split()[2] for line in lines[:lines.index("= going on")]
                                 if line.startswith("+ ") and " entry/" not in line})
        found += self.record(export, promises)
        shutil.rmtree(state)
        return "\n".join(found)

    def record(self, export, promises):
        """What the record lacks of what was promised."""
        marks = [(int(k.split("/")[1]), v) for k, v in promises.kept.items() if k.startswith("checkpoint/")]
        note = bytes.fromhex(max(marks)[1]).decode() if marks else None
        try:
            with open(export, encoding="utf-8") as f:
                leaves = verified(verify_audit.parse_log(f.read()), note)
        except verify_audit.Bad as bad:
            return [f"the record: entry {bad.index}: {bad}"]
        found = []
        for key, leaf in promises.kept.items():
            kind, _, i = key.partition("/")
            if kind == "entry" and leaves[int(i)].hex() != leaf:
                found.append(f"{key} is another one now")
        return found


@pytest.fixture
def drive(build, memory):
    return Drive(build, memory)


@pytest.fixture(scope="module")
def life(build, request):
    """(records of the log, seed) of one life on a disk that does not fail."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        made, seed = Drive(build, folder), request.config.getoption("--seed")
        log = os.path.join(folder, "log")
        open(log, "w").close()
        state, status, lines, errors, _ = made.play(LARGE, seed, log=log)
        assert status == 0, "\n".join(lines[-3:]) + errors
        assert not [line for line in lines if line[0] in "!-"]
        yield disks.read_log(log)


def images(life, moments, to):
    """For each (moment, how), by moments: (moment, how, promises of that moment), with the image in to()."""
    disk, promises, at = disks.Disk(), disks.Promises(), 0
    for moment, how, rng in sorted(moments, key=lambda m: m[0]):
        for record in life[at:moment]:
            if record[0] == "A":
                promises.take(record[3])
            else:
                disk.take(record)
        at = moment
        state = to()
        disk.image(state, how, rng)
        yield moment, how, state, promises.copy()


def survives(drive, life, moments):
    """Every image of @moments opens, verifies and has all that was acknowledged."""
    found = []
    for moment, how, state, promises in images(life, moments, drive.new):
        broken = drive.check(state, promises)
        if broken:
            found.append(f"cut at {moment} of {len(life)} ({life[moment - 1][:4]}), {how}: {broken}")
    assert not found, "\n\n".join(found[:10]) + f"\n\n{len(found)} of {len(moments)}"


def seeded(rng, moments, how):
    return [(m, how(m) if callable(how) else how, random.Random(rng.random())) for m in moments]


def changes(life):
    return [i for i in range(1, len(life) + 1) if life[i - 1][0] != "A"]


def test_a_kill_at_any_write_loses_nothing_that_was_acknowledged(drive, life, rng, request):
    every = changes(life)
    if not request.config.getoption("--soak"):
        early = [m for m in every if m < 900]  # keys, layouts and first changes; then mostly pages of the same kind
        every = rng.sample(early, 25) + rng.sample(every, 15)
    survives(drive, life, seeded(rng, every, "all"))


def test_a_hundred_power_cuts_lose_nothing_that_was_acknowledged(drive, life, rng, request):
    """Writes after the last sync are dropped, torn at sectors or reordered, names too."""
    every = changes(life)
    count = 1000 if request.config.getoption("--soak") else 100
    survives(drive, life, seeded(rng, rng.choices(every, k=count), lambda m: rng.choice(HOWS)))


def test_what_is_acknowledged_has_been_synced_with_its_name(drive, life, rng, request):
    """Right after an acknowledgement nothing of it depends on a write that was not synced."""
    marks = [i for i in range(1, len(life) + 1) if life[i - 1][0] == "A" and life[i - 1][3][0] == "+"]
    last = [i for i in marks if i not in set(m - 1 for m in marks)]  # of those that follow each other
    if not request.config.getoption("--soak"):
        last = rng.sample(last, min(20, len(last)))
    survives(drive, life, seeded(rng, last, "none"))


def two_deaths(drive, seed, nth, rng):
    """Killed before its @nth change, started again, then the power goes. What is broken, as text."""
    log = os.path.join(drive.folder, "log2")
    open(log, "w").close()
    state, status, lines, errors, control = drive.play(SMALL, seed, disks.KILL, nth, log=log)
    assert control["met"] == 1 and status in (0, 137), lines[-3:]  # 0: it was the dossier's process
    disks.Control(drive.control)
    status, lines, errors = drive.run("check", state, os.path.join(drive.folder, "export"),
                                      env=disks.env(drive.library, state, drive.control, log))
    if status:
        return "\n".join(lines[-3:]) + errors
    shutil.rmtree(state)
    records = disks.read_log(log)
    first = changes(records)[nth - 2]
    later = [i for i in range(first, len(records) + 1) if records[i - 1][0] == "A"]
    cuts = seeded(rng, [rng.randrange(first, len(records) + 1)], rng.choice(HOWS))
    cuts += seeded(rng, later[10:50:20] + later[-1:], "none")
    for moment, how, image, promises in images(records, cuts, drive.new):
        broken = drive.check(image, promises)
        if broken:
            return f"then cut at {moment} of {first} to {len(records)}, {how}: {broken}"
    return ""


def test_a_power_cut_after_a_kill_finds_what_the_killed_one_had_not_synced(drive, rng, request):
    """What the next process takes over from the page cache is made durable by it, names before all."""
    seed, log = request.config.getoption("--seed"), os.path.join(drive.folder, "log1")
    open(log, "w").close()
    drive.play(SMALL, seed, log=log)
    done = [r[0] for r in disks.read_log(log) if r[0] != "A"]
    named = [n + 2 for n, op in enumerate(done[:-1]) if op in "CDRLU"]  # the change after one of a name
    every = sorted(set(named) | set(range(2, len(done), 2)))
    if not request.config.getoption("--soak"):
        folders = [n + 2 for n, op in enumerate(done[:-1]) if op == "D"]
        every = sorted(set(folders + rng.sample(named, 8) + rng.sample(every, 4)))
    found = [f"killed before {nth} ({done[nth - 2:nth + 1]}): {broken}" for nth in every
             if (broken := two_deaths(drive, seed, nth, rng))]
    assert not found, "\n\n".join(found[:10]) + f"\n\n{len(found)} of {len(every)}"


# -- a disk that refuses --------------------------------------------------------------------------------------------

NAMES = {errno.ENOSPC: {"store full", "record disk full", "store key", "store marker", "start ENOSPC"},
         # SQLite does not say why a journal could not be removed: then EIO
         errno.EROFS: {"store full", "record read-only", "store key", "store marker", "start EROFS", "start EIO"},
         errno.EIO: {"store full", "store fault", "record input/output error", "store key", "store marker", "start EIO"}}


def promised(lines):
    promises = disks.Promises()
    for line in lines:
        if line[0] in "+?-":
            promises.take(line)
    return promises


def refuse(drive, size, seed, mode, error, nth):
    """One life whose @nth change is refused. Return: what is broken, whether the refusal was met."""
    state, status, lines, errors, control = drive.play(size, seed, mode, nth, error)
    if status:
        return "\n".join(lines[-3:]) + errors, True
    named = {line[2:] for line in lines if line[0] == "!"}
    strange = named - NAMES[error]
    met = control["met"] > 0
    return (f"refused by {strange}" if strange else drive.check(state, promised(lines))), met


@pytest.mark.parametrize("mode,error", [(disks.UNTIL, errno.ENOSPC), (disks.UNTIL, errno.EROFS), (disks.ONCE, errno.EIO)],
                         ids=["full", "read-only", "input-output"])
def test_a_disk_that_refuses_a_write_is_named_and_nothing_is_lost(drive, rng, request, mode, error):
    """At every change of a life, from the first until no change is left to refuse."""
    seed = request.config.getoption("--seed")
    log = os.path.join(drive.folder, "log0")
    open(log, "w").close()
    total = drive.play(SMALL, seed, mode, 1 << 60, error, log)[4]["count"]
    every = range(1, total + 1)
    if not request.config.getoption("--soak"):
        done = [r for r in disks.read_log(log) if r[0] != "A"]
        syncs = [n + 1 for n, r in enumerate(done) if r[0] == "S" and not r[3]] if error == errno.EIO else []
        every = sorted(set(rng.sample(every, 30 - len(syncs[:20])) + rng.sample(syncs, min(20, len(syncs)))))
    found = []
    for nth in every:
        broken, met = refuse(drive, SMALL, seed, mode, error, nth)
        if broken or not met:
            found.append(f"{nth} of {total}: {broken or 'not met'}")
    assert not found, "\n\n".join(found[:10]) + f"\n\n{len(found)} of {len(every)}"
    assert refuse(drive, SMALL, seed, mode, error, total + 200) == ("", False)  # beyond the last one


# -- the whole bed --------------------------------------------------------------------------------------------------

class CrashBed(Bed):
    """The bed on the disk that fails: the broker and every vitaled-dossier are preloaded with it."""
    log_file = None

    def disk_env(self):
        library = os.path.join(self.build, "tests/crash/crash-disk.so")
        return disks.env(library, self.path("state"), self.path("disk.control"), self.log_file)

    def lay_out(self):
        super().lay_out()
        self.disk = disks.Control(self.path("disk.control"))
        wrapper = self.path("children", "vitaled-dossier")
        os.unlink(wrapper)
        with open(wrapper, "w", encoding="utf-8") as f:  # its environment is empty
            f.write("#!/bin/sh\n" + "".join(f"export {k}='{v}'\n" for k, v in self.disk_env().items()) +
                    f"exec {self.program('vitaled-dossier')}\n")
        os.chmod(wrapper, 0o755)

    def start_broker(self, wait=True):
        self.spawn("vitaled", [self.program("vitaled"), "--config", self.path("vitaled.conf")], user="vitaled",
                   env={**self.env, **self.disk_env()})
        if wait:
            self.wait_broker()

    def broker_lives(self):
        return self.processes["vitaled"].poll() is None


class Died(Exception):
    """The session, or the service, is no more."""


class Doctor:
    """A person at work in one dossier, who remembers what was acknowledged."""

    def __init__(self, bed, stack, rng):
        self.bed, self.rng = bed, rng
        self.agent = stack.enter_context(Actor(bed, "vdagent"))
        self.app = stack.enter_context(Actor(bed, "vdapp"))
        self.session, self.recovered = None, 0
        self.forget()
        self.arrive()

    def forget(self):
        """A new state folder."""
        self.documents, self.attempted, self.entries, self.note, self.acts = {}, [], [], None, []
        self.created = False

    def arrive(self):
        self.agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])

    def call(self, method, *args):
        while True:
            try:
                return self.app.call(method, *args, path=self.session, interface="Dossier")
            except (BusError, TimeoutError) as e:
                if "limits-exceeded: dossiers" not in str(e):
                    raise Died(str(e)) from e
            time.sleep(1)  # one caller is not allowed so many in a minute

    def open(self):
        if self.session is not None:
            return
        try:
            session = self.app.open(intent=["consult", "feed", "create"])
            self.app.until(session, "unlocked")
            self.session = session
            if self.app.get(session, "Dossier", "State") == "absent":
                assert not self.created, "the dossier is gone"
                self.call("Create", {"a{sv}": {}})
            self.created = True
        except (BusError, AssertionError) as e:
            if "the dossier is gone" in str(e):
                raise
            raise Died(str(e)) from e

    def add(self):
        text = f"note {self.rng.random()} " * self.rng.choice([1, 4, 400, 4000])
        self.attempted.append(text)
        ident = self.call("Add", {"pipe": text}, {"fd": metadata(text)})
        self.attempted.remove(text)
        self.documents[ident] = [text, False]
        self.acts.append(("document-added", ident))

    def read(self, ident=None):
        ident = ident or self.rng.choice(sorted(self.documents))
        content, facts = self.call("Read", ident)
        text = self.documents[ident][0]
        if len(content["text"]) < len(text) and text.startswith(content["text"]):
            raise Died("the content broke off, as its reader sees by size and hash")
        assert content["text"] == text and facts["id"] == ident
        self.acts.append(("document-read", ident))

    def flag(self):
        ident = self.rng.choice(sorted(self.documents))
        kept = self.documents[ident]
        before, kept[1] = kept[1], None  # not known
        self.call("SetVisibility", ident, "masque_ps", not before)
        kept[1] = not before
        self.acts.append(("document-flagged", ident))

    def leave(self):
        """The session ends, if it has not yet."""
        with contextlib.suppress(BusError):
            self.app.call("Release", path=self.session, interface="Session")
        self.session = None

    def work(self, acts):
        self.open()
        for _ in range(acts):
            self.rng.choice([self.add, self.add, self.read, self.flag] if self.documents else [self.add])()

    def look(self):
        """After a death: everything acknowledged is there, nothing is half there, record and store agree."""
        self.open()
        rows = {r["id"]: r for r in self.call("List", {"a{sv}": {}})}
        assert set(self.documents) <= set(rows), "acknowledged and lost"
        for ident in set(rows) - set(self.documents):  # begun and not answered: whole, or not there
            text = next(t for t in self.attempted if hashlib.sha256(t.encode()).hexdigest() == rows[ident]["sha256"])
            self.documents[ident] = [text, False]
        self.attempted = []
        for ident, kept in self.documents.items():
            shown = "masque_ps" in rows[ident]["flags"]
            assert kept[1] in (None, shown)
            kept[1] = shown
            self.read(ident)
        self.record()

    def record(self):
        """The record verifies, holds what it held, and every act that was acknowledged."""
        log = self.app.call("ExportAudit", {"a{sv}": {}})
        verified(log, self.note)
        assert log["entries"][:len(self.entries)] == self.entries, "the record lost entries"
        told = [json.loads(e) for e in log["entries"]]
        done = {(e["event"], e.get("document")) for e in told if e.get("outcome") == "ok"}
        assert set(self.acts) <= done, "acknowledged and not in the record"
        assert not [e for e in told if e["event"] == "store-rejected"]
        self.recovered += sum(e.get("outcome") == "recovered" for e in told[len(self.entries):])
        self.entries, self.note = log["entries"], log["checkpoint"]


@pytest.fixture
def crash_bed(build, personal):
    """crash_bed(): a bed on the disk that fails, in memory."""
    with contextlib.ExitStack() as stack:
        def make():
            return stack.enter_context(CrashBed(build, cards=("cps4-gp", "vitale-family"), personal=personal,
                                                state_size="64m"))
        yield make


@pytest.fixture
def doctor(crash_bed, rng):
    with contextlib.ExitStack() as stack:
        yield Doctor(crash_bed(), stack, rng)


def restart(doctor, fresh=False):
    """The broker anew, on the state that it left or on an empty one."""
    bed = doctor.bed
    bed.end("vitaled")
    wait_for(lambda: not pids("vitaled-dossier"), 10)
    bed.disk.set(disks.PLAIN, 0)
    if fresh:
        for name in os.listdir(bed.path("state")):
            path = bed.path("state", name)
            (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
        doctor.forget()
    wait_for(lambda: not bed.owned("org.vitaled1"))
    bed.start_broker()
    doctor.arrive()
    doctor.session = None


def strike(doctor, who, delay):
    """SIGKILL for the broker or the dossier's process, @delay seconds from now."""
    def kill():
        found = [doctor.bed.processes["vitaled"].pid] if who == "vitaled" else pids(who)
        for pid in found[-1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    timer = threading.Timer(delay, kill)
    timer.start()
    return timer


def die_once(doctor, rng, who):
    """Work until somebody dies: @who at a random moment, or (None) whoever makes the n-th change from now."""
    doctor.open()
    if who is None:
        doctor.bed.disk.set(disks.KILL, rng.randrange(1, 90))
    timer = strike(doctor, who, rng.uniform(0, 0.12)) if who else None
    try:
        with pytest.raises(Died):
            for _ in range(200):
                doctor.work(1)
    finally:
        if timer:
            timer.join()
        doctor.bed.disk.set(disks.PLAIN, 0)
    doctor.session = None


def test_kills_of_broker_and_dossier_at_random_moments_lose_nothing(doctor, rng, scale):
    deaths = {"broker": 0, "dossier": 0}
    for n in range(scale(1000)):
        if n % 12 == 0:
            restart(doctor, fresh=True)
        die_once(doctor, rng, rng.choice(["vitaled", "vitaled-dossier", None, None]))
        with contextlib.suppress(subprocess.TimeoutExpired):
            doctor.bed.processes["vitaled"].wait(0.02)
        lives = doctor.bed.broker_lives()
        deaths["dossier" if lives else "broker"] += 1
        if not lives:
            restart(doctor)
        doctor.look()
    print(deaths, "recovered:", doctor.recovered)
    assert min(deaths.values()) > 0


def test_power_cuts_under_the_whole_service_lose_nothing(crash_bed, rng, scale, tmp_path, monkeypatch):
    log = tmp_path / "log"
    log.touch()
    for path in (log, *log.parents):  # another user's program writes it
        path.chmod(path.stat().st_mode | (0o666 if path == log else stat.S_IXOTH))
    monkeypatch.setattr(CrashBed, "log_file", str(log))
    with contextlib.ExitStack() as stack:
        bed = crash_bed()
        doctor = Doctor(bed, stack, rng)
        moments = []  # (size of the log, what had been acknowledged by then)
        for _ in range(25):
            doctor.work(1)
            moments.append((log.stat().st_size, {k: list(v) for k, v in doctor.documents.items()}))
        texts = [text for text, _ in doctor.documents.values()]
        doctor.record()
        whole = doctor.entries
        records = disks.read_log(str(log))
        ends = sizes(records)
        for _ in range(scale(100)):
            cut = rng.randrange(next(i for i, end in enumerate(ends) if end >= moments[0][0]), len(ends))
            bed.end("vitaled")
            wait_for(lambda: not pids("vitaled-dossier"), 10)
            lay(bed, records[:cut + 1], rng.choice(HOWS), rng)
            wait_for(lambda: not bed.owned("org.vitaled1"))
            bed.start_broker()
            doctor.forget()
            doctor.created = True
            doctor.documents = {k: [t, None] for k, (t, _) in [m for m in moments if m[0] <= ends[cut]][-1][1].items()}
            doctor.attempted, doctor.session = list(texts), None
            doctor.arrive()
            doctor.look()
            assert doctor.entries[:3] == whole[:3]


def sizes(records):
    """Where each record of the log ends."""
    found, at = [], 0
    for record in records:
        at += disks.HEADER.size + len(record[3].encode()) + len(record[4])
        found.append(at)
    return found


def lay(bed, records, how, rng):
    """The state folder of @bed as a power cut after @records leaves it."""
    disk, state = disks.Disk(), bed.path("state")
    for record in records:
        disk.take(record)
    for name in os.listdir(state):
        path = os.path.join(state, name)
        (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
    disk.image(state, how, rng)
    subprocess.run(["chown", "-R", "vitaled:vitaled", state], check=True)


REFUSALS = ("AuditUnavailable", "StoreUnavailable", "audit-unavailable", "store-unavailable")


@pytest.mark.parametrize("mode,error,names", [
    (disks.UNTIL, errno.ENOSPC, REFUSALS), (disks.UNTIL, errno.EROFS, REFUSALS),
    (disks.ONCE, errno.EIO, (*REFUSALS, "child-failed", "ChildFailed"))], ids=["full", "read-only", "input-output"])
def test_a_disk_that_refuses_under_the_whole_service_unlocks_nothing_and_is_named(doctor, rng, scale, mode, error, names):
    """And it goes on when the disk takes writes again, without a restart."""
    for _ in range(scale(80)):
        restart(doctor, fresh=True)
        doctor.bed.disk.set(mode, rng.randrange(1, 120), error)
        try:
            for _ in range(12 if mode == disks.ONCE else 200):
                doctor.work(1)
            assert mode == disks.ONCE, "the disk refuses and nobody notices"  # once may be met by what is tried again
        except Died as died:
            assert any(name in str(died) for name in names), died
        if doctor.session is not None:
            doctor.leave()
        with contextlib.suppress(BusError, TimeoutError):
            if mode == disks.UNTIL:
                session = doctor.app.open(intent=["consult", "create"])
                with pytest.raises(AssertionError):
                    doctor.app.until(session, "unlocked", seconds=5)
        doctor.bed.disk.set(disks.PLAIN, 0)
        assert doctor.bed.broker_lives()
        doctor.look()
