#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Write types.json, checked against sections.json, as a table of C: tabulate.py SECTIONS TYPES OUT."""
import json
import re
import sys

CODE = re.compile(r"[a-z][a-z-]{1,30}[a-z]")


def rows(path, name):
    with open(path, encoding="utf-8") as f:
        data = json.load(f)
    assert data["format"] == 1 and data["date"] and data["source"], path
    codes = [row[name] for row in data[name + "s"]]
    assert len(set(codes)) == len(codes), path
    assert all(CODE.fullmatch(c) for c in codes), path
    return data[name + "s"]


def main(sections_path, types_path, out):
    sections = {row["section"] for row in rows(sections_path, "section")}
    types = rows(types_path, "type")
    assert len(sections) == 8, "eight sections"
    assert {row["section"] for row in types} == sections, "every section has a type, no other is named"
    with open(out, "w", encoding="utf-8") as f:
        f.write("/* made by tabulate.py */\n")
        for row in types:
            f.write('{"%s", "%s"},\n' % (row["type"], row["section"]))


main(*sys.argv[1:])
