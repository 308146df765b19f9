#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_limits.py [--check] -- docs/limits.md: the named limits of the code, by layer.

A limit is a #define or an enumerator whose name ends in _MAX, _MIN or _SIZE, with a unit behind it or not
(_MAX_MS). What it is for is its comment, or the sentence of a comment of its folder that names it. Limits of tests
are not listed.
"""
import os
import re
import sys

from generated import cell, finish, read, sources

DOCUMENT = "docs/limits.md"
LAYERS = (("runtime/base", "Base"), ("runtime", "Runtime"), ("protocols", "Protocols"),
          ("interest", "Subject index"), ("delivery", "Delivery"), ("actors", "Actors"), ("server", "Server"))
NAME = r"[A-Z][A-Z0-9_]*_(?:MAX|MIN|SIZE)(?:_(?:MS|NS|BYTES|SIZE))?"
DEFINE = re.compile(rf"^#define ({NAME})[ \t]+(\S[^\n]*?)[ \t]*(?:/\*(.*?)\*/[ \t]*)?$", re.M | re.S)
ENUM = re.compile(r"^enum(?:\s+\w+)?\s*\{(.*?)\};?", re.M | re.S)
MEMBER = re.compile(rf"\b({NAME})\s*=\s*([^,}}]+?)\s*(?:/\*(.*?)\*/\s*)?(?:,[ \t]*(?:/\*(.*?)\*/)?|$)", re.S)
PLAIN = re.compile(r"[\d\sx()<>*+/\-a-fA-F]+")


def limits_of(path):
    """name, expression and comment of each, in the order of the file."""
    text = read(path)
    found = [(m.start(), m.group(1), m.group(2), m.group(3) or comment_above(text, m.start()))
             for m in DEFINE.finditer(text)]
    for enum in ENUM.finditer(text):
        for m in MEMBER.finditer(enum.group(1)):
            found.append((enum.start() + m.start(), m.group(1), m.group(2), m.group(3) or m.group(4) or ""))
    return [row[1:] for row in sorted(found)]


def comment_above(text, offset):
    """The comment that ends in the line above, unless it is the file's or a section's."""
    before = text[:offset]
    match = re.search(r"/\*((?:(?!\*/).)*)\*/\n$", before, re.S)
    if match is None or " -- " in match.group(1) or "---" in match.group(1) or "SPDX" in match.group(1):
        return ""
    if "\n" in before and before[before.rfind("\n", 0, match.start()) + 1:match.start()].strip():
        return ""  # it stands behind something else
    return re.sub(r"\n\s*\*", " ", match.group(1))


def sentence_about(name, path, paths):
    """What a comment of the same file, or of its folder, says about it."""
    folder = os.path.dirname(path)
    for other in [path] + [p for p in paths if os.path.dirname(p) == folder and p != path]:
        for comment in re.findall(r"/\*(.*?)\*/", read(other), re.S):
            if not re.search(rf"\b{name}\b", comment):
                continue
            text = re.sub(r"\s+", " ", re.sub(r"\n\s*\*", " ", comment))
            text = re.sub(r"^.*\b(?:Bounds|Idea|Invariants)\b:? ", "", text[:text.index(name)]) + text[text.index(name):]
            for sentence in re.split(r"(?<=[.;]) ", text):
                if re.search(rf"\b{name}\b", sentence) and len(sentence) < 200:
                    return sentence.strip().rstrip(";")
    return ""


def value_of(expression, known, depth=0):
    """The number, or None."""
    expression = re.sub(r"\((?:size_t|u?int\d+_t|unsigned|int)\)", "", expression)
    expression = re.sub(r"\bU?INT64_C\((\d+)\)", r"\1", expression)
    expression = re.sub(r"\bUINT16_MAX\b", "65535", expression)
    expression = re.sub(r"(?<=\d)[uUlL]+\b", "", expression)
    if depth < 8:
        expression = re.sub(r"\b[A-Z][A-Z0-9_]+\b",
                            lambda m: str(value_of(known[m.group()], known, depth + 1))
                            if m.group() in known else m.group(), expression)
    if not PLAIN.fullmatch(expression):
        return None
    try:
        return int(eval(expression.replace("/", "//"), {"__builtins__": {}}))
    except (SyntaxError, NameError, TypeError, ArithmeticError):
        return None


def shown(expression, known):
    value = value_of(expression, known)
    return f"`{cell(expression)}`" if value is None else f"{value:,}"


def layer_of(path):
    fitting = [prefix for prefix, _ in LAYERS if path.startswith(prefix + "/")]
    return max(fitting, key=len)


def all_names(paths):
    """Every simple #define and enumerator, for expressions that use others."""
    known = {}
    for path in paths:
        text = read(path)
        known.update(re.findall(r"^#define ([A-Z][A-Z0-9_]*)[ \t]+(\S[^\n]*?)[ \t]*(?:/\*.*)?$", text, re.M))
        for enum in ENUM.finditer(text):
            known.update(re.findall(r"\b([A-Z][A-Z0-9_]*)\s*=\s*([^,}/]+?)\s*(?=[,}/]|$)", enum.group(1)))
    return known


def main():
    paths = sources(*(prefix + "/" for prefix, _ in LAYERS))
    known = all_names(paths)
    lines = ["# Limits", "",
             "Made by `tools/gen_limits.py` from the code; `./dev lint` checks that it is current. These are the",
             "limits that are named in the code, whatever a configuration says. What an operator can set",
             "(`max_payload`, `max_connections`, ...) has the names and defaults of nats-server: `server/options.h`.", ""]
    for prefix, title in LAYERS:
        rows = [(name, expression, comment or sentence_about(name, path, paths), path) for path in paths if layer_of(path) == prefix
                for name, expression, comment in limits_of(path)]
        if not rows:
            continue
        lines += [f"## {title}: `{prefix}/`", "", "| limit | is | what for | where |", "| --- | --- | --- | --- |"]
        lines += [f"| `{name}` | {shown(expression, known)} | {cell(comment)} | `{path}` |"
                  for name, expression, comment, path in rows]
        lines.append("")
    return finish(DOCUMENT, "\n".join(lines), [], __doc__)


if __name__ == "__main__":
    sys.exit(main())
