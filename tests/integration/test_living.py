# SPDX-License-Identifier: EUPL-1.2
"""Living with other programs and with each other: readers that somebody else holds, cards that others
touch, sessions that wait in line, several readers and what each is for."""
import time

import pytest

from actor import BusError
from bed import wait_for
from conftest import card_at, cards_in, nothing_behind, reader_at, shown, taken
from terminal import EXCLUSIVE, LEAVE, PcscError, Terminal

CPS, VITALE = "Vitale Sim 00 00", "Vitale Sim 00 01"
SHARED_READERS = "".join(f"[reader {name}]\nsharing = transactions\n" for name in (CPS, VITALE))
PAIRS = "".join(f"[pair {name}]\nprofessional-reader = Vitale Sim 0{n} 00\npatient-reader = Vitale Sim 0{n} 01\n"
                for n, name in enumerate(("counter", "office")))
SELECT = {"cps3-gp": "00A4040C0DE828BD080F8025000001FF0010", "cps4-gp": "01A4040C088025000001FF0100"}


@pytest.fixture
def program(request):
    """program(bed): another PC/SC program of the application's user, ended after the test."""
    programs = []

    def make(bed):
        programs.append(Terminal(bed))
        return programs[-1]
    yield make
    for p in programs:
        p.__exit__()


def unlock(app, **options):
    session = app.open(**{"intent": ["create"], **options})
    app.until(session, "unlocked")
    return session


# -- a reader that another program holds -----------------------------------------------------------------

@pytest.mark.parametrize("reader", [CPS, VITALE])
def test_a_reader_held_for_a_moment_is_waited_for(bed, people, program, reader):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    card_at(app, reader[-5:])
    nothing_behind(bed)
    other = program(bed)
    other.connect(reader, EXCLUSIVE)
    session = app.open(intent=["create"])
    time.sleep(1)
    assert app.state(session) in ("reading", "waiting-for-pin")
    other.disconnect()
    app.until(session, "unlocked")


@pytest.mark.parametrize("reader", [CPS, VITALE])
def test_a_reader_held_for_long_is_busy(bed, people, program, reader, capsys):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    card_at(app, reader[-5:])
    nothing_behind(bed)
    other, before = program(bed), time.monotonic()
    other.connect(reader, EXCLUSIVE)
    session = app.open(intent=["create"])
    assert app.ended(session, 60) == ("failed", "busy")
    with capsys.disabled():
        print(f"\nheld {reader}: busy after {time.monotonic() - before:.1f} s")
    other.disconnect()
    nothing_behind(bed, professional=reader == VITALE)  # its PIN lives on
    unlock(app)


def test_a_card_put_in_while_another_program_holds_the_reader_is_recognised_later(bed, people, program):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim("remove 1")
    other = program(bed)
    bed.sim("insert 1 vitale-single")
    wait_for(lambda: taken(other, VITALE))
    path = card_at(app, "00 01")
    if shown(app, "Card")[path]["Kind"] == "unknown":  # else ours was first
        assert shown(app, "Card")[path]["Advice"] == "card-busy"
        assert app.ended(app.open(intent=["create"]))[1] == "busy"
    other.disconnect()
    wait_for(lambda: shown(app, "Card")[path]["Kind"] == "vitale")
    assert shown(app, "Card")[path]["Advice"] == ""
    unlock(app)


def test_a_held_card_is_refused_to_other_programs(bed, people, program):
    """Else any local program could sign with the verified PIN."""
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = unlock(app)
    other = program(bed)
    for reader in (CPS, VITALE):
        with pytest.raises(PcscError) as e:
            other.connect(reader)
        assert str(e.value) == "8010000B"  # SCARD_E_SHARING_VIOLATION
    app.call("Release", path=session, interface="Session")
    wait_for(lambda: taken(other, VITALE))  # the patient's is free; the professional's keeps its PIN
    other.disconnect()
    with pytest.raises(PcscError):
        other.connect(CPS)
    app.call("Lock", path=card_at(app, "00 00"), interface="Card")
    wait_for(lambda: taken(other, CPS))


# -- sharing = transactions -----------------------------------------------------------------------------------

def politely(program, command):
    """As PC/SC wants it of a program whose card was reset by another one: connect anew, and say it again."""
    try:
        return program.send(command)
    except PcscError as e:
        assert str(e) == "80100068"  # SCARD_W_RESET_CARD
    program.reconnect(LEAVE)
    return program.send(command)


@pytest.mark.parametrize("cps", ["cps3-gp", "cps4-gp"])
def test_shared_cards_are_used_between_other_programs_commands(make_bed, people, program, cps):
    bed = make_bed(cps, "vitale-family", config=SHARED_READERS)
    app, agent = people(bed, choice_structure=[0], choice_beneficiary=["never"], consent=["never"])
    others = [program(bed) for _ in range(2)]
    for other, reader in zip(others, (CPS, VITALE)):
        other.connect(reader)
    session = app.open(intent=["create"])
    app.until(session, "waiting-for-choice")
    assert len(agent.seen("pin")) == 1
    assert politely(others[0], SELECT[cps]) == "9000"  # within the time that a right is kept
    assert politely(others[1], "00A4000C023F00") == "9000"
    state = politely(others[0], {"cps3-gp": "0020000100", "cps4-gp": "01200001"}[cps])
    assert state == "63c3"  # the PIN that went through us is nobody else's
    agent.answers(consent=["given"])
    app.call("Choose", {"u": 0}, path=session, interface="Session")
    app.until(session, "unlocked")
    asked = agent.seen("pin")
    assert len(asked) == 2 and not asked[1]["facts"].get("again")  # one for the exchange, one for the signature
    for _ in range(20):
        assert politely(others[0], SELECT[cps]) == "9000"
    assert app.state(session) == "unlocked"
    assert app.call("GetPatient", path=session, interface="Session")["surname"] == "BÉRANGER"
    others[1].reconnect()  # a reset: the same card, found out by its number
    second = unlock_again(app, agent, session)
    assert app.state(second) == "unlocked"
    done = bed.run(["pkcs15-tool", "--reader", "0", "--dump"]) if cps == "cps3-gp" else None
    assert done is None or done.returncode == 0, done.stderr


def test_a_question_between_shared_cards_costs_the_pin_once_more(make_bed, people, program):
    """Who has several structures is asked after the PIN; the cards meet when nobody is asked any more."""
    bed = make_bed("cps3-gp", "vitale-single", config=SHARED_READERS)
    app, agent = people(bed, choice_structure=[{"later": 8000, "answer": 0}])
    others = [program(bed) for _ in range(2)]
    session = app.open(intent=["create"])
    agent.event("choice", kind="structure")
    for other, reader in zip(others, (CPS, VITALE)):
        other.connect(reader)
        other.reconnect()  # waits until we give the card back, and resets it
    app.until(session, "unlocked")
    assert len(agent.seen("pin")) == 2
    assert app.get(session, "Session", "Proof") == "mutual"


def unlock_again(app, agent, session):
    app.call("Release", path=session, interface="Session")
    agent.answers(choice_beneficiary=[0])
    return unlock(app)


def test_with_shared_readers_every_session_asks_the_pin(make_bed, people):
    bed = make_bed(config=SHARED_READERS)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    for n in (1, 2):
        session = unlock(app)
        app.call("Release", path=session, interface="Session")
        assert len(agent.seen("pin")) == n
    nothing_behind(bed)


@pytest.mark.parametrize("slot,whose", [(0, "professional"), (1, "patient")])
def test_a_shared_card_that_was_exchanged_unseen_is_found_out(make_bed, people, program, slot, whose):
    """The reader tells nothing; another program resets the new card; the consent is given after that."""
    bed = make_bed(config=SHARED_READERS)
    app, agent = people(bed, choice_structure=[0], choice_beneficiary=[0], consent=[{"later": 8000, "answer": "given"}])
    session = app.open(intent=["create"])
    app.until(session, "waiting-for-consent")
    other = program(bed)
    other.connect((CPS, VITALE)[slot])
    other.reconnect()  # waits until what we held is given back
    bed.sim(f"swap {slot} {('cps4-pharmacist', 'vitale-single')[slot]} live")
    other.reconnect()
    assert app.ended(session) == ("failed", f"{whose}-card-removed")
    agent.answers(consent=["given"])
    again = app.open(intent=["create"])
    state, reason = app.until(again, "unlocked", "failed", "refused", "locked")
    # the new card is read as what it is, never under the old one's name
    if state == "unlocked":
        who = app.call("GetProfessional" if slot == 0 else "GetPatient", path=again, interface="Session")
        assert who["surname"] not in ("DUBREUIL", "BÉRANGER")
    else:
        assert reason in (f"{whose}-card-removed", "proof-failed", "not-trusted", "card-broken")


@pytest.mark.parametrize("seconds", [5, 20])
@pytest.mark.parametrize("reader", [CPS, VITALE])
def test_a_transaction_of_another_program_is_waited_for_or_busy(bed, people, program, reader, seconds):
    """pcscd then holds our connection back, where nothing can be interrupted."""
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    card_at(app, reader[-5:])
    nothing_behind(bed)
    other = program(bed)
    other.connect(reader)
    other.begin()
    session = app.open(intent=["create"])
    if seconds < 10:
        time.sleep(seconds)
        other.end()
        other.disconnect()
        app.until(session, "unlocked")
        return
    assert app.ended(session, 60) == ("failed", "busy")
    other.end()
    other.disconnect()
    unlock(app)


# -- the queue -----------------------------------------------------------------------------------------------

def queue(actor, session):
    return actor.get(session, "Session", "Queue")


def test_sessions_wait_in_line_and_know_their_place(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    actors = [app, people.actor(bed, "vdother"), people.actor(bed, "vdapp"), people.actor(bed, "vdother")]
    first = unlock(app)
    assert queue(app, first) == [0, 0]
    waiting = []
    for n, actor in enumerate(actors[1:], 1):
        waiting.append(actor.open(intent=["create"], wait={"b": True}))
        actor.until(waiting[-1], "queued")
        assert queue(actor, waiting[-1])[0] == n
    time.sleep(1.2)
    assert queue(actors[1], waiting[0])[1] >= 1  # seconds
    assert actors[2].ended(actors[2].open(intent=["create"])) == ("failed", "busy")  # who does not wait
    held = first
    for n, (holder, actor, session) in enumerate(zip(actors, actors[1:], waiting)):
        holder.call("Release", path=held, interface="Session")
        actor.until(session, "unlocked")
        for place, (other, later) in enumerate(list(zip(actors[1:], waiting))[n + 1:], 1):
            wait_for(lambda: queue(other, later)[0] == place)  # noqa: B023
            assert other.state(later) == "queued"
        held = session
    told = [e["changed"]["Queue"][0] for e in actors[3].events if e["event"] == "properties" and
            "Queue" in e.get("changed", {})]
    assert [p for i, p in enumerate(told) if i == 0 or told[i - 1] != p][-4:] == [3, 2, 1, 0]


def test_who_leaves_the_line_moves_the_others_up(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    one, two = people.actor(bed, "vdother"), people.actor(bed, "vdapp")
    first = unlock(app)
    before = one.open(intent=["create"], wait={"b": True})
    one.until(before, "queued")
    behind = two.open(intent=["create"], wait={"b": True})
    two.until(behind, "queued")
    assert queue(two, behind)[0] == 2
    one.end()
    wait_for(lambda: queue(two, behind)[0] == 1)
    app.end()
    two.until(behind, "unlocked")


# -- several readers --------------------------------------------------------------------------------------------

def test_two_pairs_are_two_counters(make_bed, people):
    bed = make_bed("cps4-gp", "vitale-family", "cps3-nurse", "vitale-single", readers="2,2", config=PAIRS)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    other = people.actor(bed, "vdother")
    sessions = app.open(intent=["create"], pair="counter"), other.open(intent=["create"], pair="office")
    for actor, session, names in ((app, sessions[0], ("BÉRANGER", "DUBREUIL")),
                                  (other, sessions[1], ("GARÇON", "LAMBERT"))):
        actor.until(session, "unlocked")
        assert actor.call("GetPatient", path=session, interface="Session")["surname"] == names[0]
        assert actor.call("GetProfessional", path=session, interface="Session")["surname"] == names[1]
    rows = {r["Name"][-5:]: (r["Pair"], r["Role"], r["Slot"]) for r in shown(app, "Reader").values()}
    assert rows == {"00 00": ("counter", "professional", 0), "00 01": ("counter", "patient", 1),
                    "01 00": ("office", "professional", 0), "01 01": ("office", "patient", 1)}
    bed.sim("remove 3")
    assert other.ended(sessions[1]) == ("locked", "patient-card-removed")
    assert app.state(sessions[0]) == "unlocked"


def test_composite_readers_are_two_readers(make_bed, people):
    bed = make_bed("cps4-gp", "vitale-single", readers="1+1")
    app, agent = people(bed, choice_structure=[0])
    unlock(app)
    assert sorted(r["Name"] for r in shown(app, "Reader").values()) == ["Vitale Sim 00 00", "Vitale Sim 01 00"]


def test_two_patients_cards_are_ambiguous_until_one_is_taken_out(make_bed, people):
    bed = make_bed("cps4-gp", "vitale-family", "vitale-single", readers="2,1")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    card_at(app, "00 01"), card_at(app, "01 00")
    assert app.ended(app.open(intent=["create"])) == ("failed", "card-ambiguous")
    bed.sim("remove 1")
    wait_for(lambda: len(shown(app, "Card")) == 2)
    session = unlock(app)
    assert app.call("GetPatient", path=session, interface="Session")["surname"] == "GARÇON"
    bed.sim("insert 1 vitale-family")  # too late to be in doubt
    card_at(app, "00 01")
    assert app.state(session) == "unlocked"


ROLES = "[reader Vitale Sim 00 *]\nrole = professional\n[reader Vitale Sim 00 01]\nrole = patient\n" \
        "[reader Vitale Sim 01 *]\nrole = professional\n"


def test_cards_are_taken_from_readers_of_their_role_only(make_bed, people):
    bed = make_bed("cps4-gp", "vitale-family", "vitale-single", readers="2,1", config=ROLES)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    card_at(app, "01 00")
    session = unlock(app)  # the other Vitale is in a reader for professionals
    assert app.call("GetPatient", path=session, interface="Session")["surname"] == "BÉRANGER"
    assert {r["Name"][-5:]: r["Role"] for r in shown(app, "Reader").values()} == {
        "00 00": "professional", "00 01": "patient", "01 00": "professional"}
    app.call("Release", path=session, interface="Session")
    bed.sim("replace 1 cps4-pharmacist")
    bed.sim("remove 2")
    wait_for(lambda: not cards_in(app, "01 00") and [c["Kind"] for c in cards_in(app, "00 01").values()] == ["cps"])
    waiting = app.open(intent=["create"])
    app.until(waiting, "waiting-for-cards")
    bed.sim("replace 1 vitale-single")
    app.until(waiting, "unlocked")
    assert app.call("GetProfessional", path=waiting, interface="Session")["surname"] == "DUBREUIL"


@pytest.mark.parametrize("cps", ["cps3-gp", "cps4-gp"])
def test_slots_that_block_each_other_serve_both_cards(make_bed, people, cps):
    bed = make_bed(cps, "vitale-family")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim("blocking 0 on")
    bed.sim("delay 0 20")
    bed.sim("delay 1 20")
    for _ in range(2):
        app.call("Release", path=unlock(app), interface="Session")
    nothing_behind(bed, professional=True)


def test_a_person_at_the_keypad_of_a_blocking_reader_is_not_hurried(make_bed, people):
    """While somebody types, the other slot's card cannot answer; its own time stands still."""
    bed = make_bed("cps4-gp", "vitale-family", keypad=[0])
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim("blocking 0 on")
    session = app.open(intent=["create"])
    wait_for(lambda: bed.sim("keypad 0").startswith("asking"))
    time.sleep(6)  # longer than a silent card would be given
    assert app.state(session) == "waiting-for-pin"
    bed.sim("keypad 0 type 1234")
    app.until(session, "unlocked")


def test_readers_of_nobody_are_told(make_bed, people):
    bed = make_bed("cps4-gp", "vitale-family", None, readers="2,1", config=PAIRS.split("[pair office]")[0])
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    reader = shown(app, "Reader")[reader_at(app, "01 00")]
    assert (reader["Pair"], reader["Role"]) == ("", "any")
    with pytest.raises(BusError) as e:
        app.open(pair="office")
    assert e.value.short == "InvalidArgument"
    unlock(app, pair="counter")


# -- the service of readers -----------------------------------------------------------------------------------

@pytest.mark.parametrize("step", ["waiting-for-pin", "waiting-for-choice", "unlocked"])
def test_pcscd_killed_and_restarted(make_bed, people, step):
    """kill -9 under two sessions: both end, and both begin anew when it is back."""
    bed = make_bed("cps4-gp", "vitale-family", "cps3-nurse", "vitale-single", readers="2,2", config=PAIRS)
    hold = {"waiting-for-pin": {"pin": ["never"]}, "waiting-for-choice": {"choice_beneficiary": ["never"]}}
    app, agent = people(bed, **({"choice_beneficiary": [0], "choice_structure": [0]} | hold.get(step, {})))
    other = people.actor(bed, "vdother")
    session = app.open(intent=["create"], pair="counter")
    app.until(session, step)
    if step == "waiting-for-choice":
        agent.event("choice", kind="beneficiary")  # no card is at work
    apart = None
    if step == "unlocked":
        apart = other.open(intent=["create"], pair="office")
        other.until(apart, step)
    bed.processes["pcscd"].kill()
    state, reason = app.ended(session)
    assert state == ("locked" if step == "unlocked" else "failed")
    assert reason in ("no-reader-service", "patient-card-removed", "professional-card-removed")
    if apart:
        assert other.ended(apart)[0] == "locked"
    nothing_behind(bed, spares=0)
    bed.end("pcscd")
    bed.start_pcscd()
    agent.answers(pin=["1234"], choice_beneficiary=[0])
    wait_for(lambda: app.get("/org/vitaled1", "Manager", "ReaderService") == "running", 15)
    for actor, pair in ((app, "counter"), (other, "office")):
        session = actor.open(intent=["create"], pair=pair)
        actor.until(session, "unlocked")


def test_a_reader_that_dies_in_the_nth_command_is_named(make_bed, people, nth):
    """Found in reader.conf it stays listed, dead: pcscd 1.9.9 sometimes locks itself up for ever when a reader
    leaves its bus in the middle of a command (test_physical.py has it leave between two, and come back)."""
    bed = make_bed("cps4-gp", "vitale-family", "cps3-nurse", "vitale-single", readers="2,2", config=PAIRS)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    other = people.actor(bed, "vdother")
    away = unlock(other, pair="office")
    card_at(app, "00 00"), card_at(app, "00 01")
    bed.sim(f"unplug 0 {nth}")
    session = app.open(intent=["create"], pair="counter")
    state, reason = app.until(session, "unlocked", "failed", seconds=30)
    if state != "unlocked":
        assert reason in ("no-reader", "card-broken", "patient-card-removed", "professional-card-removed")
    assert other.state(away) == "unlocked"
