#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""The vectors of metadata-vectors.json against doc/metadata.schema.json, and the schema's codes against
the data files. Without the jsonschema module (it is no dependency of vitaled) only the codes are
looked at: exit status 77 then says that the rest was skipped."""
import json
import pathlib
import sys

root = pathlib.Path(sys.argv[1])


def load(path):
    with open(root / path, encoding="utf-8") as f:
        return json.load(f)


schema = load("doc/metadata.schema.json")
types = load("daemon/dossier/data/types.json")["types"]
sections = load("daemon/dossier/data/sections.json")["sections"]
FED = "reimbursement"  # what the health insurer feeds is shown and never submitted
assert schema["$defs"]["type"]["enum"] == [t["type"] for t in types if t["type"] != FED]
assert {"const": FED} in schema["$defs"]["row"]["properties"]["type"]["anyOf"] and FED in [t["type"] for t in types]
assert schema["$defs"]["section"]["enum"] == [s["section"] for s in sections]

try:
    import jsonschema
except ImportError:
    sys.exit(77)

check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
check.check_schema(schema)
bad = 0
for v in load("tests/unit/dossier/metadata-vectors.json"):
    if "schema" in v:
        continue  # what a schema cannot say
    if check.is_valid(v["metadata"]) != (v["wrong"] is None):
        print("differs:", v)
        bad += 1
sys.exit(bad > 0)
