# SPDX-License-Identifier: EUPL-1.2
"""check-layers and check-style find what they are for, and pass what is allowed."""
import os
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SPDX = "/* SPDX-License-Identifier: EUPL-1.2 */\n"


def run(tool, root):
    done = subprocess.run([os.path.join(HERE, tool), str(root)], capture_output=True, text=True)
    return done.returncode, done.stdout


def put(root, path, text):
    full = root / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_text(SPDX + text)


ALLOWED = [
    ("base/hex.c", '#include "base/hex.h"\n#include <string.h>\n'),
    ("base/json.h", "#include <jansson.h>\n"),
    ("drivers/card/cps/cps3.c", '#include "drivers/card/apdu.h"\n#include "drivers/reader/reader.h"\n'),
    ("drivers/reader/pcsc.c", "#include <winscard.h>\n"),
    ("daemon/session/session.c", '#include "daemon/limits.h"\n#include <systemd/sd-event.h>\n'),
    ("daemon/bus/bus.c", '#include "daemon/dossier/dossier.h"\n#include <dbus/dbus.h>\n'),
    ("client/open.c", '#include "record/receipt.h"\n#include "include/vitaled/errors.h"\n'),
]
REFUSED = [
    ("base/hex.c", '#include "record/merkle.h"\n', 'may not include "record/merkle.h"'),
    ("base/buf.c", "#include <jansson.h>\n", "may not use jansson"),
    ("drivers/card/cps/cps3.c", "#include <openssl/evp.h>\n", "may not use openssl"),
    ("drivers/reader/script.c", "#include <winscard.h>\n", "may not use libpcsclite"),
    ("drivers/sim/os.c", '#include "drivers/card/card.h"\n', "drivers/card/card.h"),
    ("daemon/session/session.c", '#include "daemon/bus/bus.h"\n', "daemon/bus/bus.h"),
    ("daemon/trust/x509.c", '#include "daemon/audit/audit.h"\n', "daemon/audit/audit.h"),
    ("daemon/dossier/keys.c", "#include <sqlite3.h>\n", "may not use sqlite"),
    ("daemon/consent/consent.c", "#include <dbus/dbus.h>\n", "may not use libdbus"),
    ("client/open.c", '#include "daemon/limits.h"\n', "daemon/limits.h"),
    ("elsewhere/x.c", "int x;\n", "lies in no room"),
]


@pytest.mark.parametrize("path,text", ALLOWED)
def test_an_allowed_include_passes(tmp_path, path, text):
    put(tmp_path, path, text)
    assert run("check-layers", tmp_path)[0] == 0


@pytest.mark.parametrize("path,text,why", REFUSED)
def test_a_forbidden_include_is_named(tmp_path, path, text, why):
    put(tmp_path, path, text)
    code, out = run("check-layers", tmp_path)
    assert code == 1 and why in out and path in out


def function(lines, body="\tx++;\n"):
    return "static int f(int x)\n{\n" + body * lines + "}\n"


STYLE = [
    (function(100), "at most 80"),
    (function(16, "\tif (x)\n\t\tx++;\n"), "complexity 17"),
    ("int a;\n" * 601, "at most 600"),
    ("void g(char *a)\n{\n\tstrcpy(a, a);\n}\n", "strcpy is banned"),
    ("void g(char *a)\n{\n\tmemcpy(a, a, 1);\n}\n", "base/buf.c only"),
]


@pytest.mark.parametrize("text,why", STYLE)
def test_a_breach_of_style_is_named(tmp_path, text, why):
    put(tmp_path, "base/a.c", text)
    code, out = run("check-style", tmp_path)
    assert code == 1 and why in out


def test_a_banned_word_in_a_comment_or_literal_passes(tmp_path):
    put(tmp_path, "base/a.c", '/* strcpy(a) */\nconst char *a = "memcpy(b) if if if";\n')
    assert run("check-style", tmp_path)[0] == 0


def test_memcpy_in_its_own_file_passes(tmp_path):
    put(tmp_path, "base/buf.c", "void g(char *a)\n{\n\tmemcpy(a, a, 1);\n}\n")
    assert run("check-style", tmp_path)[0] == 0


def test_a_header_needs_pragma_once_and_150_lines(tmp_path):
    put(tmp_path, "base/a.h", "int a;\n" * 151)
    code, out = run("check-style", tmp_path)
    assert code == 1 and "pragma" in out and "at most 150" in out


def test_a_file_without_licence_is_named(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    code, out = run("check-style", tmp_path)
    assert code == 1 and "SPDX" in out


def test_long_functions_on_the_whole_are_named(tmp_path):
    put(tmp_path, "base/a.c", function(60) * 5)
    code, out = run("check-style", tmp_path)
    assert code == 1 and "95th percentile" in out
