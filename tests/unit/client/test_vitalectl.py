#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""vitalectl against a stand-in of the service on a private bus: every command, the agent's line
protocol, exit codes. usage: test_vitalectl.py VITALECTL"""
import base64
import gc
import json
import os
import pty
import random
import select
import signal
import subprocess
import sys
import tempfile
import traceback
import unittest
import zipfile

import dbus.bus
import dbus.lowlevel
import dbus.mainloop.glib  # noqa: F401  (and the next two: fake_service.py's, loaded once for all)
import dbus.service  # noqa: F401
from gi.repository import GLib  # noqa: F401

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../tools"))
import forge_record  # noqa: E402
VITALECTL = os.path.abspath(sys.argv.pop(1))
CONFIG = """<busconfig><listen>unix:dir={dir}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""
SECONDS = 60


with open(os.path.join(HERE, "fake_service.py"), encoding="utf-8") as source:
    STAND_IN = compile(source.read(), source.name, "exec")


class StandIn:
    """fake_service.py in a fork of this process, as far as tests use a subprocess.Popen of it."""
    stdin = stderr = None

    def __init__(self, options, env):
        mine, its = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.become(its, options, env)
        os.close(its)
        self.stdout = os.fdopen(mine, encoding="utf-8")

    @staticmethod
    def become(out, options, env):
        try:
            gc.disable()  # what this process held closes nothing of its new life
            os.dup2(out, 1)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            sys.stdout = os.fdopen(1, "w", encoding="utf-8")
            os.environ.clear()
            os.environ.update(env)
            sys.argv[1:] = options
            exec(STAND_IN, {"__name__": "__main__"})  # pylint: disable=exec-used
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc()
        finally:
            os._exit(1)

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        if self.pid:
            os.waitpid(self.pid, 0)
        self.pid = None


class Bed(unittest.TestCase):
    """A private bus; the stand-in and other programs are started by the tests."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        config = os.path.join(self.folder.name, "bus.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(dir=self.folder.name))
        self.bus = subprocess.Popen(["dbus-daemon", "--config-file", config, "--print-address", "--nofork"],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.stop, self.bus)
        self.env = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.bus.stdout.readline().strip(),
                        LC_ALL="C.UTF-8")
        self.env.pop("LANGUAGE", None)

    @staticmethod
    def stop(process):
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

    def service(self, *options):
        process = StandIn(options, self.env)
        self.addCleanup(self.stop, process)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def agent(self, answers="", *options):
        """An agent with --json; @answers are its lines, after which its input ends, or None."""
        process = subprocess.Popen([VITALECTL, "--json", "agent", *options], env=self.env,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        self.assertEqual(self.line(process)["agent"], "registered")
        if answers:
            process.stdin.write(answers)
            process.stdin.flush()
        return process

    @staticmethod
    def line(process):
        text = process.stdout.readline()
        return json.loads(text) if text else None

    def run_ctl(self, *arguments, stdin="", code=0, env=None):
        result = subprocess.run([VITALECTL, *arguments], env=dict(self.env, **(env or {})), input=stdin,
                                capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def lines(self, *arguments, **keywords):
        return [json.loads(t) for t in self.run_ctl("--json", *arguments, **keywords).stdout.splitlines()]

    def stranger(self, path, interface, changed):
        """Another program of this machine sends each connection the signal that the service would send."""
        bus = dbus.bus.BusConnection(self.env["DBUS_SYSTEM_BUS_ADDRESS"])
        for name in bus.list_names():
            if name.startswith(":"):
                signal = dbus.lowlevel.SignalMessage(path, "org.freedesktop.DBus.Properties", "PropertiesChanged")
                signal.set_destination(name)
                signal.append(interface, changed, [], signature="sa{sv}as")
                bus.send_message(signal)
        bus.flush()
        bus.list_names()  # the bus has passed them on
        bus.close()

    def path(self, name, text=None):
        path = os.path.join(self.folder.name, name)
        if text is not None:
            with open(path, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())
        return path


class Open(Bed):
    def test_a_consultation_from_arguments(self):
        self.service()
        self.agent("1234\n1\nyes\n")
        note = self.path("note.txt", "Bonjour")
        out = self.lines("open", "-i", "consult,feed,create", "create",
                         f"add {note} --type consultation --title 'Une note'", "list",
                         "hide d1", "list", "show d1", "read d1", "summary", "patient", "professional",
                         "history --limit 1", "receipt", "lock")
        states = [e["state"] for e in out if e.get("event") == "state"]
        self.assertEqual(states[0], "waiting-for-cards")
        self.assertEqual(states[-2:], ["unlocked", "locked"])
        results = [e for e in out if "command" in e]
        self.assertEqual([e["command"] for e in results],
                         ["create", "add", "list", "hide", "list", "show", "read", "summary", "patient",
                          "professional", "history", "receipt", "lock"])
        self.assertEqual(results[1]["id"], "d1")
        self.assertEqual(results[2]["result"][0]["title"], "Une note")
        self.assertEqual(results[2]["result"][0]["flags"], [])
        self.assertEqual(results[4]["result"][0]["flags"], ["masque_ps"])
        self.assertEqual(results[6]["content"], "Qm9uam91cg==")
        self.assertEqual(results[8]["result"]["surname"], "NESSI")
        self.assertEqual(len(results[10]["result"]), 1)

    def test_an_emergency_has_a_reason_from_a_file_or_a_line_and_never_from_the_arguments(self):
        reason = "Patiente inconsciente"
        self.service()
        for given in ([["--reason", self.path("reason.txt", reason)], ""], [[], reason + "\n"]):
            agent = self.agent("1234\n1\nyes\n")
            out = self.lines("open", "--mode", "bris_de_glace", *given[0], "list", stdin=given[1])
            self.assertIn("unlocked", [e.get("state") for e in out])
            while (line := self.line(agent)).get("request") != "confirm":
                pass
            self.assertEqual((line["kind"], line["facts"]["reason"]), ("bris-de-glace", reason))
            self.stop(agent)
        for arguments, stdin in ((["--mode", "centre_15"], ""), (["-m", "bris_de_glace"], "short\n"),
                                 (["-m", "bris_de_glace", "--reason", self.path("not-there")], "")):
            self.run_ctl("open", *arguments, "list", stdin=stdin, code=2)

    def test_the_professional_reads_what_breaking_the_glass_means_and_may_refuse(self):
        self.service()
        agent = subprocess.Popen([VITALECTL, "agent"], env=dict(self.env, LC_ALL="fr_FR.UTF-8"),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.stop, agent)
        agent.stdin.write("1234\n1\nn\n")
        agent.stdin.flush()
        out = self.run_ctl("open", "-m", "bris_de_glace", "--reason", self.path("r", "Patiente inconsciente"), "list",
                           code=9)
        self.assertIn("waiting for the professional's confirmation", out.stderr)
        text = ""
        while "Briser la glace" not in text:
            text += agent.stdout.read(1)
        for shown in ("Patiente inconsciente", "DOC0001", "NESSI", "sans consentement", "sous votre nom"):
            self.assertIn(shown, text)

    def test_a_consultation_in_words(self):
        self.service()
        self.agent("1234\n2\ny\n")
        out = self.run_ctl("open", stdin="# a remark\n\nsummary\nlist\npatient\nhelp\n",
                           env={"LC_ALL": "fr_FR.UTF-8"})
        self.assertIn("* déverrouillée", out.stderr)
        self.assertIn("ZOÉ", out.stdout)
        self.assertIn("allergies", out.stdout)
        self.assertNotIn("\x1b", out.stdout)
        self.assertIn("verrouiller le dossier", out.stdout)

    def test_large_contents_go_through_pipes_both_ways(self):
        self.service()
        self.agent("1234\n1\no\n")
        data = os.urandom(3 * 1024 * 1024)
        source, target = self.path("image.dcm", data), self.path("copy.dcm")
        self.run_ctl("open", f"add {source} --type image --title X", f"read d1 --output {target}")
        with open(target, "rb") as f:
            self.assertEqual(f.read(), data)
        self.assertEqual(os.stat(target).st_mode & 0o777, 0o600)

    def test_contents_that_are_not_what_was_stored_are_not_shown(self):
        for spoil in ("short", "long", "flip"):
            service = self.service(f"spoil={spoil}")
            agent = self.agent("1234\n1\no\n")
            note, target = self.path("note.txt", "Bonjour"), self.path("copy.txt")
            out = self.run_ctl("open", f"add {note} --type a --title X", f"read d1 --output {target}",
                               code=8)
            self.assertNotIn("onjour", out.stdout)
            self.assertFalse(os.path.exists(target))
            self.stop(agent)
            self.stop(service)

    def test_the_owner_may_choose_and_the_agent_is_told(self):
        self.service()
        agent = self.agent("1234\n")
        owner = subprocess.Popen([VITALECTL, "--json", "open", "beneficiaries", "choose 2", "patient"],
                                 env=self.env, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, owner)
        kinds = []
        while (line := self.line(agent)).get("request") != "consent":
            kinds.append(line.get("request", next(iter(line))))
        self.assertEqual(kinds, ["pin", "choice", "cancelled"])
        agent.stdin.write("yes\n")
        agent.stdin.flush()
        out = [json.loads(t) for t in owner.communicate(timeout=SECONDS)[0].splitlines()]
        self.assertEqual(owner.returncode, 0)
        self.assertEqual([p["number"] for e in out if e.get("command") == "beneficiaries"
                          for p in e["result"]], [1, 2])
        self.assertEqual([e["result"]["given"] for e in out if e.get("command") == "patient"], ["ZOÉ"])

    def test_the_place_in_the_queue_is_shown(self):
        self.service("queue")
        out = self.run_ctl("open", "--wait", "--mode", "identity", "choose 1", "lock").stderr
        self.assertIn("* waiting for another session to end, place 2\n", out)
        self.assertIn("* waiting for another session to end, place 1\n", out)
        self.assertIn("* unlocked", out)

    def test_identity_mode_needs_no_agent(self):
        self.service()
        out = self.lines("open", "--mode=identity", "choose 1", "patient")
        self.assertEqual([e["result"]["given"] for e in out if e.get("command") == "patient"], ["JEAN"])
        self.assertTrue([e for e in out if e.get("command") == "choose" and e["result"]])

    def test_each_refusal_has_its_exit_code(self):
        self.service("refuse=NotPermitted")
        out = self.run_ctl("open", "summary", code=9)  # no agent
        self.assertIn("vitalectl agent", out.stderr)
        agent = self.agent("1234\n1\nno\n")
        self.run_ctl("open", "summary", code=3)
        self.stop(agent)
        agent = self.agent("0000\n0000\nno\n")
        self.run_ctl("open", "summary", code=6)
        self.stop(agent)
        agent = self.agent("1234\n1\nyes\n")
        out = self.run_ctl("open", "create", code=3)
        self.assertIn("some-rule", out.stderr)
        self.stop(agent)
        agent = self.agent("0000\n0000\nyes\n9999\n")
        self.run_ctl("open", "summary", code=6)
        self.stop(agent)
        agent = self.agent("1234\n1\nyes\n")
        self.run_ctl("open", "read d9", code=1)
        self.stop(agent)

    def test_a_failed_command_ends_the_list_unless_told_to_go_on(self):
        self.service()
        agent = self.agent("1234\n1\nyes\n")
        out = self.lines("open", "read d9", "summary", code=1)
        self.assertNotIn("summary", [e.get("command") for e in out])
        self.stop(agent)
        self.agent("1234\n1\nyes\n")
        out = self.lines("open", "--keep-going", "read d9", "nonsense", "choose", "'", "summary", code=1)
        self.assertIn("summary", [e.get("command") for e in out])

    def test_wrong_command_lines_are_usage(self):
        self.service()
        for wrong in (["open", "--strange"], ["open", "--lifetime", "x"], ["open", "--patient", "/nowhere"],
                      ["open", "--mode"], ["nonsense"], ["--nonsense"], [], ["agent", "x"],
                      ["audit"], ["audit", "nonsense"], ["audit", "prove"], ["audit", "watch"],
                      ["audit", "history"], ["audit", "verify", "a", "b"], ["audit", "stats", "--once"], ["receipt", "show"],
                      ["receipt", "nonsense", "/dev/null"], ["status", "x"]):
            self.run_ctl(*wrong, code=2)
        self.assertIn("Usage", self.run_ctl("--help").stdout)
        self.assertIn("vitalectl", self.run_ctl("--version").stdout)

    def opened(self, *verbs, lang="C.UTF-8", code=0, options=(), arguments=(), stdin=""):
        """What vitalectl says with words about @verbs of a session."""
        self.service(*options)
        self.agent("1234\n1\nyes\n")
        return self.run_ctl("open", *arguments, *verbs, env={"LC_ALL": lang, "TZ": "UTC"}, code=code, stdin=stdin)

    def test_a_document_s_life_from_arguments(self):
        self.service()
        self.agent("1234\n1\nyes\n")
        note = self.path("note.txt", "Bonjour")
        out = self.lines("open", "-i", "consult,feed", f"add {note} --type a --title Un",
                         f"replace d1 {note} --type a --title Deux", "list", "list --status replaced", "archive d2",
                         "list --status archived", "unarchive d2", "delete d2 --yes", "list --status deleted")
        out = {e["command"] + str(i): e for i, e in enumerate(e for e in out if "command" in e)}
        self.assertEqual((out["replace1"]["id"], out["replace1"]["replaces"]), ("d2", "d1"))
        self.assertNotIn("replaces", out["add0"])
        self.assertEqual([[r["id"] for r in out[k]["result"]] for k in ("list2", "list3", "list5", "list8")],
                         [["d2"], ["d1"], ["d2"], ["d2"]])
        self.assertEqual(out["list3"]["result"][0]["replaced-by"], "d2")
        self.assertEqual([(out[k]["id"], out[k]["result"]) for k in ("archive4", "unarchive6", "delete7")],
                         [("d2", True)] * 3)

    def test_a_replacement_keeps_the_flags_of_what_it_replaces(self):
        note = self.path("note.txt", "Bonjour")
        out = self.opened(f"add {note} --type a --title Un --masque-ps", f"replace d1 {note} --type a --title Deux",
                          "list").stdout
        self.assertEqual(out.splitlines()[-1].split("\t")[4], "masque_ps")

    def test_what_is_deleted_is_listed_with_who_and_when_in_place_of_its_title(self):
        note = self.path("note.txt", "Bonjour")
        out = self.opened(f"add {note} --type a --date 2020-01-02 --title Un", "delete d1 --yes",
                          "list --status deleted").stdout
        self.assertEqual(out, "d1\nd1\t2020-01-02\ta\tdeleted\t-\tdeleted 2023-11-14, J\ufffd[2J\n")

    def test_delete_is_asked_once_at_a_terminal_and_needs_yes_elsewhere(self):
        self.service()
        self.agent("1234\n1\nyes\n")
        note = self.path("note.txt", "Bonjour")
        add = f"add {note} --type a --title Un"
        self.assertIn("--yes", self.run_ctl("open", add, "delete d1", code=2).stderr)
        self.agent("1234\n1\nyes\n")
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        process = subprocess.Popen([VITALECTL, "open", "-k", add, add, "delete d1", "delete d2", "list"], env=self.env,
                                   stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        os.close(slave)
        said = ""
        for number, answer in enumerate((b"n\n", b"y\n"), 1):
            while said.count("for good?") < number:
                said += process.stderr.read(1)
            os.write(master, answer)
        out = process.communicate(timeout=SECONDS)[0]
        self.assertEqual(process.returncode, 9)  # the first was not done
        self.assertIn("nothing was done", said)
        self.assertEqual([line.split("\t")[0] for line in out.splitlines()], ["d1", "d2", "d1"])

    def test_a_long_list_comes_page_by_page_and_a_limit_ends_it(self):
        for limit, rows, asked in ((None, 1100, [(0, 500), (500, 500), (1000, 500)]), (None, 500, [(0, 500), (500, 500)]),
                                   (None, 499, [(0, 500)]), (700, 1100, [(0, 500), (500, 200)]), (3, 9, [(0, 3)])):
            service = self.service(f"rows={rows}")
            agent = self.agent("1234\n1\nyes\n")
            verb = "list" + (f" --limit {limit}" if limit else "")
            out = [e for e in self.lines("open", verb) if e.get("command") == "list"]
            wanted = min(rows, limit or rows)
            self.assertEqual([[r["id"] for r in e["result"]] for e in out], [[f"r{n:05}" for n in range(wanted)]])
            self.assertEqual([service.stdout.readline().strip() for _ in asked], [f"list {a} {b}" for a, b in asked])
            self.stop(agent)
            self.stop(service)
        out = self.opened("list --after r00597 --text Row", options=["rows=600"]).stdout
        self.assertEqual([line.split("\t")[0] for line in out.splitlines()], ["r00598", "r00599"])

    def test_people_of_a_dossier(self):
        self.service()
        self.agent("1234\n1\nyes\n")
        out = self.lines("open", "-i", "consult,authorise,treating-doctor,oppose", "authorise --until 2030-01-31",
                         "block 899700000033 --name 'DUPONT Paul'", "treating-doctor on", "oppose centre_15 on",
                         "professionals", "revoke", "unblock 899700000033", "treating-doctor off", "professionals",
                         "allow-masked on", "professionals", "allow-masked off", "professionals", env={"TZ": "UTC"})
        out = [e for e in out if "command" in e]
        self.assertEqual(out[0]["result"], {"id": "899700000017", "name": "JEANNE DOC0001", "until": 1896134400000000})
        before, after = out[4]["result"], out[8]["result"]
        self.assertEqual(before["authorised"][0]["until"], 1896134400000000)
        self.assertEqual([(p["id"], p["name"]) for p in before["blocked"]], [("899700000033", "DUPONT Paul")])
        self.assertEqual((before["oppositions"][0]["mode"], after["treating-doctor"]), ("centre_15", None))
        self.assertEqual((after["blocked"], after["authorised"][0]["ended"]), ([], True))
        self.assertEqual([out[i]["result"] for i in (9, 11)], [True, False])
        self.assertEqual([out[i]["result"]["masked-allowed"] for i in (8, 10, 12)], [False, True, False])

    def test_an_emergency_stands_out_in_the_history(self):
        out = self.opened("history").stdout.splitlines()
        self.assertEqual([line.split("\t")[1:4:2] for line in out],
                         [["unlocked", "! breaking the glass (bris_de_glace)"], ["document-read", "-"]])

    def test_the_list_of_people_is_readable(self):
        out = self.opened("authorise", "block 42", "oppose bris_de_glace on", "revoke", "professionals",
                          lang="fr_FR.UTF-8").stdout
        self.assertEqual(out, "peuvent ouvrir le dossier : \n  - 899700000017 JEANNE DOC0001; par J; depuis 2023-11-14; "
                              "jusqu'au 2024-11-13 (terminée)\nbloqués : \n  - 42; par J; depuis 2023-11-14\n"
                              "médecin traitant : rien d'inscrit\nurgences refusées : \n"
                              "  - bris de glace (bris_de_glace); depuis 2023-11-14\n"
                              "documents masqués en cas d'urgence : non\n")

    def test_arguments_that_make_no_sense_are_usage(self):
        for verb in ("authorise --until 2026-02-30", "authorise --until tomorrow", "authorise --until 2026-02-300",
                     "authorise --until 1000-01-01", "treating-doctor perhaps", "allow-masked", "allow-masked yes", "oppose centre_15", "oppose centre_15 1",
                     "oppose normal on", "block", "revoke 1 2", "archive", "replace d1", "list --limit 0",
                     "list --limit x"):
            service = self.service()
            agent = self.agent("1234\n1\nyes\n")
            self.run_ctl("open", verb, code=2)
            self.stop(agent)
            self.stop(service)

    def test_a_refusal_says_the_sentence_of_its_rule(self):
        note = self.path("note.txt", "Bonjour")
        for rule, sentence in (("not-author", "Ce document a été écrit par quelqu'un d'autre."),
                               ("blocked", "Le patient vous a bloqué"), ("of-tomorrow", "ne le permettent pas")):
            service = self.service(f"refuse={rule}")
            agent = self.agent("1234\n1\nyes\n")
            out = self.run_ctl("open", f"add {note} --type a --title X", "archive d1", code=3,
                               env={"LC_ALL": "fr_FR.UTF-8"})
            self.assertIn(sentence, out.stderr)
            self.assertIn(f"not-permitted: {rule}", out.stderr)
            self.stop(agent)
            self.stop(service)
        self.service()
        self.agent("1234\n1\nyes\n")
        out = [e for e in self.lines("open", "oppose centre_15 off", code=3) if "error" in e][0]
        self.assertEqual((out["rule"], out["sentence"], out["exit"]), ("code", "This needs the patient's own code.", 3))
        out = self.run_ctl("explain", "not-self").stdout
        self.assertIn("You can do this for yourself only.", out)

    def test_the_summary_is_in_the_order_of_an_emergency(self):
        out = self.opened("summary").stdout
        self.assertEqual(out, "blood group: \n  - AB-\nallergies: \n  - A\ufffd[31m\n")

    def test_the_patient_s_file_travels_by_memfd(self):
        self.service()
        good = self.path("p.json", '{"nir":"1700199999999","birth-date":"1970-01-02"}')
        other = self.path("o.json", '{"nir":"2"}')
        self.run_ctl("open", "--mode", "identity", "--patient", good, "choose 1", "lock")
        self.run_ctl("open", "--patient", other, code=2)
        self.run_ctl("open", "--patient", self.path("x.json", "[]"), code=2)

    def test_the_patient_closes_reopens_and_takes_everything_along(self):
        service = self.service()
        self.agent("135790\n" * 4)
        reason, out = self.path("reason", "Je ne veux plus de dossier."), self.path("all.zip")
        self.run_ctl("open", "--mode", "patient", f"close --reason {reason}", "reopen", f"export --output {out}")
        self.assertEqual([service.stdout.readline() for _ in range(2)], ["closed Je ne veux plus de dossier.\n", "reopened\n"])
        self.assertEqual(zipfile.ZipFile(out).namelist(), ["index.json"])
        got = self.lines("open", "--mode", "patient", f"export --output {out}.2")
        self.assertEqual([m["size"] for m in got if m.get("command") == "export"], [os.path.getsize(out)])
        for wrong in ("close", "export", f"close --reason {out}.none", "reopen now", "personal-code 1234"):
            self.run_ctl("open", "--mode", "patient", wrong, code=2)
            self.agent("135790\n")
        self.run_ctl("open", "--mode", "patient", f"export --output {out}", code=1)  # it is there

    def test_the_page_of_a_receipt_is_the_services_and_cannot_move_the_cursor(self):
        service = self.service()
        self.agent("135790\n" * 3)
        page = self.run_ctl("open", "--mode", "patient", "refresh", "receipt --text").stdout
        self.assertEqual((page, service.stdout.readline()), ("Reçu\n\ufffd[2J\n", "refreshed\n"))
        got = self.lines("open", "--mode", "patient", "receipt --text")
        self.assertIn("Reçu\n\x1b[2J\n", [m["result"] for m in got if m.get("command") == "receipt"])
        self.run_ctl("open", "--mode", "patient", f"receipt --text --output {self.path('page')}")
        with open(self.path("page"), "rb") as f:
            self.assertEqual(f.read(), "Reçu\n\x1b[2J\n".encode())

    def test_an_export_that_breaks_off_is_said_and_not_kept(self):
        self.service("cut")
        self.agent("135790\n")
        self.run_ctl("open", "--mode", "patient", f"export --output {self.path('all.zip')}", code=8)
        self.assertFalse(os.path.exists(self.path("all.zip")))

    def test_what_does_not_go_together_is_said_before_a_card_is_asked_for(self):
        self.service()
        file = self.path("patient.json", '{"nir":"1700199999999","birth-date":"1970-01-02"}')
        self.agent("1234\n1\nyes\n")
        self.run_ctl("open", "--without-card", "--patient", file, "lock")
        for wrong in (["--without-card"], ["-m", "administration"], ["-m", "patient", "-i", "consult"],
                      ["-m", "patient", "--structure", "1"]):
            self.run_ctl("open", *wrong, "lock", code=2)

    def test_a_stranger_does_not_change_what_is_known_of_the_session(self):
        self.service()
        agent = self.agent()
        session = subprocess.Popen([VITALECTL, "--json", "open", "list"], env=self.env, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, session)
        states = []
        while "waiting-for-pin" not in states:
            states.append(self.line(session).get("state"))
        for state in ("unlocked", "locked"):
            self.stranger("/org/vitaled1/session/1", "org.vitaled1.Session", {"State": state, "Reason": "other"})
        agent.stdin.write("1234\n1\nyes\n")
        agent.stdin.flush()
        while (line := self.line(session)) is not None:
            states.append(line.get("state"))
            self.assertNotEqual(line.get("reason"), "other")
        self.assertEqual(session.wait(SECONDS), 0)
        self.assertLess(states.index("authenticating"), states.index("unlocked"))

    def test_a_service_that_dies_ends_the_session(self):
        service = self.service()
        self.agent("1234\n1\nyes\n")
        held = subprocess.Popen([VITALECTL, "--json", "open", "wait"], env=self.env,
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, held)
        while self.line(held)["state"] != "unlocked":
            pass
        service.kill()
        self.assertEqual(held.wait(SECONDS), 4)

    def test_a_signal_locks_and_leaves(self):
        self.service()
        self.agent("1234\n1\nyes\n")
        held = subprocess.Popen([VITALECTL, "--json", "open", "wait"], env=self.env,
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, held)
        while self.line(held)["state"] != "unlocked":
            pass
        held.terminate()
        self.assertEqual(held.wait(SECONDS), 9)


class Agent(Bed):
    def open(self):
        process = subprocess.Popen([VITALECTL, "--json", "open", "summary"], env=self.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        return process

    def test_questions_come_as_lines_and_once_leaves_at_the_end(self):
        self.service()
        agent = self.agent("12\n1234\n7\n1\nperhaps\nyes\n", "--once")
        self.open()
        seen = []
        while line := self.line(agent):
            seen.append(line.get("request") or line.get("inform"))
        self.assertEqual(seen, ["pin", "pin", "choice", "choice", "consent", "consent", "unlocked", "ended"])
        self.assertEqual(agent.wait(SECONDS), 0)

    def test_who_helped_with_a_consent_goes_with_the_answer(self):
        whole = '{"decision":"given","form":"representative","helper":{"name":"ZOÉ NESSI","quality":"mother"}}'
        for answer, said in ((whole, 'given {"form": "representative", "helper": {"name": "ZO\\u00c9 NESSI", '
                                     '"quality": "mother"}}\n'),
                             ("a\nJean\n1", 'given {"form": "assisted", "helper": {"name": "Jean", '
                                                    '"quality": "relative"}}\n'),
                             ("impossible unconscious", 'impossible {"reason": "unconscious"}\n')):
            service = self.service()
            agent = self.agent(f"1234\n1\n{answer}\n")
            self.run_ctl("open", "summary", code=3 if "impossible" in answer else 0)
            self.assertEqual(service.stdout.readline(), said)
            self.stop(agent)
            self.stop(service)

    def test_the_patients_code_is_asked_for_until_it_is_right_and_what_happened_is_told(self):
        self.service("code=246810")
        agent = self.agent("12\n135790\n246810\n")
        states = [m["state"] for m in self.lines("open", "--mode", "patient", "refresh") if "state" in m]
        self.assertIn("waiting-for-pin", states)
        asked = [self.line(agent) for _ in range(3)]
        self.assertEqual([(m["request"], m["kind"], m["facts"]["again"]) for m in asked],
                         [("code", "patient-code", False)] * 2 + [("code", "patient-code", True)])
        told = self.line(agent)
        self.assertEqual((told["inform"], told["facts"]["count"]), ("emergency-access", 2))
        self.assertIn("waiting for the patient's code", self.words("246810\n", "open", "--mode", "patient", "refresh")[0])

    def words(self, answers, *command):
        """(standard error of @command, what an agent without --json printed meanwhile)."""
        agent = subprocess.Popen([VITALECTL, "agent", "--once"], env=self.env, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, agent)
        self.assertIn("Ready", agent.stderr.readline())
        agent.stdin.write(answers)
        agent.stdin.flush()
        return self.run_ctl(*command).stderr, agent.communicate(timeout=SECONDS)[0]

    def test_a_new_personal_code_is_typed_twice_and_an_activation_code_is_shown_once(self):
        service = self.service()
        out = self.words("135790\n4711\n4712\n4711\n4711\n", "open", "--mode", "patient", "personal-code",
                         "activation-code", "lock")[1]
        self.assertEqual(service.stdout.readline(), "new 4711\n")
        self.assertIn("? code new-code\n", out)
        self.assertIn("? code new-code again\n", out)
        self.assertIn("Activation code for the patient: 1234 5678\n", out)
        self.assertIn("opened 2 times in an emergency", out)
        self.assertNotIn("4711", out)
        agent = self.agent("1234\n1\nyes\n")
        self.run_ctl("open", "-m", "administration", "-i", "create,code", "activation-code", "lock")
        told = [self.line(agent) for _ in range(5)]  # PIN, choice, consent, unlocked, and the code
        code = next(m for m in told if m.get("inform") == "activation-code")
        self.assertEqual((code["code"], code["facts"]), ("12345678", {"until": 1700000000000000}))

    def test_words_and_tags_without_json(self):
        self.service()
        agent = subprocess.Popen([VITALECTL, "agent", "--once"], env=self.env, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, agent)
        self.assertIn("Ready", agent.stderr.readline())
        self.open()
        out = agent.communicate("1234\n1\ny\n", timeout=SECONDS)[0]
        for tag in ("? pin\n", "? choice beneficiary 2\n", "? consent\n"):
            self.assertIn(tag, out)
        self.assertIn("Consentez-vous ?\nRien d'autre.", out)
        self.assertIn("1. NESSI, JEAN, 1970-01-02", out)
        self.assertNotIn("1234", out)

    def terminal(self, *arguments):
        """vitalectl at a terminal of its own: (process, master side)."""
        master, slave = pty.openpty()
        process = subprocess.Popen([VITALECTL, *arguments], env=self.env, stdin=slave, stdout=slave,
                                   stderr=slave, start_new_session=True)
        os.close(slave)
        self.addCleanup(self.stop, process)
        self.addCleanup(os.close, master)
        return process, master

    def see(self, master, text):
        """Read what the terminal shows up to @text."""
        seen = b""
        while text.encode() not in seen:
            self.assertTrue(select.select([master], [], [], SECONDS)[0], seen)
            seen += os.read(master, 4096)
        return seen.decode()

    def test_at_a_terminal_the_pin_is_not_shown(self):
        self.service()
        _agent, screen = self.terminal("agent", "--once")
        self.see(screen, "Ready")
        held, shell = self.terminal("open")
        self.see(shell, "waiting for the professional's PIN")
        shown = self.see(screen, "card: ")
        os.write(screen, b"1234\n")
        shown += self.see(screen, "Number: ")
        os.write(screen, b"x\n")
        shown += self.see(screen, "Number: ")
        os.write(screen, b"1\n")
        shown += self.see(screen, "cannot answer) ")
        os.write(screen, b"y\n")
        self.see(shell, "* unlocked")
        os.write(shell, b"summary\nlist\nnonsense\n")
        self.see(shell, "no such command")
        os.write(shell, b"lock\n")
        shown += self.see(screen, "has ended")
        self.assertEqual(held.wait(SECONDS), 0)
        self.assertNotIn("1234", shown)
        self.assertNotIn("? pin", shown)

    def test_a_new_pin_is_typed_twice_and_not_shown(self):
        service = self.service()
        _agent, screen = self.terminal("agent")
        self.see(screen, "Ready")
        _change, shell = self.terminal("pin", "change")
        shown = self.see(screen, "(4 digits): ")
        os.write(screen, b"1234\n")
        shown += self.see(screen, "New PIN of the card (4 digits): ")
        os.write(screen, b"4321\n")
        shown += self.see(screen, "once more: ")
        os.write(screen, b"4312\n")
        again = self.see(screen, "New PIN of the card (4 digits): ")
        self.assertIn("not the same", again)
        os.write(screen, b"4321\n")
        shown += self.see(screen, "once more: ")
        os.write(screen, b"43\n")
        shown += self.see(screen, "once more: ")
        os.write(screen, b"4321\n")
        self.see(shell, "The PIN is changed.")
        self.assertEqual(service.stdout.readline(), "new 4321\n")
        for secret in ("1234", "4321", "4312"):
            self.assertNotIn(secret, shown + again)

    def test_an_empty_line_and_the_end_of_input_answer_nothing(self):
        self.service()
        agent = self.agent("\n")
        session = self.open()
        self.assertEqual(session.wait(SECONDS), 9)
        agent.stdin.close()
        agent.stdin = None
        session = self.open()
        self.assertEqual(session.wait(SECONDS), 9)
        self.assertEqual(agent.wait(SECONDS), 9)

    def test_the_agent_registers_again_when_the_service_comes_back(self):
        service = self.service()
        agent = self.agent("1234\n1\nyes\n")
        self.stop(service)
        self.assertEqual(self.line(agent)["agent"], "waiting")
        self.service()
        self.assertEqual(self.line(agent)["agent"], "registered")
        session = self.open()
        self.assertEqual(session.wait(SECONDS), 0)

    def test_a_stranger_is_not_served(self):
        service = self.service("stranger")
        self.agent()
        self.assertEqual(service.stdout.readline(), "stranger: org.vitaled1.Error.AccessDenied\n")

    def test_an_unknown_capability_is_refused(self):
        self.service()
        self.run_ctl("agent", "--capability", "all", code=2)


class Pin(Bed):
    def test_status_shows_the_card_and_no_counter(self):
        self.service()
        out = self.run_ctl("pin", "status").stdout
        self.assertIn("card 2: health professional's card (CPS) cps3, reader 1, keypad", out)
        self.assertIn("verified until 2023-11-14T", out)
        self.assertNotIn("card 1", out)
        self.assertNotIn("tries", out)
        out = self.lines("pin", "status")[0]["cards"]
        self.assertEqual([(c["card"], c["keypad"]) for c in out], [("/org/vitaled1/card/2", True)])
        self.assertEqual(self.lines("pin", "status", "--card", "9"), [{"cards": []}])

    def test_the_codes_go_to_the_card_by_the_agent(self):
        service = self.service()
        agent = self.agent("123\n1234\n4321\n")
        self.assertIn("The PIN is changed.", self.run_ctl("pin", "change").stdout)
        self.assertEqual(service.stdout.readline(), "new 4321\n")
        first = self.line(agent)
        self.assertEqual((first["request"], first["kind"], first["card"]),
                         ("code", "pin", "/org/vitaled1/card/2"))
        self.assertEqual(first["facts"]["tries-left"], 3)
        self.assertEqual(self.line(agent)["kind"], "pin")  # 123 was none
        self.assertEqual(self.line(agent)["kind"], "new-pin")
        agent.stdin.write("1234567\n12345678\n1111\n")
        agent.stdin.flush()
        self.assertEqual(self.lines("pin", "unblock", "--card", "2")[0],
                         {"command": "pin unblock", "card": "/org/vitaled1/card/2", "result": True})
        self.assertEqual(service.stdout.readline(), "new 1111\n")

    def test_a_wrong_code_tells_what_the_card_told(self):
        self.service("tries=2")
        self.agent("0000\n4321\n")
        out = self.run_ctl("pin", "change", code=6)
        self.assertIn("The PIN is wrong.", out.stderr)
        self.assertIn("1 try is left.", out.stderr)

    def test_what_may_have_been_done_in_part_is_said(self):
        changed, unblocked = "it may have the new PIN", "with the PIN that it had before (a CPS4)"
        for error, change, unblock in (("CardRemoved", True, True), ("ChildFailed", True, True),
                                       ("Timeout", False, True), ("PinRefused", False, True), ("Busy", False, False)):
            service = self.service("torn=" + error)
            self.agent("1234\n4321\n12345678\n1111\n")
            code = {"PinRefused": 6, "CardRemoved": 5, "ChildFailed": 1}.get(error, 9)
            self.assertEqual(changed in self.run_ctl("pin", "change", code=code).stderr, change, error)
            self.assertEqual(unblocked in self.run_ctl("pin", "unblock", code=code).stderr, unblock, error)
            self.stop(service)
        self.service()
        self.agent("1234\n4321\n00000000\n1111\n")
        self.assertNotIn(changed, self.run_ctl("pin", "change").stderr)
        self.assertNotIn(unblocked, self.run_ctl("pin", "unblock", code=6).stderr)  # a wrong PUK: nothing was done

    def test_the_last_try_is_confirmed_first(self):
        self.service("tries=1")
        agent = self.agent("no\n")
        self.run_ctl("pin", "unblock", code=6)
        line = self.line(agent)
        self.assertEqual((line["request"], line["kind"], line["facts"]["code"]),
                         ("confirm", "last-try", "puk"))

    def test_without_agent_or_card_the_exit_code_says_so(self):
        self.service()
        self.run_ctl("pin", "change", code=9)
        self.run_ctl("pin", "change", "--card", "7", code=5)
        self.agent("\n")
        self.run_ctl("pin", "change", code=9)
        self.run_ctl("pin", code=2)
        self.run_ctl("pin", "forget", code=2)
        self.run_ctl("pin", "change", "now", code=2)

    def test_on_the_keypad_the_agent_says_what_to_type(self):
        self.service("keypad")
        agent = self.agent()
        words = subprocess.Popen([VITALECTL, "agent"], env=self.env, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, words)
        self.assertIn("Ready", words.stderr.readline())
        self.run_ctl("pin", "unblock")
        self.assertEqual(words.stdout.readline(), "! 3 tries are left.\n")
        self.assertEqual(words.stdout.readline(),
                         "On the reader's keypad: the PUK, then the new PIN twice.\n")
        self.assertEqual(words.stdout.readline(), "! The keypad is no longer needed.\n")
        self.run_ctl("pin", "change")
        words.stdout.readline()
        self.assertIn("present PIN", words.stdout.readline())
        words.terminate()
        words.wait(SECONDS)
        agent.stdin.write("1\nyes\n")
        agent.stdin.flush()
        self.run_ctl("open", "summary")
        first, second = self.line(agent), self.line(agent)
        self.assertEqual((first["inform"], first["facts"]["codes"]), ("use-pinpad", ["pin"]))
        self.assertEqual(second, {"cancelled": "answered", "session": first["session"]})


class Import(Bed):
    def feed(self, text):
        with tempfile.NamedTemporaryFile("w", delete=False) as f:
            f.write(text)
        self.addCleanup(os.unlink, f.name)
        return f.name

    def test_a_feed_is_handed_over_and_what_is_new_is_counted(self):
        self.service()
        self.assertEqual(self.lines("import", self.feed("a feed")), [{"command": "import", "lines": 12}])
        out = self.run_ctl("import", self.feed("a feed"))
        self.assertEqual(out.stdout, "12 lines are new in the dossiers of this computer.\n")
        self.assertIn("6 bytes are handed over", out.stderr)

    def test_the_line_that_is_wrong_is_named(self):
        self.service()
        out = self.run_ctl("import", self.feed("another"), code=2)
        self.assertIn("line 3: amount", out.stderr)

    def test_what_is_no_file_is_not_handed_over(self):
        self.run_ctl("import", "/nowhere/at/all", code=2)
        self.assertIn("no regular file", self.run_ctl("import", "/", code=2).stderr)
        self.run_ctl("import", "/dev/null", code=2)
        self.run_ctl("import", code=2)
        self.run_ctl("import", "a", "b", code=2)

    def test_without_a_service_it_says_so(self):
        self.run_ctl("import", self.feed("a feed"), code=4)


class Lend(Bed):
    def test_a_command_runs_while_the_reader_is_lent(self):
        service = self.service()
        out = self.run_ctl("lend", "1", "30", "--", "sh", "-c", "echo --json; exit 7", code=7)
        self.assertEqual(out.stdout, "--json\n")
        self.assertIn("given back", out.stderr)
        self.assertEqual([service.stdout.readline() for _ in range(3)],
                         ["lent 30\n", "returned\n", "lease ends\n"])

    def test_json_tells_lease_and_end(self):
        self.service()
        out = self.lines("lend", "Reader \x1b[2J", "--", "true")
        self.assertEqual([(e["lease"], e.get("ended"), e.get("exit")) for e in out],
                         [("/org/vitaled1/lease/1", None, None), ("/org/vitaled1/lease/1", "returned", 0)])
        self.assertEqual(out[0]["reader"], "/org/vitaled1/reader/1")
        self.assertEqual(out[0]["until"], 1700000000000000)

    def test_a_command_that_dies_or_is_not_there(self):
        self.service()
        self.run_ctl("lend", "1", "--", "sh", "-c", "kill -9 $$", code=137)
        self.run_ctl("lend", "1", "--", "/nowhere/at/all", code=2)

    def test_without_a_command_it_is_held_until_a_signal(self):
        service = self.service()
        process = subprocess.Popen([VITALECTL, "lend", "1"], env=self.env, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        self.assertIn("60 s", process.stderr.readline())
        self.assertIn("reader 1: Reader \ufffd[2J (simulated, any, keypad, lent)",
                      self.run_ctl("status").stdout)
        self.assertIn("lease 1: reader 1", self.run_ctl("status").stdout)
        process.terminate()
        self.assertEqual(process.wait(SECONDS), 0)
        self.assertEqual(service.stdout.readline(), "lent 60\n")
        self.assertIn(service.stdout.readline(), ("returned\n", "lease ends\n"))

    def test_a_lease_may_end_before_the_command(self):
        self.service("short")
        out = self.run_ctl("lend", "1", "1", "--", "sleep", "1")
        self.assertIn("over before the command ended", out.stderr)
        out = self.lines("lend", "1", "1")
        self.assertEqual(out[-1]["ended"], "over")

    def test_a_service_that_dies_does_not_end_the_command(self):
        service = self.service()
        process = subprocess.Popen([VITALECTL, "lend", "1", "--", "sh", "-c", "sleep 1; exit 3"],
                                   env=self.env, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        self.assertIn("lent", process.stderr.readline())
        service.kill()
        self.assertEqual(process.wait(SECONDS), 3)

    def test_a_signal_ends_the_command_too(self):
        self.service()
        process = subprocess.Popen([VITALECTL, "lend", "1", "--", "sleep", "1000"], env=self.env,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        self.assertIn("lent", process.stderr.readline())
        process.terminate()
        self.assertEqual(process.wait(SECONDS), 143)

    def test_what_is_refused_has_its_exit_code(self):
        self.service("lend=Busy")
        self.run_ctl("lend", "1", "--", "true", code=9)
        self.run_ctl("lend", "1", "4000000000", "--", "true", code=2)
        self.run_ctl("lend", "1", "soon", code=2)
        self.run_ctl("lend", "9", code=5)
        self.run_ctl("lend", code=2)
        self.run_ctl("lend", "1", "2", "3", code=2)


class Fork:
    """Records of one key that begin alike: @common entries, then each its own."""
    KEY = None

    def __init__(self, common, seed, size):
        Fork.KEY = Fork.KEY or forge_record.Key()
        self.entries = forge_record.texts(common) + forge_record.texts(size, seed=seed)[common:]
        self.leaves = forge_record.leaves(self.entries)
        self.size = size

    def note(self, size):
        return self.KEY.note(size, forge_record.tree_root(self.leaves[:size]))

    def proof(self, old, size):
        """As GetAuditConsistency answers."""
        return {"checkpoint": self.note(size),
                "path": [base64.b64encode(h).decode() for h in forge_record.growth(self.leaves[:size], old)]}


class Record(Bed):
    def record(self, checkpoint, proofs, **more):
        kept = self.path("kept")
        service = self.service("record=" + self.path("record", json.dumps(
            {"vkey": Fork.KEY.vkey, "checkpoint": checkpoint, "proofs": proofs, **more})))
        return service, kept

    def watch(self, kept, code, *more):
        return self.run_ctl("audit", "watch", "--checkpoint", kept, "--once", *more, code=code)

    def kept(self, name="kept"):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def test_a_checkpoint_told_must_lead_to_where_the_kept_one_leads(self):
        a, b = Fork(4, 1, 24), Fork(4, 2, 24)
        k = a.note(4)
        for told, proofs, last in (
                # each is shown a branch of its own, and the branches are never shown together
                (b.note(9), {k: a.proof(4, 12), b.note(9): b.proof(9, 14)}, 12),
                (b.note(9), {k: a.proof(4, 12), b.note(9): b.proof(9, 12)}, 12),
                (b.note(9), {k: a.proof(4, 12), b.note(9): b.proof(9, 11)}, 12),
                (b.note(9), {k: a.proof(4, 12)}, 12),
                # ... or shown with a proof that is none
                (b.note(9), {k: a.proof(4, 12), b.note(9): b.proof(9, 14), a.note(12): b.proof(12, 14)}, 12),
                (b.note(9), {k: a.proof(4, 12), b.note(9): b.proof(9, 14), a.note(12): a.proof(12, 14)}, 14),
                (b.note(12), {k: a.proof(4, 12)}, 12)):
            with self.subTest(last=last, proofs=len(proofs)):
                self.path("kept", k)
                service, kept = self.record(told, proofs)
                self.assertIn("ALARM", self.watch(kept, 10).stderr)
                self.stop(service)
                # what is kept continues what was kept, and what is beside it does not fit: both are signed
                self.assertEqual(self.kept(), a.note(last))
                other = self.kept("kept.alarm")
                self.assertIn(other, [b.note(n) for n in (9, 11, 12, 14)])

    def test_a_record_that_grows_while_it_is_looked_at_is_no_alarm(self):
        a = Fork(4, 1, 24)
        self.path("kept", a.note(4))
        service, kept = self.record(a.note(9), {a.note(4): a.proof(4, 12), a.note(9): a.proof(9, 14),
                                                a.note(12): a.proof(12, 15), a.note(14): a.proof(14, 15)})
        out = self.run_ctl("--json", "audit", "watch", "--checkpoint", kept, "--once")
        told = json.loads(out.stdout)
        self.assertEqual((told["ok"], told["old"], told["size"]), (True, 4, 15))
        self.assertEqual(self.kept(), a.note(15))
        proofs = [service.stdout.readline() for _ in range(4)]
        self.assertEqual(proofs, ["proof\n"] * 4)

    def test_branches_that_never_meet_are_not_believed(self):
        a, b = Fork(4, 1, 150), Fork(4, 2, 150)
        a_notes, b_notes = [[x.note(n) for n in range(150)] for x in (a, b)]
        proofs = {a_notes[4]: a.proof(4, 10)}
        proofs.update({a_notes[n]: a.proof(n, n + 2) for n in range(10, 148, 2)})
        proofs.update({b_notes[n]: b.proof(n, n + 2) for n in range(9, 148, 2)})
        self.path("kept", a_notes[4])
        _service, kept = self.record(b_notes[9], proofs)
        out = self.watch(kept, 9)
        self.assertNotIn("grew", out.stdout)
        self.assertIn("cannot show it now", out.stderr)

    def test_a_stranger_raises_no_alarm(self):
        a, b = Fork(4, 1, 24), Fork(4, 2, 24)
        self.path("kept", a.note(4))
        service, kept = self.record(a.note(4), {a.note(4): a.proof(4, 12), a.note(12): a.proof(12, 12)},
                                    told=[a.note(12)])
        watch = subprocess.Popen([VITALECTL, "audit", "watch", "--checkpoint", kept], env=self.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, watch)
        self.assertIn("Watching", watch.stderr.readline())
        for note in ("nonsense", b.note(9)):
            self.stranger("/org/vitaled1", "org.vitaled1.Manager", {"Checkpoint": note})
        self.run_ctl("audit", "checkpoint")
        self.assertIn("12 entries, 4 before", watch.stdout.readline())
        watch.terminate()
        self.assertEqual(watch.wait(SECONDS), 0, watch.stderr.read())
        self.assertFalse(os.path.exists(kept + ".alarm"))
        self.stop(service)

    def test_an_entry_is_exact_in_a_file_and_harmless_at_a_terminal(self):
        a = Fork(0, 1, 1)
        text = forge_record.entry(0, random.Random(1), application="A\x9b31m\u202eB\u009d")
        leaf = forge_record.leaves([text])
        self.record("", {}, entry={"index": 0, "entry": text, "leaf": base64.b64encode(leaf[0]).decode(), "path": [],
                                   "vkey": a.KEY.vkey, "checkpoint": a.KEY.note(1, forge_record.tree_root(leaf))})
        self.assertEqual(self.run_ctl("audit", "prove", "0").stdout, text + "\n")
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        process = subprocess.Popen([VITALECTL, "audit", "prove", "0"], env=self.env, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.addCleanup(self.stop, process)
        seen = b""
        while b"is in the record of" not in seen:
            self.assertTrue(select.select([master], [], [], SECONDS)[0], seen)
            seen += os.read(master, 4096)
        self.assertIn("A\ufffd31m\ufffdB\ufffd", seen.decode())
        for raw in "\x9b\u202e\x9d":
            self.assertNotIn(raw, seen.decode())


class Others(Bed):
    def test_without_bus_or_service_the_exit_code_is_4(self):
        for command in (["status"], ["agent"], ["open", "lock"], ["audit", "export"], ["audit", "checkpoint"]):
            self.run_ctl(*command, code=4)
            self.run_ctl(*command, code=4, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
        self.run_ctl("doctor", code=4)
        out = self.lines("doctor", code=4, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
        self.assertEqual(out[0]["finding"], "bus")
        self.assertTrue(all(e.get("remedy") for e in out[:-1] if "finding" in e))

    def test_status_in_words_and_json(self):
        self.service()
        out = self.run_ctl("status").stdout
        self.assertIn("card 1: Vitale card 2, simulated card, reader 1", out)
        self.assertNotIn("\x1b", out)
        out = self.lines("status")[0]
        self.assertEqual(out["manager"]["ReaderService"], "running")
        self.assertEqual(out["objects"]["/org/vitaled1/card/1"]["org.vitaled1.Card"]["Atr"], "3b")

    def test_an_advice_is_a_sentence_and_its_word(self):
        self.service("advice=card-update-incomplete")
        for command in (["status"], ["pin", "status"]):
            self.assertIn("  An update of the card was not completed: update it again, else have it replaced. "
                          "[card-update-incomplete]\n", self.run_ctl(*command).stdout)
        self.assertEqual(self.run_ctl("status").stdout.count("\n  "), 1)

    def test_watch_prints_each_change(self):
        watch = subprocess.Popen([VITALECTL, "--json", "watch"], env=self.env, stdout=subprocess.PIPE,
                                 text=True)
        self.addCleanup(self.stop, watch)
        words = subprocess.Popen([VITALECTL, "watch"], env=self.env, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, words)
        self.assertEqual(self.line(watch)["change"], "watching")
        self.assertIn("Watching", words.stderr.readline())
        service = self.service()
        self.run_ctl("open", "--mode", "identity", "choose 1", "lock")
        self.stop(service)
        first = self.line(watch)
        self.assertEqual(first["change"], "started")
        self.assertIn("time", first)
        while (line := self.line(watch))["change"] != "stopped":
            self.assertEqual(line["change"], "changed")
        self.assertIn("State=", "".join(words.stdout.readline() for _ in range(3)))
        watch.terminate()
        self.assertEqual(watch.wait(SECONDS), 0)

    def test_doctor_asks_the_service(self):
        self.service()
        out = self.lines("doctor", code=5)
        told = [e["finding"] for e in out if e.get("group") == "service" and "finding" in e]
        self.assertEqual(told, ["no-reader", "filter-logs"])
        self.assertEqual(out[-1]["findings"], 1)  # the others are remarks

    def test_a_name_is_explained_in_both_languages(self):
        for name in ("pin-blocked", "PinBlocked", "org.vitaled1.Error.PinBlocked"):
            out = self.lines("explain", name)
            self.assertEqual([(e["name"], e["kind"], e["exit"]) for e in out], [("pin-blocked", "error", 6)])
        self.assertIn("The card is blocked", self.run_ctl("explain", "pin-blocked").stdout)
        self.assertIn("La carte est bloquée", self.run_ctl("explain", "pin-blocked", env={"LC_ALL": "fr_FR.UTF-8"}).stdout)
        self.assertEqual({e["kind"] for e in self.lines("explain")}, {"error", "reason", "finding", "remark", "rule", "bus"})
        self.assertEqual(len(self.lines("explain", "AccessDenied")), 2)  # ours, and the bus's
        self.run_ctl("explain", "nothing-so-called", code=2)
        self.run_ctl("explain", "a", "b", code=2)

    def test_the_record_is_taken_along(self):
        self.service()
        target = self.path("export.json")
        self.run_ctl("audit", "export", "-o", target)
        with open(target, encoding="utf-8") as f:
            self.assertEqual(json.load(f)["format"], 1)
        self.assertEqual(json.loads(self.run_ctl("audit", "export").stdout)["format"], 1)
        self.run_ctl("audit", "export", "-o", target, code=1)  # never over another
        self.assertTrue(self.run_ctl("audit", "checkpoint").stdout.startswith("origin\n"))
        self.assertIn("checkpoint", self.lines("audit", "checkpoint")[0])
        self.run_ctl("audit", "verify", target, code=8)
        self.run_ctl("audit", "verify", "/nowhere", code=2)
        self.run_ctl("receipt", "show", target, code=2)


if __name__ == "__main__":
    unittest.main()
