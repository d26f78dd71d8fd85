#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Every message that the programs of the tree write into the journal is in the list of base/log-names.h, and the
catalogue explains each of the list, in English and French; journalctl compiles it.

usage: test_log_names.py ROOT
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

FOLDERS = ("base", "record", "drivers", "daemon", "client")
CALLS = ("log_msg", "log_fault", "errors_log")  # the name is the second argument of each
# names that are not written where the call stands: the expression, by file, and where its words are
ELSEWHERE = {
    ("daemon/bus/errors.c", "name"): None,  # errors_log() itself: its callers are read
    ("base/log.c", "name"): None,  # log_fault() itself
    ("daemon/broker.c", "f->name"): ("daemon/session/crl.c", r"\.name = \"(crl-[a-z]+)\""),
}


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8") as f:
        return f.read()


def arguments(text, at):
    """The arguments of the call whose opening bracket is at text[@at], as written."""
    depth, start, found, quoted = 0, at + 1, [], False
    for i in range(at, len(text)):
        c = text[i]
        if c == '"' and text[i - 1] != "\\":
            quoted = not quoted
        if quoted:
            continue
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        if depth == 0 or depth == 1 and c == ",":
            found.append(text[start:i].strip())
            start = i + 1
        if depth == 0:
            return found
    return found


def written(root):
    """{name: places} of all that is written, and the calls that cannot be read."""
    found, strange = {}, []
    sources = sorted(p for folder in FOLDERS for p in glob.glob(os.path.join(root, folder, "**/*.c"), recursive=True))
    for path in sources:
        name = os.path.relpath(path, root)
        text = re.sub(r"/\*.*?\*/", lambda m: " " * len(m.group()), read(root, name), flags=re.S)
        for call in re.finditer(rf"\b(?:{'|'.join(CALLS)})(?=\()", text):
            if re.search(r"\b(?:void|int)\s+$", text[:call.start()]):
                continue  # its definition
            words = arguments(text, call.end())
            place = f"{name}:{text.count(chr(10), 0, call.start()) + 1}"
            second = words[1] if len(words) > 1 else ""
            literals = re.findall(r"\"([^\"]*)\"", second)
            if (name, second) in ELSEWHERE:
                where = ELSEWHERE[name, second]
                literals = re.findall(where[1], read(root, where[0])) if where else []
                if where and not literals:
                    strange.append(f"{place}: no words for {second}")
            elif not literals or re.fullmatch(r"(?:[^\"?:]*\?\s*)?\"[^\"]*\"(?:\s*:\s*\"[^\"]*\")?", second) is None:
                strange.append(f"{place}: the name of the message cannot be read: {second}")
            for literal in literals:
                found.setdefault(literal, []).append(place)
    return found, strange


def catalogue(text):
    """{(id, language): (subject, text)}, and what is not as it should be."""
    found, problems = {}, []
    for entry in re.split(r"^-- ", text, flags=re.M)[1:]:
        head, _, rest = entry.partition("\n")
        fields, _, body = rest.partition("\n\n")
        key = (head.split()[0], head.split()[1] if " " in head else "en")
        subject = re.search(r"^Subject: (.+)$", fields, re.M)
        if key in found:
            problems.append(f"catalogue: twice: {head}")
        if not subject or "Defined-By: vitaled" not in fields or len(body.strip()) < 20:
            problems.append(f"catalogue: not complete: {head}")
        found[key] = (subject.group(1) if subject else "", body.strip())
    return found, problems


def compiled(root):
    """What journalctl lists of our catalogue, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
            os.makedirs(os.path.join(folder, name))
        shutil.copy(os.path.join(root, "systemd/vitaled.catalog"), os.path.join(folder, "usr/lib/systemd/catalog"))
        subprocess.run(["journalctl", "--update-catalog", f"--root={folder}"], check=True)
        out = subprocess.run(["journalctl", "--list-catalog", f"--root={folder}"], check=True, capture_output=True,
                             text=True, env=dict(os.environ, LC_ALL="C")).stdout
    return dict(line.split(" ", 1) for line in out.splitlines())


def check(root):
    header = read(root, "base/log-names.h")
    names = re.findall(r"X\(\"([a-z0-9-]+)\", \"([0-9a-f]{32})\"\)", header)
    found, problems = written(root)
    explained, more = catalogue(read(root, "systemd/vitaled.catalog"))
    problems += more
    if len(names) != header.count('X("'):
        problems.append("base/log-names.h: a row is not a name and 32 hexadecimal digits")
    if len({n for n, _ in names}) != len(names) or len({i for _, i in names}) != len(names):
        problems.append("base/log-names.h: a name or an identifier stands there twice")
    problems += [f"{found[name][0]}: not in base/log-names.h: {name}" for name in sorted(set(found) - set(dict(names)))]
    problems += [f"base/log-names.h: nobody writes: {name}" for name, _ in names if name not in found]
    listed = compiled(root)
    for name, identifier in names:
        for language in ("en", "fr"):
            if (identifier, language) not in explained:
                problems.append(f"catalogue: no explanation in {language} of {name}")
        if explained.get((identifier, "en")) == explained.get((identifier, "fr")):
            problems.append(f"catalogue: the French of {name} is English")
        if listed.get(identifier) != f"vitaled: {explained.get((identifier, 'en'), ('?',))[0]}":
            problems.append(f"journalctl does not list {name} as it stands in the catalogue")
    strangers = {i for i, _ in explained} - {i for _, i in names}
    problems += [f"catalogue: an explanation of nothing: {i}" for i in sorted(strangers)]
    return problems, (len(names), sum(map(len, found.values())), len(explained))


if __name__ == "__main__":
    wrong, counts = check(sys.argv[1])
    for problem in wrong:
        print(problem)
    print("messages %d, calls %d, explanations %d" % counts)
    sys.exit(1 if wrong or min(counts) == 0 else 0)
