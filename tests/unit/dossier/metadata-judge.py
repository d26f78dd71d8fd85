#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Two judges of the same metadata: the published schema (by the jsonschema module) and the program's own
check (metadata-judge). The cases are generated from the schema: whole ones, and whole ones with one thing
wrong or at an edge; always the same ones. What the program shows of what it takes must be $defs/facts
and $defs/row. The rules that a schema cannot say are said here once more, in a few lines. Without the
jsonschema module (no dependency of vitaled; ./run installs it) exit status 77 says that it was skipped.

usage: metadata-judge.py ROOT JUDGE"""
import datetime
import json
import pathlib
import random
import re
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)

root, judge = pathlib.Path(sys.argv[1]), sys.argv[2]
schema = json.loads((root / "doc/metadata.schema.json").read_text(encoding="utf-8"))
sections = {t["type"]: t["section"]
            for t in json.loads((root / "daemon/dossier/data/types.json").read_text(encoding="utf-8"))["types"]}
dice = random.Random(5)
TODAY = datetime.date.today()

TEXTS = ["x", "é", "Compte rendu", "L'œil — «vu»", "😀", "a" * 64, "é" * 200, "\u00a0", '"\\', "\ufeff", "\u2028"]
DATES = ["1850-01-01", "2000-02-29", "1999-12-31", str(TODAY), str(TODAY + datetime.timedelta(200))]
ODD = [None, True, False, 0, 1, -1, 2, 2**31, 2**53, -2**63, 2**63 - 1, "", " ", "x", "here", "elsewhere", "\t", "a\n", "\u0085",
       "\u009f", "\u007f", "\u001b[31m", "é" * 64, "é" * 65, "é" * 200, "é" * 201, "😀" * 201, "1849-12-31", "1850-01-01",
       "2199-12-31", "2200-01-01", "9999-12-31", "2023-02-29", "2024-02-29", "1900-02-29", "2026-1-1", "2026-01-01\n",
       "02026-01-01", "٢٠٢٦-٠١-٠١", str(TODAY + datetime.timedelta(300)), str(TODAY + datetime.timedelta(3000)),
       "text/plain\n", "a/b", "A/b", "a/b;c", "0" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "F" * 64, [], ["masque_ps"],
       ["masque_ps", "masque_ps"], ["masque_ps", "x"], [None], {}, {"kind": "allergy"}, "+33 1", "112", "12", "1" * 31, "112\n",
       268435456, 268435457, [[[[1]]]]]


def resolve(node):
    """@node with its references followed; what stands beside a reference wins."""
    while "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        node = {**schema["$defs"][name], "def": name, **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def whole(node):
    """A value that @node takes."""
    node = resolve(node)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return dice.choice(node["enum"])
    if "oneOf" in node:
        return whole(dice.choice(node["oneOf"]))
    if node["type"] == "object":
        names = [n for n in node["properties"] if n in node["required"] or dice.random() < 0.4]
        return {n: whole(node["properties"][n]) for n in names}
    if node["type"] == "array":
        return dice.sample(node["items"]["enum"], dice.randrange(3))
    if node["type"] == "boolean":
        return dice.random() < 0.5
    if node["type"] == "integer":
        return dice.choice([1, 4, 70000, node.get("maximum", 1)])
    return {"date": lambda: dice.choice(DATES), "mime": lambda: dice.choice(["text/plain", "a/b", "image/svg+xml"]),
            "sha256": lambda: "%064x" % dice.getrandbits(256),
            "text": lambda: dice.choice(TEXTS)[:node.get("maxLength", 200)]}.get(
                node.get("def"), lambda: dice.choice(["112", "+33 6 12 34 56 78", "01.02.03.04.05"]))()


def spoil(value):
    """@value with one thing changed, anywhere in it."""
    places = [(value, k) for k in value]
    if isinstance(value.get("entry"), dict):
        places += [(value["entry"], k) for k in value["entry"]] * 2
    where, key = dice.choice(places)
    do = dice.randrange(6)
    if do == 0:
        del where[key]
    elif do == 1:
        where[dice.choice(["x", "author", "status", "id", "Title", "date", "until", "text", "place", "entries"])] = dice.choice(ODD)
    elif do == 2 and "entry" in value and isinstance(value["entry"], dict):
        value["entry"]["kind"] = whole({"$ref": "#/$defs/entry"})["kind"]
    elif do == 3:
        value["size"] = 0
    else:
        where[key] = dice.choice(ODD)
    return value


def beyond(m):
    """The rules that the schema cannot say, of what it takes."""
    most = str(TODAY + datetime.timedelta(366))
    if m["date"] > most:
        return "date"
    entry = m.get("entry", {})
    if any(entry.get(n, "") > most for n in ("date", "since")):
        return "entry"
    if m.get("section", sections[m["type"]]) != sections[m["type"]]:
        return "section"
    return None


def main():
    take = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    shape = {n: jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/" + n}, format_checker=jsonschema.FormatChecker())
             for n in ("facts", "row")}
    cases = []
    for i in range(3000):
        m = whole(schema)
        m["section"] = sections[m["type"]] if dice.random() < 0.8 else m.get("section", sections[m["type"]])
        for _ in range(i % 3):
            m = spoil(m) if m else m
        cases.append(m)
    lines = [json.dumps(m, ensure_ascii=dice.random() < 0.5) for m in cases]
    assert all("\n" not in line for line in lines)
    out = subprocess.run([judge], input="\n".join(lines) + "\n", capture_output=True, encoding="utf-8", check=True)
    told = [json.loads(line) for line in out.stdout.split("\n")[:-1]]
    assert len(told) == len(cases)
    taken = refused = 0
    kinds = set()
    for m, t in zip(cases, told):
        valid = take.is_valid(m)
        said = beyond(m) if valid else "schema"
        if (said is None) != ("wrong" not in t) or (valid and said and said != t["wrong"]):
            print("differs:", said, t.get("wrong"), json.dumps(m, ensure_ascii=False))
            return 1
        refused += said is not None
        if said is None:
            taken += 1
            kinds.add(m.get("entry", {}).get("kind"))
            for name, row in t.items():
                shape["facts" if name == "facts" else "row"].validate(row)
            assert t["row"]["title"] == m["title"] and not re.search(r"title|sha256|mime", json.dumps(t["deleted"]))
    # reals are refused before anything else looks at them, though 1.0 is 1 to a schema
    out = subprocess.run([judge], input='{"format": 1.0}\n', capture_output=True, encoding="utf-8", check=True)
    assert json.loads(out.stdout) == {"wrong": "json"}
    print(f"{taken} taken, {refused} refused, {len(kinds) - 1} kinds of entries")
    return not (taken > 900 and refused > 900 and len(kinds) > 10)


sys.exit(main())
