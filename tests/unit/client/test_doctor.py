#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""vitalectl doctor over trees of files that stand for a computer, with stand-ins for the bus's services and for
libpcsclite: every finding of the doctor is found once where it should be, and nothing in a healthy tree; what is
broken, hostile or hidden stops nobody.

usage: test_doctor.py VITALECTL VITALED FOLDER_OF_FAKE_LIBPCSCLITE ROOT"""
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT, FAKE = os.path.abspath(sys.argv.pop(4)), os.path.abspath(sys.argv.pop(3))
VITALED, VITALECTL = os.path.abspath(sys.argv.pop(2)), os.path.abspath(sys.argv.pop(1))
BUS = """<busconfig><type>system</type><listen>unix:dir={dir}</listen><auth>EXTERNAL</auth>
{services}<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/><allow user="*"/></policy></busconfig>"""
SECONDS = 120
PLIST = """<?xml version="1.0"?><plist><dict><key>ifdVendorID</key><array>{0}</array>
<key>ifdProductID</key><array>{1}</array><key>ifdFriendlyName</key><array>{2}</array></dict></plist>"""
INSTALLED = {
    "usr/share/dbus-1/system.d/org.vitaled1.conf": "", "usr/share/polkit-1/actions/org.vitaled1.policy": "",
    "usr/share/dbus-1/system-services/org.vitaled1.service": "",
    "usr/lib/udev/rules.d/65-vitaled-readers.rules": "", "usr/lib/udev/rules.d/74-vitaled-usb.rules": "",
    "usr/lib/udev/rules.d/69-vitaled-usb.rules": "",
    "usr/lib/x86_64-linux-gnu/libusb-1.0.so.0": "", "usr/lib/udev/hwdb.d/60-vitaled-readers.hwdb": "",
    "usr/lib/x86_64-linux-gnu/libpcsclite.so.1": "", "usr/lib64/libcrypto.so.3": "", "usr/lib/libsqlite3.so.0": "",
    "lib/libseccomp.so.2": "", "usr/lib/aarch64-linux-gnu/libsystemd.so.0": "",
    "usr/sbin/pcscd": "\x7fELF pcsc-lite 2.3.1 daemon ready.\n",
}
# what a reader says: one slot, TPDUs (CCID 1.1 §5.1); endpoints are invented
SAYS = bytes([18, 1, 0, 2, 0, 0, 0, 64, 0, 0, 0, 0, 8, 1, 0, 0, 0, 1, 9, 2, 93, 0, 1, 1, 0, 0x80, 50,
              9, 4, 0, 0, 3, 0x0B, 0, 0, 0]) + struct.pack(
                  "<BBHBBIIIBIIBIIIIIBBHBB", 54, 0x21, 0x0110, 0, 7, 3, 4000, 4000, 0, 10752, 344086, 0, 254, 0, 0,
                  0x00010230, 271, 0xFF, 0xFF, 0, 0, 1) + bytes(
                      [7, 5, 0x01, 2, 64, 0, 0, 7, 5, 0x81, 2, 64, 0, 0, 7, 5, 0x82, 3, 8, 0, 24])
UNIX = "Num       RefCount Protocol Flags    Type St Inode Path\n"
PROGRAMS = ("vitaled", "vitaled-watch", "vitaled-card", "vitaled-dossier", "vitaled-crl", "vitaled-feed")


class Tree:
    """A computer: /sys, /proc, /etc, /usr and /var of its own."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "root")
        self.libexec = os.path.join(folder, "libexec")  # of the machine that runs the doctor
        self.put_all(INSTALLED)
        for name in PROGRAMS:
            self.program(name)
        self.put("etc/passwd", f"root:x:0:0::/:/bin/sh\nvitaled:x:{os.getuid()}:1::/:/bin/false\n")
        self.driver("ifd-ccid", [("0x2947", "0x0101", "KAPELSE KAP-LINK"), ("0x1C34", "0xAFD0", "Doctolib SR")])
        os.makedirs(self.path("var/lib/vitaled"), mode=0o700)
        os.makedirs(self.path("sys/bus/usb/devices"))
        os.makedirs(self.path("proc"))
        self.put("etc/vitaled/anchors/simulated/a.pem", self.certificate())

    @staticmethod
    def certificate():
        return subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                               "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x", "-days", "400"],
                              check=True, capture_output=True, text=True).stdout

    def path(self, name):
        return os.path.join(self.root, name)

    def put(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())

    def put_all(self, files):
        for name, content in files.items():
            self.put(name, content)

    def program(self, name):
        """Where the doctor looks: below its own folder of programs, in the tree."""
        for folder in (self.libexec, self.root + self.libexec):
            os.makedirs(folder, exist_ok=True)
            if name == "vitaled":
                shutil.copy(VITALED, os.path.join(folder, name))
            else:
                with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                    f.write("#!/bin/false\n")
                os.chmod(os.path.join(folder, name), 0o755)

    def driver(self, name, rows):
        self.put(f"usr/lib/pcsc/drivers/{name}.bundle/Contents/Info.plist", PLIST.format(
            *("".join(f"<string>{row[i]}</string>" for row in rows) for i in range(3))))

    def usb(self, port, vendor, number, interfaces=("0b",), **attributes):
        folder = f"sys/bus/usb/devices/{port}"
        for name, value in {"idVendor": vendor, "idProduct": number, "authorized": "1", **attributes}.items():
            self.put(f"{folder}/{name}", value if isinstance(value, bytes) else value + "\n")
        for i, one in enumerate(interfaces):
            self.put(f"{folder}:1.{i}/bInterfaceClass", one + "\n")

    def process(self, pid, comm, maps):
        self.put(f"proc/{pid}/comm", comm + "\n")
        self.put(f"proc/{pid}/maps", maps)


class Doctor(unittest.TestCase):
    everything = set()  # findings of all tests together

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.tree = Tree(self.folder.name)
        self.env = dict(os.environ, LC_ALL="C.UTF-8", DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nowhere",
                        VITALED_LIBEXECDIR=self.tree.libexec, FAKE_PCSC="",
                        LD_LIBRARY_PATH=":".join(filter(None, (FAKE, os.environ.get("LD_LIBRARY_PATH")))),
                        PCSCLITE_CSOCK_NAME=os.path.join(self.folder.name, "comm"))
        self.env.pop("LANGUAGE", None)
        self.listen(self.env["PCSCLITE_CSOCK_NAME"])

    def listen(self, path):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.bind(path)
        one.listen(4)
        self.addCleanup(one.close)
        return one

    def start_bus(self, services=""):
        config = os.path.join(self.folder.name, "bus.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(BUS.format(dir=self.folder.name, services=services))
        bus = subprocess.Popen(["dbus-daemon", "--config-file", config, "--print-address", "--nofork"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.stop, bus)
        self.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus.stdout.readline().strip()

    def stand_in(self, program, *options):
        process = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, program), *options], env=self.env,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        self.assertEqual(process.stdout.readline(), "ready\n")

    @staticmethod
    def stop(process):
        process.kill()
        process.wait()
        process.stdout.close()

    def run_doctor(self, *options, words=False, user=None):
        command = [VITALECTL, *(() if words else ("--json",)), "doctor", "--root", self.tree.root, *options]
        with tempfile.TemporaryDirectory() as counters:  # a build that counts coverage writes as @user too
            os.chmod(counters, 0o777)
            env = dict(self.env, GCOV_PREFIX=counters) if user else self.env
            result = subprocess.run(command, env=env, capture_output=True, timeout=SECONDS, check=False, user=user,
                                    group=user, extra_groups=[] if user else None)
        self.code = result.returncode
        self.assertIn(self.code, range(10), result.stderr)
        self.assertEqual(result.stderr, b"")
        text = result.stdout.decode("utf-8")
        return text if words else [json.loads(line) for line in text.splitlines()]

    def found(self, *options, **keywords):
        """[(name, detail)] but for what is so in every test: no bus, and a clock that the machine has."""
        self.out = self.run_doctor(*options, **keywords)
        told = [(e["finding"], e["detail"]) for e in self.out if "finding" in e]
        Doctor.everything |= {name for name, _ in told}
        for e in self.out[:-1]:
            if "finding" in e:
                self.assertTrue(all(e[k] for k in ("sentence", "technician", "remedy", "group")), e)
        return [one for one in told if one[0] not in ("bus", "clock-unsynchronised")]

    def seen(self, what):
        return [e["facts"] for e in self.out if e.get("seen") == what]

    # -- nothing is wrong ----------------------------------------------------------------------

    def test_a_healthy_tree_has_no_finding_but_the_missing_bus(self):
        self.assertEqual(self.found(), [])
        self.assertEqual(self.code, 4)
        self.assertEqual(self.seen("pcscd")[0]["version"], "2.3.1")
        self.assertEqual(self.seen("store")[0]["path"], "/var/lib/vitaled")
        self.assertEqual(len(self.seen("anchor")), 1)

    def test_with_everything_running_the_doctor_says_so_and_leaves_with_0(self):
        self.start_bus()
        self.stand_in("fake_service.py", "findings=")
        self.stand_in("fake_systemd.py", "vitaled.service=loaded,active,success",
                      "pcscd.socket=loaded,active,success", "polkit.service=loaded,inactive,success")
        self.assertEqual(self.found(), [])
        self.assertEqual((self.code, self.out[-1]), (0, {"findings": 0}))
        self.assertEqual([u["state"] for u in self.seen("unit")], ["active", "active", "inactive"])
        self.assertIn("Nothing stands in the way.", self.run_doctor(words=True))

    def test_nothing_is_changed_by_looking(self):
        def listing():
            return sorted((d, f, os.lstat(os.path.join(d, f)).st_mtime_ns, os.lstat(os.path.join(d, f)).st_mode)
                          for d, folders, files in os.walk(self.tree.root) for f in files + folders)
        before = listing()
        self.found()
        self.assertEqual(listing(), before)

    # -- readers -------------------------------------------------------------------------------

    def test_readers_that_no_driver_claims_are_named_with_their_usb_ids(self):
        self.tree.usb("1-1", "0b00", "0090", interfaces=("ff",), product="Lecteur SESAM VITALE")
        self.tree.usb("1-2", "2947", "0102")
        self.tree.usb("1-3", "abcd", "0001", interfaces=("03", "0b"), product="Some reader")
        self.tree.usb("1-4", "abcd", "0002", interfaces=("08",), product="A stick")
        self.assertEqual(self.found(), [("reader-old-mode", "Ingenico Lecteur SESAM-Vitale"),
                                        ("reader-unclaimed", "Kapelse KAP-Care"), ("reader-unclaimed", "Some reader")])
        facts = [e["facts"] for e in self.out if e.get("finding", "").startswith("reader-")]
        self.assertEqual([(f["usb"], f.get("libccid")) for f in facts],
                         [("0b00:0090", "no"), ("2947:0102", "1.5.5"), ("abcd:0001", None)])
        text = self.run_doctor(words=True)
        self.assertIn("USB number: 0b00:0090", text)

    def test_every_french_reader_of_the_table_is_named_when_no_driver_claims_it(self):
        with open(os.path.join(ROOT, "udev/60-vitaled-readers.hwdb"), encoding="utf-8") as f:
            entries = re.findall(r"((?:^usb:.*\n)+)((?:^ .*\n)+)", f.read(), re.M)
        wanted = {}
        for ids, facts in entries:
            facts = dict(re.findall(r"^ (\w+)=(.*)$", facts, re.M))
            for vendor, product in re.findall(r"usb:v(....)p(....)\*", ids):
                wanted[f"{vendor}:{product}".lower()] = (facts["ID_MODEL_FROM_DATABASE"], facts["VITALED_LIBCCID"])
        self.tree.driver("ifd-ccid", [("0x0001", "0x0001", "Other")])
        for number, one in enumerate(wanted):
            self.tree.usb(f"1-{number}", *one.split(":"), interfaces=())
        self.found()
        got = {e["facts"]["usb"]: e["facts"] for e in self.out
               if e.get("finding") in ("reader-unclaimed", "reader-old-mode")}
        self.assertEqual({usb: f["libccid"] for usb, f in got.items()}, {usb: since for usb, (_, since) in wanted.items()})
        for usb, (model, _) in wanted.items():
            self.assertTrue(got[usb]["name"].endswith(model), usb)
        self.assertEqual({f["usb"] for f in self.seen("usb-reader")}, set(wanted))
        self.assertGreater(len(wanted), 20)

    def test_a_reader_that_may_be_of_its_old_mode_is_told_by_its_interface(self):
        self.tree.usb("1-1", "0b00", "0090", interfaces=("ff",))
        self.assertEqual(self.found(), [("reader-old-mode", "Ingenico Lecteur SESAM-Vitale")])
        self.usb_program()  # changes nothing: nobody can serve it
        self.assertEqual(self.found(), [("reader-old-mode", "Ingenico Lecteur SESAM-Vitale")])
        self.tree.usb("1-1", "0b00", "0090", interfaces=("0b",))
        self.assertEqual(self.found(), [])

    def usb_program(self):
        """vitaled-usb with its group, 5432."""
        self.tree.program("vitaled-usb")
        self.tree.put("etc/group", "root:x:0:\nvitaled-usb:x:5432:\n")

    def node(self, port, number, *entries):
        """The node of the reader at @port: mode 0660, and with @entries of setfacl."""
        node = f"dev/bus/usb/001/{number:03}"
        self.tree.put(f"sys/bus/usb/devices/{port}/busnum", "1\n")
        self.tree.put(f"sys/bus/usb/devices/{port}/devnum", f"{number}\n")
        self.tree.put(node, "")
        os.chmod(self.tree.path(node), 0o660)
        for entry in entries:
            subprocess.run(["setfacl", "-m", entry, self.tree.path(node)], check=True)

    def test_a_reader_for_vitaled_usb_alone_is_no_finding_where_its_group_may_open_it(self):
        self.tree.usb("1-1", "2947", "0102")
        self.assertEqual(self.found(), [("reader-unclaimed", "Kapelse KAP-Care")])
        self.usb_program()
        self.node("1-1", 7, "g:5432:rw")
        self.assertEqual(self.found(), [])
        self.tree.usb("1-2", "abcd", "0001", product="Some reader")  # not of the table: pcscd's by default
        self.assertEqual(self.found(), [("reader-unclaimed", "Some reader")])

    def test_a_node_that_other_users_may_open_is_told_where_the_configuration_gives_the_reader_to_vitaled_usb(self):
        self.usb_program()
        self.configure("[usb *]\ndriver = usb\n")
        self.tree.usb("1-1", "2947", "0102")
        for entries, shared in ((("g:5432:rw",), False), (("u:9:rw", "g:5432:rw"), True), (("u:9:r", "g:5432:rw"), False),
                                (("u:0:rw", "g:5432:rw"), False)):
            self.node("1-1", 7, *entries)
            self.assertEqual(self.found(), [("reader-shared", "Kapelse KAP-Care")] if shared else [], entries)
            os.unlink(self.tree.path("dev/bus/usb/001/007"))
        self.node("1-1", 7)
        os.chmod(self.tree.path("dev/bus/usb/001/007"), 0o666)
        self.assertEqual(self.found(), [("reader-shared", "Kapelse KAP-Care")])
        self.configure("")
        self.assertEqual(self.found(), [])

    def test_a_node_that_vitaled_usb_may_not_open_is_found(self):
        self.usb_program()
        self.tree.usb("1-1", "2947", "0102")
        for entries, good in (((), False), (("g:5433:rw",), False), (("u:5432:rw",), False), (("g:5432:r",), False),
                              (("g:5432:rw", "m::r"), False), (("g:5432:rw", "g:5433:r"), True)):
            self.node("1-1", 7, *entries)
            self.assertEqual(self.found(), [] if good else [("reader-denied", "Kapelse KAP-Care")], entries)
            os.unlink(self.tree.path("dev/bus/usb/001/007"))
        self.assertEqual(self.found(), [])  # no node: unplugged meanwhile
        self.node("1-1", 7)
        os.chmod(self.tree.path("dev/bus/usb/001/007"), 0o666)
        self.assertEqual(self.found(), [])
        os.chmod(self.tree.path("dev/bus/usb/001/007"), 0o660)
        self.tree.put("etc/group", f"vitaled-usb:x:{os.getgid()}:\n")
        self.assertEqual(self.found(), [])
        self.tree.put("etc/group", "vitaled-usbx:x:1:\n")
        self.assertEqual(self.found(), [("user-missing", "vitaled-usb")])
        for value in ("", "x", "1234", "-1"):
            self.tree.put("sys/bus/usb/devices/1-1/devnum", value)
            self.assertEqual(self.found(), [])

    def test_a_reader_that_the_service_has_from_vitaled_usb_is_no_finding(self):
        self.start_bus()
        self.usb_program()
        self.stand_in("fake_service.py", "findings=", "reader=Kapelse KAP-Care (1) [usb 1-1] 00 00")
        self.tree.usb("1-1", "2947", "0102")
        self.tree.usb("1-11", "2947", "0101")  # pcscd's, which does not list it
        self.tree.usb("1-12", "2947", "0103")  # vitaled-usb's, and the service does not have it
        for port, number in (("1-1", 2), ("1-11", 3), ("1-12", 4)):
            self.node(port, number, "g:5432:rw")
        self.assertEqual(self.found(), [("reader-unseen", "Kapelse KAP-LINK"), ("reader-unseen", "Kapelse KAP-GO")])
        self.assertEqual([r.get("driver") for r in self.seen("usb-reader")], ["vitaled-usb", None, None])

    def test_a_reader_of_vitaled_usb_does_not_stand_for_one_of_pcscd_of_the_same_name(self):
        self.start_bus()
        self.stand_in("fake_service.py", "findings=", "reader=Doctolib SR (1) [usb 1-9] 00 00")
        self.usb_program()
        self.env["FAKE_PCSC"] = "error:8010006a"  # the service tells the readers
        self.tree.usb("1-1", "1c34", "afd0")
        self.tree.usb("1-9", "1c34", "afd0")
        self.assertIn(("reader-unseen", "Doctolib SR"), self.found())
        self.assertEqual([(r["port"], r.get("driver")) for r in self.seen("usb-reader")],
                         [("1-1", None), ("1-9", "vitaled-usb")])

    def test_without_pcscd_a_computer_with_vitaled_usb_is_healthy(self):
        self.usb_program()
        shutil.rmtree(self.tree.path("usr/lib/pcsc"))
        os.unlink(self.tree.path("usr/sbin/pcscd"))
        os.unlink(self.env["PCSCLITE_CSOCK_NAME"])
        self.assertEqual(self.found(), [])
        os.unlink(self.tree.path("usr/lib/x86_64-linux-gnu/libusb-1.0.so.0"))
        rules = [f"/usr/lib/udev/rules.d/{number}-vitaled-usb.rules" for number in (74, 69)]
        for path in rules:
            os.unlink(self.tree.path(path[1:]))
        self.assertEqual(self.found(), [("library", "libusb-1.0.so.0"), *(("reader-rules", path) for path in rules)])
        os.unlink(self.tree.root + self.tree.libexec + "/vitaled-usb")
        self.assertEqual([name for name, _ in self.found()], ["pcscd", "no-drivers"])

    def configure(self, text):
        self.tree.put("etc/vitaled/vitaled.conf", text)

    def usb_socket(self, path, left=False):
        """A socket at @path in the tree; @left: only its file, behind which nobody is."""
        os.makedirs(os.path.dirname(self.tree.path(path)), exist_ok=True)
        one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        one.bind(self.tree.path(path))
        one.listen(4)
        one.setblocking(False)
        if left:
            one.close()
        self.addCleanup(one.close)
        return one

    def sockets(self, *lines):
        """What listens and what does not, as the kernel tells who may not look at the sockets themselves."""
        self.tree.put("proc/net/unix", UNIX + "".join(
            f"0000000000000000: 00000002 00000000 {flags} 0005 01 {7 + i} {path}\n" for i, (flags, path) in enumerate(lines)))

    def facts(self, finding):
        return [e["facts"] for e in self.out if e.get("finding") == finding]

    def test_a_reader_that_the_configuration_gives_to_a_vitaled_usb_that_is_not_installed(self):
        self.tree.usb("1-1", "2947", "0101")  # libccid's too, and pcscd has it
        self.tree.usb("1-2", "abcd", "0001", product="Some reader", descriptors=SAYS)
        self.env["FAKE_PCSC"] = "12=KAPELSE KAP-LINK 00 00"
        self.configure("[usb 2947:0101]\ndriver = usb ; by us\n\n[usb ABCD:0001]\ndriver=usb\n")
        self.assertEqual(self.found(), [("reader-usb-missing", "Kapelse KAP-LINK"), ("reader-usb-missing", "Some reader")])
        self.assertEqual([f["configured"] for f in self.facts("reader-usb-missing")], ["usb", "usb"])
        self.assertEqual(self.code, 4)
        self.assertIn("driver by the configuration: usb", self.run_doctor(words=True))
        self.usb_program()
        self.assertEqual(self.found(), [])
        self.assertEqual([(r["port"], r["configured"], r.get("driver")) for r in self.seen("usb-reader")],
                         [("1-1", "usb", None), ("1-2", "usb", None)])
        self.configure("[usb 2947:0101]\ndriver = auto\n[usb abcd:0001]\ndriver = auto\n")
        self.assertEqual(self.found(), [])
        self.assertEqual([(r["configured"], r.get("driver")) for r in self.seen("usb-reader")],
                         [("auto", "pcscd"), ("auto", None)])
        os.unlink(self.tree.root + self.tree.libexec + "/vitaled-usb")
        self.assertEqual(self.found(), [("reader-unclaimed", "Some reader")])  # pcscd has the other one

    def test_a_vitaled_usb_at_whose_socket_nobody_listens(self):
        path = "run/vitaled-usb/socket"
        self.usb_program()
        self.tree.usb("1-1", "2947", "0102")  # nobody else's
        self.tree.usb("1-2", "2947", "0101")  # pcscd's by the configuration below
        self.configure("[usb 2947:0101]\ndriver = pcsc\n")
        self.env["FAKE_PCSC"] = "12=KAPELSE KAP-LINK 00 00"
        silent = [("reader-usb-silent", "Kapelse KAP-Care")]
        self.sockets(("00010000", "/" + path))  # what the list says does not count where the socket can be asked
        self.assertEqual(self.found(), silent)
        self.usb_socket(path, left=True)
        self.assertEqual(self.found(), silent)
        os.unlink(self.tree.path(path))
        served = self.usb_socket(path)
        self.sockets()
        self.assertEqual(self.found(), [])
        os.makedirs(self.tree.path("var"), exist_ok=True)
        os.symlink("../run", self.tree.path("var/run"))
        self.configure("[usb 2947:0101]\ndriver = pcsc\n[paths]\nusb-socket = /var/run/vitaled-usb/socket\n")
        self.assertEqual(self.found(), [])  # the same one by another name
        self.assertRaises(BlockingIOError, served.accept)  # which nobody connected to
        self.configure("[paths]\nusb-socket = /srv/usb ; elsewhere\n")
        self.assertEqual(self.found(), silent)
        self.assertEqual([f["socket"] for f in self.facts("reader-usb-silent")], ["/srv/usb"])
        self.usb_socket("srv/usb")
        self.assertEqual(self.found(), [])
        served.close()
        self.configure("[usb *]\ndriver = usb\n")
        self.assertEqual(self.found(), [("reader-usb-silent", "Kapelse KAP-Care"),
                                        ("reader-usb-silent", "Kapelse KAP-LINK")])

    def test_a_reader_that_pcscd_lets_go_of_is_no_finding_where_vitaled_usb_can_have_it(self):
        self.tree.usb("1-1", "2947", "0101")
        self.env["FAKE_PCSC"] = ""  # pcscd lists none
        unseen = [("reader-unseen", "Kapelse KAP-LINK")]
        self.assertEqual(self.found(), unseen)
        self.usb_program()
        self.assertEqual(self.found(), [])  # the service does not run; when it does it has it
        self.node("1-1", 7)
        self.assertEqual(self.found(), [("reader-denied", "Kapelse KAP-LINK")])
        self.node("1-1", 7, "g:5432:rw")
        self.sockets()
        self.assertEqual(self.found(), unseen)
        self.usb_socket("run/vitaled-usb/socket")
        self.assertEqual(self.found(), [])
        self.tree.put("sys/bus/usb/devices/1-1/descriptors", SAYS[:50])
        self.assertEqual(self.found(), unseen)  # vitaled-usb could not use it
        self.tree.put("sys/bus/usb/devices/1-1/descriptors", SAYS)
        self.configure("[usb 2947:0101]\ndriver = pcsc\n")
        self.assertEqual(self.found(), unseen)
        self.assertEqual([f["configured"] for f in self.facts("reader-unseen")], ["pcsc"])
        self.env["FAKE_PCSC"] = "error:8010006a"  # nobody tells what pcscd has
        self.assertEqual([name for name, _ in self.found()], ["pcscd-denied"])

    def test_a_reader_that_is_given_to_a_pcscd_that_has_no_driver_for_it(self):
        left, nobody = [("reader-to-pcscd", "Some reader")], [("reader-unclaimed", "Some reader")]
        self.tree.usb("1-1", "abcd", "0001", product="Some reader")
        self.usb_program()
        self.assertEqual(self.found(), nobody)  # nobody said anything of it
        self.configure("[usb *]\ndriver = pcsc\n")
        self.assertEqual(self.found(), nobody)  # nor is it known whether vitaled-usb could use it
        self.tree.usb("1-1", "abcd", "0001", product="Some reader", descriptors=SAYS)
        for text in ("[usb abcd:0001]\ndriver = pcsc\n", "[usb *]\ndriver = pcsc\n"):
            self.configure(text)
            self.assertEqual(self.found(), left, text)
        self.tree.usb("1-1", "abcd", "0001", interfaces=(), product="Some reader", descriptors=SAYS)
        os.unlink(self.tree.path("sys/bus/usb/devices/1-1:1.0/bInterfaceClass"))
        self.assertEqual(self.found(), left)  # by what it says itself
        self.tree.driver("other", [("0xabcd", "0x0001", "Other")])
        self.assertEqual(self.found(), [("reader-unseen", "Other")])
        self.tree.driver("other", [("0xabcd", "0x0002", "Other")])
        for driver in ("usb", "auto"):
            self.configure(f"[usb abcd:0001]\ndriver = {driver}\n")
            self.assertEqual(self.found(), [])

    def test_a_known_reader_that_is_given_to_a_pcscd_without_its_driver(self):
        self.usb_program()
        self.configure("[usb *]\ndriver = pcsc\n")
        self.tree.usb("1-1", "2947", "0102")
        self.assertEqual(self.found(), [("reader-to-pcscd", "Kapelse KAP-Care")])
        self.tree.usb("1-1", "2947", "0102", interfaces=())
        os.unlink(self.tree.path("sys/bus/usb/devices/1-1:1.0/bInterfaceClass"))
        self.assertEqual(self.found(), [("reader-unclaimed", "Kapelse KAP-Care")])  # nothing says that it is CCID

    def test_a_reader_whose_descriptors_vitaled_usb_refuses(self):
        refused = [("reader-refused", "Some reader")]
        self.usb_program()
        for says, reason in ((SAYS[:-1], "descriptor-cut"), (SAYS + bytes(40000), "descriptor-length")):
            self.tree.usb("1-1", "abcd", "0001", product="Some reader", descriptors=says)
            for text in ("", "[usb *]\ndriver = usb\n", "[usb *]\ndriver = pcsc\n", "[usb *]\ndriver = auto\n"):
                self.configure(text)
                self.assertEqual(self.found(), refused, text)
                self.assertEqual([f["reason"] for f in self.facts("reader-refused")], [reason])
        self.tree.driver("other", [("0xabcd", "0x0001", "Other")])
        self.env["FAKE_PCSC"] = "12=Other 00 00"
        for driver in ("auto", "usb", "pcsc"):
            self.configure(f"[usb *]\ndriver = {driver}\n")
            self.assertEqual(self.found(), [])  # pcscd has it, and vitaled-usb could not
            self.assertEqual(self.seen("usb-reader")[0]["driver"], "pcscd")

    def test_readers_are_not_judged_by_a_configuration_that_is_not_good_or_not_to_be_read(self):
        self.tree.usb("1-1", "2947", "0102", descriptors=SAYS)
        self.tree.usb("1-2", "abcd", "0001", product="Some reader", descriptors=SAYS)
        self.usb_program()
        self.sockets()
        self.configure("[usb *]\ndriver = pcsc\n[usb 2947]\ndriver = usb\n")
        self.assertEqual([name for name, _ in self.found()], ["configuration"])
        self.assertEqual([r.get("configured") for r in self.seen("usb-reader")], [None, None])
        self.configure("[usb *]\ndriver = pcsc\n")
        self.assertEqual([name for name, _ in self.found()], ["reader-to-pcscd"] * 2)
        os.chmod(self.env["PCSCLITE_CSOCK_NAME"], 0o666)
        user = self.hide(self.tree.path("etc/vitaled/vitaled.conf"))
        self.assertEqual([one for one in self.found(user=user) if one[0].startswith("reader-")], [])
        self.assertEqual([r.get("configured") for r in self.seen("usb-reader")], [None, None])

    def test_while_the_service_runs_a_configuration_that_this_user_may_not_read_judges_no_reader(self):
        self.start_bus()
        self.stand_in("fake_service.py", "findings=")
        self.usb_program()
        self.configure("[usb *]\ndriver = usb\n")
        self.tree.usb("1-1", "2947", "0101", descriptors=SAYS)  # pcscd has it, against the configuration
        self.tree.usb("1-2", "2947", "0102", descriptors=SAYS)  # nobody but vitaled-usb could have it
        self.tree.usb("1-3", "1c34", "afd0", descriptors=SAYS)  # either could
        self.tree.usb("1-4", "abcd", "0001", product="Some reader", descriptors=SAYS)  # perhaps nobody's
        self.node("1-4", 9)  # which vitaled-usb may not open
        self.held("1-1")
        self.env["FAKE_PCSC"] = "12=KAPELSE KAP-LINK 00 00"
        os.chmod(self.env["PCSCLITE_CSOCK_NAME"], 0o666)
        self.assertEqual(self.found(), [("reader-held", "Kapelse KAP-LINK"), ("reader-unseen", "Kapelse KAP-Care"),
                                        ("reader-unseen", "Doctolib SR"), ("reader-denied", "Some reader")])
        user = self.hide(self.tree.path("etc/vitaled/vitaled.conf"))
        self.assertEqual([one for one in self.found(user=user) if one[0].startswith("reader-")],
                         [("reader-unseen", "Kapelse KAP-Care"), ("reader-unseen", "Doctolib SR")])
        self.assertEqual([(f.get("configured"), f["driver"]) for f in self.facts("reader-unseen")],
                         [(None, "vitaled-usb"), (None, "Doctolib SR")])
        self.assertEqual([(r.get("configured"), r.get("driver")) for r in self.seen("usb-reader")],
                         [(None, "pcscd"), (None, None), (None, None), (None, None)])
        self.assertEqual(self.seen("configuration")[0]["state"], "may not be read by this user")

    def held(self, port):
        """A program has the reader at @port."""
        os.symlink("../../../bus/usb/drivers/usbfs", self.tree.path(f"sys/bus/usb/devices/{port}:1.0/driver"))

    def test_a_reader_that_pcscd_took_before_vitaled_usb(self):
        held, unseen = [("reader-held", "Kapelse KAP-LINK")], [("reader-unseen", "Kapelse KAP-LINK")]
        self.start_bus()
        self.stand_in("fake_service.py", "findings=")
        self.usb_program()
        self.configure("[usb 2947:0101 K2]\ndriver = usb\n")
        self.tree.usb("1-2", "2947", "0101", descriptors=SAYS, serial="K2")
        self.env["FAKE_PCSC"] = "12=KAPELSE KAP-LINK (K2) 00 00"
        self.assertEqual(self.found(), unseen)  # no program has it
        self.held("1-2")
        self.assertEqual(self.found(), held)
        self.assertEqual([(f["configured"], f["driver"]) for f in self.facts("reader-held")], [("usb", "KAPELSE KAP-LINK")])
        self.assertEqual(self.seen("usb-reader")[0]["driver"], "pcscd")
        self.assertIn("pcscd has taken it", self.run_doctor(words=True))
        self.tree.usb("1-3", "2947", "0101", descriptors=SAYS, serial="K3")  # pcscd's
        for listed, wanted in (("12=KAPELSE KAP-LINK (K3) 00 00", unseen),  # another has the one at 1-2
                               ("12=KAPELSE KAP-LINK 00 00;12=KAPELSE KAP-LINK 00 01", unseen),  # two slots of one
                               ("12=KAPELSE KAP-LINK2 00 00", unseen + unseen),  # and 1-3 is not seen
                               ("12=KAPELSE KAP-LINK 00 00;12=KAPELSE KAP-LINK 01 00", held),
                               ("12=KAPELSE KAP-LINK (K2) 00 00;12=KAPELSE KAP-LINK (K3) 01 00", held)):
            self.env["FAKE_PCSC"] = listed
            self.assertEqual(self.found(), wanted, listed)
        for driver in ("auto", "pcsc"):
            self.configure(f"[usb *]\ndriver = {driver}\n")
            self.assertEqual(self.found(), [])
        self.env["LC_ALL"] = "fr_FR.UTF-8"
        self.configure("[usb 2947:0101 K2]\ndriver = usb\n")
        self.assertIn("et pcscd l'a pris", self.run_doctor(words=True))

    def test_units_of_vitaled_usb_are_looked_at_where_it_is_installed(self):
        units = ("vitaled.service=loaded,active,success", "polkit.service=loaded,inactive,success",
                 "pcscd.socket=not-found,inactive,success", "vitaled-usb.socket=loaded,inactive,success",
                 "vitaled-usb.service=loaded,failed,exit-code")
        self.start_bus()
        self.stand_in("fake_service.py", "findings=")
        self.stand_in("fake_systemd.py", *units)
        self.assertEqual(self.found(), [("unit-missing", "pcscd.socket")])
        self.usb_program()
        self.assertEqual(self.found(), [("unit-stopped", "vitaled-usb.socket"), ("unit-failed", "vitaled-usb.service")])

    def test_readers_are_compared_with_what_pcscd_lists(self):
        self.tree.usb("1-1", "2947", "0101", interfaces=("0b", "0b"))
        self.tree.usb("1-2", "1c34", "afd0")
        self.tree.usb("1-10", "1c34", "afd0")
        self.env["FAKE_PCSC"] = "22=KAPELSE KAP-LINK [x] 00 00;12=KAPELSE KAP-LINK [y] 01 00;12=Doctolib SR 00 00"
        self.assertEqual(self.found(), [("reader-unseen", "Doctolib SR")])  # two are plugged in, one is listed
        self.assertEqual(len(self.seen("reader")), 3)
        self.assertEqual([r["card"] for r in self.seen("reader")], ["card in it", "empty", "empty"])
        self.assertEqual(self.code, 4)

    def test_a_reader_that_the_kernel_was_told_to_block(self):
        self.tree.usb("1-1", "2947", "0101", interfaces=(), authorized="0")
        self.assertEqual(self.found(), [("reader-blocked", "Kapelse KAP-LINK")])

    def test_drivers_that_are_missing_or_damaged(self):
        self.tree.put("usr/lib/pcsc/drivers/other.bundle/Contents/Info.plist", "<plist>")
        self.tree.put("usr/lib/pcsc/drivers/huge.bundle/Contents/Info.plist", b" " * (1 << 20) + b"x")
        folder = "/usr/lib/pcsc/drivers/{}.bundle/Contents/Info.plist"
        self.assertEqual(self.found(), [("driver-broken", folder.format(n)) for n in ("huge", "other")])
        shutil.rmtree(self.tree.path("usr/lib/pcsc"))
        self.assertEqual(self.found(), [("no-drivers", "/usr/lib/pcsc/drivers")])
        os.makedirs(self.tree.path("usr/lib64/pcsc"))
        os.makedirs(self.tree.path("usr/lib/pcsc/drivers/serial"))
        self.assertEqual(self.found(), [("no-drivers", "/usr/lib/pcsc/drivers")])

    def test_a_hostile_sysfs_stops_nobody(self):
        devices = "sys/bus/usb/devices/"
        self.tree.usb("1-1", "0b00", "0090" * 100)
        self.tree.usb("1-2", "zz", "0090")
        self.tree.usb("1-3", "2947", "0101", product=b"\x1b[2J\xff\n")
        self.tree.usb("1-4", "abcd", "0003", product=b"\x1b[2J\xff\nA" * 1000)
        os.mkfifo(self.tree.path(devices + "1-4:1.9"))
        os.makedirs(self.tree.path(devices + "1-5/idVendor"))
        os.symlink("1-6", self.tree.path(devices + "1-6"))
        os.makedirs(os.path.join(os.fsencode(self.tree.path(devices)), b"\xff\xfe"))
        self.tree.put(devices + "1-7", "a file")
        for i in range(4000):
            os.mkdir(self.tree.path(f"{devices}9-{i}"))
        self.found()
        self.assertEqual([f["port"] for f in self.seen("usb-reader")], ["1-3", "1-4"])
        self.assertNotIn("\x1b", self.run_doctor(words=True))
        for i in range(4000, 6000):  # more than are looked at: which are is the file system's choice
            os.mkdir(self.tree.path(f"{devices}9-{i}"))
        self.found()

    def test_without_usb_that_is_said(self):
        shutil.rmtree(self.tree.path("sys"))
        self.assertEqual(self.found(), [])
        self.assertEqual(self.seen("usb-devices"), [{"state": "not there"}])

    # -- pcscd ---------------------------------------------------------------------------------

    def test_a_pcscd_that_is_not_there(self):
        os.unlink(self.env["PCSCLITE_CSOCK_NAME"])
        self.assertEqual(self.found(), [("pcscd", self.env["PCSCLITE_CSOCK_NAME"])])
        del self.env["PCSCLITE_CSOCK_NAME"]
        self.assertEqual(self.found(), [("pcscd", self.tree.root + "/run/pcscd/pcscd.comm")])
        self.env["PCSCLITE_CSOCK_NAME"] = "/" + "x" * 5000
        self.assertEqual([name for name, _ in self.found()], ["pcscd"])

    def test_a_pcscd_that_refuses_fails_hangs_or_kills_who_asks(self):
        path = self.env["PCSCLITE_CSOCK_NAME"]
        for answer, wanted in (("error:8010006a", [("pcscd-denied", path)]), ("error:8010001d", [("pcscd", "8010001d")]),
                               ("hang", [("pcscd-silent", path)]), ("crash", []), ("leave", [])):
            self.env["FAKE_PCSC"] = answer
            self.assertEqual(self.found(), wanted, answer)

    def hide(self, *paths):
        """Nobody but root may look into @paths. Return: who is not root."""
        os.chmod(self.folder.name, 0o755)
        for path in paths:
            self.addCleanup(os.chmod, path, 0o700)
            os.chmod(path, 0)
        return 65534 if os.getuid() == 0 else None

    def test_a_socket_that_this_user_may_not_reach(self):
        user = self.hide(self.env["PCSCLITE_CSOCK_NAME"])
        self.assertIn(("pcscd-denied", self.env["PCSCLITE_CSOCK_NAME"]), self.found(user=user))

    def test_who_holds_a_card_is_named(self):
        self.tree.process(12, "scdaemon", "/usr/lib/x86_64-linux-gnu/libpcsclite.so.1.0.0\n")
        self.tree.process(13, "bash", "/usr/lib/libc.so.6\n")
        self.env["FAKE_PCSC"] = "a2=Reader A;122=Reader B;22=Reader C;222=Reader D"
        self.assertEqual(self.found(), [("card-held", "Reader A"), ("card-held", "Reader B"), ("card-mute", "Reader D")])
        facts = [e["facts"] for e in self.out if e.get("finding") == "card-held"][0]
        self.assertEqual(facts, {"reader": "Reader A", "programs": "scdaemon (12)", "hidden-processes": 0})
        self.assertEqual(self.seen("program"), [{"name": "scdaemon", "pid": 12}])

    def test_while_the_service_runs_it_tells_who_holds_a_card(self):
        self.start_bus()
        self.stand_in("fake_service.py", "findings=", "advice=card-busy")
        self.env["FAKE_PCSC"] = "a2=Reader A"  # held by the service itself
        self.assertEqual(self.found(), [("card-held", "Reader \x1b[2J")])
        self.assertNotIn("\x1b", self.run_doctor(words=True))
        self.assertEqual(self.code, 9)

    def test_where_pcscd_refuses_this_user_the_service_tells_the_readers(self):
        self.start_bus()
        self.stand_in("fake_service.py", "findings=")
        self.env["FAKE_PCSC"] = "error:8010006a"
        self.assertEqual(self.found(), [("pcscd-denied", self.env["PCSCLITE_CSOCK_NAME"])])
        self.assertEqual([r["name"] for r in self.seen("reader")], ["Reader \x1b[2J"])
        self.env["FAKE_PCSC"] = ""  # now it lists none, and that counts
        self.assertEqual(self.found(), [])
        self.assertEqual(self.seen("reader"), [])
        os.unlink(self.env["PCSCLITE_CSOCK_NAME"])
        self.assertEqual(self.found(), [])
        self.assertEqual(len(self.seen("reader")), 1)

    # -- the service and the units ---------------------------------------------------------------

    def test_a_service_that_does_not_run(self):
        self.start_bus()
        self.assertEqual(self.found(), [("service", ""), ("activation", "")])
        services = os.path.join(self.folder.name, "services")
        os.makedirs(services)
        with open(os.path.join(services, "org.vitaled1.service"), "w", encoding="utf-8") as f:
            f.write("[D-BUS Service]\nName=org.vitaled1\nExec=/bin/false\nUser=root\n")
        self.start_bus(f"<servicedir>{services}</servicedir>")
        self.assertEqual(self.found(), [("service", "")])
        self.assertEqual(self.code, 4)

    def test_a_service_that_nobody_has_called_yet_is_a_remark_and_one_that_failed_a_finding(self):
        services = os.path.join(self.folder.name, "services")
        os.makedirs(services)
        with open(os.path.join(services, "org.vitaled1.service"), "w", encoding="utf-8") as f:
            f.write("[D-BUS Service]\nName=org.vitaled1\nExec=/bin/false\nUser=root\n")
        others = ("pcscd.socket=loaded,active,success", "polkit.service=loaded,inactive,success")
        for state, found, code in (("loaded,inactive,success", [("service-idle", "")], 0),
                                   ("loaded,failed,exit-code", [("service", ""), ("unit-failed", "vitaled.service")], 4),
                                   ("masked,inactive,success", [("service", ""), ("unit-masked", "vitaled.service")], 4),
                                   ("not-found,inactive,", [("service", ""), ("unit-missing", "vitaled.service")], 4)):
            self.start_bus(f"<servicedir>{services}</servicedir>")
            self.stand_in("fake_systemd.py", "vitaled.service=" + state, *others)
            self.assertEqual(self.found(), found)
            self.assertEqual(self.code, code)

    def test_every_finding_of_the_service_has_its_sentences(self):
        with open(os.path.join(ROOT, "include/vitaled/findings.h"), encoding="utf-8") as f:
            header = f.read()
        names = re.findall(r"X\(\w+, \"([a-z-]+)\"\)", header[:header.index("VITALED_DOCTOR_FINDINGS(X)")])
        names += ["no-reader-service", "no-reader", "no-agent", "audit-unavailable"]
        self.start_bus()
        self.stand_in("fake_service.py", "findings=" + ",".join(names))
        self.assertEqual([name for name, _ in self.found()], names)
        self.assertGreater(len(names), 20)
        text = self.run_doctor(words=True)
        self.assertIn("until: 1970-01-01", text)
        self.assertIn("free: 2 MB", text)

    def test_names_of_a_newer_service_are_borne(self):
        self.start_bus()
        self.stand_in("fake_service.py", "findings=of-tomorrow,no-anchors,no-anchors,no-anchors")
        out = self.run_doctor()
        self.assertEqual([e["sentence"] for e in out if e.get("finding") == "of-tomorrow"], ["of-tomorrow"])
        self.assertEqual(self.code, 1)
        self.assertEqual([e["finding"] for e in out if "finding" in e][:5],
                         ["of-tomorrow"] + ["no-anchors"] * 3 + ["anchors"])

    def test_units_that_are_missing_masked_failed_or_stopped(self):
        self.start_bus()
        self.stand_in("fake_systemd.py", "vitaled.service=loaded,failed,exit-code",
                      "pcscd.socket=loaded,inactive,success", "polkit.service=masked,inactive,success")
        units = [one for one in self.found() if one[0].startswith("unit-")]
        self.assertEqual(units, [("unit-failed", "vitaled.service"), ("unit-stopped", "pcscd.socket"),
                                 ("unit-masked", "polkit.service")])

    def test_a_unit_that_is_not_there(self):
        self.start_bus()
        self.stand_in("fake_systemd.py", "vitaled.service=loaded,inactive,success",
                      "pcscd.socket=not-found,inactive,success")
        self.assertIn(("unit-missing", "pcscd.socket"), self.found())

    def test_what_this_user_may_do_from_here_is_asked_of_polkit(self):
        actions = ["org.vitaled1." + name for name in ("session.open", "agent.register-pin",
                                                       "agent.register-professional")]
        self.start_bus()
        self.stand_in("fake_polkit.py", *(f"{a}={b}" for a, b in zip(actions, ("yes", "no", "challenge"))))
        self.assertEqual([one for one in self.found() if one[0] not in ("service", "activation")],
                         [("not-allowed", actions[1])])
        self.assertEqual([(r["action"], r["answer"]) for r in self.seen("right")],
                         list(zip(actions, ("allowed here", "not allowed here", "with a password"))))

    def test_a_polkit_that_does_not_know_our_actions(self):
        self.start_bus()
        self.stand_in("fake_polkit.py", "org.example.other=yes")
        self.assertIn(("polkit-actions", "org.vitaled1.session.open"), self.found())
        self.assertEqual(len(self.seen("right")), 1)

    # -- what is installed -----------------------------------------------------------------------

    def test_what_is_not_installed_is_named(self):
        for name, finding in (("usr/share/dbus-1/system.d/org.vitaled1.conf", "bus-policy"),
                              ("usr/share/dbus-1/system-services/org.vitaled1.service", "activation"),
                              ("usr/share/polkit-1/actions/org.vitaled1.policy", "polkit-actions"),
                              ("usr/lib/udev/rules.d/65-vitaled-readers.rules", "reader-rules"),
                              ("usr/lib/udev/hwdb.d/60-vitaled-readers.hwdb", "reader-rules")):
            os.rename(self.tree.path(name), self.tree.path("aside"))
            self.assertEqual(self.found(), [(finding, "/" + name)])
            os.rename(self.tree.path("aside"), self.tree.path(name))
        os.unlink(self.tree.path("lib/libseccomp.so.2"))
        self.assertEqual(self.found(), [("library", "libseccomp.so.2")])
        self.tree.put("usr/lib/libseccomp.so.2", "")
        os.unlink(self.tree.root + self.tree.libexec + "/vitaled-crl")
        os.chmod(self.tree.root + self.tree.libexec + "/vitaled-card", 0o644)
        self.assertEqual(self.found(), [("program", f"{self.tree.libexec}/vitaled-{n}") for n in ("card", "crl")])

    def test_a_pcscd_that_asks_polkit_needs_a_rule(self):
        self.tree.put("usr/share/polkit-1/actions/org.debian.pcsc-lite.policy", "")
        self.assertEqual(self.found(), [("pcscd-rule", "/usr/share/polkit-1/rules.d")])
        self.tree.put("etc/polkit-1/rules.d/10-other.rules", "org.debian.pcsc-lite.access_pcsc somebody")
        self.assertEqual(self.found(), [("pcscd-rule", "/usr/share/polkit-1/rules.d")])
        shutil.copy(os.path.join(ROOT, "systemd/vitaled.rules"), self.tree.path("etc/polkit-1/rules.d/50-vitaled.rules"))
        self.assertEqual(self.found(), [])

    def test_what_this_user_may_not_look_at_is_not_called_missing(self):
        self.tree.put("usr/share/polkit-1/actions/org.debian.pcsc-lite.policy", "")
        self.tree.put("etc/vitaled/vitaled.conf", "nonsense")
        for name in ("usr/share/polkit-1/rules.d", "etc/vitaled/anchors/real"):
            os.makedirs(self.tree.path(name), exist_ok=True)
        os.chmod(self.env["PCSCLITE_CSOCK_NAME"], 0o666)
        user = self.hide(*map(self.tree.path, (
            "usr/share/polkit-1/rules.d", "etc/vitaled/vitaled.conf", "etc/vitaled/anchors/simulated",
            "usr/share/dbus-1/system.d", "var/lib")))
        self.assertEqual(self.found(user=user), [])
        self.assertEqual(self.seen("configuration")[0]["state"], "may not be read by this user")
        self.assertEqual(self.seen("store")[0]["state"], "may not be read by this user")

    def test_a_wrong_configuration_is_named_with_file_and_line(self):
        self.tree.put("etc/vitaled/vitaled.conf", "[paths]\nstate = /var/lib/vitaled\nsttae = /x\n")
        (name, detail), = self.found()
        self.assertEqual(name, "configuration")
        self.assertIn(self.tree.path("etc/vitaled/vitaled.conf") + ":3", detail)

    def test_the_folders_of_the_configuration_are_looked_at(self):
        self.tree.put("etc/vitaled/vitaled.conf", "[paths]\nstate = /srv/state\nanchors = /srv/anchors\n")
        os.makedirs(self.tree.path("srv/state"), mode=0o700)
        self.assertEqual(self.found(), [("anchors", "/srv/anchors")])
        self.assertEqual(self.seen("store")[0]["path"], "/srv/state")
        self.assertEqual(self.found("--anchors", "/etc/vitaled/anchors"), [])

    # -- data, keys, anchors -----------------------------------------------------------------------

    def test_a_state_folder_of_another_or_open_to_others(self):
        os.chmod(self.tree.path("var/lib/vitaled"), 0o750)
        self.assertEqual(self.found(), [("state-folder", "/var/lib/vitaled")])
        os.chmod(self.tree.path("var/lib/vitaled"), 0o700)
        self.tree.put("etc/passwd", f"vitaled:x:{os.getuid() + 1}:1::/:/bin/false\n")
        self.assertEqual(self.found(), [("state-folder", "/var/lib/vitaled")])
        self.tree.put("etc/passwd", "other:x:1:1::/:/bin/false\nvitaled2:x:2:2::/:/bin/false")
        self.assertEqual(self.found(), [("user-missing", "vitaled")])

    def test_keys_that_others_can_read(self):
        self.tree.put("etc/credstore/vitaled.audit.key", "k")
        os.chmod(self.tree.path("etc/credstore/vitaled.audit.key"), 0o640)
        self.assertEqual(self.found(), [("key-exposed", "/etc/credstore/vitaled.audit.key")])
        os.chmod(self.tree.path("etc/credstore/vitaled.audit.key"), 0o600)
        self.assertEqual(self.found(), [])

    def test_anchors_that_are_missing_or_damaged(self):
        self.tree.put("etc/vitaled/anchors/real/b.pem", "-----BEGIN CERTIFICATE-----\n")
        self.assertEqual(self.found(), [("anchor-broken", "/etc/vitaled/anchors/real/b.pem")])
        self.assertEqual(self.found("--anchors", "/nowhere"), [("anchors", "/nowhere")])
        out = self.run_doctor("--anchors", "/" + "x" * 300)
        self.assertEqual((self.code, "findings" in out[-1]), (2, False))

    def test_anchors_of_feeders_have_their_own_heading(self):
        self.tree.put("etc/vitaled/anchors/feeder/simulated/f.pem", self.tree.certificate())
        self.assertEqual(self.found(), [])
        self.assertEqual([(e["seen"], e["group"]) for e in self.out if "anchor" in e.get("seen", "")],
                         [("anchor", "anchors"), ("feeder-anchor", "feeders")])
        for language, words in (("C.UTF-8", "Feeders of reimbursements that are trusted\n  certificate of a feeder"),
                                ("fr_FR.UTF-8", "Expéditeurs de remboursements reconnus\n  certificat d'un expéditeur")):
            self.env["LC_ALL"] = language
            self.assertIn(words, self.run_doctor(words=True))

    def test_arguments_that_are_not_known_are_refused(self):
        for arguments in (["doctor", "--nothing"], ["doctor", "word"], ["doctor", "--root"]):
            self.assertEqual(subprocess.run([VITALECTL, *arguments], env=self.env, capture_output=True,
                                            check=False).returncode, 2)

    def test_the_doctor_speaks_french(self):
        self.tree.usb("1-1", "0b00", "0090")
        self.env["LC_ALL"] = "fr_FR.UTF-8"
        text = self.run_doctor(words=True)
        for words in ("Lecteurs et cartes", "reader-unclaimed : Un lecteur branché", "horloge : "):
            self.assertIn(words, text)


class Last(unittest.TestCase):
    """After all others: was every finding of the doctor found?"""

    def test_every_finding_of_the_doctor_was_found_once(self):
        with open(os.path.join(ROOT, "include/vitaled/findings.h"), encoding="utf-8") as f:
            header = f.read()
        names = set(re.findall(r"X\(\w+, \"([a-z-]+)\"\)", header[header.index("VITALED_DOCTOR_FINDINGS(X)"):]))
        # of clocks and disks of this machine, which a test cannot move: tests/unit/client/test-doctor.c
        judged = {"clock-unsynchronised", "state-read-only"}
        self.assertEqual(names - Doctor.everything - judged, set())
        self.assertGreater(len(names), 25)


if __name__ == "__main__":
    unittest.main()
