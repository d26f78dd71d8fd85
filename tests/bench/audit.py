# SPDX-License-Identifier: EUPL-1.2
"""What the record costs against the number of its entries, as tables for tests/bench/README.md.

usage: audit.py --build BUILD [--million N] [--folder FOLDER]

Entries are laid out in FOLDER (a temporary one on the disk of the current folder; a memory file system
would say nothing of syncing). Without --million the sizes are 10,000, 100,000 and 1,000,000; --million 10
adds 10,000,000 (ten minutes and 16 GB). Durable appends stand beside bare inserts of SQLite in
the same run and folder, `vitalectl audit verify` of the export beside SHA-256 of the same file in one loop.
Nothing is asserted.
"""
import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = [10_000, 100_000, 1_000_000]
ROWS = ["append", "bare", "open", "history of 2", "last version", "proof", "consistency", "verify", "export",
        "longest step of export", "vitalectl audit verify", "SHA-256 of the file"]
ONE = ("open", "verify", "export", "longest step of export")
ROUNDS = 3  # of the last two, in turns


def measure(build, folder, sizes):
    """{(what, entries): times}"""
    program = os.path.join(build, "tests/bench/peers/bench-record")
    found = {}
    with subprocess.Popen([program, folder, *map(str, sizes)], stdout=subprocess.PIPE, text=True) as p:
        for line in p.stdout:
            row = json.loads(line)
            found[row["what"], row["entries"]] = row
            print(f"  {row['entries']:,}: {row['what']} {show(row['p50'])}", file=sys.stderr, flush=True)
    if p.returncode != 0:
        sys.exit(p.returncode)
    for n in sizes:
        for what, times in beside(build, os.path.join(folder, f"export-{n}")).items():
            found[what, n] = {"p50": int(1e6 * statistics.median(times))}
    return found


def hashed(path):
    """The floor: each byte of the file through SHA-256 once, as sha256sum does it."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while block := f.read(1 << 20):
            digest.update(block)


def beside(build, path):
    """Seconds of our check of the export and of the floor, in turns."""
    check = [os.path.join(build, "client/vitalectl"), "audit", "verify", path]
    times = {"vitalectl audit verify": [], "SHA-256 of the file": []}
    hashed(path)  # in the page cache, or as far as it fits
    for _ in range(ROUNDS):
        for name, work in zip(times, (lambda: subprocess.run(check, stdout=subprocess.DEVNULL, check=True),
                                      lambda: hashed(path))):
            begin = time.monotonic()
            work()
            times[name].append(time.monotonic() - begin)
    return times


def show(us):
    return f"{us} µs" if us < 10_000 else f"{us / 1000:.0f} ms" if us < 1_000_000 else f"{us / 1e6:.2f} s"


def table(found, sizes):
    lines = ["| | " + " | ".join(f"{n:,}" for n in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for what in ROWS:
        several = "p99" in found[what, sizes[0]] and what not in ONE
        cells = []
        for n in sizes:
            row = found[what, n]
            cells.append(f"{show(row['p50'])} / {show(row['p99'])}" if several else show(row["p50"]))
        lines.append(f"| {what}{' (p50 / p99)' if several else ''} | " + " | ".join(cells) + " |")
    ratio = [f"{found['append', n]['p50'] / found['bare', n]['p50']:.2f} / "
             f"{found['append', n]['p99'] / found['bare', n]['p99']:.2f}" for n in sizes]
    lines.append("| append : bare (p50 / p99) | " + " | ".join(ratio) + " |")
    ratio = [f"{found['vitalectl audit verify', n]['p50'] / found['SHA-256 of the file', n]['p50']:.2f}" for n in sizes]
    lines.append("| vitalectl : SHA-256 | " + " | ".join(ratio) + " |")
    lines.append("| bytes an entry | " + " | ".join(str(found["bytes an entry", n]["p50"]) for n in sizes) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--million", type=int, default=1, help="largest size")
    parser.add_argument("--sizes", type=lambda t: [int(n) for n in t.split(",")], help="these instead")
    parser.add_argument("--folder", help="on the disk that counts; default: the build folder")
    args = parser.parse_args()
    sizes = args.sizes or SIZES + [n * 1_000_000 for n in (10, 100) if n <= args.million]
    folder = tempfile.mkdtemp(prefix="bench-record.", dir=args.folder or args.build)
    try:
        print("\n" + table(measure(args.build, folder, sizes), sizes))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
