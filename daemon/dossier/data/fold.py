#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Write the table by which titles are searched: fold.py OUT.

A character becomes its compatibility decomposition (Unicode NFKD), case folded, without its accents;
letters that Unicode calls whole (oe, ae, o with a stroke) are spelled as people type them, and so are
typographic quotes and dashes. Latin, Greek and Cyrillic; what is not in the table stays as it is.
"""
import sys
import unicodedata

RANGES = [(0x41, 0x5A), (0x80, 0x24F), (0x370, 0x52F), (0x1E00, 0x1EFF), (0x2000, 0x200A), (0x2010, 0x201F),
          (0x202F, 0x202F), (0xFB00, 0xFB06)]
SPELLED = {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ħ": "h", "ł": "l", "ŧ": "t", "ı": "i",
           "‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "‟": '"',
           "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-"}


def fold(c):
    c = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", c).casefold())
    return "".join(SPELLED.get(x, x) for x in c if not unicodedata.combining(x))


def main(out):
    with open(out, "w", encoding="ascii") as f:
        f.write("/* made by fold.py */\n")
        for first, last in RANGES:
            for code in range(first, last + 1):
                c, to = chr(code), fold(chr(code))
                data = to.encode()
                assert len(data) <= 8, hex(code)
                if to != c:
                    f.write('{0x%04X, %d, "%s"},\n' % (code, len(data), "".join("\\%03o" % b for b in data)))


if __name__ == "__main__":
    main(*sys.argv[1:])
