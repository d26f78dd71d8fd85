# SPDX-License-Identifier: EUPL-1.2
"""The same reader under vitaled-usb and under libccid with pcscd, for what short APDUs do not show: lengths beyond 256,
and codes that a person types on the reader's keys, down to the bytes of the message that asks for them."""
import time

import pytest

from bed import wait_for
from terminal import SHARED, T0, T1, PcscError
from test_pins import Hands
from test_usb_faults import Served, beside
from usb_bench import (BROKEN, CANCELLED, DONE, LATE, REFUSED, RESET, SECURE, TAG_DATA, TAG_KEYPAD, TAG_PROTOCOL,
                       names, tlv)
from usb_terminal import MODIFY, VERIFY, LongTerminal, pin_modify, pin_verify

# -- long commands and answers ----------------------------------------------------------------------------------
# to the card of the bench's own (tests/usb/long-card.c): the simulated ones have short APDUs alone


def update(n, le=""):
    """UPDATE BINARY of @n bytes; the card keeps them, and answers so many as @le says."""
    data = bytes(i * 7 % 251 for i in range(n))
    lc = bytes([n]) if n < 256 and len(le) < 4 else bytes([0, n >> 8, n & 255])
    return (b"\0\xd6\0\0" + lc + data).hex() + le


# case 3, 2 and 4; around 255 and 256; all as short ones too; lengths that are wrong
LONG = ["00B00000000200", update(255), "00B0000000", update(256), "00B00000000101", update(1000), "00B0000000",
        "00B000000003E8", update(1000, "03E8"), update(7, "0200"), update(200, "C8"), update(4096, "1001"),
        "00D6000000010000", update(300)[:-2], update(300, "00"), "00FF0000000100"]
FAR = [update(65000), "00B0000000FDE8"]  # as far as a frame of vitaled-usb's socket goes (base/link.h)


def long_by_usb(s, slot, t1, commands):
    s.bed.orders(f"only-t1 {slot} {'on' if t1 else 'off'}")
    link = s.attached(slot)
    assert link.ask(RESET)[1][TAG_PROTOCOL] == bytes([t1])
    s.bed.orders(f"long {slot} on")
    found = [link.transmit(bytes.fromhex(c)) for c in commands]
    s.bed.orders(f"long {slot} off")
    link.socket.close()
    return [(outcome, answer.hex()) for outcome, answer in found]


def long_by_pcscd(s, t, name, slot, t1, commands):
    s.bed.orders(f"long {slot} on")
    t.connect(name, SHARED, T1 if t1 else T0)
    found = [(DONE, t.send(c)) for c in commands]
    t.disconnect(1)
    s.bed.orders(f"long {slot} off")
    return found


@pytest.mark.parametrize("models, protocols", [("tpdu,character,kap-link", [1]), ("extended,chained", [1, 0])])
def test_long_commands_and_answers_are_the_same(build, personal, models, protocols):
    """By chained blocks of T=1 where they are the host's, and at the extended APDU level in one message or in parts."""
    with Served(build, personal, models, cards=("cps4-gp", None) * (len(names(models)) // 2)) as s:
        s.watcher, _ = s.watch()
        slots = [i for i, (_, slot, _) in enumerate(names(models)) if i % 2 == 0]
        commands = LONG + (FAR if 0 in protocols else [])
        ours = {(slot, t1): long_by_usb(s, slot, t1, commands) for t1 in protocols for slot in slots}
        assert all(outcome == DONE for found in ours.values() for outcome, _ in found)
        theirs = {}
        s.bed.end("vitaled-usb")
        for t1 in protocols:
            for slot in slots:
                s.bed.orders(f"only-t1 {slot} {'on' if t1 else 'off'}")
            with beside(s, LongTerminal) as (t, order):
                theirs |= {(slot, t1): long_by_pcscd(s, t, order[slot], slot, t1, commands) for slot in slots}
        assert theirs == ours
        data, blocks = bytes.fromhex(ours[slots[0], 1][9][1]), bytes(i * 7 % 251 for i in range(7))
        assert data[:-2] == (blocks * 74)[:512]  # and right


def test_a_short_level_takes_no_long_commands_from_either(build, personal):
    with Served(build, personal, "short", cards=("cps4-gp", None)) as s:
        s.watcher, _ = s.watch()
        commands = ["00B00000000200", update(256), update(255), "00B0000000"]
        ours = long_by_usb(s, 0, 1, commands)
        assert [outcome for outcome, _ in ours] == [BROKEN, BROKEN, DONE, DONE]
        s.bed.end("vitaled-usb")
        with beside(s, LongTerminal) as (t, order):
            s.bed.orders("long 0 on")
            t.connect(order[0], SHARED, T1)
            for command in commands[:2]:
                with pytest.raises(PcscError):
                    t.send(command)
            assert [(DONE, t.send(c)) for c in commands[2:]] == ours[2:]


# -- the keypad ---------------------------------------------------------------------------------------------------

SELECT = {"cps3": "00A4040C0DE828BD080F8025000001FF0010", "cps4": "01A4040C088025000001FF0100"}
CHECK = {"cps3": "0020000104FFFFFFFF", "cps4": "0120000104FFFFFFFF"}
# both codes in one command, or the new one alone after a VERIFY
CHANGE = {"cps3": ("0024000108FFFFFFFFFFFFFFFF", 0, 4), "cps4": ("0124010104FFFFFFFF", None, 0)}
SAID = {CANCELLED: "6401", LATE: "6400"}  # by our link; the words of PC/SC part 10 for the same
ENDS = {"9000", "63c2", "6401", "6400", REFUSED}
REFUSALS = ("6402", "6403")  # the codes differ, too few digits: one outcome of our link


def scene(card):
    """[(modify, what is typed)]: every end of both, and the card as it was."""
    old = {"cps3": lambda *codes: codes, "cps4": lambda *codes: codes[1:]}[card]
    return [(False, ["1234"]), (False, ["9999"]), (False, ["cancel"]), (False, ["late"]), (False, ["12"]),
            (False, ["1234"]), (True, old("1234", "5678", "4321")), (True, ["cancel"]), (True, ["late"]),
            (True, old("1234", "5678", "5678")), (False, ["1234"]), (False, ["5678"]),
            *([(True, old("9999", "1234", "1234"))] if card == "cps3" else []),
            (True, old("5678", "1234", "1234")), (False, ["1234"])]


class Fingers(Hands):
    """Hands at the keypad of any slot."""

    def __init__(self, bed, slot, codes):
        self.slot = slot
        super().__init__(bed, codes)

    def run(self):
        while not self.over and self.codes:
            if self.bed.sim(f"keypad {self.slot}").startswith("asking"):
                code = self.codes.pop(0)
                self.bed.sim(f"keypad {self.slot} {code if code in ('cancel', 'late') else 'type ' + code}")
            time.sleep(0.005)


def play(s, slot, card, ask):
    """[(what the card or the reader said, the message that reached the reader, tries that the card has)]"""
    found = []
    for modify, typed in scene(card):
        hands = Fingers(s.bed, slot, typed)
        said = ask(modify)
        hands.rest()
        message = bytes.fromhex(s.bed.orders(f"secure {slot}"))
        found.append((said, message, s.bed.sim(f"counters {slot}")))
    return found


def keys_by_usb(s, slot, card, t1):
    link = s.link()
    wait_for(lambda: link.attach(s.name(slot))[0] == DONE, 60, every=0.02)
    assert link.ask(RESET)[1][TAG_PROTOCOL] == bytes([t1])
    assert link.transmit(bytes.fromhex(SELECT[card]))[0] == DONE

    def ask(modify):
        command, old_at, new_at = CHANGE[card] if modify else (CHECK[card], None, 0)
        keypad = bytes([4, 4, 0xFF if old_at is None else old_at, new_at] if modify else [4, 0, 0, 0])
        outcome, body = link.ask(SECURE, tlv(TAG_DATA, bytes.fromhex(command)) + tlv(TAG_KEYPAD, keypad))
        return body[TAG_DATA].hex() if outcome == DONE else SAID.get(outcome, outcome)
    found = play(s, slot, card, ask)
    link.socket.close()
    return found


def keys_by_pcscd(s, t, name, slot, card, t1, display):
    t.connect(name, SHARED, T1 if t1 else T0)
    codes = dict(t.features())
    t.send(SELECT[card])

    def ask(modify):
        command, old_at, new_at = CHANGE[card] if modify else (CHECK[card], None, 0)
        structure = (pin_modify(bytes.fromhex(command), 4, old_at, new_at, display) if modify else
                     pin_verify(bytes.fromhex(command), 4, display))
        said = t.control(codes[MODIFY if modify else VERIFY], structure.hex())
        return REFUSED if said in REFUSALS else said
    found = play(s, slot, card, ask)
    t.disconnect(1)
    return found


# bytes of PC_to_RDR_Secure that may differ, and why; all others are the same
MAY_DIFFER = {6: "bSeq counts the commands of a slot (CCID 1.1 §6.1): each driver began for itself"}


def test_codes_on_the_keypad_are_asked_for_and_end_the_same(build, personal):
    """Short APDUs and TPDUs, where the prologue of T=1 is the driver's; without a display and with one."""
    models, cards = "keys,leo,display,display", ("cps3-gp", "cps4-gp", "cps4-nurse", "cps3-nurse", "cps4-director")
    runs = [(slot, 0) for slot in range(5)] + [(slot, 1) for slot in (1, 2, 4)]
    with Served(build, personal, models, cards=cards, keypad=range(5)) as s:
        s.watcher, _ = s.watch()
        ours, theirs = {}, {}
        for slot, t1 in runs:
            s.bed.orders(f"only-t1 {slot} {'on' if t1 else 'off'}")
            ours[slot, t1] = keys_by_usb(s, slot, cards[slot][:4], t1)
        s.bed.end("vitaled-usb")
        for protocol in (1, 0):
            for slot, _ in (run for run in runs if run[1]):
                s.bed.orders(f"only-t1 {slot} {'on' if protocol else 'off'}")
            with beside(s, LongTerminal) as (t, order):
                for slot, t1 in (run for run in runs if run[1] == protocol):
                    theirs[slot, t1] = keys_by_pcscd(s, t, order[slot], slot, cards[slot][:4], t1, slot >= 3)
    assert {said for found in ours.values() for said, _, _ in found} == ENDS
    for run in runs:
        for (said, message, tries), of_theirs in zip(ours[run], theirs[run], strict=True):
            assert (said, same(message), tries) == (of_theirs[0], same(of_theirs[1]), of_theirs[2]), run
            assert message[0] == 0x69  # one has come


def same(message):
    return [byte for at, byte in enumerate(message) if at not in MAY_DIFFER]
