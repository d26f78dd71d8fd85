#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Open a dossier, print its summary and its list, lock it. Needs python3-dbus, python3-gi, and an
agent in another process (vitalectl agent)."""
import json
import os
import sys

import dbus
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

bus, loop = dbus.SystemBus(mainloop=DBusGMainLoop()), GLib.MainLoop()
options = dbus.Dictionary({"intent": dbus.Array(["consult"], signature="s")}, signature="sv")
manager = dbus.Interface(bus.get_object("org.vitaled1", "/org/vitaled1"), "org.vitaled1.Manager")
session = bus.get_object("org.vitaled1", manager.OpenSession(options, timeout=150))
state = {}


def changed(_interface, values, _invalidated):
    state.update(values)
    print("state:", state["State"], state["Reason"], file=sys.stderr)
    if state["State"] in ("unlocked", "refused", "locked", "failed"):
        loop.quit()


def show(fd):  # a sealed memfd that holds JSON
    with open(fd.take(), "rb") as f:
        print(json.dumps(json.loads(os.pread(f.fileno(), 1 << 20, 0)), indent=2, ensure_ascii=False))


session.connect_to_signal("PropertiesChanged", changed, dbus.PROPERTIES_IFACE)
GLib.idle_add(lambda: changed(  # what happened before we listened
    "", session.GetAll("org.vitaled1.Session", dbus_interface=dbus.PROPERTIES_IFACE), []))
loop.run()
if state["State"] != "unlocked":
    sys.exit(f"{state['State']}: {state['Reason']}")
dossier = dbus.Interface(session, "org.vitaled1.Dossier")
show(dossier.Summary())
show(dossier.List(dbus.Dictionary({}, signature="sv")))
session.Lock(dbus_interface="org.vitaled1.Session")
