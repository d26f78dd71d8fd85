# SPDX-License-Identifier: EUPL-1.2
"""A PC/SC client of three calls (ctypes on libpcsclite): the shortest known way to read a Vitale, sizes
of files, and when pcscd tells that a card came or went. Shares no code with what is measured.

usage: pcsc.py READER COMMAND...      commands in hex, or "-" for GET RESPONSE / the 6CXX repetition of
                                      what came last; prints one answer a line in hex
       pcsc.py READER watch N         prints CLOCK_MONOTONIC and "in" or "out" at each of N changes
"""
import ctypes
import sys
import time

LIB = ctypes.CDLL("libpcsclite.so.1")
ULONG = ctypes.c_ulong
SHARED, T0, T1, LEAVE, PRESENT = 2, 1, 2, 0, 0x20


class IoRequest(ctypes.Structure):
    _fields_ = [("protocol", ULONG), ("length", ULONG)]


class ReaderState(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("user", ctypes.c_void_p), ("current", ULONG), ("event", ULONG),
                ("atr_len", ULONG), ("atr", ctypes.c_ubyte * 33)]


def check(code):
    code &= 0xFFFFFFFF
    if code:
        raise OSError(f"PC/SC {code:08X}")


class Card:
    def __init__(self, reader):
        self.context, self.handle, protocol = ctypes.c_long(), ctypes.c_long(), ULONG()
        check(LIB.SCardEstablishContext(2, None, None, ctypes.byref(self.context)))
        check(LIB.SCardConnect(self.context, reader.encode(), SHARED, T0 | T1, ctypes.byref(self.handle),
                               ctypes.byref(protocol)))
        self.protocol = protocol.value

    def send(self, command):
        answer, length = (ctypes.c_ubyte * 300)(), ULONG(300)
        check(LIB.SCardTransmit(self.handle, ctypes.byref(IoRequest(self.protocol, ctypes.sizeof(IoRequest))),
                                command, len(command), None, answer, ctypes.byref(length)))
        return bytes(answer[:length.value])

    def close(self):
        LIB.SCardDisconnect(self.handle, LEAVE)
        LIB.SCardReleaseContext(self.context)


def run(reader, commands):
    card, last, answer = Card(reader), b"", b""
    for text in commands:
        if text != "-":
            last = bytes.fromhex(text)
        elif answer[-2] == 0x61:
            last = bytes([last[0], 0xC0, 0, 0, answer[-1]])
        elif answer[-2] == 0x6C:
            last = last[:4] + answer[-1:]
        else:
            continue
        answer = card.send(last)
        print(answer.hex(), flush=True)
    card.close()


def watch(reader, changes):
    context = ctypes.c_long()
    check(LIB.SCardEstablishContext(2, None, None, ctypes.byref(context)))
    state = ReaderState(name=reader.encode())
    check(LIB.SCardGetStatusChange(context, 0, ctypes.byref(state), 1))
    print("ready", flush=True)
    while changes:
        before = state.event & PRESENT
        state.current = state.event
        check(LIB.SCardGetStatusChange(context, 60000, ctypes.byref(state), 1))
        now = time.monotonic()
        if (state.event & PRESENT) != before:
            print(now, "in" if state.event & PRESENT else "out", flush=True)
            changes -= 1


if __name__ == "__main__":
    if sys.argv[2] == "watch":
        watch(sys.argv[1], int(sys.argv[3]))
    else:
        run(sys.argv[1], sys.argv[2:])
