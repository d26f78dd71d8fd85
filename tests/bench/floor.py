# SPDX-License-Identifier: EUPL-1.2
"""What an unlock must cost on the two links: an estimate that shares no code with what it judges.

A plan is a list of commands. Each stands on one link ("cps" or "vitale"), costs characters by the
rule of T=0 (header 5, procedure byte 1, data, status 2; 7 without data; a case 4 command and its
GET RESPONSE are two TPDUs) and may wait for commands of the other link whose bytes it needs. A link
carries one command at a time, in the order of the plan; the floor is the end of the last command
when people and programs take no time at all. Sizes of files come from the cards that are measured
(struct Sizes), the rest from the standards and from doc/stand-in.md.

Run as a program it prints the sums of README.md, with sizes near those of the shipped profiles.
"""
import dataclasses

SPEED = {"vitale": 3584.23, "cps3": 896.06, "cps4": 10752.69}  # characters/s: 12 etu at 4 MHz, ISO/IEC 7816-3
TL_TPDU, TL_CHARACTER = 0.099, 0.00072  # s, estimate for the common French reader (fit of published timings)

CAR = CHR = 16
PROOF = 64  # r || s


@dataclasses.dataclass
class Sizes:
    """Bytes of what the cards hold; defaults: vitale-family and cps3-gp / cps4-gp as shipped."""
    numbers: int = 96       # VITALE SFI 2: 4 x 65{93, 90}
    identities: int = 252   # 3F00 SFI 2: 4 x 65{80, 81, 82 (, 94)}
    validity: int = 12
    serial: int = 12
    vitale_cvc: int = 228   # 7F21, whole
    cps_cvc: int = 228
    activities: tuple = (46, 50)
    last_block: int = 37    # of what is signed: the CMS's signed attributes, 165 bytes (RFC 5652 §5.3)
    certificates: tuple = (1600, 1600)  # SIG, AUT; only on first use
    info: int = 30          # CPS_INFO_PS
    odf: int = 48
    dodf: int = 292


@dataclasses.dataclass
class Command:
    link: str
    name: str
    why: str
    characters: int
    tpdus: int = 1
    needs: tuple = ()


def out(n):
    """Characters of a command that is answered with @n bytes."""
    return 5 + 1 + n + 2 if n else 7


def into(n):
    """Characters of a command that carries @n bytes and is answered by a status word."""
    return 5 + 1 + n + 2 if n else 7


def both(n, m):
    """Characters of a case 4 command with @n bytes and of the GET RESPONSE for @m."""
    return into(n) + out(m)


def blocks(size, most=256):
    """Lengths of the READ BINARY commands for a file whose size is known."""
    return [min(most, size - at) for at in range(0, size, most)]


def unknown(size):
    """(characters, TPDUs) to read a file of unknown size below 256 bytes: 6CXX, then exactly; from 256 on
    whole blocks, then 6CXX for the rest."""
    full, rest = divmod(size, 256)
    return 264 * full + (7 + out(rest) if rest else 7), full + (2 if rest else 1)


def vitale(s):
    c = []

    def add(name, why, characters, tpdus=1, needs=()):
        c.append(Command("vitale", name, why, characters, tpdus, needs))
    add("SELECT 3F00", "the MF: the certificate is wanted first, the other card waits for it", into(2))
    add("READ SFI 3", "the card's role certificate; its length is fixed by its profile", out(s.vitale_cvc))
    add("READ SFI 4", "serial", out(s.serial))
    n = unknown(s.identities)
    add("READ SFI 2", "names, birth dates, ranks; length unknown", n[0], n[1])
    add("SELECT VITALE", "the application", into(11))
    n = unknown(s.numbers)
    add("READ SFI 2 of VITALE", "numbers and countries; length unknown", n[0], n[1])
    add("READ SFI 3 of VITALE", "start of validity", out(s.validity))
    add("MSE SET DST", "the root that signed the professional's certificate", into(2 + CAR))
    add("PSO VERIFY CERTIFICATE", "the professional's role certificate", into(content(s.cps_cvc)), 1,
        ("cps:certificate",))
    add("MSE SET AT", "the professional's key to check, the own key to prove", into(2 + CHR + 3))
    add("GET CHALLENGE", "16 bytes", out(16))
    add("INTERNAL AUTHENTICATE", "over the CPS's challenge and serial", both(24, PROOF), 2, ("cps:GET CHALLENGE",))
    add("EXTERNAL AUTHENTICATE", "the CPS's proof", into(PROOF), 1, ("cps:INTERNAL AUTHENTICATE",))
    add("INTERNAL AUTHENTICATE 2", "presence: hash of the statement and VDCONS01", both(40, PROOF), 2,
        ("cps:EXTERNAL AUTHENTICATE",))
    return c


def content(cvc):
    """Bytes of the value of 7F21, which is what PSO VERIFY CERTIFICATE takes."""
    return cvc - (4 if cvc > 130 else 3)


def read_file(add, path, why, size):
    n = unknown(size)
    add(f"SELECT {path}", why, into(6 if len(path) > 4 else 2))
    add(f"READ {path}", "", n[0], n[1])


def cps(s, kind, use):
    c = []

    def add(name, why, characters, tpdus=1, needs=()):
        c.append(Command("cps", name, why, characters, tpdus, needs))
    if use != "next":
        if kind == "cps4":
            add("SELECT AID", "ChipDoc on channel 1", into(8))
        add("SELECT 3F00", "where the serial is", into(2))
        add("READ SFI 1C", "serial: which card", out(s.serial))
        add("SELECT D010", "EF_ACTUA, absent: stamp of the public files", into(2))
    if use == "first":
        add("SELECT B003", "role certificate", into(6))
        add("READ B003", "", out(s.cps_cvc))
        for name, size in zip(("AUT", "SIG"), s.certificates):
            add(f"SELECT {name}", "certificate", into(2))
            add(f"READ {name}", "first 256 bytes hold its length, then exactly",
                sum(out(n) for n in blocks(size)), len(blocks(size)))
        read_file(add, "D104", "speciality", s.info)
        read_file(add, "5031", "EF.ODF: where the directories are", s.odf)
        read_file(add, "7006", "EF.DODF: which activities there are", s.dodf)
    if use != "next":
        add("VERIFY, empty", "tries left", 7)
        add("VERIFY", "PIN", into(4))
        for i, size in enumerate(s.activities):
            n = unknown(size)
            if i:
                add(f"SELECT D12{i}", "activity", into(2))
            else:
                add("SELECT 3F00/0001/D120", "application and first activity; pcscd forgets the PIN by it", into(6))
            add(f"READ D12{i}", "length unknown", n[0], n[1])
    add("MSE SET DST", "the root that signed the patient card's certificate", into(2 + CAR))
    add("PSO VERIFY CERTIFICATE", "the patient card's role certificate", into(content(s.vitale_cvc)), 1,
        ("vitale:READ SFI 3",))
    add("MSE SET AT", "the patient card's key to check, the own key to prove", into(2 + CHR + 3))
    add("GET CHALLENGE", "16 bytes", out(16))
    add("INTERNAL AUTHENTICATE", "over the Vitale's challenge and serial", both(24, PROOF), 2, ("vitale:GET CHALLENGE",))
    add("EXTERNAL AUTHENTICATE", "the Vitale's proof", into(PROOF), 1, ("vitale:INTERNAL AUTHENTICATE",))
    consented = ("vitale:EXTERNAL AUTHENTICATE",)
    if kind == "cps3":
        if use != "next":  # it stands until something is selected
            add("MSE SET HT", "SHA-256", into(3), 1, consented)
        add("MSE SET DST 2", "signature key and algorithm", into(6), 1, consented)
        add("PSO HASH", "state so far and its bits, last block", into(2 + 40 + 2 + s.last_block))
        add("PSO CDS", "the consent's signature", out(256))
    else:
        add("MSE SET DST 2", "signature key and algorithm", into(4), 1, consented)
        add("PSO CDS", "over the hash: the consent's signature", both(32, 256), 2)
    return c


def plan(kind, use, s):
    """Both links' commands. @kind: cps3, cps4; @use: first, cached, next."""
    certificate = {"first": "READ B003", "cached": "SELECT D010", "next": None}[use]
    made = []
    for c in vitale(s) + cps(s, kind, use):
        needs = tuple(f"cps:{certificate}" if n == "cps:certificate" else n for n in c.needs)
        made.append(dataclasses.replace(c, needs=tuple(n for n in needs if n != "cps:None")))
    return made


def schedule(commands, kind):
    """[(command, start, end)] in seconds; fails on a plan that waits for itself."""
    speed = {"vitale": SPEED["vitale"], "cps": SPEED[kind]}
    queues = {link: [c for c in commands if c.link == link] for link in speed}
    free, ended, seen, done = dict.fromkeys(speed, 0.0), {}, {}, []
    while any(queues.values()):
        moved = False
        for link, queue in queues.items():
            while queue and all(n in ended for n in queue[0].needs):
                c = queue.pop(0)
                start = max([free[link]] + [ended[n] for n in c.needs])
                free[link] = start + c.characters / speed[link]
                seen[(link, c.name)] = seen.get((link, c.name), 0) + 1
                number = seen[(link, c.name)]
                ended[f"{link}:{c.name}" + (f" {number}" if number > 1 else "")] = free[link]
                done.append((c, start, free[link]))
                moved = True
        if not moved:
            raise ValueError(f"waits for ever: {[q[0] for q in queues.values() if q]}")
    return done


def floor(kind, use, s):
    """(seconds, {link: (TPDUs, characters)}) of the plan."""
    commands = plan(kind, use, s)
    sums = {link: (sum(c.tpdus for c in commands if c.link == link),
                   sum(c.characters for c in commands if c.link == link)) for link in ("cps", "vitale")}
    return max(end for _, _, end in schedule(commands, kind)), sums


def explain(kind, use, s):
    """The sum as a Markdown table."""
    lines = [f"### {kind}, {use}", "", "| link | command | why | TPDUs | characters | from ms | to ms |",
             "|---|---|---|---:|---:|---:|---:|"]
    for c, start, end in sorted(schedule(plan(kind, use, s), kind), key=lambda x: (x[0].link, x[1])):
        lines.append(f"| {c.link} | {c.name} | {c.why} | {c.tpdus} | {c.characters} | {1000 * start:.1f} | {1000 * end:.1f} |")
    seconds, sums = floor(kind, use, s)
    for link, (tpdus, characters) in sums.items():
        lines.append(f"| **{link}** | | | **{tpdus}** | **{characters}** | | |")
    lines += ["", f"Floor: {1000 * seconds:.1f} ms.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    for k in ("cps3", "cps4"):
        for u in ("first", "cached", "next"):
            print(explain(k, u, Sizes()))
