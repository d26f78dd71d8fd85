#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""A stand-in for polkit on a private bus, for the tests of the doctor: it answers about whom asks, and nobody else.

usage: fake_polkit.py ACTION=yes|no|challenge..."""
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.freedesktop.PolicyKit1"
ANSWERS = dict(one.split("=") for one in sys.argv[1:])


class Failure(dbus.DBusException):
    def __init__(self, name, text):
        self._dbus_error_name = f"{NAME}.Error.{name}"
        super().__init__(text)


class Authority(dbus.service.Object):
    @dbus.service.method(NAME + ".Authority", "(sa{sv})sa{ss}us", "(bba{ss})", sender_keyword="sender")
    def CheckAuthorization(self, subject, action, details, flags, cancellation, sender=None):
        if subject[0] != "system-bus-name" or subject[1]["name"] != sender or details or flags or cancellation:
            raise Failure("NotAuthorized", "about others nobody is told")
        if action not in ANSWERS:
            raise Failure("Failed", f"Action {action} is not registered")
        said = ANSWERS[action]
        return (said == "yes", said == "challenge", dbus.Dictionary({}, signature="ss"))


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
system = dbus.SystemBus()
owned = dbus.service.BusName(NAME, system)
authority = Authority(system, "/org/freedesktop/PolicyKit1/Authority")
print("ready", flush=True)
GLib.MainLoop().run()
