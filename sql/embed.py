#!/usr/bin/env python3
"""Turns sql/contents.txt and the files it names into one C file (see src/store/embedded_sql.h).

usage: embed.py SQL_FOLDER OUTPUT.c [DEPFILE]
"""
import hashlib
import os
import sys

folder, output = sys.argv[1], sys.argv[2]


def c_string(text):
    lines = []
    for line in text.splitlines(keepends=True):
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("?", "\\?")
        lines.append('    "%s"' % escaped)
    return "\n".join(lines) or '    ""'


def read(name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


names = [line.strip() for line in read("contents.txt").splitlines()]
names = [name for name in names if name and not name.startswith(("#", "["))]
present = {os.path.relpath(os.path.join(root, name), folder)
           for root, _, files in os.walk(folder) for name in files if name.endswith(".sql")}
missing = present - set(names) - {"bootstrap.sql"}
if missing:
    sys.exit("not in contents.txt: " + ", ".join(sorted(missing)))

everything = hashlib.sha256()
rows = []
for name in names:
    text = read(name)
    number = 0
    parts = name.split("/")
    compat = '"%s"' % parts[1] if parts[0] == "compat" else "NULL"
    if name.startswith("migrations/"):
        number = int(os.path.basename(name)[:4])
    else:
        everything.update(text.encode())
    rows.append('  {%d, %s, "%s", "%s",\n%s},\n' % (
        number, compat, name, hashlib.sha256(text.encode()).hexdigest()[:16], c_string(text)))

with open(output, "w", encoding="utf-8") as file:
    file.write('#include <stddef.h>\n\n#include "store/embedded_sql.h"\n\n')
    file.write("const char *const embedded_sql_bootstrap =\n%s;\n\n" % c_string(read("bootstrap.sql")))
    file.write("const struct embedded_sql embedded_sql[] = {\n%s};\n\n" % "".join(rows))
    file.write("const int embedded_sql_count = %d;\n" % len(rows))
    file.write('const char *const embedded_sql_checksum = "%s";\n' % everything.hexdigest()[:16])
if len(sys.argv) > 3:
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        file.write("%s: %s\n" % (output, " ".join(
            os.path.join(folder, name) for name in names + ["contents.txt", "bootstrap.sql"])))
