#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The tables of doc/rights.md are those of the data files, and its rules those of rights.c.

usage: rights_tables.py ROOT [--write]   (--write: put the tables of the data files into the document)
"""
import json
import os
import re
import sys

SHORT = {"ps": "PS", "doctor": "Dr", "treating-doctor": "MT", "occupational": "Occ", "employee": "CPE",
         "structure": "ES", "agent": "agent", "feeder": "feed", "holder": "holder", "representative": "representative"}
ROLES = {"normal": ["ps", "doctor", "treating-doctor", "occupational", "employee", "structure"],
         "bris_de_glace": ["ps", "doctor", "treating-doctor"],
         "centre_15": ["ps", "doctor", "treating-doctor", "structure"],
         "administration": ["ps", "employee", "agent", "feeder"],
         "patient": ["holder", "representative"]}
CELLS = {"yes": "y", "no": "–", "own": "own", "self": "self", "allowed": "y⁷"}


def cell(layer, mode, role):
    column = layer[mode]
    return CELLS[column if isinstance(column, str) else column[role]]


def row_cells(action, mode):
    """The cells of @mode, with what holds when masked behind a slash where that differs."""
    found = []
    for role in ROLES[mode]:
        plain = cell(action["cells"], mode, role)
        masked = cell(action["masked"], mode, role) if "masked" in action and plain != "–" else plain
        found.append(plain if masked in (plain, "y") else f"{plain} / {masked}")
    return found


def line(cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])


def needs(action):
    words = [action["consent"]] + [w for w in ("code", "until") if action.get(w)]
    return ", ".join(words)


def is_open(action, modes):
    return any(c != "–" for mode in modes for c in row_cells(action, mode))


def matrices(actions):
    roles = ROLES["normal"]
    yield "normal", table(
        ["action", "intent", "consent", *(SHORT[r] for r in roles), "source"],
        [[a["action"], a["intent"] or "any", needs(a), *row_cells(a, "normal"), a["source"]] for a in actions])
    modes = ("bris_de_glace", "centre_15")
    yield "emergencies", table(
        ["action", *(f"{mode} {SHORT[r]}" for mode in modes for r in ROLES[mode])],
        [[a["action"], *(c for mode in modes for c in row_cells(a, mode))] for a in actions if is_open(a, modes)])
    modes = ("administration", "patient")
    yield "others", table(
        ["action", *(SHORT[r] for mode in modes for r in ROLES[mode])],
        [[a["action"], *(c for mode in modes for c in row_cells(a, mode))] for a in actions if is_open(a, modes)])


def layered(actions, layer):
    """Who still may, of those whose cell is not no."""
    rows = []
    for a in actions:
        if layer not in a:
            continue
        who = [f"{mode}: " + ", ".join(SHORT[r] for r in roles if cell(a["cells"], mode, r) != "–"
                                       and cell(a[layer], mode, r) == "y")
               for mode, roles in ROLES.items()
               if any(cell(a["cells"], mode, r) != "–" and cell(a[layer], mode, r) == "y" for r in roles)]
        rows.append([a["action"], "; ".join(who) or "nobody"])
    return table(["action", "who"], rows)


def tables(root):
    def load(name):
        with open(os.path.join(root, "daemon/consent/data", name), encoding="utf-8") as f:
            return json.load(f)

    actions = load("actions.json")["actions"]
    professions, sectors = load("professions.json"), load("sectors.json")["sectors"]
    yield from matrices(actions)
    yield "patients-documents", layered(actions, "patients-documents")
    yield "insurers-documents", layered(actions, "insurers-documents")
    yield "cards", table(["G02", "card", "use", "administration"],
                         [[f"{c['code']:02}", c["label"], c["use"], c["administration"]] for c in professions["cards"]])
    for role, word in (("doctor", "Doctor"), ("ps", "PS")):
        yield role, word + ": " + ", ".join(f"{p['code']} {p['label']}" for p in professions["professions"]
                                            if p["role"] == role) + "."
    yield "sectors", table(["code", "sector", "access", "why"],
                           [[s["code"], s["label"], s["access"], s.get("why", "")] for s in sectors])


def rules(root):
    """The refusals that rights.c can give."""
    with open(os.path.join(root, "daemon/consent/rights.c"), encoding="utf-8") as f:
        text = f.read()
    body = text[text.index("/* -- who acts"):text.index("static const char *allow(")]
    return set(re.findall(r'"([a-z][a-z-]+)"', re.sub(r"/\*.*?\*/", "", body, flags=re.S)))


def main():
    root = sys.argv[1]
    path = os.path.join(root, "doc/rights.md")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    problems = []
    for name, wanted in tables(root):
        begin, end = f"<!-- {name} -->\n", "\n<!-- end -->"
        start = text.index(begin) + len(begin)
        stop = text.index(end, start)
        if text[start:stop] != wanted:
            problems.append(f"the table {name} is not that of the data files")
            text = text[:start] + wanted + text[stop:]
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return 0
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", text.split("| rule | refuses |")[1].split("\n\n")[0], re.M))
    problems += [f"rule that the document does not list: {r}" for r in rules(root) - listed]
    problems += [f"rule that rights.c does not have: {r}" for r in listed - rules(root)]
    print("\n".join(problems) or "doc/rights.md agrees")
    return len(problems) > 0


if __name__ == "__main__":
    sys.exit(main())
