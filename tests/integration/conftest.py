# SPDX-License-Identifier: EUPL-1.2
"""Beds for the integration tests. Cards are personalised once; each bed gets a copy."""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import random
import subprocess
import time

import pytest

from actor import Actor
from bed import ROOT, Bed, personalise, wait_for
from terminal import EXCLUSIVE, PcscError

SPARES = 2  # processes of vitaled-card that wait for a card while there are readers (daemon/limits.h)


def profiles():
    """{name: profile} of all cards that the tree has."""
    folder, found = os.path.join(ROOT, "drivers/sim/profiles"), {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                found[name.removesuffix(".json")] = json.load(f)
    return found


def pytest_addoption(parser):
    parser.addoption("--build", default="build/gcc", help="build folder with the programs")
    parser.addoption("--soak", action="store_true", help="full counts, and what waits for minutes")
    parser.addoption("--personal", help="folder of all cards, which several runs share; made by the first")
    parser.addoption("--seed", type=int, default=int(time.time()), help="which tenth is run without --soak")


def pytest_report_header(config):
    return f"seed: {config.getoption('--seed')}" + (", full counts" if config.getoption("--soak") else "")


def pytest_generate_tests(metafunc):
    """An argument `nth`: every command of a consultation, or a tenth of them by the seed."""
    if "nth" in metafunc.fixturenames:
        every = list(range(1, 61))
        if not metafunc.config.getoption("--soak"):
            every = sorted(random.Random(metafunc.config.getoption("--seed")).sample(every, 6))
        metafunc.parametrize("nth", every)


def pytest_configure(config):
    config.addinivalue_line("markers", "minutes: waits for people's deadlines; with --soak only")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--soak"):
        late = [i for i in items if i.get_closest_marker("minutes")]
        config.hook.pytest_deselected(items=late)
        items[:] = [i for i in items if i not in late]


@pytest.fixture(scope="session")
def build(request):
    return os.path.abspath(request.config.getoption("--build"))


def personalise_all(build, out):
    """All cards in folder @out; the keys of half of them are made at a time."""
    slow = [name for name, p in profiles().items() if p["kind"].startswith("cps")]
    personalise(build, out, [name for name in profiles() if name not in slow])
    alone = [name for name in slow if profiles()[name].get("authority") or profiles()[name].get("revoked")]
    personalise(build, out, alone)
    slow = [name for name in slow if name not in alone]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda names: personalise(build, out, names), (slow[0::2], slow[1::2])))


@pytest.fixture(scope="session")
def personal(request, build, tmp_path_factory):
    """A folder with all cards, which the beds copy."""
    out = request.config.getoption("--personal")
    if not out:
        out = str(tmp_path_factory.mktemp("personal") / "cards")
        personalise_all(build, out)
        return out
    out = os.path.abspath(out)
    with open(out + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(out):
            personalise_all(build, out + ".new")
            os.rename(out + ".new", out)
    return out


@pytest.fixture
def make_bed(build, personal):
    with contextlib.ExitStack() as stack:
        def make(*cards, **more):
            return stack.enter_context(Bed(build, cards=cards or ("cps4-gp", "vitale-family"),
                                           personal=personal, **more))
        yield make


@pytest.fixture
def bed(make_bed):
    return make_bed()


@pytest.fixture
def people(request):
    """people(bed, **answers): (application, agent), ended after the test."""
    with contextlib.ExitStack() as stack:
        def make(bed, **answers):
            agent = stack.enter_context(Actor(bed, "vdagent"))
            agent.agent("pin", "professional", **answers)
            return stack.enter_context(Actor(bed, "vdapp")), agent
        make.actor = lambda bed, user: stack.enter_context(Actor(bed, user))
        yield make


def watches_usb(pid):
    """Whether a vitaled-watch is vitaled-usb's."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as f:
        return any(v.startswith(b"VITALED_WATCH_USB=") for v in f.read().split(b"\0"))
    return False


def running():
    """(process number, program) of ours that run as the broker's user in this pid namespace; but for children of the
    broker that are not their own program yet, the dead, whom init here does not reap, and the watch of vitaled-usb,
    which is there in every bed and in most waits for a socket that nobody makes."""
    done = subprocess.run(["ps", "-o", "pid=,ppid=,stat=,comm=", "-u", "vitaled"], capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    brokers = {pid for pid, _, _, comm, *_ in rows if comm == "vitaled"}
    return [(int(pid), comm) for pid, parent, stat, comm, *_ in rows
            if not stat.startswith("Z") and not (comm == "vitaled" and parent in brokers) and
            not (comm == "vitaled-watch" and watches_usb(pid))]


def is_empty(pid):
    """Whether a vitaled-dossier has no dossier: one is started ahead, at most."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        return not any("/state/" in os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder))
    return True


def children(bed):
    """Programs of ours by name, without the one that waits for a dossier."""
    return sorted(comm for pid, comm in running() if comm != "vitaled-dossier" or not is_empty(pid))


def nothing_behind(bed, professional=False, spares=SPARES):
    """Only the broker, the watch and the waiting processes run (and the professional's card while its
    PIN lives)."""
    quiet = ["vitaled", "vitaled-watch"] + ["vitaled-card"] * spares
    allowed = [sorted(quiet), sorted(quiet + ["vitaled-card"])][:2 if professional else 1]
    wait_for(lambda: children(bed) in allowed, 10)
    assert len([comm for _, comm in running() if comm == "vitaled-dossier"]) <= 1


def pids(program):
    """Process numbers of a program of ours, the oldest first: of vitaled-card those that have a card
    are older than the ones that wait for one. A vitaled-dossier that waits is left out."""
    return sorted(pid for pid, comm in running() if comm == program and
                  (comm != "vitaled-dossier" or not is_empty(pid)))


def taken(program, reader):
    """Whether another @program could take the reader for itself alone."""
    try:
        program.connect(reader, EXCLUSIVE)
    except PcscError:
        return False
    return True


def cards(app):
    """{path: kind} of the cards that the bus shows."""
    return {path: o["Kind"] for path, o in shown(app, "Card").items()}


def shown(app, interface):
    """{path: properties} of the objects that have @interface."""
    objects = app.call("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")
    return {path: o["org.vitaled1." + interface] for path, o in objects.items() if "org.vitaled1." + interface in o}


def reader_at(app, name):
    """Path of the reader whose PC/SC name ends in @name ("00 01")."""
    return next(path for path, r in shown(app, "Reader").items() if r["Name"].endswith(name))


def cards_in(app, name):
    """{path: properties} of the card in that reader, if there is one."""
    reader = reader_at(app, name)
    return {path: c for path, c in shown(app, "Card").items() if c["Reader"] == reader}


def card_at(app, name):
    """Path of the card in that reader, once it is known what it is; fails after 10 s."""
    def known():
        return next((path for path, c in cards_in(app, name).items() if c["Kind"] != "unknown" or c["Advice"]), None)
    return wait_for(known)


def put_in(bed, app, slot, card):
    """Another card in that slot instead of the one that is there, once the bus shows what it is."""
    before = set(cards(app))
    bed.sim(f"replace {slot} {card}")
    wait_for(lambda: len(cards(app)) == len(before) and set(cards(app)) != before and
             set(cards(app).values()) <= {"cps", "vitale"})


def audit_is_whole(bed, app):
    """Export the record and check it by the program that shares no code with us; its entries but for those
    that were pruned."""
    log, folder = app.call("ExportAudit", {"a{sv}": {}}), bed.path("record")
    os.makedirs(folder, exist_ok=True)
    files = {"log": json.dumps(log), "note": log["checkpoint"], "vkey": log["vkey"]}
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    done = subprocess.run(
        ["/usr/bin/python3", os.path.join(ROOT, "tests/tools/verify_audit.py"),
         *(a for name, option in (("log", "--log"), ("note", "--checkpoint"), ("vkey", "--vkey"))
           for a in (option, os.path.join(folder, name)))], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return [json.loads(e) for e in log["entries"] if e is not None]
