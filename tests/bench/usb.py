# SPDX-License-Identifier: EUPL-1.2
"""run bench usb: what an APDU costs on the bus and in time, by vitaled-usb and by pcscd with libccid, on the same
emulated reader in the same run. Prints figures and ratios; asserts nothing. README.md says how to read them."""
import argparse
import contextlib
import os
import statistics
import tempfile
import time

import usb_bench
from bed import Bed, personalise, wait_for
from terminal import SHARED, T0, Terminal
from usb_bench import CARD_IN, CARD_OUT, DONE, LISTED, Link

CHALLENGE, READ = "0084000008", "00A4000C023F00"
MODELS = ("tpdu", "short", "extended", "character")
COUNT, RUNS, MOVES, IDLE = 200, 5, 5, 6.0


def difference(before, after):
    """(bulk URBs, bulk bytes, interrupt URBs, control URBs) of reader 0 between two counts."""
    b, a = before[0], after[0]
    return (sum(a[p][0] - b[p][0] for p in ("out", "in")), sum(a[p][1] - b[p][1] for p in ("out", "in")),
            a["interrupt"][0] - b["interrupt"][0], a["control"] - b["control"])


def steady(measure):
    """Medians of RUNS of (seconds an APDU, ...)."""
    return [statistics.median(column) for column in zip(*(measure() for _ in range(RUNS)))]


class Usb:
    """vitaled-usb by its socket."""

    label = "vitaled-usb"

    def __init__(self, bed, model):
        self.bed, self.names = bed, [n for _, _, n in usb_bench.names(model)]
        self.stack = contextlib.ExitStack()
        bed.start_usb()
        self.watch = self.stack.enter_context(Link(bed.path("usb/socket")))
        self.watch.watch()
        while self.watch.event()[0] != LISTED:
            pass
        self.link = self.stack.enter_context(Link(bed.path("usb/socket")))
        wait_for(lambda: self.link.attach(self.names[1])[0] == DONE)

    def send(self, command):
        outcome, _ = self.link.transmit(bytes.fromhex(command))
        if outcome != DONE:
            raise RuntimeError(f"{command}: outcome {outcome}")

    def repeat(self, command, times):
        before = time.monotonic()
        for _ in range(times):
            self.send(command)
        return time.monotonic() - before

    def seen(self, present):
        """Wait until slot 0 has a card, or has not; when that was."""
        while True:
            op, body = self.watch.event()
            if op == (CARD_IN if present else CARD_OUT) and body[usb_bench.TAG_READER].decode() == self.names[0]:
                return time.monotonic()

    def rest(self):
        self.link.socket.close()

    def end(self):
        self.stack.close()
        self.bed.end("vitaled-usb")


class Pcscd:
    """pcscd and libccid, by libpcsclite."""

    label = "pcscd + libccid"

    def __init__(self, bed, model):
        self.bed = bed
        bed.start_pcscd()
        self.card, self.moves = Terminal(bed), Terminal(bed)
        self.names = wait_for(lambda: len(self.card.readers()) == 2 and sorted(self.card.readers()))
        self.card.connect(self.names[1], SHARED, T0)
        self.state = self.moves.states(0, {self.names[0]: 0})[self.names[0]][0]

    def send(self, command):
        self.card.send(command)

    def repeat(self, command, times):
        return self.card.repeat(command, times)

    def seen(self, present):
        while True:
            answer = self.moves.states(5, {self.names[0]: self.state})
            self.state = answer[self.names[0]][0]
            if bool(self.state & 0x20) == present:
                return answer["at"]

    def rest(self):
        self.card.disconnect(1)

    def end(self):
        for t in (self.card, self.moves):
            t.process.kill()
            t.process.wait()
        self.bed.end("pcscd", 2)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.bed.env["PCSCLITE_CSOCK_NAME"])


def apdus(side, command):
    """(seconds, bulk URBs, bulk bytes) an APDU. The other slot has no card: nobody asks after it."""
    before = side.bed.orders.counts()
    seconds = side.repeat(command, COUNT)
    urbs, size, _, _ = difference(before, side.bed.orders.counts())
    return seconds / COUNT, urbs / COUNT, size / COUNT


def moves(side):
    """Seconds from a card's coming and going to the signal."""
    found = []
    for _ in range(MOVES):
        for order, present in (("insert 0 cps4-gp", True), ("remove 0", False)):
            before = time.monotonic()
            side.bed.sim(order)
            found.append((present, side.seen(present) - before))
            time.sleep(0.3)
    return [statistics.median(t for p, t in found if p == present) for present in (True, False)]


def idle(side):
    """Transfers a minute while nothing happens, cards without a user: (bulk, interrupt, control)."""
    side.rest()
    time.sleep(6)  # whoever lets go of a card's power later does so now
    before = side.bed.orders.counts()
    time.sleep(IDLE)
    bulk, _, interrupt, control = difference(before, side.bed.orders.counts())
    return [n * 60 / IDLE for n in (bulk, interrupt, control)]


def measure(bed, kind, model):
    side = kind(bed, model)
    try:
        side.repeat(CHALLENGE, 20)
        rows = {"challenge": steady(lambda: apdus(side, CHALLENGE)), "select": steady(lambda: apdus(side, READ))}
        rows["moves"] = moves(side)
        rows["idle"] = idle(side)
        return rows
    finally:
        side.end()


def show(model, ours, theirs):
    print(f"\n{model}: a reader of two slots at this level       {Usb.label:>16} {Pcscd.label:>16}   ratio  goal")

    def row(text, a, b, goal="", form="{:.3f}"):
        ratio = f"{a / b:.2f}" if b else "-"
        print(f"  {text:<44} {form.format(a):>16} {form.format(b):>16}  {ratio:>6}  {goal}")
    for name, text in (("challenge", "GET CHALLENGE (case 2, 8 bytes)"), ("select", "SELECT (case 3)")):
        (t, u, s), (pt, pu, ps) = ours[name], theirs[name]
        row(f"{text}: milliseconds", 1000 * t, 1000 * pt, "<= 1.1")
        row(f"{text}: bulk URBs", u, pu, "<= 1")
        row(f"{text}: bulk bytes", s, ps)
    row("card in to signal: milliseconds", 1000 * ours["moves"][0], 1000 * theirs["moves"][0])
    row("card out to signal: milliseconds", 1000 * ours["moves"][1], 1000 * theirs["moves"][1])
    for i, text in enumerate(("bulk", "interrupt", "control")):
        row(f"at rest, {text} URBs a minute", ours["idle"][i], theirs["idle"][i],
            "0" if text != "interrupt" else "the pipe's only", "{:.0f}")


def main():
    p = argparse.ArgumentParser(prog="./run bench usb")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--models", default=",".join(MODELS), help="exchange levels, separated by commas")
    a = p.parse_args()
    with contextlib.ExitStack() as stack:
        personal = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "cards")
        personalise(a.build, personal, ["cps4-gp", "vitale-family"])
        print(f"APDUs of a Vitale 2 (T=0), {COUNT} at a time, medians of {RUNS} runs; the reader is emulated, and what"
              " its pipes cost is the same for both")
        for model in a.models.split(","):
            rows = []
            for kind in (Usb, Pcscd):
                bed = Bed(a.build, cards=(None, "vitale-family"), personal=personal, usb=model, usb_by="both")
                try:
                    bed.lay_out()
                    bed.start_sim()
                    bed.start_usb_bench()
                    rows.append(measure(bed, kind, model))
                finally:
                    bed.stop()
            show(model, *rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
