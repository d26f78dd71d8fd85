# SPDX-License-Identifier: EUPL-1.2
"""Completion for bash offers what the programs say that they take, and nothing else."""
import glob
import os
import re
import shlex
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture(scope="module")
def build(request):
    return os.path.abspath(request.config.getoption("--build", default="build/gcc"))


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as f:
        return f.read()


def complete(script, function, words):
    """What bash offers for the last of @words."""
    lines = f"""
source {shlex.quote(os.path.join(ROOT, script))}
COMP_WORDS=({' '.join(map(shlex.quote, words))})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
{function} "${{COMP_WORDS[0]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "--norc", "-eu", "-c", lines], capture_output=True, text=True)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return set(done.stdout.split("\n")) - {""}


def ctl(build, *words):
    return complete("client/vitalectl.bash-completion", "_vitalectl", [os.path.join(build, "client/vitalectl"), *words])


def sim(*words):
    return complete("drivers/sim/vitale-sim.bash-completion", "_vitale_sim", ["vitale-sim", *words])


def options(name, table="args_option options"):
    """The long options of a table in client/@name.c."""
    text = read("client", name + ".c")
    start = text.index(table)
    return {"--" + o for o in re.findall(r'^\t+\{"([a-z-]+)",', text[start:text.index("};", start)], re.M)}


def usage(build, name, *words):
    env = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en"}
    return subprocess.run([os.path.join(build, name), *words], capture_output=True, text=True, env=env).stdout


def test_the_first_word_is_a_command_or_a_global_option(build):
    commands = set(re.findall(r"^  ([a-z]+)", usage(build, "client/vitalectl", "--help"), re.M))
    assert len(commands) >= 9
    assert ctl(build, "") == commands | options("vitalectl")
    assert ctl(build, "st") == {"status"}
    assert ctl(build, "--json", "wa") == {"watch"}


@pytest.mark.parametrize("command", ["open", "agent", "audit", "doctor", "pin", "receipt"])
def test_a_command_offers_all_of_its_options(build, command):
    assert ctl(build, command, "--") == options("cmd-" + command) | {"--json", "--help"}


def test_what_a_command_is_followed_by(build):
    text = usage(build, "client/vitalectl", "--help")
    assert ctl(build, "pin", "") - {"--card", "--json", "--help"} == set(re.search(r"^  pin (\S+)", text, re.M)[1].split("|"))
    assert ctl(build, "receipt", "") == set(re.search(r"^  receipt (\S+)", text, re.M)[1].split("|"))
    assert ctl(build, "audit", "") == set(re.search(r"^  audit (\S+)", text, re.M)[1].split("|"))
    assert ctl(build, "lend", "0", "--", "l") == set()


def test_a_session_offers_its_commands(build):
    verbs = set()
    for path in glob.glob(os.path.join(ROOT, "client/verbs-*.c")):
        verbs |= set(re.findall(r'^\t\{"([a-z-]+)", HELD_', read(path), re.M))
    assert len(verbs) > 22
    assert ctl(build, "open", "") == verbs
    assert ctl(build, "open", "--mode", "normal", "sum") == {"summary"}


def test_values_are_those_of_the_interface(build):
    text = re.sub(r"\s+", " ", read("include/dbus/org.vitaled1.xml"))
    for mode in ctl(build, "open", "--mode", ""):
        assert mode in re.search(r" mode s (.*?) intent as", text)[1]
    assert ctl(build, "open", "-m", "") == {
        "normal", "identity", "bris_de_glace", "centre_15", "administration", "patient"}
    intents = ("consult", "feed", "create", "authorise", "treating-doctor", "oppose", "close", "code")
    assert ctl(build, "open", "--intent", "consult,") == {"consult," + i for i in intents}
    for intent in intents:
        assert intent in re.search(r" intent as (.*?) patient h", text)[1]
    assert ctl(build, "agent", "--capability", "p") == {"pin", "professional", "patient-display"}


@pytest.mark.parametrize("typed, offered", [
    ("", {"default", "counter\\ 1", "counter\\ 2", "kiosk"}), ("cou", {"counter\\ 1", "counter\\ 2"}),
    ("counter\\ 2", {"counter\\ 2"}), ('"counter ', {"counter 1", "counter 2"}), ("none", set())])
def test_pairs_of_the_configuration_are_offered_with_their_blanks(tmp_path, typed, offered):
    config = tmp_path / "vitaled.conf"
    config.write_text("[pair counter 1]\npatient-reader = x\n[pair counter 2]\n#[pair none]\n[pair kiosk]\n")
    script = f"source client/vitalectl.bash-completion; cur={shlex.quote(typed)}; COMPREPLY=(); " \
             f"_vitalectl_pairs {shlex.quote(str(config))}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "--norc", "-eu", "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and not done.stderr
    assert set(done.stdout.split("\n")) - {""} == offered


def test_every_name_can_be_explained(build):
    names = set(re.findall(r'X\(\w+,\s*"(?:\w+", ")?([a-z-]+)"\)', read("include/vitaled/errors.h")))
    assert len(names) > 40
    assert names <= ctl(build, "explain", "")
    assert ctl(build, "explain", "pin-b") == {"pin-blocked"}


def test_files_and_folders_are_offered(build, tmp_path):
    (tmp_path / "receipt.json").write_text("{}")
    (tmp_path / "anchors").mkdir()
    assert ctl(build, "receipt", "verify", f"{tmp_path}/") == {f"{tmp_path}/receipt.json", f"{tmp_path}/anchors"}
    assert ctl(build, "receipt", "verify", "--anchors", f"{tmp_path}/") == {f"{tmp_path}/anchors"}


def test_the_simulator_offers_its_options(build):
    text = usage(build, "drivers/sim/vitale-sim", "--help")
    serve, make = text.split("vitale-sim personalise")
    offered = sim("")
    assert "personalise" in offered
    wanted = set(re.findall(r"--[a-z-]+", serve)) - {"--slot"} | {"--slot0", "--slot1", "--help", "--version"}
    assert offered - {"personalise"} == wanted
    assert sim("personalise", "--out", "x", "--profiles", "none", "--") == set(
        re.findall(r"--[a-z-]+", make.split("commands of the control")[0]))


def test_the_simulator_offers_profiles_and_cards(tmp_path):
    profiles = os.path.join(ROOT, "drivers/sim/profiles")
    names = {n[:-5] for n in os.listdir(profiles) if n.endswith(".json")}
    assert names and sim("personalise", "--profiles", profiles, "") >= names
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/cps4-gp.json").write_text("{}")
    assert sim("--state", str(tmp_path), "--slot0", "") == {"cps4-gp"}


@pytest.mark.parametrize("script", ["client/vitalectl.bash-completion", "drivers/sim/vitale-sim.bash-completion"])
def test_a_script_names_the_command_that_it_completes(script):
    name = os.path.basename(script).split(".")[0]
    done = subprocess.run(["bash", "--norc", "-c", f"source {script}; complete -p {name}"], capture_output=True, text=True,
                          cwd=ROOT)
    assert done.returncode == 0 and done.stdout.strip().endswith(name)
