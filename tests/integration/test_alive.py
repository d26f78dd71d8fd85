# SPDX-License-Identifier: EUPL-1.2
"""Staying alive: what systemd is told, another configuration in the running service, the machine's sleep,
ends of every kind at every step, and how little happens when nothing is asked."""
import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import time

import idle
import pytest
import startup
from actor import BusError
from bed import USERS, wait_for
from conftest import audit_is_whole, card_at, children, pids, running, shown
from logind import Logind
from test_consultation import open_dossier
from test_faults import STEPS, ended, hold_at

ROOT = "/org/vitaled1"


# -- what systemd is told ------------------------------------------------------------------------

class Notified:
    """The socket of $NOTIFY_SOCKET: every datagram that came, as a dict with its time."""

    def __init__(self, bed):
        self.path = bed.path("notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.setblocking(False)
        self.seen = []

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                text = self.socket.recv(8192).decode()
                self.seen.append(dict(line.split("=", 1) for line in text.splitlines()) | {"at": time.monotonic()})
        return self.seen

    def has(self, after=0, **members):
        return next((m for m in self.read()[after:] if all(m.get(k) == v for k, v in members.items())), None)

    def status(self):
        return next((m["STATUS"] for m in reversed(self.read()) if "STATUS" in m), None)

    def close(self):
        self.socket.close()


@pytest.fixture
def notified(bed):
    """The bed's broker, started anew as systemd would."""
    n = Notified(bed)
    bed.end("vitaled")
    bed.env["NOTIFY_SOCKET"] = n.path
    yield n
    bed.end("vitaled")
    n.close()


def test_ready_is_said_once_and_not_before_the_name_is_owned(bed, notified):
    bus, context, owners = startup.follow(bed)
    bed.start_broker(wait=False)
    ready = wait_for(lambda: notified.has(READY="1"))
    while context.iteration(False):
        pass
    assert owners and owners[-1][1] and bed.owned("org.vitaled1")
    bed.end("vitaled")
    assert len([m for m in notified.read() if "READY" in m]) == 1
    assert notified.has(STOPPING="1")["at"] > ready["at"]
    bus.close()


def test_the_name_of_another_keeps_it_from_being_ready(bed, notified):
    env = dict(bed.env)
    env.pop("NOTIFY_SOCKET")
    first = bed.spawn("first", [bed.program("vitaled"), "--config", bed.path("vitaled.conf")], user="vitaled", env=env)
    wait_for(lambda: bed.owned("org.vitaled1"))
    bed.start_broker(wait=False)
    assert bed.processes["vitaled"].wait(20) != 0
    assert not notified.has(READY="1")
    failed = next(m for m in notified.read() if "ERRNO" in m)
    assert failed["STATUS"].startswith("failed: ") and int(failed["ERRNO"]) > 0 and failed["EXIT_STATUS"] == "1"
    assert first.poll() is None


def test_a_wrong_configuration_is_told_with_its_place(bed, notified):
    with open(bed.path("vitaled.conf"), "a", encoding="utf-8") as f:
        f.write("[nonsense]\nx = 1\n")
    bed.start_broker(wait=False)
    assert bed.processes["vitaled"].wait(20) == 78
    told = notified.has(ERRNO="22")
    assert "vitaled.conf:" in told["STATUS"] and "nonsense" in told["STATUS"] and not notified.has(READY="1")


def test_the_status_follows_readers_cards_and_sessions_and_names_nobody(bed, notified, people):
    bed.start_broker()
    line = "readers: {}, cards: {}, sessions: {}, unlocked: {}, reader service: {}"
    wait_for(lambda: notified.status() == line.format(2, 2, 0, 0, "running"))
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    wait_for(lambda: notified.status() == line.format(2, 2, 1, 1, "running"))
    bed.sim("remove 1")
    wait_for(lambda: notified.status() == line.format(2, 1, 0, 0, "running"))
    app.call("Release", path=session, interface="Session")
    bed.end("pcscd")
    wait_for(lambda: (notified.status() or "").startswith("readers: 0, cards: 0, sessions: 0, unlocked: 0, reader s"))
    lines = [m["STATUS"] for m in notified.read() if "STATUS" in m]
    assert all(a != b for a, b in zip(lines, lines[1:])), "told again without a change"


def test_the_watchdog_is_fed_by_the_loop_and_starves_when_the_loop_stands_still(bed, notified):
    bed.env["WATCHDOG_USEC"] = "1000000"
    bed.start_broker()
    wait_for(lambda: len([m for m in notified.read() if "WATCHDOG" in m]) > 2, 30)
    bed.processes["vitaled"].send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    before = len([m for m in notified.read() if "WATCHDOG" in m])
    time.sleep(3)
    assert len([m for m in notified.read() if "WATCHDOG" in m]) == before
    bed.processes["vitaled"].send_signal(signal.SIGCONT)
    wait_for(lambda: len([m for m in notified.read() if "WATCHDOG" in m]) > before, 30)


def test_a_socket_that_nobody_reads_stops_nothing(bed, people):
    """The kernel keeps max_dgram_qlen lines for it; then whoever waits for room waits for ever."""
    bed.end("vitaled")
    full = Notified(bed)
    bed.env["NOTIFY_SOCKET"] = full.path
    with open("/proc/sys/net/unix/max_dgram_qlen", encoding="ascii") as f:
        room = int(f.read()) + 2
    bed.start_broker()  # says READY, and that is the last that has room:
    wait_for(lambda: full.has(READY="1"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            for _ in range(room):
                other.sendto(b"X=1", full.path)
    app = people.actor(bed, "vdapp")
    for n in range(20):
        bed.sim("remove 1" if n % 2 == 0 else "insert 1 vitale-family")
        wait_for(lambda: len(shown(app, "Card")) == 1 + n % 2)
        assert app.get(ROOT, "Manager", "Version")
    configure(bed, "[proof]\nsimulated = read\n")
    assert required(app)["simulated"] == "read"
    full.read()  # there is room again: what is so now is told with the next change
    bed.sim("remove 1")
    wait_for(lambda: (full.status() or "").startswith("readers: 2, cards: 1,"))
    bed.end("vitaled")
    full.close()


def test_the_socket_may_have_an_abstract_name(bed, notified):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
        abstract.bind("\0vitaled-notify")
        abstract.settimeout(20)
        bed.env["NOTIFY_SOCKET"] = "@vitaled-notify"
        bed.start_broker(wait=False)
        said = [abstract.recv(8192)]
        while not said[-1].startswith(b"STATUS="):
            said.append(abstract.recv(8192))
        assert b"READY=1" in said


# -- another configuration -----------------------------------------------------------------------

def configure(bed, text, notified=None):
    """Write the bed's file with @text at its end and send SIGHUP; returns when the broker has read it."""
    bed.extra = text
    bed.write_config()
    before = bed.log("vitaled").count("configuration")
    bed.processes["vitaled"].send_signal(signal.SIGHUP)
    wait_for(lambda: bed.log("vitaled").count("configuration") > before)


def findings(app, name):
    return [f for f in app.call("Diagnose") if f["name"] == name]


def required(app):
    return app.get(ROOT, "Manager", "RequiredProof")


@pytest.mark.parametrize("text,named", [
    ("[proof]\nsimulated = read\n[paths]\nstat = /x\n", "stat"),
    ("[proof]\nsimulated = sometimes\n", "simulated"),
    ("[proof]\nsimulated = read\n[nonsense]\nx = 1\n", "nonsense"),
    ("[proof]\nsimulated = read\n[pin]\nlifetime = soon\n", "lifetime"),
])
def test_a_wrong_configuration_changes_nothing_and_is_found_until_a_good_one_comes(bed, people, text, named):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    configure(bed, text)
    found = findings(app, "configuration-rejected")
    assert len(found) == 1 and named in found[0]["where"] and f"{bed.path('vitaled.conf')}:" in found[0]["where"]
    assert found[0]["where"] in bed.log("vitaled")
    assert required(app)["simulated"] == "mutual" and app.state(session) == "unlocked"
    configure(bed, "")
    assert not findings(app, "configuration-rejected")
    assert app.state(session) == "unlocked"
    entries = audit_is_whole(bed, people.actor(bed, "vdapp"))
    assert len([e for e in entries if e["event"] == "configuration"]) == 1  # the good one


def test_a_configuration_that_is_gone_keeps_the_old_one(bed, people):
    app, agent = people(bed)
    os.unlink(bed.path("vitaled.conf"))
    bed.processes["vitaled"].send_signal(signal.SIGHUP)
    wait_for(lambda: findings(app, "configuration-rejected"))
    assert findings(app, "configuration-rejected")[0]["where"] == bed.path("vitaled.conf")


def test_systemd_hears_of_the_reload_and_of_its_end(bed, notified):
    bed.start_broker()
    wait_for(lambda: notified.has(READY="1"))
    for text in ("", "[nonsense]\nx = 1\n"):
        before = len(notified.read())
        low = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
        configure(bed, text)
        wait_for(lambda: notified.has(after=before, READY="1"))
        told = notified.has(after=before, RELOADING="1")
        assert low <= int(told["MONOTONIC_USEC"]) <= time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
        assert notified.read().index(told) < notified.read().index(notified.has(after=before, READY="1"))


def test_required_proof_changes_in_the_running_service_and_locks_what_has_proved_less(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    configure(bed, "[proof]\nsimulated = read\n")
    told = app.event("properties", path=ROOT, interface="org.vitaled1.Manager")
    assert told["changed"]["RequiredProof"]["simulated"] == "read" == required(app)["simulated"]
    assert app.state(session) == "unlocked"
    configure(bed, "[proof]\nsimulated = locked\n")
    assert ended(app, session) == ("locked", "proof-too-weak")
    assert findings(app, "proof-locked")
    assert ended(app, app.open(intent=["create"]))[1] == "proof-too-weak"
    configure(bed, "")
    open_dossier(app)


def test_an_identity_that_waits_for_a_choice_is_judged_by_what_is_required_now(bed, people):
    app, agent = people(bed, choice_beneficiary=["never"], choice_structure=[0])
    session = app.open(mode="identity")
    app.until(session, "waiting-for-choice")
    configure(bed, "[proof]\nsimulated = locked\n")
    assert ended(app, session) == ("failed", "proof-too-weak")
    for method, args in (("Choose", [{"u": 0}]), ("GetPatient", [])):
        with pytest.raises(BusError) as e:
            app.call(method, *args, path=session, interface="Session")
        assert e.value.short == "WrongState"


def test_what_needs_a_restart_is_named_and_not_taken(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    key = app.get(ROOT, "Manager", "RecordKey")
    configure(bed, "[record]\norigin = other.example/record\nworkstation = desk 7\n[paths]\nwordings = /nowhere\n"
                   "[cards]\nprofessional-cache = no\n")
    line = next(x for x in bed.log("vitaled").splitlines() if "read anew" in x)
    for name in ("[paths] wordings", "[cards] professional-cache"):
        assert name in line
    assert "[record] origin" not in line  # no restart would take it
    assert ("the record is bed.vitaled.example/record, the configuration says other.example/record: "
            "it would stop the next start") in bed.log("vitaled")
    assert "workstation" not in line and "[paths] state" not in line
    assert app.get(ROOT, "Manager", "RecordKey") == key
    open_dossier(app)


def test_agents_that_are_no_longer_named_are_released(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    assert len(app.get(ROOT, "Manager", "Agents")) == 2
    with open(bed.path("vitaled.conf"), encoding="utf-8") as f:
        text = f.read()
    with open(bed.path("vitaled.conf"), "w", encoding="utf-8") as f:
        f.write(text.replace("user = vdagent", "user = vddisplay"))
    bed.processes["vitaled"].send_signal(signal.SIGHUP)
    agent.event("release")
    wait_for(lambda: app.get(ROOT, "Manager", "Agents") == [])
    assert ended(app, app.open(intent=["create"]))[1] == "no-agent"
    with pytest.raises(BusError) as e:
        agent.agent("pin")
    assert e.value.short in ("AccessDenied", "WrongState")


def test_the_record_tells_who_may_do_more_than_before(bed, people):
    """Wider emergencies and other agents leave the same trace as less proof does."""
    app, agent = people(bed)
    rows = lambda: [e["details"] for e in audit_is_whole(bed, app) if e["event"] == "configuration"]
    nothing, two = (hashlib.sha256(text).hexdigest() for text in (b"", b"10B0127190 10B0999999"))
    configure(bed, "")
    configure(bed, "[emergency]\nper-hour = 100\nregulation-structures = 10B0127190 10B0999999\n"
                   "[agent display]\ncapability = patient-display\npair = default\nuser = vddisplay\n")
    before, after = rows()
    assert before["regulation-structures-sha256"] == nothing != two == after["regulation-structures-sha256"]
    assert before["per-hour"] != 100 == after["per-hour"]
    uids = {(a["capability"], a.get("pair"), a["uid"]) for a in before["agents"]}
    assert uids == {("pin", None, USERS["vdagent"]), ("professional", None, USERS["vdagent"])}
    added = {(a["capability"], a.get("pair"), a["uid"]) for a in after["agents"]} - uids
    assert added == {("patient-display", "default", USERS["vddisplay"])}
    assert len(after["agents"]) == 3


def test_roles_and_pairs_change_in_the_running_service(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    readers = shown(app, "Reader")
    assert {r["Role"] for r in readers.values()} == {"any"} and {r["Pair"] for r in readers.values()} == {"default"}
    app.call("Release", path=open_dossier(app), interface="Session")
    names = sorted(r["Name"] for r in readers.values())
    configure(bed, f"[pair counter]\nprofessional-reader = {names[0]}\npatient-reader = {names[1]}\n"
                   f"[reader {names[0]}]\nrole = professional\n")
    now = {r["Name"]: (r["Pair"], r["Role"]) for r in shown(app, "Reader").values()}
    assert now == {names[0]: ("counter", "professional"), names[1]: ("counter", "patient")}
    path = next(p for p, r in readers.items() if r["Name"] == names[1])
    assert app.event("properties", path=path, interface="org.vitaled1.Reader")
    with pytest.raises(BusError):
        app.open()  # the pair "default" is no more
    open_dossier(app, pair="counter")


def test_a_shorter_life_of_the_pin_counts_at_once(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    app.call("Release", path=open_dossier(app), interface="Session")
    assert len(agent.seen("pin")) == 1
    app.call("Release", path=open_dossier(app), interface="Session")
    assert len(agent.seen("pin")) == 1, "the PIN was not kept"
    configure(bed, "[pin]\nlifetime = 0\n")
    app.call("Release", path=open_dossier(app), interface="Session")
    assert len(agent.seen("pin")) == 2
    app.call("Release", path=open_dossier(app), interface="Session")
    assert len(agent.seen("pin")) == 3


def test_a_shared_reader_is_shared_when_its_card_is_let_go_of(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    configure(bed, "[reader Vitale Sim *]\nsharing = transactions\n")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    assert app.state(session) == "unlocked"
    app.call("Release", path=session, interface="Session")
    before = len(agent.seen("pin"))
    app.call("Release", path=open_dossier(app, intent=["consult"]), interface="Session")
    app.call("Release", path=open_dossier(app, intent=["consult"]), interface="Session")
    assert len(agent.seen("pin")) >= before + 2, "a shared card's PIN was kept"


# -- sleep ---------------------------------------------------------------------------------------

def no_signal(app):
    return [f["state"] for f in findings(app, "no-sleep-signal")]


def test_sleep_lets_go_of_dossier_and_cards_before_the_lock_is_released_and_looks_at_the_cards_anew(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    wait_for(lambda: no_signal(app) == ["absent"])
    with Logind(bed) as logind:
        for n in (1, 2, 3):
            asked = logind.event("inhibit", n)
            assert (asked["what"], asked["who"], asked["mode"]) == ("sleep", "vitaled", "delay")
            assert no_signal(app) == [] and logind.held() == 1
            session = open_dossier(app, intent=["create", "consult"])
            old, pins = card_at(app, "00 01"), len(agent.seen("pin"))
            logind.say("sleep")
            released = logind.event("released", n)
            state = ended(app, session)
            assert state == ("locked", "sleep")
            assert released["alive"] == [], "the lock was released while they still had a card or a dossier"
            assert shown(app, "Card") == {} and children(bed) == ["vitaled"]
            waiting = app.open(intent=["create"])  # between the word and the sleep
            assert app.state(waiting) == "waiting-for-cards"
            logind.say("awake")
            assert app.until(waiting, "unlocked") and card_at(app, "00 01") != old
            assert len(agent.seen("pin")) == pins + 1, "a verified PIN outlived the sleep"
            app.call("Release", path=waiting, interface="Session")
            app.call("Release", path=session, interface="Session")
            agent.answers(pin=["1234"])
        logind.event("inhibit", 4)
    entries = audit_is_whole(bed, app)
    assert len([e for e in entries if e["event"] == "session-ended" and e["outcome"] == "sleep"]) == 3


@pytest.mark.parametrize("step", [s for s in STEPS if s != "unlocked"])
def test_sleep_ends_a_session_wherever_it_stands(bed, people, step):
    with Logind(bed) as logind:
        logind.event("inhibit")
        app, agent, session = hold_at(bed, people, step)
        logind.say("sleep")
        assert ended(app, session) == ("locked", "sleep")
        logind.event("released")
        assert children(bed) == ["vitaled"]


def test_a_card_exchanged_in_sleep_is_found_out(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    with Logind(bed) as logind:
        logind.event("inhibit")
        session = open_dossier(app)
        logind.say("sleep")
        logind.event("released")
        bed.sim("replace 1 vitale-single")
        logind.say("awake")
        assert ended(app, session) == ("locked", "sleep")
        open_dossier(app)
    entries = audit_is_whole(bed, app)
    assert len({e["pseudonym"] for e in entries if e["event"] == "unlocked"}) == 2


def test_a_stranger_puts_nobody_to_sleep(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    with Logind(bed) as logind:
        logind.event("inhibit")
        session = open_dossier(app)
        name = app.answer(app.send("owner"))
        for user in ("vdother", None):  # the bus stops the one, the service root's, whose it might be
            with Logind(bed, "stranger", name, user=user) as stranger:
                stranger.say("fake")
                stranger.event("faked")
                stranger.say("sleep")
                time.sleep(0.5)
        assert app.state(session) == "unlocked" and logind.held() == 1
        logind.say("sleep")  # and logind itself does
        assert ended(app, session) == ("locked", "sleep")


def test_logind_may_come_end_and_come_again_and_refuse(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    wait_for(lambda: no_signal(app) == ["absent"])
    with Logind(bed) as first:
        first.event("inhibit")
        wait_for(lambda: no_signal(app) == [])
    wait_for(lambda: no_signal(app) == ["absent"])
    with Logind(bed, "refuses") as second:
        second.event("inhibit")
        wait_for(lambda: no_signal(app) == ["refused"])
        time.sleep(1)
        assert second.count("inhibit") == 1, "asked again and again"
        assert app.state(session) == "unlocked"
        second.say("sleep")  # the signal comes all the same
        assert ended(app, session) == ("locked", "sleep")
    open_dossier(app)  # it ended while we slept: the cards are there again


def test_logind_that_ends_between_sleep_and_awake_does_not_keep_the_cards_away(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    with Logind(bed) as logind:
        logind.event("inhibit")
        logind.say("sleep")
        logind.event("released")
        assert shown(app, "Card") == {}
    with Logind(bed) as again:
        again.event("inhibit")
        open_dossier(app)


def test_an_awake_without_a_sleep_locks_too(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    with Logind(bed) as logind:
        logind.event("inhibit")
        session = open_dossier(app)
        logind.say("awake")
        assert ended(app, session) == ("locked", "sleep")
        logind.event("inhibit", 2)
        open_dossier(app)


# -- the guard ------------------------------------------------------------------------------------

def test_a_second_watch_runs_while_a_dossier_is_unlocked_and_not_longer(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0], consent=[{"later": 500, "answer": "given"}])
    session = app.open(intent=["create"])
    app.until(session, "waiting-for-consent")
    assert len(pids("vitaled-watch")) == 1
    app.until(session, "unlocked")
    wait_for(lambda: len(pids("vitaled-watch")) == 2)
    app.call("Lock", path=session, interface="Session")
    wait_for(lambda: len(pids("vitaled-watch")) == 1)


@pytest.mark.parametrize("which,how", [("watch", signal.SIGSTOP), ("guard", signal.SIGSTOP), ("watch", signal.SIGKILL),
                                       ("guard", signal.SIGKILL)])
def test_a_watch_or_a_guard_that_fails_alone_does_not_keep_a_dossier_unlocked(bed, people, which, how):
    app, agent, session = hold_at(bed, people, "unlocked")
    both = wait_for(lambda: len(pids("vitaled-watch")) == 2 and pids("vitaled-watch"))
    time.sleep(0.3)  # the guard has seen both cards
    os.kill(both[0 if which == "watch" else 1], how)
    bed.sim("remove 1")
    assert ended(app, session)[0] == "locked"
    bed.sim("insert 1 vitale-family")
    open_dossier(app)


def test_a_pcscd_that_hangs_does_not_keep_a_dossier_unlocked(bed, people):
    app, agent, session = hold_at(bed, people, "unlocked")
    wait_for(lambda: len(pids("vitaled-watch")) == 2)
    pcscd = int(subprocess.run(["pgrep", "-x", "pcscd"], capture_output=True, text=True, check=True).stdout.split()[0])
    os.kill(pcscd, signal.SIGSTOP)
    try:
        assert ended(app, session) == ("locked", "child-failed")
    finally:
        os.kill(pcscd, signal.SIGCONT)
    wait_for(lambda: len(shown(app, "Card")) == 2)
    open_dossier(app)


# -- ends of every kind --------------------------------------------------------------------------

def start_again(bed, people):
    """The broker starts after a sudden end; (application, agent) at the fresh one. What may not be left of
    the one before is not."""
    wait_for(lambda: children(bed) == [])  # nobody is left to hold a card or a dossier open
    bed.end("vitaled")
    bed.start_broker()
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    assert shown(app, "Session") == {} and shown(app, "Dossier") == {}
    return app, agent


def events_of(entries, event):
    return [e for e in entries if e["event"] == event]


@pytest.mark.parametrize("step", STEPS)
def test_a_broker_killed_at_each_step_leaves_nothing_open_and_a_whole_record(bed, people, step):
    app, agent, session = hold_at(bed, people, step)
    bed.processes["vitaled"].kill()
    app, agent = start_again(bed, people)
    open_dossier(app)
    entries = audit_is_whole(bed, app)
    opened = events_of(entries, "session-opened")
    assert len(opened) == 2 and len(events_of(entries, "start")) == 2
    assert len(events_of(entries, "unlocked")) == (2 if step == "unlocked" else 1)
    assert not events_of(entries, "session-ended"), "an end was recorded by nobody"


def test_a_broker_killed_at_any_moment_starts_again_with_every_entry(bed, people, request):
    """At random moments of a session that nobody holds up; what was told to the caller is in the record."""
    random_ms = [23 * n % 701 for n in range(1, 31 if request.config.getoption("--soak") else 9)]
    told = []
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    for ms in random_ms:
        number = app.start("OpenSession", {"a{sv}": {"intent": {"as": ["create"]}}})
        time.sleep(ms / 1000)
        bed.processes["vitaled"].kill()
        with contextlib.suppress(BusError):
            told.append(app.answer(number))
        app, agent = start_again(bed, people)
    entries = audit_is_whole(bed, app)
    assert len(events_of(entries, "start")) == len(random_ms) + 1
    assert len(events_of(entries, "session-opened")) >= len(told)
    open_dossier(app)


def test_a_bus_that_restarts_ends_the_broker_in_order_and_the_next_one_serves(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    open_dossier(app)
    bed.processes["dbus"].kill()
    bed.end("dbus")
    assert bed.processes["vitaled"].wait(10) not in (0, None)
    wait_for(lambda: children(bed) == [])
    bed.end("vitaled")
    bed.end("polkitd")
    os.unlink(bed.path("bus/sock"))
    bed.start_bus()
    bed.start_polkit()
    bed.start_broker()
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    entries = audit_is_whole(bed, app)
    ends = [e["event"] for e in entries if e["event"] in ("session-ended", "stop", "start")]
    assert ends == ["start", "session-ended", "stop", "start"]
    open_dossier(app)


def test_a_full_disk_under_an_open_dossier_ends_it_and_room_is_enough_to_go_on(make_bed, people):
    """The other way round than in test_faults: no call, but the card that leaves, has to be recorded."""
    bed = make_bed(state_size="4m")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    filler = bed.path("state", "filler")
    with open(filler, "wb", 0) as f, contextlib.suppress(OSError):
        while f.write(b"0" * 4096):
            pass
    bed.sim("remove 1")
    assert ended(app, session)[0] == "locked"  # what cannot be recorded has ended all the same
    os.unlink(filler)
    bed.sim("insert 1 vitale-family")
    open_dossier(app)
    audit_is_whole(bed, app)


# -- when nothing is asked -----------------------------------------------------------------------

def quiet_for(bed, seconds):
    """{program: wake-ups} of all of ours within @seconds."""
    found = idle.wakeups([pid for pid, _ in running()], seconds)
    names = dict(running())
    total = {}
    for pid, n in found.items():
        total[names[pid]] = total.get(names[pid], 0) + n
    return total


IDLE = {"cards": 1, "readers": 1, "nothing": 1}  # wake-ups of the broker in 20 s


@pytest.mark.parametrize("what", IDLE)
def test_an_idle_service_sleeps(bed, people, what, capsys):
    if what != "cards":
        bed.sim("remove 0")
        bed.sim("remove 1")
    if what == "nothing":
        bed.end("pcscd")
    with people.actor(bed, "vdapp") as app:
        service = "running" if what != "nothing" else "absent"
        wait_for(lambda: app.get(ROOT, "Manager", "ReaderService") == service)
        wait_for(lambda: len(shown(app, "Card")) == (2 if what == "cards" else 0))
    time.sleep(12)  # the last looks at what has changed
    seconds = 20
    woken = quiet_for(bed, seconds)
    with capsys.disabled():
        print(f" [{what}: {woken} in {seconds} s]", end="")
    assert woken["vitaled"] <= IDLE[what] and woken.get("vitaled-card", 0) == 0


def test_memory_stays_small_over_many_sessions(bed, people, request, capsys):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    broker, = pids("vitaled")
    count = 100 if request.config.getoption("--soak") else 25
    first = None
    for n in range(count):
        app.call("Release", path=open_dossier(app), interface="Session")
        if n == 4:
            first = idle.rss_anon(broker)
        time.sleep(0.6)  # two durable entries a second is what one user may cause
    last = idle.rss_anon(broker)
    with capsys.disabled():
        print(f" [RssAnon {first} kB after 5 sessions, {last} kB after {count}]", end="")
    if os.path.getsize(bed.program("vitaled")) < 8 << 20:  # not with sanitizers
        assert last <= 5 << 10
