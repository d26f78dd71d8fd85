# SPDX-License-Identifier: EUPL-1.2
"""The private bed: dbus-daemon, polkitd, pcscd with the simulated reader, the broker.

Runs inside the namespaces that `run` makes (mount, network, pid): nothing outside is touched, and
whatever is left ends with the pid namespace. Daemons are real; each has its own uid. Used by the
demo, by `run bed` and by the integration tests.
"""
import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import usb_bus
import usb_bench

USERS = {  # name: uid; invented, only in the bed's own /etc/passwd
    "vitaled": 64101,
    "vdagent": 64102,
    "vdapp": 64103,
    "vddisplay": 64104,
    "vdother": 64105,
    "vdcards": 64106,
    "vdusb": 64107,
}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READER = "Vitale Sim"
BUS_CONF = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <type>system</type>
 <auth>EXTERNAL</auth>
 <listen>unix:path={work}/bus/sock</listen>
 <policy context="default">
  <allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
  <allow send_requested_reply="true" send_type="method_return"/>
  <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/><allow receive_type="method_return"/>
  <allow receive_type="error"/><allow receive_type="signal"/>
  <allow send_destination="org.freedesktop.DBus"/>
 </policy>
 <includedir>{work}/bus/system.d</includedir>
</busconfig>
"""


def wait_for(what, seconds=10.0, every=0.005):
    """Poll @what until it is true; its last value, or TimeoutError."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not seen within {seconds} s")
        time.sleep(every)


def own(path, user, mode):
    os.chown(path, USERS.get(user, 0), USERS.get(user, 0))
    os.chmod(path, mode)


def enter_users(folder):
    """Give this mount namespace an /etc/passwd and /etc/group that know the bed's users."""
    for name, line in (("passwd", "{n}:x:{u}:{u}:{n}:/nonexistent:/bin/sh\n"), ("group", "{n}:x:{u}:\n")):
        path = os.path.join(folder, name)
        with open(f"/etc/{name}", encoding="utf-8") as f:
            text = f.read()
        if "vitaled:x:64101" in text:
            return
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.rstrip("\n") + "\n" + "".join(line.format(n=n, u=u) for n, u in USERS.items()))
        os.chmod(path, 0o644)
        subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)


class Sim:
    """The control socket of vitale-sim."""

    def __init__(self, path):
        self.path = path

    def __call__(self, command):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(10)
            s.connect(self.path)
            s.sendall(command.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                more = s.recv(4096)
                if not more:
                    break
                answer += more
        text = answer.decode().strip()
        if not text.startswith("ok"):
            raise RuntimeError(f"{command}: {text}")
        return text[2:].strip()


class Bed:
    """One bed in folder @work.

    @cards: profile names in slot 0, 1, ... (None: empty); @readers: devices of vitale-sim (`2`, `1+1`,
    `2,1`, ...); @keypad: slots that have one, or "all"; @hotplug: pcscd finds the readers on a bus and
    sees them go and come when the simulator is told to `unplug` and `plug`.

    @usb: models of tests/usb ("tpdu,kap-link"): the readers are emulated USB ones, bed.orders() their bench; who
    serves them: @usb_by "vitaled-usb" (there is no pcscd at all), "pcscd" (with the real libccid), or "both".
    Reader names in @config are those of the simulator with pcscd and become those that the bed has.
    """

    def __init__(self, build, work=None, cards=("cps4-gp", "vitale-family"), clock=False, personal=None,
                 config="", rules=None, state_size=None, readers="2", keypad=(), hotplug=False, usb=None,
                 usb_by="vitaled-usb", usb_rules="*=usb", serials="", usb_program=(), only_t1=()):
        self.build = os.path.abspath(build)
        self.work = work or tempfile.mkdtemp(prefix="vitaled-bed.")
        self.cards = cards
        self.clock = clock
        self.personal = personal  # folder made once by personalise(), copied
        self.readers = readers
        self.keypad = [keypad] if isinstance(keypad, str) else list(keypad)
        self.hotplug = hotplug
        self.usb, self.usb_by, self.usb_rules, self.serials = usb, usb_by, usb_rules, serials
        self.listening = None  # vitaled-usb's sockets
        self.usb_program = list(usb_program)  # vitaled-usb, without its confinement, runs under it: valgrind
        self.only_t1 = only_t1  # slots whose card has T=1 alone, where it has both
        self.usb_killed, self.bad_ends = False, []
        self.extra = config
        if usb:
            self.readers = usb_bench.sim_readers(usb)
            for reader, slot, named in usb_bench.names(usb, serials):
                self.extra = self.extra.replace(f"{READER} {reader:02X} {slot:02X}", named)
        self.state_size = state_size  # of a tmpfs for the state, for faults of the disk
        self.rules = rules or os.path.join(ROOT, "tests/data/bed.rules")
        self.processes = {}
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "HOME": self.work,
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.work}/bus/sock",
            "PCSCLITE_CSOCK_NAME": f"{self.work}/pcsc/pcscd.comm",
            "VITALE_SIM_SOCKET": f"{self.work}/sim/control",
        }
        for name in ("TERM", "LANGUAGE", "LC_ALL", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
                     "LLVM_PROFILE_FILE", "GCOV_PREFIX", "VITALED_LOCALEDIR"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.sim = Sim(self.env["VITALE_SIM_SOCKET"])

    def path(self, *names):
        return os.path.join(self.work, *names)

    def program(self, name):
        for folder in ("daemon", "daemon/dossier", "daemon/trust", "drivers/watch", "drivers/card", "drivers/sim",
                       "drivers/usb", "client", "tests/usb"):
            found = os.path.join(self.build, folder, name)
            if os.path.exists(found):
                return found
        raise FileNotFoundError(name)

    # -- life ---------------------------------------------------------------------------------

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *unused):
        self.stop()

    def start(self):
        self.lay_out()
        self.start_bus()
        self.start_polkit()
        self.start_sim()
        if self.usb:
            self.start_usb_bench()
        if not self.usb or self.usb_by != "vitaled-usb":
            self.start_pcscd()
        if self.usb and self.usb_by != "pcscd":
            self.start_usb()
        self.start_broker()
        return self

    def stop(self):
        for name in reversed(list(self.processes)):
            self.end(name)
        if self.listening:
            for one in self.listening:
                one.close()
        reports = "\n".join(filter(None, [self.sanitizer_reports(), *self.bad_ends]))
        if self.state_size:
            subprocess.run(["umount", self.path("state")], check=False)
        shutil.rmtree(self.work, ignore_errors=True)
        if reports:
            raise AssertionError("a sanitizer reported, or a program ended badly:\n" + reports)

    def sanitizer_reports(self):
        """What AddressSanitizer, LeakSanitizer or UBSan wrote into the logs of our programs."""
        found = []
        for name in sorted(os.listdir(self.path("log"))) if os.path.isdir(self.path("log")) else []:
            lines = self.log(name).splitlines()
            for i, line in enumerate(lines):
                if "Sanitizer" in line and "ERROR" in line or "runtime error:" in line:
                    found.append(f"{name}: " + "\n".join(lines[i:i + 25]))
                    break
        return "\n".join(found)

    def lay_out(self):
        os.chmod(self.work, 0o755)
        for folder, user, mode in (
                ("bus", "root", 0o755), ("bus/system.d", "root", 0o755), ("polkit", "root", 0o755),
                ("polkit/rules.d", "root", 0o755), ("polkit/actions", "root", 0o755),
                ("pcsc", "vdcards", 0o755), ("readers", "root", 0o755), ("sim", "vdcards", 0o755),
                ("state", "vitaled", 0o700), ("children", "root", 0o755), ("usb", "root", 0o755),
                ("log", "root", 0o755)):
            os.makedirs(self.path(folder), exist_ok=True)
            if folder == "state" and self.state_size:
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.state_size}", "state",
                                self.path(folder)], check=True)
            own(self.path(folder), user, mode)
        enter_users(self.work)
        if self.personal is None:
            self.personal = self.path("personal")
            personalise(self.build, self.personal, [c for c in self.cards if c])
        if not os.path.isdir(self.path("cards")):
            shutil.copytree(os.path.join(self.personal, "cards"), self.path("cards"))
            shutil.copytree(os.path.join(self.personal, "anchors"), self.path("anchors"))
            if os.path.isdir(os.path.join(self.personal, "crl")):
                shutil.copytree(os.path.join(self.personal, "crl"), self.path("crl"))
        for name in os.listdir(self.path("cards")):
            own(self.path("cards", name), "vdcards", 0o600)
        own(self.path("cards"), "vdcards", 0o700)
        for name in ("vitaled-watch", "vitaled-card", "vitaled-dossier", "vitaled-crl", "vitaled-feed"):
            if not os.path.lexists(self.path("children", name)):
                os.symlink(self.program(name), self.path("children", name))
        for folder, to in (("daemon/consent/data", "rights"), ("daemon/consent/wordings", "wordings")):
            shutil.copytree(os.path.join(ROOT, folder), self.path("data", to), dirs_exist_ok=True)
        self.write_config()

    def write_config(self):
        with open(self.path("vitaled.conf"), "w", encoding="utf-8") as f:
            f.write(f"""[paths]
state = {self.path("state")}
anchors = {self.path("anchors")}
children = {self.path("children")}
data = {self.path("data")}
pcsc-socket = {self.env["PCSCLITE_CSOCK_NAME"]}
usb-socket = {self.path("usb/socket")}

[cards]
crl = {self.path("crl")}

[record]
origin = bed.vitaled.example/record

[agent pin]
capability = pin
user = vdagent

[agent professional]
capability = professional
user = vdagent

{self.extra}
""" + self.usb_config())

    def usb_config(self):
        """The sections [usb ...] that say usb_rules ("2947:0101=usb *=pcsc")."""
        rules = [rule.split("=") for rule in self.usb_rules.split()] if self.usb else []
        return "".join(f"[usb {which.replace(':', ' ', 2).replace(' ', ':', 1)}]\ndriver = {how}\n\n"
                       for which, how in rules)

    def spawn(self, name, argv, user=None, env=None, bind=None, **more):
        """Start @argv as @user, its output in log/NAME; @bind: [(from, to)] in an own mount namespace."""
        if user:
            argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *argv]
        if bind:
            mounts = "".join(f'mount --bind "{a}" "{b}" || exit 99\n' for a, b in bind)
            argv = ["unshare", "-m", "sh", "-c", mounts + 'exec "$@"', "sh", *argv]
        with open(self.path("log", name), "ab") as log:
            kwargs = dict(stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env or self.env)
            kwargs.update(more)
            self.processes[name] = subprocess.Popen(argv, **kwargs)
        return self.processes[name]

    def end(self, name, seconds=5):
        """SIGTERM, then SIGKILL after @seconds. Return: the exit status, None if it had not started. vitaled-usb has
        more time, and must end with 0 unless kill_usb() ended it: else stop() fails."""
        p = self.processes.pop(name, None)
        if p is None:
            return None
        if name == "vitaled-usb":
            seconds = max(seconds, 30)
        if p.poll() is None:
            if name == "usb-words":  # it ends with the last that writes there
                with contextlib.suppress(subprocess.TimeoutExpired):
                    p.wait(10)
            p.terminate()
            try:
                p.wait(seconds)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        for stream in (p.stdin, p.stdout, p.stderr):
            if stream:
                stream.close()
        if name == "vitaled-usb":
            self.end("usb-words")  # all of them
            if p.returncode != 0 and not self.usb_killed:
                self.bad_ends.append(f"vitaled-usb ended with {p.returncode}:\n{self.log('usb-words')}")
            self.usb_killed = False
        return p.returncode

    def kill_usb(self):
        """End vitaled-usb as a crash does."""
        self.usb_killed = True
        self.processes["vitaled-usb"].kill()

    def log(self, name):
        with open(self.path("log", name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def start_bus(self):
        shutil.copy("/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf", self.path("bus/system.d"))
        shutil.copy(os.path.join(ROOT, "systemd/org.vitaled1.conf"), self.path("bus/system.d"))
        with open(self.path("bus/bus.conf"), "w", encoding="utf-8") as f:
            f.write(BUS_CONF.format(work=self.work))
        self.spawn("dbus", ["dbus-daemon", f"--config-file={self.path('bus/bus.conf')}", "--nofork",
                            "--nopidfile"])
        wait_for(lambda: os.path.exists(self.path("bus/sock")))

    def start_polkit(self):
        shutil.copy("/usr/share/polkit-1/actions/org.freedesktop.policykit.policy", self.path("polkit/actions"))
        shutil.copy(os.path.join(ROOT, "systemd/org.vitaled1.policy"), self.path("polkit/actions"))
        shutil.copy(self.rules, self.path("polkit/rules.d/50-vitaled.rules"))
        self.spawn("polkitd", ["/usr/lib/polkit-1/polkitd", "--no-debug"],
                   bind=[(self.path("polkit/rules.d"), "/etc/polkit-1/rules.d"),
                         (self.path("polkit/actions"), "/usr/share/polkit-1/actions")])
        wait_for(lambda: self.owned("org.freedesktop.PolicyKit1"), 30)

    def owned(self, name):
        done = subprocess.run(
            ["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
             "org.freedesktop.DBus.NameHasOwner", f"string:{name}"],
            env=self.env, capture_output=True, text=True)
        return "boolean true" in done.stdout

    def start_sim(self):
        argv = [self.program("vitale-sim"), "--socket", self.path("sim/reader"), "--control",
                self.path("sim/control"), "--state", self.work, "--readers", self.readers]
        for slot in self.keypad:
            argv += ["--keypad", str(slot)]
        for slot, card in enumerate(self.cards):
            if card:
                argv += [f"--slot{slot}", card]
        if self.clock:
            argv.append("--clock")
        self.spawn("sim", argv, user="vdcards")
        wait_for(lambda: os.path.exists(self.path("sim/control")))
        os.chmod(self.path("sim/control"), 0o666)

    def start_pcscd(self, readers=True):
        library = os.path.join(self.build, "drivers/sim/libifdvitalesim.so")
        bind, env = [(self.path("pcsc"), "/run/pcscd")], self.clean_env()
        count = len(self.readers.replace("+", ",").split(",")) if readers and not self.hotplug else 0
        if self.usb:
            count, env = 0, env | usb_bench.environment(self.orders)
        with open(self.path("readers/sim.conf"), "w", encoding="utf-8") as f:
            for i in range(count):
                f.write(f'FRIENDLYNAME "{READER}"\nDEVICENAME {self.path("sim/reader")}:{i}\n'
                        f'LIBPATH {library}\nCHANNELID {i}\n\n')
        os.makedirs("/run/pcscd", exist_ok=True)
        if self.hotplug and readers:
            bind = self.start_bus_of_readers(library) + bind
            env |= {"VITALE_SIM_READER": self.path("sim/reader"), "SYSTEMD_DEVICE_VERIFY_SYSFS": "0"}
        self.spawn("pcscd", ["setpriv", "--reuid=vdcards", "--regid=vdcards", "--clear-groups", "--",
                             "/usr/sbin/pcscd", "-f", "-c", self.path("readers")], bind=bind, env=env)
        wait_for(lambda: os.path.exists(self.env["PCSCLITE_CSOCK_NAME"]))

    def start_bus_of_readers(self, library):
        """The bus of usb_bus.py. Return: what pcscd's mount namespace needs for it."""
        for folder in ("run/pcscd", "run/udev", "usb/sys"):
            os.makedirs(self.path(folder), exist_ok=True)
        usb_bus.write(self.path("run/udev/control"), "")  # libudev: there is a udevd
        usb_bus.make_bundle(self.path("usb/drivers"), library, READER)
        if "usb" not in self.processes or self.processes["usb"].poll() is not None:
            shutil.rmtree(self.path("usb/sys"))  # it ended with an earlier simulator
            os.makedirs(self.path("usb/sys"))
            self.spawn("usb", [sys.executable, os.path.join(ROOT, "tests/bed/usb_bus.py"),
                               self.path("sim/control"), self.path("usb/sys")])
            wait_for(lambda: os.path.exists(self.path("usb/sys/ready")))
        return [(self.path("run"), "/run"), (self.path("usb/drivers"), "/usr/lib/pcsc/drivers"),
                (self.path("usb/sys"), "/sys")]

    def start_usb_bench(self):
        """The emulated readers; self.orders is their control socket. pcscd wants the message of an unplugged
        reader some time after its end, or it hangs in removing one of two slots."""
        self.orders = usb_bench.start(self, self.usb, self.serials, 20 if self.usb_by == "vitaled-usb" else 500)

        def up():
            if self.processes["usb-bench"].poll() is not None:
                raise RuntimeError("usb-bench ended:\n" + self.log("usb-bench"))
            return self.orders.answers()
        wait_for(up)
        for slot in self.only_t1:
            self.orders(f"only-t1 {slot} on")

    def start_usb(self):
        """vitaled-usb as its units start it: a socket for the broker's user, a user of its own. It can write to no
        file, as its limits want, so its words come by a pipe: log "usb-words"."""
        if not self.listening:
            self.listening = []
            for path in (self.path("usb/socket"), self.path("usb/socket-watch")):
                self.listening.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
                self.listening[-1].bind(path)
                self.listening[-1].listen(16)
                own(path, "vitaled", 0o600)
        # kept: who connects while the program is away waits for it
        # high ones: bash would write one over the other
        high = [fcntl.fcntl(one, fcntl.F_DUPFD, 100) for one in self.listening]
        argv = ["bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@" 3<&{high[0]} 4<&{high[1]}', "bash",
                *self.usb_program, self.program("usb-unconfined" if self.usb_program else "vitaled-usb")]
        words, said = os.pipe()
        before = self.log("usb-words").count("usb-started") if os.path.exists(self.path("log/usb-words")) else 0
        self.spawn("usb-words", ["cat"], stdin=words)
        self.spawn("vitaled-usb", argv, user="vdusb", env=self.env | usb_bench.environment(self.orders),
                   pass_fds=high, stdout=said, stderr=said)
        for one in (words, said, *high):
            os.close(one)

        def up():
            if self.processes["vitaled-usb"].poll() is not None:
                raise RuntimeError("vitaled-usb ended:\n" + self.log("usb-words"))
            return self.log("usb-words").count("usb-started") > before
        wait_for(up, 60)

    def clean_env(self):
        env = dict(self.env)
        env.pop("PCSCLITE_CSOCK_NAME")
        return env

    def start_broker(self, wait=True):
        self.spawn("vitaled", [self.program("vitaled"), "--config", self.path("vitaled.conf")], user="vitaled")
        if wait:
            self.wait_broker()

    def wait_broker(self):
        def up():
            if self.processes["vitaled"].poll() is not None:
                raise RuntimeError("the broker ended:\n" + self.log("vitaled"))
            return self.owned("org.vitaled1")
        wait_for(up, 20)

    # -- people -------------------------------------------------------------------------------

    def run(self, argv, user="vdapp", **more):
        """subprocess.run as @user in the bed."""
        kwargs = dict(env=self.env, capture_output=True, text=True, timeout=120)
        kwargs.update(more)
        return subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *argv],
                              **kwargs)


def personalise(build, out, profiles):
    """Make a test authority and the named cards in folder @out."""
    subprocess.run([os.path.join(build, "drivers/sim/vitale-sim"), "personalise", "--out", out,
                    "--profiles", os.path.join(ROOT, "drivers/sim/profiles"), *profiles],
                   check=True)
