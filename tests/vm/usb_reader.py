# SPDX-License-Identifier: EUPL-1.2
"""USB devices that a QEMU guest sees as real ones, over the usb-redir protocol.

Each Reader is the far end of one `-device usb-redir`: it answers the guest's control, bulk and interrupt
transfers from a thread of its own. A CCID interface has slots; a card in a slot answers the reset with
ATR and every GET CHALLENGE with that many bytes 00 01 02...; nothing more is needed to see a driver
at work. plug(), unplug(), insert() and remove() may be called at any time. Instead, simulate() has a
vitale-sim play the cards of the slots, T=0 at TPDU level: they come and go by its control socket then.

The descriptors are those that the makers publish (libccid's readers/*.txt); serial numbers are invented.
Protocol: usb-redir 0.7 (usb-redir-protocol.md of the usbredir project); USB 2.0 §9.4-9.6; CCID 1.1 §5, §6.
"""
import dataclasses
import socket
import struct
import threading
import time

ATR = bytes.fromhex("3B04564D3031")  # T=0, four historical bytes; invented
T0_PARAMETERS = bytes([0x11, 0, 0, 10, 0])  # CCID 1.1 §6.2.3: the standard's own
TIME_EXTENSION = 0x80  # bStatus: the command goes on

# packets of usb-redir
HELLO, CONNECT, DISCONNECT, RESET, INTERFACES, ENDPOINTS = 0, 1, 2, 3, 4, 5
SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION = 6, 7, 8
SET_ALT, GET_ALT, ALT = 9, 10, 11
START_INTERRUPT, STOP_INTERRUPT, INTERRUPT_STATUS = 15, 16, 17
CANCEL = 21
CONTROL, BULK, INTERRUPT = 100, 101, 103
CAPABILITIES = 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6  # version, ack, packet size, 64-bit ids, 32-bit sizes
IDS_64 = 1 << 5
SUCCESS, CANCELLED, STALL = 0, 1, 4
FULL_SPEED, PACKET = 1, 64
TYPE_CONTROL, TYPE_BULK, TYPE_INTERRUPT, TYPE_NONE = 0, 2, 3, 255


@dataclasses.dataclass
class Interface:
    """One interface: CCID with @slots slots, or (@slots 0) of a class that no driver knows."""

    slots: int = 1
    features: int = 0x000100BA  # dwFeatures: TPDU level, automatic parameters
    longest: int = 271  # dwMaxCCIDMessageLength, bytes
    name: str = ""  # iInterface
    usb_class: int = 0x0B

    def __post_init__(self):
        self.cards = [False] * self.slots
        self.played = [None] * self.slots  # a Played each, after Reader.simulate()
        self.parameters = T0_PARAMETERS
        self.listening = False  # the guest polls the interrupt endpoint
        self.changes = 0  # bit 2n+1: of slot n something happened that the guest has not been told
        self.reads = []  # (id, size) of bulk reads that wait
        self.answers = []

    def functional(self):
        """The CCID class descriptor (CCID 1.1 §5.1)."""
        if not self.slots:
            return b""
        return struct.pack("<BBHBBIIIBIIBIIIIIBBHBB", 54, 0x21, 0x0110, self.slots - 1, 1, 3, 4000, 4000, 0, 10752,
                           344064, 0, 254, 0, 0, self.features, self.longest, 0, 0, 0, 0, 1)


class Played:
    """A slot of vitale-sim, by its readers' socket (drivers/sim/reader-link.h): one connection for commands, one
    that hears of cards. @moved(present) is called from a thread of its own."""

    WATCH, POWER_UP, POWER_DOWN, PROTOCOL, TRANSMIT, _, EVENT = range(1, 8)
    ALIVE, OK, ROOM = 10, 0, 66010

    def __init__(self, path, slot, moved):
        self.slot, self.moved = slot, moved
        self.commands, self.events = self.connect(path), self.connect(path)
        self.events.send(bytes([self.WATCH, slot]))
        threading.Thread(target=self.hear, daemon=True).start()

    @staticmethod
    def connect(path):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        one.connect(path)
        return one

    def hear(self):
        try:
            while answer := self.events.recv(self.ROOM):
                if answer[0] == self.EVENT:
                    self.moved(answer[1] == 1)
        except OSError:
            pass  # close()

    def ask(self, op, payload=b"", waiting=lambda: None):
        """The answer's payload, None: no card, no power, mute. @waiting is called while it takes long."""
        self.commands.send(bytes([op, self.slot]) + payload)
        while answer := self.commands.recv(self.ROOM):
            if answer[0] != self.ALIVE:
                return answer[2:] if answer[1] == self.OK else None
            waiting()
        return None

    def close(self):
        for one in (self.commands, self.events):
            one.close()


@dataclasses.dataclass
class Model:
    vendor: int
    product: int
    manufacturer: str
    name: str
    interfaces: list


# Endpoints of interface i: bulk out 2i+1, bulk in 2i+1, interrupt in 2i+2.
class Reader:
    """@model at the usb-redir socket @path, on which QEMU listens. It begins unplugged."""

    def __init__(self, model, path):
        self.model, self.lock = model, threading.RLock()
        self.greeted, self.ids_64, self.events = threading.Event(), False, 0
        self.held = None  # an event after hold()
        self.strings = ["", model.manufacturer, model.name] + [i.name for i in model.interfaces]
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.send(HELLO, 0, b"vitaled".ljust(64, b"\0") + struct.pack("<I", CAPABILITIES))
        threading.Thread(target=self.serve, daemon=True).start()

    # what the tests do

    def plug(self):
        if not self.greeted.wait(60):
            raise TimeoutError("QEMU has not greeted its reader")
        with self.lock:
            self.reset()
            self.tell_endpoints()
            many = self.model.interfaces
            self.send(INTERFACES, 0, struct.pack("<I", len(many)) + bytes(range(len(many))).ljust(32, b"\0")
                      + bytes(i.usb_class for i in many).ljust(32, b"\0") + bytes(64))
            self.send(CONNECT, 0, struct.pack("<BBBBHHH", FULL_SPEED, 0, 0, 0, self.model.vendor,
                                              self.model.product, 0x0108))

    def unplug(self):
        with self.lock:
            self.send(DISCONNECT, 0, b"")
            self.reset()

    def simulate(self, path):
        """The vitale-sim whose readers' socket is at @path plays every slot, numbered through the interfaces."""
        number = 0
        for n, interface in enumerate(self.model.interfaces):
            for slot in range(interface.slots):
                interface.played[slot] = Played(
                    path, number, lambda present, slot=slot, n=n: self.move(slot, n, present))
                number += 1

    def insert(self, slot=0, interface=0):
        self.move(slot, interface, True)

    def remove(self, slot=0, interface=0):
        self.move(slot, interface, False)

    def hold(self):
        """The next command to a card gets no answer, only asks for more time, until the device is reset. Return: an
        event, set when that command is there."""
        self.held = threading.Event()
        return self.held

    def close(self):
        self.socket.close()
        for interface in self.model.interfaces:
            for played in filter(None, interface.played):
                played.close()

    # the wire

    def send(self, kind, ident, payload):
        with self.lock:
            self.socket.sendall(struct.pack("<IIQ" if self.ids_64 else "<III", kind, len(payload), ident) + payload)

    def receive(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def serve(self):
        try:
            while True:
                form = "<IIQ" if self.ids_64 else "<III"
                kind, size, ident = struct.unpack(form, self.receive(struct.calcsize(form)))
                payload = self.receive(size)
                with self.lock:
                    self.packet(kind, ident, payload)
        except OSError:
            pass  # QEMU has ended, or close()

    def packet(self, kind, ident, payload):
        if kind == HELLO:
            self.ids_64 = len(payload) >= 68 and bool(struct.unpack_from("<I", payload, 64)[0] & IDS_64)
            self.greeted.set()
        elif kind == RESET:
            self.reset()
        elif kind in (SET_CONFIGURATION, GET_CONFIGURATION):
            self.send(CONFIGURATION, ident, bytes([SUCCESS, payload[0] if payload else 1]))
        elif kind in (SET_ALT, GET_ALT):
            self.send(ALT, ident, bytes([SUCCESS, payload[0], 0]))
        elif kind in (START_INTERRUPT, STOP_INTERRUPT):
            self.interface(payload[0]).listening = kind == START_INTERRUPT
            self.send(INTERRUPT_STATUS, ident, bytes([SUCCESS, payload[0]]))
            self.notify(payload[0])
        elif kind == CANCEL:
            self.cancel(ident)
        elif kind == CONTROL:
            self.control(ident, payload)
        elif kind == BULK:
            self.bulk(ident, payload)

    def reset(self):
        if self.held and self.held.is_set():
            self.held = None
        for i in self.model.interfaces:
            i.listening, i.changes, i.reads, i.answers = False, 0, [], []

    def interface(self, endpoint):
        return self.model.interfaces[((endpoint & 15) - 1) // 2]

    # descriptors and control transfers

    def endpoints(self, i):
        """(address, type) of interface @i; one of no class has none."""
        if not self.model.interfaces[i].slots:
            return []
        return [(2 * i + 1, TYPE_BULK), (0x80 | 2 * i + 1, TYPE_BULK), (0x80 | 2 * i + 2, TYPE_INTERRUPT)]

    def tell_endpoints(self):
        types, every = [TYPE_NONE] * 32, [(0, TYPE_CONTROL, 0), (0x80, TYPE_CONTROL, 0)]
        intervals, owners, sizes = [0] * 32, [0] * 32, [0] * 32
        for i in range(len(self.model.interfaces)):
            every += [(address, kind, i) for address, kind in self.endpoints(i)]
        for address, kind, owner in every:
            at = (address & 0x80) >> 3 | address & 15
            types[at], owners[at], sizes[at] = kind, owner, 8 if kind == TYPE_INTERRUPT else PACKET
            intervals[at] = 16 if kind == TYPE_INTERRUPT else 0
        self.send(ENDPOINTS, 0, bytes(types + intervals + owners) + struct.pack("<32H", *sizes))

    def device_descriptor(self):
        return struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, PACKET, self.model.vendor, self.model.product,
                           0x0108, 1, 2, 0, 1)

    def configuration(self):
        body = b""
        for n, i in enumerate(self.model.interfaces):
            ends = self.endpoints(n)
            body += bytes([9, 4, n, 0, len(ends), i.usb_class, 0, 0, 3 + n if i.name else 0]) + i.functional()
            for address, kind in ends:
                wide = (8, 16) if kind == TYPE_INTERRUPT else (PACKET, 0)
                body += struct.pack("<BBBBHB", 7, 5, address, kind, *wide)
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), len(self.model.interfaces), 1, 0, 0x80, 50) + body

    def descriptor(self, value):
        kind, at = value >> 8, value & 255
        if kind == 1:
            return self.device_descriptor()
        if kind == 2:
            return self.configuration()
        if kind == 3 and at < len(self.strings):
            text = self.strings[at].encode("utf-16-le") if at else b"\x09\x04"
            return bytes([2 + len(text), 3]) + text
        return None

    def control(self, ident, payload):
        endpoint, request, kind, _, value, index, length = struct.unpack_from("<BBBBHHH", payload)
        data = b""
        if kind & 0x80:
            data = None
            if kind == 0x80 and request == 6:
                data = self.descriptor(value)
            elif kind & 0x60 == 0 and request == 0:
                data = b"\0\0"
        status = STALL if data is None else SUCCESS
        data = (data or b"")[:length]
        told = len(data) if kind & 0x80 else length
        self.send(CONTROL, ident, struct.pack("<BBBBHHH", endpoint, request, kind, status, value, index, told) + data)

    # CCID

    def bulk(self, ident, payload):
        endpoint, _, low, stream, high = struct.unpack_from("<BBHIH", payload)
        interface = self.interface(endpoint)
        if endpoint & 0x80:
            interface.reads.append((ident, endpoint, stream))
        else:
            self.send(BULK, ident, struct.pack("<BBHIH", endpoint, SUCCESS, low, stream, high))
            if self.held and payload[10] == 0x6F:
                self.work(interface, payload[10:], self.held)
            else:
                interface.answers.append(self.command(interface, payload[10:]))
        self.flush(interface)

    def work(self, interface, message, held):
        """Asks for more time for @message, now and then, as long as it is @held."""
        _, _, slot, sequence = struct.unpack_from("<BIBB", message)
        with self.lock:
            if self.held is held:
                interface.answers.append(struct.pack("<BIBBBBB", 0x80, 0, slot, sequence, TIME_EXTENSION, 1, 0))
                self.flush(interface)
                held.set()
                again = threading.Timer(0.3, self.work, (interface, message, held))
                again.daemon = True
                again.start()

    def flush(self, interface):
        while interface.reads and interface.answers:
            (ident, endpoint, stream), answer = interface.reads.pop(0), interface.answers.pop(0)
            self.send(BULK, ident, struct.pack("<BBHIH", endpoint, SUCCESS, len(answer), stream, 0) + answer)

    def cancel(self, ident):
        for i in self.model.interfaces:
            for read in [r for r in i.reads if r[0] == ident]:
                i.reads.remove(read)
                self.send(BULK, ident, struct.pack("<BBHIH", read[1], CANCELLED, 0, read[2], 0))

    def ask(self, interface, message, op, payload=b""):
        """What the simulated card says to @message; while it takes long the guest is asked for more time."""
        kind, _, slot, sequence = struct.unpack_from("<BIBB", message)

        def wait():
            interface.answers.append(struct.pack("<BIBBBBB", 0x80, 0, slot, sequence, TIME_EXTENSION, 1, 0))
            self.flush(interface)

        return interface.played[slot].ask(op, payload, wait if kind == 0x6F else lambda: None)

    def card(self, interface, message):
        """(body, or None: none) of a card's answer to IccPowerOn or XfrBlock."""
        kind, size, slot, _ = struct.unpack_from("<BIBB", message)
        data = message[10:10 + size]
        if interface.played[slot]:
            if kind == 0x6F:
                return self.ask(interface, message, Played.TRANSMIT, data)
            atr = self.ask(interface, message, Played.POWER_UP)
            if atr is not None:
                self.ask(interface, message, Played.PROTOCOL, b"\0")
            return atr
        if kind == 0x62:
            return ATR
        if data[1:2] == b"\x84":
            return bytes(range(data[4] if len(data) > 4 else 0)) + b"\x90\x00"
        return b"\x6d\x00"

    def command(self, interface, message):
        """The answer to one PC_to_RDR message (CCID 1.1 §6.1, §6.2)."""
        kind, size, slot, sequence = struct.unpack_from("<BIBB", message)
        data = message[10:10 + size]
        card = slot < interface.slots and interface.cards[slot]
        status, answer, body, last = 0 if card else 2, 0x81, b"", 0
        error = 0
        if slot >= interface.slots:
            status, error = 0x42, 5
        elif kind in (0x62, 0x6F):  # IccPowerOn, XfrBlock
            answer = 0x80
            if not card:
                status, error = 0x42, 0xFE
            else:
                body = self.card(interface, message)
                if body is None:
                    status, error, body = 0x41, 0xFE, b""
        elif kind in (0x61, 0x6C, 0x6D):  # Set, Get, ResetParameters: T=0
            interface.parameters = data if kind == 0x61 and len(data) == 5 else interface.parameters
            answer, body = 0x82, interface.parameters
        elif kind == 0x63:  # IccPowerOff
            status, last = 1 if card else 2, 1
            if card and interface.played[slot]:
                self.ask(interface, message, Played.POWER_DOWN)
        elif kind not in (0x65, 0x72):  # all but GetSlotStatus and Abort: not supported
            status |= 0x40
            answer = 0x83 if kind == 0x6B else 0x81
        return struct.pack("<BIBBBBB", answer, len(body), slot, sequence, status, error, last) + body

    def move(self, slot, number, present):
        """A card comes or goes; the guest is told."""
        with self.lock:
            interface = self.model.interfaces[number]
            interface.cards[slot] = present
            interface.changes |= 2 << 2 * slot
            self.notify(0x80 | 2 * number + 2)

    def notify(self, endpoint):
        """RDR_to_PC_NotifySlotChange (CCID 1.1 §6.3.1), which waits in the interrupt endpoint until the guest polls it."""
        interface = self.interface(endpoint)
        if interface.listening and interface.changes:
            bits = sum(card << 2 * n for n, card in enumerate(interface.cards)) | interface.changes
            interface.changes = 0
            self.events += 1
            told = b"\x50" + bits.to_bytes((2 * interface.slots + 7) // 8, "little")
            self.send(INTERRUPT, self.events, struct.pack("<BBH", endpoint, SUCCESS, len(told)) + told)


def connect(model, path, seconds=30):
    """A Reader, as soon as QEMU listens at @path."""
    end = time.monotonic() + seconds
    while True:
        try:
            return Reader(model, path)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
