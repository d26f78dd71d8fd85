# SPDX-License-Identifier: EUPL-1.2
"""run demo: one consultation between simulated cards, told step by step with its times.

Everything is real but the cards: dbus-daemon, polkitd, pcscd, the broker and its confined children.
The application and the agent are vitalectl, under users of their own; this file only types what the
people would type, and says what happens. With --interactive the person in front does that.
"""
import argparse
import getpass
import glob
import json
import os
import shutil
import subprocess
import sys
import threading
import time

from bed import Bed, wait_for

NOTE = "Tension 13/8, pouls 72. Poursuivre le traitement, revoir dans un mois.\n"
SAYS = {
    "waiting-for-cards": "the broker looks for the two cards",
    "reading": "each card is being read by a process of its own",
    "waiting-for-pin": "the professional is asked for the PIN",
    "waiting-for-choice": "somebody has to choose",
    "authenticating": "the cards prove themselves, the broker checks every signature",
    "waiting-for-consent": "the patient is asked",
    "unlocked": "the dossier is unlocked",
    "locked": "locked",
    "refused": "refused",
    "failed": "failed",
}


class Demo:
    def __init__(self, bed, interactive):
        self.bed = bed
        self.interactive = interactive
        self.start = time.monotonic()
        self.results = []
        self.states = []
        self.changed = threading.Condition()
        self.failed = None

    def say(self, text):
        self.write(f"{time.monotonic() - self.start:7.3f} s  {text}\n")

    def write(self, text):
        """One write: several threads talk."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def vitalectl(self, user, *arguments):
        return subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--",
             self.bed.program("vitalectl"), "--json", *arguments],
            env=self.bed.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    # -- the agent: what professional and patient answer --------------------------------------

    def run_agent(self):
        agent = self.vitalectl("vdagent", "agent", "--capability", "pin,professional")
        for line in agent.stdout:
            m = json.loads(line)
            if m.get("agent") == "registered":
                threading.Thread(target=self.serve_agent, args=(agent,), daemon=True).start()
                return agent
        raise RuntimeError("the agent did not register: " + agent.stderr.read())

    def serve_agent(self, agent):
        for line in agent.stdout:
            m = json.loads(line)
            if "request" not in m:
                continue
            agent.stdin.write(self.reply(m) + "\n")
            agent.stdin.flush()

    def reply(self, m):
        kind = m["request"]
        if kind == "pin":
            tries = m.get("facts", {}).get("tries-left")
            if self.interactive:
                return getpass.getpass(f"           PIN of the professional's card (1234; {tries} tries left): ")
            self.say(f"the professional types the PIN ({tries} tries left); it goes by pipe to the card's process")
            return "1234"
        if kind == "choice":
            names = [" ".join(str(v) for k, v in c.items() if k != "number") for c in m["choices"]]
            self.write("".join(f"             {number}. {name}\n" for number, name in enumerate(names, 1)))
            if self.interactive:
                return input(f"           {m.get('kind', 'choice')}, number: ")
            self.say(f"{m.get('kind')}: number 1 is chosen")
            return "1"
        if kind == "consent":
            wording = m.get("facts", {}).get("text", {}).get("wording", "")
            self.write("".join(f"             | {line}\n" for line in wording.strip().split("\n")))
            if self.interactive:
                return input("           Does the patient agree? (y/n) ")
            self.say("the patient agrees")
            return "y"
        return input(f"           {kind}? (y/n) ") if self.interactive else "y"

    # -- the application --------------------------------------------------------------------

    def run_application(self):
        self.app = self.vitalectl("vdapp", "open", "--intent", "consult,feed,create")
        threading.Thread(target=self.listen, daemon=True).start()
        return self.app

    def listen(self):
        for line in self.app.stdout:
            m = json.loads(line)
            with self.changed:
                if m.get("event") == "state":
                    if not self.states or self.states[-1] != m["state"]:
                        self.states.append(m["state"])
                        more = f" ({m['reason']})" if m.get("reason") else ""
                        if m["state"] == "unlocked":
                            more = f", proof: {m['properties'].get('Proof')}"
                        self.say(SAYS.get(m["state"], m["state"]) + more)
                elif "command" in m:
                    self.results.append(m)
                elif "error" in m:
                    self.failed = m
                self.changed.notify_all()
        with self.changed:
            self.results.append({"command": "end"})
            self.changed.notify_all()

    def until(self, what, seconds):
        with self.changed:
            end = time.monotonic() + seconds
            while not what():
                if self.failed:
                    raise RuntimeError(f"failed: {json.dumps(self.failed)}")
                if self.results and self.results[-1]["command"] == "end":
                    raise RuntimeError("the application ended: " + self.app.stderr.read())
                if not self.changed.wait(max(0.0, end - time.monotonic())):
                    raise TimeoutError("the consultation does not go on")

    def command(self, *words):
        """Type one command of vitalectl open; its answer."""
        before = len(self.results)
        self.app.stdin.write(" ".join(words) + "\n")
        self.app.stdin.flush()
        self.until(lambda: len(self.results) > before, 30)
        return self.results[-1]


def play(demo, bed, keep):
    agent = demo.run_agent()
    demo.say("an agent for the professional has registered (user vdagent)")
    app = demo.run_application()
    demo.until(lambda: demo.states and demo.states[-1] in ("unlocked", "failed", "refused", "locked"),
               600 if demo.interactive else 60)
    if demo.states[-1] != "unlocked":
        raise RuntimeError("the dossier was not unlocked")
    who = demo.command("patient")["result"]
    demo.say(f"the application may know the patient: {who.get('given')} {who.get('surname')}, {who.get('birth-date')}")
    demo.command("create")
    demo.say("the patient's dossier is created")
    note = bed.path("note.txt")
    with open(note, "w", encoding="utf-8") as f:
        f.write(NOTE)
    os.chmod(note, 0o644)
    ident = demo.command("add", note, "--type", "consultation", "--title", "Consultation", "--mime", "text/plain")["id"]
    demo.say(f"a note is added: document {ident}")
    listed = demo.command("list")["result"]
    demo.say(f"the list shows {len(listed)} document(s)")
    out = bed.path("app")
    os.makedirs(out, exist_ok=True)
    os.chmod(out, 0o777)
    demo.command("read", ident, "--output", os.path.join(out, "read.txt"))
    with open(os.path.join(out, "read.txt"), encoding="utf-8") as f:
        if f.read() != NOTE:
            raise RuntimeError("the document came back changed")
    demo.say("the note is read back, size and hash agree")
    demo.command("receipt", "--output", os.path.join(out, "receipt.json"))
    demo.say("the receipt of the consent is written")
    # the application goes when its session has ended; the record is fetched afterwards
    bed.sim("remove 1")
    demo.until(lambda: demo.states[-1] == "locked", 10)
    demo.say("the patient took the card: the dossier's process is gone")
    left = subprocess.run(["ps", "-o", "comm=", "-u", "vitaled"], capture_output=True, text=True).stdout.split()
    if "vitaled-dossier" in left:
        raise RuntimeError("the dossier's process is still there")
    app.stdin.close()
    app.wait(10)
    check(demo, bed, out)
    agent.terminate()
    agent.wait(10)
    if keep:
        leave(bed, out, keep)
        demo.say(f"left in {keep}: {', '.join(sorted(os.listdir(keep)))}")


def tool(bed, *argv):
    """Run as the application; its standard output, or an error with what it said."""
    done = bed.run(list(argv))
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout}{done.stderr}")
    return done.stdout


def check(demo, bed, out):
    """The record and the receipt, verified; the second with openssl alone."""
    ctl = bed.program("vitalectl")
    receipt, pieces = os.path.join(out, "receipt.json"), os.path.join(out, "pieces")
    tool(bed, ctl, "audit", "export", "--output", os.path.join(out, "record.json"))
    with open(os.path.join(out, "record.json"), encoding="utf-8") as f:
        record = json.load(f)
    for name, text in (("checkpoint.txt", record["checkpoint"]), ("record.vkey", record["vkey"] + "\n")):
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(os.path.join(out, name), 0o644)
    tool(bed, "/usr/bin/python3", "tests/tools/verify_audit.py", "--log", os.path.join(out, "record.json"),
         "--checkpoint", os.path.join(out, "checkpoint.txt"), "--vkey", os.path.join(out, "record.vkey"))
    demo.say(f"the record ({len(record['entries'])} entries) verifies against its checkpoint, without our code")
    tool(bed, ctl, "receipt", "verify", receipt, "--anchors", bed.path("anchors/simulated"), "--vkey", record["vkey"])
    os.makedirs(pieces, exist_ok=True)
    os.chmod(pieces, 0o777)
    tool(bed, ctl, "receipt", "extract", receipt, "--out", pieces)
    tool(bed, "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", f"{pieces}/professional.cms",
         "-content", f"{pieces}/statement.json", "-CAfile", bed.path("anchors/simulated/x509-root.pem"),
         "-purpose", "any", "-out", "/dev/null")
    tool(bed, "openssl", "dgst", "-sha256", "-verify", f"{pieces}/presence.pem", "-signature",
         f"{pieces}/presence.sig", f"{pieces}/presence.bin")
    demo.say("openssl alone verifies the professional's signature and the patient card's presence")


def leave(bed, out, keep):
    os.makedirs(keep, exist_ok=True)
    for name in ("receipt.json", "record.json", "checkpoint.txt", "record.vkey"):
        shutil.copy(os.path.join(out, name), keep)
    for path in glob.glob(bed.path("state", "*.pem")):
        shutil.copy(path, keep)
    shutil.copytree(os.path.join(out, "pieces"), os.path.join(keep, "pieces"), dirs_exist_ok=True)
    shutil.copytree(bed.path("anchors"), os.path.join(keep, "anchors"), dirs_exist_ok=True)
    # the record's public key as PEM, from the vkey: 1 byte algorithm, 32 bytes Ed25519
    import base64
    with open(os.path.join(out, "record.vkey"), encoding="utf-8") as f:
        raw = base64.b64decode(f.read().strip().split("+", 2)[2])[1:]
    der = bytes.fromhex("302a300506032b6570032100") + raw
    with open(os.path.join(keep, "record.pem"), "w", encoding="ascii") as f:
        f.write("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der).decode() + "\n-----END PUBLIC KEY-----\n")


def main():
    p = argparse.ArgumentParser(prog="./run demo")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--cwd", default=".", help=argparse.SUPPRESS)
    p.add_argument("--cards", default="cps4-gp,vitale-family", help="profiles in slot 0 and slot 1")
    p.add_argument("--keep", metavar="DIR", help="leave receipt, record, checkpoint, keys and anchors there")
    p.add_argument("--interactive", action="store_true", help="type the PIN, choose and answer yourself")
    a = p.parse_args()
    keep = os.path.join(a.cwd, a.keep) if a.keep else None
    with Bed(a.build, cards=tuple(a.cards.split(","))) as bed:
        demo = Demo(bed, a.interactive)
        demo.say("a private bus, polkit, pcscd, the simulated reader and the broker (user vitaled) are up")
        wait_for(lambda: bed.run([bed.program("vitalectl"), "status"]).returncode == 0)
        try:
            play(demo, bed, keep)
        except Exception as e:  # whatever it was: say it and what the broker logged
            print(f"demo: {e}\n--- the broker's log:\n{bed.log('vitaled')}", file=sys.stderr)
            print("demo: failed")
            return 1
    print("demo: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
