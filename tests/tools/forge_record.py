#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Records for tests, made without the service: RFC 6962 and C2SP by Python, Ed25519 by openssl.

As a program: forge_record.py ENTRIES FOLDER writes export.json, checkpoint.txt and vkey.txt.
"""
import base64
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile

from verify_audit import DASH, SPKI, Tree, leaf_hash, split

ORIGIN = "forged.example/record"
EVENTS = ("session-opened", "pin", "proof", "consent", "unlocked", "dossier-listed", "document-read", "denied",
          "session-ended")
START = 1700000000000000  # us


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


class Key:
    """An Ed25519 key of openssl's making."""

    def __init__(self, name=ORIGIN):
        self.name = name
        self.pem = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True,
                                  check=True).stdout
        public = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=self.pem,
                                capture_output=True, check=True).stdout
        assert public.startswith(SPKI)
        data = b"\x01" + public[len(SPKI):]
        self.id = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(data).decode()}"

    def sign(self, text):
        with tempfile.TemporaryDirectory() as folder:
            for name, data in (("key", self.pem), ("text", text.encode())):
                with open(f"{folder}/{name}", "wb") as file:
                    file.write(data)
            return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", f"{folder}/key", "-in",
                                   f"{folder}/text"], capture_output=True, check=True).stdout

    def note(self, size, root):
        body = f"{self.name}\n{size}\n{base64.b64encode(root).decode()}\n"
        signed = base64.b64encode(self.id + self.sign(body)).decode()
        return f"{body}\n{DASH}{self.name} {signed}\n"


def entry(index, rng, **more):
    """Canonical text of one that looks like the service's."""
    members = {"format": 1, "sequence": index, "time": START + index * 1000003, "boot-time": 1000 + index,
               "boot-id": "0123456789abcdef0123456789abcdef", "event": rng.choice(EVENTS), "outcome": "ok",
               "session": f"session/{index // 9}@01234567", "caller-uid": 1000, "caller": f":1.{index % 50}",
               "application": "Cabinet \"Léo\" 2.1" if index % 50 == 7 else "Cabinet 2.1",
               "professional": f"89975000000{rng.randrange(4)}", "structure": f"10B018888{rng.randrange(2)}",
               "pseudonym": hashlib.sha256(b"%d" % rng.randrange(40)).hexdigest(),
               "mode": rng.choice(("normal", "normal", "normal", "bris_de_glace", "centre_15"))}
    return canonical({**members, **more})


def texts(count, seed=1):
    rng = random.Random(seed)
    return [entry(i, rng) for i in range(count)]


def leaves(entries):
    return [leaf_hash(text.encode()) for text in entries]


def tree_root(hashes):
    tree = Tree()
    for leaf in hashes:
        tree.add_leaf(leaf)
    return tree.root()


def growth(hashes, old):
    """RFC 6962 section 2.1.2: the proof from the first @old of the leaves @hashes on to all of them."""
    def subproof(part, m, whole):
        if m == len(part):
            return [] if whole else [tree_root(part)]
        k = split(len(part))
        if m <= k:
            return subproof(part[:k], m, whole) + [tree_root(part[k:])]
        return subproof(part[k:], m - k, False) + [tree_root(part[:k])]
    return subproof(hashes, old, True) if old else []


def export(key, note, entries, hashes=None):
    """As the service writes it; None stands for a pruned entry, whose leaf is then in @hashes."""
    hashes = hashes or leaves(entries)
    quoted = [json.dumps(text, ensure_ascii=False) if text is not None else "null" for text in entries]
    rows = [f'"{base64.b64encode(h).decode()}"' for h in hashes]
    lines = lambda rows: "[" + ",".join("\n" + row for row in rows) + "\n]"
    return (f'{{"format":1,\n"origin":{json.dumps(key.name)},\n"vkey":{json.dumps(key.vkey)},\n'
            f'"checkpoint":{json.dumps(note, ensure_ascii=False)},\n"entries":{lines(quoted)},\n'
            f'"leaves":{lines(rows)}}}\n')


def main():
    count, folder = int(sys.argv[1]), sys.argv[2]
    key, entries = Key(), texts(count)
    note = key.note(count, tree_root(leaves(entries)))
    for name, text in (("export.json", export(key, note, entries)), ("checkpoint.txt", note),
                       ("vkey.txt", key.vkey + "\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
