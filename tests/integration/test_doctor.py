# SPDX-License-Identifier: EUPL-1.2
"""vitalectl doctor beside the real pcscd, bus and broker: what it sees, with the service and without, and that it
asks nobody else and changes nothing. Trees of files with every finding: tests/unit/client/test_doctor.py."""
import json
import os
import re
import signal
import subprocess

import pytest

from bed import READER, wait_for
from terminal import EXCLUSIVE, Terminal


class Doctor:
    def __init__(self, bed):
        self.bed = bed
        os.symlink(bed.program("vitaled"), bed.path("children", "vitaled"))
        self.env = {**bed.env, "LANG": "C.UTF-8", "VITALED_LIBEXECDIR": bed.path("children")}

    def __call__(self, *options, user=None, before=()):
        argv = [*before, self.bed.program("vitalectl"), "--json", "doctor", "--anchors", self.bed.path("anchors"), *options]
        done = self.bed.run(argv, user=user, env=self.env) if user else subprocess.run(
            argv, env=self.env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode in range(10) and done.stderr == "", done.stderr
        self.code, self.out = done.returncode, [json.loads(line) for line in done.stdout.splitlines()]
        return [e["finding"] for e in self.out if "finding" in e]

    def seen(self, what):
        return [e["facts"] for e in self.out if e.get("seen") == what]

    def facts(self, finding):
        return [e["facts"] for e in self.out if e.get("finding") == finding]


@pytest.fixture
def doctor(bed):
    return Doctor(bed)


def readers():
    return [f"{READER} 00 00", f"{READER} 00 01"]


def test_with_the_service_its_findings_and_the_readers_are_told(doctor, bed):
    found = doctor(user="vdapp")
    assert "service" not in found and "pcscd" not in found and "anchors" not in found
    assert "no-agent" in found  # nobody answers this user's sessions
    assert [r["name"] for r in doctor.seen("reader")] == readers()
    assert {r["card"] for r in doctor.seen("reader")} == {"card in it"}
    installed = subprocess.run(["/usr/sbin/pcscd", "--version"], capture_output=True, text=True, check=False).stdout
    assert f"version {doctor.seen('pcscd')[0]['version']}." in installed
    assert doctor.seen("service")[0]["reader-service"] == "running"
    assert "card-held" not in found  # the service's own hold is none


def test_without_the_service_what_can_be_seen_is_told(doctor, bed):
    bed.end("vitaled")
    found = doctor()
    assert doctor.code == 4 and found[0] == "service"
    assert "anchors" not in found and "anchor-broken" not in found and "anchor-expired" not in found
    assert {a["nature"] for a in doctor.seen("anchor")} == {"simulated", "test"}
    assert [r["name"] for r in doctor.seen("reader")] == readers()
    assert "program" not in found and "library" not in found and "pcscd" not in found


def test_without_bus_and_pcscd_the_rest_is_told(doctor, bed):
    for name in ("vitaled", "pcscd", "dbus"):
        bed.end(name)
    found = doctor()
    assert doctor.code == 4 and {"bus", "pcscd"} <= set(found)
    assert doctor.seen("clock") and doctor.seen("pcscd")


def test_the_program_that_holds_a_card_is_named_to_root_and_hidden_from_others(doctor, bed):
    bed.end("vitaled")
    with Terminal(bed, "vdother") as other:
        other.connect(readers()[1], EXCLUSIVE)
        assert "card-held" in doctor()
        facts, = doctor.facts("card-held")
        assert facts["reader"] == readers()[1] and facts["hidden-processes"] == 0
        assert re.search(rf"^python3\S* \({other.process.pid}\)$", facts["programs"])
        doctor(user="vdapp")
        facts, = doctor.facts("card-held")
        assert facts["programs"] == "" and facts["hidden-processes"] > 0
    wait_for(lambda: "card-held" not in doctor())


def test_while_the_service_runs_a_card_of_another_program_is_told_too(doctor, bed):
    with Terminal(bed, "vdother") as other:
        bed.end("vitaled")
        other.connect(readers()[1], EXCLUSIVE)
        bed.start_broker()
        wait_for(lambda: "card-held" in doctor(user="vdapp"))
        assert doctor.facts("card-held")[0]["reader"] == readers()[1]


def test_a_user_is_told_what_polkit_would_refuse(doctor, bed):
    with open(bed.path("bus/system.d/ask-polkit.conf"), "w", encoding="utf-8") as f:
        f.write("""<busconfig><policy context="default"><allow send_destination="org.freedesktop.PolicyKit1"/></policy>
</busconfig>""")
    bed.processes["dbus"].send_signal(signal.SIGHUP)  # it reads its policy anew
    wait_for(lambda: doctor(user="vdapp") and "allowed here" in [r["answer"] for r in doctor.seen("right")])
    assert {r["action"]: r["answer"] for r in doctor.seen("right")} == {
        "org.vitaled1.session.open": "allowed here", "org.vitaled1.agent.register-pin": "not allowed here",
        "org.vitaled1.agent.register-professional": "not allowed here"}
    assert [f["action"] for f in doctor.facts("not-allowed")] == [
        "org.vitaled1.agent.register-pin", "org.vitaled1.agent.register-professional"]


def test_a_card_put_in_the_wrong_way_round_is_told(doctor, bed):
    bed.end("vitaled")
    bed.sim("remove 1")
    bed.sim("upside-down 1 vitale-family")
    wait_for(lambda: "card-mute" in doctor())
    assert [e["detail"] for e in doctor.out if e.get("finding") == "card-mute"] == [readers()[1]]


def test_a_pcscd_that_hangs_is_told_and_not_waited_for(doctor, bed):
    bed.end("vitaled")
    pcscd = bed.processes["pcscd"].pid
    os.kill(pcscd, signal.SIGSTOP)
    try:
        assert "pcscd-silent" in doctor()
    finally:
        os.kill(pcscd, signal.SIGCONT)
    wait_for(lambda: "pcscd-silent" not in doctor())


def test_the_doctor_reaches_no_network_and_writes_no_file(doctor, bed):
    log = bed.path("log", "strace")
    doctor(before=["strace", "-f", "-qq", "-o", log, "-e",
                   "trace=socket,open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,chmod,"
                   "fchmod,fchmodat,chown,fchown,fchownat,truncate,ftruncate,mknod,mknodat,link,linkat,symlink,symlinkat"])
    with open(log, encoding="utf-8", errors="replace") as f:
        calls = [line.split(None, 1)[1] for line in f]
    sockets = [c for c in calls if c.startswith("socket(")]
    assert sockets and all(c.startswith("socket(AF_UNIX,") for c in sockets), sockets
    opened = [c for c in calls if c.startswith("open")]
    assert len(opened) > 20
    writing = [c for c in opened if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND", c) and '"/dev/null"' not in c]
    assert writing == []
    other = [c for c in calls if re.match(r"[a-z0-9]+\(", c) and not c.startswith(("socket(", "open"))]
    assert other == []
