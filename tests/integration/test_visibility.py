# SPDX-License-Identifier: EUPL-1.2
"""What a caller sees of what is not its own: nothing. Every member of a session, a dossier and a lease,
as the interface's XML lists them, answers another user and another connection of the same user as
an object that does not exist; folders do not list it, signals of it reach its owner alone, and what a
card says of its user is for that user."""
import json
import os
import subprocess
import threading
import xml.etree.ElementTree as ElementTree

import pytest

from actor import Actor, BusError
from bed import ROOT, wait_for
from conftest import card_at, reader_at

XML = os.path.join(ROOT, "include/dbus/org.vitaled1.xml")
PROPERTIES, INTROSPECTABLE = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.Introspectable"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
NOWHERE = {"session": "/org/vitaled1/session/4242", "lease": "/org/vitaled1/lease/4242"}
CPS, VITALE = "00 00", "00 01"

ARGUMENTS = {"s": "x", "u": {"u": 1}, "b": True, "a{sv}": {"a{sv}": {}}, "h": {"fd": "{}"}, "o": {"o": "/x"}}


def members(*interfaces):
    """[(interface, method, arguments)] of the XML; properties by Get, GetAll and Set."""
    found = []
    for interface in ElementTree.parse(XML).getroot().iter("interface"):
        name = interface.get("name")
        if name.rsplit(".", 1)[1] not in interfaces:
            continue
        for method in interface.iter("method"):
            wanted = [a.get("type") for a in method.iter("arg") if a.get("direction") != "out"]
            found.append((name, method.get("name"), [ARGUMENTS[t] for t in wanted]))
        for p in interface.iter("property"):
            found.append((PROPERTIES, "Get", [name, p.get("name")]))
            found.append((PROPERTIES, "Set", [name, p.get("name"), "x"]))
        found.append((PROPERTIES, "GetAll", [name]))
    return found + [(INTROSPECTABLE, "Introspect", [])]


def answer(actor, path, interface, method, arguments):
    """(error's name, its text without the path)."""
    with pytest.raises(BusError) as e:
        actor.call(method, *arguments, path=path, interface=interface)
    return e.value.name, str(e.value).replace(path, "PATH")


def sees_nothing(actor, path, kind, *interfaces):
    """Every member of @path answers @actor as one of an object that is not there; how many there are."""
    all_members = members(*interfaces)
    for interface, method, arguments in all_members:
        answers = [answer(actor, p, interface, method, arguments) for p in (path, NOWHERE[kind])]
        assert answers[0] == answers[1], (interface, method)
        # nothing can be set: the bus itself lets no Set through
        assert "Unknown" in answers[0][0] or method == "Set", (interface, method)
    folder, number = path.rsplit("/", 1)
    assert path not in actor.call("GetManagedObjects", interface=OBJECTS)
    assert f'"{number}"' not in actor.call("Introspect", path=folder, interface=INTROSPECTABLE)
    return len(all_members)


LISTENER = """
import json, sys
import dbus, dbus.lowlevel, dbus.mainloop.glib
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus(private=True)
def on_message(connection, m):
    print(json.dumps([m.get_type(), m.get_path(), m.get_interface(), m.get_member(), m.get_destination(),
                      repr(m.get_args_list())]), flush=True)
    return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
bus.add_message_filter(on_message)
def said(call):
    try:
        call()
        return "ok"
    except dbus.DBusException as e:
        return e.get_dbus_name()
rules = [said(lambda: bus.add_match_string(rule)) for rule in
         ("sender='org.vitaled1'", "type='signal'", "eavesdrop='true'", "eavesdrop='true',type='method_call'",
          "eavesdrop='true',type='method_return'")]
proxy = bus.get_object("org.freedesktop.DBus", "/org/freedesktop/DBus", introspect=False)
monitor = said(lambda: proxy.BecomeMonitor(dbus.Array([], signature="s"), dbus.UInt32(0),
                                           dbus_interface="org.freedesktop.DBus.Monitoring"))
print(json.dumps({"rules": rules, "monitor": monitor, "name": bus.get_unique_name()}), flush=True)
GLib.MainLoop().run()
"""


class Listener:
    """A connection of @user that asks for every message that there is."""

    def __init__(self, bed, user):
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", "/usr/bin/python3", "-c",
             LISTENER], env=bed.env, stdout=subprocess.PIPE, text=True)
        self.lines, self.started = [], None
        threading.Thread(target=self.read, daemon=True).start()
        wait_for(lambda: self.started)

    def read(self):
        for line in self.process.stdout:
            m = json.loads(line)
            if isinstance(m, dict):
                self.started = m
            else:
                self.lines.append(m)

    def of(self, text):
        """Messages that name @text anywhere, but for those of the bus itself."""
        return [m for m in list(self.lines) if text in json.dumps(m)]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def desk(bed, people):
    """(application, agent, strangers): another user, and another connection of the application's."""
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    strangers = {"another user": people.actor(bed, "vdother"), "another connection": people.actor(bed, "vdapp"),
                 "the agent": agent}
    return app, agent, strangers


# -- sessions and dossiers ---------------------------------------------------------------------------

def test_every_member_of_a_session_is_unknown_to_whoever_did_not_open_it_in_every_state(desk):
    app, agent, strangers = desk
    agent.answers(pin=["never"])
    session = app.open(intent=["consult", "feed", "create"])
    app.until(session, "waiting-for-pin")
    for who in strangers.values():
        assert sees_nothing(who, session, "session", "Session", "Dossier") > 30
    assert app.state(session) == "waiting-for-pin"
    app.call("Release", path=session, interface="Session")
    agent.answers(pin=["1234"])
    session = app.open(intent=["consult", "feed", "create"])
    app.until(session, "unlocked")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    for who in strangers.values():
        sees_nothing(who, session, "session", "Session", "Dossier")
    assert app.state(session) == "unlocked"
    assert app.call("List", {"a{sv}": {}}, path=session, interface="Dossier") == []
    app.call("Lend", {"u": 60}, path=reader_at(app, CPS), interface="Reader")
    for who in strangers.values():
        sees_nothing(who, session, "session", "Session", "Dossier")
    assert app.state(session) == "suspended"
    app.call("Lock", path=session, interface="Session")
    app.until(session, "locked")
    for who in strangers.values():
        sees_nothing(who, session, "session", "Session", "Dossier")
    assert app.state(session) == "locked"


def test_an_emergency_is_nobody_elses_either(desk):
    app, agent, strangers = desk
    agent.answers(confirm=["never"])
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    app.call("Lock", path=session, interface="Session")
    session = app.open(mode="bris_de_glace", reason={"fd": "Patiente inconsciente"})
    app.until(session, "waiting-for-consent")
    for who in strangers.values():
        sees_nothing(who, session, "session", "Session", "Dossier")


def test_the_owner_sees_what_is_its_own_everywhere(desk):
    app, _, _ = desk
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    folder, number = session.rsplit("/", 1)
    assert session in app.call("GetManagedObjects", interface=OBJECTS)
    assert f'"{number}"' in app.call("Introspect", path=folder, interface=INTROSPECTABLE)
    assert "org.vitaled1.Dossier" in app.call("Introspect", path=session, interface=INTROSPECTABLE)
    assert app.call("GetAll", "org.vitaled1.Session", path=session, interface=PROPERTIES)["State"] == "unlocked"


# -- leases ----------------------------------------------------------------------------------------------

def test_a_lease_is_its_owners_alone(desk):
    app, _, strangers = desk
    lease = app.call("Lend", {"u": 60}, path=reader_at(app, VITALE), interface="Reader")
    for who in strangers.values():
        assert sees_nothing(who, lease, "lease", "Lease") > 3
    assert lease in app.call("GetManagedObjects", interface=OBJECTS)
    app.call("Return", path=lease, interface="Lease")


# -- cards -----------------------------------------------------------------------------------------------

PRIVATE = {"InUseBy", "PinVerifiedUntil"}


def private_of(actor, card):
    """Which of the private properties @actor gets by each way there is, all within a time without a change."""
    while True:
        everything = actor.call("GetAll", "org.vitaled1.Card", path=card, interface=PROPERTIES)
        found = found_private(actor, card, everything)
        if actor.call("GetAll", "org.vitaled1.Card", path=card, interface=PROPERTIES) == everything:
            break
    assert found[0] == found[1] == found[2]
    return found[0]


def found_private(actor, card, everything):
    managed = actor.call("GetManagedObjects", interface=OBJECTS)[card]["org.vitaled1.Card"]
    found = [PRIVATE & set(everything), PRIVATE & set(managed), set()]
    for name in PRIVATE:
        try:
            actor.get(card, "Card", name)
            found[2].add(name)
        except BusError as e:
            assert e.short == "AccessDenied"
    return found


def test_what_a_card_says_of_its_user_is_for_that_user(bed, desk):
    app, agent, strangers = desk
    card = card_at(app, CPS)
    everybody = [app, *strangers.values()]
    assert [private_of(who, card) for who in everybody] == [set()] * 4
    with Listener(bed, "vdother") as other, Listener(bed, "vdapp") as own:
        session = app.open(intent=["create"])
        app.until(session, "unlocked")
        assert private_of(app, card) == private_of(strangers["another connection"], card) == PRIVATE
        assert private_of(strangers["another user"], card) == set()
        app.event("properties", path=card, interface="org.vitaled1.Card")
        app.call("Release", path=session, interface="Session")
        app.call("Lock", path=card, interface="Card")
        wait_for(lambda: private_of(app, card) == set())
        wait_for(lambda: other.of(card))
        assert not other.of("InUseBy") and not other.of("PinVerifiedUntil")
        # a name that no peer has been met by is sent nothing of it either
        assert not own.of("PinVerifiedUntil")
    seen = [e["changed"] for e in app.seen("properties", path=card)]
    assert any("PinVerifiedUntil" in changed for changed in seen)
    assert not [e for e in strangers["another user"].seen("properties", path=card) if PRIVATE & set(e["changed"])]


# -- signals ---------------------------------------------------------------------------------------------

def test_signals_of_sessions_dossiers_and_leases_reach_their_owner_alone(bed, desk):
    app, agent, strangers = desk
    with Listener(bed, "vdother") as other, Listener(bed, "vdapp") as own, Listener(bed, "vdagent") as agents:
        for listener in (other, own, agents):
            assert listener.started["monitor"] == "org.freedesktop.DBus.Error.AccessDenied"
        session = app.open(intent=["consult", "feed", "create"])
        app.until(session, "unlocked")
        app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
        lease = app.call("Lend", {"u": 60}, path=reader_at(app, CPS), interface="Reader")
        app.event("properties", path=session, interface="org.vitaled1.Session")
        app.call("Return", path=lease, interface="Lease")
        app.until(session, "unlocked")
        app.call("Release", path=session, interface="Session")
        bed.sim("remove 1")  # a signal for everybody, after all of these
        for listener in (other, own, agents):
            wait_for(lambda listener=listener: listener.of("InterfacesRemoved"))
            assert not listener.of("/session/"), listener.of("/session/")[:2]
            assert not listener.of("/lease/"), listener.of("/lease/")[:2]
            assert not listener.of("org.vitaled1.Agent")
    for who in strangers.values():
        assert not who.seen("properties", path=session) and not who.seen("properties", path=lease)
    states = [e["changed"].get("State") for e in app.seen("properties", path=session)]
    assert "unlocked" in states and "suspended" in states  # the owner heard it all


def test_questions_to_an_agent_reach_nobody_else(bed, desk):
    app, agent, _ = desk
    with Listener(bed, "vdagent") as listener:
        session = app.open(intent=["create"])
        app.until(session, "unlocked")
        assert agent.seen("pin", session=session) and agent.seen("consent", session=session)
        app.call("Release", path=session, interface="Session")
        agent.event("inform", session=session, what="ended")
        bed.sim("remove 1")
        wait_for(lambda: listener.of("InterfacesRemoved"))
        assert not listener.of("RequestPin") and not listener.of("RequestConsent") and not listener.of("Inform")


def test_somebody_who_leaves_and_comes_back_has_lost_what_was_theirs(bed, desk):
    app, agent, _ = desk
    with Actor(bed, "vdapp") as first:
        session = first.open(intent=["create"])
        first.until(session, "unlocked")
    wait_for(lambda: "InUseBy" in app.call("GetAll", "org.vitaled1.Card", path=card_at(app, CPS),
                                           interface=PROPERTIES))
    sees_nothing(app, session, "session", "Session", "Dossier")
