#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""T=1 restated: both sides of ISO/IEC 7816-3:2006 §11 as plain rules, on a line that loses and garbles.

usage: t1_model.py T1-ASK [--count N] [--seed N]

Random exchanges between the terminal and the card below: lengths, IFSC and IFSD, chains, requests of the card
(S-blocks), aborts, blocks lost, garbled, cut, made longer or repeated in both directions, cards that lie. Then
the program says what drivers/usb/t1.c does with what the terminal got, and each block, each waiting time and
each end must be the same. Of the card it is checked that every exchange ends; that a command reaches its
application whole, never twice, and when the exchange is done exactly once; and that the answer is that
command's. Those three hold for cards that keep to the standard, whatever the line does.

A run of MET or more exchanges must have met each kind of block, each fault of the line and each end.
"""
import argparse
import binascii
import collections
import functools
import operator
import random
import subprocess
import sys
import time

SILENCE, PARITY = "-", "!"
RESYNCH, IFS, ABORT, WTX = 0xC0, 0xC1, 0xC2, 0xC3
RESPONSE = 0x20
TRIES, RESYNCHS, REQUESTS = 3, 3, 600  # of one block; of RESYNCH; requests of a card in one exchange
BATCH = 2000
MET = 20_000  # exchanges
S_WORDS = {RESYNCH: "resynch", IFS: "ifs", ABORT: "abort", WTX: "wtx"}
EVENTS = ("blocks with crc", "blocks with lrc", "chain of the terminal", "chain of the card", "wtx of the card",
          "ifs of the card", "abort of the card", "ifs of the terminal", "resynch of the terminal",
          "resynch answered", "abort answered", "wtx answered", "ifs answered", "lost to the card",
          "lost to the terminal", "garbled to the card", "garbled to the terminal", "wrong parity", "block of before", "lie")
ENDS = ("done", "aborted", "lost", "dead", "ifs done", "done (lies)", "dead (lies)")
REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


# -- blocks (§11.3) ------------------------------------------------------------------------------------------

def lrc(data):
    return bytes((functools.reduce(operator.xor, data),))


def crc(data):
    """CRC-CCITT from FFFF on bits in the order of the line; the high byte goes first."""
    value = binascii.crc_hqx(data.translate(REVERSED), 0xFFFF)
    return bytes((REVERSED[value & 0xFF], REVERSED[value >> 8]))


assert crc(bytes.fromhex("00C101FE")).hex() == "544e"  # recorded: see drivers/usb/t1-block.c
assert crc(bytes.fromhex("000000")).hex() == "3933"


class Line:
    """How blocks are written and read in one session."""

    def __init__(self, with_crc):
        self.check, self.tail = (crc, 2) if with_crc else (lrc, 1)

    def write(self, pcb, inf=b"", nad=0):
        body = bytes((nad, pcb, len(inf))) + inf
        return body + self.check(body)

    def read(self, block):
        """(PCB, information), or the error code of an R-block that says why not."""
        if len(block) < 3 + self.tail or len(block) != 3 + block[2] + self.tail:
            return 1
        if self.check(block[:-self.tail]) != block[-self.tail:]:
            return 1
        nad, pcb, length = block[:3]
        inf = block[3:3 + length]
        if nad != 0 or length == 255:
            return 2
        if pcb < 0x80:
            return 2 if pcb & 0x1F else (pcb, inf)
        if pcb < 0xC0:
            return (pcb, inf) if pcb in R_BLOCKS and not inf else 2
        allowed = S_BLOCKS.get(pcb & ~RESPONSE)
        return (pcb, inf) if allowed and allowed(inf) else 2


R_BLOCKS = {0x80 | n << 4 | error for n in (0, 1) for error in (0, 1, 2)}
S_BLOCKS = {RESYNCH: lambda i: not i, ABORT: lambda i: not i,
            IFS: lambda i: len(i) == 1 and 0 < i[0] < 255, WTX: lambda i: len(i) == 1 and i[0] > 0}


# -- the terminal's side (§11.6.3) ---------------------------------------------------------------------------

class Terminal:
    """start() and hear() give what to send, (block, waiting), or how it ended, (word, answer)."""

    def __init__(self, line, ifsc):
        self.line = line
        self.card_takes = self.at_reset = ifsc
        self.we_take = 32
        self.mine = self.due = 0  # N(S) of our next I-block, N(S) of the card's
        self.dead = self.met = False

    def start(self, command):
        self.left, self.got = command, b""
        return self.open("command")

    def tell(self, ifsd):
        self.told = ifsd
        self.we_take = max(self.we_take, ifsd)
        return self.open("ifs")

    def open(self, what):
        if self.dead:
            return "dead", None
        self.what = what
        self.errors = self.circles = self.requests = 0
        self.has_it = self.ended = False
        if what == "ifs":
            return self.say("request", IFS, bytes((self.told,)))
        return self.part()

    def say(self, kind, pcb, inf=b"", waiting=1):
        self.kind, self.block = kind, self.line.write(pcb, inf)
        return self.block, waiting

    def repeat(self):
        return self.block, 1

    def part(self):
        self.piece = self.left[:self.card_takes]
        more = len(self.left) > len(self.piece)
        return self.say("I", self.mine << 6 | more << 5, self.piece)

    def want(self, error=0):
        return self.say("R", 0x80 | self.due << 4 | error)

    def finish(self, word):
        answer = self.got if word == "done" else None
        self.what, self.got, self.left = None, b"", b""
        self.dead = word == "dead"
        return word, answer

    def lost_count(self):
        """Rules 7.4.1 and 7.4.2."""
        if not self.met:
            return self.finish("dead")
        self.what, self.attempts = "resynch", 1
        return self.say("request", RESYNCH)

    def bad(self, error):
        if self.what == "resynch":  # 6.4
            self.attempts += 1
            return self.finish("dead") if self.attempts > RESYNCHS else self.repeat()
        self.errors += 1
        if self.errors >= TRIES:
            return self.lost_count()
        return self.want(error) if self.kind in ("I", "response") else self.repeat()  # 7.1, 7.2, 7.3

    def circle(self, answer):
        """A right block that brings us no further."""
        self.errors = 0
        self.circles += 1
        return self.lost_count() if self.circles >= TRIES else answer()

    def further(self):
        self.errors = self.circles = 0

    def hear(self, event):
        if event is SILENCE:
            return self.bad(2)
        if event is PARITY:
            return self.bad(1)
        read = self.line.read(event)
        if isinstance(read, int):
            return self.bad(read)
        self.met = True
        pcb, inf = read
        if pcb >= 0xC0:
            return self.response(pcb, inf) if pcb & RESPONSE else self.request(pcb, inf)
        if self.what not in ("command", "answer"):
            return self.bad(2)
        if pcb >= 0x80:
            return self.wanted(pcb >> 4 & 1)
        return self.information(pcb >> 6, bool(pcb & 0x20), inf)

    def information(self, number, more, inf):
        unfinished = self.what == "command" and len(self.left) > len(self.piece)
        late = self.ended and (self.what == "command" or more)
        if number != self.due or len(inf) > self.we_take or unfinished or late:
            return self.bad(2)
        if self.what == "command":  # 2.1
            self.mine ^= 1
            self.what = "answer"
        self.due ^= 1
        self.further()
        if self.ended:
            return self.finish("aborted")
        self.got += inf
        if not more:
            return self.finish("done")
        if not inf:
            self.requests += 1
            if self.requests > REQUESTS:
                return self.lost_count()
        return self.want()  # 2.2

    def again(self):
        return self.circle(lambda: self.repeat() if self.kind == "R" else self.want(2))

    def wanted(self, number):
        if self.what == "answer":
            if number != self.mine:
                return self.bad(2)
            return self.finish("aborted") if self.ended else self.again()
        if self.ended:
            self.mine = number
            return self.finish("aborted")
        last = len(self.left) == len(self.piece)
        if number == self.mine:
            return self.bad(2) if self.has_it else self.circle(self.part)
        if last:
            self.has_it = True
            return self.again()
        self.left = self.left[len(self.piece):]
        self.mine ^= 1
        self.further()
        return self.part()

    def response(self, pcb, inf):
        if self.what == "resynch" and pcb == RESYNCH | RESPONSE:
            self.mine = self.due = 0
            self.card_takes = min(self.card_takes, self.at_reset)
            self.we_take = max(self.we_take, 32)
            return self.finish("lost")
        if self.what == "ifs" and pcb == IFS | RESPONSE and inf[0] == self.told:
            self.we_take = self.told
            self.got = b""
            return self.finish("done")
        return self.bad(2)

    def request(self, pcb, inf):
        if pcb == RESYNCH or self.what not in ("command", "answer"):
            return self.bad(2)
        self.requests += 1
        if self.requests > REQUESTS:
            return self.lost_count()
        self.errors = 0
        if pcb == IFS:
            self.card_takes = inf[0]
        elif pcb == ABORT:
            self.ended = True
        elif self.what == "command" and len(self.left) == len(self.piece):
            self.has_it = True
        return self.say("response", pcb | RESPONSE, inf, inf[0] if pcb == WTX else 1)


# -- the card's side -----------------------------------------------------------------------------------------

class Card:
    """hear() gives the block that the card sends, in an order of rules of its own."""

    def __init__(self, line, ifsc, application, wish):
        self.line, self.at_reset = line, ifsc
        self.application = application
        self.wish = wish  # what the card asks for before its next block: (PCB, information) or None
        self.last = None
        self.forget()

    def forget(self):
        self.takes, self.terminal_takes = self.at_reset, 32
        self.mine = self.due = 0
        self.command, self.rest, self.asking = b"", None, None

    def say(self, pcb, inf=b""):
        self.last_pcb = pcb
        self.last = self.line.write(pcb, inf)
        return self.last

    def want(self, error=0):
        return self.say(0x80 | self.due << 4 | error)

    def part(self):
        self.piece = self.rest[:self.terminal_takes]
        return self.say(self.mine << 6 | (len(self.piece) < len(self.rest)) << 5, self.piece)

    def bad(self, error):
        if self.last and (self.asking or 0x80 <= self.last_pcb < 0xC0):
            return self.last  # 7.2, 7.3
        return self.want(error)  # 7.1, 7.5

    def go_on(self):
        wish = self.wish()
        if wish:
            self.asking = wish
            return self.say(*wish)
        return self.want() if self.rest is None else self.part()

    def hear(self, block):
        read = self.line.read(block)
        if isinstance(read, int):
            return self.bad(read)
        pcb, inf = read
        if pcb == RESYNCH:
            self.forget()
            return self.say(RESYNCH | RESPONSE)
        if self.asking:
            return self.agreed(pcb, inf)
        if pcb < 0x80:
            return self.information(pcb >> 6, pcb & 0x20, inf)
        if pcb < 0xC0:
            return self.wanted(pcb >> 4 & 1)
        if pcb == IFS:
            self.terminal_takes = inf[0]
            return self.say(IFS | RESPONSE, inf)
        return self.bad(2)

    def agreed(self, pcb, inf):
        asked, value = self.asking
        if (pcb, inf) != (asked | RESPONSE, value):
            return self.bad(2)
        self.asking = None
        if asked == ABORT:  # 9
            self.command, self.rest = b"", None
            return self.want()
        if asked == IFS:
            self.takes = value[0]
        return self.go_on()

    def information(self, number, more, inf):
        if number != self.due or len(inf) > self.takes:
            return self.bad(2)
        if self.rest is not None:
            if len(self.rest) > len(self.piece):
                return self.bad(2)
            self.mine ^= 1
            self.rest = None
        self.due ^= 1
        self.command += inf
        if not more:
            self.rest, self.command = self.application(self.command), b""
        return self.go_on()

    def wanted(self, number):
        if self.rest is None:
            return self.bad(2)
        if number == self.mine:
            return self.part()
        if len(self.rest) > len(self.piece):
            self.rest = self.rest[len(self.piece):]
            self.mine ^= 1
            return self.go_on()
        return self.bad(2)


# -- what goes wrong -----------------------------------------------------------------------------------------

class Session:
    """One card after its reset, and how bad its line is."""

    def __init__(self, rng, world):
        self.rng, self.world = rng, world
        chance = rng.random()
        self.trouble = 0.0 if chance < .25 else rng.choice((.02, .05, .1, .3))
        self.wishes = rng.choice((0.0, 0.0, .05, .3))
        self.ends = rng.choice((0.0, .05))
        self.lies = rng.random() < .12
        self.deaf = rng.random() < .005
        if rng.random() < .0005:
            self.wishes, self.ends = 1.0, 0.0  # requests without end
        self.ifsc = rng.choice((1, 2, 5, 8, 32, 254)) if chance < .9 else rng.randrange(1, 255)
        self.with_crc = rng.random() < .4
        line = Line(self.with_crc)
        self.terminal = Terminal(line, self.ifsc)
        self.card = Card(line, self.ifsc, self.application, self.wish)
        self.before = b""
        self.left = rng.randrange(1, 40)

    def application(self, command):
        self.world.run(command, self.lies)
        return answer_to(command)

    def wish(self):
        rng = self.rng
        if rng.random() >= self.wishes:
            return None
        if rng.random() < self.ends:
            return ABORT, b""
        if rng.random() < .6:
            return WTX, bytes((rng.randrange(1, 256),))
        return IFS, bytes((rng.choice((1, 3, 32, 254)),))

    def garble(self, block):
        rng = self.rng
        how = rng.randrange(8)
        if how == 0:
            return block[:rng.randrange(len(block))] or SILENCE
        if how == 1:
            return block + bytes((rng.randrange(256),))
        if how == 2:
            return SILENCE
        at = rng.randrange(len(block))
        return block[:at] + bytes((block[at] ^ rng.randrange(1, 256),)) + block[at + 1:]

    def lie(self, block):
        """A block that is right by itself."""
        rng = self.rng
        line, pcb, inf = self.card.line, block[1], block[3:-self.card.line.tail]
        how = rng.randrange(8)
        if how == 0:
            return line.write(pcb ^ (0x40 if pcb < 0x80 else 0x10), inf)
        if how == 1:
            return line.write(rng.choice((0x80, 0x90, 0x82, 0x91, 0xA0, 0x83, 0x84)))
        if how == 2:
            return line.write(rng.choice((RESYNCH, ABORT, 0xE0, 0xE2, 0xC4, 0xDF, 0xE3)))
        if how == 3:
            return line.write(rng.choice((WTX, IFS, 0xE1, 0xE3)), rng.choice((b"\0", b"\xff", b"\x20", b"", b"ab")))
        if how == 4:
            return line.write(pcb, inf, nad=rng.choice((0x12, 0x21, 0xFF, 0x80, 0x11)))
        if how == 5:
            return line.write(rng.choice((0x00, 0x20, 0x40, 0x60)), b"\xAA" * rng.choice((0, 1, 33, 254)))
        if how == 6:
            return line.write(pcb | 0x01 if pcb < 0x80 else pcb, inf)
        body = bytes((0, pcb, 255)) + inf.ljust(255, b"\0")
        return body + line.check(body)

    def across(self, block):
        """What the terminal gets for what it sends."""
        rng = self.rng
        bad = self.trouble
        if self.deaf:
            return SILENCE
        if bad and rng.random() < bad:
            block = self.garble(block)
            self.met("lost to the card" if block is SILENCE else "garbled to the card")
        if block is SILENCE:
            return SILENCE
        before, self.before = self.before, self.card.hear(block)
        answer = self.before
        if bad and rng.random() < bad:
            how = rng.random()
            if how < .1:
                self.met("wrong parity")
                return PARITY
            if how < .25 and before:
                self.met("block of before")
                return before
            answer = self.garble(answer)
            self.met("lost to the terminal" if answer is SILENCE else "garbled to the terminal")
            return answer
        if self.lies and rng.random() < .2:
            self.met("lie")
            return self.lie(answer)
        self.told("card", answer)
        return answer

    def met(self, what):
        self.world.done[what] += 1

    def told(self, who, block):
        """What kind of block @who says."""
        pcb = block[1]
        self.met(f"blocks with {'crc' if self.with_crc else 'lrc'}")
        if pcb < 0x80 and pcb & 0x20:
            self.met(f"chain of the {who}")
        elif pcb >= 0xC0 and not pcb & RESPONSE:
            self.met(f"{S_WORDS[pcb]} of the {who}")
        elif pcb >= 0xC0:
            self.met(f"{S_WORDS[pcb & ~RESPONSE]} answered")

    def exchange(self, said):
        """[what came], [what the terminal did]"""
        came, did = [], []
        while isinstance(said[0], bytes):
            block, waiting = said
            did.append(block.hex() + (f"*{waiting} " if waiting > 1 else " "))
            self.told("terminal", block)
            event = self.across(block)
            came.append(event if isinstance(event, str) else event.hex())
            said = self.terminal.hear(event)
            if len(came) > 30_000:
                sys.exit("the exchange does not end")
        did.append(said[0] + (" " + said[1].hex() if said[1] is not None else ""))
        return came, did, said


def answer_to(command):
    """Of a length that the command chose; unlike any other command's."""
    wanted = command[4] if len(command) > 4 else 0
    return (command[:4] + command[:3:-1]).ljust(wanted << (3 if wanted > 250 else 0), b"\x5A") + b"\x90\x00"


class World:
    """All sessions, what the program is to say, and what the applications have done."""

    def __init__(self, args):
        self.args, self.rng = args, random.Random(args.seed)
        self.session = None
        self.serial = 0
        self.done = collections.Counter()
        self.reset()

    def reset(self):
        self.ran, self.lines, self.expected = [], [], []

    def run(self, command, lies):
        self.ran.append(command)
        if not lies and command != self.command:
            sys.exit(f"the card ran {command.hex()} instead of {self.command.hex()}")

    def command_of(self):
        rng = self.rng
        self.serial += 1
        length = rng.choice((0, 3, 9, 27)) if rng.random() < .97 else rng.choice((250, 254, 300, 700))
        wanted = rng.choice((0, 1, 7, 30)) if rng.random() < .97 else rng.randrange(256)
        return self.serial.to_bytes(4, "big") + bytes((wanted,)) + rng.randbytes(length)

    def step(self):
        """One exchange."""
        s = self.session
        if s is None or s.left == 0 or (s.terminal.dead and self.rng.random() < .8):
            s = self.session = Session(self.rng, self)
            self.lines.append(f"I {s.ifsc} {int(s.with_crc)}\n")
        s.left -= 1
        self.ran.clear()
        if self.rng.random() < .05:
            ifsd = self.rng.choice((1, 32, 64, 254))
            self.command = None
            came, did, end = s.exchange(s.terminal.tell(ifsd))
            head = f"F {ifsd} "
        else:
            self.command = self.command_of()
            came, did, end = s.exchange(s.terminal.start(self.command))
            head = f"C {self.command.hex()} "
            if not s.lies:
                self.judge(end)
        self.lines.append(head + " ".join(came) + "\n")
        self.expected.append("".join(did))
        self.done[("ifs " if head[0] == "F" else "") + end[0] + (" (lies)" if s.lies else "")] += 1
        self.done["blocks"] += len(came)

    def judge(self, end):
        if len(self.ran) > 1:
            sys.exit(f"ran {len(self.ran)} times: {self.command.hex()}")
        if end[0] == "done" and (len(self.ran) != 1 or end[1] != answer_to(self.command)):
            sys.exit(f"done, but not with its own answer: {self.command.hex()}: {end[1].hex()}")

    def compare(self):
        done = subprocess.run([self.args.program], input="".join(self.lines), stdout=subprocess.PIPE, text=True,
                              check=True)
        said = done.stdout.splitlines()
        asked = [line for line in self.lines if line[0] != "I"]
        assert len(said) == len(asked) == len(self.expected)
        for line, mine, told in zip(asked, self.expected, said):
            if mine.rstrip() != told.rstrip():
                sys.exit(f"not the same\nline  {line}model {mine}\nt1.c  {told}")
        self.reset()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=MET)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    world, begin, n = World(args), time.monotonic(), 0
    while n < args.count:
        for _ in range(min(BATCH, args.count - n)):
            world.step()
            n += 1
        world.session = None
        world.compare()
    print(f"{n} exchanges, {time.monotonic() - begin:.0f} s")
    for word, many in sorted(world.done.items()):
        print(f"{many:9} {word}")
    if n >= MET:
        never = [what for what in EVENTS + ENDS if not world.done[what]]
        assert not never, f"never came: {never}"


if __name__ == "__main__":
    main()
