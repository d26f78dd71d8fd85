# SPDX-License-Identifier: EUPL-1.2
"""The list of faults that have bitten others, one test a row, each with the row's name: against the real
pcscd, dbus-daemon and polkitd. Cards that fail at every command and readers of every kind are in
test_faults.py, test_physical.py, test_pins.py and test_living.py; here is what decides a row."""
import contextlib
import os
import random
import re
import signal
import subprocess
import time

import idle
import pytest

from actor import BusError
from bed import ROOT, wait_for
from conftest import audit_is_whole, card_at, children, nothing_behind, pids, shown, taken
from logind import Logind
from terminal import Terminal
from test_consultation import open_dossier
from test_faults import ended
from test_living import PAIRS, unlock
from test_pins import Desk
from test_start import start_fails

CPS, VITALE = "Vitale Sim 00 00", "Vitale Sim 00 01"
REMOVED = ("professional-card-removed", "patient-card-removed")
MANAGER = ("/org/vitaled1", "Manager")


@pytest.fixture
def desk(bed, people):
    """(bed, application, agent) whose agent answers everything."""
    return bed, *people(bed, choice_beneficiary=[0], choice_structure=[0])


def service(app):
    return app.get(*MANAGER, "ReaderService")


def finding(app, name):
    return [f for f in app.call("Diagnose") if f["name"] == name]


def both_known(app):
    return sorted(c["Kind"] for c in shown(app, "Card").values()) == ["cps", "vitale"]


def replaced(bed, app, slot, command):
    """Do what exchanges the card in @slot, and wait until the service has seen both: out, and in again."""
    old = card_at(app, f"00 0{slot}")
    bed.sim(command)
    wait_for(lambda: old not in shown(app, "Card") and both_known(app))


def put_back(bed, app, slot, card):
    """The card that was torn out, or that one out and in again."""
    if bed.sim("list").split()[slot] != f"{slot}=-":
        replaced(bed, app, slot, f"replace {slot} {card}")
        return
    wait_for(lambda: len(shown(app, "Card")) == 1)
    bed.sim(f"insert {slot} {card}")
    wait_for(lambda: both_known(app))


def release(app, session):
    app.call("Release", path=session, interface="Session")


def start_pcscd(bed, *options):
    """The bed's pcscd with more @options; its wrapper has the number of pcscd itself."""
    real, bed.spawn = bed.spawn, lambda name, argv, **more: real(name, [*argv, *options], **more)
    try:
        bed.start_pcscd()
    finally:
        bed.spawn = real


def test_row_pcscd_restarts_or_auto_exits_after_60_s(desk):
    """With --auto-exit pcscd ends by SIGALRM, 60 s after its last client left: here it is sent at once."""
    bed, app, agent = desk
    broker = pids("vitaled")
    for how in (signal.SIGALRM, signal.SIGTERM, signal.SIGKILL):
        session = open_dossier(app)
        bed.processes["pcscd"].send_signal(how)
        state, reason = ended(app, session)
        assert state == "locked" and reason in ("no-reader-service", *REMOVED)
        wait_for(lambda: service(app) != "running")
        assert finding(app, "no-reader-service")
        bed.end("pcscd")
        start_pcscd(bed, "--auto-exit")
        wait_for(lambda: service(app) == "running", 15)
        release(app, session)
    unlock(app)
    assert pids("vitaled") == broker


@pytest.mark.minutes
def test_row_pcscd_that_would_auto_exit_does_not_while_we_listen(desk):
    bed, app, agent = desk
    bed.end("pcscd")
    start_pcscd(bed, "--auto-exit")
    wait_for(lambda: service(app) == "running", 15)
    time.sleep(70)
    assert bed.processes["pcscd"].poll() is None and service(app) == "running"


@pytest.mark.parametrize("what", ["no reader", "no pcscd"])
def test_row_no_reader_or_no_pcscd_for_ever(make_bed, people, what):
    """Once the first attempts are over one in ten seconds at most, which is three wake-ups; and its end is seen."""
    bed = make_bed()
    app = people.actor(bed, "vdapp")
    bed.end("pcscd")
    if what == "no reader":
        bed.start_pcscd(readers=False)
        wait_for(lambda: service(app) == "running", 15)
        wait_for(lambda: finding(app, "no-reader"))
    else:
        wait_for(lambda: service(app) != "running")
    watch, = wait_for(lambda: pids("vitaled-watch"))

    def quiet():
        return max(idle.wakeups([watch, *pids("vitaled")], 10).values()) <= 3
    wait_for(quiet, 60)
    before = idle.switches(watch)
    bed.end("pcscd")
    bed.start_pcscd()
    wait_for(lambda: service(app) == "running" and len(shown(app, "Card")) == 2, 10)
    if what == "no pcscd":  # the same process saw it come
        assert pids("vitaled-watch") == [watch] and idle.switches(watch) - before < 60




def put_in_anew(bed, app):
    """What a person does with a reader that was pulled out and is back: both cards out and in, until both are
    known (of a reader from reader.conf pcscd 1.9.9 at times keeps a card that left, mute)."""
    for _ in range(5):
        for slot in (0, 1):
            bed.sim(f"remove {slot}")
        wait_for(lambda: shown(app, "Card") == {}, 20)
        for slot, card in enumerate(("cps4-gp", "vitale-family")):
            bed.sim(f"insert {slot} {card}")
        with contextlib.suppress(TimeoutError):
            return wait_for(lambda: both_known(app), 3)
    raise AssertionError(shown(app, "Card"))


def test_row_reader_unplugged_in_an_apdu(desk):
    bed, app, agent = desk
    for n in (3, 12):
        wait_for(lambda: both_known(app))
        nothing_behind(bed, professional=True)
        bed.sim(f"unplug 0 {n}")
        session = app.open(intent=["create"])
        state, reason = ended(app, session)
        assert (state, reason) in [("failed", r) for r in ("no-reader", "card-broken", *REMOVED)]
        bed.sim("plug 0")
        put_in_anew(bed, app)
        release(app, session)
    release(app, unlock(app))


def test_row_card_pulled_in_a_read_put_back_fast(desk):
    """Between two looks of who polls: the counter of events has moved, so the card counts as another."""
    bed, app, agent = desk
    for slot, card in ((0, "cps4-gp"), (1, "vitale-family")):
        wait_for(lambda: both_known(app))
        nothing_behind(bed, professional=True)
        old = card_at(app, f"00 0{slot}")
        bed.sim(f"tear-insert {slot} 4 {card} 20")
        session = app.open(intent=["create"])
        assert ended(app, session) in [("failed", REMOVED[slot]), ("failed", "card-replaced")]
        release(app, session)
        wait_for(lambda: old not in shown(app, "Card") and both_known(app))
        session, old = unlock(app), card_at(app, f"00 0{slot}")
        bed.sim(f"bounce {slot} 1")
        assert ended(app, session) in [("locked", REMOVED[slot]), ("locked", "card-replaced")]
        release(app, session)
        wait_for(lambda: old not in shown(app, "Card") and both_known(app))
    release(app, unlock(app))


def test_row_torn_while_writing_counter_decremented(make_bed, people):
    """A change of the PIN torn at each of its first commands: named, one try lost at most, and one of the two
    PINs is the card's; nothing is sent again by itself."""
    desk = Desk(make_bed("cps4-gp", "vitale-single"), people, "cps4-gp", "agent")
    pin, other, done, nth = "1234", "5678", False, 1
    while not done and nth < 9:
        tries, before, path = desk.counters()[0], desk.presented(), desk.path()
        nothing_behind(desk.bed)
        desk.bed.sim(f"tear 0 {nth}")
        desk.agent.answers(code_pin=[pin], code_new_pin=[other], confirm=[True])
        try:
            desk.app.call("ChangePin", path=path, interface="Card")
            done = True
        except BusError as e:
            assert e.short == "CardRemoved"
        assert desk.presented() - before <= 2  # VERIFY and CHANGE, each once
        desk.bed.sim("normal 0")
        desk.bed.sim(f"replace 0 {desk.card}")
        assert tries - desk.counters()[0] <= 1
        wait_for(lambda: desk.path() != path)
        if desk.accepts(other):
            pin, other = other, pin
        else:
            assert desk.accepts(pin)
        nth += 1
    assert nth > 3


def test_row_mute_card_wtx_without_end(desk):
    """A deadline on each command: the answer comes although SCardTransmit does not come back."""
    bed, app, agent = desk
    for fault in ("mute 1 on", "wtx 1 on"):
        card_at(app, "00 00"), card_at(app, "00 01")
        bed.sim(fault)
        session = app.open(intent=["create"])
        assert ended(app, session) == ("failed", "card-broken")
        release(app, session)
        bed.sim("normal 1")
        with Terminal(bed) as t:  # pcscd itself waits for that command of the process that died
            wait_for(lambda: taken(t, VITALE), 30)
            t.disconnect()
        replaced(bed, app, 1, "replace 1 vitale-family")
    release(app, unlock(app))
    nothing_behind(bed, professional=True)


@pytest.mark.parametrize("loop,most", [("loop61", 140), ("loop6c", 60)])
def test_row_61xx_6cxx_loops(desk, loop, most):
    """A wrong length is corrected once, a chain of answers has an end: so many commands in all at most."""
    bed, app, agent = desk
    card_at(app, "00 00"), card_at(app, "00 01")
    nothing_behind(bed)
    bed.sim("count-reset 1")
    bed.sim(f"{loop} 1")
    session = app.open(intent=["create"])
    state, reason = ended(app, session)
    assert state == "failed" and reason in ("card-broken", "card-unknown")
    assert int(bed.sim("count 1").split()[0]) < most


def test_row_card_upside_down_foreign_card(make_bed, people):
    """Distinct states: none, mute, unknown, unsupported, in the wrong slot; each with what to do about it."""
    bed = make_bed("cps4-gp", None, config=f"[reader {CPS}]\nrole = professional\n[reader {VITALE}]\nrole = patient\n")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    card_at(app, "00 00")
    seen, session = {}, app.open(intent=["create"])
    app.until(session, "waiting-for-cards")  # none is no error yet
    app.call("Lock", path=session, interface="Session")
    for command, kind, reason in (("upside-down 1 vitale-family", "mute", "card-broken"),
                                  ("replace 1 unknown", "unknown", "card-unknown"),
                                  ("replace 1 vitale-1", "unsupported", "card-unsupported")):
        before = set(shown(app, "Card"))
        bed.sim(command)
        path = wait_for(lambda: next(iter(set(shown(app, "Card")) - before), None))
        wait_for(lambda: shown(app, "Card").get(path, {}).get("Kind") == kind)
        session = app.open(intent=["create"])
        assert ended(app, session) == ("failed", reason)
        seen[kind] = shown(app, "Card")[path]["Advice"]
    assert seen["unknown"] and seen["unsupported"] and seen["unknown"] != seen["unsupported"]
    bed.sim("replace 1 cps4-pharmacist")  # a professional's card where the patient's belongs
    wait_for(lambda: [c["Kind"] for c in shown(app, "Card").values()] == ["cps", "cps"])
    session = app.open(intent=["create"])
    app.until(session, "waiting-for-cards")
    bed.sim("replace 1 vitale-family")
    app.until(session, "unlocked")
    assert app.call("GetProfessional", path=session, interface="Session")["surname"] == "DUBREUIL"


def test_row_client_crash_with_open_session(desk, people):
    bed, app, agent = desk
    session = open_dossier(app)
    other = people.actor(bed, "vdother")
    app.end()
    nothing_behind(bed, professional=True)
    with pytest.raises(BusError):
        other.state(session)
    agent.answers(pin=["1234"], choice_beneficiary=[0], choice_structure=[0])
    release(other, unlock(other))  # nobody is told "already in use"
    other.end()
    nothing_behind(bed, professional=True)
    with Terminal(bed) as t:  # deselected and reset: the patient's card may be anybody's
        wait_for(lambda: taken(t, VITALE))
        t.disconnect()


def test_row_double_pin_sending_on_retry(make_bed, people):
    """The command with the PIN is lost with its card: it is not sent again, and the person is asked anew."""
    bed = make_bed()
    app, agent = people(bed, pin=["1234"], choice_beneficiary=[0], choice_structure=[0])
    file = bed.path("sim", "verify.record")
    bed.sim(f"record 0 {file}")

    def verifies():
        with open(file, encoding="utf-8") as f:
            return len(re.findall(r"^> 0[01]20....[0-9a-f]{2}\*", f.read(), re.M))
    release(app, unlock(app))  # from now on the card's public files need not be read before the PIN
    replaced(bed, app, 0, "replace 0 cps4-gp")
    last = 0
    for nth in range(1, 30):
        nothing_behind(bed)
        asked, sent = len(agent.seen("pin")), verifies()
        bed.sim(f"tear 0 {nth}")
        session = app.open(intent=["create"])
        state, reason = app.until(session, "failed", "unlocked")
        assert verifies() - sent <= len(agent.seen("pin")) - asked <= 1, f"command {nth}"
        release(app, session)
        bed.sim("normal 0")
        put_back(bed, app, 0, "cps4-gp")
        last += verifies() > sent
        if last >= 2:  # the command itself, and the next one after it
            break
    assert last == 2
    assert bed.sim("counters 0").startswith("pin 3 ") or bed.sim("counters 0").startswith("pin 2 ")


def test_row_suspend_resume(desk):
    bed, app, agent = desk
    with Logind(bed) as logind:
        logind.event("inhibit")
        session = open_dossier(app)
        logind.say("sleep")
        logind.event("released")
        assert ended(app, session) == ("locked", "sleep")
        assert children(bed) == ["vitaled"]  # no card is held, none has power by us
        logind.say("awake")
        wait_for(lambda: len(shown(app, "Card")) == 2)
        again = unlock(app)
        assert len(agent.seen("pin")) == 2
        release(app, again)


def restart_bus(bed):
    bed.end("vitaled")
    for name in ("polkitd", "dbus"):
        bed.end(name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(bed.path("bus/sock"))
    bed.start_bus()
    bed.start_polkit()


def test_row_bus_disconnect(desk, people):
    """It ends by itself, not with success, says why, leaves nothing, and has recorded all."""
    bed, app, agent = desk
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    bed.end("dbus")
    assert bed.processes["vitaled"].wait(10) not in (0, None)
    wait_for(lambda: children(bed) == [])
    assert "<3>" in bed.log("vitaled")
    restart_bus(bed)
    bed.start_broker()
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    events = [e["event"] for e in audit_is_whole(bed, app)]
    assert {"unlocked", "dossier-created"} <= set(events)
    release(app, unlock(app))


def test_row_disk_full(make_bed, people):
    """Fails closed: what cannot be recorded does not happen, what is open is locked; it says why, and goes on when
    there is room."""
    bed = make_bed(state_size="4m")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    filler = bed.path("state", "filler")
    with open(filler, "wb", 0) as f, contextlib.suppress(OSError):
        while f.write(b"0" * 4096):
            pass
    with pytest.raises(BusError) as e:
        for _ in range(5000):
            app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
    assert e.value.short == "AuditUnavailable"
    assert ended(app, session) == ("locked", "audit-unavailable")
    with pytest.raises(BusError) as e:
        app.open(intent=["create"])
    assert e.value.short == "AuditUnavailable"
    assert finding(app, "audit-unavailable")[0]["cause"]
    assert finding(app, "store-low")[0]["free"] == 0
    os.unlink(filler)
    release(app, unlock(app))
    assert finding(app, "audit-unavailable") == []
    audit_is_whole(bed, app)


def test_row_power_loss(desk, people):
    """kill -9 while calls are being recorded: every entry whose call was answered is there, and the record is
    whole. What the disk itself may reorder is not played here."""
    bed, app, agent = desk
    answered = 0
    for round_ in range(4):
        session = open_dossier(app)
        if round_ == 0:
            app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
        end = time.monotonic() + random.uniform(0.02, 0.2)
        while time.monotonic() < end:
            app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
            answered += 1
        waiting = [app.start("List", {"a{sv}": {}}, path=session, interface="Dossier") for _ in range(4)]
        bed.processes["vitaled"].kill()
        for ident in waiting:
            with contextlib.suppress(BusError):
                app.answer(ident)
                answered += 1
        wait_for(lambda: children(bed) == [])
        bed.end("vitaled")
        bed.start_broker()
        app = people.actor(bed, "vdapp")
        agent.agent("pin", "professional", pin=["1234"], choice_beneficiary=[0], choice_structure=[0])
        listed = [e for e in audit_is_whole(bed, app) if e["event"] == "dossier-listed"]
        assert len(listed) >= answered, (round_, len(listed), answered)
    assert answered > 8


@pytest.fixture
def clock(bed, tmp_path_factory):
    """clock(seconds): the broker's wall clock from now on; started anew with it."""
    library = str(tmp_path_factory.mktemp("clock") / "clock-shift.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(ROOT, "tests/data/clock-shift.c")],
                   check=True)
    file = bed.path("clock")

    def shift(seconds, start=False):
        with open(file + ".new", "w", encoding="ascii") as f:
            f.write(str(int(seconds)))
        os.chmod(file + ".new", 0o644)
        os.rename(file + ".new", file)
        if start:
            bed.end("vitaled")
            bed.start_broker()
    os.makedirs(bed.path("preload"))
    subprocess.run(["cp", library, bed.path("preload/clock.so")], check=True)
    bed.env["VITALED_TEST_CLOCK"] = file
    real = bed.spawn

    def spawn(name, argv, **more):
        if name == "vitaled":
            more["env"] = bed.env | {"LD_PRELOAD": bed.path("preload/clock.so")}
        return real(name, argv, **more)
    bed.spawn = spawn
    shift(0, start=True)
    return shift


def test_row_clock_jump(bed, people, clock):
    """Deadlines do not follow the wall clock, the record's order neither; a clock that was never set is told, and
    certificates are not believed by it."""
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["consult", "create"], lifetime={"u": 60})
    app.until(session, "unlocked")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    for jump in (86400, -86400, 0):
        clock(jump)
        app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
        assert app.state(session) == "unlocked"
    times = [e["time"] for e in audit_is_whole(bed, app)]
    assert times != sorted(times)  # the clock did move, and the record is whole all the same
    release(app, session)
    clock(1 - time.time(), start=True)  # 1970: a battery is empty
    app = people.actor(bed, "vdapp")
    agent.agent("pin", "professional", pin=["1234"], choice_beneficiary=[0], choice_structure=[0])
    assert "clock-unset" in bed.log("vitaled") and finding(app, "clock-unset")
    assert ended(app, app.open(intent=["create"]))[1] in ("card-expired", "not-trusted")
    clock(0)
    assert finding(app, "clock-unset") == []
    release(app, unlock(app))


def test_row_corrupted_cache_or_config(desk, people):
    """A cache that is not what it was is read from the card again; a configuration is refused by file and line."""
    bed, app, agent = desk
    release(app, unlock(app))
    folder = bed.path("state/cache")
    files = [os.path.join(folder, name) for name in os.listdir(folder)]
    assert files
    for damage in (lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b[:len(b) // 2], lambda b: b"", lambda b: b * 2):
        for path in files:
            with open(path, "r+b") as f:
                data = damage(f.read())
                f.seek(0)
                f.truncate()
                f.write(data)
        bed.end("vitaled")
        bed.start_broker()
        agent.agent("pin", "professional", pin=["1234"], choice_beneficiary=[0], choice_structure=[0])
        app = people.actor(bed, "vdapp")
        session = unlock(app)
        assert app.call("GetProfessional", path=session, interface="Session")["surname"] == "DUBREUIL"
        release(app, session)
        wait_for(lambda: all(os.path.getsize(path) > 500 for path in files))  # mended
    bed.end("vitaled")
    with open(bed.path("vitaled.conf"), "a", encoding="utf-8") as f:
        f.write("\0\xff[cards\n")
    status, log = start_fails(bed)
    assert status != 0 and re.search(r"vitaled\.conf:\d+", log)


FLOOD = """
import os, sys, time
import dbus
from collections import Counter
said, kept = Counter(), []
end = time.monotonic() + float(sys.argv[1])
try:
    while len(kept) < 250:
        kept.append(dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"]))
except dbus.DBusException as e:
    said[e.get_dbus_name()] += 1
print("connected", len(kept), flush=True)
while time.monotonic() < end:
    for c in kept:
        m = dbus.lowlevel.MethodCallMessage("org.vitaled1", "/org/vitaled1", "org.vitaled1.Manager", "OpenSession")
        m.append({"wait": True}, signature="a{sv}")
        try:
            c.send_message_with_reply_and_block(m, 5)
            said["opened"] += 1
        except dbus.DBusException as e:
            said[e.get_dbus_name().rsplit(".", 1)[-1]] += 1
        if time.monotonic() > end:
            break
print(*(f"{k}={v}" for k, v in said.items()), flush=True)
"""


def test_row_256_clients_of_one_uid_floods(desk):
    """One user takes all that one user gets; another works, is refused nothing, and the memory stays."""
    bed, app, agent = desk
    broker, = pids("vitaled")
    flood = subprocess.Popen(["setpriv", "--reuid=vdother", "--regid=vdother", "--clear-groups", "--",
                              "/usr/bin/python3", "-c", FLOOD, "4"], env=bed.env, stdout=subprocess.PIPE, text=True)
    try:
        assert int(flood.stdout.readline().split()[1]) >= 200
        before = idle.rss_anon(broker)
        agent.answers(pin=["1234"], choice_beneficiary=[0], choice_structure=[0])
        for _ in range(2):
            app.call("Diagnose")
            assert app.get(*MANAGER, "Version")
            session = app.open(intent=["create"], wait={"b": True})
            app.until(session, "unlocked", "queued")
            release(app, session)
        said = dict(w.split("=") for w in flood.stdout.read().split())
    finally:
        flood.kill()
        flood.wait()
    assert "LimitsExceeded" in said, said
    assert int(said.get("opened", 0)) <= 80  # the burst of a minute, and what comes back
    assert idle.rss_anon(broker) - before < 4096
    wait_for(lambda: children(bed).count("vitaled-card") <= 4)
    release(app, unlock(app))


def test_row_two_professionals_two_readers_swapped_cards(make_bed, people):
    """Whose session it is follows from the slot that the pair names, never from the order of insertion."""
    bed = make_bed(None, None, None, None, readers="2,2", config=PAIRS)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    other = people.actor(bed, "vdother")
    names = {"cps4-gp": "DUBREUIL"}
    for order in ([(2, "cps4-pharmacist"), (3, "vitale-single"), (1, "vitale-family"), (0, "cps4-gp")],
                  [(0, "cps4-pharmacist"), (2, "cps4-gp"), (1, "vitale-single"), (3, "vitale-family")]):
        for slot, card in order:
            bed.sim(f"insert {slot} {card}")
        at = dict(order)
        sessions = {}
        for actor, pair in ((app, "counter"), (other, "office")):
            session = actor.open(intent=["create"], pair=pair)
            actor.until(session, "unlocked")
            who = actor.call("GetProfessional", path=session, interface="Session")["surname"]
            card = at[0 if pair == "counter" else 2]
            assert names.setdefault(card, who) == who, (pair, card, who)
            sessions[pair] = actor, session
        for actor, session in sessions.values():
            release(actor, session)
        for slot in range(4):
            bed.sim(f"remove {slot}")
        wait_for(lambda: shown(app, "Card") == {})
    assert len(set(names.values())) == 2


def test_row_electrostatic_reset_of_reader(make_bed, people):
    """The reader is gone for a moment with both cards in it: locked, and the PIN that it forgot is asked anew."""
    bed = make_bed(hotplug=True)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = unlock(app)
    bed.sim("unplug 0")
    wait_for(lambda: shown(app, "Reader") == {})
    bed.sim("plug 0")
    state, reason = ended(app, session)
    assert state == "locked" and reason in ("no-reader", *REMOVED)
    release(app, session)
    wait_for(lambda: len(shown(app, "Card")) == 2)
    session = unlock(app)
    assert len(agent.seen("pin")) == 2
    release(app, session)
