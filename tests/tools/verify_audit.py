#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Check an exported record, or a proof of it, against checkpoints and the record's public key.

Shares no code with the daemon: Python's standard library, and the openssl program for Ed25519.
The tree and its proofs are those of RFC 6962 section 2.1, the checkpoint a C2SP signed note, the export
as doc/audit.md describes it. Exit status: 0 all is well, 1 something is not (the first bad entry is
named as well as it can be), 2 wrong usage.

The export also lists the hashes of its leaves. When these lead to the checkpoint's root they are
proven, and the first entry that does not hash to its leaf is named exactly. When they do not, the
first entry that the checkpoints do not vouch for is named. An entry that is null was pruned: only its
proven leaf is left, only the oldest may be so, and an entry "pruned" must say up to which one.
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


# -- proofs ---------------------------------------------------------------------------------------


def split(size):
    """The largest power of two below @size."""
    return 1 << (size - 1).bit_length() - 1


def root_of_path(index, size, leaf, path):
    """RFC 6962 section 2.1.1, read backwards: the root to which the audit path leads."""
    if size == 1:
        if path:
            raise Bad("the path is too long")
        return leaf
    if not path:
        raise Bad("the path is too short")
    k = split(size)
    if index < k:
        return node_hash(root_of_path(index, k, leaf, path[:-1]), path[-1])
    return node_hash(path[-1], root_of_path(index - k, size - k, leaf, path[:-1]))


def roots_of_growth(old, size, path, known):
    """RFC 6962 section 2.1.2, read backwards: the roots of both trees. @known: the old root while the old
    tree is a whole node of the new one; None: it is the path's first hash."""
    if old == size:
        if len(path) != (0 if known else 1):
            raise Bad("the path has another length")
        return (known, known) if known else (path[0], path[0])
    if not path:
        raise Bad("the path is too short")
    k = split(size)
    if old <= k:
        before, now = roots_of_growth(old, k, path[:-1], known)
        return before, node_hash(now, path[-1])
    before, now = roots_of_growth(old - k, size - k, path[:-1], None)
    return node_hash(path[-1], before), node_hash(path[-1], now)


def read_path(proof):
    path = proof.get("path")
    if not isinstance(path, list) or not all(isinstance(h, str) for h in path):
        raise Bad("the proof has no path")
    path = [decode(h, "a hash of the path") for h in path]
    if any(len(h) != 32 for h in path):
        raise Bad("a hash of the path is not a SHA-256")
    return path


def verify_entry(proof, vkey):
    """An answer of GetAuditProof; returns the entry's number and the record's size."""
    size, root = read_checkpoint(proof["checkpoint"], vkey)
    index, text = proof["index"], proof["entry"]
    leaf = decode(proof["leaf"], "the leaf") if text is None else leaf_hash(text.encode())
    if not 0 <= index < size or root_of_path(index, size, leaf, read_path(proof)) != root:
        raise Bad("the entry does not lead to the checkpoint's root", index)
    if text is not None:
        check_entry(index, text, None)
    return index, size


def verify_growth(proof, note, vkey):
    """An answer of GetAuditConsistency to the checkpoint @note; returns both sizes."""
    old, old_root = read_checkpoint(note, vkey)
    size, root = read_checkpoint(proof["checkpoint"], vkey)
    path = read_path(proof)
    if size < old:
        raise Bad("the record has %d entries, it had %d: it was rolled back" % (size, old), size)
    if old == 0:
        good = not path and old_root == hashlib.sha256(b"").digest()
    else:
        good = roots_of_growth(old, size, path, old_root) == (old_root, root)
    if not good:
        raise Bad("the old record is not the beginning of the new one")
    return old, size


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


def is_number(value):
    """A number of what entries hold; for Python True is one as well."""
    return isinstance(value, int) and not isinstance(value, bool) and -2**63 <= value < 2**63


def check_entry(index, text, last):
    """An entry's own form, place and time; returns its (boot id, boot time)."""
    try:
        entry = json.loads(text, object_pairs_hook=unique)
        same = isinstance(entry, dict) and canonical(entry) == text
    except (ValueError, RecursionError) as error:
        raise Bad("the entry is not JSON", index) from error
    if not same:
        raise Bad("the entry is not in canonical form", index)
    if not all(is_number(entry.get(name)) for name in ("format", "sequence")) \
            or entry["format"] != 1 or entry["sequence"] != index:
        raise Bad("the entry is not number %d" % index, index)
    now = (entry.get("boot-id"), entry.get("boot-time"))
    if not isinstance(now[0], str) or len(now[0].encode()) > 64 or not is_number(now[1]) \
            or not is_number(entry.get("time")) or not isinstance(entry.get("event"), str):
        raise Bad("the entry lacks its time or event", index)
    if last and last[0] == now[0] and now[1] < last[1]:
        raise Bad("the entry is older than the one before it", index)
    return now


def parse_log(text):
    try:
        log = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Bad(f"the log is not JSON: {error}") from error
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list) or not is_number(log.get("format")) or log["format"] != 1 \
            or not all(isinstance(e, (str, type(None))) for e in entries) \
            or not all(isinstance(log.get(name), str) for name in ("origin", "vkey", "checkpoint")) \
            or set(log) - {"format", "origin", "vkey", "checkpoint", "entries", "leaves"}:
        raise Bad("the log is not an export of format 1")
    return log


def root_of(leaves):
    tree = Tree()
    for leaf in leaves:
        tree.add_leaf(leaf)
    return tree.root()


def listed_leaves(log, size):
    """The leaves of the export, as bytes; [] when they are not what an export lists."""
    leaves = log.get("leaves")
    if not isinstance(leaves, list) or len(leaves) < size:
        return []
    try:
        leaves = [decode(text, "a leaf") for text in leaves]
    except (Bad, TypeError):
        return []
    return leaves if all(len(leaf) == 32 for leaf in leaves) else []


def checkpoints(log, note, vkey):
    """Sizes of the checkpoint given and of the export's own, and the roots by size. Without its own one
    nothing would say where the export ends, and what comes behind the last checkpoint is anybody's."""
    size, root = read_checkpoint(note, vkey)
    own, own_root = read_checkpoint(log["checkpoint"], vkey)
    if log["vkey"] != vkey.strip() or log["origin"] != read_vkey(vkey)[0]:
        raise Bad("the log is of another record, or of another key")
    marks = {size: root}
    if marks.setdefault(own, own_root) != own_root:
        raise Bad("two checkpoints of one size differ: the record was rewritten")
    return size, own, marks


class Checker:
    """Takes the entries one after the other. What it knows of those before is index, last, said and, when
    the leaves are not proven, the tree."""

    def __init__(self, log, note, vkey):
        self.size, self.own, self.marks = checkpoints(log, note, vkey)
        self.covered = max(self.marks)
        self.leaves = listed_leaves(log, self.covered)
        self.listed = "leaves" in log
        self.proven = len(self.leaves) >= self.covered and \
            all(root_of(self.leaves[:size]) == root for size, root in self.marks.items())
        self.tree, self.index, self.good, self.last, self.pruned, self.said = Tree(), 0, 0, None, 0, 0
        self.meet()

    def meet(self):
        """At a checkpoint: does all before lead to it?"""
        if self.index in self.marks:
            if not self.proven and self.tree.root() != self.marks[self.index]:
                raise Bad("from here on the entries do not lead to the checkpoint of %d" % self.index,
                          self.good)
            self.good = self.index

    def take_pruned(self):
        if self.index >= len(self.leaves) or self.pruned != self.index:
            raise Bad("the entry is missing", self.index)
        self.pruned += 1
        return self.leaves[self.index]

    def take_text(self, text):
        try:
            leaf = leaf_hash(text.encode())
        except UnicodeEncodeError as error:
            raise Bad("the entry is not text", self.index) from error
        if self.proven and self.index < self.covered and leaf != self.leaves[self.index]:
            raise Bad("the entry is not the one that was recorded", self.index)
        self.last = check_entry(self.index, text, self.last)
        if self.pruned and self.index < self.covered:
            self.note_pruned(json.loads(text))
        return leaf

    def note_pruned(self, entry):
        """What no checkpoint covers may claim nothing."""
        details = entry.get("details")
        last = details.get("last") if isinstance(details, dict) else None
        if entry["event"] == "pruned" and is_number(last) and last >= 0:
            self.said = max(self.said, last + 1)

    def take(self, text):
        leaf = self.take_pruned() if text is None else self.take_text(text)
        if not self.proven:
            self.tree.add_leaf(leaf)
        self.index += 1
        self.meet()

    def end(self):
        if self.index < self.covered:
            raise Bad("the log ends here, the checkpoint covers %d" % self.covered, self.index)
        if self.index > self.own:
            raise Bad("the log's own checkpoint ends here", self.own)
        if self.pruned > self.said:
            raise Bad("the entry is missing, and nothing says that it was pruned", self.said)
        if self.listed and (not self.proven or len(self.leaves) != self.own):
            raise Bad("the entries are good, but the list of their hashes was changed")


def verify(log, note, vkey):
    """Checks all; returns the checker."""
    checker = Checker(log, note, vkey)
    for text in log["entries"]:
        checker.take(text)
    checker.end()
    return checker


def read_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check(args):
    """What is to be said when all is well."""
    vkey = read_text(args.vkey)
    if args.entry:
        return "entry %d is in the record of %d entries" % verify_entry(json.loads(read_text(args.entry)), vkey)
    note = read_text(args.checkpoint)
    if args.growth:
        return "the record grew from %d to %d entries" % verify_growth(json.loads(read_text(args.growth)),
                                                                       note, vkey)
    done = verify(parse_log(read_text(args.log)), note, vkey)
    beyond = done.index - done.size
    return f"{done.size} entries verified" + (f", {beyond} after the checkpoint" if beyond else "") + \
        (f", {done.pruned} of them pruned" if done.pruned else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--log", metavar="FILE", help="the exported record")
    what.add_argument("--entry", metavar="FILE", help="a proof of one entry (GetAuditProof)")
    what.add_argument("--growth", metavar="FILE", help="a proof from --checkpoint on (GetAuditConsistency)")
    parser.add_argument("--checkpoint", metavar="FILE", help="a signed note that was kept")
    parser.add_argument("--vkey", required=True, metavar="FILE", help="the record's public key")
    args = parser.parse_args()
    if not args.entry and not args.checkpoint:
        parser.error("--checkpoint is needed")
    try:
        print("ok: " + check(args))
    except Bad as bad:
        where = "" if bad.index is None else "entry %d: " % bad.index
        print(f"bad: {where}{bad}")
        return 1
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        print(f"bad: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
