# SPDX-License-Identifier: EUPL-1.2
"""Cold start: from the start of the program to the name owned on the bus, in milliseconds."""
import subprocess
import time

from bed import USERS, wait_for

NAME = "org.vitaled1"


def follow(bed):
    """(GLib, loop, owners): owners gets (moment, owner) of each change of NAME's owner while the loop runs."""
    import dbus.bus
    import dbus.mainloop.glib
    from gi.repository import GLib
    bus = dbus.bus.BusConnection(bed.env["DBUS_SYSTEM_BUS_ADDRESS"], mainloop=dbus.mainloop.glib.DBusGMainLoop())
    owners = []
    bus.add_signal_receiver(lambda name, before, after: owners.append((time.monotonic(), str(after))),
                            "NameOwnerChanged", "org.freedesktop.DBus", "org.freedesktop.DBus", arg0=NAME)
    bus.call_blocking("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId", "", ())  # the match is set
    return bus, GLib.MainContext.default(), owners


def start(bed):
    """The broker as bed.start_broker() starts it, without the programs in between."""
    with open(bed.path("log", "vitaled"), "ab") as log:
        return subprocess.Popen([bed.program("vitaled"), "--config", bed.path("vitaled.conf")], env=bed.env,
                                user=USERS["vitaled"], group=USERS["vitaled"], extra_groups=[],
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def until_owned(bed, context, owners, before, seconds=20):
    """Start the broker; milliseconds from @before to NameOwnerChanged."""
    bed.processes["vitaled"] = start(bed)
    while not any(owner for _, owner in owners):
        if time.monotonic() > before + seconds or bed.processes["vitaled"].poll() is not None:
            raise TimeoutError("the broker did not start:\n" + bed.log("vitaled")[-2000:])
        context.iteration(False)
    return 1000 * (next(at for at, owner in owners if owner) - before)


def forget(context, owners):
    while context.iteration(False):
        pass
    owners.clear()


def cold_start(bed, n=20):
    """@n times: milliseconds from before the fork to the name owned. The bed's broker is ended before and
    runs again after."""
    bus, context, owners = follow(bed)
    found = []
    bed.end("vitaled")
    for _ in range(n):
        wait_for(lambda: not bed.owned(NAME))
        forget(context, owners)
        found.append(until_owned(bed, context, owners, time.monotonic()))
        bed.end("vitaled")
    bus.close()
    bed.start_broker()
    return found


def restart(bed, n=20, pause=0.1):
    """@n times: milliseconds from SIGKILL of the broker to the name owned by the next one, which is started
    @pause seconds later (RestartSec= of the unit)."""
    bus, context, owners = follow(bed)
    found = []
    for _ in range(n):
        forget(context, owners)
        before = time.monotonic()
        bed.processes["vitaled"].kill()
        bed.processes["vitaled"].wait()
        time.sleep(pause)
        found.append(until_owned(bed, context, owners, before))
    bus.close()
    return found
