# SPDX-License-Identifier: EUPL-1.2
"""Inside the guest: install, open a dossier, look at the confinement from both sides, upgrade, purge.

Runs as root in a Debian 12 that systemd has booted. The tests stand in the order of a machine's life; each
needs what those before it did. The last line is pytest's, so that the host can count.
"""
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import traceback

from probe_expected import EXPECTED, USB

SHARE, STATE = "/share", "/var/lib/vitaled"
UNIT, USB_UNIT, USB_SOCKET = "vitaled.service", "vitaled-usb.service", "vitaled-usb.socket"
PACKAGES = ("vitaled", "vitaled-sim", "vitaled-usb")
PIN, ALICE, BOB = "1234", "alice", "bob"
TESTS = []
SEEN = {}  # what one test leaves for a later one


def test(function):
    TESTS.append(function)
    return function


def run(*argv, check=True, timeout=60, **more):
    """Run a program; its CompletedProcess, or an error with what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=more.pop("stdin", subprocess.DEVNULL),
                          **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


def wait_for(what, seconds=20.0, every=0.01):
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not seen within {seconds} s")
        time.sleep(every)


def show(name, unit=UNIT):
    return run("systemctl", "show", "-P", name, unit).stdout.strip()


def owner():
    """The process that owns org.vitaled1, 0 without one; starts nothing."""
    done = run("busctl", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s",
               "org.vitaled1", check=False)
    return int(done.stdout.split()[1]) if done.returncode == 0 else 0


def journal(unit=UNIT):
    return run("journalctl", "-b", "--no-pager", "-o", "cat", "-u", unit).stdout


# -- people ------------------------------------------------------------------------------------------

def seated(user, *argv):
    """@argv in an active local session of @user on the seat (no terminal: the variables say what pam asks)."""
    command = " ".join(f"'{a}'" for a in argv)
    return (["runuser", "-l", user, "-c", command],
            dict(os.environ, XDG_SEAT="seat0", XDG_SESSION_TYPE="tty", XDG_SESSION_CLASS="user"))


class Agent:
    """vitalectl agent of the seated user; answers every question as a willing person."""

    def __init__(self, user):
        argv, env = seated(user, "vitalectl", "--json", "agent", "--capability", "pin,professional")
        self.process = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.asked, self.registered = [], threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()
        if not self.registered.wait(20):
            self.process.kill()
            raise AssertionError("the agent did not register: " + self.process.stderr.read())

    def serve(self):
        for line in self.process.stdout:
            m = json.loads(line)
            if m.get("agent") == "registered":
                self.registered.set()
            if "request" in m:
                self.asked.append(m["request"])
                answer = {"pin": PIN, "choice": "1", "consent": "yes"}.get(m["request"], "yes")
                self.process.stdin.write(answer + "\n")
                self.process.stdin.flush()

    def end(self):
        self.process.terminate()
        self.process.wait(10)


def consultation(user):
    """Open, create, add, read and list as the seated @user; (exit code, states, answers by command)."""
    argv, env = seated(user, "vitalectl", "--json", "open", "--intent", "consult,feed,create", "create",
                       "add /share/guest.py --type consultation --title Note --mime text/plain", "list", "patient")
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    states = [m["state"] for m in lines if m.get("event") == "state"]
    return done, states, {m["command"]: m for m in lines if "command" in m}


# -- the machine before ---------------------------------------------------------------------------------

def machine():
    """Paths, users, groups, units and bus names of the machine, but for logs, caches and dpkg's own books."""
    done = run("find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/sys", "-o", "-path", "/dev", "-o", "-path", "/run",
               "-o", "-path", "/tmp", "-o", "-path", "/out", "-o", "-path", "/share", "-o", "-path", "/var/log", "-o", "-path",
               "/var/cache", "-o", "-path", "/var/lib/dpkg", "-o", "-path", "/var/lib/systemd", "-o", "-name", "__pycache__",
               ")", "-prune", "-o", "-print")
    backups = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")}
    units = run("systemctl", "list-unit-files", "--no-legend", "--plain").stdout.splitlines()
    return {"files": set(done.stdout.splitlines()) - backups, "users": {u.pw_name for u in pwd.getpwall()},
            "groups": {g.gr_name for g in grp.getgrall()}, "units": {u.split()[0] for u in units if ".scope" not in u},
            "names": set(run("busctl", "list", "--activatable", "--no-legend").stdout.split())}


@test
def the_machine_runs_systemd_as_process_1_with_a_bus_and_a_pcscd():
    assert os.readlink("/proc/1/exe").endswith("/systemd")
    wait_for(lambda: run("systemctl", "is-active", "dbus.socket", check=False).stdout.strip() == "active")
    wait_for(lambda: run("systemctl", "is-active", "pcscd.socket", check=False).stdout.strip() == "active")
    for user in (ALICE, BOB):
        run("useradd", "--create-home", "--shell", "/bin/sh", user)
    SEEN["before"] = machine()


# -- installation -----------------------------------------------------------------------------------------

def install(folder):
    debs = sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".deb") and "dbgsym" not in n)
    assert len(debs) == len(PACKAGES), debs
    return run("dpkg", "--install", *debs, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive")).stdout


@test
def the_packages_install_and_dpkg_finds_every_file_as_packed():
    install(SHARE)
    assert run("dpkg", "--verify", *PACKAGES).stdout == ""
    assert run("dpkg", "--audit").stdout == ""


@test
def every_file_of_the_packages_belongs_to_root_and_only_root_may_write_it():
    for package in PACKAGES:
        for path in run("dpkg", "-L", package).stdout.split("\n"):
            shared = os.path.isdir(path) and "vitale" not in path  # such as polkitd's folders
            if path and not shared and not os.path.islink(path):
                st = os.lstat(path)
                assert st.st_uid == 0 and not st.st_mode & 0o6022, path


@test
def nothing_runs_or_is_enabled_after_the_installation():
    assert show("ActiveState") == "inactive" and show("UnitFileState") == "static"
    assert show("ActiveState", "vitale-sim.service") == "inactive"
    assert show("UnitFileState", "vitale-sim.service") == "disabled"
    assert owner() == 0


@test
def only_vitaled_usb_s_socket_is_enabled_and_nobody_but_the_broker_s_user_reaches_it():
    assert show("ActiveState", USB_SOCKET) == "active" and show("UnitFileState", USB_SOCKET) == "enabled"
    assert show("ActiveState", USB_UNIT) == "inactive" and show("UnitFileState", USB_UNIT) == "static"
    folder, path = os.stat("/run/vitaled-usb"), "/run/vitaled-usb/socket"
    assert (stat.S_IMODE(folder.st_mode), folder.st_uid, grp.getgrgid(folder.st_gid).gr_name) == (0o750, 0, "vitaled")
    node = os.stat(path)
    assert (stat.S_IMODE(node.st_mode), pwd.getpwuid(node.st_uid).pw_name) == (0o600, "vitaled")
    for user in (ALICE, BOB, "vitaled-usb", "nobody"):
        assert reach(user, path) == reach(user, path + "-watch") == "EACCES", user
    assert show("ActiveState", USB_UNIT) == "inactive"


def reach(user, path):
    """What @user gets who connects to the socket at @path."""
    code = ("import errno,socket,sys\ntry:\n socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(sys.argv[1])\n"
            " print('done')\nexcept OSError as e:\n print(errno.errorcode[e.errno])")
    return run("runuser", "-u", user, "--", "/usr/bin/python3", "-c", code, path).stdout.strip()


@test
def a_connection_of_the_broker_s_user_starts_vitaled_usb_and_a_new_socket_ends_it():
    assert reach("vitaled", "/run/vitaled-usb/socket") == "done"
    wait_for(lambda: show("ActiveState", USB_UNIT) == "active")
    assert show("User", USB_UNIT) == "vitaled-usb"
    run("systemctl", "stop", USB_SOCKET)
    assert not os.path.exists("/run/vitaled-usb/socket") and not os.path.exists("/run/vitaled-usb/socket-watch")
    assert os.path.isdir("/run/vitaled-usb")
    wait_for(lambda: show("ActiveState", USB_UNIT) == "inactive")
    assert show("Result", USB_UNIT) == "success"
    run("systemctl", "start", USB_SOCKET)


@test
def readers_that_are_plugged_in_already_are_named_without_waiting_for_udev_s_own_trigger():
    """A control socket stands for udevd, which no container has: nobody answers, and the configuration does not mind."""
    os.makedirs("/run/udev", exist_ok=True)
    os.unlink("/usr/lib/udev/hwdb.bin")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.bind("/run/udev/control")
        run("/var/lib/dpkg/info/vitaled.postinst", "configure")
        os.unlink("/run/udev/control")
    assert "VITALED_READER=1" in run("systemd-hwdb", "query", "usb:v1C34pAFD0").stdout
    assert owner() == 0


@test
def the_services_users_have_no_shell_no_password_and_no_group_of_others():
    for name in ("vitaled", "vitaled-usb"):
        user = pwd.getpwnam(name)
        assert user.pw_shell == "/usr/sbin/nologin" and user.pw_uid < 1000
        assert os.getgrouplist(name, user.pw_gid) == [user.pw_gid] and grp.getgrgid(user.pw_gid).gr_name == name
        assert run("passwd", "--status", name).stdout.split()[1] == "L"
    assert not grp.getgrnam("vitaled-usb").gr_mem


@test
def systemd_finds_nothing_wrong_with_the_units():
    for name in (UNIT, USB_UNIT, USB_SOCKET, "vitale-sim.service"):
        done = run("systemd-analyze", "verify", "--man=no", "/lib/systemd/system/" + name, check=False)
        assert done.returncode == 0 and "vitale" not in done.stderr, done.stderr


@test
def the_bus_can_start_the_service_and_polkit_knows_its_actions():
    assert "org.vitaled1" in run("busctl", "list", "--activatable", "--no-legend").stdout
    known = run("pkaction").stdout.split()
    wanted = re.findall(r'<action id="([^"]+)"', open("/usr/share/polkit-1/actions/org.vitaled1.policy", encoding="utf-8").read())
    assert len(wanted) >= 7 and set(wanted) <= set(known)
    assert "unix-user:vitaled" in run("pkaction", "--verbose", "--action-id", "org.vitaled1.session.open").stdout


@test
def the_journals_catalogue_knows_the_messages():
    listed = run("journalctl", "--list-catalog").stdout
    ids = re.findall(r"^-- ([0-9a-f]{32})$", open("/usr/lib/systemd/catalog/vitaled.catalog", encoding="utf-8").read(), re.M)
    assert ids and all(i in listed for i in ids)


@test
def the_service_starts_where_usr_is_read_only():
    run("mount", "--bind", "/usr", "/usr")
    run("mount", "-o", "remount,bind,ro", "/usr")
    try:
        run("systemctl", "start", UNIT)
        assert owner() == int(show("MainPID"))
        run("systemctl", "stop", UNIT)
    finally:
        run("umount", "--lazy", "/usr")


# -- a consultation ------------------------------------------------------------------------------------------

@test
def simulated_cards_are_made_and_lie_in_a_reader_of_the_packaged_pcscd():
    run("install", "-d", "-o", "vitale-sim", "-g", "vitale-sim", "-m", "0750", "/var/lib/vitale-sim")  # as the unit says
    run("runuser", "-u", "vitale-sim", "--", "vitale-sim", "personalise", "--out", "/var/lib/vitale-sim", "cps4-gp",
        "vitale-family", "cps4-revoked", timeout=120)  # the last for its authority's revocation list
    shutil.copytree("/var/lib/vitale-sim/anchors/simulated", "/etc/vitaled/anchors/simulated", dirs_exist_ok=True)
    run("chown", "-R", "root:root", "/etc/vitaled/anchors")
    for folder, _, names in os.walk("/etc/vitaled/anchors"):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
    os.makedirs("/etc/reader.conf.d", exist_ok=True)
    shutil.copy("/usr/share/doc/vitaled-sim/examples/vitale-sim.reader.conf", "/etc/reader.conf.d/vitale-sim")
    run("systemctl", "start", "vitale-sim.service")
    wait_for(lambda: os.path.exists("/run/vitale-sim/reader"))
    run("systemctl", "restart", "pcscd.service")
    assert show("ActiveState", "vitale-sim.service") == "active"


@test
def the_first_call_starts_the_service_and_it_sees_the_reader_and_both_cards():
    assert show("ActiveState") == "inactive" and owner() == 0
    begin = time.monotonic()
    run("runuser", "-u", ALICE, "--", "busctl", "get-property", "org.vitaled1", "/org/vitaled1", "org.vitaled1.Manager", "Version")
    print(f"    first call, with the start: {(time.monotonic() - begin) * 1000:.0f} ms")
    assert show("ActiveState") == "active" and owner() == int(show("MainPID"))
    assert show("User") == "vitaled"

    def cards():
        text = run("runuser", "-u", ALICE, "--", "vitalectl", "--json", "status").stdout
        return '"vitale"' in text and '"cps"' in text
    wait_for(cards)


@test
def a_user_with_an_active_seat_opens_a_dossier():
    agent = Agent(ALICE)
    try:
        done, states, answers = consultation(ALICE)
    finally:
        agent.end()
    assert done.returncode == 0, done.stdout + done.stderr + journal()
    assert "unlocked" in states and "pin" in agent.asked and "consent" in agent.asked
    assert {"create", "add", "list", "patient"} <= set(answers)
    assert len(answers["list"]["result"]) == 1 and answers["patient"]["result"]["surname"]


@test
def a_user_without_a_session_is_refused():
    done = run("runuser", "-u", BOB, "--", "vitalectl", "--json", "open", "summary", check=False)
    assert done.returncode == 3 and "AccessDenied" in done.stdout + done.stderr, (done.returncode, done.stdout, done.stderr)
    done = run("runuser", "-u", BOB, "--", "busctl", "call", "org.vitaled1", "/org/vitaled1", "org.vitaled1.Manager",
               "OpenSession", "a{sv}", "0", check=False)
    assert done.returncode != 0


@test
def a_user_who_may_do_nothing_else_may_ask_what_is_wrong():
    done = run("runuser", "-u", BOB, "--", "vitalectl", "--json", "doctor", check=False)
    SEEN["findings"] = [json.loads(line).get("finding") for line in done.stdout.splitlines() if line.startswith("{")]
    print("    findings: " + ", ".join(sorted(f for f in SEEN["findings"] if f)))
    assert "no-agent" in SEEN["findings"], (done.returncode, done.stdout, done.stderr)  # of Diagnose


@test
def no_confinement_that_is_asked_for_is_missing():
    for name in ("not-confined", "secrets-not-locked"):
        assert name not in SEEN["findings"], SEEN["findings"]


@test
def keys_were_made_that_only_the_service_may_read():
    uid = pwd.getpwnam("vitaled").pw_uid
    for name in ("audit.key", "dossier.key", "pseudonym.key"):
        st = os.stat(os.path.join(STATE, name))
        assert st.st_uid == uid and stat.S_IMODE(st.st_mode) == 0o600 and st.st_size == 32, name
    st = os.stat(STATE)
    assert st.st_uid == uid and stat.S_IMODE(st.st_mode) == 0o700


@test
def the_journal_has_the_service_s_messages_without_names_pins_or_numbers():
    text = run("journalctl", "-b", "--no-pager", "--all", "-o", "json", "-u", UNIT).stdout
    entries = [json.loads(line) for line in text.splitlines()]
    # what the service says, in its words and its fields; not what the journal adds (_PID=, times, lines of code)
    added = re.compile("_|SYSLOG_|CODE_|TID|JOB_|INVOCATION_")
    said = [str(value) for e in entries for name, value in e.items() if not added.match(name)]
    said = [re.sub(r"\b(?:process|pid|PID)[ =:]+\d+", "process", one) for one in said]
    assert len(said) > 20 and any(one.startswith("vitaled") or "Health card broker" in one for one in said)
    assert not any(re.search(rf"(?<!\d){PIN}(?!\d)", one) for one in said), "the PIN is in the journal"
    who = consultation_names()
    for word in who:
        assert word not in text, "a patient's name is in the journal"


def consultation_names():
    """Names that the patient's card carries."""
    found = set()
    with open("/usr/share/vitaled/profiles/vitale-family.json", encoding="utf-8") as f:
        for match in re.findall(r'"(?:surname|given|birth-name|nir)":\s*"([^"]{4,})"', f.read()):
            found.add(match)
    assert found
    return found


# -- confinement, from outside --------------------------------------------------------------------------

def family():
    """Process numbers of the service's programs by name."""
    done = run("ps", "-o", "pid=,comm=", "-u", "vitaled")
    found = {}
    for line in done.stdout.splitlines():
        pid, comm = line.split()
        found.setdefault(comm, []).append(int(pid))
    return found


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@test
def the_broker_and_every_child_have_no_capability_new_privilege_or_unfiltered_call():
    programs = family()
    assert {"vitaled", "vitaled-watch", "vitaled-card"} <= set(programs), programs
    for comm, pids in programs.items():
        for pid in pids:
            s = status(pid)
            assert s["Seccomp"] == "2" and s["NoNewPrivs"] == "1", (comm, s)
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(s[name], 16) == 0, (comm, name)
            assert s["Groups"].strip() in ("", str(pwd.getpwnam("vitaled").pw_gid)), s["Groups"]


@test
def every_child_has_a_filter_of_its_own_on_top_of_the_unit_s():
    programs = family()
    of_unit = int(status(programs["vitaled"][0])["Seccomp_filters"])
    for comm in set(programs) - {"vitaled"}:
        for pid in programs[comm]:
            wait_for(lambda: int(status(pid)["Seccomp_filters"]) > of_unit)


@test
def the_broker_lives_in_namespaces_of_its_own():
    pid = family()["vitaled"][0]
    for name in ("user", "ipc", "net", "mnt", "uts"):
        assert os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/1/ns/{name}"), name


@test
def nobody_leaves_a_core_or_can_be_traced():
    for pids in family().values():
        for pid in pids:
            with open(f"/proc/{pid}/limits", encoding="ascii") as f:
                core = next(line for line in f if line.startswith("Max core file size"))
            assert core.split()[4:6] == ["0", "0"]
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0  # not dumpable: its /proc entries are root's


@test
def systemd_rates_the_unit_at_0_2_and_that_of_vitaled_usb_at_1_0_or_better():
    for unit, tenths in ((UNIT, "2"), (USB_UNIT, "10")):
        run("systemd-analyze", "security", "--no-pager", "--threshold=" + tenths, unit)
        run("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=" + tenths, "/lib/systemd/system/" + unit)
    worse = run("systemd-analyze", "security", "--no-pager", "--threshold=0", UNIT, check=False)
    assert worse.returncode != 0  # the threshold is looked at


# -- confinement, from inside ----------------------------------------------------------------------------

def drop_in(name, text, unit=UNIT):
    folder = f"/etc/systemd/system/{unit}.d"
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="ascii") as f:
        f.write(text)
    run("systemctl", "daemon-reload")


def no_drop_in(unit=UNIT):
    shutil.rmtree(f"/etc/systemd/system/{unit}.d", ignore_errors=True)
    run("systemctl", "daemon-reload")
    run("systemctl", "reset-failed", unit, check=False)


def probe_program():
    """probe.py and what it needs where the units let programs be run; the command."""
    folder = "/usr/lib/vitaled-probe"
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.realpath("/usr/bin/python3"), os.path.join(folder, "python3"))
    for name in ("probe.py", "probe32"):
        shutil.copy(os.path.join(SHARE, name), folder)
    return f"{folder}/python3 -B {folder}/probe.py"


def probe(more=""):
    """probe.py in the broker's place, under the unit's own settings; what it found."""
    command, out = probe_program(), os.path.join(STATE, "probe.json")
    run("systemctl", "stop", UNIT)
    if os.path.exists(out):
        os.unlink(out)
    # only what a probe is not: it tells no readiness and is not the bus's
    drop_in("probe.conf", f"[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nTimeoutStartSec=60\nEnvironment=PYTHONHOME=/usr\n"
                          f"ExecStart=\nExecStart={command}\n{more}")
    try:
        run("systemctl", "start", UNIT, check=False)
        with open(out, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        raise AssertionError("the probe did not come to its end:\n" + journal()[-3000:]) from None
    finally:
        no_drop_in()
        for name in os.listdir(STATE):
            if name.startswith("probe"):
                os.unlink(os.path.join(STATE, name))


@test
def a_probe_runs_under_the_unit_s_own_settings():
    os.makedirs("/run/systemd/timesync", exist_ok=True)  # as systemd-timesyncd leaves it
    with open("/run/systemd/timesync/synchronized", "w", encoding="ascii"):
        pass
    SEEN["probe"] = probe()
    with open("/out/probe.json", "w", encoding="utf-8") as f:
        json.dump(SEEN["probe"], f, indent=1)


def not_shown(directive, why):
    """Not a test that passed in silence: the log says what this kernel or container cannot show."""
    print(f"    not shown here: {directive}: {why}")


@test
def a_probe_runs_under_the_settings_of_vitaled_usb_s_unit():
    """It has no place to write: systemd opens its standard output before it is confined."""
    out = "/out/probe-usb.json"
    run("systemctl", "stop", UNIT, USB_SOCKET, USB_UNIT)
    drop_in("probe.conf", f"[Service]\nType=oneshot\nTimeoutStartSec=60\nEnvironment=PYTHONHOME=/usr\nExecStart=\n"
                          f"ExecStart={probe_program()} -\nStandardOutput=truncate:{out}\n", USB_UNIT)
    try:
        run("systemctl", "start", USB_UNIT)
        with open(out, encoding="utf-8") as f:
            SEEN["probe-usb"] = json.load(f)
    except (FileNotFoundError, json.JSONDecodeError):
        raise AssertionError("the probe did not come to its end:\n" + journal(USB_UNIT)[-3000:]) from None
    finally:
        no_drop_in(USB_UNIT)
        run("systemctl", "stop", USB_UNIT)
        run("systemctl", "start", USB_SOCKET)


def expect(group, table, place):
    """One test for each group of probe_expected."""
    def check():
        found = SEEN[place]
        wrong = {name: (found.get(name, "not tried"), "expected", wanted) for name, wanted in table[group].items()
                 if not (found.get(name) in wanted if isinstance(wanted, tuple) else found.get(name) == wanted)}
        assert not wrong, wrong
    check.__name__ = group
    TESTS.append(check)


for one in EXPECTED:
    expect(one, EXPECTED, "probe")
for one in USB:
    expect(one, USB, "probe-usb")


@test
def in_place_of_vitaled_usb_nothing_is_executable_but_libraries_and_nothing_writable():
    for line in SEEN["probe-usb"]["mountinfo"]:
        place, options = line.split()[4], line.split()[5].split(",")
        if "noexec" not in options and not place.startswith(("/dev", "/sys", "/proc")):
            assert place in ("/usr/lib", "/lib", "/lib64", "/run/systemd/incoming") or not os.path.isdir(place), line
        if "rw" in options:
            assert place.startswith(("/dev", "/proc")), line  # the nodes' own rights count there
    s = SEEN["probe-usb"]["status"]
    assert s["Seccomp"] == "2" and s["NoNewPrivs"] == "1"
    assert all(int(s[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))


@test
def from_inside_only_harmless_devices_are_there():
    allowed = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd", "stdin", "stdout",
               "stderr", "core", "log", "hugepages", "char"}
    assert set(SEEN["probe"]["devices"]) <= allowed, SEEN["probe"]["devices"]


@test
def from_inside_the_status_says_no_rights_and_a_user_namespace():
    s, uids = SEEN["probe"]["status"], SEEN["probe"]["uid_map"]
    assert s["Seccomp"] == "2" and s["NoNewPrivs"] == "1"
    assert all(int(s[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert uids != ["0", "0", "4294967295"]
    proc = next(line for line in SEEN["probe"]["mountinfo"] if line.split()[4] == "/proc")
    assert "hidepid=invisible" in proc and "subset=pid" in proc


@test
def from_inside_every_mount_but_the_state_is_read_only():
    writable = {line.split()[4] for line in SEEN["probe"]["mountinfo"] if "rw" in line.split()[5].split(",")}
    assert writable <= {STATE, "/proc", "/dev/pts"}, writable


@test
def from_inside_nothing_can_be_executed_but_libraries_and_our_own_programs():
    for line in SEEN["probe"]["mountinfo"]:
        place, options = line.split()[4], line.split()[5].split(",")
        if "noexec" not in options:
            # single files of /etc and sockets are no programs, and nobody here could make them some
            assert place in ("/usr/lib", "/lib", "/lib64", "/run/systemd/incoming") or not os.path.isdir(place), line


@test
def the_call_of_another_architecture_is_refused():
    have = subprocess.run([os.path.join(SHARE, "probe32")]).returncode
    inside = SEEN["probe"]["run 32 bit"]
    if have != 0:
        not_shown("SystemCallArchitectures", f"this kernel has no door for 32-bit programs (status {have})")
    else:
        assert inside in (1, "SIGSYS"), inside  # it was run, and refused


@test
def the_record_s_number_of_the_boot_is_the_kernel_s_own():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        assert SEEN["probe"]["boot"] == f.read().strip().replace("-", "")


@test
def the_unit_s_limits_are_set_for_the_control_group():
    assert show("MemoryMax") == str(256 << 20) and show("TasksMax") == "64" and show("MemorySwapMax") == "0"
    assert show("OOMPolicy") == "continue"


def controlled(*names):
    """Whether the running service's control group has one of these files: the controller was handed to the container."""
    run("systemctl", "start", UNIT)
    group = show("ControlGroup")
    return any(os.path.exists(f"/sys/fs/cgroup{at}{group}/{name}") for at in ("", "/unified", "/pids", "/memory") for name in names)


@test
def each_limit_of_processes_holds_without_the_other():
    assert probe("TasksMax=infinity\n")["forks of 80"] in (62, 63)
    if controlled("pids.max"):
        assert probe("LimitNPROC=infinity\n")["forks of 80"] in (62, 63)
    else:
        not_shown("TasksMax", "no controller of processes in the container; LimitNPROC was shown")


@test
def more_memory_than_the_unit_has_ends_the_child_that_wants_it_and_not_the_service():
    if controlled("memory.max", "memory.limit_in_bytes"):
        assert SEEN["probe"]["memory of 400 MiB"] == "SIGKILL"  # MemoryMax; the probe went on: OOMPolicy
    else:
        not_shown("MemoryMax, OOMPolicy", "no controller of memory in the container")


@test
def what_the_service_s_user_left_in_shared_memory_goes_with_the_service():
    def segments():
        with open("/proc/sysvipc/shm", encoding="ascii") as f:
            uids = [line.split()[7] for line in f.read().splitlines()[1:]]
        return uids.count(str(pwd.getpwnam("vitaled").pw_uid))
    for remove, left in (("no", 1), ("yes", 0)):
        drop_in("ipc.conf", f"[Service]\nRemoveIPC={remove}\n")
        run("systemctl", "restart", UNIT)
        if not segments():
            run("setpriv", "--reuid=vitaled", "--regid=vitaled", "--clear-groups", "ipcmk", "--shmem", "4096")
        run("systemctl", "stop", UNIT)
        assert segments() == left, remove
    no_drop_in()


@test
def what_stands_behind_other_lines_is_named():
    assert show("IPAddressDeny") in ("::/0 0.0.0.0/0", "0.0.0.0/0 ::/0") and show("KeyringMode") == "private"
    not_shown("IPAddressDeny", "no socket has an address family that it could refuse")
    if SEEN["probe"]["session keyring"] in ("EPERM", "ENOSYS"):
        not_shown("KeyringMode", "the container refuses every call about keys")


@test
def the_doctor_names_exactly_the_line_that_is_taken_away():
    for directive in ("ProtectHome", "MemoryDenyWriteExecute", "LockPersonality", "NoExecPaths"):
        drop_in("less.conf", f"[Service]\n{directive}={'' if directive.endswith('Paths') else 'no'}\n")
        try:
            run("systemctl", "restart", UNIT)
            said = run("vitalectl", "--json", "doctor", check=False).stdout
            lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
            missing = [line["facts"]["directive"] for line in lines if line.get("finding") == "not-confined"]
        finally:
            no_drop_in()
        assert missing == [directive], (directive, missing)
    run("systemctl", "stop", UNIT)


# -- keys as credentials ---------------------------------------------------------------------------------

@test
def credentials_of_the_site_are_handed_to_the_service_alone():
    os.makedirs("/etc/credstore", mode=0o700, exist_ok=True)
    keys = {}
    for name in ("audit.key", "dossier.key", "pseudonym.key"):
        keys[name] = os.urandom(32)
        with open(f"/etc/credstore/vitaled.{name}", "wb") as f:
            f.write(keys[name])
        os.chmod(f"/etc/credstore/vitaled.{name}", 0o600)
    found = probe()
    for name, key in keys.items():
        assert found["credential " + name] == key.hex(), found["credential " + name]
    SEEN["keys"] = keys


@test
def the_broker_takes_credentials_and_makes_no_keys_beside_them():
    run("systemctl", "stop", UNIT)
    os.rename(STATE, STATE + ".aside")
    run("systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/vitaled.conf")
    try:
        run("systemctl", "start", UNIT)
        assert not [name for name in os.listdir(STATE) if name.endswith(".key")]
        assert os.path.exists(os.path.join(STATE, "audit.sqlite"))
        run("systemctl", "stop", UNIT)
    finally:
        shutil.rmtree(STATE)
        os.rename(STATE + ".aside", STATE)
        for name in os.listdir("/etc/credstore"):
            os.unlink(os.path.join("/etc/credstore", name))


@test
def encrypted_credentials_work_with_the_example_s_drop_in():
    os.makedirs("/etc/credstore.encrypted", mode=0o700, exist_ok=True)
    for name, key in SEEN["keys"].items():
        run("systemd-creds", "encrypt", "--with-key=host", f"--name={name}", "-", f"/etc/credstore.encrypted/vitaled.{name}",
            stdin=memory(key))
        with open(f"/etc/credstore.encrypted/vitaled.{name}", "rb") as f:
            assert key not in f.read()
    with open("/usr/share/doc/vitaled/examples/systemd/encrypted-credentials.conf", encoding="utf-8") as f:
        example = f.read()
    found = probe("\n" + example)
    for name, key in SEEN["keys"].items():
        assert found["credential " + name] == key.hex(), found["credential " + name]
    shutil.rmtree("/etc/credstore.encrypted")
    shutil.rmtree("/etc/credstore")


def memory(data):
    fd = os.memfd_create("key")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


# -- configuration ----------------------------------------------------------------------------------------

def change(text):
    """Add @text to the configuration and have it read; what was there before."""
    with open("/etc/vitaled/vitaled.conf", encoding="utf-8") as f:
        before = f.read()
    with open("/etc/vitaled/vitaled.conf", "w", encoding="utf-8") as f:
        f.write(before + text)
    run("systemctl", "reload", UNIT)
    return before


@test
def a_configuration_is_read_anew_without_a_restart_and_a_wrong_one_changes_nothing():
    run("systemctl", "start", UNIT)
    pid = owner()
    before = change("\n[pin]\nidle = 5 min\n")
    wait_for(lambda: "read anew" in journal())
    with open("/etc/vitaled/vitaled.conf", "w", encoding="utf-8") as f:
        f.write(before)
    change("\n[nonsense]\nx = 1\n")
    wait_for(lambda: re.search(r"vitaled\.conf:\d+: \[nonsense\].*the old one is kept", journal()))
    with open("/etc/vitaled/vitaled.conf", "w", encoding="utf-8") as f:
        f.write(before)
    run("systemctl", "reload", UNIT)
    assert owner() == pid and show("ActiveState") == "active" and show("NRestarts") == "0"


@test
def a_wrong_configuration_at_the_start_fails_once_and_a_right_one_starts_at_once():
    run("systemctl", "stop", UNIT)
    with open("/etc/vitaled/vitaled.conf", encoding="utf-8") as f:
        before = f.read()
    with open("/etc/vitaled/vitaled.conf", "w", encoding="utf-8") as f:
        f.write(before + "\n[nonsense]\nx = 1\n")
    assert run("systemctl", "start", UNIT, check=False).returncode != 0
    ended_once()
    assert re.search(r"vitaled\.conf:\d+: \[nonsense\]", show("StatusText") + journal().rsplit("Starting", 1)[1])
    with open("/etc/vitaled/vitaled.conf", "w", encoding="utf-8") as f:
        f.write(before)
    run("systemctl", "restart", UNIT)
    assert show("ActiveState") == "active" and owner() == int(show("MainPID"))


def ended_once():
    """The service ended by the status for a wrong configuration, and systemd leaves it at that."""
    time.sleep(1)  # ten times RestartSec
    found = {name: show(name) for name in ("ActiveState", "Result", "ExecMainStatus", "NRestarts")}
    assert found == {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "78", "NRestarts": "0"}, found


@test
def without_its_folder_of_configuration_the_service_says_which_file_it_lacks():
    run("systemctl", "stop", UNIT)
    os.rename("/etc/vitaled", "/etc/vitaled.aside")
    try:
        assert run("systemctl", "start", UNIT, check=False).returncode != 0
        ended_once()  # and not 226, from systemd
        assert "/etc/vitaled/vitaled.conf" in journal().rsplit("Starting", 1)[1]
    finally:
        os.rename("/etc/vitaled.aside", "/etc/vitaled")
    run("systemctl", "restart", UNIT)


@test
def a_revocation_list_that_root_puts_into_its_folder_is_taken_at_once():
    lists = [os.path.join(folder, name) for folder, _, names in os.walk("/var/lib/vitale-sim/crl") for name in names]
    assert lists and os.stat("/etc/vitaled/crl").st_uid == 0
    assert "crl-missing" in findings()
    for path in lists:
        shutil.copy(path, "/etc/vitaled/crl")
        os.chmod(os.path.join("/etc/vitaled/crl", os.path.basename(path)), 0o644)
    try:
        wait_for(lambda: "crl-missing" not in findings(), every=0.3)
        assert not [f for f in findings() if f and f.startswith("crl-")]
    finally:
        for path in lists:
            os.unlink(os.path.join("/etc/vitaled/crl", os.path.basename(path)))


def findings():
    said = run("vitalectl", "--json", "doctor", check=False).stdout
    return [json.loads(line).get("finding") for line in said.splitlines() if line.startswith("{")]


@test
def the_recipe_for_a_pharmacy_is_followed_as_it_is_written():
    examples = "/usr/share/doc/vitaled/examples"
    conf, rules = f"{examples}/conf/pharmacy.conf", ("desk", "display")
    with open("/etc/vitaled/vitaled.conf", encoding="utf-8") as f:
        before = f.read()
    with open(conf, encoding="utf-8") as f:
        commands = re.findall(r"^#   ((?:groupadd|useradd) .*)$", f.read(), re.M)
    users = [c.split()[-1] for c in commands if c.startswith("useradd")]
    assert users == ["vitale-display1", "vitale-display2"] and len(commands) == 3
    pid = owner()
    try:
        for command in commands:
            run("sh", "-e", "-c", command.replace("NAME", BOB))
        for name in rules:
            shutil.copy(f"{examples}/polkit/{name}.rules", f"/etc/polkit-1/rules.d/60-vitaled-{name}.rules")
        shutil.copy(conf, "/etc/vitaled/vitaled.conf")
        # a running service keeps the /etc/passwd that it began with: this is why the recipe says restart
        run("systemctl", "reload", UNIT)
        wait_for(lambda: re.search(r"vitaled\.conf:\d+: .*user.*the old one is kept", journal()))
        assert owner() == pid
        run("systemctl", "restart", UNIT)
        for user in users:
            registers(user)
        argv, env = seated(ALICE, "vitalectl", "--json", "open", "--pair", "counter 1", "summary")
        refused = run(*argv, env=env, check=False)  # at the seat, but not of the group
        assert refused.returncode == 3 and "AccessDenied" in refused.stdout + refused.stderr, refused
    finally:
        for name in rules:
            os.unlink(f"/etc/polkit-1/rules.d/60-vitaled-{name}.rules")
        with open("/etc/vitaled/vitaled.conf", "w", encoding="utf-8") as f:
            f.write(before)
        for user in users:
            run("userdel", user, check=False)
        run("groupdel", "vitale", check=False)
    run("systemctl", "restart", UNIT)


def registers(user):
    """@user, who has no session anywhere, becomes a patient's display."""
    done = subprocess.Popen(["runuser", "-u", user, "--", "vitalectl", "--json", "agent", "--capability", "patient-display"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = done.stdout.readline()
        assert '"registered"' in line, (user, line, done.poll() is not None and done.stderr.read())
    finally:
        done.terminate()
        done.communicate(timeout=10)


@test
def the_machine_s_sleep_waits_for_the_service():
    def held():
        said = run("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
                   "ListInhibitors").stdout
        return '"sleep" "vitaled"' in said and '"delay"' in said
    wait_for(held)  # asked for at the start, and answered later


# -- staying alive ----------------------------------------------------------------------------------------

@test
def a_killed_broker_is_back_with_its_record_and_dossier():
    run("systemctl", "start", UNIT)
    pid = owner()
    os.kill(pid, signal.SIGKILL)
    begin = time.monotonic()
    wait_for(lambda: owner() not in (0, pid))
    print(f"    back on the bus after {(time.monotonic() - begin) * 1000:.0f} ms")
    assert show("NRestarts") == "1" and show("RestartUSec") == "100ms"
    agent = Agent(ALICE)
    try:
        argv, env = seated(ALICE, "vitalectl", "--json", "open", "list")
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    finally:
        agent.end()
    assert done.returncode == 0, done.stdout + done.stderr
    listed = next(m for m in map(json.loads, done.stdout.splitlines()) if m.get("command") == "list")
    assert len(listed["result"]) == 1


@test
def a_broker_that_hangs_is_replaced_by_the_watchdog():
    pid = owner()
    assert show("WatchdogUSec") == "10s"
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: owner() not in (0, pid), 60, 0.1)
    assert show("Result") == "success" and show("ActiveState") == "active"


@test
def vitaled_usb_may_be_missing_at_the_start_of_the_service_and_come_later():
    run("systemctl", "stop", UNIT, USB_SOCKET)
    run("systemctl", "mask", "--runtime", USB_SOCKET)
    try:
        os.rmdir("/run/vitaled-usb")
        run("systemctl", "start", UNIT)  # with nothing to bind
        assert owner() == int(show("MainPID"))
        run("systemctl", "stop", UNIT)
        run("systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/vitaled.conf")  # as at every boot
        run("systemctl", "start", UNIT)
        assert owner() == int(show("MainPID")) and show("ActiveState", USB_UNIT) == "inactive"
    finally:
        run("systemctl", "unmask", "--runtime", USB_SOCKET)
    run("systemctl", "start", USB_SOCKET)
    wait_for(lambda: show("ActiveState", USB_UNIT) == "active", 60, 0.1)
    assert owner() == int(show("MainPID")) and show("NRestarts", USB_UNIT) == "0"


@test
def a_pcscd_that_stops_and_comes_back_is_seen():
    run("systemctl", "stop", "pcscd.service", "pcscd.socket")
    wait_for(lambda: "stopped" in reader_service() or "absent" in reader_service())
    run("systemctl", "start", "pcscd.socket")
    wait_for(lambda: "running" in reader_service())


def reader_service():
    return run("busctl", "get-property", "org.vitaled1", "/org/vitaled1", "org.vitaled1.Manager", "ReaderService").stdout


# -- upgrade, removal ----------------------------------------------------------------------------------------

@test
def an_upgrade_restarts_the_service_and_keeps_configuration_record_and_dossiers():
    with open("/etc/vitaled/vitaled.conf", "a", encoding="utf-8") as f:
        f.write("\n[record]\nworkstation = counter 1\n")
    run("systemctl", "start", UNIT)
    before, pid = digest(os.path.join(STATE, "audit.key")), owner()
    install(SHARE + "/newer")
    assert run("dpkg-query", "-W", "-f", "${Version}", "vitaled").stdout.endswith("+1")
    assert show("ActiveState", USB_SOCKET) == "active" and show("UnitFileState", USB_SOCKET) == "enabled"
    assert "workstation = counter 1" in open("/etc/vitaled/vitaled.conf", encoding="utf-8").read()
    assert digest(os.path.join(STATE, "audit.key")) == before
    wait_for(lambda: owner() not in (0, pid))
    assert show("ActiveState", "vitale-sim.service") == "active"
    assert any(n.endswith(".key") for _, _, names in os.walk(os.path.join(STATE, "dossiers")) for n in names)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


@test
def an_upgrade_starts_nothing_that_did_not_run():
    run("systemctl", "stop", UNIT, "vitale-sim.service")
    install(SHARE + "/newer")
    assert show("ActiveState") == "inactive" and show("ActiveState", "vitale-sim.service") == "inactive"


@test
def removal_stops_the_service_and_keeps_what_belongs_to_the_site():
    run("systemctl", "start", UNIT)
    assert owner() != 0
    run("dpkg", "--remove", *PACKAGES)
    assert show("ActiveState", USB_SOCKET) == "inactive" and not os.path.exists("/run/vitaled-usb/socket")
    assert owner() == 0 and not family_lives()
    assert "org.vitaled1" not in run("busctl", "list", "--activatable", "--no-legend").stdout.split()
    assert os.path.exists("/etc/vitaled/vitaled.conf") and os.path.exists(os.path.join(STATE, "audit.sqlite"))
    assert not os.path.exists("/usr/lib/vitaled") and not os.path.exists("/lib/systemd/system/" + UNIT)


def family_lives():
    return run("ps", "-o", "pid=", "-u", "vitaled", check=False).stdout.strip()


@test
def after_a_purge_nothing_is_left():
    os.unlink("/etc/reader.conf.d/vitale-sim")
    shutil.rmtree("/usr/lib/vitaled-probe")
    run("dpkg", "--purge", *PACKAGES)
    run("systemctl", "daemon-reload")
    after, before = machine(), SEEN["before"]
    for kind in before:
        new, gone = after[kind] - before[kind], before[kind] - after[kind]
        assert not new and not gone, (kind, "new", sorted(new)[:20], "gone", sorted(gone)[:20])
    done = run("dpkg-query", "-W", "-f", "${Status}", "vitaled", check=False)
    assert "installed" not in done.stdout.replace("not-installed", "") and "config-files" not in done.stdout


def main():
    with open(os.path.join(SHARE, "names"), encoding="utf-8") as f:
        names = f.read().split()
    last = max((i for i, t in enumerate(TESTS) if t.__name__ in names), default=len(TESTS) - 1)
    begin, passed, failed = time.monotonic(), 0, 0
    for function in TESTS[:last + 1]:
        start = time.monotonic()
        try:
            function()
            passed += 1
            print(f"ok {function.__name__} ({time.monotonic() - start:.1f} s)")
        except Exception:  # whatever it was: the next test may still say something
            failed += 1
            print(f"FAILED {function.__name__}\n{traceback.format_exc()}")
            if failed == 1:
                print(journal()[-4000:])
    more = f", {failed} failed" if failed else ""
    print(f"{passed} passed{more} in {time.monotonic() - begin:.2f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
