# SPDX-License-Identifier: EUPL-1.2
"""The stage of `run demo`: the readers and pairs, and people at their terminals. Applications and agents are
vitalectl, under users of their own; this file only types what the people would type, and says what happens.
"""
import getpass
import json
import os
import subprocess
import sys
import threading
import time

from bed import wait_for

READERS = "2,2,2,1"  # the fund's counter, the pharmacy's, the practice's, the kiosk
USB = "short,tpdu,extended,single"  # the same as models of tests/usb, with --usb
SLOTS = {"caisse": (0, 1), "pharmacie": (2, 3), "cabinet": (4, 5), "borne": (None, 6)}  # professional's, patient's
CONFIG = """
[pair caisse]
professional-reader = Vitale Sim 00 00
patient-reader = Vitale Sim 00 01

[pair pharmacie]
professional-reader = Vitale Sim 01 00
patient-reader = Vitale Sim 01 01

[pair cabinet]
professional-reader = Vitale Sim 02 00
patient-reader = Vitale Sim 02 01

[pair borne]
patient-reader = Vitale Sim 03 00
self-service = yes

[agent display]
capability = patient-display
pair = borne
user = vddisplay
"""
SAYS = {
    "waiting-for-cards": "the broker looks for the cards",
    "reading": "each card is read by a process of its own",
    "waiting-for-pin": "the professional is asked for the PIN",
    "waiting-for-choice": "somebody has to choose",
    "authenticating": "the cards prove themselves, the broker checks every signature",
    "waiting-for-consent": "the patient is asked",
}
EMERGENCY = {**SAYS, "waiting-for-consent": "the doctor is asked to confirm; the patient cannot be asked"}
ALONE = {**SAYS, "waiting-for-cards": "the broker looks for the patient's card, and for no other",
         "waiting-for-pin": "the patient is asked for a code",
         "authenticating": "the card proves that it is genuine",
         "waiting-for-consent": "whoever has card and code is the patient: nobody else is asked"}


def links(folder):
    """Where the links of a folder lead; nothing of what went meanwhile."""
    try:
        return [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]
    except OSError:
        return []


class Failure(Exception):
    """What was shown is not what was promised."""


def ensure(true, text):
    if not true:
        raise Failure(text)


class Stage:
    """The bed, the clock that is printed, and what people wrote down (codes, receipts)."""

    def __init__(self, bed, interactive=False, quiet=False, cards=("cps4-gp", "vitale-family")):
        self.bed, self.interactive, self.quiet = bed, interactive, quiet
        self.doctor, self.patient = cards
        self.start, self.talk = time.monotonic(), threading.Lock()
        self.out = bed.path("app")
        self.receipts = {}  # name: file
        self.names = {}  # national id: name of every professional so far
        self.people = []
        self.at = None  # the pair whose reader has the patient's card
        os.makedirs(self.out, exist_ok=True)
        os.chmod(self.out, 0o777)

    def write(self, text):
        """One write: several threads talk. While somebody is typing the others wait."""
        if not self.quiet:
            with self.talk:
                sys.stdout.write(text)
                sys.stdout.flush()

    def typed(self, prompt, secret):
        """What the person in front types."""
        with self.talk:
            return (getpass.getpass if secret else input)(f"           {prompt}")

    def say(self, text):
        self.write(f"{time.monotonic() - self.start:7.3f} s  {text}\n")

    def heading(self, text):
        self.write(f"\n== {text}\n")

    def quote(self, lines):
        self.write("".join(f"             | {line}\n" for line in lines))

    def path(self, name):
        return os.path.join(self.out, name)

    def put(self, name, text):
        """A file that the application of any user may read."""
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), 0o644)
        return self.path(name)

    def share(self, path):
        """What one user wrote, for the others of the bed."""
        os.chmod(path, 0o644)

    def carry(self, pair, professional=None):
        """The patient goes there, with the card; a professional puts theirs in."""
        if self.at:
            self.leave()
        if professional:
            self.bed.sim(f"replace {SLOTS[pair][0]} {professional}")
        self.bed.sim(f"insert {SLOTS[pair][1]} {self.patient}")
        self.at = pair

    def leave(self):
        """The patient takes the card."""
        self.bed.sim(f"remove {SLOTS[self.at][1]}")
        self.at = None

    @staticmethod
    def no_dossier():
        """No process has a dossier's file any more; one that knows nothing may wait."""
        def left():
            ps = subprocess.run(["ps", "-o", "pid=,comm=", "-u", "vitaled"], capture_output=True, text=True).stdout
            pids = [line.split()[0] for line in ps.splitlines() if line.split()[1] == "vitaled-dossier"]
            return [fd for pid in pids for fd in links(f"/proc/{pid}/fd") if "/state/" in fd]
        wait_for(lambda: not left())

    def vitalectl(self, user, *arguments):
        return subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--",
             self.bed.program("vitalectl"), "--json", *arguments],
            env=self.bed.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        for person in self.people:
            person.end()


class Lines:
    """A vitalectl that talks JSON: its lines as they come, and waiting for one of them."""

    def __init__(self, stage, user, *arguments):
        self.stage, self.lines, self.over = stage, [], False
        self.process = stage.vitalectl(user, *arguments)
        self.wake = threading.Condition()
        stage.people.append(self)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            m = json.loads(line)
            self.take(m)
            with self.wake:
                self.lines.append(m)
                self.wake.notify_all()
        with self.wake:
            self.over = True
            self.wake.notify_all()

    def take(self, m):
        """Overridden: what to do at once with a line."""

    def type(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def wait(self, what, seconds=60, after=0):
        """The first line from number @after on that @what says yes to."""
        with self.wake:
            end = time.monotonic() + (600 if self.stage.interactive else seconds)
            while True:
                for m in self.lines[after:]:
                    if what(m):
                        return m
                if self.over:
                    raise Failure(f"{self.process.args[-1]} ended: {self.process.stderr.read()}")
                if not self.wake.wait(max(0.0, end - time.monotonic())):
                    raise Failure(f"nothing more came; the last lines were {self.lines[-3:]}")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)


class Agent(Lines):
    """Somebody who is asked: @who says what they are called, @words the codes that they type, by kind."""

    def __init__(self, stage, user, who, capability, **words):
        self.who, self.words, self.shown = who, words, set()
        super().__init__(stage, user, "agent", "--capability", capability)
        self.wait(lambda m: m.get("agent") == "registered")
        stage.say(f"an agent for {who} has registered (user {user}, {capability})")

    def take(self, m):
        if "request" in m:
            self.type(self.reply(m))
        elif m.get("inform") not in (None, "unlocked", "ended"):
            self.stage.say(f"{self.who} is told: {m['inform']}")

    def reply(self, m):
        kind = m.get("kind") or m["request"]
        ask = getattr(self, "ask_" + m["request"])
        answer = ask(m, kind)
        return answer if answer is not None else "cancel"

    def typed(self, prompt, secret=False):
        return self.stage.typed(prompt, secret)

    def ask_pin(self, m, kind):
        tries = m["facts"].get("tries-left")
        self.stage.say(f"asked of {self.who}: the PIN of the card ({tries} tries left); it goes by pipe to the card's process")
        return self.typed("PIN (1234): ", True) if self.stage.interactive else "1234"

    def ask_code(self, m, kind):
        left = self.words[kind]
        code = left.pop(0) if len(left) > 1 else left[0]
        self.stage.say(f"asked of {self.who}: {kind} ({m['facts'].get('tries-left', 5)} tries left); it goes by pipe to the dossier's process")
        return self.typed(f"{kind} ({code}): ", True) if self.stage.interactive else code

    def ask_choice(self, m, kind):
        names = [" ".join(str(v) for k, v in c.items() if k != "number") for c in m["choices"]]
        self.stage.say(f"asked of {self.who}: {kind}" + ("" if self.stage.interactive else "; number 1 is chosen"))
        self.stage.quote(f"{n}. {name}" for n, name in enumerate(names, 1))
        return self.typed(f"{kind}, number: ") if self.stage.interactive else "1"

    def ask_consent(self, m, kind):
        wording = m["facts"]["text"]["wording"]
        self.stage.say(f"asked of the patient: {', '.join(m['facts']['acts'])}")
        if wording in self.shown:
            self.stage.say("in the same words as before")
        else:
            self.stage.quote(wording.strip().split("\n"))
            self.shown.add(wording)
        if self.stage.interactive:
            return self.typed("Does the patient agree? (y/n) ")
        self.stage.say("the patient agrees")
        return "y"

    def ask_confirm(self, m, kind):
        self.stage.say(f"asked of {self.who}: {kind}")
        if kind == "bris-de-glace":
            self.stage.quote([f"reason: {m['facts']['reason']}", f"acts: {', '.join(m['facts']['acts'])}"])
        return self.typed(f"{kind}? (y/n) ") if self.stage.interactive else "y"

    def told(self, what, after=0):
        """The Inform of this kind."""
        return self.wait(lambda m: m.get("inform") == what, 30, after)


class Application(Lines):
    """A program that holds a session: states are told, commands typed, answers given back."""

    def __init__(self, stage, user, pair, mode, *options, says=None):
        self.says, self.states, self.began = says or SAYS, [], time.monotonic()
        super().__init__(stage, user, "open", "--pair", pair, "--mode", mode, "--keep-going", *options)

    def take(self, m):
        if m.get("event") != "state" or self.states[-1:] == [m["state"]]:
            return
        self.states.append(m["state"])
        if m["state"] == "unlocked":
            self.stage.say(f"the dossier is unlocked, {1000 * (time.monotonic() - self.began):.0f} ms after the call; "
                           f"proof: {m['properties']['Proof']}")
        else:
            more = f" ({m['reason']})" if m.get("reason") else ""
            self.stage.say(self.says.get(m["state"], m["state"]) + more)

    def opened(self):
        """Wait for the unlocked dossier."""
        state = self.wait(lambda m: m.get("event") == "state" and m["state"] in ("unlocked", "refused", "locked", "failed"))
        ensure(state["state"] == "unlocked", f"the dossier was not unlocked: {state['state']}, {state['reason']}")
        return self

    def command(self, *words):
        """Type one command of vitalectl open; its answer."""
        m = self.answer(*words)
        ensure("error" not in m, f"{words[0]}: {json.dumps(m)}")
        return m

    def refused(self, *words):
        """The same for one that must be refused; the rule that said no."""
        m = self.answer(*words)
        ensure(m.get("error", "").endswith(".NotPermitted"), f"{words[0]} was not refused: {json.dumps(m)}")
        return m.get("rule") or m["detail"]

    def answer(self, *words):
        before = len(self.lines)
        self.type(" ".join(words))
        return self.wait(lambda m: m.get("command") == words[0] or "error" in m, 30, before)

    def locked(self, reason):
        end = self.wait(lambda m: m.get("event") == "state" and m["state"] in ("locked", "failed", "refused"), 30)
        ensure((end["state"], end["reason"]) == ("locked", reason), f"it ended {end['state']}: {end['reason']}")
        self.process.stdin.close()
        self.process.wait(10)
