# SPDX-License-Identifier: EUPL-1.2
"""Cards that come, go, are exchanged and torn out at random moments, thousands of times, while sessions
of several users run on three pairs of readers. Nothing may be left of it: no process, descriptor or
memory; the record is whole, and every session has ended with the right reason.

Right means that its cause can be shown. The simulator tells every card that comes or leaves with its
time, before anybody can have noticed (`follow cards`); the record has the time of every end. Each player
begins anew from time to time: both cards out, until the service shows that it knows; two others in, until
they are recognised. Whatever ends a session must have happened after the last such moment before the
session was opened, and before its end. No duration is compared, so a slow machine changes nothing."""
import collections
import contextlib
import os
import random
import re
import socket
import sys
import threading
import time
import traceback

from actor import LATE, BusError
from bed import wait_for
from conftest import audit_is_whole, is_empty, pids, profiles, reader_at, running, shown

NAMES = ("counter", "office", "ward")
PAIRS = "".join(f"[pair {name}]\nprofessional-reader = Vitale Sim 0{n} 00\npatient-reader = Vitale Sim 0{n} 01\n"
                for n, name in enumerate(NAMES))
# No card is in two readers at a time: each pair has its own.
PROFESSIONALS = (("cps4-gp", "cps3-nurse"), ("cps3-gp", "cps4-pharmacist"), ("cps4-nurse", "cps3-midwife"))
PATIENTS = (("vitale-family", "vitale-single", "vitale-lunar"), ("vitale-children", "vitale-fa", "vitale-latin1"),
            ("vitale-corsica", "vitale-mask-44", "vitale-provisional"))
OTHERS = (("unknown", "vitale-1", "cps4-expired"), ("cps2ter", "vitale-1-bull", "cps3-expired"),
          ("cps4-revoked", "vitale-1-scot", "vitale-expired"))  # now and then, in either slot
ENDS_BY_CARD = {
    "card-unknown": {"unknown"},
    "card-unsupported": {"vitale-1", "vitale-1-bull", "vitale-1-scot", "cps2ter"},
    "card-expired": {"cps4-expired", "cps3-expired", "vitale-expired"},
    "card-opposed": {"cps4-revoked"},
    "no-own-identity": {"vitale-lunar"},  # born in no month of the calendar: the number proves nobody
    "not-permitted": {"cps3-midwife"},  # a CPE feeds, and neither consults nor creates
}
# A card that leaves while it is powered up is silent before it is gone; and pcscd 1.9.9 may take the empty
# reader for one that holds such a card until the next one comes. Only where a card did leave; counted.
SILENT = "card-broken"
ENDED = ("refused", "locked", "failed")
USERS = ("vdapp", "vdother")
PAUSE = 0.8  # seconds between two sessions of a user: more calls the service would not record for long
LAG = 10  # seconds: a card that is out for so long is not merely noticed late, it is not noticed
STUCK = 60  # seconds without a move or the end of a session


class Worker(threading.Thread):
    """A thread whose failure is told by the test, and that the test ends."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.random, self.over, self.failure = random.Random(seed), False, None

    def run(self):
        try:
            while not self.over and self.once() is not False:
                pass
        except Exception:
            self.failure = traceback.format_exc()


class Timeline(Worker):
    """Which card was in which slot and when, as the simulator tells it."""

    def __init__(self, bed, slots):
        super().__init__(0)
        self.slots = [[] for _ in range(slots)]  # (CLOCK_MONOTONIC seconds, card or None)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(bed.sim.path)
        self.socket.sendall(b"follow cards\n")
        self.lines = self.socket.makefile()
        assert self.lines.readline().startswith("ok")
        self.start()

    def once(self):
        with contextlib.suppress(OSError, ValueError):
            line = self.lines.readline()
            if line:
                what, slot, name, at = line.split()
                self.slots[int(slot)].append((int(at) / 1e6, name if what == "in" else None))
                return True
        return False

    def outs(self, slot, after, until):
        """When cards left in that time."""
        return [at for at, name in self.slots[slot] if name is None and after < at <= until]

    def cards(self, slot, after, until):
        """Those that were in at some moment of that time."""
        found, last = set(), None
        for at, name in self.slots[slot]:
            if at > until:
                break
            if at > after:
                found |= {last, name}
            last = name
        return (found | {last}) - {None}

    def empty_since(self, slot, at):
        """When the slot was left before @at and not filled since, or None."""
        before = [e for e in self.slots[slot] if e[0] <= at]
        return before[-1][0] if before and before[-1][1] is None else None


class Player(Worker):
    """Somebody who plays with the cards of one pair of readers."""

    def __init__(self, bed, actor, pair, seed, times):
        super().__init__(seed)
        self.bed, self.actor, self.pair, self.times = bed, actor, pair, times
        self.slots = (2 * pair, 2 * pair + 1)  # professional's, patient's
        self.readers = [reader_at(actor, f"0{pair} 0{n}") for n in (0, 1)]
        self.done, self.begun, self.armed = collections.Counter(), [], set()

    def once(self):
        self.begin()
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 3, 5, 8))):
            slot = self.random.choice(self.slots)
            what = self.random.choices(("remove", "replace", "tear", "bounce"), (25, 25, 40, 10))[0]
            with contextlib.suppress(RuntimeError):  # the card has just been torn out, or has just come back
                getattr(self, what)(slot)
            time.sleep(self.random.expovariate(1 / 0.05))
        time.sleep(self.random.random() * self.random.choice((0.2, 1, 2)))
        return self.times > 0

    def count(self, what):
        self.times -= 1
        self.done[what] += 1

    def begin(self):
        """No card, until the service knows; then two, until it knows these."""
        for slot in self.slots:
            self.torn(slot)
            self.bed.sim(f"normal {slot}")
            self.armed.discard(slot)
            if self.is_in(slot):
                self.bed.sim(f"remove {slot}")
                self.count("removals")
            else:
                self.bed.sim(f"remove {slot}")  # one that is on its way back does not come
        for _ in range(2):  # a change that was under way has arrived by the second time
            wait_for(lambda: all(self.is_empty(r) for r in self.readers), STUCK, 0.01)
            time.sleep(0.02)
        for slot in self.slots:
            self.bed.sim(f"insert {slot} {self.random.choice((PATIENTS if slot % 2 else PROFESSIONALS)[self.pair])}")
            self.count("insertions")
        for reader in self.readers:
            wait_for(lambda r=reader: self.is_known(r), STUCK, 0.01)
        self.begun.append(time.monotonic())

    def is_empty(self, reader):
        """Or holds what pcscd takes for a card that does not answer."""
        with contextlib.suppress(BusError):
            card = self.actor.get(reader, "Reader", "Card")
            return card == "/" or self.actor.get(card, "Card", "Kind") == "mute"
        return False

    def is_known(self, reader):
        with contextlib.suppress(BusError):
            return self.actor.get(self.actor.get(reader, "Reader", "Card"), "Card", "Kind") not in ("unknown", "mute")
        return False

    def card(self, slot):
        if self.random.random() < 0.05:
            return self.random.choice(OTHERS[self.pair])
        return self.random.choice((PATIENTS if slot % 2 else PROFESSIONALS)[self.pair])

    def is_in(self, slot):
        return not self.bed.sim("list").split()[slot].endswith("=-")

    def torn(self, slot):
        """Whether what was armed has happened; then it is a move."""
        if slot in self.armed and "tear=" not in self.bed.sim(f"faults {slot}"):
            self.armed.discard(slot)
            self.count("tear-outs")

    def insert(self, slot):
        if not self.is_in(slot):
            self.bed.sim(f"insert {slot} {self.card(slot)}")
            self.count("insertions")

    def remove(self, slot):
        if self.is_in(slot):
            self.bed.sim(f"remove {slot}")
            self.count("removals")
            time.sleep(self.random.random() * self.random.choice((0.005, 0.05, 0.3)))
        self.insert(slot)

    def replace(self, slot):
        self.bed.sim(f"replace {slot} {self.card(slot)}")
        self.count("replacements")

    def tear(self, slot):
        """In the middle of a command, some commands from now; another card, the same, or none follows."""
        self.torn(slot)
        self.insert(slot)
        if slot not in self.armed:
            nth, later = self.random.randint(1, 40), self.random.choice((0, 0, 10, 60, 300))
            after = f"tear {slot} {nth}" if self.random.random() < 0.2 else \
                f"tear-insert {slot} {nth} {self.card(slot)} {later}"
            self.bed.sim(after)
            self.armed.add(slot)

    def bounce(self, slot):
        if self.is_in(slot):
            self.bed.sim(f"bounce {slot} {self.random.randint(1, 300)}")
            self.count("bounces")
            time.sleep(0.3)


class Life:
    """What the user of one session did and saw; the record's part is added at the end."""

    def __init__(self, pair, mode, wait):
        self.pair, self.mode, self.wait = pair, mode, wait
        self.before, self.asked, self.end, self.path, self.patient = time.monotonic(), None, None, None, None
        self.opened, self.unlocked, self.ended, self.outcome, self.state = None, None, None, None, None
        self.consents, self.entries = [], []

    def __str__(self):
        return f"{self.path} {self.mode} at {NAMES[self.pair]} {self.opened} to {self.ended}: {self.end}"


class User(Worker):
    """Opens one session after the other at a pair, as an application does, and remembers them."""

    def __init__(self, actor, pair, seed):
        super().__init__(seed)
        self.actor, self.pair, self.lives, self.late = actor, pair, [], 0

    def once(self):
        identity, wait = self.random.random() < 0.2, self.random.random() < 0.5
        options = {"mode": "identity"} if identity else {"intent": ["consult", "create"]}
        if wait:
            options["wait"] = {"b": True}
        life = Life(self.pair, "identity" if identity else "normal", wait)
        try:
            life.path = self.actor.open(pair=NAMES[self.pair], **options)
        except BusError as e:
            self.late += LATE in str(e)
            assert e.short == "LimitsExceeded" or LATE in str(e), e
            time.sleep(1)
            return
        self.live(life, time.monotonic() + self.random.random() * 2)
        life.asked = time.monotonic()
        self.actor.call("Lock", path=life.path, interface="Session")
        life.end = self.actor.ended(life.path)
        self.actor.call("Release", path=life.path, interface="Session")
        self.lives.append(life)
        with self.actor.wake:
            del self.actor.events[:]
        time.sleep(PAUSE * self.random.random() * 2)

    def live(self, life, until):
        """Until it ends, or is unlocked and has been used for a while, or takes too long."""
        if self.see(life.path, until, "unlocked") != "unlocked":
            return
        with contextlib.suppress(BusError):  # it has just ended
            life.patient = self.actor.call("GetPatient", path=life.path, interface="Session")
            if life.mode == "normal" and self.actor.get(life.path, "Dossier", "State") == "absent":
                self.actor.call("Create", {"a{sv}": {}}, path=life.path, interface="Dossier")
        self.see(life.path, time.monotonic() + self.random.random() * self.random.choice((0.1, 1)))

    def see(self, path, until, *states):
        """Wait for the session's end, one of these states or that time; its last state."""
        with self.actor.wake:
            while True:
                told = [e["changed"]["State"] for e in self.actor.events
                        if e["event"] == "properties" and e["path"] == path and "State" in e["changed"]]
                left = until - time.monotonic()
                if left <= 0 or told and told[-1] in (*ENDED, *states):
                    return told[-1] if told else None
                self.actor.wake.wait(left)


class Judge:
    """Whether a session's end has a cause in what was done to its cards, by its user or by the agent."""

    def __init__(self, timeline, players, lives, refused, ghosts):
        self.ghosts, self.silent = ghosts, 0
        self.timeline, self.players, self.lives, self.refused = timeline, players, lives, refused
        self.people = profiles()
        self.owners = {}  # pseudonym: who
        self.single, self.latest = 0, 0.0

    def wrong(self, life):
        """None, or what is wrong with it."""
        since = max((t for t in self.players[life.pair].begun if t <= life.before), default=0)
        professional, patient = self.players[life.pair].slots
        mine = (patient,) if life.mode == "identity" else (professional, patient)
        outs = {slot: self.timeline.outs(slot, since, life.ended) for slot in mine}
        cards = set().union(*(self.timeline.cards(slot, since, life.ended) for slot in mine))
        reason = life.outcome
        if life.end != (life.state, reason):
            return "the user was told another end than the record"
        if reason in ENDS_BY_CARD:
            right = bool(ENDS_BY_CARD[reason] & cards)
        elif reason == SILENT:
            right = any(outs.values())
            self.silent += right
        elif reason == "card-replaced":  # back before the watch could tell that it was out
            right = any(outs.values())
        elif reason == "patient-card-removed":
            right = bool(outs[patient])
            self.single += sum(len(o) for o in outs.values()) == 1
        elif reason == "professional-card-removed":
            right = bool(outs.get(professional))
            self.single += sum(len(o) for o in outs.values()) == 1
        elif reason in ("released", "cancelled"):
            right = life.ended >= life.asked and bool(life.unlocked) == (reason == "released")
        elif reason == "busy":
            right = not life.wait and any(o is not life and o.pair == life.pair and o.opened < life.ended and
                                          o.ended > life.opened for o in self.lives)
        elif reason == "consent-refused":
            right = life.path in self.refused
        else:
            return "no reason that anything here can lead to"
        if not right:
            return f"nothing has happened that leads there: left {outs}, in {cards}"
        return self.wrong_release(life, since, mine) if life.unlocked else None

    def wrong_release(self, life, since, mine):
        """Of a session that was unlocked: by consent, for the person and the professional whose cards
        were in, and not on when a card was out."""
        professional, patient = self.players[life.pair].slots
        if life.mode == "normal" and (life.consents != ["ok"] or life.path in self.refused):
            return f"unlocked without consent: {life.consents}"
        names = [self.people[c]["people"][0] for c in self.timeline.cards(patient, since, life.unlocked)
                 if self.people[c].get("people")]
        if life.patient and not any(life.patient["surname"] == p["surname"] and life.patient["given"] == p["given"]
                                    for p in names):
            return f"{life.patient['surname']} was not on a card that was in: {names}"
        told = {e["pseudonym"] for e in life.entries if "pseudonym" in e}
        if len(told) > 1 or life.patient and told and \
                self.owners.setdefault(told.pop(), life.patient["surname"]) != life.patient["surname"]:
            return "a pseudonym of two people"
        here = {self.people[c]["professional"]["id"] for c in self.timeline.cards(professional, since, life.unlocked)
                if "professional" in self.people[c]}
        acted = {e["professional"] for e in life.entries if "professional" in e}
        if life.mode == "normal" and not (len(acted) == 1 and any(a in h or h in a for a in acted for h in here)):
            return f"by {acted}, in were {here}"
        return self.wrong_times(life, mine)

    def wrong_times(self, life, mine):
        late = [life.ended - at for slot in mine for at in self.timeline.outs(slot, life.unlocked, life.ended)]
        blind = [life.unlocked - at for slot in mine if (at := self.timeline.empty_since(slot, life.unlocked))]
        self.latest = max(self.latest, *late, *blind, 0)
        return f"unlocked while a card was out for {self.latest:.1f} s" if max((*late, *blind, 0)) > LAG else None


class Figures:
    """Memory, descriptors and processes of the broker, of pcscd (with the driver) and of the simulator."""

    def __init__(self, bed):
        self.bed, self.broker = bed, pids("vitaled")[0]
        with open(f"/proc/{self.broker}/maps", encoding="ascii", errors="replace") as f:
            self.sanitized = "libclang_rt.asan" in (maps := f.read()) or "libasan" in maps
        self.sanitized |= os.path.getsize(bed.program("vitaled")) > 8 << 20

    def pid(self, name):
        return self.broker if name == "vitaled" else self.bed.processes[name].pid

    def memory(self, name="vitaled"):
        """kB of its own (RssAnon)."""
        with open(f"/proc/{self.pid(name)}/status", encoding="ascii") as f:
            return int(next(line for line in f if line.startswith("RssAnon")).split()[1])

    def descriptors(self, name="vitaled"):
        """Of the broker without the two of a process that waits for a dossier."""
        waiting = [p for p, comm in running() if comm == "vitaled-dossier" and is_empty(p)]
        return len(os.listdir(f"/proc/{self.pid(name)}/fd")) - (2 * len(waiting) if name == "vitaled" else 0)

    def zombies(self):
        """Dead children that the broker has not waited for."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
                if state == "Z" and int(parent) == self.broker:
                    found.append(pid)
        return found

    def settle(self):
        """Everybody is done, no card is in: only the broker, the watch and who waits are left."""
        for slot in range(2 * len(NAMES)):
            self.bed.sim(f"normal {slot}")
            self.bed.sim(f"remove {slot}")
        quiet = ["vitaled", "vitaled-card", "vitaled-card", "vitaled-watch"]

        def left():
            return sorted(comm for pid, comm in running() if comm != "vitaled-dossier" or not is_empty(pid))

        def counts():
            return {name: self.descriptors(name) for name in ("vitaled", "pcscd", "sim")}

        now = noisy = time.monotonic()
        end = now + 30
        while now - noisy < 1:  # not only while cards that just left are still being told
            seen, now = (left(), self.zombies()), time.monotonic()
            noisy = noisy if seen == (quiet, []) else now
            assert now < end, seen
            time.sleep(0.05)
        before, now = None, counts()
        while now != before:  # connections that end, and those of processes that have just been started
            time.sleep(0.5)
            before, now = now, counts()
        return {name: (self.memory(name), n) for name, n in now.items()}


def answers(seed):
    """Of an agent: mostly at once, sometimes after some thought, now and then no consent."""
    r = random.Random(seed)

    def some(word, n=20000):
        return [{"later": r.randint(1, 150), "answer": word(r)} if r.random() < 0.3 else word(r) for _ in range(n)]

    return {"pin": some(lambda r: "1234"), "choice_beneficiary": [0], "choice_structure": [0],
            "consent": some(lambda r: "refused" if r.random() < 0.03 else "given")}


def refused(agent, given):
    """Sessions whose consent this agent refused: the n-th question got the n-th answer."""
    asked = [e["session"] for e in agent.seen("consent")]
    plain = [a["answer"] if isinstance(a, dict) else a for a in given["consent"]]
    return {session for session, answer in zip(asked, plain) if answer == "refused"}


def watch(bed, figures, players, users, say, times):
    """Until all moves are made. Return: the broker's memory in the middle."""
    began, told, middle, last, moved = time.monotonic(), 0.0, None, None, time.monotonic()
    while any(p.is_alive() for p in players):
        time.sleep(0.2)
        left, now = sum(max(p.times, 0) for p in players), time.monotonic()
        broken = next((w.failure for w in (*players, *users) if w.failure), None)
        assert broken is None, broken
        assert bed.processes["vitaled"].poll() is None, "the broker ended:\n" + bed.log("vitaled")
        state = (left, sum(len(u.lives) for u in users))
        moved, last = (now, state) if state != last else (moved, last)
        assert now - moved < STUCK, "nothing moves any more:\n" + stacks(players, users) + bed.log("vitaled")
        if middle is None and left < times / 2:
            middle = figures.memory()
        if now - told > 10:
            told = now
            say(f"  {now - began:4.0f} s: {times - left} moves, {state[1]} sessions, "
                f"{sum(life.patient is not None for u in users for life in u.lives)} unlocked, {figures.memory()} kB")
    return middle


def stacks(*groups):
    frames = sys._current_frames()
    return "\n".join("".join(traceback.format_stack(frames[t.ident])) for g in groups for t in g if t.ident in frames)


def test_cards_come_and_go_for_long(make_bed, people, request, capsys):
    def say(text):
        with capsys.disabled():
            print(text, flush=True)

    full, seed = request.config.getoption("--soak"), request.config.getoption("--seed")
    times = 10000 if full else 1000
    say(f"\nsoak of cards: {times} moves, seed {seed}")
    bed = make_bed(*[None] * (2 * len(NAMES)), readers="2,2,2", config=PAIRS)
    given = [answers(seed + n) for n in (90, 91)]
    agents = [people.actor(bed, "vdagent") for _ in given]
    for agent, words in zip(agents, given):
        patiently(lambda a=agent, w=words: a.agent("pin", "professional", **w))
    wait_for(lambda: len(shown(agents[0], "Reader")) == 2 * len(NAMES))
    users = [User(people.actor(bed, USERS[n % 2]), n // 2, seed + n) for n in range(2 * len(NAMES))]
    players = [Player(bed, people.actor(bed, "vdapp"), pair, seed + 10 + pair, times // len(NAMES) + 1)
               for pair in range(len(NAMES))]
    figures = Figures(bed)
    timeline, first, began = Timeline(bed, 2 * len(NAMES)), figures.settle(), time.monotonic()
    try:
        for player in players:
            player.start()
        wait_for(lambda: all(p.begun or p.failure for p in players), STUCK)
        for user in users:
            user.start()
        middle = watch(bed, figures, players, users, say, times)
    finally:  # nobody uses the bed when it is gone
        for worker in (*players, *users):
            worker.over = True
        for worker in (*players, *users):
            if worker.ident:
                worker.join(STUCK)
    assert not any(w.is_alive() or w.failure for w in (*players, *users)), [w.failure for w in users]
    took, last = time.monotonic() - began, figures.settle()
    for slot, name in enumerate(n for names in PROFESSIONALS for n in names):
        bed.sim(f"insert {slot} {name}")
        assert bed.sim(f"counters {slot}").startswith("pin 3 "), name
    figures.settle()
    lives = [life for user in users for life in user.lives]
    app = people.actor(bed, "vdapp")
    entries = patiently(lambda: audit_is_whole(bed, app))
    timeline.socket.shutdown(socket.SHUT_RDWR)
    timeline.join(STUCK)
    refusals = set().union(*(refused(a, g) for a, g in zip(agents, given)))
    ahead = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()  # of the record's clock
    judge = Judge(timeline, players, lives, refusals, add_record(lives, entries, ahead))  # the last: mute cards
    wrong = [f"{life}: {why}" for life in lives if (why := judge.wrong(life))]
    tell(say, players, lives, judge, (first, middle, last), took, len(entries), sum(u.late for u in users))
    assert not wrong, f"seed {seed}:\n" + "\n".join(wrong)
    check_cards(entries, timeline, ahead)
    assert len(lives) > times / 20 and sum(bool(life.unlocked) for life in lives) > times / 100 and judge.single > 0
    for name in first:
        assert last[name][1] <= first[name][1], f"descriptors of {name}"
    assert figures.sanitized or last["vitaled"][0] < middle + (512 if full else 2048), "memory"


def patiently(call):
    """Its answer, once the service takes the call: polkit may be late, the user's calls too many."""
    def may():
        with contextlib.suppress(BusError):
            return call() or True
        return None

    return wait_for(may, STUCK, 1)


def add_record(lives, entries, ahead):
    """What the record says of each session; all of them are in it, and no others.
    Return: of how many cards it tells that did not answer; none is so by itself."""
    ghosts = 0
    of = {life.path.rpartition("/")[2]: life for life in lives}
    assert not [e for e in entries if e["event"] in ("child-failed", "store-rejected")]
    for e in entries:
        number, at = re.match(r"session/(\d+)@", e.get("session", "")), e["boot-time"] / 1e6 - ahead
        if e["event"] == "card-in" and e["details"]["kind"] == "mute":
            ghosts += 1
        if not number:
            continue
        life = of[number[1]]
        assert life.ended is None, f"{life}: more after its end: {e}"
        life.entries.append(e)
        if e["event"] == "session-opened":
            assert life.opened is None
            life.opened = at
        elif e["event"] == "consent":
            life.consents.append(e["outcome"])
        elif e["event"] == "unlocked" or e["event"] == "identity-read" and e["mode"] == "identity":
            life.unlocked = at  # in mode identity: as far as the record tells
        elif e["event"] == "session-ended":
            life.ended, life.outcome, life.state = at, e["outcome"], e["details"]["state"]
            life.unlocked = life.unlocked if life.state == "locked" else None
    assert not [str(life) for life in lives if life.opened is None or life.ended is None]
    return ghosts


def slot_of(entry):
    name = entry["details"]["reader"]  # "Vitale Sim 01 00"
    return 2 * int(name[-4]) + int(name[-1])


def check_cards(entries, timeline, ahead):
    """Every card that the record says was in has left, once, before the next; and none was invented."""
    inside, kinds = {}, {name: p["kind"] for name, p in profiles().items()}
    for e in entries:
        if e["event"] == "card-in":
            assert slot_of(e) not in inside, e
            inside[slot_of(e)], at = e["details"]["card"], e["boot-time"] / 1e6 - ahead
            real = {kinds[name] for name in timeline.cards(slot_of(e), at - LAG, at)}
            assert any(k.startswith(e["details"]["kind"]) for k in real) or \
                e["details"]["kind"] in ("unknown", "unsupported", "mute"), (e, real)
        elif e["event"] == "card-out":
            assert inside.pop(slot_of(e)) == e["details"]["card"], e
    assert not inside


def tell(say, players, lives, judge, figures, took, entries, late):
    first, middle, last = figures
    moves, ends = sum((p.done for p in players), collections.Counter()), collections.Counter(
        " ".join(life.end) for life in lives)
    say(f"{sum(moves.values())} moves in {took:.0f} s: {dict(moves)}\n{len(lives)} sessions, "
        f"{sum(bool(life.unlocked) for life in lives)} unlocked: {dict(ends.most_common())}\n"
        f"{judge.single} of those that a card ended had one possible cause; longest from card out to locked "
        f"{1000 * judge.latest:.0f} ms; {entries} entries in the record; {late} calls that polkit was late for, "
        f"{judge.silent} sessions ended by a card that was silent as it left, {judge.ghosts} such cards\n"
        f"broker: {first['vitaled'][0]} kB first, "
        f"{middle} middle, {last['vitaled'][0]} last; descriptors " +
        ", ".join(f"{n} {first[n][1]} -> {last[n][1]}" for n in first) +
        f"; pcscd {first['pcscd'][0]} -> {last['pcscd'][0]} kB, simulator {first['sim'][0]} -> {last['sim'][0]} kB")
