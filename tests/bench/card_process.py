# SPDX-License-Identifier: EUPL-1.2
"""Drives one vitaled-card as the broker does, over its link (base/link.h), so that its work on the
line can stand beside that of other programs. Tags and operations are read from the headers."""
import array
import os
import re
import socket
import struct
import subprocess

from bed import ROOT


def numbers(header, enum):
    """{name: value} of a C enum whose constants count up from the last number given."""
    with open(os.path.join(ROOT, header), encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    body, value, found = re.search(rf"enum {enum} \{{(.*?)\}};", text, re.S).group(1), -1, {}
    for name, number in re.findall(r"(\w+)\s*(?:=\s*(\w+))?\s*,", body):
        value = int(number, 0) if number else value + 1
        found[name] = value
    return found


OPS = numbers("base/link-ops.h", "card_op")
TAGS = numbers("base/link-tags.h", "link_tag")


def tlv(tag, value):
    n = len(value)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else bytes([0x82, n >> 8, n & 255])
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big") + size + value


def items(body):
    """[(tag, value)] of BER-TLV with tags of one or two bytes."""
    at, found = 0, []
    while at < len(body):
        tag, at = body[at], at + 1
        if tag & 0x1F == 0x1F:
            tag, at = tag << 8 | body[at], at + 1
        n, at = body[at], at + 1
        if n & 0x80:
            more, at = n & 0x7F, at + (n & 0x7F)
            n = int.from_bytes(body[at - more:at], "big")
        found.append((tag, body[at:at + n]))
        at += n
    return found


class CardProcess:
    def __init__(self, bed, reader):
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reader, self.seq = reader, 0
        fd = theirs.fileno()  # must be 3 in the child
        self.process = subprocess.Popen(["bash", "-c", f'exec "$0" 3<&{fd}', bed.program("vitaled-card")],
                                        env=bed.env, pass_fds=[fd], stdin=subprocess.DEVNULL)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.link.close()
        self.process.wait(10)

    def ask(self, op, body=b"", fds=()):
        """Body of the answer as [(tag, value)]; an outcome other than done raises."""
        self.seq += 1
        frame = b"VD" + struct.pack(">BBBBI", 1, OPS["CARD_OP_" + op], 0, len(fds), self.seq) + body
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.link.sendmsg([frame], control)
        while True:
            answer = self.link.recv(65536)
            if len(answer) < 10:
                raise RuntimeError(f"{op}: the process ended")
            if answer[2] == 2:
                break
        if answer[4]:
            raise RuntimeError(f"{op}: outcome {answer[4]}")
        return items(answer[10:])

    def open(self):
        return self.ask("OPEN", tlv(TAGS["LINK_TAG_READER"], self.reader.encode()) +
                        tlv(TAGS["LINK_TAG_SHARE"], b"\1"))

    def verify(self, pin):
        end, ours = os.pipe()
        os.write(ours, pin.encode())
        os.close(ours)
        self.ask("VERIFY", fds=[end])
        os.close(end)
