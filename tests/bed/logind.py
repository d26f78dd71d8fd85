# SPDX-License-Identifier: EUPL-1.2
"""A systemd-logind that sleeps when it is told to: org.freedesktop.login1 with Inhibit and PrepareForSleep.

Run as root in a bed whose bus has logind's own policy (class Logind below does both). Lines of standard
input are verbs, lines of standard output JSON events. A lock is the write end of a pipe whose other end
stays here: it is released when that end hangs up."""
import json
import os
import shutil
import subprocess
import sys
import threading
import time

NAME, PATH, MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
POLICY = "/usr/share/dbus-1/system.d/org.freedesktop.login1.conf"


# -- inside the process ------------------------------------------------------------------------

def emit(**line):
    sys.stdout.write(json.dumps({**line, "at": time.monotonic()}) + "\n")
    sys.stdout.flush()


def alive():
    """Programs of the service that run now and have a card or a dossier, or may get one."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                name, state = f.read().rsplit(")", 1)
            name, folder = name.split("(", 1)[1], f"/proc/{pid}/fd"
            if not name.startswith("vitaled-") or state.split()[0] in "ZX":
                continue
            links = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
            if name != "vitaled-dossier" or any("/state/" in link for link in links):
                found.append(name)
        except FileNotFoundError:  # it ended
            continue
    return sorted(found)


def serve(refuses):
    import dbus
    import dbus.mainloop.glib
    import dbus.service
    from gi.repository import GLib
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus, loop = dbus.SystemBus(private=True), GLib.MainLoop()

    class Manager(dbus.service.Object):
        @dbus.service.method(MANAGER, "ssss", "h", sender_keyword="sender")
        def Inhibit(self, what, who, why, mode, sender=None):
            emit(event="inhibit", what=str(what), who=str(who), mode=str(mode), sender=str(sender))
            if refuses:
                raise dbus.DBusException("no", name="org.freedesktop.DBus.Error.AccessDenied")
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            GLib.io_add_watch(ours, GLib.IO_HUP, self.released, ours)
            fd = dbus.types.UnixFd(theirs)
            os.close(theirs)
            return fd

        def released(self, source, condition, fd):
            emit(event="released", alive=alive())  # first of all: what has ended since would not be seen
            os.close(fd)
            return False

        @dbus.service.signal(MANAGER, "b")
        def PrepareForSleep(self, start):
            pass

    manager = Manager(bus, PATH)

    def on_input(source, condition):
        for verb in os.read(0, 4096).decode().split() or ["end"]:
            if verb == "end":
                loop.quit()
            elif verb == "fake":  # as a stranger: to one connection, without the name
                name = sys.argv[2]
                m = dbus.lowlevel.SignalMessage(PATH, MANAGER, "PrepareForSleep")
                m.append(True, signature="b")
                m.set_destination(name)
                bus.send_message(m)
                bus.flush()
                emit(event="faked")
            else:
                manager.PrepareForSleep(verb == "sleep")
        return True

    import dbus.lowlevel
    GLib.io_add_watch(0, GLib.IO_IN | GLib.IO_HUP, on_input)
    if sys.argv[1] != "stranger":
        bus.request_name(NAME)
    emit(event="up")
    loop.run()


# -- in the test --------------------------------------------------------------------------------

class Logind:
    """@kind: "kind" gives locks, "refuses" does not, "stranger" does not have the name."""

    def __init__(self, bed, kind="kind", *more, user=None):
        if not os.path.exists(bed.path("bus/system.d/org.freedesktop.login1.conf")):
            shutil.copy(POLICY, bed.path("bus/system.d"))
            subprocess.run(["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                            "org.freedesktop.DBus.ReloadConfig"], env=bed.env, check=True, capture_output=True)
        argv = ["/usr/bin/python3", os.path.abspath(__file__), kind, *more]
        if user:
            argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *argv]
        self.process = subprocess.Popen(argv, env=bed.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events, self.wake = [], threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()
        self.event("up")

    def listen(self):
        for line in self.process.stdout:
            with self.wake:
                self.events.append(json.loads(line))
                self.wake.notify_all()

    def say(self, verb):
        self.process.stdin.write(verb + "\n")
        self.process.stdin.flush()

    def count(self, event):
        with self.wake:
            return sum(e["event"] == event for e in self.events)

    def event(self, event, nth=1, seconds=20):
        """The @nth event of that kind; TimeoutError when it does not come."""
        end = time.monotonic() + seconds
        with self.wake:
            while True:
                found = [e for e in self.events if e["event"] == event]
                if len(found) >= nth:
                    return found[nth - 1]
                if not self.wake.wait(max(0, end - time.monotonic())) and time.monotonic() >= end:
                    raise TimeoutError(f"logind: no {event} {nth}; {self.events}")

    def held(self):
        return self.count("inhibit") - self.count("released")

    def end(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.end()
        self.process.stdin.close()
        self.process.stdout.close()


if __name__ == "__main__":
    serve(sys.argv[1] == "refuses")
