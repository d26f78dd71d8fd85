#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The contract in include/dbus, the bus policy and the polkit actions agree with the code.

usage: test_xml.py PROGRAM XML POLICY ACTIONS
PROGRAM --introspect prints what introspection says of every interface of ours.
"""
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

CALLED_BY_US = "org.vitaled1.Agent"
STANDARD = {
    ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
    ("org.freedesktop.DBus.Properties", "Get"),
    ("org.freedesktop.DBus.Properties", "GetAll"),
    ("org.freedesktop.DBus.Introspectable", "Introspect"),
    ("org.freedesktop.DBus.Peer", "Ping"),
}


def members(node):
    """Every member as a comparable line."""
    found = set()
    for interface in node.findall("interface"):
        name = interface.get("name")
        for m in interface.findall("method"):
            args = [(a.get("name"), a.get("type"), a.get("direction")) for a in m.findall("arg")]
            found.add((name, "method", m.get("name"), tuple(args)))
        for p in interface.findall("property"):
            notes = [(a.get("name"), a.get("value")) for a in p.findall("annotation")]
            found.add((name, "property", p.get("name"), p.get("type"), p.get("access"), tuple(notes)))
        for s in interface.findall("signal"):
            args = [(a.get("name"), a.get("type")) for a in s.findall("arg")]
            found.add((name, "signal", s.get("name"), tuple(args)))
    return found


def undocumented(text):
    """Methods and properties whose element has no comment right before it; constant facts that name
    themselves (Version, Name, ...) may go without."""
    return re.findall(r"(?<!-->)\n  <method name=\"(\w+)\"", text)


def check(program, xml, policy, actions):
    problems = []
    text = open(xml, encoding="utf-8").read()
    documented = members(ET.fromstring(text))
    real = members(ET.fromstring(subprocess.run([program, "--introspect"], check=True,
                                                capture_output=True, text=True).stdout))
    ours = {m for m in documented if m[0] != CALLED_BY_US}
    problems += [f"only in the XML: {m}" for m in sorted(ours - real, key=str)]
    problems += [f"only in the tables: {m}" for m in sorted(real - ours, key=str)]
    if ours == documented:
        problems.append(f"{CALLED_BY_US} is not documented")
    problems += [f"no comment before {name}" for name in undocumented(text)]

    wanted = {(m[0], m[2]) for m in real if m[1] == "method"} | STANDARD
    allowed = set()
    for p in ET.parse(policy).getroot().findall("policy"):
        if p.get("context") == "default":
            allowed |= {(a.get("send_interface"), a.get("send_member")) for a in p.findall("allow")}
    problems += [f"the policy does not allow {m}" for m in sorted(wanted - allowed, key=str)]
    problems += [f"the policy allows {m}" for m in sorted(allowed - wanted, key=str)]

    names = set(re.findall(r"org\.vitaled1\.(?:session|agent|audit|reader|feed)\.[a-z-]*[a-z]", text))
    # "-professional, -patient-display" are written after the first of their kind
    names |= {"org.vitaled1.agent.register-professional", "org.vitaled1.agent.register-patient-display"}
    listed = set()
    for a in ET.parse(actions).getroot().findall("action"):
        listed.add(a.get("id"))
        notes = {n.get("key"): n.text for n in a.findall("annotate")}
        if notes.get("org.freedesktop.policykit.owner") != "unix-user:vitaled":
            problems.append(f"{a.get('id')} does not name its owner")
        for tag in ("description", "message"):
            if len(a.findall(tag)) != 2:
                problems.append(f"{a.get('id')}: {tag} is not there in two languages")
    problems += [f"polkit action {n} stands in one place only" for n in sorted(names ^ listed)]
    return problems


def main():
    problems = check(*sys.argv[1:5])
    for line in problems:
        print(line)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
