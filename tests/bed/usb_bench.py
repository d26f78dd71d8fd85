# SPDX-License-Identifier: EUPL-1.2
"""The emulated USB readers of tests/usb in a bed, and a client of vitaled-usb's socket (base/link-usb.h)."""
import os
import socket
import struct

# as vitale-sim's --readers; the others have two slots at one interface
SHAPES = {"kap-link": "1+1", "leo": "1", "display": "1", "single": "1"}
NAMES = {"kap-link": "Kapelse KAP-LINK", "leo": "Ingenico Leo", "display": "Ingenico Leo",
         "single": "XIRING XI-SIGN USB V2"}
PRELOAD = "libumockdev-preload.so.0"


def sim_readers(models):
    """Readers of vitale-sim for the bench's @models ("tpdu,kap-link")."""
    return ",".join(SHAPES.get(m, "2") for m in models.split(","))


def places(models):
    """(device, interface) of each reader of the simulator, in its order."""
    return [(d, i) for d, m in enumerate(models.split(",")) for i in range(2 if m == "kap-link" else 1)]


def names(models, serials=""):
    """(reader, slot, name) of all slots, reader and slot as the simulator counts them."""
    parts = models.split(",")
    return [(reader, slot, name(models, reader, slot, serials))
            for reader, (device, _) in enumerate(places(models))
            for slot in range(1 if parts[device] in SHAPES else 2)]


def name(models, reader, slot=0, serials=""):
    """What vitaled-usb calls a slot (drivers/usb/names.h)."""
    device, interface = places(models)[reader]
    model = NAMES.get(models.split(",")[device], "Doctolib SR")
    serial = dict(enumerate(serials.split(","))).get(device, "")
    return f"{model} {'(' + serial + ') ' if serial else ''}[usb 1-{device + 1}] {interface:02X} {slot:02X}"


class Orders:
    """The control socket of usb-bench."""

    def __init__(self, path):
        self.path = path

    def __call__(self, order):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(10)
            s.connect(self.path)
            s.sendall(order.encode() + b"\n")
            answer = s.recv(8192).decode().strip()
        if not answer.startswith("ok"):
            raise RuntimeError(f"{order}: {answer}")
        return answer[2:].strip()

    def answers(self):
        """Whether anybody is there yet."""
        try:
            return bool(self("devices"))
        except OSError:
            return False

    def counts(self):
        """{reader: {"out": (urbs, bytes), "in": ..., "interrupt": ..., "control": urbs}}"""
        words, found = self("count").split(), {}
        for i in range(0, len(words), 12):
            w = words[i:i + 12]
            found[int(w[0])] = {"out": (int(w[2]), int(w[3])), "in": (int(w[5]), int(w[6])),
                                "interrupt": (int(w[8]), int(w[9])), "control": int(w[11])}
        return found


def start(bed, models, serials="", unplug_ms=20):
    """usb-bench for @models in @bed; what a program needs in its environment to see them."""
    argv = [os.path.join(bed.build, "tests/usb/usb-bench"), "--readers", models, "--sim", bed.path("sim/reader"),
            "--control", bed.path("sim/usb"), "--unplug-delay", str(unplug_ms)]
    if serials:
        argv += ["--serials", serials]
    bed.spawn("usb-bench", argv, env=bed.env | {"LD_PRELOAD": PRELOAD})
    return Orders(bed.path("sim/usb"))


def environment(orders):
    return {"LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": orders("root")}


# -- vitaled-usb's socket ----------------------------------------------------------------------------

WATCH, LOOK, PING, ATTACH, TRANSMIT, SECURE, RESET, STATUS, ABORT, DETACH = range(0x41, 0x4B)
DONE, GONE, MUTE, BUSY, NO_READER, BROKEN, CANCELLED, LATE, REFUSED, NO_PINPAD, FAILED, LIED = range(12)
READER_IN, READER_OUT, CARD_IN, CARD_OUT, LISTED = 2, 3, 4, 5, 6
TAG_READER, TAG_STATE, TAG_ATR, TAG_EVENTS, TAG_DATA = 0xC0, 0xC2, 0xC3, 0xC4, 0xDF21
TAG_VALUE, TAG_PROTOCOL, TAG_KEYPAD, TAG_PINPAD = 0xDF4B, 0xDF4E, 0xDF4F, 0xDF2A


def tlv(tag, value):
    t = bytes([tag >> 8, tag & 255]) if tag > 255 else bytes([tag])
    n = len(value)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else bytes([0x82, n >> 8, n & 255])
    return t + size + value


def parse(body):
    """{tag: value} of a frame's body."""
    found, at = {}, 0
    while at < len(body):
        tag, at = body[at], at + 1
        if tag & 0x1F == 0x1F:
            tag, at = tag << 8 | body[at], at + 1
        n, at = body[at], at + 1
        if n & 0x80:
            more = n & 0x7F
            n, at = int.from_bytes(body[at:at + more], "big"), at + more
        found[tag], at = body[at:at + n], at + n
    return found


class Link:
    """One connection; requests are answered one by one, events are kept."""

    def __init__(self, path, timeout=30):
        self.path, self.timeout = path, timeout
        self.connect(path)
        self.seq, self.events = 0, []

    def connect(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(self.timeout)
        self.socket.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, op, body=b""):
        self.seq += 1
        self.socket.sendall(b"VD" + bytes([1, op, 0, 0]) + struct.pack(">I", self.seq) + body)

    def receive(self):
        """(kind, op, outcome, body); kind 2: an answer, 3: an event."""
        m = self.socket.recv(65536)
        if not m:
            raise ConnectionError("vitaled-usb hung up")
        assert m[:2] == b"VD"
        return m[2], m[3], m[4], parse(m[10:])

    def answer(self, op):
        while True:
            kind, got, outcome, body = self.receive()
            if kind == 2:
                assert got == op
                return outcome, body
            self.events.append((got, body))

    def ask(self, op, body=b""):
        self.send(op, body)
        return self.answer(op)

    def watch(self, rules="*=usb", state=3):
        self.socket.close()  # watches have a socket of their own
        self.connect(self.path + "-watch")
        outcome, _ = self.ask(WATCH, tlv(TAG_VALUE, rules.encode()) + tlv(TAG_STATE, bytes([state])))
        assert outcome == DONE

    def event(self):
        """The next event: (op, body)."""
        while not self.events:
            kind, op, _, body = self.receive()
            assert kind == 3
            self.events.append((op, body))
        return self.events.pop(0)

    def attach(self, reader):
        return self.ask(ATTACH, tlv(TAG_READER, reader.encode()))

    def transmit(self, command):
        """(outcome, answer)"""
        outcome, body = self.ask(TRANSMIT, tlv(TAG_DATA, command))
        return outcome, body.get(TAG_DATA, b"")
