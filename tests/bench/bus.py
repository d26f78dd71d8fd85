# SPDX-License-Identifier: EUPL-1.2
"""run bench bus: what the service costs on the bus, beside a bare libdbus service, sd-bus and GDBus.

All in one run on one private dbus-daemon with the system bus's limits and the installed policy. One C
program makes all the load (peers/load.c); it sends every service the same bytes and gets the same
bytes back. Services take turns within every round, so that what else the machine does hits all of
them; figures are medians of the rounds, ratios those of their better quartiles. Nothing is asserted.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import threading
import time

from bed import ROOT, USERS, Bed, wait_for

OURS, FLOOR = "vitaled", "libdbus"
NAMES = {OURS: "org.vitaled1", FLOOR: "org.vitaled1.bench.libdbus", "sd-bus": "org.vitaled1.bench.sdbus",
         "GDBus": "org.vitaled1.bench.glib"}
PROGRAMS = {FLOOR: "echo-libdbus", "sd-bus": "echo-sdbus", "GDBus": "echo-glib"}
POLICY = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <policy user="vddisplay"><allow own_prefix="org.vitaled1.bench"/></policy>
 <policy context="default">{rules}</policy>
</busconfig>
"""
RULES = """
  <allow send_destination="{name}"/>
  <deny send_destination="{name}" send_interface="org.freedesktop.DBus.Properties" send_member="Set"/>"""
with open(os.path.join(ROOT, "systemd/vitaled.service.in"), encoding="utf-8") as unit:
    WATCHDOG = next(int(line.split("=")[1]) for line in unit if line.startswith("WatchdogSec="))
DISPLAY = "[agent display]\ncapability = patient-display\npair = default\nuser = vdapp\n"  # the load generator comes and goes as one


class BusBed(Bed):
    """The bed with the three other services on its bus, and a watchdog as systemd keeps one."""

    def lay_out(self):
        super().lay_out()
        rules = "".join(RULES.format(name=name) for who, name in NAMES.items() if who != OURS)
        with open(self.path("bus/system.d/bench.conf"), "w", encoding="utf-8") as f:
            f.write(POLICY.format(rules=rules))

    def start_broker(self, wait=True):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.path("notify"))
        os.chmod(self.path("notify"), 0o666)
        threading.Thread(target=self.hear, daemon=True).start()
        env = {**self.env, "NOTIFY_SOCKET": self.path("notify"), "WATCHDOG_USEC": str(WATCHDOG * 1000000)}
        self.spawn("vitaled", self.broker_argv(), user="vitaled", env=env)
        self.wait_broker()
        for who, program in PROGRAMS.items():
            if os.path.exists(self.peer(program)):
                self.spawn(who, [self.peer(program), NAMES[who]], user="vddisplay")
                wait_for(lambda name=NAMES[who]: self.owned(name))

    def hear(self):
        """Read what the broker tells its manager: a socket that nobody reads makes it wait."""
        while self.notify.recv(4096):
            pass

    def broker_argv(self):
        return [self.program("vitaled"), "--config", self.path("vitaled.conf")]

    def peer(self, name):
        return os.path.join(self.build, "tests/bench/peers", name)

    def services(self):
        return [who for who in NAMES if who in self.processes]

    def load(self, kind, who, *more, user="vdapp"):
        """The lines that one run of the load generator prints."""
        done = self.run([self.peer("load"), kind, NAMES[who], *map(str, more)], user=user)
        if done.returncode:
            raise SystemExit(f"{kind} {who}: {done.stderr}")
        return done.stdout.split("\n")[:-1]

    def calls(self, kind, who, *more, user="vdapp"):
        return json.loads(self.load(kind, who, *more, user=user)[-1])

    def flood(self, who, kind, clients, milliseconds, waiting):
        """Another user floods @who from now on."""
        p = subprocess.Popen(["setpriv", "--reuid=vdother", "--regid=vdother", "--clear-groups", "--",
                              self.peer("load"), kind, NAMES[who], *map(str, (clients, milliseconds, waiting))],
                             env=self.env, stdout=subprocess.PIPE, text=True)
        p.stdout.readline()
        return p


def first(bed, rounds=3):
    """What a connection pays once: the service asks the bus who it is, and to be told when it leaves."""
    print("\nThe first call of a connection, 256 connections one after the other, ms\n")
    print("| service | median | 99th percentile | ratio of medians |\n|---|---:|---:|---:|")
    rows = {who: [] for who in bed.services()}
    for _ in range(rounds):
        for who in rows:
            rows[who].append(bed.calls("first", who, 256, 1))
    for who, found in rows.items():
        ratio = ratio_of(found, rows[FLOOR], "p50")
        print(f"| {who} | {median(found, 'p50'):.3f} | {median(found, 'p99'):.3f} | {ratio:.2f} |", flush=True)


def goal(met, what):
    return f"{what}: {'met' if met else '**missed**'}"


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def ratio_of(rows, floor, key):
    """Of the better quartiles of the rounds: a round that something else disturbed says nothing about the service."""
    better = 2 if key == "rate" else 0
    mine, floors = (statistics.quantiles([r[key] for r in some], n=4)[better] for some in (rows, floor))
    return mine / floors


# -- calls ------------------------------------------------------------------------------------------

CALLS = (  # title, kind, clients, ms, rounds, rate
    ("1 client, each call after the last", "closed", 1, 120, 21, ()),
    ("100 clients, each call after its last", "closed", 100, 300, 3, ()),
    ("256 clients, each call after its last", "closed", 256, 300, 3, ()),
    ("100 clients, 1,000 calls/s in all", "open", 100, 1000, 6, (1000,)),
    ("256 clients, 1,000 calls/s in all", "open", 256, 1000, 3, (1000,)),
)


def calls(bed):
    print("\nProperties.Get of one string by connections that the service knows; times in ms; ratios of calls/s (closed) or of the 99th percentile (open) to the"
          " bare libdbus service\n")
    print("| load | service | calls/s | median | 99th percentile | ratio | goal |\n|---|---|---:|---:|---:|---:|---|")
    for title, kind, clients, ms, rounds, rate in CALLS:
        rows = {who: [] for who in bed.services()}
        for _ in range(rounds):
            for who in rows:
                rows[who].append(bed.calls(kind, who, clients, ms, *rate))
        for who, found in rows.items():
            figure = "rate" if kind == "closed" else "p99"
            ratio = ratio_of(found, rows[FLOOR], figure)
            errors = sum(r["errors"] for r in found)
            print(f"| {title} | {who} | {median(found, 'rate'):.0f} | {median(found, 'p50'):.3f} |"
                  f" {median(found, 'p99'):.3f} | {ratio:.2f} | {calls_goal(who, kind, clients, ratio, found)}"
                  f"{f' {errors} refused!' if errors else ''} |", flush=True)


def calls_goal(who, kind, clients, ratio, found):
    if who == OURS and clients == 1:
        return goal(ratio >= 0.9, "≥ 0.90")
    if who == OURS and kind == "open" and clients == 100:
        return goal(median(found, "p99") <= 0.5, "≤ 0.5 ms")
    return ""


# -- signals ------------------------------------------------------------------------------------------

def fan(bed, rounds=7):
    print("\nFrom the cause to the last of 256 subscribers, ms\n")
    print("| cause | service | median | worst | goal |\n|---|---|---:|---:|---|")
    rows = {who: [] for who in bed.services()}
    for _ in range(2):
        for who in rows:
            rows[who] += [float(x) for x in bed.load("fan", who, 256, rounds)]
    for who, found in rows.items():
        fan_row("an agent leaves: UnregisterAgent is sent", who, found)
    fan_row("a card comes in: the simulator is told", OURS, cards(bed, rounds))


def fan_row(cause, who, found):
    met = goal(statistics.median(found) <= 50, "≤ 50 ms") if who == OURS else ""
    print(f"| {cause} | {who} | {statistics.median(found):.1f} | {max(found):.1f} | {met} |", flush=True)


def cards(bed, rounds):
    """Card objects that appear: pcscd, the reader's watch and the broker are all in it."""
    p = subprocess.Popen(["setpriv", "--reuid=vdapp", "--regid=vdapp", "--clear-groups", "--", bed.peer("load"),
                          "watch", NAMES[OURS], "256", str(rounds), "InterfacesAdded"],
                         env=bed.env, stdout=subprocess.PIPE, text=True)
    p.stdout.readline()
    taken = []
    for _ in range(rounds):
        bed.sim("remove 1")
        time.sleep(1)
        begin = time.monotonic_ns()
        bed.sim("insert 1 vitale-family")
        heard = int(p.stdout.readline())
        if heard:
            taken.append((heard - begin) / 1e6)
    p.wait(30)
    p.stdout.close()
    if len(taken) < rounds:
        print(f"(in {rounds - len(taken)} rounds not all have heard)")
    return taken


# -- flood --------------------------------------------------------------------------------------------

def flood(bed, rounds=7):
    print("\nOne user floods: 8 connections with 16 calls waiting on each, allowed and refused ones in turn; another user,"
          " by 4 connections, asks 500 times a second; times in ms; ratio to the bare libdbus service under the same flood\n")
    print("| flood | service | answered to the flood, calls/s | median | 99th percentile | ratio | refused | goal |\n"
          "|---|---|---:|---:|---:|---:|---:|---|")
    for title, kind in (("mixed", "flood"), ("mixed, an eighth of it asks polkit", "flood-polkit")):
        rows = {who: [] for who in (OURS, FLOOR)}
        for _ in range(rounds):
            for who in rows:
                p = bed.flood(who, kind, 8, 1200, 16)
                found = bed.calls("open", who, 4, 1000, 500)
                found["flood"] = json.loads(p.communicate(timeout=60)[0])["rate"]
                rows[who].append(found)
        for who, found in rows.items():
            ratio = ratio_of(found, rows[FLOOR], "p99")
            refused = sum(r["errors"] for r in found)
            met = goal(ratio <= 1.2 and not refused, "≤ 1.20, none refused") if who == OURS else ""
            print(f"| {title} | {who} | {median(found, 'flood'):.0f} | {median(found, 'p50'):.3f} |"
                  f" {median(found, 'p99'):.3f} | {ratio:.2f} | {refused} | {met} |", flush=True)


# -- rest ---------------------------------------------------------------------------------------------

def family(pid):
    """{pid: name} of @pid and whatever it started."""
    with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
        found = {pid: f.read().strip()}
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
        for child in f.read().split():
            found.update(family(int(child)))
    return found


def switches(pid):
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches"))
    return total


def kilobytes(pid, file, name):
    with open(f"/proc/{pid}/{file}", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":"))


def rest(bed):
    print(f"At rest: no client; watchdog of {WATCHDOG} s; wake-ups are voluntary context switches; memory in kB\n")
    print("| state | process | wake-ups a minute | RssAnon | PSS | goal |\n|---|---|---:|---:|---:|---|")
    time.sleep(9)  # the reader's watch takes some waits without a change to become quiet
    rest_rows(bed, "two cards in", 24)
    for slot in (0, 1):
        bed.sim(f"remove {slot}")
    time.sleep(9)
    rest_rows(bed, "no card", 24)
    for slot, card in enumerate(bed.cards):
        bed.sim(f"insert {slot} {card}")


def rest_rows(bed, state, seconds):
    broker = bed.processes[OURS].pid
    who = family(broker)
    who.update({bed.processes[p].pid: f"{p} (echo)" for p in PROGRAMS if p in bed.processes})
    before = {pid: switches(pid) for pid in who}
    time.sleep(seconds)
    for pid, name in who.items():
        if not os.path.exists(f"/proc/{pid}"):
            continue
        often = max(0, switches(pid) - before[pid]) * 60 / seconds
        anonymous = kilobytes(pid, "status", "RssAnon")
        met = []
        if "echo" not in name:  # sd-event feeds the watchdog at half to three quarters of its time
            met.append(goal(often <= (2 * 60 / WATCHDOG if pid == broker else 0), "the watchdog's only"))
        if pid == broker:
            met.append(goal(anonymous <= 5000, "≤ 5,000 kB"))
        print(f"| {state} | {name} | {often:.0f} | {anonymous} | {kilobytes(pid, 'smaps_rollup', 'Pss')} |"
              f" {', '.join(met)} |", flush=True)


def starting(bed, rounds=20):
    print(f"\nFrom fork to the name owned, ms, {rounds} starts\n\n| service | median | worst | goal |\n|---|---:|---:|---|")
    for who in (OURS, *(p for p in PROGRAMS if p in bed.processes)):
        user = USERS["vitaled" if who == OURS else "vddisplay"]
        argv = bed.broker_argv() if who == OURS else [bed.peer(PROGRAMS[who]), NAMES[who]]
        bed.end(who)
        with open(bed.path("log", "starts"), "ab") as log:
            done = subprocess.run([bed.peer("load"), "start", NAMES[who], str(rounds), str(user), *argv], env=bed.env,
                                  stdout=subprocess.PIPE, stderr=log, text=True, timeout=200, check=True)
        found = [float(x) for x in done.stdout.split()]
        met = goal(statistics.median(found) <= 50, "≤ 50 ms") if who == OURS else ""
        print(f"| {who} | {statistics.median(found):.1f} | {max(found):.1f} | {met} |", flush=True)


PARTS = {"rest": rest, "calls": calls, "first": first, "fan": fan, "flood": flood, "start": starting}


def main():
    p = argparse.ArgumentParser(prog="./run bench bus")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--only", choices=PARTS, action="append")
    a = p.parse_args()
    begin = time.monotonic()
    with BusBed(a.build, config=DISPLAY) as bed:
        for name, work in PARTS.items():
            if not a.only or name in a.only:
                work(bed)
    print(f"\n{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
