#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Every word that the service can say to a person is worded: reasons, errors, advices, findings, states. The words
come from the contract's XML, the list of names and the sources that give them; the sentences from the client, in
English by themselves and in French by its catalogue.

usage: test_words.py ROOT
"""
import glob
import os
import re
import subprocess
import sys


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8") as f:
        return f.read()


def comment_of(xml, element):
    """The comment right before @element."""
    return re.findall(r"<!--((?:(?!-->).)*)-->\s*" + re.escape(element), xml, re.S)[-1]


def given_advices(root):
    """What the sources give as Card.Advice."""
    found = set()
    for name in glob.glob(os.path.join(root, "drivers/card/**/*.c"), recursive=True):
        found |= set(re.findall(r"\.advice = \"([^\"]+)\"", read(root, name)))
    found |= set(re.findall(r"d->advice : \"([^\"]+)\"", read(root, "drivers/card/serve-ops.c")))
    text = read(root, "daemon/session/recognise.c")
    found |= set(re.findall(r"(?:settle|again|again_anew|advise)\([^;\"]*\"([^\"]+)\"\)", text))
    found |= set(re.findall(r"c->advice, sizeof\(c->advice\), \"([^\"]+)\"", read(root, "daemon/session/session-cards.c")))
    return found


def table(text, function):
    """The words of @function's table in words.c."""
    body = text[text.index(function + "("):]
    return set(re.findall(r"\{\"([^\"]+)\",\s*N_\(", body[:body.index("return look_up")]))


def joined(literals):
    return "".join(re.findall(r"\"((?:[^\"\\]|\\.)*)\"", literals))


def messages(text):
    """Every msgid of C source: N_(...), _(...) with literals joined."""
    found = set()
    for call in re.findall(r"\bN?_\(\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)\)", text):
        found.add(joined(call))
    return found


def catalogue(root):
    """{msgid: msgstr} of French, of what is translated and not doubtful."""
    out = subprocess.run(["msgattrib", "--translated", "--no-fuzzy", "--no-obsolete", "--no-wrap",
                          os.path.join(root, "po/fr.po")], check=True, capture_output=True, text=True).stdout
    text = r"((?:\"(?:[^\"\\]|\\.)*\"\n?)+)"
    pairs = re.findall(rf"^msgid {text}(?:msgid_plural {text})?msgstr(?:\[0\])? {text}", out, re.M)
    return {joined(one): joined(french) for one, _, french in pairs}


def check(root):
    xml = read(root, "include/dbus/org.vitaled1.xml")
    errors = read(root, "include/vitaled/errors.h")
    words = read(root, "client/words.c")
    rows = read(root, "client/messages.c")
    names = dict(re.findall(r"X\((\w+), \"\w+\", \"([a-z-]+)\"\)", errors))
    bus = set(re.findall(r"X\(\w+, \"(\w+)\", \"[a-z-]+\"\)", errors))
    names |= dict(re.findall(r"X\((\w+), \"([a-z-]+)\"\)", errors))
    problems = [f"reason without a row: {word}" for ident, word in names.items() if f"ROW({ident}," not in rows]

    for said in re.findall(r"Errors: ((?:(?!-->).)*?)\.\s*(?:-->|polkit|Where|$)", xml, re.S):
        for name in re.findall(r"\b([A-Z][a-z]+[A-Z]\w+)\b", re.sub(r"\([^)]*\)", "", said)):
            if name not in bus and not re.search(rf"name=\"{name}\"", xml):
                problems.append(f"error of the contract that is in no list: {name}")

    advices = set(re.findall(r"\b[a-z]+(?:-[a-z0-9]+)+\b|\bcps2ter\b",
                             comment_of(xml, '<property name="Advice"').split("empty:")[1]))
    given = given_advices(root)
    problems += [f"advice in {where} alone: {a}" for where, a in
                 [("the sources", a) for a in given - advices] + [("the contract", a) for a in advices - given]]
    problems += [f"advice without a sentence: {a}" for a in (given | advices) - table(words, "message_advice")]

    told = set(re.findall(r"([a-z]+(?:-[a-z]+)+)(?= \(|,|\.)", comment_of(xml, '<method name="Diagnose"')
                          .split("facts:")[1].split("polkit")[0]))
    header = read(root, "include/vitaled/findings.h")
    service = header[header.index("VITALED_SERVICE_FINDINGS(X)"):header.index("VITALED_DOCTOR_FINDINGS(X)")]
    findings = dict(re.findall(r"X\((\w+), \"([a-z-]+)\"\)", header))
    problems += [f"finding without a sentence: {word}" for ident, word in findings.items()
                 if f"ROW({ident}," not in read(root, "client/findings.c")]
    problems += [f"finding of the contract that is in no list: {f}"
                 for f in told - set(findings.values()) - set(names.values())]
    problems += [f"finding of the service that the contract does not name: {f}"
                 for f in re.findall(r"X\(\w+, \"([a-z-]+)\"\)", service) if not re.search(rf"\b{f}\b", comment_of(
                     xml, '<method name="Diagnose"'))]
    both = set(findings.values()) & set(names.values())
    problems += [f"a finding and an error have one name: {f}" for f in both]

    states = set(re.findall(r"\[SESSION_STATE_\w+\] = \"([a-z-]+)\"", read(root, "daemon/session/state.c")))
    problems += [f"state without a word: {s}" for s in states - table(words, "message_state")]

    table_of_rules = read(root, "doc/rights.md").split("| rule | refuses |")[1].split("\n\n")[0]
    rules = set(re.findall(r"^\| `([a-z-]+)` \|", table_of_rules, re.M))
    worded = set(re.findall(r'^\t\{"([a-z-]+)",', read(root, "client/rules.c"), re.M))
    problems += [f"rule without a sentence: {r}" for r in rules - worded]
    problems += [f"sentences for a rule that doc/rights.md does not have: {r}" for r in worded - rules]
    acts = re.search(r"words\[SESSION_INTENTS\] = \{(.*?)\}", read(root, "daemon/session/types.h"), re.S)[1]
    problems += [f"act without words: {a}" for a in set(re.findall(r'"([a-z-]+)"', acts)) - table(words, "message_act")]

    french = catalogue(root)
    for source in sorted(glob.glob(os.path.join(root, "client/*.c"))) + [os.path.join(root, "drivers/usb/words.c")]:
        for message in messages(read(root, source)):
            if not french.get(message):
                problems.append(f"no French in {os.path.basename(source)}: {message}")
    return problems, (len(names), len(given), len(findings), len(states), len(rules), len(french))


if __name__ == "__main__":
    found, counts = check(sys.argv[1])
    for problem in found:
        print(problem)
    print("reasons %d, advices %d, findings %d, states %d, rules %d, French messages %d" % counts)
    sys.exit(1 if found or min(counts) == 0 else 0)
