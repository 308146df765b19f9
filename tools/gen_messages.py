#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_messages.py [--check] -- docs/messages.md: who tells whom what, from the message tables and the code.

A receiver's table (X_MESSAGES in actors/*/*_msg.h) names its kinds, their payloads, and in a comment who
sends each one and what for. The code shows where messages are made: MSG_NEW or msg_alloc with a kind; a
request's asker is the receiver of the answer kind that is put into it. A file that makes messages for its
own actor may do so for others (spawning, logging): there the table's word counts.

Fails when the table and the code disagree about a sender, when a request names no answer, and when
requests between actors form a cycle: actors of such a cycle may wait for each other for ever.
"""
import os
import re
import sys

from generated import cell, finish, read, sources

DOCUMENT = "docs/messages.md"
TABLE = re.compile(r"#define (\w+)_MESSAGES\((\w+), (\w+)\)((?:[^\n]*\\\n)*[^\n]*\n)(.*?)clang-format on", re.S)
ROW = re.compile(r"\b([XR])\((\w[\w#]*),\s*(\w+),\s*(\w+)\)\s*\\?\s*/\*(.*?)\*/", re.S)
MADE = re.compile(r"(?:struct\s+\w+\s*\*\s*)?(\w+)\s*=\s*MSG_NEW\(\s*(\w+)_types,\s*(\w+),"
                  r"|msg_alloc\(&(\w+)_types\[(\w+)\]\)")
STOP = re.compile(r"\bactor_stop\(([^;]*?),\s*\w+\);")
ANYBODY = ("itself", "anybody", "any publisher", "embedding host", "server")


class Kind:
    def __init__(self, table, letter, name, payload, _drop, comment):
        sender, _, purpose = cell(comment.replace("\\", " ")).partition(": ")
        self.table, self.name, self.payload, self.request = table, name, payload, letter == "R"
        self.sender, self.purpose = sender, purpose
        self.made_in = set()  # paths
        self.askers = {}      # asking table -> answer kind
        self.answers = set()  # requests whose answer this is


def parse_table(path):
    """prefix and rows of the one table of a header, or None."""
    match = TABLE.search(read(path))
    if match is None:
        return None
    body = match.group(4) + match.group(5)
    body = body.replace("\\\n", " \n")
    return match.group(1), [r.groups() for r in ROW.finditer(body)]


def tables():
    """table name -> (header, its own kinds)."""
    result = {}
    for path in sources("actors/"):
        parsed = parse_table(path) if path.endswith("_msg.h") else None
        if parsed:
            name = parsed[0].lower()
            result[name] = (path, [Kind(name, *row) for row in parsed[1]])
    return result


def actor_of(path, text, known):
    """The table of the actor whose file this is; None outside actors/."""
    parts = path.split("/")
    if parts[0] != "actors":
        return None
    here = [t for t, (header, _) in known.items() if header.startswith("/".join(parts[:2]) + "/")]
    asks_for = re.findall(r"answer = &(\w+)_types\[", text)
    stem = os.path.splitext(parts[2])[0]
    fitting = [t for t in here if stem == t or stem.startswith(t + "_")]
    if asks_for and asks_for[0] in here:
        return asks_for[0]
    if fitting:
        return max(fitting, key=len)
    return here[0] if len(here) == 1 else min(here, key=len, default=None)


def answer_of(text, variable, start):
    """The kind that is put into the answer field of a request made at start, in the same function."""
    end = text.find("\n}", start)
    match = re.search(rf"\b{variable}->answer = &(\w+)_types\[(\w+)\]", text[start:end])
    return match.groups() if match else None


def agrees(kind, sender):
    """Whether the table's word for the sender can mean this table."""
    words = kind.sender.lower()
    if sender is None or sender == kind.table or any(words.startswith(a) for a in ANYBODY[1:3]):
        return True
    return any(word in sender.split("_") or word == sender for word in re.findall(r"\w+", words))


def read_code(known, kinds, problems):
    """Fills in who makes what; returns the edges of requests: (asker, asked) -> names."""
    edges = {}
    unnamed = set()  # who stops somebody that the code does not name
    named = set()
    for path in sources("actors/", "server/", "delivery/", "runtime/"):
        if not path.endswith(".c"):
            continue
        text = read(path)
        actor = actor_of(path, text, known)
        for match in MADE.finditer(text):
            kind = kinds.get(match.group(3) or match.group(5))
            if kind is None:
                continue
            kind.made_in.add(path)
            if not kind.request:
                if not agrees(kind, actor):
                    problems.append(f"{path}: {actor} sends {kind.name}, whose table says {kind.sender}")
                continue
            answer = answer_of(text, match.group(1), match.end()) if match.group(1) else None
            if answer is None or answer[1] not in kinds:
                problems.append(f"{path}: {kind.name} is made without an answer")
                continue
            kind.askers[answer[0]] = answer[1]
            kinds[answer[1]].answers.add(kind.name)
            edges.setdefault((answer[0], kind.table), set()).add(kind.name)
            if not agrees(kind, answer[0]):
                problems.append(f"{path}: {answer[0]} asks {kind.name}, whose table says {kind.sender}")
        for match in STOP.finditer(text):
            targets = stopped(match.group(1), known)
            named.update(targets)
            if actor is not None and not targets:
                unnamed.add(actor)
            for target in targets:
                edges.setdefault((actor, target), set()).add(f"{target.upper()}_STOP")
    for actor in unnamed:
        for target in takers_of_stop(known) - named - {actor}:
            edges.setdefault((actor, target), set()).add(f"{target.upper()}_STOP")
    return edges


def stopped(expression, known):
    """Whom actor_stop means: those whose name is in the expression."""
    words = re.findall(r"[a-z]+", expression)
    return [t for t in known if any(w in (t.split("_")[-1], t.split("_")[-1] + "s") for w in words)]


def takers_of_stop(known):
    takers = set()
    for table, (header, _) in known.items():
        folder = os.path.dirname(header) + "/"
        code = "".join(read(p) for p in sources(folder) if p.endswith(".c"))
        if re.search(rf"case {table.upper()}_STOP:(?!\s*UNREACHABLE)", code):
            takers.add(table)
    return takers


def find_cycles(edges):
    graph = {}
    for asker, asked in edges:
        graph.setdefault(asker, set()).add(asked)
    cycles, done = [], set()

    def visit(node, stack):
        if node in stack:
            cycles.append(stack[stack.index(node):] + [node])
            return
        if node in done:
            return
        for following in sorted(graph.get(node, ())):
            visit(following, stack + [node])
        done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return cycles


def sort_of(kind):
    if kind.request:
        answers = sorted(f"`{a}`" for a in set(kind.askers.values()))
        return "request → " + (", ".join(answers) if answers else "not asked by anybody yet")
    if kind.answers:
        return "answer to " + ", ".join(f"`{a}`" for a in sorted(kind.answers))
    return "fact"


def where(kind):
    if kind.made_in:
        return ", ".join(f"`{p}`" for p in sorted(kind.made_in))
    return "by the asked" if kind.answers else "nowhere yet"


def shared_section(path, title):
    prefix, rows = parse_shared(path)
    lines = [f"## {title}", "", "| kind | payload | what for |", "| --- | --- | --- |"]
    lines += [f"| `X_{name.split('##')[-1].lstrip('_')}` | `{payload}` | {cell(comment)} |"
              for _, name, payload, _, comment in rows]
    return lines + [""]


def parse_shared(path):
    parsed = parse_table(path)
    if parsed is None:
        raise SystemExit(f"{path}: no message table")
    return parsed


def render(known, kinds, edges, cycles):
    lines = ["# Messages", "",
             "Made by `tools/gen_messages.py` from the tables in `actors/*/*_msg.h` and from the code that makes",
             "messages; `./dev lint` checks that it is current. Every actor has one table, which the receiver",
             "declares: what it can be told, by whom, what for. A *request* is answered exactly once, with the kind",
             "that its asker named; an asker whose actor is gone gets `X_GONE` in place of it. A *fact* is never",
             "answered. An answer is made by the one who was asked, as the kind that stands in the request.", ""]
    lines += shared_section("runtime/msg.h", "Every actor: from the runtime")
    lines += shared_section("delivery/batch.h", "Every receiver of deliveries")
    for table, (header, own) in sorted(known.items()):
        lines += [f"## {table}", "", f"`{header}`", "",
                  "| kind | payload | is a | sent by | what for | made in |",
                  "| --- | --- | --- | --- | --- | --- |"]
        lines += [f"| `{k.name}` | `{k.payload}` | {sort_of(k)} | {k.sender} | {k.purpose} | {where(k)} |"
                  for k in own]
        lines.append("")
    lines += ["## Requests between actors", "",
              "Who may be waiting for whom. `X_STOP` is a request too: it is answered `GONE` when X has ended. Where",
              "the code does not name who is stopped, those are listed who take a STOP and are named nowhere.", "",
              "| asks | is asked | with |", "| --- | --- | --- |"]
    lines += [f"| {asker} | {asked} | {', '.join(f'`{n}`' for n in sorted(names))} |"
              for (asker, asked), names in sorted(edges.items())]
    lines += ["", "Cycles: " + ("; ".join(" → ".join(c) for c in cycles) if cycles else "none") + ".", ""]
    return "\n".join(lines)


def main():
    problems = []
    known = tables()
    kinds = {k.name: k for _, own in known.values() for k in own}
    edges = read_code(known, kinds, problems)
    cycles = find_cycles(edges)
    problems += ["requests in a cycle: " + " -> ".join(c) for c in cycles]
    return finish(DOCUMENT, render(known, kinds, edges, cycles), problems, __doc__)


if __name__ == "__main__":
    sys.exit(main())
