# SPDX-License-Identifier: EUPL-1.2
"""D-Bus by hand: one socket, messages as bytes (D-Bus specification 0.41, "Message Protocol").

For what a library would not send: arguments of any signature, descriptors that nobody names, replies and
signals that nobody waits for, headers with holes. A value is written by its signature: numbers, text, lists,
tuples (structs and entries of a dictionary, which is a list of them), variants as (signature, value), h as the
index of a descriptor.
"""
import array
import os
import socket
import struct

BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY, INTERACTIVE = 1, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE, FDS = range(1, 10)
FIXED = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
ALIGN = {"y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "x": 8, "t": 8, "d": 8, "(": 8, "{": 8}
FIELD_TYPES = {PATH: "o", INTERFACE: "s", MEMBER: "s", ERROR_NAME: "s", REPLY_SERIAL: "u", DESTINATION: "s",
               SENDER: "s", SIGNATURE: "g", FDS: "u"}


def split(signature):
    """The single complete types of @signature."""
    found, at = [], 0
    while at < len(signature):
        end = at
        while signature[end] == "a":
            end += 1
        depth = 0
        while True:
            depth += (signature[end] in "({") - (signature[end] in ")}")
            end += 1
            if depth == 0:
                break
        found.append(signature[at:end])
        at = end
    return found


def pad(out, to):
    out += bytes(-len(out) % to)


def put(out, kind, value):
    """Append @value, of the single complete type @kind."""
    first = kind[0]
    pad(out, ALIGN.get(first, 4))
    if first in FIXED:
        out += struct.pack("<" + FIXED[first], value)
    elif first in "so":
        data = value if isinstance(value, bytes) else value.encode()
        out += struct.pack("<I", len(data)) + data + b"\0"
    elif first == "g":
        out += bytes([len(value)]) + value.encode() + b"\0"
    elif first == "v":
        put(out, "g", value[0])
        put(out, value[0], value[1])
    elif first == "a":
        start = len(out)
        out += bytes(4)
        pad(out, ALIGN.get(kind[1], 4))
        begin = len(out)
        if kind == "ay" and isinstance(value, bytes):
            out += value
        else:
            for each in value:
                put(out, kind[1:], each)
        out[start:start + 4] = struct.pack("<I", len(out) - begin)
    else:
        for part, each in zip(split(kind[1:-1]), value):
            put(out, part, each)


def body_of(signature, values):
    out = bytearray()
    for kind, value in zip(split(signature), values):
        put(out, kind, value)
    return bytes(out)


class Reading:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, kind):
        first = kind[0]
        self.at += -self.at % ALIGN.get(first, 4)
        if first in FIXED:
            value, = struct.unpack_from("<" + FIXED[first], self.data, self.at)
            self.at += struct.calcsize(FIXED[first])
            return value
        if first in "sog":
            size = self.get("y") if first == "g" else self.get("u")
            self.at += size + 1
            return self.data[self.at - size - 1:self.at - 1].decode()
        if first == "v":
            return self.get(self.get("g"))
        if first == "a":
            size = self.get("u")
            self.at += -self.at % ALIGN.get(kind[1], 4)
            end, found = self.at + size, []
            while self.at < end:
                found.append(self.get(kind[1:]))
            return found
        return tuple(self.get(part) for part in split(kind[1:-1]))


class Message:
    def __init__(self, kind, serial, fields, body):
        self.kind, self.serial, self.fields, self.body = kind, serial, fields, body
        self.reply_to = fields.get(REPLY_SERIAL)
        self.error = fields.get(ERROR_NAME) if kind == ERROR else None

    def args(self):
        r = Reading(self.body)
        return [r.get(kind) for kind in split(self.fields.get(SIGNATURE, ""))]

    def text(self):
        """What an error says."""
        return self.args()[0] if self.fields.get(SIGNATURE, "").startswith("s") else ""


class Gone(Exception):
    """The bus has closed the connection."""


class Connection:
    """One connection to the bus at socket @path, as the user that we are."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.serial, self.data, self.others = 0, b"", []
        self.kept = None  # a list: descriptors that come are put there and not closed
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() +
                            b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        while self.data.count(b"\r\n") < 2:
            self.more()
        lines = self.data.split(b"\r\n", 2)
        if not lines[0].startswith(b"OK") or lines[1] != b"AGREE_UNIX_FD":
            raise Gone(lines[:2])
        self.data = lines[2]
        self.name = self.ask(BUS_PATH, BUS, "Hello", to=BUS).args()[0]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    # -- out --

    def send(self, kind, fields, signature="", values=(), fds=(), flags=0, body=None, serial=None):
        """Send one message. Return: its serial. @fds: all in one go with the first bytes."""
        if serial is None:
            self.serial += 1
            serial = self.serial
        body = body_of(signature, values) if body is None else body
        fields = dict(fields)
        if signature:
            fields[SIGNATURE] = signature
        if fds:
            fields[FDS] = len(fds)
        out = bytearray(struct.pack("<cBBBII", b"l", kind, flags, 1, len(body), serial))
        put(out, "a(yv)", [(code, (FIELD_TYPES[code], value)) for code, value in fields.items()])
        pad(out, 8)
        self.write(bytes(out) + body, fds)
        return serial

    def write(self, data, fds=()):
        try:
            if fds:
                sent = socket.send_fds(self.socket, [data], list(fds))
                data = data[sent:]
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Gone() from e

    def call(self, path, interface, member, signature="", values=(), to="org.vitaled1", **more):
        fields = {PATH: path, MEMBER: member, DESTINATION: to}
        if interface:
            fields[INTERFACE] = interface
        return self.send(CALL, fields, signature, values, **more)

    # -- in --

    def more(self):
        try:
            data, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(64 * 4))
        except ConnectionResetError as e:
            raise Gone() from e
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array("i")
                fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
                for fd in fds:
                    os.close(fd) if self.kept is None else self.kept.append(fd)
        if not data:
            raise Gone()
        self.data += data

    def receive(self):
        """The next message; descriptors are closed, or kept."""
        while len(self.data) < 16:
            self.more()
        _, kind, _, _, size, serial, fields = struct.unpack_from("<cBBBIII", self.data)
        whole = 16 + fields + -fields % 8 + size
        while len(self.data) < whole:
            self.more()
        data, self.data = self.data[:whole], self.data[whole:]
        reading = Reading(data[:16 + fields])
        reading.at = 12
        return Message(kind, serial, dict(reading.get("a(yv)")), data[whole - size:])

    def reply(self, serial):
        """The answer to @serial; what else comes is kept in others."""
        def is_it(m):
            return m.reply_to == serial and m.kind in (RETURN, ERROR)
        while True:
            m = next(filter(is_it, self.others), None)
            if m:
                self.others.remove(m)
                return m
            self.others.append(self.receive())

    def ask(self, *args, **more):
        return self.reply(self.call(*args, **more))


def become(uid):
    """This process, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def strangers(count, first=66000):
    """uids of @count users more than the bed has: dbus-daemon lets in whom the system knows."""
    uids = range(first, first + count)
    with open("/etc/passwd", "r+", encoding="utf-8") as f:
        text = f.read()
        if "vitaled:x:64101:" not in text:
            raise RuntimeError("not in a bed")
        f.writelines(f"vd{uid}:x:{uid}:{uid}:vd{uid}:/nonexistent:/bin/sh\n" for uid in uids if f":x:{uid}:" not in text)
    return list(uids)
