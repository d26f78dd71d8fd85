# SPDX-License-Identifier: EUPL-1.2
"""Who may say what: the bus policy that is installed and the rules for polkit that are examples, asked as three users on
a private bus with the real polkitd; and the example configurations, loaded by the real broker."""
import os
import re
import subprocess
import xml.etree.ElementTree as xml

import pytest

from actor import Actor, BusError
from bed import ROOT, wait_for

EXAMPLES = os.path.join(ROOT, "doc/examples")
USERS = {"vitale-kiosk": 64111, "vitale-display": 64112, "vitale-display1": 64113, "vitale-display2": 64114,
         "vitale-desk": 64115, "vdremote": 64116}
GROUPS = {"vitale": (64120, "vdremote")}
STANDARD = "org.freedesktop.DBus."
PREFIX = "org.vitaled1."
REFUSED_BY_BUS = "org.freedesktop.DBus.Error.AccessDenied"
REFUSED_BY_US = "org.vitaled1.Error.AccessDenied"
ACTIONS = [a.get("id") for a in xml.parse(os.path.join(ROOT, "systemd/org.vitaled1.policy")).getroot().iter("action")]


@pytest.fixture(scope="module", autouse=True)
def more_users(tmp_path_factory):
    """The users and the group that the examples name, in this mount namespace."""
    folder = tmp_path_factory.mktemp("users")
    folder.chmod(0o755)
    lines = {"passwd": [f"{n}:x:{u}:{u}:{n}:/nonexistent:/bin/sh" for n, u in USERS.items()],
             "group": [f"{n}:x:{u}:" for n, u in USERS.items()] + [f"{n}:x:{g}:{m}" for n, (g, m) in GROUPS.items()]}
    for name, more in lines.items():
        # that of an earlier bed, whose file is gone: nothing can be mounted on it
        subprocess.run(["umount", f"/etc/{name}"], check=False, capture_output=True)
        with open(f"/etc/{name}", encoding="utf-8") as f:
            text = f.read()
        (folder / name).write_text(text.rstrip("\n") + "\n" + "\n".join(more) + "\n")
        (folder / name).chmod(0o644)
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)
    yield
    for name in lines:
        subprocess.run(["umount", f"/etc/{name}"], check=True)


def methods(role):
    """(interface, method) of the XML: of the service, or of the Agent that applications implement."""
    found = []
    for i in xml.parse(os.path.join(ROOT, "include/dbus/org.vitaled1.xml")).getroot().iter("interface"):
        if (i.get("name") == PREFIX + "Agent") == (role == "agent"):
            found += [(i.get("name"), m.get("name")) for m in i.iter("method")]
    return found


def error_of(actor, method, interface, path="/org/vitaled1", *args):
    """Name of the error of a call; "" when it was answered."""
    try:
        actor.answer(actor.send("call", method=method, interface=interface, path=path, args=args))
    except BusError as e:
        return e.name
    return ""


# -- the bus ------------------------------------------------------------------------------------------

def test_every_member_of_the_interface_reaches_the_service_for_every_user(bed):
    for user in ("vdapp", "vdother", "vddisplay"):
        with Actor(bed, user) as actor:
            for interface, method in methods("service"):
                # no such object: what answers is the service, whatever its answer is
                assert error_of(actor, method, interface, "/org/vitaled1/nobody") not in ("", REFUSED_BY_BUS), (user, method)


@pytest.mark.parametrize("interface,method", [
    (STANDARD + "Properties", "Set"), (STANDARD + "Peer", "GetMachineId"), (PREFIX + "Manager", "Nonsense"),
    (PREFIX + "Session", "OpenSession"), (PREFIX + "Session", "Authorise"), (PREFIX + "Dossier", "Nonsense"),
    (PREFIX + "Dossier", "Authorize"), (PREFIX + "Agent", "RequestPin"), ("org.example.Other", "OpenSession"),
    (STANDARD + "ObjectManager", "Nonsense"), (None, "OpenSession"), (None, "Lock"), (None, "Nonsense")])
def test_what_the_policy_does_not_list_ends_at_the_bus(bed, interface, method):
    for user in ("vdapp", "vdother", "vddisplay"):
        with Actor(bed, user) as actor:
            assert error_of(actor, method, interface) == REFUSED_BY_BUS, user


def test_nobody_but_the_service_s_user_may_own_the_name(bed):
    bed.end("vitaled")
    ask = ["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
           "org.freedesktop.DBus.RequestName", "string:org.vitaled1", "uint32:0"]
    for user in ("vdapp", "vdother", "vddisplay"):
        done = bed.run(ask, user=user)
        assert done.returncode != 0 and "AccessDenied" in done.stderr, user
    assert bed.run(ask, user="vitaled").returncode == 0


def test_an_application_cannot_play_the_service_to_an_agent(bed):
    with Actor(bed, "vdagent") as agent, Actor(bed, "vdother") as other:
        agent.agent("pin", "professional")
        name = agent.answer(agent.send("name"))
        for interface, method in methods("agent"):
            done = bed.run(["dbus-send", "--system", "--print-reply", f"--dest={name}", "/agent", f"{interface}.{method}"],
                           user="vdother")
            assert done.returncode != 0 and "AccessDenied" in done.stderr, (method, done.stderr)
        assert not agent.seen("pin") and other.process.poll() is None


# -- polkit -------------------------------------------------------------------------------------------

def allowed(bed, user):
    """Actions that the real polkitd grants to a process of @user."""
    granted = set()
    for action in ACTIONS:
        done = bed.run(["sh", "-c", f"exec pkcheck --action-id {action} --process $$"], user=user)
        assert done.returncode in (0, 1, 2, 3), done.stderr
        if done.returncode == 0:
            granted.add(action.removeprefix(PREFIX))
    return granted


RULES = {
    # rules: {user: actions that are granted}; users of whom none has a session on a seat
    "kiosk": {"vitale-kiosk": {"session.open", "session.open-identity"},
              "vitale-display": {"agent.register-patient-display"}, "vdother": set()},
    "remote": {"vdremote": {"session.open", "session.open-identity", "agent.register-pin", "agent.register-professional"},
               "vitale-kiosk": set(), "vdother": set()},
    "desk": {"vdremote": set(), "vitale-kiosk": set(), "vdother": set()},
    "display": {"vitale-display": {"agent.register-patient-display"}, "vitale-display1": {"agent.register-patient-display"},
                "vitale-display2": {"agent.register-patient-display"}, "vitale-kiosk": set(), "vdother": set()},
}


def test_every_action_speaks_english_and_french_and_names_its_owner():
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    for action in xml.parse(os.path.join(ROOT, "systemd/org.vitaled1.policy")).getroot().iter("action"):
        for tag in ("description", "message"):
            assert sorted(e.get(lang, "en") for e in action.findall(tag) if e.text.strip()) == ["en", "fr"], action.get("id")
        assert [a.text for a in action.findall("annotate")] == ["unix-user:vitaled"]


@pytest.mark.parametrize("name", RULES)
def test_an_example_rule_grants_exactly_what_it_says(make_bed, name):
    bed = make_bed(rules=os.path.join(EXAMPLES, "polkit", name + ".rules"))
    for user, actions in RULES[name].items():
        assert allowed(bed, user) == actions, user
        with Actor(bed, user) as actor:
            error = error_of(actor, "OpenSession", PREFIX + "Manager", "/org/vitaled1", {"a{sv}": {}})
            assert error == ("" if "session.open" in actions else REFUSED_BY_US), user


def test_there_is_no_example_rule_that_no_test_loads():
    assert {n.removesuffix(".rules") for n in os.listdir(os.path.join(EXAMPLES, "polkit"))} == set(RULES)


def test_without_any_rule_nobody_who_has_no_seat_may_do_anything(make_bed, tmp_path):
    (tmp_path / "none.rules").write_text("// no rule\n")
    bed = make_bed(rules=str(tmp_path / "none.rules"))
    for user in ("vdapp", "vdremote", "vitale-kiosk"):
        assert allowed(bed, user) == set()


def active(rules, tmp_path):
    """@rules with a first rule's subject that polkit takes for one at the seat: no logind is here, so the defaults of an
    active session are asked by hand."""
    text = "polkit.addRule(function (action, subject) {\n\tif (action.id.indexOf('org.vitaled1.') === 0 &&\n" \
           "\t\t\t!/(audit[.]read|feed[.]import|exceed-emergencies)$/.test(action.id))\n\t\treturn polkit.Result.YES;\n});\n"
    with open(os.path.join(EXAMPLES, "polkit", rules + ".rules"), encoding="utf-8") as f:
        (tmp_path / "both.rules").write_text(f.read() + text)
    return str(tmp_path / "both.rules")


def test_the_desk_s_rule_takes_the_seat_s_right_from_all_but_its_group(make_bed, tmp_path):
    bed = make_bed(rules=active("desk", tmp_path))
    member, stranger = allowed(bed, "vdremote"), allowed(bed, "vdother")
    assert {"session.open", "agent.register-pin", "reader.lend"} <= member
    assert stranger == {"reader.lend", "agent.register-patient-display"}  # the last is the configuration's to decide


def test_the_rule_for_pcscd_lets_the_service_in_and_nobody_else(make_bed, tmp_path):
    actions = ["org.debian.pcsc-lite.access_pcsc", "org.debian.pcsc-lite.access_card"]
    bed = make_bed(rules=os.path.join(ROOT, "systemd/vitaled.rules"))
    with open(os.path.join(ROOT, "systemd/org.vitaled1.policy"), encoding="utf-8") as f:
        head = f.read().split("<policyconfig>")[0].split("<!--")[0]
    policy = head + "<policyconfig>" + "".join(
        f'<action id="{a}"><description>x</description><message>x</message><defaults><allow_any>no</allow_any>'
        f'<allow_inactive>no</allow_inactive><allow_active>no</allow_active></defaults></action>' for a in actions)
    with open(bed.path("polkit/actions/pcsc.policy"), "w", encoding="utf-8") as f:
        f.write(policy + "</policyconfig>\n")

    def granted(user, action):
        return bed.run(["sh", "-c", f"exec pkcheck --action-id {action} --process $$"], user=user).returncode == 0
    for action in actions:
        wait_for(lambda: granted("vitaled", action))
        for user in ("vdapp", "vdother", "vitale-kiosk"):
            assert not granted(user, action)
    assert allowed(bed, "vitaled") == set()


# -- configurations -----------------------------------------------------------------------------------

SEATED = ["session.open", "session.open-identity", "agent.register-pin", "agent.register-professional",
          "agent.register-patient-display"]
DISPLAY, PIN, PROFESSIONAL = "patient-display", "pin", "professional"
RECIPES = {
    # recipe: configuration, sections that it has as comments, rules, who sits at the seat, pairs of readers,
    # who may open and who may not, {capability: (users that may hold it, users that may not)}
    "practice": ("practice", False, [], ["vdapp"], ["default"], (["vdapp"], ["vdother", "vitale-display"]),
                 {PIN: (["vdapp"], ["vdother"]), PROFESSIONAL: (["vdapp"], ["vdother"])}),
    "practice with a display": ("practice", True, ["display"], ["vdapp"], ["default"], (["vdapp"], ["vitale-display"]),
                                {PIN: (["vdapp"], ["vitale-display"]),
                                 DISPLAY: (["vitale-display"], ["vdapp", "vitale-display1"])}),
    "practice from elsewhere": ("practice", False, ["remote"], [], ["default"], (["vdremote"], ["vdother"]),
                                {PIN: (["vdremote"], ["vdother"]), PROFESSIONAL: (["vdremote"], ["vdother"])}),
    "pharmacy": ("pharmacy", False, ["desk", "display"], ["vdremote", "vdother"], ["counter 1", "counter 2"],
                 (["vdremote"], ["vdother", "vitale-display1"]),
                 {PIN: (["vdremote"], ["vdother", "vitale-display1"]), PROFESSIONAL: (["vdremote"], ["vdother"]),
                  DISPLAY: (["vitale-display1", "vitale-display2"], ["vitale-display", "vdremote", "vdother"])}),
    "kiosk": ("kiosk", False, ["kiosk"], ["vitale-desk"], ["kiosk"], (["vitale-kiosk"], ["vitale-display", "vdother"]),
              {DISPLAY: (["vitale-display"], ["vitale-kiosk", "vitale-desk"]), PIN: (["vitale-desk"], ["vitale-kiosk", "vdother"]),
               PROFESSIONAL: (["vitale-desk"], ["vitale-kiosk", "vitale-display"])}),
}


def seat(users):
    """A last rule: what polkit's defaults give to those who sit at the seat (no logind is here)."""
    policy = xml.parse(os.path.join(ROOT, "systemd/org.vitaled1.policy")).getroot()
    yes = {a.get("id").removeprefix(PREFIX) for a in policy.iter("action") if a.find("defaults/allow_active").text == "yes"}
    assert set(SEATED) <= yes
    return f"polkit.addRule(function (action, subject) {{\n\tif ({users!r}.indexOf(subject.user) >= 0 &&\n" \
           f"\t\t\t{[PREFIX + v for v in SEATED]!r}.indexOf(action.id) >= 0)\n\t\treturn polkit.Result.YES;\n}});\n"


def example(folder, name):
    with open(os.path.join(EXAMPLES, folder, name), encoding="utf-8") as f:
        return f.read()


def follow(make_bed, tmp_path, name, uncommented, rules, seated):
    """A bed that began with the example's configuration and rules, as README says; nothing else grants anything."""
    text = "".join(example("polkit", r + ".rules") for r in sorted(rules))
    (tmp_path / "recipe.rules").write_text(text + seat(seated))
    bed = make_bed(rules=str(tmp_path / "recipe.rules"))
    bed.end("vitaled")
    conf = example("conf", name + ".conf").replace("#origin = ", "origin = ")
    if uncommented:
        head, section = conf.split("#[agent ")
        conf = head + "[agent " + section.replace("\n#", "\n")
    with open(bed.path("vitaled.conf"), encoding="utf-8") as f:
        paths = f.read().split("[cards]")[0]
    with open(bed.path("vitaled.conf"), "w", encoding="utf-8") as f:
        f.write(paths + conf)
    for left in os.listdir(bed.path("state")):  # a record keeps the name that it was made with
        subprocess.run(["rm", "-r", bed.path("state", left)], check=True)
    bed.start_broker()
    return bed


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_lets_the_users_that_it_names_open_and_answer_and_nobody_else(make_bed, tmp_path, recipe):
    name, uncommented, rules, seated, pairs, (may_open, may_not_open), agents = RECIPES[recipe]
    bed = follow(make_bed, tmp_path, name, uncommented, rules, seated)
    for pair in pairs:
        for user in may_open + may_not_open:
            with Actor(bed, user) as actor:
                error = error_of(actor, "OpenSession", PREFIX + "Manager", "/org/vitaled1", {"a{sv}": {"pair": pair}})
                assert error == ("" if user in may_open else REFUSED_BY_US), (pair, user)
    for capability, (may, may_not) in agents.items():
        for user in may + may_not:
            with Actor(bed, user) as actor:
                error = error_of(actor, "RegisterAgent", PREFIX + "Manager", "/org/vitaled1", {"o": "/agent"},
                                 {"as": [capability]})
                assert error == ("" if user in may else REFUSED_BY_US), (capability, user)


def test_every_user_that_an_example_names_can_be_made_by_a_line_of_it():
    for name in sorted(os.listdir(os.path.join(EXAMPLES, "conf"))):
        text = example("conf", name)
        named = set(re.findall(r"^#?user = (\S+)$", text, re.M))
        assert named == set(re.findall(r"useradd .*?(vitale-\S+)", text)) - {"vitale-kiosk"}, name


def test_there_is_no_example_configuration_that_no_test_loads():
    loaded = {r[0] for r in RECIPES.values()}
    assert {n.removesuffix(".conf") for n in os.listdir(os.path.join(EXAMPLES, "conf"))} == loaded
    rules = {n for r in RECIPES.values() for n in r[2]}
    assert {n.removesuffix(".rules") for n in os.listdir(os.path.join(EXAMPLES, "polkit"))} == rules
