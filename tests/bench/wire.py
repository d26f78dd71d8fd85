# SPDX-License-Identifier: EUPL-1.2
"""run bench wire: what an unlock costs on the cards' links, beside its floor and beside other programs.

The simulator takes the time that the characters take on the links (--clock: 12 etu a character at
4 MHz); people are programs that answer at once. First table: whole unlocks, from OpenSession to
`unlocked`, with the floor of floor.py (README.md shows its sums command by command). Second table:
the same work done by OpenSC, cardpeek and the shortest known path, on the same cards with the same
clock. Third: how soon a card is seen. Nothing is asserted; tests/integration holds the budgets.
"""
import argparse
import base64
import json
import os
import statistics
import subprocess
import time

import floor
from actor import Actor
from bed import READER, Bed
from card_process import TAGS, CardProcess, tlv

SLOTS = {"cps": f"{READER} 00 00", "vitale": f"{READER} 00 01"}
USES, RUNS = ("first", "cached", "next"), 5  # the median of so many runs is shown
AUT = "e828bd080f8025000001ff001002"
MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
HERE = os.path.dirname(os.path.abspath(__file__))


def count(bed, slot):
    """(TPDUs, characters) of a slot since the last reset of its counter."""
    tpdus, characters = bed.sim(f"count {slot}").split()[:2]
    return int(tpdus), int(characters)


def states(app, session):
    """{state: when it was told first} until unlocked, by the session's own signals."""
    seen = {}

    def look():
        for e in app.events:
            if e["event"] == "properties" and e["path"] == session and "State" in e["changed"]:
                seen.setdefault(e["changed"]["State"], e["at"])
        return True if "unlocked" in seen or {"failed", "refused"} & set(seen) else None
    app.wait(look, 120)
    return seen


# -- sizes of what the cards hold, by a client that is not ours to judge --------------------------

def raw(bed, slot, *commands):
    done = bed.run(["/usr/bin/python3", os.path.join(HERE, "pcsc.py"), SLOTS[slot], *commands])
    if done.returncode:
        raise SystemExit(done.stderr)
    return [bytes.fromhex(line) for line in done.stdout.split()]


def sizes(bed, kind):
    """What the plan needs to know of these cards, from their state files."""
    with open(bed.path("cards", "vitale-family.json"), encoding="utf-8") as f:
        vitale = json.load(f)
    with open(bed.path("cards", f"{kind}-gp.json"), encoding="utf-8") as f:
        cps = json.load(f)

    def decoded(card, name):
        return len(base64.b64decode(card["certificates"][name]))
    activities = []
    for a in cps["profile"]["activities"]:
        activities.append(2 + sum(2 + len(a[k]) for k in ("name", "structure", "sector")))
    return floor.Sizes(vitale_cvc=decoded(vitale, "card"), cps_cvc=decoded(cps, "card"),
                       certificates=(decoded(cps, "signature"), decoded(cps, "authentication")),
                       activities=tuple(activities))


# -- whole unlocks ----------------------------------------------------------------------------------

def unlock(bed, kind, use):
    with Actor(bed, "vdapp") as app:
        for slot in (0, 1):
            bed.sim(f"count-reset {slot}")
        app.get("/org/vitaled1", "Manager", "Version")
        start = time.monotonic()
        session = app.open(intent=["consult", "create"])
        seen = states(app, session)
        if "unlocked" not in seen:
            raise SystemExit(f"{kind}: {app.state(session)} {app.get(session, 'Session', 'Reason')}")
        wall = seen["unlocked"] - start
        counts = {"cps": count(bed, 0), "vitale": count(bed, 1)}
        if use == "first":  # from now on there is a dossier to open
            app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
        app.call("Release", path=session, interface="Session")
    return wall, counts


def unlocks(build):
    print("Whole unlock, from OpenSession to unlocked; family card of four; characters as the simulator counts them\n")
    print("| cards | CPS TPDUs | CPS characters | Vitale TPDUs | Vitale characters | link s | floor ms | wall ms |"
          " ratio | plan TPDUs | plan characters | s on a TL reader |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for kind in ("cps3", "cps4"):
        runs = {use: [] for use in USES}
        for _ in range(RUNS):
            with Bed(build, cards=(f"{kind}-gp", "vitale-family"), clock=True) as bed:
                with Actor(bed, "vdagent") as agent:
                    agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
                    unlock_all(bed, kind, runs)
                known = sizes(bed, kind)
        unlock_rows(kind, runs, known)


def unlock_all(bed, kind, runs):
    for use in USES:
        if use == "cached":  # the card anew: PIN forgotten, what is public of it remembered
            bed.sim("remove 0")
            time.sleep(0.5)
            bed.sim(f"insert 0 {kind}-gp")
            time.sleep(1.5)
        runs[use].append(unlock(bed, kind, use))


def unlock_rows(kind, runs, known):
    for use in USES:
        wall, counts = sorted(runs[use], key=lambda r: r[0])[RUNS // 2]
        seconds, plan = floor.floor(kind, use, known)
        (ct, cc), (vt, vc) = counts["cps"], counts["vitale"]
        link = max(cc / floor.SPEED[kind], vc / floor.SPEED["vitale"])
        tl = max(t * floor.TL_TPDU + c * floor.TL_CHARACTER for t, c in counts.values())
        print(f"| {kind}, {use} | {ct} | {cc} | {vt} | {vc} | {link:.3f} | {1000 * seconds:.0f} | {1000 * wall:.0f} |"
              f" {wall / seconds:.3f} | {plan['cps'][0]} + {plan['vitale'][0]} | {plan['cps'][1]} + {plan['vitale'][1]} |"
              f" {tl:.1f} |", flush=True)


# -- beside others ----------------------------------------------------------------------------------

def measured(bed, slot, work):
    bed.sim(f"count-reset {slot}")
    start = time.monotonic()
    work()
    return (*count(bed, slot), time.monotonic() - start)


def row(name, figures):
    tpdus, characters, seconds = figures
    print(f"| {name} | {tpdus} | {characters} | {seconds:.2f} |", flush=True)


def tool(bed, *argv, home=None):
    def work():
        done = bed.run(list(argv), env={**bed.env, "HOME": home or bed.work})
        if done.returncode:
            raise SystemExit(f"{argv[0]}: {done.stderr}")
    return work


def ours(bed, slot, *steps):
    """The card's process alone: open, then @steps (functions of CardProcess)."""
    def work():
        with CardProcess(bed, SLOTS[slot]) as card:
            card.open()
            for step in steps:
                step(card)
            card.ask("CLOSE")
    return work


def asking(op, body=b""):
    return lambda card: card.ask(op, body)


def signing(card):
    card.verify("1234")
    card.ask("SIGN", tlv(TAGS["LINK_TAG_DATA"], bytes(range(100))))


def cached_home(bed):
    """A HOME in which OpenSC caches public files, and the cache filled."""
    home = bed.path("cached")
    os.makedirs(home)
    with open(os.path.join(home, "opensc.conf"), "w", encoding="utf-8") as f:
        f.write("app default {\n framework pkcs15 {\n  use_file_caching = public;\n }\n}\n")
    subprocess.run(["chown", "-R", "vdapp:", home], check=True)
    return home


def sign_argv(bed, name):
    folder = bed.path(name)
    os.makedirs(folder)
    with open(os.path.join(folder, "info"), "wb") as f:
        f.write(bytes.fromhex("3031300d060960864801650304020105000420") + bytes(32))
    subprocess.run(["chown", "-R", "vdapp:", folder], check=True)
    return ["pkcs11-tool", "--module", MODULE, "--login", "--pin", "1234", "--sign", "-m", "RSA-PKCS", "--id", AUT,
            "-i", os.path.join(folder, "info"), "-o", os.path.join(folder, "signature")]


def beside_cps(build):
    with Bed(build, cards=("cps3-gp", None), clock=True) as bed:
        bed.end("vitaled")  # the card is theirs
        home = cached_home(bed)
        conf = {"OPENSC_CONF": os.path.join(home, "opensc.conf"), "HOME": home}
        row("OpenSC: `pkcs15-tool --list-certificates`, which reads both",
            measured(bed, 0, tool(bed, "pkcs15-tool", "--list-certificates")))
        row("vitaled-card: both certificates, role certificate, speciality, directory",
            measured(bed, 0, ours(bed, "cps", asking("IDENTIFY"), asking("READ_PUBLIC"))))
        row("OpenSC: `pkcs11-tool --login --sign` AUT, cold", measured(bed, 0, tool(bed, *sign_argv(bed, "cold"))))
        warm = sign_argv(bed, "warm")

        def cached():
            done = bed.run(warm, env={**bed.env, **conf})
            if done.returncode:
                raise SystemExit(done.stderr)
        cached()
        row("OpenSC: the same, public file cache filled (its best)", measured(bed, 0, cached))
        row("vitaled-card: login and signature with the *signature* key (OpenSC: not possible)",
            measured(bed, 0, ours(bed, "cps", asking("IDENTIFY"), signing)))


def beside_vitale(build):
    with Bed(build, cards=(None, "vitale-family"), clock=True) as bed:
        bed.end("vitaled")
        home = bed.path("peek")
        os.makedirs(os.path.join(home, ".cardpeek"))
        subprocess.run(["chown", "-R", "vdapp:", home], check=True)
        script = ('local ok,e=pcall(dofile,"vitale_2.lua") os.exit(ok and 0 or 1)')
        peek = ["bash", "-c", 'yes 1 | timeout 30 xvfb-run -a cardpeek -r "$1" -c -e "$2" 2>&1 | head -c 200000',
                "bash", f"pcsc://{SLOTS['vitale']}"]

        def cardpeek(what):
            bed.run([*peek, what], env={**bed.env, "HOME": home, "TMPDIR": home})
        cardpeek("os.exit(0)")
        row("cardpeek: `vitale_2.lua` (wall: with its start-up)", measured(bed, 1, lambda: cardpeek(script)))
        shortest = ["00A40000023F00", "00B0820000", "-", "00A404000BD250000002564954414C45", "-", "00B0820000", "-"]
        row("shortest known path: SELECT, READ, SELECT, READ", measured(bed, 1, lambda: raw(bed, "vitale", *shortest)))
        row("vitaled-card: the same people (recognition included)",
            measured(bed, 1, ours(bed, "vitale", asking("READ_PEOPLE"))))


def beside(build):
    print("\nThe same work by others, same cards, same clock\n")
    print("| who and what | TPDUs | characters | s |\n|---|---:|---:|---:|")
    beside_cps(build)
    beside_vitale(build)


# -- how soon -----------------------------------------------------------------------------------------

def soon(build, rounds=10):
    ins, outs = [], []
    with Bed(build, cards=("cps4-gp", "vitale-family"), clock=True) as bed, Actor(bed, "vdagent") as agent:
        agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
        with Actor(bed, "vdapp") as app:
            watcher = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "pcsc.py"), SLOTS["vitale"], "watch",
                                        str(2 * rounds)], env=bed.env, stdout=subprocess.PIPE, text=True)
            watcher.stdout.readline()
            for _ in range(rounds):
                session = app.open(intent=["consult", "create"])
                states(app, session)
                bed.sim("remove 1")
                seen = float(watcher.stdout.readline().split()[0])
                outs.append(told(app, session) - seen)
                app.call("Release", path=session, interface="Session")
                start = len(app.events)
                bed.sim("insert 1 vitale-family")
                seen = float(watcher.stdout.readline().split()[0])
                ins.append(app.event("properties", start, interface="org.vitaled1.Reader")["at"] - seen)
                time.sleep(0.3)
            watcher.wait(5)
    print("\nAfter pcscd's event, ms: median, worst of", rounds)
    for name, values in (("card in: Card object with its ATR", ins), ("card out: session locked", outs)):
        print(f"  {name:36} {1000 * statistics.median(values):6.1f} {1000 * max(values):6.1f}")


def told(app, session):
    return app.wait(lambda: next((e["at"] for e in app.events if e["event"] == "properties" and e["path"] == session
                                  and e["changed"].get("State") == "locked"), None))


def main():
    p = argparse.ArgumentParser(prog="./run bench wire")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--only", choices=("unlocks", "beside", "soon"))
    a = p.parse_args()
    for name, work in (("unlocks", unlocks), ("beside", beside), ("soon", soon)):
        if a.only in (None, name):
            work(a.build)


if __name__ == "__main__":
    main()
