# SPDX-License-Identifier: EUPL-1.2
"""The manual: every page in both languages, and nothing that there is missing in either."""
import glob
import os
import re
import subprocess
import xml.etree.ElementTree

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAN = os.path.join(ROOT, "doc/man")
PAGES = ["vitalectl.1", "vitale-sim.1", "vitaled.conf.5", "org.vitaled1.7", "vitaled.8", "vitaled-usb.8"]
LANGUAGES = ["", "fr"]
VERBS = sorted(os.path.basename(p)[:-2] for p in glob.glob(os.path.join(ROOT, "client/verbs-*.c")))


@pytest.fixture(scope="module")
def build(request):
    return os.path.abspath(request.config.getoption("--build", default="build/gcc"))


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as f:
        return f.read()


def source(page, language):
    return read("doc/man", language, page + ".scd")


def shown(page, language, tmp_path):
    """The page as man shows it; its complaints are a failure."""
    made = subprocess.run(["scdoc"], input=source(page, language), capture_output=True, text=True)
    assert made.returncode == 0, f"{language}/{page}: {made.stderr}"
    place = tmp_path / page
    place.write_text(made.stdout, encoding="utf-8")
    done = subprocess.run(["man", "--warnings", "-l", str(place)], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "1000", "MANROFFOPT": "-c"})
    assert done.returncode == 0 and not done.stderr, f"{language}/{page}: {done.stderr}"
    return re.sub(".\x08", "", done.stdout)


def program(build, name, *options):
    env = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en"}
    done = subprocess.run([os.path.join(build, name), *options], capture_output=True, text=True, env=env)
    return done.stdout + done.stderr


def options_of(text):
    return set(re.findall(r"--[a-z][a-zN-]*", text))


def members(table, text):
    """The first column of a C table of options or commands."""
    return re.findall(r'^\t+\{"([a-z0-9-]+)",', text[text.index(table):text.index("};", text.index(table))], re.M)


def test_every_page_is_there_in_both_languages():
    for folder in LANGUAGES:
        found = {os.path.basename(p) for p in glob.glob(os.path.join(MAN, folder, "*.scd"))}
        assert found == {p + ".scd" for p in PAGES}, folder or "English"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_made_and_shown_without_complaint(page, language, tmp_path):
    text = shown(page, language, tmp_path)
    assert "NAME" in text or "NOM" in text
    assert len(text) > 2000


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_have_the_same_entries(page):
    """Headings, and the bold word at which an explanation begins, which is the same in each language."""
    def entries(language):
        text = source(page, language)
        return len(re.findall("^# ", text, re.M)), re.findall(r"^\*([^*]+)\*[^\n]*\n\t", text, re.M)
    (headings, english), (french_headings, french) = entries(""), entries("fr")
    assert headings == french_headings
    assert english == french and english


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_of_the_configuration_is_explained_with_its_section(language):
    page, section, looked = source("vitaled.conf.5", language), None, 0
    parts = re.split(r"^# \[(\w+)[^\]]*\]$", page, flags=re.M)
    told = {name: set(re.findall(r"^\*([a-z-]+)\* = ", text, re.M)) for name, text in zip(parts[1::2], parts[2::2])}
    there = {}
    for line in read("systemd/vitaled.conf").split("\n"):
        if m := re.match(r"#?\[(\w+)", line):
            section = m.group(1)
        elif m := re.match(r"#([a-z-]+) =", line):
            there.setdefault(section, set()).add(m.group(1))
            looked += 1
    assert looked > 20
    assert told == there


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_that_the_service_reads_is_explained(language):
    page = source("vitaled.conf.5", language)
    text = read("daemon/config.c")
    for key in re.findall(r'KEY\((?:\w+, )?"\w+", "([a-z-]+)"', text):
        assert re.search(rf"^\*{key}\* = ", page, re.M), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_and_option_of_vitalectl_is_explained(build, language):
    page, text = source("vitalectl.1", language), program(build, "client/vitalectl", "--help")
    commands = re.findall(r"^  ([a-z]+)", text, re.M)
    assert len(commands) >= 9
    for command in commands:
        assert re.search(rf"^\*{command}[ *]", page, re.M), command
    wanted = options_of(text)
    for name in ("cmd-open", "cmd-agent", "cmd-audit", "cmd-doctor", "cmd-pin", "cmd-receipt"):
        wanted |= {"--" + o for o in members("args_option options", read("client", name + ".c"))}
    for name in VERBS:
        for table in re.findall(r"args_option \w+_options", read("client", name + ".c")):
            wanted |= {"--" + o for o in members(table, read("client", name + ".c"))}
    assert len(wanted) > 25
    assert not wanted - options_of(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_of_a_session_is_explained(language):
    page, verbs = source("vitalectl.1", language), []
    for name in VERBS:
        verbs += re.findall(r'^\t\{"([a-z-]+)", HELD_', read("client", name + ".c"), re.M)
    assert len(verbs) > 22
    for verb in verbs:
        assert re.search(rf"^\*(\w+\*.*, \*)?{verb}\*", page, re.M), verb


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_exit_code_is_explained(language):
    for code in range(10):
        assert re.search(rf"^(\[\[|\|) +\*{code}\*$", source("vitalectl.1", language), re.M), code


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_option_of_the_service_is_explained(build, language):
    wanted = options_of(program(build, "daemon/vitaled", "--help"))
    assert wanted >= {"--config", "--help"} and not wanted - options_of(source("vitaled.8", language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_option_of_vitaled_usb_is_explained(build, language):
    wanted = options_of(program(build, "drivers/usb/vitaled-usb", "--help"))
    assert wanted >= {"--list", "--help"} and wanted == options_of(source("vitaled-usb.8", language)) - {"--usb"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_polkit_action_is_explained(language):
    ids = [a.get("id") for a in xml.etree.ElementTree.parse(os.path.join(ROOT, "systemd/org.vitaled1.policy")).iter("action")]
    assert len(ids) > 6
    for action in ids:
        assert f"*{action}*" in source("vitaled.8", language), action


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_option_and_command_of_the_simulator_is_explained(build, language):
    page, text = source("vitale-sim.1", language), program(build, "drivers/sim/vitale-sim", "--help")
    assert not options_of(text) - options_of(page)
    commands = set(re.findall(r"^    ([a-z0-9-]+)(?: [A-Z\[a-z]|$)", text[text.index("control socket"):], re.M))
    assert len(commands) > 25
    for command in commands:
        assert f"*{command}*" in page, command


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_member_of_the_interfaces_is_explained_with_its_types(language):
    page, looked = source("org.vitaled1.7", language), 0
    parts = re.split(r"^# (ORG\.VITALED1\.\w+)$", page, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2]))
    for interface in xml.etree.ElementTree.parse(os.path.join(ROOT, "include/dbus/org.vitaled1.xml")).iter("interface"):
        section = sections.pop(interface.get("name").upper())
        for member in interface:
            name = member.get("name")
            if member.tag == "property":
                assert re.search(rf"\*{name}\* {re.escape(member.get('type'))}(,|$)", section, re.M), name
            elif member.tag == "method":
                ins = [f"{a.get('type')} {a.get('name')}" for a in member.findall("arg") if a.get("direction") == "in"]
                assert f"*{name}*({', '.join(ins)})" in section, name
            looked += 1
    assert looked > 50 and not sections


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_and_reason_is_named(language):
    errors = read("include/vitaled/errors.h")
    names = re.findall(r'X\(\w+, "(\w+)", "', errors) + re.findall(r'X\(\w+, "([a-z-]+)"\)', errors)
    assert len(names) > 40
    page = source("org.vitaled1.7", language)
    for name in names:
        assert re.search(rf"(?<![\w-]){name}(?![\w-])", page), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_of_readers_is_that_of_the_hwdb(language):
    page, wanted = source("vitalectl.1", language), []
    for block in read("udev/60-vitaled-readers.hwdb").split("\n\n"):
        facts = dict(re.findall(r"^ (\w+)=(.*)$", block, re.M))
        ids = re.findall(r"^usb:v(\w{4})p(\w{4})\*$", block, re.M)
        if "VITALED_READER" in facts:
            claimed = facts["VITALED_LIBCCID"].replace("no", "aucune" if language else "none")
            wanted.append((f"{ids[0][0]}:" + ", ".join(i[1] for i in ids), facts["ID_MODEL_FROM_DATABASE"],
                           facts.get("VITALED_SLOTS", "?"), claimed))
    found = re.findall(r"^\|  ([0-9A-F]{4}:.*)\n:  \w+ (.*)\n:  (.*)\n:  (.*)$", page, re.M)
    assert len(wanted) > 15 and found == wanted


def test_pages_name_only_pages_of_ours_that_there_are():
    for language in LANGUAGES:
        for page in PAGES:
            for name, section in re.findall(r"\*((?:vital|org\.vital)[\w.-]*)\*\((\d)\)", source(page, language)):
                assert f"{name}.{section}" in PAGES, f"{language}/{page}"
