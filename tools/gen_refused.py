#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_refused.py [--check] -- the list in docs/differences.md of configuration keys and flags that are refused.

From the tables in server/options_keys.c, server/options_auth.c and server/flags.h; written between the two
lines that mark its place.
"""
import re
import sys

from generated import cell, finish, read

DOCUMENT = "docs/differences.md"
BEGIN = "<!-- from here to the end mark: made by tools/gen_refused.py -->"
END = "<!-- end mark -->"
SECTIONS = (("server/options_keys.c", "options_keys", "top level"),
            ("server/options_keys.c", "options_leafnode_keys", "`leafnodes`"),
            ("server/options_auth.c", "options_auth_keys", "`authorization`"),
            ("server/options_auth.c", "options_user_keys", "a user"))


def rows_of(path, array):
    """(state, names) of each row of a table of keys."""
    body = re.search(rf"struct options_key {array}\[\] = \{{(.*?)\n\}};", read(path), re.S).group(1)
    for macro, names in re.findall(r'(NOT_YET|ONLY_OFF)\("([^"]+)"\)', body):
        yield macro, names
    for names in re.findall(r'\{"([^"]+)",\s*KEY_NOTICED', body):
        yield "NOTICED", names


def spelled(names):
    first, *others = names.split("|")
    return f"`{first}`" + (" (" + ", ".join(f"`{o}`" for o in others) + ")" if others else "")


def flags_refused():
    return [names for names, state in
            re.findall(r'X\(\w+, "([^"]+)", \w+, (\w+)\)', read("server/flags.h")) if state == "REFUSED"]


def render():
    lines = [BEGIN, "", "| section | refused | refused unless off | taken, and does nothing |",
             "| --- | --- | --- | --- |"]
    for path, array, title in SECTIONS:
        by_state = {"NOT_YET": [], "ONLY_OFF": [], "NOTICED": []}
        for state, names in rows_of(path, array):
            by_state[state].append(spelled(names))
        lines.append(f"| {title} | " + " | ".join(", ".join(by_state[s]) for s in by_state) + " |")
    dashed = ["`-" + names.replace("|", "`, `-") + "`" for names in flags_refused()]
    lines += ["", "Flags that are refused, unless they ask for nothing (`-tls=false`): " + "; ".join(dashed) + ".",
              "", END]
    return "\n".join(lines)


def main():
    text = read(DOCUMENT)
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{DOCUMENT}: the marks of the list are not there, once each")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return finish(DOCUMENT, before + render() + after, [], __doc__)


if __name__ == "__main__":
    sys.exit(main())
