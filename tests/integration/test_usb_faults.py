# SPDX-License-Identifier: EUPL-1.2
"""vitaled-usb and emulated readers that misbehave, by its socket alone: each fault ends with a name, and the
other slot and the other reader go on. Then the same commands through libccid and pcscd: the same answers (long ones
and those of a keypad: test_usb_beside.py)."""
import contextlib
import os

import pytest

import usb_bench
from bed import Bed, wait_for
from terminal import EMPTY, SHARED, T0, T1, Terminal
from usb_bench import (CANCELLED, CARD_IN, CARD_OUT, DETACH, DONE, GONE, LIED, LISTED, MUTE, NO_READER,
                       READER_IN, READER_OUT, RESET, TAG_ATR, TAG_PROTOCOL, TAG_READER, TAG_STATE, Link, names)

CHALLENGE = bytes.fromhex("0084000008")  # the Vitale 2's
SELECT = bytes.fromhex("00A4000C023F00")
# s: no answer of vitaled-usb takes longer. The longest that it waits is a card's answer to reset, 10 s, with a second
# for the abort (drivers/usb/slot.h); where more time is asked for without end a minute is its own limit
DEADLINE, WHOLE = 30, 90
AT_ONCE = 10  # s; for what waits for nothing but a halt that is cleared
# each tells itself from the others by its answer, whatever was asked before the first
PROBES = {"cps4-gp": [bytes.fromhex(c) for c in ("01A4040C088025000001FF0100", "01B09C000C", "01B0810010")],
          "vitale-family": [SELECT, bytes.fromhex("00B0830010"), bytes.fromhex("00B0820010")]}


class Served:
    """A bed of simulator, bench and vitaled-usb alone."""

    def __init__(self, build, personal, models, cards=("cps4-gp", "vitale-family"), **more):
        self.bed = Bed(build, cards=cards, personal=personal, usb=models, **more)
        self.models, self.stack, self.users = models, contextlib.ExitStack(), []
        self.right = {}  # {card: its answers to PROBES}

    def __enter__(self):
        self.stack.callback(self.bed.stop)
        self.bed.lay_out()
        self.bed.start_sim()
        self.bed.start_usb_bench()
        self.bed.start_usb()
        return self

    def __exit__(self, *unused):
        self.stack.close()

    def link(self):
        return self.stack.enter_context(Link(self.bed.path("usb/socket"), DEADLINE))

    def watch(self, rules="*=usb"):
        """(connection, names of the readers that are there)"""
        w, found = self.link(), []
        w.watch(rules)
        while True:
            op, body = w.event()
            if op == LISTED:
                return w, found
            if op == READER_IN:
                found.append(body[TAG_READER].decode())

    def attached(self, slot):
        """A connection to the simulator's slot @slot, whose card is there; closed after the test."""
        found = self.link()
        self.users.append(found)
        wait_for(lambda: found.attach(self.name(slot))[0] == DONE, 60, every=0.02)
        found.card = self.bed.cards[slot]
        assert self.transmits(found)
        return found

    def met(self, slot):
        """Whether all that was ordered for the slot has happened, and no pipe of its reader is halted."""
        return f"{slot}=none/0/-" in self.bed.orders("faults").split()

    def name(self, slot):
        return names(self.models, self.bed.serials)[slot][2]

    def words(self):
        return self.bed.log("usb-words")

    def transmits(self, link):
        """Whether its card gives the right answers, each to its own command."""
        answers = [link.transmit(command) for command in PROBES[link.card]]
        if link.card not in self.right:  # the first time nothing has gone wrong yet
            assert answers[0] == (DONE, b"\x90\0") and len(answers[1][1]) > 12
            assert len({answer for _, answer in answers}) == 3
            self.right[link.card] = answers
        return answers == self.right[link.card]


@pytest.fixture(scope="module")
def readers(build, personal):
    with Served(build, personal, "tpdu,tpdu", cards=("cps4-gp", "vitale-family", "cps4-gp", "vitale-family")) as s:
        s.watcher, _ = s.watch()
        yield s


@pytest.fixture
def two(readers):
    """Two readers of two slots, without faults and users."""
    yield readers
    while readers.users:
        readers.users.pop().socket.close()
    for slot in range(4):
        readers.bed.orders(f"fault {slot} off")


@pytest.fixture
def served(build, personal):
    with contextlib.ExitStack() as stack:
        yield lambda models, **more: stack.enter_context(Served(build, personal, models, **more))


def again(s, link, slot):
    """Whether the slot is of use after a fault: its user gives it up, attaches anew, and has an answer."""
    assert link.ask(DETACH, usb_bench.tlv(TAG_STATE, b"\1"))[0] == DONE
    assert link.attach(s.name(slot))[0] == DONE
    return s.transmits(link)


# -- one by one -----------------------------------------------------------------------------------------

FAST = {"type": LIED, "status": LIED, "status 193": LIED, "huge": LIED, "long": LIED, "stall-in": LIED,
        "stall-out": LIED, "double": DONE, "other": DONE, "old 3": DONE, "cut": DONE, "cut 1": DONE, "zero": DONE,
        "late 300": DONE}


@pytest.mark.parametrize("fault", FAST)
def test_a_fault_ends_with_its_name_and_the_others_go_on(two, fault):
    faulty, beside, other = (two.attached(slot) for slot in (1, 0, 2))
    name, _, argument = fault.partition(" ")
    two.bed.orders(f"fault 1 {name} {argument or 0}")
    faulty.socket.settimeout(AT_ONCE)
    faulty.send(usb_bench.TRANSMIT, usb_bench.tlv(usb_bench.TAG_DATA, PROBES[faulty.card][1]))
    assert two.transmits(other)
    outcome, body = faulty.answer(usb_bench.TRANSMIT)
    assert outcome == FAST[fault]
    if outcome == DONE:
        assert (outcome, body[usb_bench.TAG_DATA]) == two.right[faulty.card][1]
        assert two.transmits(faulty)
    assert two.transmits(beside) and two.transmits(other)
    assert again(two, faulty, 1)
    assert two.met(1)


SLOW = ("slot", "sequence", "length", "header", "silence", "silence 0 0")


def test_answers_that_never_come_end_at_the_deadline_of_the_card(served):
    """All at once, each in a reader of its own; a card of T=1, whose deadline is the shortest."""
    s = served("tpdu,tpdu,tpdu,tpdu", cards=("cps4-gp",) * 8)
    s.watcher, _ = s.watch()
    for half in (SLOW[:4], SLOW[4:]):
        links = []
        for reader, fault in enumerate(half):
            s.bed.orders(f"only-t1 {2 * reader} on")
            links.append(s.attached(2 * reader))
            assert links[-1].ask(RESET)[1][TAG_PROTOCOL] == b"\1"
        beside = [s.attached(2 * reader + 1) for reader in range(len(half))]
        for reader, fault in enumerate(half):
            s.bed.orders(f"fault {2 * reader} {fault if ' ' in fault else fault + ' 0'}")
            links[reader].send(usb_bench.TRANSMIT, usb_bench.tlv(usb_bench.TAG_DATA, CHALLENGE))
        assert all(s.transmits(link) for link in beside)
        for link, fault in zip(links, half):  # a message that announces more than comes takes in what follows
            assert link.answer(usb_bench.TRANSMIT)[0] in ((MUTE, LIED) if fault == "length" else (MUTE,)), fault
        for reader, fault in enumerate(half):
            assert s.met(2 * reader) or fault == "silence 0 0"  # which lasts
            s.bed.orders(f"fault {2 * reader} off")
        assert all(s.transmits(link) for link in beside)
        for reader, link in enumerate(links):
            assert again(s, link, 2 * reader), half[reader]
        for link in links + beside:
            link.socket.close()


@pytest.mark.parametrize("fault", [pytest.param("extension", marks=pytest.mark.minutes), "hurry"])
def test_a_reader_that_asks_for_time_for_ever_is_given_up(two, fault):
    """As slowly as honest ones do, after a minute; as fast as it can, after 20,000."""
    faulty, beside = two.attached(1), two.attached(0)
    before = two.bed.orders.counts()[0]["in"][0]
    faulty.socket.settimeout(WHOLE)
    two.bed.orders(f"fault 1 {fault}")
    faulty.send(usb_bench.TRANSMIT, usb_bench.tlv(usb_bench.TAG_DATA, CHALLENGE))
    assert two.transmits(beside)
    assert faulty.answer(usb_bench.TRANSMIT)[0] == LIED
    assert two.bed.orders.counts()[0]["in"][0] - before < 20200
    assert two.transmits(beside) and again(two, faulty, 1)


@pytest.mark.parametrize("fault", ["extension", "hurry"])
def test_what_lasts_is_ended_when_the_user_says_so(two, fault):
    faulty, beside = two.attached(1), two.attached(0)
    two.bed.orders(f"fault 1 {fault}")
    faulty.send(usb_bench.TRANSMIT, usb_bench.tlv(usb_bench.TAG_DATA, CHALLENGE))
    assert two.transmits(beside)
    wait_for(lambda: two.met(1))
    assert two.transmits(beside)
    faulty.send(usb_bench.ABORT)
    assert faulty.answer(usb_bench.TRANSMIT)[0] == CANCELLED
    assert two.transmits(beside) and again(two, faulty, 1)


def test_a_card_that_lies_in_its_blocks_is_asked_again(two):
    two.bed.orders("only-t1 0 on")
    link = two.attached(0)
    _, body = link.ask(RESET)
    assert body[TAG_PROTOCOL] == b"\1"
    for fault in ("checksum", "noise", "sequence", "nad", "unknown", "twice", "wtx 2", "ifs 20"):
        two.bed.orders(f"card 0 {fault}")
        assert two.transmits(link), fault
        assert two.met(0), fault
    two.bed.orders("card 0 mute")
    assert link.transmit(SELECT)[0] == MUTE
    assert two.met(0)
    two.bed.orders("only-t1 0 off")


@pytest.mark.parametrize("fault", ["old 40", "empty 40"])
def test_an_endless_liar_is_let_go_of_by_name(served, fault):
    s = served("tpdu,tpdu", cards=("cps4-gp", "vitale-family", "cps4-gp", "vitale-family"))
    w, _ = s.watch()
    other, faulty = s.attached(2), s.attached(1)
    s.bed.orders(f"fault 1 {fault}")
    assert faulty.transmit(CHALLENGE)[0] == LIED
    left = set()
    while len(left) < 2:
        op, body = w.event()
        if op == READER_OUT:
            left.add(body[TAG_READER].decode())
    assert left == {s.name(0), s.name(1)}
    wait_for(lambda: "reader-broken: 1c34:afd0 at 1-1: reader-lied" in s.words())
    assert s.transmits(other)


@pytest.mark.parametrize("fault", ["silence", "type", "late 2500"])
def test_a_card_that_its_reader_could_not_tell_of_at_first_is_found(served, fault):
    """No interrupt tells of a card that was in before: who takes a reader from another program has to ask."""
    s = served("tpdu")
    s.watch()
    assert s.bed.end("vitaled-usb") == 0
    s.bed.orders(f"fault 0 {fault}")
    s.bed.start_usb()
    w = s.link()
    w.watch("*=usb")
    assert {next_card(w, CARD_IN)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert s.met(0)
    assert s.transmits(s.attached(0)) and s.transmits(s.attached(1))


# -- a kernel that does not come back ----------------------------------------------------------------------

def held(s, device):
    """Whether a request to the device hangs in the kernel, by the order "hold"."""
    return f"{device}=1" in s.bed.orders("held").split()


@pytest.mark.parametrize("what", ["clear", "reset"])
def test_a_recovery_that_hangs_keeps_no_other_reader_waiting(served, what):
    """Its request is not answered before the other reader's card was: nothing but the order ends it."""
    s = served("tpdu,tpdu", cards=("cps4-gp", "vitale-family", "cps4-gp", "vitale-family"))
    s.watcher, _ = s.watch()
    faulty, other = s.attached(1), s.attached(2)
    s.bed.orders(f"hold 0 {what}")
    s.bed.orders("fault 1 stall-in 0")
    assert faulty.transmit(CHALLENGE)[0] == LIED
    wait_for(lambda: held(s, 0))
    assert s.transmits(other) and s.transmits(s.attached(3))
    assert held(s, 0)
    s.bed.orders("hold 0 off")
    assert again(s, faulty, 1) and s.transmits(s.attached(0))
    assert s.met(1)


@pytest.mark.minutes
def test_a_reader_whose_recovery_hangs_is_let_go_of_by_name_and_comes_back(served):
    s = served("tpdu,tpdu", cards=("cps4-gp", "vitale-family", "cps4-gp", "vitale-family"))
    w, _ = s.watch()
    faulty, other = s.attached(1), s.attached(2)
    s.bed.orders("hold 0 clear")
    s.bed.orders("fault 1 stall-in 0")
    assert faulty.transmit(CHALLENGE)[0] == LIED
    assert {next_card(w, READER_OUT)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    wait_for(lambda: "reader-broken: 1c34:afd0 at 1-1: reader-mute" in s.words())
    assert held(s, 0) and s.transmits(other)
    s.bed.orders("hold 0 off")
    assert {next_card(w, READER_IN)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert s.transmits(s.attached(1)) and s.transmits(other)


@pytest.mark.parametrize("end", ["unplug", "stop"])
def test_a_reader_that_leaves_while_its_recovery_hangs_is_gone(served, end):
    s = served("tpdu,tpdu", cards=("cps4-gp", "vitale-family", "cps4-gp", "vitale-family"))
    w, _ = s.watch()
    faulty, other = s.attached(1), s.attached(2)
    s.bed.orders("hold 0 clear")
    s.bed.orders("fault 1 stall-in 0")
    assert faulty.transmit(CHALLENGE)[0] == LIED
    wait_for(lambda: held(s, 0))
    if end == "stop":
        assert s.bed.end("vitaled-usb") == 0  # it does not wait for ever
        assert held(s, 0)
        return
    s.bed.orders("unplug 0")
    assert {next_card(w, READER_OUT)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert s.transmits(other)
    s.bed.orders("plug 0")
    assert {next_card(w, READER_IN)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert s.transmits(s.attached(1)) and s.transmits(other)


def test_of_two_readers_in_one_device_the_one_that_lies_is_let_go_of(served):
    """The other goes on; its card has lost its power by the reset that took the liar's card's."""
    s = served("kap-link", cards=("cps4-gp", "vitale-family"))
    w, _ = s.watch()
    faulty, other = s.attached(0), s.attached(1)
    s.bed.orders("fault 0 old 40")
    assert faulty.transmit(CHALLENGE)[0] == LIED
    assert next_card(w, READER_OUT) == (READER_OUT, s.name(0))
    wait_for(lambda: "reader-broken: 2947:0101 at 1-1, interface 0: reader-lied" in s.words())
    assert other.transmit(SELECT)[0] == GONE
    assert again(s, other, 1)
    assert s.link().attach(s.name(0))[0] == NO_READER
    s.users.remove(other)
    other.socket.close()  # now nobody uses it: it is taken anew, and whole
    assert next_card(w, READER_IN) == (READER_IN, s.name(0))
    assert s.transmits(s.attached(0)) and s.transmits(s.attached(1))


# -- stalls of the other endpoints, plugs ------------------------------------------------------------------

def next_card(w, *ops):
    while True:
        op, body = w.event()
        if op in ops:
            return op, body[TAG_READER].decode()


def test_a_stalled_interrupt_pipe_still_tells_of_cards(served):
    s = served("tpdu")
    w, _ = s.watch()
    before = s.bed.orders.counts()[0]["control"]
    s.bed.orders("stall 0 interrupt")
    wait_for(lambda: s.met(0) and s.bed.orders.counts()[0]["control"] > before)
    s.bed.sim("remove 1")
    assert next_card(w, CARD_OUT) == (CARD_OUT, s.name(1))
    s.bed.sim("insert 1 vitale-family")
    assert next_card(w, CARD_IN) == (CARD_IN, s.name(1))


@pytest.mark.parametrize("model", ["tpdu", "polled", "kap-link"])
def test_cards_and_readers_come_and_go(served, model):
    s = served(model)
    w, found = s.watch()
    assert found == [s.name(0), s.name(1)]
    for _ in range(3):
        s.bed.sim("remove 0")
        assert next_card(w, CARD_OUT, CARD_IN) == (CARD_OUT, s.name(0))
        s.bed.sim("insert 0 cps4-gp")
        assert next_card(w, CARD_OUT, CARD_IN) == (CARD_IN, s.name(0))
    link = s.attached(1)
    s.bed.sim("unplug 0")
    assert link.transmit(SELECT)[0] == GONE
    assert {next_card(w, READER_OUT)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    s.bed.sim("plug 0")
    assert {next_card(w, CARD_IN)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert s.transmits(s.attached(1))


def test_unplugged_at_every_byte_of_an_answer(served):
    s = served("tpdu,tpdu", cards=("cps4-gp", "vitale-family", "cps4-gp", None))
    s.watcher, _ = s.watch()
    other = s.attached(2)
    for byte in range(21):
        link = s.attached(1)
        s.bed.orders(f"fault 1 unplug {byte}")
        end = link.transmit(CHALLENGE)[0]
        # 20 bytes are the whole answer, which may be told before its reader is missed
        assert end == GONE or ((byte, end) == (20, DONE) and link.transmit(CHALLENGE)[0] == GONE)
        assert s.met(1) and s.transmits(other)
        link.socket.close()
        s.bed.orders("plug 0")


def test_another_serial_is_another_reader(served):
    """Whoever had the one before has nothing of the new one, and finds it by its own name alone."""
    s = served("tpdu,tpdu", cards=("cps4-gp", "vitale-family", "cps4-gp", "vitale-family"), serials="ONE,TWO")
    w, found = s.watch()
    assert set(found) == {s.name(slot) for slot in range(4)} and "(ONE)" in s.name(0)
    mine, other = s.attached(0), s.attached(2)
    before = {s.name(0), s.name(1)}
    s.bed.orders("serial 0 THREE")
    s.bed.orders("fault 0 silence")
    mine.send(usb_bench.TRANSMIT, usb_bench.tlv(usb_bench.TAG_DATA, CHALLENGE))
    wait_for(lambda: s.met(0))
    s.bed.orders("unplug 0")
    assert s.transmits(other)
    s.bed.orders("plug 0")
    assert mine.answer(usb_bench.TRANSMIT)[0] == GONE
    assert s.transmits(other)
    assert {next_card(w, READER_OUT)[1] for _ in range(2)} == before
    s.bed.serials = "THREE,TWO"
    assert {next_card(w, READER_IN)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert {s.link().attach(name)[0] for name in before} == {NO_READER}
    assert s.transmits(s.attached(0)) and s.transmits(other)


def test_two_identical_readers_are_two(served):
    s = served("tpdu,tpdu", cards=("cps4-gp", None, None, "vitale-family"))
    w, found = s.watch()
    assert len(set(found)) == 4 and {n.split("]")[0] for n in found} == {
        "Doctolib SR [usb 1-1", "Doctolib SR [usb 1-2"}
    first, second = s.attached(0), s.attached(3)
    assert second.transmit(CHALLENGE)[0] == DONE
    s.bed.sim("unplug 0")
    assert {next_card(w, READER_OUT)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert first.transmit(SELECT)[0] == GONE
    assert second.transmit(CHALLENGE)[0] == DONE


LIES = {"lie-length": "descriptor-cut", "lie-class": "descriptor-length", "lie-slots": "descriptor-slots",
        "lie-endpoints": "descriptor-endpoints", "lie-size": "descriptor-endpoints",
        "lie-message": "descriptor-message", "lie-levels": "descriptor-level", "lie-protocols": "descriptor-protocols",
        "lie-many": "descriptor-many"}


@pytest.mark.parametrize("lies", [list(LIES)[:3], list(LIES)[3:6], list(LIES)[6:]], ids=lambda x: "+".join(x))
def test_descriptors_that_lie_are_named_and_the_reader_beside_is_served(served, lies):
    s = served(",".join([*lies, "tpdu"]), cards=(None,) * (2 * len(lies)) + ("cps4-gp", None))
    _, found = s.watch()
    good = 2 * len(lies)
    assert sorted(found) == [s.name(good), s.name(good + 1)]
    for i, lie in enumerate(lies):
        wait_for(lambda: f"reader-refused: 1c34:afd0 at 1-{i + 1}: {LIES[lie]}" in s.words())
    assert s.transmits(s.attached(good))


def test_a_card_for_3_volts_alone_gets_them(served):
    s = served("volts")
    s.watcher, _ = s.watch()
    for slot in (0, 1):
        assert again(s, s.attached(slot), slot)


def test_a_reader_of_one_command_at_a_time_is_asked_one_at_a_time(served):
    """It refuses what comes while its other slot is at work; it never has to."""
    s = served("in-turn")
    s.watcher, _ = s.watch()
    links = [s.attached(slot) for slot in (0, 1)]
    for _ in range(20):
        for command in (1, 2):
            for link in links:
                link.send(usb_bench.TRANSMIT, usb_bench.tlv(usb_bench.TAG_DATA, PROBES[link.card][command]))
            for link in reversed(links):
                outcome, body = link.answer(usb_bench.TRANSMIT)
                assert (outcome, body[usb_bench.TAG_DATA]) == s.right[link.card][command]
    assert s.bed.orders("refused") == "0=0"


def test_long_commands_go_out_and_come_back_in_parts(served):
    """Extended APDUs to a card of the bench's own, which answers with what it got: whole, and chained both ways."""
    s = served("extended,chained", cards=("cps4-gp", None) * 2)
    s.watcher, _ = s.watch()
    data = bytes(range(250)) * 4
    for slot in (0, 2):
        s.bed.orders(f"only-t1 {slot} on")
        link = s.attached(slot)
        assert link.ask(RESET)[1][TAG_PROTOCOL] == b"\1"
        s.bed.orders(f"long {slot} on")
        for lc, le, part in (("0003e8", "03e8", data), ("c8", "c8", data[:200])):
            assert link.transmit(bytes.fromhex(f"00D60000{lc}") + part + bytes.fromhex(le)) == (DONE, part + b"\x90\0")


# -- beside libccid and pcscd ---------------------------------------------------------------------------------

COMMANDS = {  # what a card answers the same every time; headers that it does not know, lengths that are wrong
    "cps4-gp": """01A4040C088025000001FF0100 01B09C000C 01B0810010 00A4000C023F00 00A40000023F00
        00A4040C0DE828BD080F8025000001FF0010 01A4040C088025000001FF0100
        00B0000000 00B09C0010 00B2010000 00CA000000 00CB3FFF00 0084000000 00FF000000 80CA9F7F00 00A4000000
        00A40400 00B00000FF 00C0000000""".split(),
    "vitale-family": """00A4000C023F00 00B0830010 00B0820010 00A4040C0AD2500000024164080100
        00A4040006D25000000241 00A4020C02D001 00B0000010 00B0000000
        00B08100FA 00A4000C023F00 00B201040A 00CA010000 00FF000000 00C0000010 00B0000000""".split(),
}


def through_usb(s, slot, card):
    link = s.attached(slot)
    protocol = link.ask(RESET)[1]
    answers = [(link.transmit(bytes.fromhex(c)), c) for c in COMMANDS[card]]
    assert not [(s.name(slot), c, outcome) for (outcome, _), c in answers if outcome != DONE]
    answers = [answer for answer, _ in answers]
    link.socket.close()
    return protocol[TAG_ATR].hex(), protocol[TAG_PROTOCOL][0], [a.hex() for _, a in answers]


def through_pcscd(t, name, protocol, card, states):
    t.connect(name, SHARED, T1 if protocol else T0)
    answers = [t.send(c) for c in COMMANDS[card]]
    t.disconnect(1)
    return states[name], protocol, answers


@pytest.mark.parametrize("models", ["tpdu,short,extended,character", "chained,kap-link", "one-rate"])
def test_libccid_and_pcscd_give_the_same_answers(served, models):
    """Every exchange level, a card of T=0 and one of T=1 (made of one with both), byte by byte."""
    slots = range(len(names(models)))
    cards = ("cps4-gp", "vitale-family") * (len(slots) // 2)
    s = served(models, cards=cards)
    s.watcher, _ = s.watch()
    ours, theirs = {}, {}
    for slot in slots:
        ours[slot, 0] = through_usb(s, slot, cards[slot])
    for slot in slots[::2]:
        s.bed.orders(f"only-t1 {slot} on")
        ours[slot, 1] = through_usb(s, slot, cards[slot])
    assert all(ours[key][1] == key[1] for key in ours)
    s.bed.end("vitaled-usb")
    for t1 in (1, 0):
        for slot in slots[::2]:
            s.bed.orders(f"only-t1 {slot} {'on' if t1 else 'off'}")
        with beside(s) as (t, order):
            states = {n: a[1] for n, a in wait_for(lambda: with_atrs(t, t.readers())).items()}
            for slot in slots:
                if (slot, t1) in ours:
                    theirs[slot, t1] = through_pcscd(t, order[slot], t1, cards[slot], states)
    assert theirs == ours


@contextlib.contextmanager
def beside(s, terminal=Terminal):
    """(terminal, what pcscd calls each slot): vitaled-usb has ended, libccid and pcscd serve the readers meanwhile."""
    s.bed.start_pcscd()
    with terminal(s.bed) as t:
        wait_for(lambda: len(t.readers()) == len(names(s.models)))
        yield t, by_slot(s, t, t.readers(), s.bed.cards)
    s.bed.end("pcscd")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(s.bed.env["PCSCLITE_CSOCK_NAME"])
    for device in range(len(s.models.split(","))):  # nothing of it is left there
        s.bed.orders(f"unplug {device}")
        s.bed.orders(f"plug {device}")
    wait_for(lambda: "unplugged" not in s.bed.orders("devices"))


def with_atrs(t, listed):
    found = {n: v for n, v in t.states(0, dict.fromkeys(listed, 0)).items() if n != "at"}
    return found if all(atr for _, atr in found.values()) else None


def by_slot(s, t, listed, cards):
    """What pcscd calls each of our slots that has a card: the one whose card leaves."""
    def empty():
        return {n for n, v in t.states(0, dict.fromkeys(listed, 0)).items() if n != "at" and v[0] & EMPTY}
    wait_for(lambda: len(empty()) == cards.count(None))
    found, always = {}, empty()
    for slot, card in enumerate(cards):
        if card:
            s.bed.sim(f"remove {slot}")
            found[slot], = wait_for(lambda: empty() - always)
            s.bed.sim(f"insert {slot} {card}")
            wait_for(lambda: empty() == always)
    return found
