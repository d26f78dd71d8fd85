# SPDX-License-Identifier: EUPL-1.2
"""What each process of ours has given up, looked at from outside in /proc while a dossier is open; and
what Diagnose tells of the service's place. From inside: tests/unit/confine, one table for all children."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from bed import USERS, wait_for
from conftest import pids, running

MIB = 1 << 20
CHILDREN = {  # limits: descriptors, address space, locked memory, file size
    "vitaled-watch": (16, 32 * MIB, 64 << 10, 0),
    "vitaled-card": (16, 32 * MIB, 64 << 10, 0),
    "vitaled-dossier": (64, 768 * MIB, 64 << 10, 16 << 30),
    "vitaled-crl": (16, 1024 * MIB, 0, 64 * MIB),
    "vitaled-feed": (16, 1024 * MIB, 0, 64 * MIB),
}
LIMITS = {"Max open files": 0, "Max address space": 1, "Max locked memory": 2, "Max file size": 3}
NOTHING = ("Max core file size", "Max processes", "Max msgqueue size")
STANDARD = {"0": r"/dev/null", "1": r".*/log/vitaled", "2": r".*/log/vitaled"}
DESCRIPTORS = {  # besides STANDARD; {number: what}, None: any number of these
    "vitaled-watch": {"3": r"socket:.*", "5": r"socket:.*"},  # 4 was the folder of pcscd's socket
    "vitaled-card": {"3": r"socket:.*", "4": r"socket:.*"},
    "vitaled-dossier": {"3": r"socket:.*", None: r".*/state/dossiers/[0-9a-f]{2}/[0-9a-f]{62,64}\.dossier(-wal)?"},
    "vitaled": {None: r"socket:.*|anon_inode:\[(eventpoll|signalfd|timerfd|pidfd)\]|anon_inode:inotify|"
                      r".*/state/audit\.sqlite(-wal|-shm)?|.*/state/cache|.*/state"},
}
PCSC = {"PCSCLITE_NO_BLOCKING", "PCSCLITE_CSOCK_NAME", "VITALED_USB_SOCKET"}
ENVIRONMENT = {"vitaled-watch": (PCSC, PCSC | {"VITALED_WATCH_GUARD"}), "vitaled-card": (PCSC,),
               "vitaled-dossier": (set(),)}


def proc(pid, name):
    with open(f"/proc/{pid}/{name}", "rb") as f:
        return f.read().decode(errors="replace")


def status(pid):
    return dict(line.split(":\t", 1) for line in proc(pid, "status").splitlines() if ":\t" in line)


def limits(pid):
    """{name: (soft, hard)}"""
    found = {}
    for line in proc(pid, "limits").splitlines()[1:]:
        name, rest = line[:26].strip(), line[26:].split()
        found[name] = tuple(rest[:2])
    return found


def descriptors(pid):
    return {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}


def is_confined(pid, program):
    """What every child has given up, as the kernel tells it."""
    told = status(pid)
    assert (told["Seccomp"], told["NoNewPrivs"], told["Umask"], told["CapEff"], told["Threads"]) == \
        ("2", "1", "0077", "0" * 16, "1"), (program, told)
    bounds = limits(pid)
    for name in NOTHING:
        assert bounds[name] == ("0", "0"), (program, name, bounds[name])
    for name, at in LIMITS.items():
        most = str(CHILDREN[program][at])
        assert bounds[name] == (most, most), (program, name, bounds[name])
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0, program  # not dumpable: not its own user's


def holds_only(pid, program):
    allowed = STANDARD | DESCRIPTORS[program]
    for fd, what in descriptors(pid).items():
        assert re.fullmatch(allowed.get(fd) or allowed.get(None, r"(?!)"), what), (program, fd, what)


@pytest.fixture
def unlocked(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["consult", "create"])
    app.until(session, "unlocked")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    return bed, app, session


def environment(pid):
    """Names of its variables."""
    return {v.split("=")[0] for v in proc(pid, "environ").split("\0") if v}


def at_work():
    """running() of an open dossier, once its guard is there too, which the broker starts a moment after the others,
    and each child has come to its filter: one that was started this moment has not."""
    def steady():
        found = running()
        with contextlib.suppress(OSError):  # ended since
            if any("VITALED_WATCH_GUARD" in environment(pid) for pid, _ in found) and \
                    all(status(pid)["Seccomp"] == "2" for pid, comm in found if comm != "vitaled"):
                return found
        return None
    return wait_for(steady)


def test_every_process_of_an_open_dossier_has_given_up_what_it_does_not_need(unlocked):
    seen = []
    for pid, comm in at_work():
        seen.append(comm)
        holds_only(pid, comm)
        if comm != "vitaled":
            is_confined(pid, comm)
            assert environment(pid) in ENVIRONMENT[comm]
    assert set(seen) == {"vitaled", "vitaled-watch", "vitaled-card", "vitaled-dossier"}
    assert seen.count("vitaled-watch") == 2


def test_the_broker_leaves_no_core_and_cannot_be_looked_into(unlocked):
    broker, = pids("vitaled")
    assert status(broker)["NoNewPrivs"] == "1"
    assert limits(broker)["Max core file size"] == ("0", "0")
    assert os.stat(f"/proc/{broker}/environ").st_uid == 0


@pytest.mark.parametrize("name", ["environ", "mem", "maps", "fd/3"])
def test_another_process_of_the_same_user_cannot_look_into_ours(unlocked, name):
    bed, app, session = unlocked
    for pid, comm in at_work():
        done = bed.run(["cat", f"/proc/{pid}/{name}"], user="vitaled", timeout=10)
        assert done.returncode != 0 and "denied" in done.stderr, (comm, done.stderr)


@pytest.mark.parametrize("program", ["vitaled-crl", "vitaled-feed"])
def test_a_reader_of_foreign_files_is_confined_too(build, tmp_path, program):
    """It lives for milliseconds: started by hand here, with the link that the broker would give it."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.closerange(4, 99); os.execv(sys.argv[2], [sys.argv[2]])"
    argv = ["setpriv", f"--reuid={USERS['vitaled']}", f"--regid={USERS['vitaled']}", "--clear-groups", "--",
            "/usr/bin/python3", "-c", code, str(its.fileno()), os.path.join(build, "daemon/trust", program)]
    os.chmod(tmp_path, 0o755)
    p = subprocess.Popen(argv, pass_fds=[its.fileno()], env={}, stdin=subprocess.DEVNULL)
    its.close()
    try:
        wait_for(lambda: status(p.pid)["Name"] == program and status(p.pid)["Seccomp"] == "2")
        is_confined(p.pid, program)
        assert set(descriptors(p.pid)) == {"0", "1", "2", "3"}
    finally:
        ours.close()
        assert p.wait(10) == 0


def test_a_killed_broker_takes_every_child_along(unlocked):
    broker, = pids("vitaled")
    assert len(running()) > 3
    os.kill(broker, signal.SIGKILL)
    wait_for(lambda: not running())


# -- what Diagnose tells --------------------------------------------------------------------------------------

def findings(app, name):
    return [f for f in app.call("Diagnose") if f["name"] == name]


def directives(app):
    return {f["directive"] for f in findings(app, "not-confined")}


@contextlib.contextmanager
def restarted(bed, people, *before, drop=(), **env):
    """The broker anew, behind the programs @before, without what setpriv shall @drop, with @env; an application."""
    bed.end("vitaled")
    bed.spawn("vitaled", [*before, "setpriv", *drop, "--reuid=vitaled", "--regid=vitaled", "--clear-groups", "--",
                          bed.program("vitaled"), "--config", bed.path("vitaled.conf")], env=bed.env | env)
    bed.wait_broker()
    yield people.actor(bed, "vdapp")


def test_a_service_outside_of_its_unit_says_so_and_one_inside_tells_what_is_missing(bed, people):
    app = people.actor(bed, "vdapp")
    assert directives(app) == {"all"}
    with restarted(bed, people, VITALED_CONFINED="1") as app:
        plain = directives(app)
    # what this bed does not give, and what the program does for itself
    assert {"CapabilityBoundingSet", "UMask", "SystemCallFilter", "MemoryDenyWriteExecute", "LockPersonality",
            "RestrictSUIDSGID", "RestrictAddressFamilies", "RootDirectory", "NoExecPaths", "ProtectSystem",
            "PrivateTmp", "ProtectProc", "ProcSubset"} <= plain
    assert not {"all", "NoNewPrivileges", "LimitCORE"} & plain
    with restarted(bed, people, "sh", "-c", 'umask 077; exec "$@"', "sh", drop=["--bounding-set=-all"],
                   VITALED_CONFINED="1") as app:
        assert plain - directives(app) == {"UMask", "CapabilityBoundingSet"}
    with restarted(bed, people, "unshare", "-m", "sh", "-c",
                   'mount -t proc -o hidepid=invisible,subset=pid proc /proc; exec "$@"', "sh",
                   VITALED_CONFINED="1", VITALED_BOOT_ID="0" * 32) as app:
        assert plain - directives(app) >= {"ProcSubset", "ProtectProc"}


def test_secrets_that_may_be_swapped_out_are_told(bed, people):
    app = people.actor(bed, "vdapp")
    assert findings(app, "secrets-not-locked") == []
    with restarted(bed, people, "prlimit", "--memlock=0", "--") as app:
        assert len(findings(app, "secrets-not-locked")) == 1


def test_a_record_key_that_is_no_credential_is_told(bed, people):
    assert len(findings(people.actor(bed, "vdapp"), "record-key-file")) == 1
    bed.end("vitaled")
    folder = bed.path("credentials")
    os.makedirs(folder)
    for name in ("audit.key", "dossier.key", "pseudonym.key"):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(os.urandom(32))
        os.chmod(os.path.join(folder, name), 0o644)
    for name in os.listdir(bed.path("state")):  # what other keys have made is none of ours
        if name.startswith(("audit.", "dossier.key", "pseudonym.key")):
            os.unlink(bed.path("state", name))
    with restarted(bed, people, CREDENTIALS_DIRECTORY=folder) as app:
        assert findings(app, "record-key-file") == []


def test_an_anchor_near_its_end_a_low_store_and_an_absent_polkit_are_told(make_bed, people):
    bed = make_bed(state_size="4m")
    app = people.actor(bed, "vdapp")
    low, = findings(app, "store-low")
    assert low["path"] == bed.path("state") and 0 < low["free"] < 4 * MIB
    assert findings(app, "anchor-expires") == [] == findings(app, "anchor-expired") == findings(app, "no-polkit")
    os.makedirs(bed.path("anchors/test"), exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=Ends soon", "-days", "10",
                    "-keyout", os.devnull, "-out", bed.path("anchors/test/soon.pem")], check=True, capture_output=True)
    os.chmod(bed.path("anchors/test/soon.pem"), 0o644)
    with restarted(bed, people) as app:
        soon, = findings(app, "anchor-expires")
        assert (soon["nature"], soon["subject"]) == ("test", "/CN=Ends soon")
        assert 9 * 86400 < soon["until"] / 1e6 - time.time() < 11 * 86400
        bed.end("polkitd")
        wait_for(lambda: len(findings(app, "no-polkit")) == 1)
