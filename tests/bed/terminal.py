# SPDX-License-Identifier: EUPL-1.2
"""A PC/SC program in the bed: ctypes on libpcsclite, driven by JSON lines, in a process of its own.

Run as one of the bed's users (class Terminal below does that). Each line of standard input is a
request [verb, argument...], each line of standard output its answer: {"ok": value} or
{"error": code} with the code of PC/SC in eight digits. Not our client, and no code of ours in it.
"""
import ctypes
import json
import select
import subprocess
import sys
import time

ULONG, LONG = ctypes.c_ulong, ctypes.c_long
T0, T1, RESET, EXCLUSIVE, SHARED, LEAVE = 1, 2, 1, 1, 2, 0
EMPTY, PRESENT, MUTE = 0x10, 0x20, 0x200


class IoRequest(ctypes.Structure):
    _fields_ = [("protocol", ULONG), ("length", ULONG)]


class ReaderState(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("user", ctypes.c_void_p), ("current", ULONG), ("event", ULONG),
                ("atr_len", ULONG), ("atr", ctypes.c_ubyte * 33)]


# -- inside the process of the user ------------------------------------------------------------

def check(code):
    code &= 0xFFFFFFFF
    if code:
        raise OSError(f"{code:08X}")


class Client:
    def __init__(self):
        self.lib = ctypes.CDLL("libpcsclite.so.1")
        self.context, self.handle, self.protocol = LONG(), LONG(), ULONG()
        check(self.lib.SCardEstablishContext(2, None, None, ctypes.byref(self.context)))

    def readers(self):
        size = ULONG(4096)
        names = ctypes.create_string_buffer(size.value)
        code = self.lib.SCardListReaders(self.context, None, names, ctypes.byref(size)) & 0xFFFFFFFF
        if code == 0x8010002E:  # SCARD_E_NO_READERS_AVAILABLE
            return []
        check(code)
        return [n for n in names.raw[:size.value].decode().split("\0") if n]

    def connect(self, reader, sharing=SHARED, protocols=T0 | T1):
        check(self.lib.SCardConnect(self.context, reader.encode(), sharing, protocols, ctypes.byref(self.handle),
                                    ctypes.byref(self.protocol)))
        return self.protocol.value

    def reconnect(self, initialisation=RESET):
        check(self.lib.SCardReconnect(self.handle, SHARED, T0 | T1, initialisation, ctypes.byref(self.protocol)))

    def disconnect(self, disposition=LEAVE):
        check(self.lib.SCardDisconnect(self.handle, disposition))

    def begin(self):
        check(self.lib.SCardBeginTransaction(self.handle))

    def end(self):
        check(self.lib.SCardEndTransaction(self.handle, LEAVE))

    def send(self, command):
        answer, length = (ctypes.c_ubyte * 300)(), ULONG(300)
        data = bytes.fromhex(command)
        check(self.lib.SCardTransmit(self.handle, ctypes.byref(IoRequest(self.protocol, ctypes.sizeof(IoRequest))),
                                     data, len(data), None, answer, ctypes.byref(length)))
        return bytes(answer[:length.value]).hex()

    def repeat(self, command, times):
        """Seconds that so many of the same command take."""
        before = time.monotonic()
        for _ in range(times):
            self.send(command)
        return time.monotonic() - before

    def control(self, code, data=""):
        answer, length, data = (ctypes.c_ubyte * 300)(), ULONG(), bytes.fromhex(data)
        check(self.lib.SCardControl(self.handle, code, data, len(data), answer, 300, ctypes.byref(length)))
        return bytes(answer[:length.value]).hex()

    def states(self, seconds, known):
        """{reader: state} of the readers in @known {reader: state}, after a change or @seconds."""
        rows = (ReaderState * len(known))()
        for row, (name, state) in zip(rows, known.items()):
            row.name, row.current = name.encode(), state
        code = self.lib.SCardGetStatusChange(self.context, int(seconds * 1000), rows, len(known)) & 0xFFFFFFFF
        if code != 0x8010000A:  # SCARD_E_TIMEOUT
            check(code)
        return {"at": time.monotonic(),
                **{row.name.decode(): [row.event & ~2, bytes(row.atr[:row.atr_len]).hex()] for row in rows}}


def serve():
    client = Client()
    for line in sys.stdin:
        verb, *args = json.loads(line)
        try:
            answer = {"ok": getattr(client, verb)(*args)}
        except OSError as e:
            answer = {"error": str(e)}
        print(json.dumps(answer), flush=True)


# -- for the tests ------------------------------------------------------------------------------

class PcscError(Exception):
    pass


class Terminal:
    """terminal.send("00A4..."): a call and its answer; start() and result() take them apart."""

    def __init__(self, bed, user="vdapp"):
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", sys.executable, __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=bed.env)

    def start(self, verb, *args):
        self.process.stdin.write(json.dumps([verb, *args]) + "\n")
        self.process.stdin.flush()

    def result(self):
        line = self.process.stdout.readline()
        if not line:
            raise PcscError("the program ended")
        answer = json.loads(line)
        if "error" in answer:
            raise PcscError(answer["error"])
        return answer["ok"]

    def answered(self, seconds):
        """Whether the answer is there within @seconds."""
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def __getattr__(self, verb):
        def call(*args):
            self.start(verb, *args)
            return self.result()
        return call

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


if __name__ == "__main__":
    serve()
