#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""A stand-in for the service on a private bus, for the tests of vitalectl: the interfaces of
doc/dbus-api as far as a client sees them, one session at a time, no card and no record.

usage: fake_service.py [OPTION...]  with options pin=1234, people=2, stranger (asks the agent from
another connection first), spoil (contents are not what their facts say), refuse=NAME (an error of Create, a rule
of Archive and Delete), rows=N (more rows of List, which print how they are asked for), queue (a session
waits its turn first), keypad (PINs are typed on the reader), puk=12345678, tries=3, short (a lease ends
at once by itself), lend=NAME (Lend fails so), code=135790 (of the patient alone), cut (an export breaks off),
record=FILE (what it says of
its record: JSON with vkey, checkpoint, entry, proofs by checkpoint, and told, one of which each GetCheckpoint tells),
reader=NAME (of its reader)."""
import fcntl
import hashlib
import io
import json
import os
import sys
import zipfile

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, ROOT = "org.vitaled1", "/org/vitaled1"
OPTIONS = dict(o.split("=", 1) if "=" in o else (o, "1") for o in sys.argv[1:])
PEOPLE = [{"surname": "NESSI", "given": "JEAN", "birth-date": "1970-01-02"},
          {"surname": "NESSI", "given": "ZOÉ", "birth-date": "2010-03-04"}]
RECORD = {}
if "record" in OPTIONS:
    with open(OPTIONS["record"], encoding="utf-8") as record:
        RECORD = json.load(record)
WORDING = "Consentez-vous ?\nRien d'autre."


class Failure(dbus.DBusException):
    def __init__(self, name, text=""):
        self._dbus_error_name = "org.vitaled1.Error." + name
        super().__init__(text or name)


def memfd(value):
    fd = os.memfd_create("fake", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, value if isinstance(value, bytes) else json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    try:
        return dbus.types.UnixFd(fd)
    finally:
        os.close(fd)


def bytes_of_memfd(fd):
    number = fd.take()
    seals = fcntl.fcntl(number, fcntl.F_GET_SEALS)
    assert seals & 0xE == 0xE, seals
    text = os.pread(number, os.fstat(number).st_size, 0)
    os.close(number)
    return text


def from_memfd(fd):
    return json.loads(bytes_of_memfd(fd))


def pipe_of(content):
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        view = memoryview(content)
        while view:
            view = view[os.write(write, view):]
        os._exit(0)
    os.close(write)
    try:
        return dbus.types.UnixFd(read)
    finally:
        os.close(read)


def read_all(fd):
    number, parts = fd.take(), []
    while part := os.read(number, 65536):
        parts.append(part)
    os.close(number)
    return b"".join(parts)


class Session(dbus.service.Object):
    number = 0

    def __init__(self, bus, manager, owner, options):
        Session.number += 1
        self.path = f"{ROOT}/session/{Session.number}"
        super().__init__(bus, self.path)
        self.bus, self.manager, self.owner, self.options = bus, manager, owner, options
        self.props = {"State": "waiting-for-cards", "Reason": "", "Mode": options.get("mode", "normal"),
                      "Proof": "none", "PinTriesLeft": dbus.Byte(255),
                      "Progress": dbus.Struct([dbus.UInt32(0), dbus.UInt32(9)]),
                      "Queue": dbus.Struct([dbus.UInt32(0), dbus.UInt32(0)])}
        self.documents, self.tries = {}, 3
        self.circle = {"authorised": [], "blocked": [], "treating-doctor": None, "oppositions": [], "masked-allowed": False}
        if "queue" in OPTIONS:
            self.props.update(State="queued", Queue=dbus.Struct([dbus.UInt32(2), dbus.UInt32(0)]))
            GLib.timeout_add(400, self.next_in_queue)
        else:
            GLib.timeout_add(20, self.read_cards)

    def next_in_queue(self):
        self.set(Queue=dbus.Struct([dbus.UInt32(1), dbus.UInt32(1)]))
        GLib.timeout_add(400, self.leave_queue)

    def leave_queue(self):
        self.set(Queue=dbus.Struct([dbus.UInt32(0), dbus.UInt32(0)]))
        self.read_cards()

    def agent(self):
        if not self.manager.agents:
            return None
        name, path = self.manager.agents[-1]
        return dbus.Interface(self.bus.get_object(name, path, introspect=False), NAME + ".Agent")

    def set(self, **values):
        self.props.update(values)
        self.PropertiesChanged(NAME + ".Session", values, [])

    def end(self, state, reason):
        self.set(State=state, Reason=reason)
        if self.agent():
            self.agent().Inform(self.path, "ended", {"state": state, "reason": reason},
                                signature="osa{sv}", ignore_reply=True)

    def read_cards(self):
        self.set(State="reading")
        self.ask_pin()

    def failed(self, error):
        name = error.get_dbus_name()
        self.end("failed", "cancelled" if name.endswith("Cancelled") else "failed")

    def ask_code(self, again=False):
        self.set(State="waiting-for-pin")
        self.agent().RequestCode(
            self.path, "patient-code", dbus.Dictionary(
                {"again": again, "tries-left": dbus.Byte(4 if again else 5), "personal": True, "activation": False},
                signature="sv"), signature="osa{sv}", reply_handler=self.on_code, error_handler=self.failed)

    def on_code(self, fd):
        if read_all(fd) != OPTIONS.get("code", "135790").encode():
            return self.ask_code(True)
        self.person = PEOPLE[0]
        self.set(State="unlocked", Proof="active")
        self.agent().Inform(self.path, "emergency-access", dbus.Dictionary(
            {"count": dbus.UInt32(2), "last": dbus.UInt64(1700000000000000), "mode": "bris_de_glace"},
            signature="sv"), signature="osa{sv}", ignore_reply=True)

    def ask_pin(self):
        if self.props["Mode"] == "patient":
            return self.ask_code()
        if self.props["Mode"] == "identity":
            return self.choose()
        if not self.agent():
            return self.end("failed", "no-agent")
        self.set(State="waiting-for-pin", PinTriesLeft=dbus.Byte(self.tries))
        if "keypad" in OPTIONS:
            use_pinpad(self.agent(), self.path, ["pin"])
            GLib.timeout_add(50, self.typed)
            return
        self.agent().RequestPin(
            self.path, dbus.Dictionary({"tries-left": dbus.Byte(self.tries), "again": self.tries < 3},
                                       signature="sv"),
            signature="oa{sv}", reply_handler=self.on_pin, error_handler=self.failed)

    def typed(self):
        self.agent().Cancel(self.path, "answered", signature="os", ignore_reply=True)
        self.set(State="authenticating")
        self.choose()

    def on_pin(self, fd):
        if read_all(fd) != OPTIONS.get("pin", "1234").encode():
            self.tries -= 1
            if self.tries == 0:
                return self.end("failed", "pin-blocked")
            if self.tries == 1:
                return self.agent().Confirm(
                    self.path, "last-try", memfd({"tries-left": 1}), signature="osh",
                    reply_handler=lambda yes: self.ask_pin() if yes else self.end("refused", "pin-refused"),
                    error_handler=self.failed)
            return self.ask_pin()
        self.set(State="authenticating")
        self.choose()

    def choose(self):
        self.people = PEOPLE[:int(OPTIONS.get("people", "2"))]
        self.set(State="waiting-for-choice")
        if self.agent():
            self.agent().RequestChoice(self.path, "beneficiary", memfd(self.people), signature="osh",
                                       reply_handler=self.chosen, error_handler=lambda e: None)

    def chosen(self, index):
        if self.props["State"] != "waiting-for-choice":
            return
        self.person = self.people[index]
        if self.props["Mode"] == "identity":
            return self.set(State="unlocked", Proof="active")
        self.set(State="waiting-for-consent")
        if self.props["Mode"] == "bris_de_glace":
            return self.agent().Confirm(
                self.path, "bris-de-glace", memfd({"acts": ["emergency", "consult"], "patient": self.person,
                                                   "professional": {"surname": "DOC0001"},
                                                   "structure": "Cabinet", "application": "test",
                                                   "reason": self.options["reason"]}),
                signature="osh", reply_handler=self.confirmed, error_handler=self.failed)
        self.agent().RequestConsent(
            self.path, memfd({"acts": self.options.get("intent", ["consult"]), "patient": self.person,
                              "professional": {"surname": "DOC0001"}, "structure": "Cabinet",
                              "application": "test", "text": {
                                  "id": "consent-1", "language": "fr", "wording": WORDING,
                                  "sha256": hashlib.sha256(WORDING.encode()).hexdigest()}}),
            signature="oh", reply_handler=self.consented, error_handler=self.failed)

    def confirmed(self, yes):
        if not yes:
            return self.end("failed", "cancelled")
        self.consented("given", {})

    def consented(self, decision, details):
        given = {str(k): from_memfd(v) if k == "helper" else str(v) for k, v in details.items()}
        if given:
            print(decision, json.dumps(given, sort_keys=True), flush=True)
        if decision != "given":
            return self.end("refused", "consent-refused")
        self.set(State="unlocked", Proof="mutual")
        self.agent().Inform(self.path, "unlocked", {"state": "unlocked", "reason": ""},
                            signature="osa{sv}", ignore_reply=True)

    def check(self, sender, *states):
        if sender != self.owner:
            raise Failure("AccessDenied")
        if self.props["State"] not in states:
            raise Failure("WrongState", self.props["State"])

    @dbus.service.signal(dbus.PROPERTIES_IFACE, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    @dbus.service.method(dbus.PROPERTIES_IFACE, "s", "a{sv}")
    def GetAll(self, interface):
        return self.props

    @dbus.service.method(NAME + ".Session", "", "h", sender_keyword="sender")
    def GetBeneficiaries(self, sender):
        self.check(sender, "waiting-for-choice")
        return memfd(self.people)

    @dbus.service.method(NAME + ".Session", "u", "", sender_keyword="sender")
    def Choose(self, index, sender):
        self.check(sender, "waiting-for-choice")
        if index >= len(self.people):
            raise Failure("InvalidArgument", "beneficiary")
        if self.agent():
            self.agent().Cancel(self.path, "answered", signature="os", ignore_reply=True)
        GLib.idle_add(lambda: self.chosen(index) and None)

    @dbus.service.method(NAME + ".Session", "", "h", sender_keyword="sender")
    def GetPatient(self, sender):
        self.check(sender, "unlocked")
        return memfd(dict(self.person, nir="1700199999999"))

    @dbus.service.method(NAME + ".Session", "", "a{sv}")
    def GetProfessional(self):
        return {"national-id": "899700000017", "given": "JEANNE", "surname": "DOC0001", "profession": dbus.Byte(10),
                "revocation": "good"}

    @dbus.service.method(NAME + ".Session", "s", "h")
    def GetReceipt(self, kind):
        if kind == "text":
            return memfd("Reçu\n\x1b[2J\n".encode())
        if kind != "json":
            raise Failure("InvalidArgument", "format")
        return memfd({"format": 1})

    @dbus.service.method(NAME + ".Session", "", "", sender_keyword="sender")
    def Refresh(self, sender):
        self.check(sender, "unlocked")
        print("refreshed", flush=True)

    @dbus.service.method(NAME + ".Session", "", "")
    def Lock(self):
        if self.props["State"] not in ("refused", "locked", "failed"):
            GLib.idle_add(lambda: self.end("locked", "released"))

    @dbus.service.method(NAME + ".Session", "", "")
    def Release(self):
        if self.props["State"] not in ("refused", "locked", "failed"):
            self.end("locked", "released")

    @dbus.service.method(NAME + ".Dossier", "a{sv}", "", sender_keyword="sender")
    def Create(self, options, sender):
        self.check(sender, "unlocked")
        if "refuse" in OPTIONS:
            raise Failure(OPTIONS["refuse"], "not-permitted: some-rule")

    @dbus.service.method(NAME + ".Dossier", "", "", sender_keyword="sender")
    def IssueActivationCode(self, sender):
        self.check(sender, "unlocked")
        self.agent().Inform(self.path, "activation-code", dbus.Dictionary(
            {"code": memfd(b"12345678"), "until": dbus.UInt64(1700000000000000)}, signature="sv"),
            signature="osa{sv}", ignore_reply=True)

    @dbus.service.method(NAME + ".Dossier", "", "", sender_keyword="sender", async_callbacks=("done", "fail"))
    def SetPersonalCode(self, sender, done, fail):
        def on_new(fd):
            print("new", read_all(fd).decode(), flush=True)
            done()
        self.check(sender, "unlocked")
        self.agent().RequestCode(self.path, "new-code", dbus.Dictionary({}, signature="sv"), signature="osa{sv}",
                                 reply_handler=on_new, error_handler=lambda e: fail(Failure("Cancelled")))

    @dbus.service.method(NAME + ".Dossier", "h", "", sender_keyword="sender")
    def Close(self, reason, sender):
        self.check(sender, "unlocked")
        print("closed", bytes_of_memfd(reason).decode(), flush=True)

    @dbus.service.method(NAME + ".Dossier", "", "", sender_keyword="sender")
    def Reopen(self, sender):
        self.check(sender, "unlocked")
        print("reopened", flush=True)

    @dbus.service.method(NAME + ".Dossier", "a{sv}", "h", sender_keyword="sender")
    def Export(self, options, sender):
        self.check(sender, "unlocked")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as z:
            z.writestr("index.json", "{}")
        return pipe_of(archive.getvalue()[:-1] if "cut" in OPTIONS else archive.getvalue())

    @dbus.service.method(NAME + ".Dossier", "", "h", sender_keyword="sender")
    def Summary(self, sender):
        self.check(sender, "unlocked")
        return memfd({"format": 1, "order": ["blood-group", "allergies"], "allergies": [{"substance": "A\x1b[31m"}],
                      "blood-group": [{"kind": "blood-group", "group": "AB", "rhesus": "-"}]})

    @dbus.service.method(NAME + ".Dossier", "a{sv}", "h", sender_keyword="sender")
    def List(self, filters, sender):
        self.check(sender, "unlocked")
        plain = {str(k): v for k, v in filters.items()}
        limit, after, text = int(plain.pop("limit")), plain.pop("after", ""), plain.pop("text", "")
        wanted, many = plain.pop("status", "active"), int(OPTIONS.get("rows", "0"))
        rows = [dict(meta, id=i) for i, (meta, _) in self.documents.items()]
        rows += [{"id": f"r{n:05}", "title": f"Row {n}", "status": "active", "flags": []} for n in range(many)]
        rows = [r for r in rows if wanted in ("all", r["status"]) and text.lower() in r.get("title", "").lower() and
                all(r.get(k) == v for k, v in plain.items())]
        first = next((n + 1 for n, r in enumerate(rows) if r["id"] == after), 0)
        if many:
            print("list", first, limit, flush=True)
        if not 1 <= limit <= 500:
            raise Failure("InvalidArgument", "invalid-argument: limit")
        return memfd(rows[first:first + limit])

    @dbus.service.method(NAME + ".Dossier", "hh", "s", sender_keyword="sender")
    def Add(self, content, metadata, sender):
        self.check(sender, "unlocked")
        meta, data = from_memfd(metadata), read_all(content)
        if meta["size"] != len(data) or meta["sha256"] != hashlib.sha256(data).hexdigest():
            raise Failure("InvalidArgument", "content")
        number = f"d{len(self.documents) + 1}"
        self.documents[number] = (dict({"flags": []}, **meta, status="active"), data)
        return number

    @dbus.service.method(NAME + ".Dossier", "shh", "s", sender_keyword="sender")
    def Replace(self, number, content, metadata, sender):
        new = self.Add(content, metadata, sender)
        old, meta = self.documents[number][0], self.documents[new][0]
        meta["flags"] = meta["flags"] or list(old["flags"])
        old.update({"status": "replaced", "replaced-by": new})
        return new

    def set_status(self, number, status, sender):
        self.check(sender, "unlocked")
        if "refuse" in OPTIONS:
            raise Failure("NotPermitted", "not-permitted: " + OPTIONS["refuse"])
        self.documents[number][0]["status"] = status

    @dbus.service.method(NAME + ".Dossier", "sb", "", sender_keyword="sender")
    def Archive(self, number, on, sender):
        self.set_status(number, "archived" if on else "active", sender)

    @dbus.service.method(NAME + ".Dossier", "s", "", sender_keyword="sender")
    def Delete(self, number, sender):
        self.set_status(number, "deleted", sender)
        meta = self.documents[number][0]
        del meta["title"]
        meta["deleted"] = {"by": {"kind": "professional", "id": "899700000017", "name": "J\x1b[2J"}, "time": 1700000000000000}

    def named(self, who, allowed):
        given = from_memfd(who)
        if set(given) - allowed or not given.get("id"):
            raise Failure("InvalidArgument", "invalid-argument: who")
        return dict(given, since=1700000000000000, by={"kind": "professional", "id": "899700000017", "name": "J"})

    @dbus.service.method(NAME + ".Dossier", "h", "", sender_keyword="sender")
    def Authorise(self, who, sender):
        self.check(sender, "unlocked")
        person = self.named(who, {"id", "name", "until"})
        if person["id"] != "899700000017":
            raise Failure("NotPermitted", "not-permitted: not-self")
        self.circle["authorised"].append(dict({"until": 1731536000000000}, **person))

    @dbus.service.method(NAME + ".Dossier", "h", "", sender_keyword="sender")
    def Revoke(self, who, sender):
        self.check(sender, "unlocked")
        person = self.named(who, {"id", "name"})
        for row in self.circle["authorised"]:
            row["ended"] = row.get("ended", False) or row["id"] == person["id"]

    @dbus.service.method(NAME + ".Dossier", "hb", "", sender_keyword="sender")
    def Block(self, who, on, sender):
        self.check(sender, "unlocked")
        person = self.named(who, {"id", "name"})
        rest = [row for row in self.circle["blocked"] if row["id"] != person["id"]]
        self.circle["blocked"] = rest + ([person] if on else [])

    @dbus.service.method(NAME + ".Dossier", "b", "", sender_keyword="sender")
    def SetTreatingDoctor(self, on, sender):
        self.check(sender, "unlocked")
        self.circle["treating-doctor"] = {"id": "899700000017", "name": "J", "since": 1700000000000000} if on else None

    @dbus.service.method(NAME + ".Dossier", "sb", "", sender_keyword="sender")
    def SetOpposition(self, mode, on, sender):
        self.check(sender, "unlocked")
        if mode not in ("bris_de_glace", "centre_15"):
            raise Failure("InvalidArgument", "invalid-argument: mode")
        if not on:
            raise Failure("NotPermitted", "not-permitted: code")
        self.circle["oppositions"].append({"mode": str(mode), "since": 1700000000000000})

    @dbus.service.method(NAME + ".Dossier", "b", "", sender_keyword="sender")
    def SetMaskedAllowed(self, on, sender):
        self.check(sender, "unlocked")
        self.circle["masked-allowed"] = bool(on)

    @dbus.service.method(NAME + ".Dossier", "", "h", sender_keyword="sender")
    def ListProfessionals(self, sender):
        self.check(sender, "unlocked")
        return memfd(self.circle)

    @dbus.service.method(NAME + ".Dossier", "s", "hh", sender_keyword="sender")
    def Read(self, number, sender):
        self.check(sender, "unlocked")
        if number not in self.documents:
            raise Failure("NoSuchDocument")
        meta, data = self.documents[number]
        spoilt = {"short": data[:-1], "long": data + b"x", "flip": b"!" + data[1:]}
        return pipe_of(spoilt.get(OPTIONS.get("spoil"), data)), memfd(dict(meta, id=number))

    @dbus.service.method(NAME + ".Dossier", "ssb", "", sender_keyword="sender")
    def SetVisibility(self, number, flag, on, sender):
        self.check(sender, "unlocked")
        flags = self.documents[number][0]["flags"]
        flags.append(str(flag)) if on else flags.remove(str(flag))

    @dbus.service.method(NAME + ".Dossier", "a{sv}", "h", sender_keyword="sender")
    def History(self, filters, sender):
        self.check(sender, "unlocked")
        rows = [{"time": 1, "event": "unlocked", "mode": "bris_de_glace"}, {"time": 1, "event": "document-read"}]
        return memfd(rows[:int(filters.get("limit", 2))])


def use_pinpad(agent, path, codes):
    agent.Inform(path, "use-pinpad", dbus.Dictionary(
        {"codes": dbus.Array(codes, signature="s"), "tries-left": dbus.Byte(3), "again": False},
        signature="sv"), signature="osa{sv}", ignore_reply=True)


class Lease(dbus.service.Object):
    """Ends by Return, by its owner's leaving, or (option short) by itself."""
    number = 0

    def __init__(self, bus, manager, owner, reader):
        Lease.number += 1
        self.path, self.manager, self.owner = f"{ROOT}/lease/{Lease.number}", manager, owner
        super().__init__(bus, self.path)
        self.props = {"Reader": dbus.ObjectPath(reader), "Until": dbus.UInt64(1700000000000000)}
        manager.leases.append(self)
        if "short" in OPTIONS:
            GLib.timeout_add(200, self.end)

    def end(self):
        if self in self.manager.leases:
            self.manager.leases.remove(self)
            print("lease ends", flush=True)
            self.manager.InterfacesRemoved(dbus.ObjectPath(self.path), [NAME + ".Lease"])
            self.remove_from_connection()

    @dbus.service.method(dbus.PROPERTIES_IFACE, "s", "a{sv}")
    def GetAll(self, interface):
        return self.props

    @dbus.service.method(NAME + ".Lease", "", "", sender_keyword="sender")
    def Return(self, sender):
        assert sender == self.owner
        print("returned", flush=True)
        GLib.idle_add(self.end)


class Reader(dbus.service.Object):
    def __init__(self, bus, manager):
        super().__init__(bus, ROOT + "/reader/1")
        self.bus, self.manager = bus, manager

    @dbus.service.method(NAME + ".Reader", "u", "o", sender_keyword="sender")
    def Lend(self, seconds, sender):
        if not 1 <= seconds <= 120:
            raise Failure("InvalidArgument", "invalid-argument: seconds")
        if "lend" in OPTIONS:
            raise Failure(OPTIONS["lend"])
        print("lent", int(seconds), flush=True)
        return dbus.ObjectPath(Lease(self.bus, self.manager, sender, ROOT + "/reader/1").path)


class Card(dbus.service.Object):
    """A CPS whose PIN and PUK are known; one job at a time."""

    def __init__(self, bus, manager, number):
        self.path, self.bus, self.manager = f"{ROOT}/card/{number}", bus, manager
        super().__init__(bus, self.path)
        self.tries, self.old = int(OPTIONS.get("tries", "3")), None

    def agent(self):
        name, path = self.manager.agents[-1]
        return dbus.Interface(self.bus.get_object(name, path, introspect=False), NAME + ".Agent")

    def start(self, first, right, done, fail):
        self.first, self.right, self.done, self.fail = first, right, done, fail
        if not self.manager.agents:
            return self.fail(Failure("NoAgent", "no-agent"))
        if "keypad" in OPTIONS:
            use_pinpad(self.agent(), self.path, [first, "new-pin"])
            GLib.timeout_add(50, self.keyed)
            return
        if self.tries == 1:
            return self.agent().Confirm(
                self.path, "last-try", memfd({"tries-left": 1, "code": first}), signature="osh",
                reply_handler=lambda yes: self.ask() if yes else self.fail(Failure("PinRefused")),
                error_handler=self.failed)
        self.ask()

    def ask(self):
        self.agent().RequestCode(
            self.path, self.first, dbus.Dictionary({"tries-left": dbus.Byte(self.tries), "job": "change"},
                                                   signature="sv"),
            signature="osa{sv}", reply_handler=self.on_old, error_handler=self.failed)

    def keyed(self):
        self.agent().Cancel(self.path, "answered", signature="os", ignore_reply=True)
        self.done()

    def failed(self, error):
        name = error.get_dbus_name()
        self.fail(Failure("Cancelled" if name.endswith("Cancelled") else "Failed", name))

    def on_old(self, fd):
        self.old = read_all(fd)
        self.agent().RequestCode(
            self.path, "new-pin", dbus.Dictionary({"job": "change"}, signature="sv"),
            signature="osa{sv}", reply_handler=self.on_new, error_handler=self.failed)

    def on_new(self, fd):
        new = read_all(fd)
        if self.old != self.right.encode():
            self.tries -= 1
            return self.fail(Failure("PinWrong", f"pin-wrong: tries-left {self.tries}"))
        if "torn" in OPTIONS:
            return self.fail(Failure(OPTIONS["torn"]))
        print("new", new.decode(), flush=True)
        self.done()

    @dbus.service.method(NAME + ".Card", "", "", async_callbacks=("done", "fail"))
    def ChangePin(self, done, fail):
        self.start("pin", OPTIONS.get("pin", "1234"), done, fail)

    @dbus.service.method(NAME + ".Card", "", "", async_callbacks=("done", "fail"))
    def UnblockPin(self, done, fail):
        self.start("puk", OPTIONS.get("puk", "12345678"), done, fail)


class Manager(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, ROOT)
        self.bus, self.agents, self.sessions, self.leases = bus, [], [], []
        self.reader, self.card = Reader(bus, self), Card(bus, self, 2)
        bus.add_signal_receiver(self.on_owner, "NameOwnerChanged", "org.freedesktop.DBus")

    def on_owner(self, name, _old, new):
        if not new:
            for lease in [x for x in self.leases if x.owner == name]:
                lease.end()
            self.agents = [a for a in self.agents if a[0] != name]

    @dbus.service.method(NAME + ".Manager", "a{sv}", "o", sender_keyword="sender")
    def OpenSession(self, options, sender):
        plain = {str(k): v for k, v in options.items()}
        known = {"mode", "intent", "patient", "structure", "pair", "application", "lifetime", "wait",
                 "reason", "without-card"}
        if set(plain) - known:
            raise Failure("InvalidArgument", "option")
        if "patient" in plain and from_memfd(plain["patient"])["nir"] != "1700199999999":
            raise Failure("InvalidArgument", "patient")
        emergency = plain.get("mode", "normal") in ("bris_de_glace", "centre_15")
        if emergency != ("reason" in plain):
            raise Failure("InvalidArgument", "reason")
        if emergency:
            plain["reason"] = bytes_of_memfd(plain["reason"]).decode()
            if len(plain["reason"]) < 10:
                raise Failure("InvalidArgument", "reason")
        if "without-card" in plain and (not plain["without-card"] or "patient" not in plain):
            raise Failure("InvalidArgument", "without-card")
        plain["intent"] = [str(i) for i in plain.get("intent", ["consult"])]
        self.sessions.append(Session(self.bus, self, sender, plain))
        return dbus.ObjectPath(self.sessions[-1].path)

    @dbus.service.method(NAME + ".Manager", "oas", "", sender_keyword="sender",
                         async_callbacks=("done", "fail"))
    def RegisterAgent(self, path, capabilities, sender, done, fail):
        if set(capabilities) - {"pin", "professional", "patient-display"}:
            return fail(Failure("InvalidArgument", "capabilities"))
        self.agents.append((sender, path))
        done()
        if "stranger" in OPTIONS:
            other = dbus.SystemBus(private=True)
            agent = dbus.Interface(other.get_object(sender, path, introspect=False), NAME + ".Agent")
            try:
                agent.RequestPin("/org/vitaled1/session/9", dbus.Dictionary({}, signature="sv"),
                                 signature="oa{sv}")
                print("stranger: served", flush=True)
            except dbus.DBusException as e:
                print("stranger:", e.get_dbus_name(), flush=True)

    @dbus.service.method(NAME + ".Manager", "", "aa{sv}")
    def Diagnose(self):
        names = OPTIONS.get("findings", "no-reader,filter-logs").split(",")
        return dbus.Array([{"name": name, "until": dbus.UInt64(1), "free": dbus.UInt64(2000000)}
                           for name in names if name], signature="a{sv}")

    @dbus.service.method(NAME + ".Manager", "", "s")
    def GetCheckpoint(self):
        if RECORD.get("told"):
            RECORD["checkpoint"] = RECORD["told"].pop(0)
            self.PropertiesChanged(NAME + ".Manager", {"Checkpoint": RECORD["checkpoint"]}, [])
            return RECORD["checkpoint"]
        return "origin\n0\nroot\n\n— sig\n"

    @dbus.service.method(NAME + ".Manager", "h", "u")
    def ImportReimbursements(self, feed):
        number = feed.take()
        text = os.pread(number, 100, 0)
        read_only = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        os.close(number)
        if not read_only or text != b"a feed":
            raise Failure("FeedInvalid", "feed-invalid: line 3: amount")
        return dbus.UInt32(12)

    @dbus.service.method(NAME + ".Manager", "a{sv}", "h")
    def ExportAudit(self, options):
        return memfd({"format": 1, "entries": []})

    @dbus.service.method(NAME + ".Manager", "s", "h")
    def GetAuditConsistency(self, note):
        print("proof", flush=True)
        if note not in RECORD["proofs"]:
            raise Failure("InvalidArgument", "invalid-argument: checkpoint")
        return memfd(RECORD["proofs"][note])

    @dbus.service.method(NAME + ".Manager", "s", "h")
    def GetAuditProof(self, _number):
        return memfd(RECORD["entry"])

    @dbus.service.signal(dbus.PROPERTIES_IFACE, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    @dbus.service.method(dbus.PROPERTIES_IFACE, "s", "a{sv}")
    def GetAll(self, interface):
        return {"Version": "0", "ReaderService": "running", "Agents": dbus.Array([], signature="(ss)"),
                "RecordKey": RECORD.get("vkey", ""), "Checkpoint": RECORD.get("checkpoint", "")}

    @dbus.service.method("org.freedesktop.DBus.ObjectManager", "", "a{oa{sa{sv}}}")
    def GetManagedObjects(self):
        reader = {"Name": OPTIONS.get("reader", "Reader \x1b[2J"), "Driver": "simulated", "Role": "any", "Pinpad": True,
                  "Lent": bool(self.leases)}
        card = {"Kind": "vitale", "Generation": "2", "Nature": "simulated",
                "Reader": dbus.ObjectPath(ROOT + "/reader/1"),
                "Atr": dbus.Array([dbus.Byte(0x3B)], signature="y"), "Advice": ""}
        return {dbus.ObjectPath(ROOT + "/reader/1"): {NAME + ".Reader": reader},
                dbus.ObjectPath(ROOT + "/card/1"): {NAME + ".Card": card},
                dbus.ObjectPath(ROOT + "/card/2"): {NAME + ".Card": dict(
                    card, Kind="cps", Generation="cps3", PinVerifiedUntil=dbus.UInt64(1700000000000000),
                    Advice=OPTIONS.get("advice", ""))},
                **{dbus.ObjectPath(x.path): {NAME + ".Lease": x.props} for x in self.leases}}

    @dbus.service.signal("org.freedesktop.DBus.ObjectManager", "oa{sa{sv}}")
    def InterfacesAdded(self, path, interfaces):
        pass

    @dbus.service.signal("org.freedesktop.DBus.ObjectManager", "oas")
    def InterfacesRemoved(self, path, interfaces):
        pass


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
system = dbus.SystemBus()
name = dbus.service.BusName(NAME, system, do_not_queue=True)
manager = Manager(system)
print("ready", flush=True)
GLib.MainLoop().run()
