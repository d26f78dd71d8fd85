# SPDX-License-Identifier: EUPL-1.2
"""One person or program on the bed's bus: an application, an agent, or both; driven by JSON lines.

Run as one of the bed's users (class Actor below does that). Each line of standard input is a
request {"id": n, "do": verb, ...}; each line of standard output an answer {"id": n, "ok": ...} or
{"id": n, "error": name, "text": ...}, or an event {"event": kind, ...}. Not our client: python3-dbus.
"""
import hashlib
import json
import os
import subprocess
import sys
import threading
import time

NAME, ROOT = "org.vitaled1", "/org/vitaled1"
PROPERTIES = "org.freedesktop.DBus.Properties"
CODES = {"pin": "1234", "new-pin": "5678", "puk": "12345678"}  # what the agent types unless told otherwise


# -- inside the process of the user ------------------------------------------------------------

def memfd(data, sealed=True):
    import fcntl
    fd = os.memfd_create("json", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    if sealed:
        fcntl.fcntl(fd, 1033, 1 | 2 | 4 | 8)  # F_ADD_SEALS: SEAL SHRINK GROW WRITE
    return fd


def read_all(fd):
    """Everything of a memfd or pipe that we own; closed."""
    try:
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        pass
    parts = []
    while True:
        part = os.read(fd, 65536)
        if not part:
            break
        parts.append(part)
    os.close(fd)
    return b"".join(parts)


def plain(value):
    """A D-Bus value as JSON can carry it; descriptors are read."""
    import dbus
    if isinstance(value, dbus.types.UnixFd):
        data = read_all(value.take())
        try:
            return json.loads(data)
        except ValueError:
            told = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            return told | ({"hex": data.hex()} if data.startswith(b"PK\3\4") else {"text": data.decode("utf-8", "replace")})
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, dbus.ByteArray):
        return bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bool) or isinstance(value, dbus.Boolean):
        return bool(value)
    if isinstance(value, int):
        return int(value)
    return str(value)


class Peer:
    """What runs as the user: one connection, one agent object when asked for."""

    def __init__(self):
        import dbus
        import dbus.mainloop.glib
        from gi.repository import GLib
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        self.dbus, self.glib = dbus, GLib
        self.bus = dbus.SystemBus(private=True)
        self.loop = GLib.MainLoop()
        self.agent, self.rest, self.held = None, b"", []
        self.bus.add_signal_receiver(self.on_properties, "PropertiesChanged", PROPERTIES, path_keyword="path")
        self.bus.add_signal_receiver(self.on_notified, "Notified", NAME + ".Dossier", path_keyword="path")

    def emit(self, **line):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def on_properties(self, interface, changed, gone, path=None):
        self.emit(event="properties", path=str(path), interface=str(interface), changed=plain(changed))

    def on_notified(self, what, when, path=None):
        self.emit(event="notified", path=str(path), what=str(what), when=int(when))

    def argument(self, a):
        """JSON -> D-Bus: {"fd": text} sealed memfd, {"unsealed": text}, {"pipe": text}, {"o": path}, {"u": n},
        {"file": [path, "read", "writable", "sealed" or "unsealed"]}."""
        dbus = self.dbus
        if isinstance(a, dict) and len(a) == 1:
            kind, value = next(iter(a.items()))
            if kind in ("fd", "unsealed"):
                text = value if isinstance(value, str) else json.dumps(value)
                fd = memfd(text.encode(), kind == "fd")
            elif kind == "file":  # [path, how]: as it is, or its bytes in a memfd
                path, how = value
                if how in ("sealed", "unsealed"):
                    with open(path, "rb") as f:
                        fd = memfd(f.read(), how == "sealed")
                else:
                    fd = os.open(path, os.O_RDWR if how == "writable" else os.O_RDONLY | os.O_CLOEXEC)
            elif kind == "pipe":
                fd, end = os.pipe()
                threading.Thread(target=self.feed, args=(end, value.encode()), daemon=True).start()
            elif kind == "o":
                return dbus.ObjectPath(value)
            elif kind in ("u", "b", "y"):
                return {"u": dbus.UInt32, "b": dbus.Boolean, "y": dbus.Byte}[kind](value)
            elif kind == "as":
                return dbus.Array(value, signature="s")
            elif kind == "a{sv}":
                return dbus.Dictionary({k: self.argument(v) for k, v in value.items()}, signature="sv")
            else:
                raise ValueError(kind)
            handle = dbus.types.UnixFd(fd)
            os.close(fd)
            return handle
        return a

    @staticmethod
    def feed(fd, data):
        try:
            while data:
                data = data[os.write(fd, data):]
        except OSError:
            pass
        os.close(fd)

    def hold(self, keep, value):
        """A reply's descriptor that is not read: "hold" keeps it until do_release(), "drop" closes it."""
        fd = value.take()
        if keep == "hold":
            self.held.append(fd)
        else:
            os.close(fd)
        return keep

    def do_sip(self, q):
        """So many bytes of what is held, which the writer is given time for."""
        parts, left = [], q["bytes"]
        while left > 0:
            part = os.read(self.held[0], min(left, 65536))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        self.emit(id=q["id"], ok=b"".join(parts).hex())

    def do_release(self, q):
        while self.held:
            os.close(self.held.pop())
        self.emit(id=q["id"], ok=True)

    def do_call(self, q):
        """Call a method without blocking, so that this peer's agent can answer meanwhile."""
        ident, keep = q["id"], q.get("keep")
        o = self.bus.get_object(NAME, q.get("path", ROOT), introspect=False)
        o.get_dbus_method(q["method"], q["interface"])(
            *[self.argument(a) for a in q.get("args", [])], timeout=q.get("timeout", 60),
            reply_handler=lambda *r: self.emit(id=ident, ok=self.hold(keep, r[0]) if keep else
                                               plain(r[0] if len(r) == 1 else list(r))),
            error_handler=lambda e: self.emit(id=ident, error=getattr(e, "get_dbus_name", lambda: "?")(),
                                              text=str(e)))

    def do_name(self, q):
        self.emit(id=q["id"], ok=self.bus.get_unique_name())

    def do_owner(self, q):
        self.emit(id=q["id"], ok=str(self.bus.get_name_owner(NAME)))

    def do_agent(self, q):
        if self.agent is None:
            self.agent = make_agent(self)
        self.agent.answers = {k: list(v) for k, v in q.get("answers", {}).items()}
        q.update(interface=NAME + ".Manager", method="RegisterAgent",
                 args=[{"o": "/agent"}, {"as": q["capabilities"]}])
        self.do_call(q)

    def do_answers(self, q):
        self.agent.answers.update({k: list(v) for k, v in q["answers"].items()})
        self.emit(id=q["id"], ok=True)

    def on_input(self, channel, condition):
        """Whatever came, line by line: a line that waited in a buffer of ours would wake nobody."""
        data = os.read(0, 65536)
        if not data:
            self.loop.quit()
            return False
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            q = json.loads(line)
            try:
                getattr(self, "do_" + q["do"])(q)
            except Exception as e:  # the driver sees what went wrong here
                self.emit(id=q.get("id"), error=type(e).__name__, text=str(e))
        return True

    def run(self):
        self.glib.io_add_watch(0, self.glib.IO_IN | self.glib.IO_HUP, self.on_input)
        self.loop.run()


def make_agent(peer):
    import dbus
    import dbus.service

    class Agent(dbus.service.Object):
        """Answers from lists; the last answer of a list stays. "never" does not answer, "exit" ends
        the process, "error" answers with an error, {"later": ms, "answer": a} with a after that time.
        A consent may be a dictionary: {"decision": "given", "form": "assisted", "helper": {"name":
        ..., "quality": ...}}; what stands beside the decision goes into the details. A code is
        answered by kind (code_patient_code="12345678"); a patient's code that nobody gave here is an error."""
        answers = {}

        def next(self, kind, default):
            left = self.answers.get(kind, [])
            value = left.pop(0) if len(left) > 1 else (left[0] if left else default)
            if value == "exit":
                os._exit(0)
            return value

        def settle(self, value, ok, fail, made):
            if value == "never":
                return
            if isinstance(value, dict) and "later" in value:
                peer.glib.timeout_add(value["later"], self.settle, value["answer"], ok, fail, made)
                return
            if value == "error":
                fail(dbus.DBusException("no", name="org.vitaled1.Error.Cancelled"))
                return
            ok(*made(value))

        @dbus.service.method(NAME + ".Agent", "oa{sv}", "h", async_callbacks=("ok", "fail"))
        def RequestPin(self, session, facts, ok, fail):
            peer.emit(event="pin", session=str(session), facts=plain(facts))
            self.settle(self.next("pin", "1234"), ok, fail, lambda pin: [peer.argument({"pipe": pin})])

        @dbus.service.method(NAME + ".Agent", "osa{sv}", "h", async_callbacks=("ok", "fail"))
        def RequestCode(self, card, kind, facts, ok, fail):
            peer.emit(event="code", card=str(card), kind=str(kind), facts=plain(facts))
            self.settle(self.next("code-" + str(kind), CODES.get(str(kind), "error")), ok, fail,
                        lambda code: [peer.argument({"pipe": code})])

        @dbus.service.method(NAME + ".Agent", "osh", "u", async_callbacks=("ok", "fail"))
        def RequestChoice(self, session, kind, choices, ok, fail):
            peer.emit(event="choice", session=str(session), kind=str(kind), choices=plain(choices))
            self.settle(self.next("choice-" + str(kind), 0), ok, fail, lambda n: [dbus.UInt32(n)])

        @dbus.service.method(NAME + ".Agent", "oh", "sa{sv}", async_callbacks=("ok", "fail"))
        def RequestConsent(self, session, request, ok, fail):
            peer.emit(event="consent", session=str(session), request=plain(request))
            self.settle(self.next("consent", "given"), ok, fail, self.consent)

        @staticmethod
        def consent(answer):
            """Decision and details; a helper who is told by name goes as a sealed memfd."""
            answer = {"decision": answer} if isinstance(answer, str) else dict(answer)
            decision = answer.pop("decision", "given")
            if isinstance(answer.get("helper"), dict) and "name" in answer["helper"]:
                answer["helper"] = {"fd": answer["helper"]}
            return [decision, peer.argument({"a{sv}": answer})]

        @dbus.service.method(NAME + ".Agent", "osh", "b", async_callbacks=("ok", "fail"))
        def Confirm(self, session, what, facts, ok, fail):
            peer.emit(event="confirm", session=str(session), what=str(what), facts=plain(facts))
            self.settle(self.next("confirm", True), ok, fail, lambda b: [bool(b)])

        @dbus.service.method(NAME + ".Agent", "osa{sv}", "")
        def Inform(self, session, what, facts):
            peer.emit(event="inform", session=str(session), what=str(what), facts=plain(facts))

        @dbus.service.method(NAME + ".Agent", "os", "")
        def Cancel(self, session, reason):
            peer.emit(event="cancel", session=str(session), reason=str(reason))

        @dbus.service.method(NAME + ".Agent", "", "")
        def Release(self):
            peer.emit(event="release")

    return Agent(peer.bus, "/agent")


# -- in the test --------------------------------------------------------------------------------

LATE = "polkit timeout"  # in the words of an error: bus/polkit.c


class BusError(Exception):
    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name = name
        self.short = name.rsplit(".", 1)[-1]


class Actor:
    """Drives a Peer that runs as @user in @bed."""
    program = [os.path.abspath(__file__)]

    def __init__(self, bed, user):
        self.bed = bed
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", "/usr/bin/python3",
             *self.program], env=bed.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events, self.replies, self.ids = [], {}, 0
        self.wake = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            m = json.loads(line)
            with self.wake:
                if "event" in m:
                    self.events.append({**m, "at": time.monotonic()})
                else:
                    self.replies[m["id"]] = m
                self.wake.notify_all()
        with self.wake:
            self.process.wait()
            self.wake.notify_all()

    def send(self, do, **more):
        self.ids += 1
        self.process.stdin.write(json.dumps({"id": self.ids, "do": do, **more}) + "\n")
        self.process.stdin.flush()
        return self.ids

    def wait(self, what, seconds=20):
        end = time.monotonic() + seconds
        with self.wake:
            while True:
                value = what()
                if value is not None:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError("actor: not seen; events: %r" % self.events[-5:])
                self.wake.wait(left)

    def answer(self, ident, seconds=60):
        m = self.wait(lambda: self.replies.get(ident), seconds)
        if "error" in m:
            raise BusError(m["error"], m["text"])
        return m["ok"]

    def call(self, method, *args, path=ROOT, interface="Manager", **more):
        if not interface.startswith("org."):
            interface = f"{NAME}.{interface}"
        return self.answer(self.send("call", method=method, args=args, path=path, interface=interface, **more))

    def event(self, event, after=0, seconds=20, **match):
        """The first @event from index @after on whose members equal @match."""
        return self.wait(lambda: next((e for e in self.events[after:] if e["event"] == event and
                                       all(e.get(k) == v for k, v in match.items())), None), seconds)

    def get(self, path, interface, name):
        return self.call("Get", f"{NAME}.{interface}", name, path=path, interface=PROPERTIES)

    def patiently(self, ask):
        """What @ask() says; asked a second time where polkit did not answer the service in time: polkitd 122 sometimes
        misses the end of a rule's thread, and then stands for 15 s."""
        try:
            return ask()
        except BusError as e:
            if LATE not in str(e):
                raise
            print(f"{e}; asked once more")
            return ask()

    def agent(self, *capabilities, **answers):
        made = {k.replace("_", "-"): v for k, v in answers.items()}
        return self.patiently(lambda: self.answer(self.send("agent", capabilities=list(capabilities), answers=made)))

    def answers(self, **answers):
        return self.answer(self.send("answers", answers={k.replace("_", "-"): v for k, v in answers.items()}))

    def sip(self, size):
        """The next @size bytes of the first that is held; fewer: it has ended."""
        return bytes.fromhex(self.answer(self.send("sip", bytes=size)))

    def release(self):
        """Close what a call with keep="hold" was answered with."""
        return self.answer(self.send("release"))

    def open(self, **options):
        """OpenSession; the session's path. Option values: str, list of str, {"fd": ...}, {"u": n}."""
        made = {k.replace("_", "-"): {"as": v} if isinstance(v, list) else v for k, v in options.items()}
        return self.patiently(lambda: self.call("OpenSession", {"a{sv}": made}))

    def start(self, method, *args, path=ROOT, interface="Manager", **more):
        """call() in two parts: this number, then answer() with it."""
        return self.send("call", method=method, args=args, path=path, interface=f"{NAME}.{interface}", **more)

    def seen(self, event, after=0, **match):
        """Those @events so far whose members equal @match."""
        with self.wake:
            return [e for e in self.events[after:] if e["event"] == event and
                    all(e.get(k) == v for k, v in match.items())]

    def state(self, session):
        return self.get(session, "Session", "State")

    def ended(self, session, seconds=30):
        """(state, reason) of a session that ends."""
        return self.until(session, "refused", "locked", "failed", seconds=seconds)

    def until(self, session, *states, seconds=30):
        """Wait until the session is in one of @states; (state, reason). Fails when it ended otherwise."""
        ended = ("refused", "locked", "failed")
        end = time.monotonic() + seconds
        while True:
            state = self.state(session)
            if state in states:
                return state, self.get(session, "Session", "Reason")
            if state in ended:
                raise AssertionError(f"{session} is {state}: {self.get(session, 'Session', 'Reason')}")
            if time.monotonic() > end:
                raise TimeoutError(f"{session} is still {state}")
            time.sleep(0.01)

    def end(self):
        """Leave the bus at once."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.end()
        self.process.stdin.close()


if __name__ == "__main__":
    Peer().run()
