#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""T=0 said a second time, and held against drivers/usb/t0.c over random exchanges.

The terminal below is written from ISO/IEC 7816-3:2006 §10.3 and §12.2 as a person would do it by hand, one
character after the other; it does not know the machine's states. Where the standard leaves a choice the terminal
makes the one that drivers/usb/t0.h tells. The card has whims (waits, byte by byte, ends early, more and less
data, promises for ever), the line loses, doubles and changes characters, the reader cuts what it brings, brings
nothing, or more than it was asked for. Both must agree on every byte that is sent, on every count that is
waited for, and on the end; and everything that can happen must have happened often.

usage: t0_model.py T0-ASK [--count N] [--seed N]
"""
import argparse
import collections
import random
import subprocess
import sys

NULLS, ROUNDS = 1000, 40  # idle steps, and GET RESPONSE, in one command
BATCH = 25_000


class Broken(Exception):
    """What a card cannot say."""


class Silence(Exception):
    """The exchange stops here, and the terminal waits."""


# -- the terminal --------------------------------------------------------------------------------------------


def length(byte):
    return byte or 256


def status(byte):
    return byte >> 4 in (6, 9)


def split(command):
    """Header, data, bytes expected by this header, bytes expected in all."""
    if len(command) < 4 or command[0] == 0xFF or status(command[1]):
        raise Broken("no command")
    if len(command) == 4:
        return command + b"\0", b"", 0, 0
    header, body = command[:5], command[5:]
    if not body:
        return header, b"", length(header[4]), length(header[4])
    data, le = body[:header[4]], body[header[4]:]
    if not data or len(data) != header[4] or len(le) > 1:
        raise Broken("no command")
    return header, data, 0, length(le[0]) if le else 0


def by_characters(line, header, data, le):
    """§10.3: Data of the card, SW1, SW2."""
    ins, got = header[1], b""
    line.send(header)
    while True:
        byte = line.one(1 if data else 2)  # it may want our data; else a second character must follow
        if byte == 0x60:
            line.idle()
        elif status(byte):
            return got, byte, line.one(1)
        elif byte not in (ins, ins ^ 0xFF):
            raise Broken("procedure byte")
        elif data:
            n = len(data) if byte == ins else 1
            line.send(data[:n])
            data = data[n:]
        elif len(got) < le:
            end = le if byte == ins else len(got) + 1
            while len(got) < end:
                got += line.some(end - len(got))
        else:
            line.idle()


def by_blocks(line, header, data, le):
    """The reader does all that; CCID 1.1 §6.1.4, TPDU level."""
    line.send(header + data)
    answer = line.answer()
    if len(answer) < 2 or len(answer) - 2 > le or answer[-2] == 0x60 or not status(answer[-2]):
        raise Broken("answer")
    return answer[:-2], answer[-2], answer[-1]


def apdu(line, tpdu, header, data, le, ne):
    """§12.2: the whole answer."""
    def right(header, le, left):
        got, sw1, sw2 = tpdu(line, header, b"", le)
        if sw1 == 0x6C and not got and length(sw2) <= left:
            line.met["6CXX repeated"] += 1
            return tpdu(line, header[:4] + bytes((sw2,)), b"", length(sw2))
        return got, sw1, sw2

    got, sw1, sw2 = right(header, le, ne) if le else tpdu(line, header, data, 0)
    answer, rounds = got, 0
    while sw1 == 0x61 and len(answer) < ne:
        if rounds and not got:
            line.met["promise without data"] += 1
            raise Broken("promise")
        rounds += 1
        if rounds > ROUNDS:
            line.met["rounds without end"] += 1
            raise Broken("rounds")
        line.met["GET RESPONSE"] += 1
        n = min(length(sw2), ne - len(answer))
        got, sw1, sw2 = right(bytes((header[0] & 0xEF, 0xC0, 0, 0, n & 0xFF)), n, ne - len(answer))
        answer += got
    return answer + bytes((sw1, sw2))


# -- the card, the line and the reader -----------------------------------------------------------------------


class Card:
    """After a header: what it says, and what after each piece of data that it gets."""

    def __init__(self, rng):
        self.rng = rng
        self.endless = rng.random() < .004  # always one byte, and always one more
        self.waits = rng.random() < .15

    def under(self, n):
        return int(self.rng.random() * n)

    def nulls(self):
        return b"\x60" * self.under(4) if self.waits else b""

    def sw(self):
        p = self.rng.random()
        if self.endless:
            return b"\x61\x01"
        if p < .4:
            return b"\x90\x00"
        if p < .62:
            return bytes((0x61, self.under(12) if p < .6 else self.under(256)))
        if p < .8:
            return bytes((0x6C, self.under(12) if p < .78 else self.under(256)))
        if p < .95:
            return (b"\x6A\x82", b"\x62\x82", b"\x98\x40", b"\x67\x00", b"\x63\xC2", b"\x90\x60")[self.under(6)]
        return bytes(((0x60, 0x90)[self.under(2)] + 1 + self.under(15), self.under(256)))

    def takes(self, ins, n):
        """Data of @n bytes: by single bytes, then all, or an end before it."""
        singles = self.under(n + 1) if self.rng.random() < .3 else 0
        said = [self.nulls() + bytes((ins ^ 0xFF,)) for _ in range(singles)]
        if singles < n and self.rng.random() < .85:
            said.append(self.nulls() + bytes((ins,)))
        return said + [self.nulls() + self.sw()]

    def gives(self, ins, n):
        singles = self.under(min(n, 30) + 1) if self.rng.random() < .3 else 0
        data = self.rng.randbytes(n)
        said = b"".join(self.nulls() + bytes((ins ^ 0xFF, b)) for b in data[:singles])
        if singles < n and (singles == 0 or self.rng.random() < .7):
            said += self.nulls() + bytes((ins,)) + data[singles:]
        return [said + self.nulls() + self.sw()]

    def hears(self, header, n_in):
        """n_in: data that the terminal holds ready."""
        ins, p = header[1], self.rng.random()
        if p < .12 and not self.endless:
            return [self.nulls() + self.sw()]
        if n_in:
            return self.takes(ins, n_in)
        if p < .96 or self.endless:
            return self.gives(ins, length(header[4]))
        if p < .965:
            return [b"\x60" * 1100 if p < .9625 else bytes((ins,)) * 1100]
        return [bytes((ins,)) * self.under(3) + self.sw()]

    def block(self, le):
        p = self.rng.random()
        n = le if p < .5 or self.endless else self.under(le + 1) if p < .6 else 0 if p < .96 else self.under(260)
        return self.rng.randbytes(n) + (self.sw() if p < .97 else self.rng.randbytes(2))


class Line:
    def __init__(self, rng, met, card, le):
        self.rng, self.met, self.card, self.le = rng, met, card, le
        self.noisy = rng.random() < .25
        self.cutting = rng.random() < .3
        self.held = 0  # data that the terminal has not sent yet, by the card's account
        self.sent = self.coming = self.here = b""
        self.says, self.idles = [], 0
        self.told, self.brought = [], []

    def send(self, data):
        self.sent += data

    def idle(self):
        self.idles += 1
        if self.idles > NULLS:
            self.met["waits without end"] += 1
            raise Broken("idle")

    def tell(self, least):
        self.told.append(f"S {least} {self.sent.hex() or '-'} ")

    def spoil(self, data):
        """Loses, doubles or changes a character."""
        at = int(self.rng.random() * len(data))
        p = self.rng.random()
        self.met["lost" if p < .3 else "doubled" if p < .6 else "changed"] += 1
        middle = b"" if p < .3 else data[at:at + 1] * 2 if p < .6 else self.rng.randbytes(1)
        return data[:at] + middle + data[at + 1:]

    def carry(self):
        """What was sent reaches the card, which says something."""
        if self.says is None or (len(self.sent) == 5 and not self.says):
            self.says = self.card.hears(self.sent, self.held)
            self.held = 0
        self.sent = b""
        said = self.says.pop(0) if self.says else b""
        self.coming += self.spoil(said) if said and self.noisy and self.rng.random() < .3 else said

    def bring(self, least):
        self.tell(least)
        if self.sent:
            self.carry()
        n = min(least, len(self.coming))
        if self.cutting:
            p = self.rng.random()
            n = int(p * 2 * (n + 1)) if p < .5 else n
            if p > .97 and len(self.coming) > least:
                self.brought.append(self.coming[:least + 1].hex())
                self.met["more than asked"] += 1
                raise Broken("more than asked")
        if n == 0 and not self.coming and self.rng.random() < .7:
            self.met["silence"] += 1
            raise Silence
        self.here, self.coming = self.coming[:n], self.coming[n:]
        self.brought.append(self.here.hex() or "-")
        if n == 0:
            self.idle()

    def some(self, n):
        """Of @n characters as many as are here, at least one; two follow them in any case."""
        while not self.here:
            self.bring(n + 2)
        found, self.here = self.here[:n], self.here[n:]
        return found

    def one(self, least):
        while not self.here:
            self.bring(least)
        byte = self.here[0]
        self.here = self.here[1:]
        return byte

    def answer(self):
        self.tell(0)
        header, self.sent = self.sent[:5], b""
        if self.rng.random() < .02:
            self.met["silence"] += 1
            raise Silence
        le = self.le if self.le is not None else length(header[4])
        self.le = None  # of what follows, GET RESPONSE or a repetition: its P3
        answer = self.card.block(le)
        if answer and self.noisy:
            answer = self.spoil(answer)
        self.brought.append(answer.hex() or "-")
        return answer


# -- exchanges -------------------------------------------------------------------------------------------------


def command_of(rng, endless):
    p = rng.random()
    short = rng.random() < .93
    n = int(rng.random() * 9 + 1 if short else rng.random() * 255 + 1)
    le = 0 if rng.random() < .3 else int(rng.random() * 12 if short else rng.random() * 256)
    cla = (0x00, 0x80, 0x0C, 0x10, 0x1C)[int(rng.random() * 5)]
    ins = (0xA4, 0xB0, 0xC0, 0x20, 0x88)[int(rng.random() * 5)] if rng.random() < .9 else int(rng.random() * 256)
    head = bytes((cla, ins)) + rng.randbytes(2)
    if endless:
        return head + b"\x01\xAA\x00"
    if p < .1:
        return head
    if p < .4:
        return head + bytes((le,))
    if p < .55:
        return head + bytes((n,)) + rng.randbytes(n)
    if p < .98:
        return head + bytes((n,)) + rng.randbytes(n) + bytes((le,))
    if p < .982:
        return b"\xFF" + head[1:]
    if p < .985:
        return head + b"\0" + rng.randbytes(int(rng.random() * 3 + 1))
    return rng.randbytes(int(rng.random() * 12)) if p < .99 else head + bytes((n,)) + rng.randbytes(n + 2)


def exchange(rng, met):
    """A line for the program, and what it must answer."""
    card = Card(rng)
    command = command_of(rng, card.endless)
    characters, whole = rng.random() < .75, rng.random() < .7 or card.endless
    name = ("characters " if characters else "blocks ") + ("APDU " if whole else "TPDU ")
    line = Line(rng, met, card, None)
    try:
        header, data, le, ne = split(command)
        line.le, line.held, line.says = le, len(data), None
        tpdu = by_characters if characters else by_blocks
        if whole:
            answer = apdu(line, tpdu, header, data, le, ne)
        else:
            got, sw1, sw2 = tpdu(line, header, data, le)
            answer = got + bytes((sw1, sw2))
        end = "D " + answer.hex()
    except Silence:
        end = "W"
    except Broken:
        end = "X"
    met[name + end[0]] += 1
    how = ("c" if characters else "b") + (" a " if whole else " t ")
    return " ".join([how + (command.hex() or "-"), *line.brought]) + "\n", "".join(line.told) + end


EXPECTED = {f"{level} {whole} {end}" for level in ("characters", "blocks") for whole in ("APDU", "TPDU") for end in "DWX"}
EXPECTED |= {"6CXX repeated", "promise without data", "rounds without end", "GET RESPONSE", "waits without end", "lost",
             "doubled", "changed", "more than asked", "silence"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    args = parser.parse_args()
    print(f"seed {args.seed}, {args.count} exchanges", flush=True)
    rng, met = random.Random(args.seed), collections.Counter()
    for start in range(0, args.count, BATCH):
        pairs = [exchange(rng, met) for _ in range(min(BATCH, args.count - start))]
        done = subprocess.run([args.program], input="".join(p[0] for p in pairs), stdout=subprocess.PIPE, text=True,
                              check=True)
        said = done.stdout.splitlines()
        assert len(said) == len(pairs)
        for (asked, mine), told in zip(pairs, said):
            if mine != told:
                sys.exit(f"the exchange {asked}t0.c:  {told}\nmodel: {mine}")
    for name, n in sorted(met.items()):
        print(f"{n:8} {name}")
    never = [name for name in EXPECTED if met[name] * 20_000 < args.count]
    assert not never, f"came up too seldom: {never}"


if __name__ == "__main__":
    main()
