# SPDX-License-Identifier: EUPL-1.2
"""run bed: a bed around one command, as the application's user; its exit status is the command's."""
import argparse
import subprocess
import sys

from bed import Bed


def main():
    p = argparse.ArgumentParser(prog="./run bed")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--cards", default="cps4-gp,vitale-family", help="profiles in slot 0 and 1, - for none")
    p.add_argument("--clock", action="store_true", help="take the time that the cards' links would take")
    p.add_argument("--user", default="vdapp", help="the bed's user that runs the command")
    p.add_argument("command", nargs=argparse.REMAINDER)
    a = p.parse_args()
    command = a.command[1:] if a.command[:1] == ["--"] else a.command
    if not command:
        p.error("no command")
    cards = tuple(None if c in ("-", "") else c for c in a.cards.split(","))
    with Bed(a.build, cards=cards, clock=a.clock) as bed:
        bed.env["PATH"] = f"{bed.build}/client:{bed.build}/drivers/sim:{bed.env['PATH']}"
        return subprocess.call(["setpriv", f"--reuid={a.user}", f"--regid={a.user}", "--clear-groups", "--",
                                *command], env=bed.env)


if __name__ == "__main__":
    sys.exit(main())
