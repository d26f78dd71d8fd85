# SPDX-License-Identifier: EUPL-1.2
"""run demo: four days in the life of one dossier, between simulated cards, told step by step.

Everything is real but the cards: dbus-daemon, polkitd, pcscd, the broker and its confined children. What is
played is in scenes.py, readers and people in stage.py, the proofs at the end are here. With --interactive
the person in front answers what the people would answer.
"""
import argparse
import base64
import glob
import json
import os
import shutil
import sys
import tempfile

import scenes
from bed import Bed, personalise, wait_for
from stage import CONFIG, READERS, USB, Stage, ensure


# -- the proofs ---------------------------------------------------------------------------------

def tool(bed, *argv):
    """Run as an application; its standard output, or an error with what it said."""
    done = bed.run(list(argv))
    ensure(done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}")
    return done.stdout


def check(stage):
    """The record and the receipts, verified; the doctor's with openssl alone."""
    bed, ctl = stage.bed, stage.bed.program("vitalectl")
    stage.heading("What anybody can check afterwards")
    tool(bed, ctl, "audit", "export", "--output", stage.path("record.json"))
    with open(stage.path("record.json"), encoding="utf-8") as f:
        record = json.load(f)
    note, vkey = stage.put("checkpoint.txt", record["checkpoint"]), stage.put("record.vkey", record["vkey"] + "\n")
    tool(bed, "/usr/bin/python3", "tests/tools/verify_audit.py", "--log", stage.path("record.json"),
         "--checkpoint", note, "--vkey", vkey)
    stage.say(f"the record ({len(record['entries'])} entries) verifies against its checkpoint, without our code")
    for name, path in stage.receipts.items():
        tool(bed, ctl, "receipt", "verify", path, "--anchors", bed.path("anchors/simulated"), "--vkey", record["vkey"])
        stage.say(f"the receipt of the {name} verifies: cards, signatures, entry in the record")
    pieces = stage.path("pieces")
    os.makedirs(pieces, exist_ok=True)
    os.chmod(pieces, 0o777)
    tool(bed, ctl, "receipt", "extract", stage.receipts["consultation"], "--out", pieces)
    tool(bed, "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", f"{pieces}/professional.cms",
         "-content", f"{pieces}/statement.json", "-CAfile", bed.path("anchors/simulated/x509-root.pem"),
         "-purpose", "any", "-out", "/dev/null")
    tool(bed, "openssl", "dgst", "-sha256", "-verify", f"{pieces}/presence.pem", "-signature",
         f"{pieces}/presence.sig", f"{pieces}/presence.bin")
    stage.say("openssl alone verifies the doctor's signature and the patient card's presence")


def leave(stage, keep):
    """What was proved with, for later: receipts, record, checkpoint, keys, anchors."""
    os.makedirs(keep, exist_ok=True)
    for path in [*stage.receipts.values(), *(stage.path(n) for n in ("record.json", "checkpoint.txt", "record.vkey")),
                 *glob.glob(stage.bed.path("state", "*.pem"))]:
        shutil.copy(path, keep)
    shutil.copy(stage.receipts["consultation"], os.path.join(keep, "receipt.json"))
    shutil.copytree(stage.path("pieces"), os.path.join(keep, "pieces"), dirs_exist_ok=True)
    shutil.copytree(stage.bed.path("anchors"), os.path.join(keep, "anchors"), dirs_exist_ok=True)
    # the record's public key as PEM, from the vkey: 1 byte algorithm, 32 bytes Ed25519
    with open(stage.path("record.vkey"), encoding="utf-8") as f:
        raw = base64.b64decode(f.read().strip().split("+", 2)[2])[1:]
    der = bytes.fromhex("302a300506032b6570032100") + raw
    with open(os.path.join(keep, "record.pem"), "w", encoding="ascii") as f:
        f.write("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der).decode() + "\n-----END PUBLIC KEY-----\n")
    stage.say(f"left in {keep}: {', '.join(sorted(os.listdir(keep)))}")


def make_bed(build, personal, cards=scenes.CARDS, usb=False):
    """The bed of all scenes: the professionals' cards are in, the patient has theirs. @usb: without pcscd."""
    return Bed(build, cards=("cps4-fund", None, "cps4-pharmacist", None, cards[0]), readers=READERS, config=CONFIG,
               personal=personal, clock=True, usb=USB if usb else None)


def play(stage):
    """All scenes, then the proofs. Raises what is not as it should be."""
    wait_for(lambda: stage.bed.run([stage.bed.program("vitalectl"), "status"]).returncode == 0)
    try:
        scenes.play(stage)
        check(stage)
    finally:
        stage.end()


def main():
    p = argparse.ArgumentParser(prog="./run demo")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--cwd", default=".", help=argparse.SUPPRESS)
    p.add_argument("--cards", default="cps4-gp,vitale-family", help="profiles of the doctor and of the patient")
    p.add_argument("--keep", metavar="DIR", help="leave receipts, record, checkpoint, keys and anchors there")
    p.add_argument("--usb", action="store_true",
                   help="no pcscd: the service's own driver, with emulated USB readers of every exchange level")
    p.add_argument("--interactive", action="store_true", help="type PIN and codes, choose and answer yourself")
    a = p.parse_args()
    cards = tuple(a.cards.split(","))
    with tempfile.TemporaryDirectory(prefix="vitaled-cards.") as personal:
        personalise(a.build, personal, ["cps4-fund", "cps4-pharmacist", scenes.ON_DUTY, *cards])
        return show(a, personal, cards)


def show(a, personal, cards):
    with make_bed(a.build, personal, cards, a.usb) as bed:
        stage = Stage(bed, a.interactive, cards=cards)
        served = "vitaled-usb, four emulated USB readers" if a.usb else "pcscd, four simulated readers"
        stage.say(f"a private bus, polkit, {served} and the broker (user vitaled) are up")
        try:
            play(stage)
            if a.keep:
                leave(stage, os.path.join(a.cwd, a.keep))
        except Exception as e:  # whatever it was: say it and what the broker logged
            print(f"demo: {e}\n--- the broker's log:\n{bed.log('vitaled')}", file=sys.stderr)
            print("demo: failed")
            return 1
    print("demo: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
