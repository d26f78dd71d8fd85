# SPDX-License-Identifier: EUPL-1.2
"""run bench unlock: what one unlock costs, for CPS3 and CPS4, against the floor of the links.

The simulator takes the time that the characters take on the cards' links (--clock: 12 etu a
character at 4 MHz). Printed: wall time from state to state, TPDUs and characters on each link, the
floor that the speed of the links sets, and the ratio. The floor counts both links as if each were
busy without a pause and both at once; the PIN is answered by a program, so no human time is in it.
"""
import argparse
import time

from actor import Actor
from bed import Bed, personalise

SPEED = {"cps3-gp": 896.06, "cps4-gp": 10752.69, "vitale-family": 3584.23}  # B/s, ISO 7816-3 at 4 MHz


def count(bed, slot):
    """(TPDUs, characters) of a slot since the last reset of its counter."""
    tpdus, characters = bed.sim(f"count {slot}").split()[:2]
    return int(tpdus), int(characters)


def states(app, session):
    """[(state, seconds)] until unlocked, by the session's own signals."""
    seen = {}

    def look():
        for e in app.events:
            if e["event"] == "properties" and e["path"] == session and "State" in e["changed"]:
                seen.setdefault(e["changed"]["State"], time.monotonic())
        return True if "unlocked" in seen or {"failed", "refused"} & set(seen) else None
    app.wait(look, 120)
    return seen


def one(bed, cps, warm):
    app = Actor(bed, "vdapp")
    with app:
        for slot in (0, 1):
            bed.sim(f"count-reset {slot}")
        app.get("/org/vitaled1", "Manager", "Version")
        start = time.monotonic()
        session = app.open(intent=["consult", "create"])
        seen = states(app, session)
        if "unlocked" not in seen:
            raise SystemExit(f"{cps}: {app.state(session)} {app.get(session, 'Session', 'Reason')}")
        wall = seen["unlocked"] - start
        counts = [count(bed, slot) for slot in (0, 1)]
        app.call("Release", path=session, interface="Session")
    links = [counts[0][1] / SPEED[cps], counts[1][1] / SPEED["vitale-family"]]
    floor = max(links)
    print(f"\n{cps} and vitale-family, {'PIN still verified' if warm else 'first consultation of the day'}")
    last = start
    for state, when in sorted(seen.items(), key=lambda x: x[1]):
        print(f"  until {state:22} {1000 * (when - last):8.1f} ms")
        last = when
    for name, (tpdus, characters), seconds in zip((cps, "vitale-family"), counts, links):
        print(f"  link {name:15} {tpdus:4d} TPDUs {characters:6d} characters {1000 * seconds:8.1f} ms")
    print(f"  wall {1000 * wall:.1f} ms, floor (links at once) {1000 * floor:.1f} ms, ratio {wall / floor:.2f};"
          f" links one after the other {1000 * sum(links):.1f} ms, ratio {wall / sum(links):.2f}")


def main():
    p = argparse.ArgumentParser(prog="./run bench unlock")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    a = p.parse_args()
    for cps in ("cps3-gp", "cps4-gp"):
        with Bed(a.build, cards=(cps, "vitale-family"), clock=True) as bed:
            agent = Actor(bed, "vdagent")
            with agent:
                agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
                one(bed, cps, False)
                one(bed, cps, True)


if __name__ == "__main__":
    main()
