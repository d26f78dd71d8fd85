# SPDX-License-Identifier: EUPL-1.2
"""What disk.c wrote down, and the disk as it may look when the power goes in the middle of it.

A file holds what its last sync left and, of the writes after it, any: whole, cut at sectors, in any
order. A folder holds the names that its last sync left and, of the changes after it, any: a sync of a
file is none of its name. So POSIX lets it be; the file systems that we know promise more.
"""
import mmap
import os
import struct

HEADER = struct.Struct("<IIQQII")
CONTROL = struct.Struct("<QQIIII")
PLAIN, KILL, ONCE, UNTIL = range(4)


class Control:
    """The file that the preloaded library shares with the test (struct disk_control)."""

    def __init__(self, path, mode=PLAIN, nth=0, error=0):
        with open(path, "wb") as f:
            f.write(CONTROL.pack(0, nth, mode, error, 0, 0))
        os.chmod(path, 0o666)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), CONTROL.size)

    def __getitem__(self, name):
        return dict(zip(("count", "nth", "mode", "error", "healed", "met"), CONTROL.unpack(self.map)))[name]

    def set(self, mode, nth, error=0):
        """@nth: of the changes from now on."""
        count = self["count"]
        CONTROL.pack_into(self.map, 0, count, count + nth, mode, error, 0, 0)


def env(library, folder, control, log=None):
    """What the preloaded library is told by the environment."""
    found = {"LD_PRELOAD": library, "VITALED_DISK": folder, "VITALED_DISK_CONTROL": control}
    return {**found, **({"VITALED_DISK_LOG": log} if log else {})}


def read_log(path):
    """[(op, inode, number, path, other)]"""
    with open(path, "rb") as f:
        data = f.read()
    found, at = [], 0
    while at < len(data):
        size, op, inode, number, path_len, other_len = HEADER.unpack_from(data, at)
        assert size == HEADER.size + path_len + other_len, "the log is torn"
        start = at + HEADER.size
        found.append((chr(op), inode, number, data[start:start + path_len].decode(),
                      data[start + path_len:at + size]))
        at += size
    return found


class File:
    def __init__(self):
        self.synced = bytearray()
        self.pending = []  # (offset, bytes), or a size


def apply(data, change):
    if isinstance(change, int):
        if change < len(data):
            del data[change:]
        else:
            data.extend(bytes(change - len(data)))
        return
    at, piece = change
    if at > len(data):
        data.extend(bytes(at - len(data)))
    data[at:at + len(piece)] = piece


def sectors(change, size):
    """A write as the pieces that a disk of such sectors takes one by one."""
    if isinstance(change, int):
        return [change]
    at, piece = change
    found, start = [], 0
    while start < len(piece):
        end = min(len(piece), start + size - (at + start) % size)
        found.append((at + start, piece[start:end]))
        start = end
    return found


class Folder:
    def __init__(self):
        self.synced = {}   # name: File or Folder
        self.pending = []  # (name gone or None, name that came or None, what)

    def now(self):
        names = dict(self.synced)
        for change in self.pending:
            rename(names, change)
        return names


def rename(names, change):
    gone, came, what = change
    if gone:
        names.pop(gone, None)
    if came:
        names[came] = what


class Disk:
    """Takes the log record by record; image() at any moment."""

    def __init__(self):
        self.root = Folder()
        self.inodes = {}

    def folder(self, path):
        at = self.root
        for name in filter(None, path.split("/")):
            at = at.now()[name]
        return at

    def split(self, path):
        head, _, name = path.rpartition("/")
        return self.folder(head), name

    def take(self, record):
        op, inode, number, path, other = record
        if op == "C":
            made = self.inodes[inode] = File()
            folder, name = self.split(path)
            folder.pending.append((None, name, made))
        elif op == "D":
            folder, name = self.split(path)
            folder.pending.append((None, name, Folder()))
        elif op == "W":
            self.inodes[inode].pending.append((number, other))
        elif op == "T":
            self.inodes[inode].pending.append(number)
        elif op == "S" and path:
            at = self.folder("" if path == "." else path)
            at.synced, at.pending = at.now(), []
        elif op == "S":
            at = self.inodes[inode]
            for change in at.pending:
                apply(at.synced, change)
            at.pending = []
        elif op in "UL" or op == "R":
            self.take_name(op, path, other.decode())

    def take_name(self, op, path, other):
        folder, name = self.split(path)
        if op == "U":
            folder.pending.append((name, None, None))
            return
        what = folder.now()[name]
        to, came = self.split(other)
        assert to is folder, "within one folder"
        folder.pending.append((name if op == "R" else None, came, what))

    # -- what is left ----------------------------------------------------------------------------------

    def image(self, to, how, rng):
        """Write what may be left into the folder @to. @how: "all" (a kill), "none" (of what was not
        synced), 512 or 4096 (torn at such sectors), "order" (some writes whole, others not)."""
        self.write_folder(self.root, to, how, rng)

    def write_folder(self, folder, to, how, rng):
        os.makedirs(to, 0o700, exist_ok=True)
        names = dict(folder.synced)
        for change in chosen_names(folder.pending, how, rng):
            rename(names, change)
        for name, what in names.items():
            path = os.path.join(to, name)
            if isinstance(what, Folder):
                self.write_folder(what, path, how, rng)
                continue
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(content(what, how, rng))


def chosen_names(pending, how, rng):
    if how == "none":
        return []
    if how == "all":
        return pending
    if rng.random() < 0.5:  # as a journal keeps them
        return pending[:rng.randrange(len(pending) + 1)]
    return [change for change in pending if rng.random() < 0.5]


def content(file, how, rng):
    data = bytearray(file.synced)
    if how == "none":
        return data
    share = rng.choice([0.1, 0.5, 0.9, 0.99])
    for change in file.pending:
        if how == "all":
            apply(data, change)
            continue
        pieces = sectors(change, how) if how in (512, 4096) else [change]
        for piece in pieces:
            if rng.random() < share:
                apply(data, piece)
    if how != "all" and rng.random() < 0.5:  # the size arrived, the bytes did not
        whole = bytearray(file.synced)
        for change in file.pending:
            apply(whole, change)
        data.extend(bytes(max(0, len(whole) - len(data))))
    return data


# -- what was said --------------------------------------------------------------------------------------


class Promises:
    """Lines of drive.h: what must be there, and what else may be."""

    def __init__(self):
        self.kept = {}   # key: value acknowledged
        self.maybe = {}  # key: values attempted since

    def take(self, line):
        mark, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        if mark == "?":
            self.maybe.setdefault(key, []).append(value)
        elif mark == "-":
            self.maybe[key].remove(value)
        elif mark == "+":
            new, sha = "new/" + key[4:6], value.split(":")[0]
            if key.startswith("doc/") and key not in self.kept and sha in self.maybe.get(new, []):
                self.maybe[new].remove(sha)
            self.kept[key] = value
            self.maybe.pop(key, None)

    def copy(self):
        other = Promises()
        other.kept, other.maybe = dict(self.kept), {k: list(v) for k, v in self.maybe.items()}
        return other

    def broken(self, seen):
        """What is wrong with @seen, {key: value}; an empty list when nothing is."""
        found = []
        for key, value in self.kept.items():
            if key.startswith(("entry/", "checkpoint/")):
                continue
            allowed = [value] + self.maybe.get(key, [])
            if seen.get(key) not in allowed and "*" not in allowed:
                found.append(f"{key} was {value}, is {seen.get(key)}")
        maybe = {k: list(v) for k, v in self.maybe.items()}
        for key, value in seen.items():
            if not key.startswith("doc/") or key in self.kept:
                continue
            left, sha = maybe.get("new/" + key[4:6], []), value.split(":")[0]
            if sha in left and value.split(":")[1] == "active":
                left.remove(sha)
            else:
                found.append(f"{key} is {value}: nobody added it")
        return found
