#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""A stand-in for systemd on a private bus, for the tests of the doctor.

usage: fake_systemd.py UNIT=LOAD,ACTIVE,RESULT..."""
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, ROOT = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
UNITS = {one.partition("=")[0]: one.partition("=")[2].split(",") for one in sys.argv[1:]}


class Unit(dbus.service.Object):
    def __init__(self, bus, number, name):
        super().__init__(bus, f"{ROOT}/unit/u{number}")
        self.values = dict(zip(("LoadState", "ActiveState", "Result"), UNITS[name]))

    @dbus.service.method(dbus.PROPERTIES_IFACE, "ss", "v")
    def Get(self, interface, name):
        if not interface.startswith(NAME) or name not in self.values:
            raise dbus.DBusException(name="org.freedesktop.DBus.Error.UnknownProperty")
        return self.values[name]


class Manager(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, ROOT)
        self.units = {name: Unit(bus, number, name) for number, name in enumerate(UNITS)}

    @dbus.service.method(NAME + ".Manager", "s", "o")
    def LoadUnit(self, name):
        if name not in self.units:
            raise dbus.DBusException(name="org.freedesktop.systemd1.NoSuchUnit")
        return dbus.ObjectPath(self.units[name].__dbus_object_path__)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
system = dbus.SystemBus()
owned = dbus.service.BusName(NAME, system)
manager = Manager(system)
print("ready", flush=True)
GLib.MainLoop().run()
