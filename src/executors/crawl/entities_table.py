"""Writes the named character references of HTML as a C table, sorted by name, to standard output.

Python's standard library carries the list of the HTML standard (section 13.5) as html.entities.html5:
names without the ampersand, most with their semicolon, some old ones also without.
"""
from html.entities import html5


def c_string(data: bytes) -> str:
    return '"' + ''.join(f'\\{byte:03o}' for byte in data) + '"'


print('/* Made by entities_table.py: one line a reference, sorted by name. */')
print('static const struct reference {')
print('    const char *name, *text;')
print('} references[] = {')
for name in sorted(html5):
    print(f'    {{"{name}", {c_string(html5[name].encode())}}},')
print('};')
print(f'enum {{ REFERENCE_NAME_MAX = {max(map(len, html5))} }};')
