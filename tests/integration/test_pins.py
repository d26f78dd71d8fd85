# SPDX-License-Identifier: EUPL-1.2
"""PIN care on both generations, with the codes from an agent and from the reader's keypad. The card's
own counters and a transcript of the slot say what was sent: never a code twice, never one that the
person did not type, never the last try unless the person said so."""
import contextlib
import json
import os
import re
import subprocess
import threading
import time

import pytest

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole, card_at, nothing_behind, shown
from terminal import Terminal

GENERATIONS = ["cps3-gp", "cps4-gp"]
WAYS = ["agent", "keypad"]
READER = "Vitale Sim 00 00"
SELECT = {"cps3-gp": "00A4040C0DE828BD080F8025000001FF0010", "cps4-gp": "01A4040C088025000001FF0100"}
CODE_COMMANDS = re.compile(r"^> 0[01](20|24|2c)....[0-9a-f]{2}\*", re.M)  # with data: a code was presented


class Desk:
    """One professional's card in slot 0, an application, an agent, and hands at the keypad."""

    def __init__(self, bed, people, card, way):
        self.bed, self.card, self.way = bed, card, way
        self.app, self.agent = people(bed, choice_structure=[0], choice_beneficiary=[0])
        self.record, self.hands = bed.path("sim", "codes.record"), None
        bed.sim(f"record 0 {self.record}")

    def path(self):
        return card_at(self.app, "00 00")

    def run(self, method, *codes, **answers):
        """The job with these codes in their order; returns or raises as the call does."""
        return self.finish(self.start(method, *codes, **answers))

    def start(self, method, *codes, **answers):
        path = self.path()
        if self.way == "agent":
            first = "code_pin" if method == "ChangePin" else "code_puk"
            typed = dict(zip((first, "code_new_pin"), [[c] for c in codes]))
            self.agent.answers(**(typed | answers))
        else:
            self.agent.answers(**answers)
            self.hands = Hands(self.bed, codes if len(codes) < 2 else [codes[0], codes[1], *codes[-1:]])
        return self.app.start(method, path=path, interface="Card")

    def finish(self, ident):
        try:
            return self.app.answer(ident)
        finally:
            if self.hands:
                self.hands.rest()

    def fails(self, method, *codes, **answers):
        """(name of the error, tries that its message tells)."""
        with pytest.raises(BusError) as e:
            self.run(method, *codes, **answers)
        told = re.search(r"tries-left (\d+)$", str(e.value))
        return e.value.short, int(told[1]) if told else None

    def counters(self):
        """(tries of the PIN, tries of the PUK, uses of the PUK), out of the card itself."""
        words = self.bed.sim("counters 0").split()
        return int(words[1]), int(words[3]), int(words[4])

    def presented(self):
        """How many commands carried a code."""
        with open(self.record, encoding="utf-8") as f:
            return len(CODE_COMMANDS.findall(f.read()))

    def accepts(self, pin):
        """Whether the card takes @pin, asked by a program that is not ours."""
        if self.card.startswith("cps3"):
            done = self.bed.run(["pkcs15-tool", "--reader", "0", "--verify-pin", "--pin", pin])
            return done.returncode == 0
        with Terminal(self.bed) as t:
            t.connect(READER)
            t.send(SELECT[self.card])
            ok = t.send("0120000104" + pin.encode().hex()) == "9000"
            t.disconnect(1)
            return ok


class Hands(threading.Thread):
    """Type these codes, one whenever the keypad asks for one; "cancel" and "late" are keys too."""

    def __init__(self, bed, codes):
        super().__init__(daemon=True)
        self.bed, self.codes, self.over = bed, list(codes), False
        self.start()

    def run(self):
        while not self.over and self.codes:
            if self.bed.sim("keypad 0").startswith("asking"):
                code = self.codes.pop(0)
                with contextlib.suppress(RuntimeError):  # the card has just left
                    self.bed.sim(f"keypad 0 {code if code in ('cancel', 'late') else 'type ' + code}")
            time.sleep(0.005)

    def rest(self):
        self.over = True
        self.join()


@pytest.fixture(params=[f"{card}-{way}" for card in GENERATIONS for way in WAYS])
def desk(request, make_bed, people):
    card, way = request.param.rsplit("-", 1)
    return Desk(make_bed(card, "vitale-single", keypad=[0] if way == "keypad" else ()), people, card, way)


@pytest.fixture(params=GENERATIONS)
def agent_desk(request, make_bed, people):
    return Desk(make_bed(request.param, "vitale-single"), people, request.param, "agent")


# -- change -------------------------------------------------------------------------------------------

def test_a_pin_is_changed_and_the_new_one_works_everywhere(desk):
    assert desk.run("ChangePin", "1234", "5678") == []
    assert desk.counters() == (3, 10, 100)
    assert desk.presented() == (1 if desk.card == "cps3-gp" else 2)
    assert desk.accepts("5678")
    nothing_behind(desk.bed)
    entries = [e for e in audit_is_whole(desk.bed, desk.app) if e["event"] == "pin-changed"]
    assert [e["outcome"] for e in entries] == ["started", "ok"]
    if desk.way == "agent":
        desk.agent.answers(pin=["5678"])
    else:
        hands = Hands(desk.bed, ["5678"])
    session = desk.app.open(intent=["create"])
    desk.app.until(session, "unlocked")
    if desk.way == "keypad":
        hands.rest()
        told = [e["facts"]["codes"] for e in desk.agent.seen("inform", what="use-pinpad")]
        assert told == [["pin", "new-pin"], ["pin"]]
        assert not desk.agent.seen("pin") and not desk.agent.seen("code")
        wait_for(lambda: [e["reason"] for e in desk.agent.seen("cancel")][-1:] == ["answered"])


def test_a_wrong_old_pin_is_one_try_and_named(desk):
    assert desk.fails("ChangePin", "9999", "5678") == ("PinWrong", 2)
    assert desk.counters() == (2, 10, 100) and desk.presented() == 1
    assert desk.run("ChangePin", "1234", "5678") == []
    assert desk.counters() == (3, 10, 100)


def test_the_last_try_is_the_persons(desk):
    for left in (2, 1):
        assert desk.fails("ChangePin", "9999", "5678") == ("PinWrong", left)
    before = desk.presented()
    assert desk.fails("ChangePin", "1234", "5678", confirm=[False])[0] == "Cancelled"
    assert desk.counters()[0] == 1 and desk.presented() == before
    asked = desk.agent.seen("confirm")
    assert [(e["what"], e["facts"]) for e in asked] == [("last-try", {"tries-left": 1, "code": "pin"})]
    assert desk.fails("ChangePin", "9999", "5678", confirm=[True]) == ("PinBlocked", 0)
    assert desk.counters()[0] == 0 and desk.presented() == before + 1
    assert desk.fails("ChangePin", "1234", "5678") == ("PinBlocked", 0)
    assert desk.presented() == before + 1


def test_a_blocked_pin_is_unblocked_by_the_puk(desk):
    for _ in range(3):
        desk.fails("ChangePin", "9999", "5678", confirm=[True])
    assert desk.counters()[0] == 0
    before = desk.presented()
    assert desk.fails("UnblockPin", "87654321", "4321") == ("PinWrong", 9)
    assert desk.counters() == (0, 9, 99) and desk.presented() == before + 1
    assert desk.run("UnblockPin", "12345678", "4321") == []
    assert desk.counters() == (3, 10, 98)  # each PUK that is presented is one of its hundred uses
    assert desk.accepts("4321") and not desk.accepts("1234")
    events = [(e["event"], e["outcome"]) for e in audit_is_whole(desk.bed, desk.app)
              if e["event"].startswith("pin-")]
    assert events[-4:] == [("pin-unblocked", "started"), ("pin-unblocked", "pin-wrong"),
                           ("pin-unblocked", "started"), ("pin-unblocked", "ok")]


# -- people who do not answer ---------------------------------------------------------------------------

@pytest.mark.parametrize("code,answer", [("code_pin", "error"), ("code_new_pin", "error"), ("code_pin", "exit"),
                                         ("code_new_pin", "exit")])
def test_an_agent_that_refuses_or_vanishes_costs_no_try(agent_desk, code, answer):
    desk = agent_desk
    assert desk.fails("ChangePin", **{code: [answer]}) == ("Cancelled" if answer == "error" else "NoAgent", 3)
    assert desk.counters() == (3, 10, 100) and desk.presented() == 0
    nothing_behind(desk.bed)


def test_a_caller_that_vanishes_leaves_no_question_and_no_try(agent_desk, people):
    desk = agent_desk
    caller = people.actor(desk.bed, "vdapp")
    desk.agent.answers(code_pin=["never"])
    caller.start("ChangePin", path=desk.path(), interface="Card")
    desk.agent.event("code", kind="pin")
    caller.end()
    assert desk.agent.event("cancel")["reason"] == "owner-gone"
    nothing_behind(desk.bed)
    assert desk.counters() == (3, 10, 100) and desk.presented() == 0


@pytest.mark.parametrize("codes", [("12", "5678"), ("1234", "567"), ("1234", "56789"), ("abcd", "5678"),
                                   ("1234", ""), ("123456789012345", "5678")])
def test_a_code_that_is_none_is_never_sent(agent_desk, codes):
    assert agent_desk.fails("ChangePin", *codes)[0] == "PinRefused"
    assert agent_desk.counters() == (3, 10, 100) and agent_desk.presented() == 0


def test_without_an_agent_nothing_is_asked_of_the_card(make_bed, people):
    bed = make_bed("cps4-gp", None)
    app = people.actor(bed, "vdapp")
    with pytest.raises(BusError) as e:
        app.call("ChangePin", path=card_at(app, "00 00"), interface="Card")
    assert e.value.short == "NoAgent"
    assert bed.sim("counters 0").startswith("pin 3 ")
    nothing_behind(bed)


@pytest.mark.parametrize("key,name", [("cancel", "Cancelled"), ("late", "Timeout")])
@pytest.mark.parametrize("card", GENERATIONS)
def test_keys_that_end_an_entry_are_named(make_bed, people, card, key, name):
    desk = Desk(make_bed(card, None, keypad=[0]), people, card, "keypad")
    for codes in ((key,), ("1234", key)):
        before = desk.presented()
        assert desk.fails("ChangePin", *codes)[0] == name
        if card == "cps3-gp":  # one command carries both
            assert desk.counters() == (3, 10, 100)
        assert desk.presented() - before <= 2  # a reader shows the entry of a command that it then does not send
    wait_for(lambda: desk.agent.seen("cancel"))
    nothing_behind(desk.bed)
    assert desk.counters()[0] == 3
    assert desk.run("ChangePin", "1234", "5678") == []


@pytest.mark.parametrize("card", GENERATIONS)
def test_new_pins_that_differ_change_nothing(make_bed, people, card):
    desk = Desk(make_bed(card, None, keypad=[0]), people, card, "keypad")
    with pytest.raises(BusError) as e:
        ident = desk.start("ChangePin")
        desk.hands = Hands(desk.bed, ["1234", "5678", "5679"])
        desk.finish(ident)
    assert e.value.short == "PinRefused"
    assert desk.counters()[0] == 3 and desk.accepts("1234")


# -- sessions with a keypad ------------------------------------------------------------------------------

@pytest.mark.parametrize("card", GENERATIONS)
def test_a_session_asks_at_the_keypad(make_bed, people, card):
    desk = Desk(make_bed(card, "vitale-single", keypad=[0]), people, card, "keypad")
    hands = Hands(desk.bed, ["9999", "1234"])
    session = desk.app.open(intent=["create"])
    desk.app.until(session, "unlocked")
    hands.rest()
    told = [e["facts"] for e in desk.agent.seen("inform", what="use-pinpad")]
    assert [(t["codes"], t["tries-left"], t["again"]) for t in told] == [(["pin"], 3, False), (["pin"], 2, True)]
    assert desk.presented() == 2 and desk.counters()[0] == 3
    assert shown(desk.app, "Reader")[shown(desk.app, "Card")[desk.path()]["Reader"]]["Pinpad"]
    desk.bed.sim("replace 0 " + card)
    desk.app.ended(session)
    session = desk.app.open(intent=["create"])
    hands = Hands(desk.bed, ["cancel"])
    assert desk.app.ended(session) == ("failed", "cancelled")
    hands.rest()
    assert desk.counters()[0] == 3


@pytest.mark.parametrize("who", ["patient", "professional"])
def test_a_card_taken_while_the_keypad_waits_ends_the_session_at_once(make_bed, people, who):
    bed = make_bed("cps4-gp", "vitale-single", keypad=[0])
    app, agent = people(bed, choice_structure=[0])
    session = app.open(intent=["create"])
    wait_for(lambda: bed.sim("keypad 0").startswith("asking"))
    bed.sim(f"remove {int(who == 'patient')}")
    before = time.monotonic()
    assert app.ended(session) == ("failed", f"{who}-card-removed")
    assert time.monotonic() - before < 5
    bed.sim("keypad 0 cancel")
    wait_for(lambda: agent.seen("cancel"))


# -- whose card ------------------------------------------------------------------------------------------

def test_who_may_not_is_told_why(agent_desk, people):
    desk = agent_desk
    other = people.actor(desk.bed, "vdother")

    def fails(actor, path):
        with pytest.raises(BusError) as e:
            actor.call("ChangePin", path=path, interface="Card")
        return e.value.short
    card, vitale = desk.path(), card_at(desk.app, "00 01")
    assert fails(desk.app, vitale) == "CardUnsupported"
    session = desk.app.open(intent=["create"])
    desk.app.until(session, "unlocked")
    assert fails(desk.app, card) == "Busy"
    assert fails(other, card) == "AccessDenied"
    desk.app.call("Release", path=session, interface="Session")
    assert fails(other, card) == "AccessDenied"  # its PIN is verified still, for vdapp
    lease = desk.app.call("Lend", {"u": 20}, path=shown(desk.app, "Card")[card]["Reader"], interface="Reader")
    assert fails(desk.app, card) == "Busy"
    desk.app.call("Return", path=lease, interface="Lease")
    desk.agent.answers(code_pin=["never"])
    ident = desk.app.start("ChangePin", path=desk.path(), interface="Card")
    desk.agent.event("code")
    assert fails(desk.app, desk.path()) == "Busy"  # one job a card
    desk.bed.sim("remove 0")
    with pytest.raises(BusError) as e:
        desk.app.answer(ident)
    assert e.value.short == "CardRemoved"


def test_a_change_gives_up_the_verified_pin(agent_desk):
    desk = agent_desk
    session = desk.app.open(intent=["create"])
    desk.app.until(session, "unlocked")
    desk.app.call("Release", path=session, interface="Session")
    assert desk.app.get(desk.path(), "Card", "PinVerifiedUntil") > 0
    assert desk.run("ChangePin", "1234", "5678") == []
    assert "PinVerifiedUntil" not in shown(desk.app, "Card")[desk.path()]  # nobody's any more
    before = len(desk.agent.events)
    desk.agent.answers(pin=["1234", "5678"])
    session = desk.app.open(intent=["create"])
    desk.app.until(session, "unlocked")
    assert [e["facts"]["tries-left"] for e in desk.agent.seen("pin", before)] == [3, 2]


# -- the card leaves ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["ChangePin", "UnblockPin"])
def test_a_card_torn_out_at_the_nth_command_loses_at_most_the_try_that_was_typed(agent_desk, method):
    """Every command of a job, one after the other: the counters come from the card that was put back."""
    desk, nth, done = agent_desk, 1, False
    pin = "1234"
    while not done:
        tries, puk, uses = desk.counters()
        path, before = desk.path(), desk.presented()
        nothing_behind(desk.bed)
        desk.bed.sim(f"tear 0 {nth}")
        new = "5678" if pin == "1234" else "1234"
        desk.agent.answers(code_pin=[pin], code_new_pin=[new], code_puk=["12345678"], confirm=[True])
        try:
            desk.app.call(method, path=path, interface="Card")
            done = True
        except BusError as e:
            assert e.short == "CardRemoved", f"command {nth}: {e}"
        assert desk.presented() - before <= (1 if desk.card == "cps3-gp" and method == "ChangePin" else 3)
        desk.bed.sim(f"normal 0")
        desk.bed.sim(f"replace 0 {desk.card}")
        left = desk.counters()
        assert tries - left[0] <= 1 and puk - left[1] <= 1 and uses - left[2] <= 1
        wait_for(lambda: desk.path() != path)
        if desk.accepts(new):  # the command may have been carried out
            pin = new
        else:
            assert desk.accepts(pin)  # and a right one gives back what was lost
        nth += 1
    assert pin == new and nth > 3
    nothing_behind(desk.bed)


# -- vitalectl -----------------------------------------------------------------------------------------------

def test_vitalectl_pin(agent_desk):
    desk = agent_desk

    def ctl(*arguments):
        done = desk.bed.run([desk.bed.program("vitalectl"), *arguments])
        return done.returncode, done.stdout + done.stderr
    desk.path()
    code, said = ctl("--json", "pin", "status")
    row, = json.loads(said.splitlines()[0])["cards"]
    assert code == 0 and row["kind"] == "cps" and row["keypad"] is False and row["lent"] is False
    assert ctl("pin", "change")[0] == 0 and desk.accepts("5678")
    desk.agent.answers(code_pin=["9999"], confirm=[True])
    for left, status in ((2, 6), (1, 6), (0, 6)):
        code, said = ctl("pin", "change")
        assert code == status and desk.counters()[0] == left
        assert left == 0 or re.search(rf"\b{left} (try is|tries are) left", said), said
    assert ctl("pin", "unblock")[0] == 0 and desk.counters() == (3, 10, 99)  # the card's, not ours
    assert ctl("pin", "sideways")[0] == 2
    desk.bed.sim("remove 0")
    wait_for(lambda: ctl("pin", "change")[0] == 5)
    assert "no professional's card" in ctl("pin", "status")[1]


def test_vitalectl_agent_takes_the_codes_from_a_driving_program(make_bed, people):
    bed = make_bed("cps4-gp", None)
    agent = subprocess.Popen(["setpriv", "--reuid=vdagent", "--regid=vdagent", "--clear-groups", "--",
                              bed.program("vitalectl"), "--json", "agent", "--capability", "pin"], env=bed.env,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(agent.stdout.readline())["agent"] == "registered"
        app = people.actor(bed, "vdapp")
        ident = app.start("ChangePin", path=card_at(app, "00 00"), interface="Card")
        for kind, code in (("pin", "1234"), ("new-pin", "5678")):
            asked = json.loads(agent.stdout.readline())
            assert asked["request"] == "code" and asked["kind"] == kind and code not in json.dumps(asked)
            agent.stdin.write(code + "\n")
            agent.stdin.flush()
        app.answer(ident)
    finally:
        agent.terminate()
        agent.wait()
        agent.stdin.close()
        agent.stdout.close()
    assert bed.sim("counters 0") == "pin 3 puk 10 100"
    assert not [f for f in os.listdir(bed.path("state")) if f.startswith("5678")]
