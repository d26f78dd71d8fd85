#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Writes dialogues of a USB reader as inputs of fuzz-usb-reader (tests/fuzz/fuzz-usb-reader.c tells the form).

usage: make-reader-corpus.py FOLDER

Each input is a reader, its cards and jobs as they go when all is well, or with one fault in it. Afterwards
`fuzz-usb-reader -merge=1` keeps what is needed of them.
"""
import os
import sys

JOB, LONG, ANSWER, BLOCK, PART, RAW, SENT, NOTICE, TIME, RECOVER, ASK = range(11)
POWER, TRANSMIT, RESET, OFF, STATUS, SECURE = (n << 1 for n in range(6))
CHARACTER, TPDU, SHORT, EXTENDED = range(4)
BUSY2, INTERRUPT, KEYS, DISPLAY, LARGE = 4, 8, 0x30, 0x40, 0x80
PARAMETERS, ACTIVATION, VOLTAGE, RATE, NEGOTIATION, PPS, IFSD = (1 << n for n in range(7))
AUTO = VOLTAGE | NEGOTIATION | IFSD
IDLE, ABSENT, FAILED, MORE_TIME = 2, 4, 8, 0x10
SEED = bytes(4)  # no call fails
T0, FAST, T1, T1_CRC, BOTH = "3B00", "3B1094", "3B808131FE458B", "3B808151FE01AF", "3B80800101"
VERIFY = "040000000020000104FFFFFFFF"
CHANGE = "040400040024000108FFFFFFFFFFFFFFFF"


def step(kind, arg=0, hexa=""):
    data = bytes.fromhex(hexa)
    return bytes([kind, arg, len(data)]) + data


def answer(hexa="", status=0, error=0, last=0, slot=0, kind=ANSWER, way=0):
    return step(kind, slot | status | way << 5, f"{error:02X}{last:02X}" + hexa)


def reader(shape, can=AUTO, more=0x1F):
    """The head, and both slots have been asked for their status: a card is there."""
    return bytes([shape, can, more]) + step(TIME) + answer(status=IDLE) + answer(status=IDLE, slot=1)


def power(atr=T0, slot=0, agreed="1100000A00", protocol=0):
    return step(JOB, POWER | slot) + answer(atr, slot=slot) + answer(agreed, last=protocol, slot=slot)


def inputs():
    send = step(JOB, TRANSMIT, "00B0000008")
    long_send = step(LONG, 0, "0300")
    t1 = power(T1, agreed="11100045002000", protocol=1)
    yield "tpdu-t0", reader(TPDU) + power() + send + answer("01029000") + send + answer("6C04")
    yield "character-t0", reader(CHARACTER) + power() + step(JOB, TRANSMIT, "00A4000C023F00") + answer("60") + \
        answer("A4") + answer("9000")
    yield "character-broken", reader(CHARACTER) + power() + step(JOB, TRANSMIT, "00A4000C023F00") + answer("11")
    yield "tpdu-t1", reader(TPDU) + t1 + send + answer("0000029000", kind=BLOCK) + send + \
        answer("00C30105", kind=BLOCK) + answer("0040029000", kind=BLOCK)
    yield "tpdu-t1-parity", reader(TPDU) + t1 + send + answer(status=FAILED, error=0xFD) + \
        answer("0000029000", kind=BLOCK) + send + answer(status=FAILED, error=0xFE) * 12
    yield "tpdu-t1-abort", reader(TPDU) + t1 + send + answer("00C200", kind=BLOCK) + answer("009000", kind=BLOCK)
    yield "tpdu-t1-error", reader(TPDU) + t1 + send + answer(status=FAILED, error=0xFB)
    yield "tpdu-t1-ifsd", reader(TPDU, VOLTAGE | NEGOTIATION) + t1 + answer("00E101FE", kind=BLOCK) + send
    yield "tpdu-t1-long", reader(TPDU) + t1 + long_send + answer("009000", kind=BLOCK) + answer("008000", kind=BLOCK)
    yield "character-t1", reader(CHARACTER) + t1 + send + answer("0000") + answer("02") + answer("900092")
    yield "character-t1-crc", reader(CHARACTER) + power(T1_CRC, agreed="11110045002000", protocol=1) + send + \
        answer("000002") + answer("90") + answer("")
    yield "short", reader(SHORT) + power() + send + answer("9000") + long_send + send + answer("90") + \
        send + answer(kind=PART)
    yield "extended", reader(EXTENDED) + power() + long_send + answer(last=16) * 2 + answer("AA", last=1) + \
        answer("BB", last=3) + answer("9000", last=2)
    yield "extended-lies", reader(EXTENDED) + power() + send + answer("AA", last=1) + answer("AA", last=1) + \
        power() + send + answer("9000", last=2) + power() + long_send + answer("9000")
    yield "extended-endless", reader(EXTENDED | LARGE) + power() + send + answer(last=1, kind=PART) + \
        answer(last=3, kind=PART) * 4
    yield "pps", reader(TPDU, VOLTAGE) + step(JOB, POWER) + answer(FAST) + answer("FF10947B") + \
        answer("A00F000024F40000") + answer("9400000A00") + send + answer("9000")
    yield "pps-default", reader(TPDU, VOLTAGE) + step(JOB, POWER) + answer(FAST) + answer("FF00FF") + \
        answer("1100000A00")
    yield "pps-refused", reader(CHARACTER, 0) + step(JOB, POWER) + answer(FAST) + answer("FF11947A") + \
        answer(status=IDLE) + answer(FAST) + answer(status=FAILED, error=10) + answer(status=IDLE)
    yield "pps-by-reader", reader(SHORT, VOLTAGE | PPS | RATE | PARAMETERS) + step(JOB, POWER) + answer(FAST) + \
        answer(status=FAILED, error=7)
    yield "no-protocol", reader(TPDU, VOLTAGE, 0x17) + step(JOB, POWER) + answer(BOTH) + answer("FF00FF") + \
        answer(status=IDLE) + answer(BOTH) + answer(status=IDLE)
    yield "no-t1", reader(TPDU, AUTO, 0x0F) + step(JOB, POWER) + answer(T1) + answer(status=IDLE)
    yield "voltages", reader(TPDU, 0) + step(JOB, POWER) + (answer(status=IDLE | FAILED, error=0xFE) +
                                                         answer(status=IDLE)) * 3
    yield "atr-broken", reader(TPDU) + step(JOB, POWER) + answer("3B") + answer(status=ABSENT)
    yield "reader-chose", reader(TPDU) + step(JOB, POWER) + answer(T0) + answer("11100045002000", last=1) + \
        answer(status=IDLE) + step(JOB, POWER) + answer(T0) + answer(status=FAILED)
    keys = reader(TPDU | KEYS | DISPLAY) + power()
    yield "keys", keys + step(JOB, SECURE, VERIFY) + answer("9000") + step(JOB, SECURE, CHANGE) + answer("6402")
    yield "keys-cancel", keys + step(JOB, SECURE, VERIFY) + answer(status=FAILED, error=0xEF) + \
        step(JOB, SECURE, VERIFY) + step(SENT) + step(ASK, 0) + step(SENT) + answer(way=3)
    yield "keys-mute", keys + step(JOB, SECURE, VERIFY) + answer(status=FAILED, error=0xFE)
    yield "keys-block", reader(TPDU | KEYS) + t1 + step(JOB, SECURE, VERIFY) + answer("0000029000", kind=BLOCK) + \
        step(JOB, SECURE, "040000000020000105FFFFFFFF") + step(JOB, SECURE, VERIFY) + answer("0000009000")
    yield "no-keys", reader(TPDU) + power() + step(JOB, SECURE, VERIFY)
    yield "off-status", reader(TPDU) + power() + step(JOB, STATUS) + answer() + step(JOB, STATUS) + \
        answer(status=IDLE) + step(JOB, OFF) + answer(status=IDLE) + step(JOB, STATUS) + answer(status=ABSENT) + \
        send + step(TIME) + step(JOB, STATUS) + answer(status=FAILED | ABSENT, error=5)
    yield "interrupts", reader(TPDU | INTERRUPT) + power() + step(NOTICE, 0, "500F") + send + step(SENT) + \
        step(NOTICE, 0, "500F") + answer("9000") + step(NOTICE, 0, "5001") + step(NOTICE, 0, "51000101")
    yield "leaves", reader(TPDU | INTERRUPT) + power() + send + step(SENT) + step(NOTICE, 0, "500A") + step(TIME) + \
        step(SENT) + answer(way=3)
    yield "leaves-unsent", reader(TPDU | INTERRUPT) + power() + power(slot=1) + send + \
        step(JOB, TRANSMIT | 1, "00B0000008") + step(NOTICE, 0, "500A")
    yield "polls", reader(TPDU) + step(ASK, 4) + step(TIME) + answer() + answer(slot=1) + step(TIME) + step(ASK, 6)
    yield "deaf", reader(TPDU | INTERRUPT) + step(ASK, 4) + step(ASK, 10) + step(TIME) + answer()
    yield "idle", reader(TPDU) + power() + step(ASK, 2) + step(TIME, 101) + step(TIME, 101) + answer(status=IDLE)
    yield "look", reader(TPDU | BUSY2) + power() + step(ASK, 8) + answer() + answer(slot=1)
    yield "two", reader(TPDU | BUSY2) + power() + power(slot=1) + send + step(JOB, TRANSMIT | 1, "00B0000008") + \
        step(SENT) + answer("9000", slot=1) + answer("9000")
    both = reader(TPDU | BUSY2) + power() + power(slot=1) + send + step(JOB, TRANSMIT | 1, "00B0000008") + \
        step(SENT) + step(SENT)
    yield "cut", both + step(RAW, 8, "8002000000000000") + answer("9000", slot=1)
    yield "split", both + answer("9000", error=7, way=1) + answer("9000", slot=1, error=3, way=1)
    yield "twice", both + answer("9000", way=2) + answer("9000", slot=1)
    yield "longer", both + step(RAW, 8, "80010000000000000000009000")
    yield "beyond", both + step(RAW, 8, "80FFFFFFFF0000") + step(RAW, 0, "80FF")
    yield "wrong-type", both + step(RAW, 8, "82000000000000000000")
    yield "wrong-status", both + step(RAW, 8, "80000000000000030000")
    yield "strays", both + step(RAW, 0, "80000000000077000000") * 16
    yield "empty", both + step(RAW) * 16
    yield "stall-out", reader(TPDU) + (step(JOB, RESET) + step(SENT, 1) + step(RECOVER, 1)) * 5
    yield "stall-in", both + step(RAW, 1) + step(RECOVER, 0) + step(RECOVER, 1) + power()
    yield "stall-other", reader(TPDU | BUSY2) + power() + power(slot=1) + step(JOB, TRANSMIT | 1, "00B0000008") + \
        step(SENT) + send + step(SENT, 3) + step(ASK, 1) + step(TIME) + step(RECOVER, 0) + step(RECOVER, 0)
    yield "reset", reader(TPDU) + power() + power(slot=1) + send + step(SENT, 1) + \
        step(JOB, TRANSMIT | 1, "00B0000008") + step(RECOVER, 0) + step(RECOVER, 1) + answer(status=IDLE)
    yield "unplugged", both + step(ASK, 12)
    yield "unplugged-out", reader(TPDU) + power() + send + step(JOB, TRANSMIT | 1, "00B0000008") + step(SENT, 4)
    yield "unplugged-in", both + step(RAW, 4)
    yield "mute", reader(TPDU) + (step(JOB, RESET) + step(SENT) + step(TIME, 255) + step(SENT) + step(TIME, 30) +
                                  step(RECOVER, 1)) * 3
    yield "late", both + step(TIME, 255) * 2 + answer("9000") + step(SENT) + answer("9000", slot=1) + answer(way=3)
    yield "late-transfer", both + step(RAW, 2) + step(RAW, 10, "80020000000000000000009000")
    yield "not-taken", reader(TPDU) + power() + send + step(TIME) + step(TIME) + step(RECOVER, 1)
    yield "more-time", both + answer(status=MORE_TIME, error=255) * 20 + (step(TIME, 200) +
                                                                        answer(status=MORE_TIME, error=255)) * 7
    yield "abort", both + step(ASK, 0) + step(SENT) + answer(way=3) + step(ASK, 1) + step(SENT) + \
        answer(slot=1, way=3, status=FAILED)
    yield "abort-unsent", reader(TPDU) + power() + power(slot=1) + send + \
        step(JOB, TRANSMIT | 1, "00B0000008") + step(ASK, 1) + step(SENT) + answer("9000")
    yield "abort-waiting", bytes([TPDU, AUTO, 0x1F]) + step(TIME) + step(JOB, POWER) + step(ASK, 0) + \
        answer(status=IDLE) + step(SENT)
    yield "busy", both + answer(status=FAILED, error=0xE0) + step(SENT) + answer(way=3)
    yield "again", both + step(ASK, 14) + answer("9000") + step(SENT)
    yield "errors", reader(TPDU) + b"".join(power() + send + answer(status=FAILED, error=e) for e in (
        0xFE, 0xEF, 0xF0, 0xF3, 0xF4, 0xFD, 5, 0))


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, data in inputs():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data + SEED)


if __name__ == "__main__":
    main()
