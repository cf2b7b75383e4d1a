#!/usr/bin/env python3
"""Writes html_entity_table.inc from the HTML 5 names in Python's library.

Run it in this folder: python3 generate_html_entities.py
"""

import html
import html.entities


def row(name, text):
    points = [f"0x{ord(c):X}" for c in text]
    assert len(points) <= 3, (name, text)
    return f'{{"{name}", {{{", ".join(points)}}}}},\n'


def main():
    names = html.entities.html5
    capitals = {}
    for name, text in names.items():
        if not name.endswith(";") or name != name.lower():
            continue
        # Skip names that a browser would decode in part, such as &NOTIN;.
        whole = "&" + name.upper()
        if html.unescape(whole) == whole:
            capitals[name.upper()] = text.upper()
    with open("html_entity_table.inc", "w", encoding="ascii") as out:
        out.write("// Made by generate_html_entities.py: name, code points.\n")
        out.write("// Sorted by bytes of the name.\n")
        out.write("constexpr HtmlEntity kEntities[] = {\n")
        out.writelines(row(n, names[n]) for n in sorted(names))
        out.write("};\n")
        out.write("// Lower-case names in capitals, with the capital letter.\n")
        out.write("constexpr HtmlEntity kCapitalEntities[] = {\n")
        out.writelines(row(n, capitals[n]) for n in sorted(capitals))
        out.write("};\n")


if __name__ == "__main__":
    main()
