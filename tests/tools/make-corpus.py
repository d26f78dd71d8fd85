#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Records real dialogues of vitaled-card with the simulated cards, as inputs of the fuzz targets.

usage: make-corpus.py --build BUILD --out FOLDER [PROFILE ...]      (as root: it makes namespaces)

Under the real pcscd of the bed (tests/bed/bed.py) vitaled-card is asked what fuzz-dialogue-card and
fuzz-dialogue-pair ask, over its link, as the broker would; what the card answered becomes an input
(tests/fuzz/dialogue-answers.h) in FOLDER/dialogue-card and FOLDER/dialogue-pair. Whole certificates
are long: afterwards `fuzz-TARGET -merge=1` keeps what is needed of them.
"""
import argparse
import os
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/bed"))
import bed  # noqa: E402  (after the path)

SEED = b"\0\0\0\0"  # nothing fails
ATRS = ("3b751300004", "3bac00402a", "3b9b1880", "3f6525", "3b8f8001")  # fuzz-dialogue-card.c, atr_of()
T1, SHARED, HINT, VERIFY, MODIFY = 0x08, 0x10, 0x20, 0x40, 0x80
END = b"\xfe\xe0"

(OPEN, IDENTIFY, READ_PUBLIC, READ_PEOPLE, PIN_STATE, VERIFY_OP, ACTIVITIES, CHECK, CHALLENGE, INTERNAL,
 EXTERNAL, PROTECTED, SIGN, RESET, PRESENT, CLOSE, CHANGE, UNBLOCK, KEEP) = range(1, 20)
ROLE = 21
READER, ATR, SHARE, KIND, GENERATION, SERIAL, CVC, LAST_TRY = 0xC0, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCB, 0xD8
CAR, CHR, DATA, SIGNATURE, PINPAD = 0xDD, 0xDE, 0xDF21, 0xDF22, 0xDF2A


def tlv(tag, value):
    head = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    n = len(value)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else b"\x82" + n.to_bytes(2, "big")
    return head + size + value


def objects(data):
    """{tag: value} of the BER-TLV objects in @data."""
    found, i = {}, 0
    while i < len(data):
        tag, i = data[i], i + 1
        if tag & 0x1F == 0x1F:
            tag, i = tag << 8 | data[i], i + 1
        n, i = data[i], i + 1
        if n & 0x80:
            k, n = n & 0x7F, int.from_bytes(data[i:i + (n & 0x7F)], "big")
            i += k
        found.setdefault(tag, data[i:i + n])
        i += n
    return found


def zeros(n):
    return bytes(n)


# what requests[] of fuzz-dialogue-card.c asks: number -> (op, body, codes)
REQUESTS = {
    1: (IDENTIFY, b"", ()), 2: (READ_PUBLIC, b"", ()), 3: (READ_PEOPLE, b"", ()), 4: (PIN_STATE, b"", ()),
    5: (VERIFY_OP, b"", (b"1234",)), 6: (ACTIVITIES, b"", ()),
    7: (CHECK, tlv(CAR, zeros(16)) + tlv(CVC, tlv(0x7F21, zeros(220))), ()),
    8: (CHALLENGE, tlv(CHR, zeros(16)), ()), 9: (INTERNAL, tlv(DATA, zeros(24)), ()),
    10: (EXTERNAL, tlv(SIGNATURE, zeros(64)), ()), 11: (PROTECTED, b"", ()), 12: (SIGN, tlv(DATA, zeros(230)), ()),
    13: (RESET, b"", ()), 14: (PRESENT, b"", ()), 15: (CLOSE, b"", ()),
    18: (VERIFY_OP, tlv(LAST_TRY, b"\1"), (b"1234",)),
    19: (CHANGE, tlv(LAST_TRY, b"\1"), (b"1234", b"4321")),
    20: (UNBLOCK, tlv(LAST_TRY, b"\1"), (b"12345678", b"1234")),
    31: (INTERNAL, tlv(DATA, zeros(40)), ()), 33: (SIGN, tlv(DATA, zeros(64)), ()),
    63: (KEEP, b"", ()), 64: (ROLE, b"", ()),
}
CONSULTATION = (1, 63, 2, 4, 5, 6, 7, 8, 9, 10, 3, 11, 12, 14, 19, 20, 13, 3, 6, 15)
# three wrong codes first: the counters of a blocked card
FIRST_USE = (1, 64, 2, 15)
BLOCKED = (4, 19, 19, 19, 19, 4, 20, 4, 18, 12, 33, 31, 15)


class Card:
    """One vitaled-card, over its link, on one slot."""

    def __init__(self, a_bed, slot):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(20)
        self.link, self.seq, self.slot, self.bed = ours, 0, slot, a_bed
        fd = theirs.fileno()
        self.process = subprocess.Popen(
            [a_bed.program("vitaled-card")], env=a_bed.env, pass_fds=(3,), stdin=subprocess.DEVNULL,
            preexec_fn=lambda: os.dup2(fd, 3))
        theirs.close()
        self.record = a_bed.path("sim", f"record-{slot}")
        a_bed.sim(f"record {slot} {self.record}")

    def ask(self, op, body=b"", codes=()):
        """(outcome, {tag: value}) of the answer."""
        self.seq += 1
        pipes = []
        for code in codes:
            r, w = os.pipe()
            os.write(w, code)
            os.close(w)
            pipes.append(r)
        frame = b"VD" + bytes([1, op, 0, len(pipes)]) + self.seq.to_bytes(4, "big") + body
        socket.send_fds(self.link, [frame], pipes)
        for fd in pipes:
            os.close(fd)
        while True:
            answer = self.link.recv(1 << 17)
            if len(answer) < 10:
                raise RuntimeError("vitaled-card hung up")
            if answer[2] == 2:
                return answer[4], objects(answer[10:])

    def open(self, extra=b""):
        reader = f"{bed.READER} {self.slot // 2:02d} {self.slot % 2:02d}"
        return self.ask(OPEN, tlv(READER, reader.encode()) + extra)

    def finish(self):
        """What the card said, as items; its ATR; whether it spoke T=1 (commands with Lc and Le)."""
        self.link.close()
        self.process.wait(20)
        self.bed.sim(f"record {self.slot} off")
        items, atr, t1 = b"", "", False
        with open(self.record, encoding="ascii") as f:
            for line in f:
                kind, _, text = line.strip().partition(" ")
                if kind == "=":
                    atr = atr or text
                elif kind == ">":
                    t1 = t1 or len(text) > 10 and len(text) // 2 == 6 + int(text[8:10], 16)
                elif kind == "<":
                    data = bytes.fromhex(text)
                    items += bytes([len(data)]) if len(data) < 0xFE else b"\xff" + len(data).to_bytes(2, "big")
                    items += data
        os.unlink(self.record)
        return items, atr, t1


def setting_of(atr, how):
    for i, begin in enumerate(ATRS):
        if atr.startswith(begin):
            return i | how
    return (5 if "1225006480" in atr else 6) | how


def one_card(a_bed, slot, how, steps):
    """The dialogue as an input of fuzz-dialogue-card."""
    hint = b""
    if how & HINT:
        card = Card(a_bed, slot)
        outcome, told = card.open()
        card.ask(CLOSE)
        card.finish()
        if outcome == 0:
            hint = tlv(KIND, told[KIND]) + tlv(GENERATION, told[GENERATION]) + tlv(ATR, told[ATR])
        else:
            how &= ~HINT
    card = Card(a_bed, slot)
    card.open(hint + tlv(SHARE, b"\0" if how & SHARED else b"\1"))
    for number in steps:
        op, body, codes = REQUESTS[number]
        card.ask(op, body, codes)
    items, atr, t1 = card.finish()
    how |= T1 if t1 else 0
    listed = b"" if steps == CONSULTATION else bytes((0, *steps))
    return bytes([setting_of(atr, how), 0, 0, 0, len(listed)]) + listed + items + SEED


def name_of(certificate, tag):
    body = objects(objects(objects(certificate)[0x7F21])[0x7F4E])
    return body[tag]


def exchange(cards, told):
    """The mutual authentication, relayed as the broker does."""
    both = ((0, 1), (1, 0))
    for me, other in both:
        certificate = told[other][CVC]
        assert cards[me].ask(CHECK, tlv(CAR, name_of(certificate, 0x42)) + tlv(CVC, certificate))[0] == 0
    challenges = [cards[me].ask(CHALLENGE, tlv(CHR, name_of(told[other][CVC], 0x5F20)))[1][DATA]
                  for me, other in both]
    signatures = [cards[me].ask(INTERNAL, tlv(DATA, challenges[other] + told[other][SERIAL][-8:]))[1][SIGNATURE]
                  for me, other in both]
    for me, other in both:
        assert cards[me].ask(EXTERNAL, tlv(SIGNATURE, signatures[other]))[0] == 0
    for card in cards:
        card.ask(INTERNAL, tlv(DATA, zeros(32) + b"VDCONS01"))


def pair(a_bed, order):
    """Both dialogues as an input of fuzz-dialogue-pair; the patient's card is in slot 1."""
    cards, told = [Card(a_bed, 1), Card(a_bed, 0)], []
    for card in cards:
        card.open()
        told.append(card.ask(READ_PUBLIC)[1])
        told[-1][SERIAL] = card.ask(IDENTIFY)[1][SERIAL]
    cards[1].ask(VERIFY_OP, b"", (b"1234",))
    exchange(cards, told)
    patient = cards[0].finish()[0]
    professional, atr, t1 = cards[1].finish()
    how = int(atr.startswith("3b9b")) | (2 if t1 else 0)
    return bytes([how, order, 0xFF, 0xFF, 0]) + patient + END + professional + SEED


def save(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


class Cards(bed.Bed):
    """Readers and cards alone."""

    def start(self):
        self.lay_out()
        self.start_bus()
        self.start_polkit()
        self.start_sim()
        self.start_pcscd()
        return self


def single(build, out, profile):
    with Cards(build, cards=(profile, "vitale-family")) as b:  # never alone: it needs an authority
        for name, how, steps in (("plain", 0, CONSULTATION), ("shared", SHARED | HINT, CONSULTATION),
                                 ("first", 0, FIRST_USE), ("blocked", 0, BLOCKED)):
            save(os.path.join(out, "dialogue-card"), f"{profile}-{name}", one_card(b, 0, how, steps))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("profiles", nargs="*")
    args = parser.parse_args()
    if os.environ.get("VITALED_CORPUS") != "1":  # the bed mounts: only in namespaces of our own
        os.environ["VITALED_CORPUS"] = "1"
        os.execvp("unshare", ["unshare", "-m", "-n", "-p", "-f", "--kill-child", "--mount-proc", "--", sys.executable,
                              os.path.abspath(__file__), *sys.argv[1:]])
    out = os.path.abspath(args.out)
    folder = os.path.join(ROOT, "drivers/sim/profiles")
    profiles = args.profiles or sorted(n[:-5] for n in os.listdir(folder) if n.endswith(".json"))
    os.chdir(tempfile.gettempdir())
    for profile in profiles:
        single(args.build, out, profile)
        print(profile, flush=True)
    for professional in ("cps3-gp", "cps4-gp"):
        with Cards(args.build, cards=(professional, "vitale-family")) as b:
            for order in (0x00, 0xFF, 0x55):
                save(os.path.join(out, "dialogue-pair"), f"{professional}-{order:02x}", pair(b, order))


if __name__ == "__main__":
    main()
