# SPDX-License-Identifier: EUPL-1.2
"""Cards that come, go, are exchanged and torn out at random moments, thousands of times, while sessions
of several users run on two pairs of readers. Every session must end with a reason that fits what was
done, and nothing may be left: no process, descriptor or memory, and a record that is whole."""
import collections
import json
import os
import random
import threading
import time

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole, is_empty, pids, running

PAIRS = "".join(f"[pair {name}]\nprofessional-reader = Vitale Sim 0{n} 00\npatient-reader = Vitale Sim 0{n} 01\n"
                for n, name in enumerate(("counter", "office")))
PROFESSIONALS = ("cps4-gp", "cps3-gp", "cps3-nurse", "cps4-pharmacist", "cps4-nurse")
PATIENTS = ("vitale-family", "vitale-single", "vitale-children", "vitale-corsica", "vitale-lunar")
OTHERS = ("unknown", "vitale-1", "cps4-expired")  # now and then
USERS = ("vdapp", "vdother")
# what cards that are played with so may lead to; anything else is a finding
ALLOWED = {
    "released", "cancelled", "patient-card-removed", "professional-card-removed", "card-replaced", "card-unknown",
    "card-unsupported", "card-expired", "card-broken", "busy", "no-own-identity", "proof-failed", "expired",
}
PAUSE = 0.4  # seconds between two sessions of a user: more calls the service would not record for long


class Player(threading.Thread):
    """Somebody who plays with the cards of one pair of readers."""

    def __init__(self, bed, pair, seed, times):
        super().__init__(daemon=True)
        self.bed, self.pair, self.random, self.times = bed, pair, random.Random(seed), times
        self.done = collections.Counter()

    def run(self):
        while self.times > 0:
            slot = 2 * self.pair + self.random.randrange(2)
            what = self.random.choices(("remove", "replace", "tear", "bounce", "pause"), (30, 30, 20, 10, 20))[0]
            getattr(self, what)(slot)
            self.done[what] += 1
            time.sleep(self.random.expovariate(1 / 0.04))
        for slot in (2 * self.pair, 2 * self.pair + 1):
            self.bed.sim(f"normal {slot}")
            self.insert(slot)

    def card(self, slot):
        cards = PATIENTS if slot % 2 else PROFESSIONALS
        if self.random.random() < 0.03:
            return self.random.choice(OTHERS)
        return cards[(self.random.randrange(len(cards)) * 2 + self.pair) % len(cards)]

    def is_in(self, slot):
        return not self.bed.sim("list").split()[slot].endswith("=-")

    def insert(self, slot):
        if not self.is_in(slot):
            self.bed.sim(f"insert {slot} {self.card(slot)}")
            self.times -= 1

    def remove(self, slot):
        if self.is_in(slot):
            self.bed.sim(f"remove {slot}")
            self.times -= 1
            time.sleep(self.random.random() * 0.03)
        self.insert(slot)

    def replace(self, slot):
        self.bed.sim(f"replace {slot} {self.card(slot)}")
        self.times -= 1

    def tear(self, slot):
        """In the middle of a command, some commands from now; another card, or the same, follows."""
        self.insert(slot)
        self.bed.sim(f"tear-insert {slot} {self.random.randint(1, 30)} {self.card(slot)} {self.random.randint(0, 60)}")
        self.times -= 1

    def bounce(self, slot):
        if self.is_in(slot):
            self.bed.sim(f"bounce {slot} {self.random.randint(1, 300)}")
            self.times -= 1
            time.sleep(0.3)

    def pause(self, slot):
        time.sleep(self.random.random() * 0.5)


class User(threading.Thread):
    """Opens one session after the other at a pair, as an application does, and remembers their ends."""

    def __init__(self, actor, pair, seed):
        super().__init__(daemon=True)
        self.actor, self.pair, self.random = actor, pair, random.Random(seed)
        self.ends, self.unlocked, self.over, self.failure = collections.Counter(), 0, False, None

    def run(self):
        try:
            while not self.over:
                self.once()
                time.sleep(PAUSE)
        except Exception as e:  # told by the test
            self.failure = e

    def once(self):
        mode = {"mode": "identity"} if self.random.random() < 0.2 else {"intent": ["consult", "create"]}
        if self.random.random() < 0.5:
            mode["wait"] = {"b": True}
        try:
            session = self.actor.open(pair=("counter", "office")[self.pair], **mode)
        except BusError as e:
            assert e.short == "LimitsExceeded", e
            time.sleep(1)
            return
        until = time.monotonic() + self.random.random() * 2
        while time.monotonic() < until:
            state = self.actor.state(session)
            if state in ("refused", "locked", "failed"):
                break
            if state == "unlocked" and self.random.random() < 0.3:
                self.unlocked += 1
                break
            time.sleep(0.02)
        self.actor.call("Lock", path=session, interface="Session")
        end = self.actor.ended(session)
        self.ends[f"{end[0]} {end[1]}"] += 1
        self.actor.call("Release", path=session, interface="Session")
        del self.actor.events[:]


def state_of_broker():
    broker, = pids("vitaled")
    with open(f"/proc/{broker}/status", encoding="ascii") as f:
        memory = int(next(line for line in f if line.startswith("RssAnon")).split()[1])
    waiting = [pid for pid, comm in running() if comm == "vitaled-dossier" and is_empty(pid)]
    return memory, len(os.listdir(f"/proc/{broker}/fd")) - 2 * len(waiting)


def settle(bed):
    """Everybody is done: no card in, so only the broker, the watch and who waits are left."""
    for slot in range(4):
        bed.sim(f"normal {slot}")
        if not bed.sim("list").split()[slot].endswith("=-"):
            bed.sim(f"remove {slot}")
    quiet = ["vitaled", "vitaled-card", "vitaled-card", "vitaled-watch"]
    wait_for(lambda: sorted(comm for pid, comm in running() if comm != "vitaled-dossier" or not is_empty(pid)) == quiet,
             15)
    return state_of_broker()


def test_cards_come_and_go_for_long(make_bed, people, request, capsys):
    seed, times = request.config.getoption("--seed"), 10000 if request.config.getoption("--soak") else 1000
    cards = ("cps4-gp", "vitale-family", "cps3-nurse", "vitale-single")
    bed = make_bed(*cards, readers="2,2", config=PAIRS)
    for _ in range(2):
        people.actor(bed, "vdagent").agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
    users = [User(people.actor(bed, USERS[n % 2]), n // 2, seed + n) for n in range(4)]
    first = settle(bed)
    for slot, card in enumerate(cards):
        bed.sim(f"insert {slot} {card}")
    began = time.monotonic()
    players = [Player(bed, pair, seed + 10 + pair, times // 2) for pair in (0, 1)]
    for thread in (*players, *users):
        thread.start()
    middle = None
    while any(p.is_alive() for p in players):
        time.sleep(1)
        if middle is None and sum(p.times for p in players) < times / 2:
            middle = state_of_broker()[0]
        assert bed.processes["vitaled"].poll() is None, bed.log("vitaled")
    for user in users:
        user.over = True
    for user in users:
        user.join(60)
        assert user.failure is None, user.failure
    took = time.monotonic() - began
    last = settle(bed)
    ends, moves = collections.Counter(), collections.Counter()
    for user in users:
        ends.update(user.ends)
    for player in players:
        moves.update(player.done)
    with capsys.disabled():
        print(f"\nseed {seed}: {times} moves of cards in {took:.0f} s: {dict(moves)}\nsessions: "
              f"{json.dumps(dict(ends.most_common()))}\nunlocked {sum(u.unlocked for u in users)}; broker: memory "
              f"{first[0]} kB first, {middle} in the middle, {last[0]} at the end; descriptors {first[1]}, {last[1]}")
    entries = audit_is_whole(bed, users[0].actor)
    check_record(entries)
    assert sum(ends.values()) > times / 20 and sum(u.unlocked for u in users) > 0
    wrong = {end for end in ends if end.split(" ", 1)[1] not in ALLOWED}
    assert not wrong, (seed, wrong)
    assert last[1] <= first[1], "descriptors"
    assert last[0] < 1.5 * middle + 2048, "memory"


def check_record(entries):
    """Every session that was opened has ended, once, and nothing was unlocked before its consent."""
    opened, ended, consents = set(), collections.Counter(), set()
    for e in entries:
        if e["event"] == "session-opened":
            opened.add(e["session"])
        elif e["event"] == "session-ended":
            ended[e["session"]] += 1
        elif e["event"] == "consent" and e["outcome"] == "given":
            consents.add(e["session"])
        elif e["event"] == "unlocked":
            assert e["session"] not in ended and (e["mode"] == "identity" or e["session"] in consents), e
    assert set(ended) == opened and set(ended.values()) <= {1}
