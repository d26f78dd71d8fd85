# SPDX-License-Identifier: EUPL-1.2
"""run bench usb: what an APDU costs on the bus and in time, by vitaled-usb and by pcscd with libccid, on emulated
readers of one model in the same run. Prints figures and ratios; asserts nothing. README.md says how to read them."""
import argparse
import contextlib
import ctypes
import os
import statistics
import subprocess
import tempfile
import time

import usb_bench
from bed import Bed, personalise, wait_for
from terminal import Terminal
from usb_bench import CARD_IN, CARD_OUT, LISTED, Link

CHALLENGE, READ = "0084000008", "00A4000C023F00"
MODELS = ("tpdu", "short", "extended", "character")
PR_SET_TIMERSLACK = 29  # linux/prctl.h
TURN, TURNS, RUNS, MOVES, IDLE = 10, 20, 5, 5, 6.0


def difference(before, after):
    """(bulk URBs, bulk bytes, interrupt URBs, control URBs) of reader 0 between two counts."""
    b, a = before[0], after[0]
    return (sum(a[p][0] - b[p][0] for p in ("out", "in")), sum(a[p][1] - b[p][1] for p in ("out", "in")),
            a["interrupt"][0] - b["interrupt"][0], a["control"] - b["control"])


class Apdus:
    """peers/apdus.c: who sends APDUs to slot 1 by one of the ways."""

    def __init__(self, bed, way, reader):
        program = os.path.join(bed.build, "tests/bench/peers/apdus")
        env = bed.env | {"VITALED_USB_SOCKET": bed.path("usb/socket")}
        self.process = subprocess.Popen([program, way, reader], env=env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.line()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("apdus ended")
        return line

    def repeat(self, command, times):
        """Seconds."""
        self.process.stdin.write(f"{times} {command}\n")
        self.process.stdin.flush()
        return float(self.line())

    def end(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise RuntimeError("apdus failed")


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
        self.apdus = Apdus(bed, "usb", self.names[1])

    def seen(self, present):
        """Wait until slot 0 has a card, or has not; when that was."""
        while True:
            op, body = self.watch.event()
            if op == (CARD_IN if present else CARD_OUT) and body[usb_bench.TAG_READER].decode() == self.names[0]:
                return time.monotonic()

    def end(self):
        self.stack.close()
        self.bed.end("vitaled-usb")


class Pcscd:
    """pcscd and libccid, by libpcsclite."""

    label = "pcscd + libccid"

    def __init__(self, bed, model):
        self.bed = bed
        bed.start_pcscd()
        self.moves = Terminal(bed)
        self.names = wait_for(lambda: len(self.moves.readers()) == 2 and sorted(self.moves.readers()))
        self.apdus = Apdus(bed, "pcsc", self.names[1])
        self.state = self.moves.states(0, {self.names[0]: 0})[self.names[0]][0]

    def seen(self, present):
        while True:
            answer = self.moves.states(5, {self.names[0]: self.state})
            self.state = answer[self.names[0]][0]
            if bool(self.state & 0x20) == present:
                return answer["at"]

    def end(self):
        self.moves.process.kill()
        self.moves.process.wait()
        self.bed.end("pcscd", 2)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.bed.env["PCSCLITE_CSOCK_NAME"])


def apdus(sides, command):
    """Per side (seconds, bulk URBs, bulk bytes) an APDU. They take turns, so that what else the machine does hits
    both. The other slot has no card: nobody asks after it."""
    before = [side.bed.orders.counts() for side in sides]
    seconds = [0.0] * len(sides)
    for _ in range(TURNS):
        for i, side in enumerate(sides):
            seconds[i] += side.apdus.repeat(command, TURN)
    found = []
    for side, began, spent in zip(sides, before, seconds):
        urbs, size, _, _ = difference(began, side.bed.orders.counts())
        found.append([n / (TURN * TURNS) for n in (spent, urbs, size)])
    return found


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
    side.apdus.end()
    time.sleep(6)  # whoever lets go of a card's power later does so now
    before = side.bed.orders.counts()
    time.sleep(IDLE)
    bulk, _, interrupt, control = difference(before, side.bed.orders.counts())
    return [n * 60 / IDLE for n in (bulk, interrupt, control)]


def in_turn(sides, command):
    """Per side the median of RUNS of (seconds an APDU, ...), and the sorted ratios of the runs' seconds."""
    for side in sides:
        side.apdus.repeat(command, 20)
    runs = [apdus(sides, command) for _ in range(RUNS)]
    rows = [[statistics.median(column) for column in zip(*mine)] for mine in zip(*runs)]
    return rows, sorted(ours[0] / theirs[0] for ours, theirs in runs)


def measure(sides):
    rows = [{}, {}]
    ratios = {}
    for name, command in (("challenge", CHALLENGE), ("select", READ)):
        both, ratios[name] = in_turn(sides, command)
        for row, mine in zip(rows, both):
            row[name] = mine
    for row, side in zip(rows, sides):
        row["moves"] = moves(side)
        row["idle"] = idle(side)
    return (*rows, ratios)


def play(build, personal, model):
    """Both ways, each with an emulated reader of its own."""
    with contextlib.ExitStack() as stack:
        sides = []
        for kind in (Usb, Pcscd):
            bed = Bed(build, cards=(None, "vitale-family"), personal=personal, usb=model, usb_by="both")
            stack.callback(bed.stop)
            bed.lay_out()
            bed.start_sim()
            bed.start_usb_bench()
            sides.append(kind(bed, model))
            stack.callback(sides[-1].end)
        return measure(sides)


def show(model, ours, theirs, ratios):
    print(f"\n{model}: a reader of two slots at this level       {Usb.label:>16} {Pcscd.label:>16}   ratio  goal")

    def row(text, a, b, goal="", form="{:.3f}", ratios=None):
        ratio = "-"
        if ratios:
            ratio, goal = f"{statistics.median(ratios):.2f}", f"{goal} (runs: {ratios[0]:.2f} to {ratios[-1]:.2f})"
        elif b:
            ratio = f"{a / b:.2f}"
        print(f"  {text:<44} {form.format(a):>16} {form.format(b):>16}  {ratio:>6}  {goal}")
    for name, text in (("challenge", "GET CHALLENGE (case 2, 8 bytes)"), ("select", "SELECT (case 3)")):
        (t, u, s), (pt, pu, ps) = ours[name], theirs[name]
        row(f"{text}: milliseconds", 1000 * t, 1000 * pt, "<= 1.1", ratios=ratios[name])
        row(f"{text}: bulk URBs", u, pu, "<= 1")
        row(f"{text}: bulk bytes", s, ps)
    row("card in to signal: milliseconds", 1000 * ours["moves"][0], 1000 * theirs["moves"][0])
    row("card out to signal: milliseconds", 1000 * ours["moves"][1], 1000 * theirs["moves"][1])
    for i, text in enumerate(("bulk", "interrupt", "control")):
        row(f"at rest, {text} URBs a minute", ours["idle"][i], theirs["idle"][i],
            "0" if text != "interrupt" else "the pipe's only", "{:.0f}")


def no_timer_slack():
    """For all programs started from here on. umockdev sleeps "0 ns" after each call of a device node: with the usual
    slack 50 us and more, which a program with a second thread (pcscd) hides and one with a single thread does not."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_TIMERSLACK")


def main():
    p = argparse.ArgumentParser(prog="./run bench usb")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--models", default=",".join(MODELS), help="exchange levels, separated by commas")
    a = p.parse_args()
    no_timer_slack()
    with contextlib.ExitStack() as stack:
        personal = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "cards")
        personalise(a.build, personal, ["cps4-gp", "vitale-family"])
        print(f"APDUs of a Vitale 2 (T=0), {TURN} at a time by turns, {TURNS} turns a run, medians of {RUNS} runs; no timer slack; the readers"
              " are emulated, and what their pipes cost is the same for both")
        for model in a.models.split(","):
            show(model, *play(a.build, personal, model))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
