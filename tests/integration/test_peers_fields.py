# SPDX-License-Identifier: EUPL-1.2
"""Programs that we did not write, on every card that they can read, compared field by field with the
profiles: OpenSC on the CPS3, cardpeek on the Vitale, openpace's cvc-print on every certificate of a card.
What is expected is made here from the profiles' JSON by the published formats (drivers/sim/profiles/README.md,
doc/stand-in.md); nothing of the broker has a part in it."""
import base64
import datetime
import json
import os
import re
import subprocess
import time

import pytest

from bed import Bed, wait_for
from conftest import profiles
from test_members import luhn

PROFILES = profiles()
MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
APPLICATION = "e828bd080f8025000001ff0010"
SIG, AUT = APPLICATION + "01", APPLICATION + "02"
CPS3 = [name for name, p in PROFILES.items() if p["kind"] == "cps3" and not p.get("contactless")]
VITALES = [name for name, p in PROFILES.items() if p["kind"] == "vitale"]
OLD = [name for name, p in PROFILES.items() if p["kind"] == "vitale-1"]


class Counter:
    """One bed without a broker for many cards: a CPS in slot 0, a Vitale in slot 1."""

    def __init__(self, bed):
        self.bed = bed
        bed.end("vitaled")  # nobody else uses the cards
        for folder in ("home/.cardpeek", "app"):
            os.makedirs(bed.path(folder))
        subprocess.run(["chown", "-R", "vdapp:", bed.path("home"), bed.path("app")], check=True)
        self.cardpeek("os.exit(0)")  # the first run installs its scripts

    def present(self, slot):
        listed = self.bed.run(["opensc-tool", "-l"]).stdout
        return re.search(rf"^{slot}\s+Yes", listed, re.M) is not None

    def put(self, slot, card):
        if self.bed.sim("list").split()[slot] != f"{slot}=":
            self.bed.sim(f"remove {slot}")
        wait_for(lambda: not self.present(slot))
        self.bed.sim(f"insert {slot} {card}")
        wait_for(lambda: self.present(slot))

    def run(self, *argv, **more):
        done = self.bed.run(list(argv), **more)
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def cardpeek(self, script):
        home = self.bed.path("home")
        argv = ["bash", "-c", 'yes 1 | timeout 20 xvfb-run -a cardpeek -r "$1" -c -e "$2" 2>&1 | head -c 400000', "bash",
                "pcsc://Vitale Sim 00 01", script]
        return self.bed.run(argv, env={**self.bed.env, "HOME": home, "TMPDIR": home, "LC_ALL": "C.UTF-8"}).stdout

    def state(self, card):
        """What the simulator knows of it: keys and certificates of its personalisation."""
        return state_of(self.bed.work, card)


def state_of(folder, card):
    with open(os.path.join(folder, "cards", card + ".json"), encoding="utf-8") as f:
        return json.load(f)


@pytest.fixture(scope="module")
def counter(build, personal):
    with Bed(build, cards=(None, None), personal=personal) as bed:
        yield Counter(bed)


# -- bytes ---------------------------------------------------------------------------------------------

def tlv(tag, *values):
    value = b"".join(values)
    length = bytes([len(value)]) if len(value) < 0x80 else \
        bytes([0x81, len(value)]) if len(value) < 0x100 else b"\x82" + len(value).to_bytes(2, "big")
    return bytes.fromhex(tag) + length + value


def objects(data):
    """[(tag, value)] of BER-TLV objects one after the other; tags in hexadecimal."""
    found, at = [], 0
    while at < len(data):
        end = at + 1
        if data[at] & 0x1F == 0x1F:
            while data[end] & 0x80:
                end += 1
            end += 1
        tag, length = data[at:end].hex(), data[end]
        end += 1
        if length & 0x80:
            count = length & 0x7F
            length, end = int.from_bytes(data[end:end + count], "big"), end + count
        assert end + length <= len(data)
        found.append((tag, data[end:end + length]))
        at = end + length
    return found


def only(data, tag):
    values = [v for t, v in objects(data) if t == tag]
    assert len(values) == 1, (tag, values)
    return values[0]


def oid(value):
    numbers, n = [], 0
    for byte in value:
        n = n << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(n)
            n = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def packed(digits):
    """BCD, filled with F."""
    return bytes.fromhex(digits + "F" * (len(digits) % 2))


def about(day, profile, member, otherwise):
    """Whether @day is the profile's, counted from today: personalisation was at most a day ago."""
    wanted = datetime.date.today() + datetime.timedelta(days=profile.get(member, otherwise))
    return abs((day - wanted).days) <= 1


# -- OpenSC ---------------------------------------------------------------------------------------------

def sections(dump):
    """{title: {name: value}} of pkcs15-tool --dump; the first has the token itself."""
    found, title = {}, None
    for line in dump.splitlines():
        if not line.startswith("\t") and line.strip():
            title = line.strip()
            assert title not in found
            found[title] = {}
        elif re.match(r"\t[^\t]", line):
            name, value = line.split(":", 1)
            if name.strip() != "MD":  # "MD:guid", OpenSC's own, made of serial and identifier
                found[title][name.strip()] = value.strip()
    return found


PINS = {
    "PIN [Code porteur]": {
        "Object Flags": "[0x03], private, modifiable", "Auth ID": "02", "ID": "01",
        "Flags": "[0x11], case-sensitive, initialized", "Length": "min_len:4, max_len:4, stored_len:4",
        "Pad char": "0x00", "Reference": "1 (0x01)", "Type": "ascii-numeric", "Path": "3f00"},
    "PIN [Code de deblocage]": {
        "Object Flags": "[0x03], private, modifiable", "ID": "02",
        "Flags": "[0x51], case-sensitive, initialized, unblockingPin",
        "Length": "min_len:8, max_len:8, stored_len:8", "Pad char": "0x00", "Reference": "2 (0x02)",
        "Type": "ascii-numeric", "Path": "3f00"},
}
KEY = {"Access Flags": "[0x0D], sensitive, alwaysSensitive, neverExtract", "ModLength": "2048", "Native": "yes",
       "Path": APPLICATION + "::", "Auth ID": "01"}
KEYS = {
    "Private RSA Key [CPS_PRIV_SIG]": KEY | {
        "Object Flags": "[0x01], private", "Usage": "[0x200], nonRepudiation", "Algo_refs": "3, 4",
        "Access Rules": "pso_cds:01;", "Key ref": "129 (0x81)", "ID": SIG},
    "Private RSA Key [CPS_PRIV_AUT]": KEY | {
        "Object Flags": "[0x07], private, modifiable", "Usage": "[0x06], decrypt, sign", "Algo_refs": "6, 5",
        "Access Rules": "pso_decrypt:01; int_auth:01;", "Key ref": "130 (0x82)", "ID": AUT},
}


def latin1(text):
    return text.encode("latin-1")


def public_objects(profile):
    """{label: (file, content)}"""
    who, serial = profile["professional"], packed(profile["serial"] + luhn(profile["serial"]))
    profession = who.get("profession", 10)
    names = [tlv(tag, latin1(who[member])) for tag, member in (("81", "surname"), ("82", "given")) if who.get(member)]
    info = ([tlv("80", bytes([profession]))] if profession else []) + [tlv("81", b"\x80"), tlv("82", b"\x00")]
    info += [tlv("87", latin1(who["speciality"]))] if who.get("speciality") else []
    return {
        "CPS_ID_CARD": ("d101", tlv("e1", tlv("5a", serial), tlv("80", bytes([who["type"]])), tlv("81", b"\x80"))),
        "CPS_NAME_PS": ("d102", tlv("e2", tlv("80", latin1(who["id"])), *names)),
        "CPS_LANG_PS": ("d103", tlv("80", b"fr")),
        "CPS_INFO_PS": ("d104", tlv("ef", *info)),
        "CPS_DATA": ("d107", bytes(32)),
    }


def activities(profile):
    """{label: (file, content)}: what the code protects."""
    return {f"CPS_ACTIVITY_{a['number']:02}_PS": (
        f"{0xD120 + a['number'] - 1:x}",
        tlv("ee", tlv("84", latin1(a["name"])), tlv("85", latin1(a["structure"])), tlv("86", latin1(a["sector"]))))
        for a in profile["activities"]}


def data_objects(profile):
    found = {}
    for label, (fid, content) in public_objects(profile).items():
        found[f"Data object '{label}'"] = {"applicationName": "CPS", "Path": f"{APPLICATION}::3f000001{fid}",
                                           f"Data ({len(content)} bytes)": content.hex().upper()}
    for label, (fid, _) in activities(profile).items():
        found[f"Data object '{label}'"] = {"applicationName": "CPS", "Path": f"{APPLICATION}::3f000001{fid}",
                                           "Auth ID": "01"}
    return found


def certificates(state):
    return {kind: base64.b64decode(state["certificates"][kind]) for kind in ("signature", "authentication")}


@pytest.mark.parametrize("card", CPS3)
def test_pkcs15_tool_dumps_exactly_what_the_profile_says(counter, card):
    profile = PROFILES[card]
    counter.put(0, card)
    shown = sections(counter.run("pkcs15-tool", "--dump"))
    token = shown.pop("PKCS#15 Card [CPS3 simulee]:")
    assert token == {"Version": "1", "Serial number": profile["serial"] + luhn(profile["serial"]) + "f",
                     "Manufacturer ID": "Simulateur vitaled", "Flags": "Login required, PRN generation"}
    expected = PINS | KEYS | data_objects(profile)
    for kind, title, ident, fid in (("signature", "Certificat de Signature CPS", SIG, "b001"),
                                    ("authentication", "Certificat d'Authentification CPS", AUT, "b002")):
        serial = Certificate(certificates(counter.state(card))[kind]).serial
        expected[f"X.509 Certificate [{title}]"] = {
            "Object Flags": "[0x02], modifiable", "Authority": "no", "Path": f"{APPLICATION}::3f000001{fid}",
            "ID": ident, "Encoded serial": f"02 {len(serial):02X} {serial.hex().upper()}"}
    assert shown == expected
    assert list(shown)[-len(profile["activities"]):] == [f"Data object '{label}'" for label in activities(profile)]
    told = counter.run("pkcs11-tool", "--module", MODULE, "-L")
    assert "token label        : CPS3 simulee (Code porteur)" in told
    assert f"serial num         : {(profile['serial'] + luhn(profile['serial']) + 'f')[-16:]}" in told
    assert "login required, rng, token initialized, PIN initialized" in told and "pin min/max        : 4/4" in told


@pytest.mark.parametrize("card", CPS3)
def test_pkcs15_tool_reads_the_activities_behind_the_code(counter, card):
    counter.put(0, card)
    pin = ["--verify-pin", "--auth-id", "01", "--pin", PROFILES[card]["pin"]]
    for label, (_, content) in activities(PROFILES[card]).items():
        assert counter.run("pkcs15-tool", *pin, "--raw", "--read-data-object", label, text=False) == content
    wrong = counter.bed.run(["pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", "9999", "--raw",
                             "--read-data-object", "CPS_ACTIVITY_01_PS"], text=False)
    assert wrong.returncode != 0 and b"SA0" not in wrong.stdout
    assert counter.bed.sim("counters 0").split()[:2] == ["pin", "2"]


class Certificate:
    """An X.509 certificate (RFC 5280) taken apart."""

    def __init__(self, der):
        parts = objects(objects(only(der, "30"))[0][1])
        assert parts[0][0] == "a0" and only(parts[0][1], "02") == b"\x02"  # v3
        self.serial = parts[1][1]
        self.issuer, self.subject = self.name(parts[3][1]), self.name(parts[5][1])
        self.issuer_der, self.subject_der = parts[3][1], parts[5][1]
        self.since, self.until = [datetime.datetime.strptime(v.decode(), "%y%m%d%H%M%SZ").date()
                                  for _, v in objects(parts[4][1])]
        key = only(only(parts[6][1], "03")[1:], "30")
        self.modulus = int.from_bytes(objects(key)[0][1], "big")
        self.extensions = {}
        for _, one in objects(only(next(v for t, v in parts if t == "a3"), "30")):
            members = objects(one)
            name = oid(members[0][1])
            assert name not in self.extensions
            self.extensions[name] = members[-1][1]

    @staticmethod
    def name(value):
        """[{type: text}]: one dictionary a relative distinguished name."""
        return [{oid(only(one, "06")): objects(one)[1][1].decode() for _, one in objects(rdn)}
                for _, rdn in objects(value)]


def subject(who):
    """As IGC-Santé writes it: given name, number and surname share one RDN."""
    singles = [("2.5.4.6", "FR"), ("2.5.4.8", who.get("department")), ("2.5.4.10", who.get("organisation")),
               ("2.5.4.11", who.get("structure")), ("2.5.4.12", who.get("title"))]
    last = {"2.5.4.3": who["id"]}
    if who.get("surname") and who.get("given"):
        last |= {"2.5.4.42": who["given"], "2.5.4.4": who["surname"]}
    return [{kind: text} for kind, text in singles if text] + [last]


def health(profile):
    """{extension: DER}"""
    who, health = profile["professional"], {}
    number = f"{profile['serial'][:10]}/0{profile['serial'][10:]}{luhn(profile['serial'])}"
    codes = {"7": who.get("profession", 10), "8": who.get("future_profession"), "12": who.get("responsibility")}
    health["1.2.250.1.71.1.2.2"] = tlv("02", bytes([who["type"]]))
    health["1.2.250.1.71.1.2.3"] = tlv("13", number.encode())
    health["1.2.250.1.71.1.2.5"] = tlv("04", b"\x80")
    health |= {f"1.2.250.1.71.1.2.{n}": tlv("02", bytes([code])) for n, code in codes.items() if code}
    if who.get("speciality"):
        health["1.2.250.1.71.4.2.5"] = tlv("13", who["speciality"].encode())
    return health


def pem(text):
    return base64.b64decode("".join(re.search(r"-----BEGIN [^-]+-----\n(.*?)-----END", text, re.S)[1].split()))


@pytest.mark.parametrize("card", CPS3)
def test_certificates_read_by_opensc_say_what_the_profile_says(counter, card):
    profile = PROFILES[card]
    counter.put(0, card)
    with open(counter.bed.path("anchors/simulated/x509-root.pem"), encoding="utf-8") as f:
        root = Certificate(pem(f.read()))
    told = counter.run("pkcs11-tool", "--module", MODULE, "-O")
    for kind, ident, usage in (("signature", SIG, b"\x06\x40"), ("authentication", AUT, b"\x07\x80")):
        der = pem(counter.run("pkcs15-tool", "--read-certificate", ident))
        assert der == certificates(counter.state(card))[kind]
        c = Certificate(der)
        assert c.subject == subject(profile["professional"])
        assert c.issuer_der == root.subject_der and c.issuer[-1] == {"2.5.4.3": "AC RACINE SIMULEE"}
        assert c.modulus.bit_length() == 2048
        assert about(c.since, profile, "from_days", -1) and about(c.until, profile, "until_days", 1095)
        assert only(c.extensions["2.5.29.15"], "03") == usage  # nonRepudiation; digitalSignature
        assert c.extensions["2.5.29.19"] == tlv("30")  # no authority
        assert {k: v for k, v in c.extensions.items() if k.startswith("1.2.250")} == health(profile)
        assert re.search(rf"serial:\s+{c.serial.hex().upper()}\n\s+ID:\s+{ident}\n", told)
    assert told.count("Public Key Object; RSA 2048 bits") == 2


@pytest.mark.parametrize("card", CPS3)
def test_opensc_signs_with_the_authentication_key_of_every_cps3(counter, card):
    counter.put(0, card)
    folder = counter.bed.path("app")
    message, info, signature, key = (os.path.join(folder, n) for n in ("message", "info", "signature", "key.pem"))
    with open(message, "wb") as f:
        f.write(b"signed by " + card.encode())
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary", message], capture_output=True, check=True).stdout
    with open(info, "wb") as f:
        f.write(bytes.fromhex("3031300d060960864801650304020105000420") + digest)
    counter.run("pkcs11-tool", "--module", MODULE, "--login", "--pin", PROFILES[card]["pin"], "--sign", "-m", "RSA-PKCS",
                "--id", AUT, "-i", info, "-o", signature)
    certificate = counter.run("pkcs15-tool", "--read-certificate", AUT)
    public = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=certificate[certificate.index("-----B"):],
                            capture_output=True, text=True, check=True).stdout
    with open(key, "w", encoding="utf-8") as f:
        f.write(public)
    checked = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", signature]
    assert subprocess.run([*checked, message], capture_output=True).returncode == 0
    assert subprocess.run([*checked, info], capture_output=True).returncode != 0  # it does tell


@pytest.mark.parametrize("card", ["cps3-contactless", "cps2ter"])
def test_opensc_cannot_read_the_others(counter, card):
    """The contactless side (OpenSC's driver wants the other application) and the older generation."""
    counter.put(0, card)
    done = counter.bed.run(["pkcs15-tool", "--dump"])
    assert done.returncode != 0 and "Failed to connect to card" in done.stderr
    assert counter.bed.run(["opensc-tool", "-r", "0", "-a"]).stdout.strip().replace(":", "") == PROFILES[card]["atr"].lower()


# -- cardpeek ------------------------------------------------------------------------------------------

# Its script asks os.time() for each date and dies at one of six digits, which has no day for it; given one,
# it goes on. The dates are counted, so that this is seen to be the only help that it gets.
WALK = '''
local real, lame = os.time, 0
os.time = function(t) if t and t.day == "" then lame = lame + 1 t.day = "01" end return real(t) end
local ok, why = pcall(dofile, "vitale_2.lua")
local function text(v) return (tostring(v or ""):gsub("[\\t\\n]", "?")) end
local function walk(n, depth)
  for c in n:children() do
    io.write("@", depth, "\\t", text(c:get_attribute("label")), "\\t", text(c:get_attribute("id")), "\\t",
             text(c:get_attribute("val")), "\\t", text(c:get_attribute("alt")), "\\n")
    walk(c, depth + 1)
  end
end
walk(nodes.root(), 0)
io.write("@end\\t", tostring(ok), "\\t", tostring(why), "\\t", lame, "\\n")
os.exit(0)'''
NAMES = {"mf": b"\xd2\x50\x00\x00\x02MF_VITALE", "vitale": b"\xd2\x50\x00\x00\x02VITALE",
         "adele": b"\xd2\x50\x00\x00\x04Ad\xe8le\x01\x01"}
FOLDERS = {name: n for n, name in enumerate(NAMES, 1)}  # their keys in POINTERS
REFUSED = "data not accessible (code 6982)"


class Node:
    def __init__(self, label="", ident="", val="", alt=""):
        self.label, self.id, self.val, self.alt, self.children = label, ident, val, alt, []

    def named(self, label):
        """The one child with this label."""
        found = [c for c in self.children if c.label.strip() == label]
        assert len(found) == 1, (label, [c.label for c in self.children])
        return found[0]

    def bytes(self):
        """The objects below, put together again."""
        if not self.children:
            return bytes.fromhex(self.val)
        return b"".join(tlv(c.id.zfill(2), c.bytes()) for c in self.children)


def tree(text):
    """(root, the last line's fields) of what WALK wrote."""
    root = Node()
    path, end = [root], None
    for line in text.splitlines():
        depth, *fields = line[1:].split("\t") if line.startswith("@") else [None]
        if depth == "end":
            end = fields
        elif depth is not None:
            node = Node(*fields)
            del path[int(depth) + 1:]
            path[-1].children.append(node)
            path.append(node)
    assert end, text
    return root, end


def padded(text, size):
    return latin1(text).ljust(size, b"\0")


def people(profile):
    return [tlv("65", tlv("80", padded(p["surname"], 26)), tlv("81", padded(p["given"], 19)),
                tlv("82", p["birth"].encode()), *([tlv("94", bytes([p["rank"]]))] if "rank" in p else []))
            for p in profile["people"]]


def numbers(profile):
    return [tlv("65", *(tlv(tag, p[member].encode()) for tag, member in (("93", "nir"), ("90", "country"))
                        if p.get(member))) for p in profile["people"]]


def coverages(profile):
    return [tlv("a6", tlv("80", bytes([c["index"]])), *(tlv(tag, c[m].encode()) for tag, m in (
        ("81", "from"), ("82", "to"), ("83", "ald"), ("84", "situation")))) for c in profile.get("coverage", [])]


def files(profile, state):
    """{(folder, name): (identifier, SFI, content, whether anybody may read it)} of a Vitale."""
    found = {
        ("mf", "IDENTITE"): ("2F82", 2, b"".join(people(profile)), True),
        ("mf", "CVC_CA"): ("2F83", 3, base64.b64decode(state["certificates"]["card"]), True),
        ("vitale", "NIR"): ("2002", 2, b"".join(numbers(profile)), True),
        ("vitale", "VALIDITE"): ("2003", 3, tlv("66", tlv("80", profile["valid_from"].encode())), True),
        ("vitale", "DROITS"): ("2004", 0, (b"\x04\x00" + profile["organisation"].encode()).ljust(256, b"\0"), True),
        ("vitale", "COUVERTU"): ("2010", 4, b"".join(coverages(profile)), False),
        ("vitale", "PHOTO"): ("2011", 0, bytes(profile.get("photo", 0)), False),
        ("vitale", "VIDE"): ("2012", 0, bytes(64), True),
    }
    pointers = tlv("e0", tlv("a0", *(tlv("82", bytes([0, n, 0, 0]), NAMES[f]) for f, n in FOLDERS.items())),
                   *(tlv("80", name.ljust(8).encode(), bytes([0, FOLDERS[folder]]), bytes.fromhex(fid))
                     for (folder, name), (fid, *_) in found.items()))
    found["mf", "DIR"] = ("2F00", 0, b"".join(tlv("61", tlv("4f", name)) for name in NAMES.values()), True)
    found["mf", "PAN"] = ("2F02", 4, tlv("5a", packed(profile["serial"].ljust(20, "F"))), True)
    found["vitale", "POINTERS"] = ("2001", 1, pointers, True)
    return found


def control(fid, sfi, size):
    """What SELECT answers; POINTERS names no SFI, so that a card without ours has them nowhere but here."""
    return tlv("6f", tlv("80", size.to_bytes(2, "big")), tlv("82", b"\x01"), tlv("83", bytes.fromhex(fid)),
               *([tlv("88", bytes([sfi << 3]))] if sfi else []), tlv("8a", b"\x05"))


def shown_date(digits):
    """os.date("%x", os.time()) of the C library: what no calendar has becomes a day that one has. Without a
    century the first four digits are taken for the year, the last two for the month."""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8] or 1)
    return time.strftime("%m/%d/%y", time.localtime(time.mktime((year, month, day, 12, 0, 0, 0, 0, -1))))


def shown_text(raw):
    """As cardpeek writes text that is not ASCII, which the zeros after a name are not either."""
    if all(32 <= b < 127 for b in raw):
        return raw.decode()
    return "".join(chr(b) if 32 <= b < 127 else f"\\{b:03o}" for b in raw) + f" ({raw.hex().upper()})"


def check_person(node, person):
    fields = {c.label: c for c in node.children}
    assert set(fields) == {"Nom", "Prénom", "Date de naissance"} | ({"TLV (Context-specific)"} if "rank" in person else set())
    for label, member in (("Nom", "surname"), ("Prénom", "given")):
        raw = bytes.fromhex(fields[label].val)
        assert raw.rstrip(b"\0").decode("latin-1") == person[member]
        assert fields[label].alt == shown_text(raw)
    assert bytes.fromhex(fields["Date de naissance"].val).decode() == person["birth"]
    assert fields["Date de naissance"].alt == shown_date(person["birth"])
    if "rank" in person:
        rank = fields["TLV (Context-specific)"]  # our tag, which it has no word for
        assert (rank.id, rank.val) == ("94", f"{person['rank']:02X}")


def check_number(node, person):
    fields = {c.label: bytes.fromhex(c.val).decode() for c in node.children}
    expected = {"Numéro de sécurité sociale": person.get("nir"), "Nationalité": person.get("country")}
    assert fields == {label: text for label, text in expected.items() if text}
    assert [c.alt for c in node.children] == list(fields.values())


@pytest.mark.parametrize("card", VITALES)
def test_cardpeek_shows_every_field_of_every_vitale(counter, card):
    profile = PROFILES[card]
    counter.put(1, card)
    root, (ok, why, lame) = tree(counter.cardpeek(WALK))
    assert (ok, why) == ("true", "nil")
    assert int(lame) == sum(len(p["birth"]) == 6 for p in profile["people"] if "pointers" not in profile.get("absent", []))
    top = root.children[0]
    atr = top.children[0]
    assert (atr.label, atr.val[10:12] if "atr_byte" in profile else atr.val) == \
        ("cold ATR", profile.get("atr_byte", profile.get("atr")))
    if "pointers" in profile.get("absent", []):  # it knows no other way to the files
        assert all(c.label != "Application" for c in top.children)
        return
    assert profile.get("absent", []) == []
    applications = {c.id: c for c in top.children if c.label == "Application"}
    assert set(applications) == {"#" + name.hex().upper() for name in NAMES.values()}
    expected = files(profile, counter.state(card))
    for folder, name in NAMES.items():
        shown = applications["#" + name.hex().upper()]
        assert shown.named("answer to select").bytes() == tlv("6f", tlv("82", b"\x38"), tlv("84", name), tlv("8a", b"\x05"))
        assert {c.label.strip() for c in shown.children} == {"answer to select"} | {n for f, n in expected if f == folder}
    for (folder, name), (fid, sfi, content, free) in expected.items():
        shown = applications["#" + NAMES[folder].hex().upper()].named(name)
        assert shown.id == "." + fid
        sfi = sfi if sfi == 2 or not profile.get("no_sfi") else 0
        assert shown.named("answer to select").bytes() == control(fid, sfi, len(content)), name
        body = shown.named("content")
        assert (body.bytes() == content) if free else (body.alt == REFUSED and body.val == "" and not body.children), name
    master, vitale = (applications["#" + NAMES[f].hex().upper()] for f in ("mf", "vitale"))
    found = master.named("IDENTITE").named("content").children
    assert [c.label for c in found] == ["Bénéficiaire"] * len(profile["people"])
    for node, person in zip(found, profile["people"]):
        check_person(node, person)
    found = vitale.named("NIR").named("content").children
    assert len(found) == len(profile["people"])
    for node, person in zip(found, profile["people"]):
        check_number(node, person)
    since = vitale.named("VALIDITE").named("content").named("Carte vitale").named("Date de début de validité")
    assert since.alt == shown_date(profile["valid_from"])
    holder = master.named("CVC_CA").named("content").named("Certificat").children[0].named("Cardholder Name")
    assert holder.alt == f"FRV{profile['serial'][-8:]}00001"


def test_cardpeek_by_itself_stops_at_a_date_without_a_century(counter):
    """Why WALK helps it."""
    counter.put(1, "vitale-no-century")
    told = counter.cardpeek('io.write("@", tostring(select(2, pcall(dofile, "vitale_2.lua"))), "\\n") os.exit(0)')
    assert "field 'day' missing in date table" in told


@pytest.mark.parametrize("card", OLD)
def test_cardpeek_finds_nothing_but_the_atr_of_an_old_vitale(counter, card):
    counter.put(1, card)
    top = tree(counter.cardpeek(WALK))[0].children[0]
    assert top.children[0].val == PROFILES[card]["atr"]
    assert all(c.label != "Application" for c in top.children)


# -- cvc-print -----------------------------------------------------------------------------------------

CERTIFIED = [name for name, p in PROFILES.items() if p["kind"] in ("vitale", "cps3", "cps4") and not p.get("contactless")]
ROOT, VERIFIED = "FRVDSIMROOT00001", "certificate verified"
ECDSA_SHA256, ROLE = "0.4.0.127.0.7.2.2.2.2.3", "2.999.86.1"
P256 = {"81": "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "82": "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        "83": "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        "84": "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
              "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        "85": "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "87": "01"}


def anchors(personal, card):
    """The folder of whom the card's authority is."""
    authority = PROFILES.get(card, {}).get("authority", "simulated")
    return os.path.join(personal, "anchors" if authority in ("simulated", "test") else "outside", authority)


def root_name(folder):
    return os.listdir(os.path.join(folder, "cvc"))[0]


def printed(certificate, folder, tmp_path):
    (tmp_path / "card.cvcert").write_bytes(certificate)
    done = subprocess.run(["cvc-print", "--cvc", tmp_path / "card.cvcert", "--cvc-dir", os.path.join(folder, "cvc")],
                          capture_output=True, text=True)
    assert done.returncode == 0  # also when it is not verified
    return done.stdout.splitlines()[-1], done.stdout, done.stderr


def point_of(key):
    """The public point of a key in PEM, by openssl."""
    der = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER", *key[1]], input=key[0], capture_output=True,
                         check=True).stdout
    return only(only(der, "30"), "03")[1:]


def role_of(profile):
    if profile["kind"] == "vitale":
        return 0
    return profile["professional"].get("profession", 10) or 0xFE


def kind_of(role):
    """What openpace calls the two upper bits of a CHAT, as TR-03110 gives them; ours is a role of 8 bits."""
    return ["Terminal", "DV", "DV", "CVCA"][role >> 6]


def verdict_of(profile):
    """(what cvc-print says in the end, why it is not verified). It looks at the clock, and takes role FE (a card
    without a profession) for an authority's, which would have to bring its curve along."""
    if profile.get("until_days", 1) < 0:
        return "certificate not verified", "validity period"
    if role_of(profile) >> 6 == 3:
        return "certificate not verified", "Failed to extract public key"
    return VERIFIED, ""


def signed_by(folder, certificate, tmp_path):
    """Whether the root signed it, by openssl: for those that cvc-print does not come to verify as well."""
    whole = only(certificate, "7f21")
    signature = only(whole, "5f37")
    r, s = (tlv("02", (b"\0" + n).lstrip(b"\0") if n.lstrip(b"\0")[0] < 0x80 else b"\0" + n.lstrip(b"\0"))
            for n in (signature[:32], signature[32:]))
    (tmp_path / "signature").write_bytes(tlv("30", r, s))
    (tmp_path / "body").write_bytes(tlv("7f4e", only(whole, "7f4e")))
    return subprocess.run(["openssl", "dgst", "-sha256", "-verify", os.path.join(folder, "cvc-root.pub"), "-signature",
                           tmp_path / "signature", tmp_path / "body"], capture_output=True).returncode == 0


def digits(value):
    assert all(b < 10 for b in value) and len(value) == 6
    return datetime.datetime.strptime("".join(map(str, value)), "%y%m%d").date()


def check_printed(text, car, chr_, role, since, until):
    fields = dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
    assert fields == {"Profile identifier": "0", "CAR": car, "CHR": chr_, "Effective Date": str(since),
                      "Expiration Date": str(until)}
    lines = [line.strip() for line in text.splitlines()]
    assert lines[lines.index("CHAT:") + 1] == "Unknown terminal type"  # the role's identifier is no passport's
    assert lines[lines.index("CHAT:") + 2].startswith(kind_of(role).split(" ")[0])


@pytest.mark.parametrize("card", CERTIFIED)
def test_cvc_print_shows_what_the_profile_says(personal, card, tmp_path):
    profile, state, folder = PROFILES[card], state_of(personal, card), anchors(personal, card)
    certificate = base64.b64decode(state["certificates"]["card"])
    verdict, text, why = printed(certificate, folder, tmp_path)
    assert verdict == verdict_of(profile)[0] and verdict_of(profile)[1] in why and bool(why) == (verdict != VERIFIED)
    assert signed_by(folder, certificate, tmp_path)
    body = only(only(certificate, "7f21"), "7f4e")
    since, until = digits(only(body, "5f25")), digits(only(body, "5f24"))
    assert about(since, profile, "from_days", -1) and about(until, profile, "until_days", 1095)
    letter = "V" if profile["kind"] == "vitale" else "P"
    serial = profile["serial"] + ("" if letter == "V" else luhn(profile["serial"]))
    holder, role = f"FR{letter}{serial[-8:]}00001", role_of(profile)
    check_printed(text, root_name(folder), holder, role, since, until)
    # what it does not print, but has used: the bytes themselves, with the key of the personalisation
    assert [t for t, _ in objects(body)] == ["5f29", "42", "7f49", "5f20", "7f4c", "5f25", "5f24"]
    assert (only(body, "42").decode(), only(body, "5f20").decode()) == (root_name(folder), holder)
    key = only(body, "7f49")
    assert [t for t, _ in objects(key)] == ["06", "86"] and oid(only(key, "06")) == ECDSA_SHA256
    assert only(key, "86") == point_of((state["keys"]["card"].encode(), []))
    chat = only(body, "7f4c")
    assert oid(only(chat, "06")) == ROLE and only(chat, "53") == bytes([role])


@pytest.mark.parametrize("card", [None, "cps4-test", "cps4-stranger"])
def test_cvc_print_shows_the_roots_and_their_curve(personal, card, tmp_path):
    folder = anchors(personal, card)
    with open(os.path.join(folder, "cvc-root.cvcert"), "rb") as f:
        certificate = f.read()
    verdict, text, _ = printed(certificate, folder, tmp_path)
    assert verdict == VERIFIED and signed_by(folder, certificate, tmp_path)
    body = only(only(certificate, "7f21"), "7f4e")
    name, key = root_name(folder), only(body, "7f49")
    check_printed(text, name, name, 0xFF, digits(only(body, "5f25")), digits(only(body, "5f24")))
    assert {t: v.hex() for t, v in objects(key) if t in P256} == P256 and oid(only(key, "06")) == ECDSA_SHA256
    assert only(key, "86") == point_of((None, ["-pubin", "-in", os.path.join(folder, "cvc-root.pub")]))
    assert only(only(body, "7f4c"), "53") == b"\xff"


def test_cvc_print_refuses_what_another_root_signed(personal, tmp_path):
    """The stranger's root has the same name as ours; and one bit of a certificate changed."""
    stranger = base64.b64decode(state_of(personal, "cps4-stranger")["certificates"]["card"])
    ours = anchors(personal, None)
    assert root_name(anchors(personal, "cps4-stranger")) == root_name(ours) == ROOT
    verdict, _, why = printed(stranger, ours, tmp_path)
    assert verdict != VERIFIED and "signature" in why and not signed_by(ours, stranger, tmp_path)
    good = base64.b64decode(state_of(personal, "cps4-gp")["certificates"]["card"])
    verdict, _, why = printed(good[:-1] + bytes([good[-1] ^ 1]), ours, tmp_path)
    assert verdict != VERIFIED and "signature" in why
