# SPDX-License-Identifier: EUPL-1.2
"""A PC/SC program (terminal.py) for what is longer than a short APDU, and for a reader's keypad (PC/SC part 10)."""
import ctypes
import subprocess
import sys

import terminal
from terminal import ULONG, IoRequest, check

ANSWER_MAX = 65538
GET_FEATURES = 0x42000000 + 3400  # CM_IOCTL_GET_FEATURE_REQUEST of pcsc-lite
VERIFY, MODIFY = 0x06, 0x07  # FEATURE_VERIFY_PIN_DIRECT, FEATURE_MODIFY_PIN_DIRECT


class LongClient(terminal.Client):
    def send(self, command):
        answer, length = (ctypes.c_ubyte * ANSWER_MAX)(), ULONG(ANSWER_MAX)
        data = bytes.fromhex(command)
        check(self.lib.SCardTransmit(self.handle, ctypes.byref(IoRequest(self.protocol, ctypes.sizeof(IoRequest))),
                                     data, len(data), None, answer, ctypes.byref(length)))
        return bytes(answer[:length.value]).hex()

    def features(self):
        """[[feature, control code], ...]"""
        found = bytes.fromhex(self.control(GET_FEATURES))
        return [[found[i], int.from_bytes(found[i + 2:i + 6], "big")] for i in range(0, len(found), 6)]


class LongTerminal(terminal.Terminal):
    def __init__(self, bed, user="vdapp"):  # pylint: disable=super-init-not-called
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", sys.executable, __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=bed.env)


def pin_verify(command, digits, display, seconds=30):
    """PIN_VERIFY_STRUCTURE for ASCII digits, left justified, ended by the validation key (part 10 §2.5.2)."""
    return bytes([seconds, seconds, 0x82, digits, 0, digits, digits, 2, 1 if display else 0, 0x0C, 0x04, 0, 0, 0,
                  0]) + data_of(command)


def pin_modify(command, digits, old_at, new_at, display, seconds=30):
    """PIN_MODIFY_STRUCTURE: the new code twice, and before it the old one unless @old_at is None (§2.5.3)."""
    confirm, messages = (1, 2) if old_at is None else (3, 3)
    return bytes([seconds, seconds, 0x82, digits, 0, old_at or 0, new_at, digits, digits, confirm, 2,
                  messages if display else 0, 0x0C, 0x04, 0, 1, 2, 0, 0, 0]) + data_of(command)


def data_of(command):
    return len(command).to_bytes(4, "little") + command


if __name__ == "__main__":
    terminal.Client = LongClient
    terminal.serve()
