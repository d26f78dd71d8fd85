# SPDX-License-Identifier: EUPL-1.2
"""Callers killed at every step between their call and its decision: nothing is granted to them, and nobody inherits.

In the spirit of CVE-2021-3560, where an error in looking up a caller that had gone was taken for the uid 0. Each caller
is a process of its own, killed by SIGKILL. Ten thousand with --soak, a tenth otherwise; the seed is in pytest's header.
"""
import contextlib
import os
import random
import signal
import time

import pytest

import rawbus
from bed import ROOT as TREE
from bed import wait_for
from conftest import audit_is_whole, nothing_behind, shown

PREFIX, ROOT = "org.vitaled1.", "/org/vitaled1"
MANAGER, PROPERTIES = PREFIX + "Manager", "org.freedesktop.DBus.Properties"
EVERYBODY = """polkit.addRule(function (action, subject) {
	if (action.id.indexOf("org.vitaled1.") === 0)
		return polkit.Result.YES;
	return polkit.Result.NOT_HANDLED;
});
"""
USERS = 200  # each with its own full bucket


class Victim:
    """A process that connects as @uid, says so, sends one call and waits for ever."""

    def __init__(self, bus, uid, call):
        ready, say = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                os.close(ready)
                rawbus.become(uid)
                connection = rawbus.Connection(bus)
                os.write(say, connection.name.encode())
                connection.call(*call)
                os.close(say)  # it is sent
                while True:
                    connection.receive()
            os._exit(1)
        os.close(say)
        self.ready = ready
        self.name = os.read(ready, 64).decode()
        assert self.name, "the victim could not connect"

    def sent(self):
        assert os.read(self.ready, 1) == b""

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        assert os.waitpid(self.pid, 0)[1] == signal.SIGKILL
        os.close(self.ready)


class Scene:
    def __init__(self, bed, app, agent, rng):
        self.bed, self.app, self.agent, self.rng = bed, app, agent, rng
        self.bus, self.uids = bed.path("bus/sock"), rawbus.strangers(USERS)
        self.broker = bed.processes["vitaled"].pid
        readers, cards = shown(app, "Reader"), shown(app, "Card")
        cps = next(path for path, c in cards.items() if c["Kind"].startswith("cp"))
        self.calls = [
            (ROOT, MANAGER, "OpenSession", "a{sv}", [[]]),
            (ROOT, MANAGER, "OpenSession", "a{sv}", [[("mode", ("s", "identity"))]]),
            (ROOT, MANAGER, "OpenSession", "a{sv}", [[("intent", ("as", ["consult", "create"]))]]),
            (ROOT, MANAGER, "RegisterAgent", "oas", ["/a", ["professional"]]),
            (ROOT, MANAGER, "ExportAudit", "a{sv}", [[]]),
            (sorted(readers)[1], PREFIX + "Reader", "Lend", "u", [60]),
            (cps, PREFIX + "Card", "ChangePin", "", []),
        ]
        self.agents = app.get(ROOT, "Manager", "Agents")
        self.fds = self.count_fds()
        self.killed = 0

    def count_fds(self):
        return len(os.listdir(f"/proc/{self.broker}/fd"))

    def victim(self, *kinds):
        calls = [c for c in self.calls if not kinds or c[2] in kinds]
        self.killed += 1
        return Victim(self.bus, self.rng.choice(self.uids), self.rng.choice(calls))

    def stopped(self, name):
        """While a daemon stands still."""
        @contextlib.contextmanager
        def stand():
            os.kill(self.bed.processes[name].pid, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(self.bed.processes[name].pid, signal.SIGCONT)
        return stand()

    def sync(self):
        assert self.app.call("Diagnose") is not None

    def nobody_inherits(self):
        """A connection that comes after them finds nothing of theirs, by any user."""
        self.sync()
        os.seteuid(self.rng.choice(self.uids))
        try:
            heir = rawbus.Connection(self.bus)
        finally:
            os.seteuid(0)
        with heir:
            for kind in ("session", "lease"):
                for n in range(1, 40):
                    m = heir.ask(f"{ROOT}/{kind}/{n}", PROPERTIES, "GetAll", "s", [PREFIX + kind.capitalize()])
                    assert m.error == "org.freedesktop.DBus.Error.UnknownObject"
            managed = heir.ask(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
            assert b"/session/" not in managed.body and b"/lease/" not in managed.body

    def check(self, unlocked=False):
        self.nobody_inherits()
        wait_for(lambda: self.app.get(ROOT, "Manager", "Agents") == self.agents, 10)
        entries = audit_is_whole(self.bed, self.app)
        opened = {e["session"] for e in entries if e["event"] == "session-opened"}
        ended = {e["session"] for e in entries if e["event"] == "session-ended"}
        assert opened == ended
        assert unlocked or not [e for e in entries if e["event"] in ("unlocked", "consent", "identity-read")]
        last = {}
        for e in entries:
            last[e.get("session")] = e["event"]
        assert {event for session, event in last.items() if session in opened} <= {"session-ended", "receipt"}
        assert not [r for r in shown(self.app, "Reader").values() if r["Lent"]]
        wait_for(lambda: self.count_fds() <= self.fds + 4, 20)
        return entries


@pytest.fixture
def scene(make_bed, people, request, tmp_path):
    rules = tmp_path / "rules"
    rules.write_text(EVERYBODY)
    bed = make_bed("cps4-gp", "vitale-family", rules=str(rules))
    app, agent = people(bed, pin=["never"], code_pin=["never"], choice_beneficiary=["never"])
    rng = random.Random(request.config.getoption("--seed"))
    made = Scene(bed, app, agent, rng)
    yield made
    assert bed.processes["vitaled"].poll() is None and not bed.sanitizer_reports()


def scale(request, n):
    return n if request.config.getoption("--soak") else n // 10


def test_callers_killed_at_any_moment_after_their_call_leave_nothing(scene, request):
    for n in range(scale(request, 6000)):
        v = scene.victim()
        time.sleep(scene.rng.choice([0, 0.0002, 0.0005, 0.001, 0.002, 0.004, 0.008]) * scene.rng.random())
        v.kill()
        if n % 200 == 199:
            scene.nobody_inherits()
    entries = scene.check(unlocked=True)  # a Vitale alone may be read in the last of these milliseconds
    ends = [e["outcome"] for e in entries if e["event"] == "session-ended"]
    assert "owner-gone" in ends and 0 < len(ends) < scene.killed  # some came so far, some did not


def batches(scene, request, n, size, name, *kinds):
    """Victims by the batch while daemon @name stands still: they have sent, and are dead before it goes on."""
    for _ in range(scale(request, n) // size):
        with scene.stopped(name):
            victims = [scene.victim(*kinds) for _ in range(size)]
            for v in victims:
                v.sent()
            if name == "polkitd":
                scene.sync()  # the service has the calls, and has asked
                scene.sync()
            for v in victims:
                v.kill()
            if name == "polkitd":
                scene.sync()
        scene.nobody_inherits()


def test_callers_killed_before_the_service_knows_who_they_are_get_nothing(scene, request):
    before = len(audit_is_whole(scene.bed, scene.app))
    batches(scene, request, 2000, 50, "vitaled")
    entries = scene.check()[before:]
    assert not [e for e in entries if e["event"] in ("session-opened", "agent", "card-lent")]


def test_callers_killed_while_polkit_is_asked_get_nothing(scene, request):
    before = len(audit_is_whole(scene.bed, scene.app))
    batches(scene, request, 1900, 38, "polkitd", "OpenSession", "RegisterAgent", "ExportAudit")
    entries = scene.check()[before:]
    assert {e["event"] for e in entries} == {"export"}  # ours alone: theirs were never begun
    assert {e["caller"] for e in entries} == {scene.app.answer(scene.app.send("name"))}


def test_callers_killed_while_people_are_asked_unlock_nothing(scene, request):
    people = {"pin": "waiting-for-pin", "code": None, "consent": "waiting-for-consent"}
    scene.agent.answers(choice_beneficiary=[0], choice_structure=[0])
    kept = None  # the user who is not asked for a PIN: it was verified for them
    for n in range(scale(request, 100)):
        kind = list(people)[n % 3]
        uid = scene.rng.choice([u for u in scene.uids if u != kept])
        kept = uid if kind == "consent" else None
        before = len(scene.agent.events)
        scene.agent.answers(pin=["1234" if kind == "consent" else "never"], consent=["never"])
        v = scene.victim("ChangePin") if kind == "code" else Victim(scene.bus, uid, scene.calls[2])
        scene.agent.event(kind, after=before)
        v.kill()
        scene.agent.event("cancel", after=before)
        scene.nobody_inherits()
    entries = audit_is_whole(scene.bed, scene.app)
    assert not [e for e in entries if e["event"] == "unlocked" or
                e["event"] == "pin-changed" and e["outcome"] == "ok"]
    assert {e["outcome"] for e in entries if e["event"] == "session-ended"} == {"owner-gone"}
    nothing_behind(scene.bed, professional=True)
