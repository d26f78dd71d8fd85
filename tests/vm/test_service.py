# SPDX-License-Identifier: EUPL-1.2
"""The main job in the guest without pcscd: vitaled and vitaled-usb as they are installed, under the kernel's own
USB stack. The reader is one that Debian 12's libccid does not know; vitale-sim plays its cards on the host.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from conftest import Plugged

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME = "kap-link2"
CARDS = ("cps4-gp", "vitale-family")
UNIT, SOCKET = "vitaled-usb.service", "vitaled-usb.socket"
ALICE = ("S=$(loginctl show-seat seat0 -p ActiveSession --value); "  # a process of hers, in her session at the seat
         "echo $BASHPID > /sys/fs/cgroup/user.slice/user-1000.slice/session-$S.scope/cgroup.procs; "
         "exec setpriv --reuid=1000 --regid=1000 --init-groups env HOME=/home/alice ")
AGENT = """#!/bin/bash
# vitalectl's agent, answered as a willing person does
coproc A { exec vitalectl --json agent --capability pin,professional; }
while read -r line <&"${A[0]}"; do
	echo "$line"
	case $line in
	*'"request":'*'"pin"'*) echo 1234 >&"${A[1]}" ;;
	*'"request":'*'"choice"'*) echo 1 >&"${A[1]}" ;;
	*'"request":'*) echo yes >&"${A[1]}" ;;
	esac
done
"""


class Simulator:
    """vitale-sim on the host, with a CPS and a Vitale."""

    def __init__(self, build):
        program, self.folder = os.path.join(build, "drivers/sim/vitale-sim"), tempfile.mkdtemp(prefix="vitaled-vm-sim.")
        subprocess.run([program, "personalise", "--out", self.folder, "--profiles", f"{ROOT}/drivers/sim/profiles", *CARDS],
                       check=True, stdout=subprocess.DEVNULL)
        self.path, control = f"{self.folder}/reader", f"{self.folder}/control"
        self.process = subprocess.Popen([program, "--socket", self.path, "--control", control, "--state", self.folder,
                                         "--readers", "1+1", "--slot0", CARDS[0], "--slot1", CARDS[1]],
                                        stdin=subprocess.DEVNULL)
        self.control, end = socket.socket(socket.AF_UNIX), time.monotonic() + 30
        while self.control.connect_ex(control):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("vitale-sim did not start")
            time.sleep(0.05)
        self.lines = self.control.makefile("r")

    def tell(self, command):
        self.control.sendall(command.encode() + b"\n")
        answer = self.lines.readline()
        assert answer.startswith("ok"), (command, answer)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.control.close()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def simulator(request):
    running = Simulator(os.path.abspath(request.config.getoption("--build")))
    yield running
    running.close()


@pytest.fixture(scope="module")
def reader(guest, plug, simulator):
    """The reader with its cards, in a guest without pcscd that trusts their issuer."""
    plug("other").unplug()
    guest.says("systemctl mask --now --runtime pcscd.socket pcscd.service")
    guest.put("/tmp/anchors.tar", subprocess.run(["tar", "-C", f"{simulator.folder}/anchors", "-c", "."], check=True,
                                                 stdout=subprocess.PIPE).stdout)
    guest.says("tar -C /etc/vitaled/anchors --no-same-owner --no-overwrite-dir -xf /tmp/anchors.tar && "
               "chmod -R u=rwX,go=rX /etc/vitaled/anchors")
    guest.readers[NAME].model.interfaces[2:] = []  # two slots are played
    guest.readers[NAME].simulate(simulator.path)
    plugged = Plugged(guest, NAME)
    yield plugged
    plugged.unplug()


@pytest.fixture(scope="module")
def agent(guest, reader):
    guest.put("/usr/local/bin/willing", AGENT.encode())
    guest.says(f"({ALICE} bash /usr/local/bin/willing > /tmp/agent.log 2>&1) > /dev/null 2>&1 &")
    guest.until("cat /tmp/agent.log", lambda text: '"registered"' in text)


def has_both(text):
    return '"vitale"' in text and '"cps"' in text


def test_the_node_is_opened_for_vitaled_usb_and_for_nobody_else_of_the_system(guest, reader):
    node = reader.node()
    entries = guest.says(f"getfacl -cp {node}").splitlines()
    assert "group:vitaled-usb:rw-" in entries and "user:alice:rw-" not in entries
    code = guest.says("for user in vitaled-usb vitaled alice bob nobody; do setpriv --reuid=$user --regid=$(id -g $user) "
                      f"--init-groups sh -c ': <> {node}' 2> /dev/null; echo $?; done").split()
    assert code[0] == "0" and "0" not in code[1:]


def test_nothing_runs_before_the_service_is_called_and_only_the_socket_waits(guest, reader):
    said = guest.says(f"systemctl is-active {SOCKET} {UNIT} vitaled.service; true").split()
    assert said == ["active", "inactive", "inactive"]
    assert guest.says("stat -c '%a %U %G' /run/vitaled-usb /run/vitaled-usb/socket").split("\n") == [
        "750 root vitaled", "600 vitaled vitaled"]


def test_the_first_call_starts_both_services_and_both_cards_are_seen(guest, reader):
    text = guest.until("vitalectl --json status", has_both)
    assert re.search(r"KAP-LINK2 .*\[usb 1-\d+\] 0[01] 00", text), text
    assert guest.says(f"systemctl is-active {UNIT}") == "active"
    assert guest.says(f"ps -o user= -p $(systemctl show -P MainPID {UNIT})") in ("vitaled-usb", "vitaled+")


def test_the_main_job_runs_without_pcscd(guest, reader, agent):
    status, text = guest.shell(ALICE + "vitalectl --json open --intent consult,feed,create create "
                               "'add /etc/hostname --type consultation --title Note --mime text/plain' list patient 2>&1")
    assert status == 0, text + guest.shell("cat /tmp/agent.log; journalctl -b -o cat -u vitaled -u vitaled-usb | tail -30")[1]
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    answers = {line["command"]: line for line in lines if "command" in line}
    assert "unlocked" in [line["state"] for line in lines if line.get("event") == "state"]
    assert len(answers["list"]["result"]) == 1 and answers["patient"]["result"]["surname"]
    assert guest.says("systemctl is-active pcscd.service pcscd.socket; true").split() == ["inactive", "inactive"]


def test_the_doctor_has_nothing_to_say_of_readers_without_pcscd(guest, reader):
    lines = [json.loads(line) for line in guest.shell("vitalectl --json doctor")[1].splitlines()]
    told = [line["finding"] for line in lines if line.get("group") in ("readers", "units") and "finding" in line]
    assert not [name for name in told if name.startswith(("reader", "pcscd", "no-drivers", "unit-stopped"))], told


def test_a_card_that_leaves_and_comes_is_seen(guest, reader, simulator):
    simulator.tell("remove 1")
    guest.until("vitalectl --json status", lambda text: '"vitale"' not in text and '"cps"' in text)
    simulator.tell(f"insert 1 {CARDS[1]}")
    guest.until("vitalectl --json status", has_both)


def test_a_reader_unplugged_and_plugged_again_is_seen(guest, reader):
    reader.unplug()
    guest.until("vitalectl --json status", lambda text: "KAP-LINK2" not in text)
    reader.plug()
    guest.until("vitalectl --json status", has_both)


def configure(guest, driver):
    """Who serves the Gemalto, from now on."""
    guest.says("sed -i '/^\\[usb 08e6:3437\\]/,+1d' /etc/vitaled/vitaled.conf && "
               f"printf '[usb 08e6:3437]\\ndriver = {driver}\\n' >> /etc/vitaled/vitaled.conf && systemctl reload vitaled")


class Held:
    """A session of alice's that vitalectl holds, and then asks for the list of documents once more. What it said."""

    ENDED = "vitalectl ended with"

    def __init__(self, guest, number):
        self.guest, self.log = guest, f"/tmp/held{number}"
        guest.says(f"({ALICE} sh -c 'vitalectl --json open --keep-going --intent consult,feed,create create list wait list; echo; "
                   f"echo {self.ENDED} $?' > {self.log} 2>&1) > /dev/null 2>&1 &")

    def lines(self, wanted):
        """Its lines of JSON, as soon as @wanted(them, all of its output) is true."""
        def parse(text):
            return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

        return parse(self.guest.until(f"cat {self.log}", lambda text: wanted(parse(text), text)))

    def opened(self):
        """Waits until the dossier was read."""
        lines = self.lines(lambda lines, text: self.ENDED in text or answers(lines, "list"))
        assert len(answers(lines, "list")) == 1 and states(lines)[-1] == ("unlocked", ""), lines[-3:]

    def ended(self):
        """Waits for its end; its lines."""
        return self.lines(lambda lines, text: self.ENDED in text)


def answers(lines, command):
    return [line["result"] for line in lines if line.get("command") == command and "result" in line]


def states(lines):
    return [(line["state"], line["reason"]) for line in lines if line.get("event") == "state"]


def processes(guest):
    return guest.says(f"systemctl show -P MainPID vitaled.service {UNIT} pcscd.service").split()


def clocks(guest):
    """(monotonic, boot time) in seconds: they part where the machine sleeps."""
    text = guest.says("sed -n 's/^now at \\([0-9]*\\) nsecs/\\1/p' /proc/timer_list; cut -d' ' -f1 /proc/uptime").split()
    return int(text[0]) / 1e9, float(text[1])


def goes_to_sleep(guest, ask):
    """The machine goes to sleep by the command @ask, and is awake again. Tasks are frozen, every device is suspended to
    the last phase, the second processor is taken away and the clock stands; only the step into the firmware is left out
    (pm_test: the kernel's wake-up code ends in a triple fault under QEMU's emulation, so that S3 cannot be left).
    Then QEMU's controller has forgotten everything, as one has that had no power: each device is a new one."""
    guest.says("echo core > /sys/power/pm_test && echo 5 > /sys/module/suspend/parameters/pm_test_delay")
    number, (monotonic, boot) = int(guest.says("cat /sys/power/suspend_stats/success")), clocks(guest)
    try:
        guest.says(ask)
        guest.until("cat /sys/power/suspend_stats/success", lambda text: int(text) == number + 1)
    finally:
        guest.says("echo none > /sys/power/pm_test")
    after = clocks(guest)
    assert after[1] - boot - (after[0] - monotonic) > 3  # it has slept: 5 s, of a clock that counts seconds
    assert "root hub lost power" in guest.says("dmesg | sed -n '/PM: suspend entry/h;//!H;${x;p}'")


def faults(guest):
    return guest.says(f"journalctl -b -o cat -p warning -u {UNIT} -u vitaled")


def when(guest, message):
    """Microseconds of the wall clock of systemd's last message with this identifier."""
    return int(json.loads(guest.says(f"journalctl -b -o json MESSAGE_ID={message} | tail -1"))["__REALTIME_TIMESTAMP"])


def entries(guest):
    guest.says("vitalectl audit export --output /tmp/record.json")
    return [json.loads(entry) for entry in json.loads(guest.says("cat /tmp/record.json; rm /tmp/record.json"))["entries"]]


SLEEPS, AWAKE = "6bbd95ee977941e497c48be27c254128", "8811e6df2a8e40f58a94cea26f8ebf14"  # systemd-sleep's messages
SUSPEND = "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Suspend b false"


@pytest.fixture(scope="module")
def by_pcscd(guest, reader):
    """Another reader, with a card, that pcscd serves; the last test with it unplugs it."""
    configure(guest, "pcsc")
    guest.says("systemctl unmask --runtime pcscd.socket pcscd.service && systemctl start pcscd.socket")
    other = Plugged(guest, "gemalto")
    other.reader.insert()
    yield other
    if guest.says(f"test -e {other.device} && echo there || echo gone") == "there":
        other.unplug()


def by_both(text):
    return has_both(text) and re.search(r'"Atr":"3b04564d3031"', text) and "Gemalto PC Twin Reader" in text


def test_a_sleep_that_nobody_announces_in_the_middle_of_a_command(guest, reader, agent):
    guest.until("vitalectl --json status", has_both)
    running, number = processes(guest)[:2], guest.says(f"cat {reader.device}/devnum")
    working = reader.reader.hold()
    held = Held(guest, 3)
    assert working.wait(60)  # the card has the command, and the reader asks for more time
    goes_to_sleep(guest, "echo mem > /sys/power/state")  # as whoever does not ask logind
    assert states(held.ended())[-1] == ("locked", "sleep")
    guest.until("vitalectl --json status", has_both)
    assert reader.reader.held is None and guest.says(f"cat {reader.device}/devnum") != number
    assert processes(guest)[:2] == running and "0" not in running
    assert guest.says("journalctl -b -o cat -u vitaled | grep -c 'the machine has slept'") == "1"
    assert faults(guest) == ""


def test_a_dossier_is_locked_before_the_machine_sleeps_and_the_cards_are_identified_anew(guest, reader, agent, by_pcscd):
    guest.until("vitalectl --json status", by_both)
    held = Held(guest, 1)
    held.opened()
    running, number = processes(guest), guest.says(f"cat {reader.device}/devnum")
    goes_to_sleep(guest, SUSPEND)  # logind says it, and waits for us
    lines = held.ended()
    assert states(lines)[-1] == ("locked", "sleep")
    assert len(answers(lines, "wait")) == 1 and len(answers(lines, "list")) == 1, lines[-3:]  # not a second time
    locked = [e for e in entries(guest) if e["event"] == "session-ended"][-1]
    assert locked["outcome"] == "sleep" and locked["time"] < when(guest, SLEEPS) < when(guest, AWAKE)
    guest.until("vitalectl --json status", by_both)
    assert guest.says(f"cat {reader.device}/devnum") != number  # the kernel made it a new one
    assert processes(guest) == running and "0" not in running
    assert guest.says("journalctl -b -o cat -u vitaled | grep -c 'the machine goes to sleep'") == "1"
    assert faults(guest) == ""
    again = Held(guest, 2)
    again.opened()
    guest.says("pkill -INT -u alice -x vitalectl -n")
    again.ended()


def test_pcscd_and_vitaled_usb_serve_each_its_reader_and_the_configuration_says_which(guest, reader, by_pcscd):
    try:
        text = guest.until("vitalectl --json status", lambda text: "Gemalto PC Twin Reader" in text and has_both(text))
        assert "GemPC Twin" not in text and "KAP-LINK2" in text
        guest.says("systemctl mask --now --runtime pcscd.socket pcscd.service")
        configure(guest, "auto")
        guest.until("vitalectl --json status", lambda text: re.search(r"Gemalto GemPC Twin .*\[usb 1-\d+\] 00 00", text)
                    and "PC Twin Reader" not in text and has_both(text))
    finally:
        by_pcscd.unplug()
    guest.until("vitalectl --json status", lambda text: "Gemalto" not in text)


STEAL = """perl -e 'open my $node, "+<", "%s" or die; my $what = pack "IIa256", 0, 0, "";
ioctl $node, 0x8108551B, $what or die $!; sleep 1'"""  # USBDEVFS_DISCONNECT_CLAIM, whoever has claimed interface 0


def test_a_reader_that_another_program_takes_away_is_reset_and_taken_back(guest, reader, agent):
    """Root does; nobody else of the system may open the node."""
    guest.until("vitalectl --json status", has_both)
    held, number = Held(guest, 5), guest.says(f"cat {reader.device}/devnum")
    held.opened()
    guest.says(STEAL % reader.node())
    lines = held.ended()
    assert states(lines)[-1] in (("locked", "professional-card-removed"), ("locked", "patient-card-removed")), lines[-3:]
    assert len(answers(lines, "list")) == 1
    guest.until("dmesg | grep 'USB device number' | tail -1", lambda text: "reset " in text)
    guest.until("vitalectl --json status", has_both)
    assert guest.says(f"cat {reader.device}/devnum") == number
    again = Held(guest, 6)
    again.opened()
    guest.says("pkill -INT -u alice -x vitalectl -n")
    again.ended()


def test_the_sandbox_of_vitaled_usb_is_in_force(guest, reader):
    pid = guest.says(f"systemctl show -P MainPID {UNIT}")
    found = dict(line.split(":\t", 1) for line in guest.says(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    assert found["Seccomp"] == "2" and found["NoNewPrivs"] == "1" and int(found["Seccomp_filters"]) > 1
    assert all(int(found[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    namespaces = guest.says(f"cd /proc; readlink {pid}/ns/mnt 1/ns/mnt {pid}/ns/ipc 1/ns/ipc").split()
    assert namespaces[0] != namespaces[1] and namespaces[2] != namespaces[3]
    costs = dict(line.split("=") for line in guest.says(f"systemctl show -p MemoryCurrent -p TasksCurrent {UNIT}").split())
    assert int(costs["MemoryCurrent"]) < 16 << 20 and int(costs["TasksCurrent"]) <= 34  # a thread for each place of a reader
    assert guest.says(f"journalctl -b -o cat -p warning -u {UNIT} -u vitaled") == ""


# as root, so that the nodes' own rights are no reason: what is left is the unit's list of devices (ProtectClock= adds the clock)
DEVICES = """[Service]
Type=oneshot
User=root
Group=root
ExecPaths=+/usr/bin
ExecStart=
ExecStart=/usr/bin/bash -c 'for n in /dev/vda /dev/kmsg /dev/mem /dev/vport1p1 /dev/hwrng %s /dev/null; do (: < $$n) 2> /dev/null; \
echo "$$n $$?"; done'
StandardOutput=truncate:/tmp/devices
"""


def test_no_device_but_those_of_usb_can_be_opened_under_the_unit(guest, reader):
    node = reader.node()
    guest.says(f"systemctl stop vitaled.service {SOCKET} {UNIT}")
    guest.put(f"/run/systemd/system/{UNIT}.d/devices.conf", (DEVICES % node).encode())
    try:
        guest.says(f"systemctl daemon-reload && systemctl start {UNIT} || ! journalctl -b -o cat -u {UNIT} | tail -20")
        opened = dict(line.split() for line in guest.says("cat /tmp/devices").splitlines())
    finally:
        guest.says(f"rm -r /run/systemd/system/{UNIT}.d && systemctl daemon-reload && systemctl start {SOCKET}")
    assert opened.pop(node) == "0" and opened.pop("/dev/null") == "0"
    assert guest.says("test -e /dev/vda -a -e /dev/kmsg && echo there") == "there"  # what is refused is there
    assert len(opened) == 5 and "0" not in opened.values(), opened


@pytest.fixture
def disk(guest, reader):
    """The state on a disk of its own, which the kernel makes read-only at its first error; its folder in sysfs."""
    state = "/var/lib/vitaled"
    mount = f"mount -o loop,errors=remount-ro /root/disk {state}"
    guest.says("systemctl stop vitaled.service && truncate -s 128M /root/disk && mke2fs -q -t ext4 /root/disk && "
               f"cp -a {state} /root/state && {mount} && rmdir {state}/lost+found && cp -a /root/state/. {state} && "
               f"sync -f {state}")  # what the service has not written itself would be lost
    yield Disk(guest, state, mount)
    guest.says(f"systemctl stop vitaled.service; umount {state}; rm -r /root/state /root/disk")


class Disk:
    def __init__(self, guest, state, mount):
        self.guest, self.state, self.mount = guest, state, mount

    def refusal(self):
        """What is said to root who writes there; "": it can."""
        return self.guest.shell(f"LC_ALL=C touch {self.state}/probe 2>&1 && rm {self.state}/probe")[1]

    def fail(self):
        """The kernel finds an error of the file system, as of a disk that answers no more: its journal is aborted, and
        nothing is written any more, whoever has a file open. (Since 6.12 `mount` shows it as writable all the same.)"""
        device = self.guest.says(f"basename $(findmnt -n -o SOURCE {self.state})")
        assert self.refusal() == ""
        self.guest.says(f"echo provoked > /sys/fs/ext4/{device}/trigger_fs_error")
        assert "Read-only file system" in self.refusal()

    def mend(self):
        """As an administrator does: the file system is checked and mounted anew."""
        self.guest.says(f"systemctl stop vitaled.service && umount {self.state} && (e2fsck -fy /root/disk; test $? -le 1) && "
                        f"{self.mount}")
        assert self.refusal() == ""


def opened(guest, *commands):
    """(the session's states, all its lines) of a consultation of alice's, both cards being in."""
    guest.until("vitalectl --json status", has_both)
    text = guest.shell(ALICE + "vitalectl --json open --keep-going --intent consult,feed,create "
                       f"{' '.join(commands)} 2>&1")[1]
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return states(lines), lines


def test_a_disk_that_the_kernel_makes_read_only_opens_nothing_is_named_and_loses_nothing(guest, reader, agent, disk):
    note = "'add /etc/hostname --type consultation --title Note --mime text/plain'"
    told, lines = opened(guest, "create", note, "list")
    assert ("unlocked", "") in told and answers(lines, "list")[0], lines[-3:]
    number, known = len(answers(lines, "list")[0]), len(entries(guest))
    disk.fail()
    told, lines = opened(guest, note, "list")
    assert "unlocked" not in [state for state, _ in told] and not answers(lines, "list"), lines[-3:]
    assert "AuditUnavailable" in json.dumps(lines) or "audit-unavailable" in json.dumps(lines), lines[-3:]
    found = [json.loads(line) for line in guest.shell("vitalectl --json doctor")[1].splitlines()]
    assert "audit-unavailable" in {line.get("finding") for line in found}, found
    assert guest.says("systemctl is-active vitaled.service") == "active"
    disk.mend()
    told, lines = opened(guest, "list")
    assert ("unlocked", "") in told and len(answers(lines, "list")[0]) == number, lines[-3:]
    assert len(entries(guest)) > known and guest.says("vitalectl audit verify")
