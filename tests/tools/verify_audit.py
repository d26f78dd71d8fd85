#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Check an exported record against a checkpoint and the record's public key.

Shares no code with the daemon: Python's standard library, and the openssl program for Ed25519.
The tree is that of RFC 6962 section 2.1, the checkpoint a C2SP signed note, the export as
doc/audit.md describes it. Exit status: 0 all is well, 1 something is not (the first bad entry is
named as well as it can be), 2 wrong usage.

The export also lists the hashes of its leaves. When these lead to the checkpoint's root they are
proven, and the first entry that does not hash to its leaf is named exactly. When they do not, the
first entry that the checkpoints do not vouch for is named.
"""
import argparse
import base64
import binascii
import hashlib
import json
import re
import subprocess
import sys
import tempfile

DASH = "\u2014 "
SPKI = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo of Ed25519 (RFC 8410)


class Bad(Exception):
    """What is wrong, and at which entry when that is known."""

    def __init__(self, text, index=None):
        super().__init__(text)
        self.index = index


# -- the tree -------------------------------------------------------------------------------------


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The complete subtrees so far, largest first, as (number of leaves, root)."""

    def __init__(self):
        self.size = 0
        self.subtrees = []

    def add_leaf(self, leaf):
        self.size += 1
        count, root = 1, leaf
        while self.subtrees and self.subtrees[-1][0] == count:
            count, root = 2 * count, node_hash(self.subtrees.pop()[1], root)
        self.subtrees.append((count, root))

    def root(self):
        if not self.subtrees:
            return hashlib.sha256(b"").digest()
        root = self.subtrees[-1][1]
        for _, left in reversed(self.subtrees[:-1]):
            root = node_hash(left, root)
        return root


# -- checkpoint and key ---------------------------------------------------------------------------


def decode(text, what):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Bad(f"{what} is not base64") from error


def read_vkey(text):
    """Name, key id and public key of "<name>+<id>+<base64>"."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not re.fullmatch(r"[0-9a-f]{8}", parts[1]):
        raise Bad("the key is not of the form <name>+<id>+<base64>")
    data = decode(parts[2], "the key")
    if len(data) != 33 or data[0] != 1:
        raise Bad("the key is not an Ed25519 key")
    name, key_id = parts[0], bytes.fromhex(parts[1])
    if hashlib.sha256(name.encode() + b"\n" + data).digest()[:4] != key_id:
        raise Bad("the key's id does not belong to it")
    return name, key_id, data[1:]


def ed25519_ok(public, message, signature):
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: f"{folder}/{name}" for name in ("key", "message", "signature")}
        for name, data in (("key", SPKI + public), ("message", message), ("signature", signature)):
            with open(paths[name], "wb") as file:
                file.write(data)
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER",
             "-inkey", paths["key"], "-in", paths["message"], "-sigfile", paths["signature"]],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0


def read_checkpoint(note, vkey):
    """Size and root of a note that this key signed."""
    name, key_id, public = read_vkey(vkey)
    body, gap, signatures = note.partition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise Bad("the checkpoint has no signature lines")
    lines = body.split("\n")
    if len(lines) < 3 or lines[0] != name:
        raise Bad("the checkpoint is of another record")
    if not re.fullmatch(r"0|[1-9][0-9]*", lines[1]):
        raise Bad("the checkpoint's size is no number")
    root = decode(lines[2], "the checkpoint's root")
    if len(root) != 32:
        raise Bad("the checkpoint's root is not a SHA-256")
    for line in signatures[:-1].split("\n"):
        if not line.startswith(DASH + name + " "):
            continue
        signature = decode(line[len(DASH + name) + 1:], "a signature")
        if signature[:4] != key_id:
            continue
        if not ed25519_ok(public, (body + "\n").encode(), signature[4:]):
            raise Bad("the checkpoint's signature is false")
        return int(lines[1]), root
    raise Bad("the checkpoint is not signed by this key")


# -- entries --------------------------------------------------------------------------------------


def unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def utf16(name):
    return name.encode("utf-16-be")


def canonical(value):
    """RFC 8785 for what entries hold: objects, lists, text, integers, true, false, null."""
    if isinstance(value, dict):
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k])
                              for k in sorted(value, key=utf16)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        raise ValueError("a real number")
    return json.dumps(value, ensure_ascii=False)


def check_entry(index, text, last):
    """An entry's own form, place and time; returns its (boot id, boot time)."""
    try:
        entry = json.loads(text, object_pairs_hook=unique)
        same = isinstance(entry, dict) and canonical(entry) == text
    except ValueError as error:
        raise Bad("the entry is not JSON", index) from error
    if not same:
        raise Bad("the entry is not in canonical form", index)
    if entry.get("format") != 1 or entry.get("sequence") != index:
        raise Bad("the entry is not number %d" % index, index)
    now = (entry.get("boot-id"), entry.get("boot-time"))
    if not isinstance(now[0], str) or not isinstance(now[1], int) \
            or not isinstance(entry.get("time"), int) or not isinstance(entry.get("event"), str):
        raise Bad("the entry lacks its time or event", index)
    if last and last[0] == now[0] and now[1] < last[1]:
        raise Bad("the entry is older than the one before it", index)
    return now


def read_log(path):
    with open(path, encoding="utf-8") as file:
        try:
            log = json.load(file, object_pairs_hook=unique)
        except ValueError as error:
            raise Bad(f"the log is not JSON: {error}") from error
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list) or log.get("format") != 1 \
            or not all(isinstance(e, str) for e in entries):
        raise Bad("the log is not an export of format 1")
    return log, entries


def root_of(leaves):
    tree = Tree()
    for leaf in leaves:
        tree.add_leaf(leaf)
    return tree.root()


def proven_leaves(log, size, root):
    """The leaves of the export, if they lead to the root; else nothing can be said by them."""
    leaves = log.get("leaves")
    if not isinstance(leaves, list) or len(leaves) < size:
        return []
    try:
        leaves = [decode(text, "a leaf") for text in leaves[:size]]
    except (Bad, TypeError):
        return []
    return leaves if root_of(leaves) == root else []


def checkpoints(log, note, vkey):
    """Size and root of the checkpoint given, and all that are known by size."""
    size, root = read_checkpoint(note, vkey)
    marks = {size: root}
    inner = log.get("checkpoint")
    if isinstance(inner, str):  # the one that the export itself carries
        inner_size, inner_root = read_checkpoint(inner, vkey)
        if marks.setdefault(inner_size, inner_root) != inner_root:
            raise Bad("two checkpoints of one size differ: the record was rewritten")
    return size, root, marks


def verify(log, entries, note, vkey):
    """Checks all; returns the size that the checkpoint covers."""
    size, root, marks = checkpoints(log, note, vkey)
    leaves = proven_leaves(log, size, root)
    tree, good, last = Tree(), 0, None
    for index in range(len(entries) + 1):
        if tree.size in marks:
            if tree.root() != marks[tree.size]:
                raise Bad("from here on the entries do not lead to the checkpoint of %d" % tree.size,
                          good)
            good = tree.size
        if index == len(entries):
            break
        leaf = leaf_hash(entries[index].encode())
        if index < len(leaves) and leaf != leaves[index]:
            raise Bad("the entry is not the one that was recorded", index)
        last = check_entry(index, entries[index], last)
        tree.add_leaf(leaf)
    if tree.size < max(marks):
        raise Bad("the log ends here, the checkpoint covers %d" % max(marks), tree.size)
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--log", required=True, metavar="FILE", help="the exported record")
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="a signed note")
    parser.add_argument("--vkey", required=True, metavar="FILE", help="the record's public key")
    args = parser.parse_args()
    try:
        with open(args.checkpoint, encoding="utf-8") as file:
            note = file.read()
        with open(args.vkey, encoding="utf-8") as file:
            vkey = file.read()
        log, entries = read_log(args.log)
        size = verify(log, entries, note, vkey)
    except Bad as bad:
        where = "" if bad.index is None else "entry %d: " % bad.index
        print(f"bad: {where}{bad}")
        return 1
    except (OSError, UnicodeDecodeError) as error:
        print(f"bad: {error}")
        return 1
    beyond = len(entries) - size
    print(f"ok: {size} entries verified" + (f", {beyond} after the checkpoint" if beyond else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
