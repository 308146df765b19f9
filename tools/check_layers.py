#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_layers.py ROOT -- fail when an #include breaks the layering.

The whole policy is the LAYERS table: a folder may include itself and what its row lists. The most
specific row wins, so runtime/base has its own. Headers must also form no cycle, and one actor may
see another only through that actor's *_msg.h.
"""
import os
import re
import sys

LAYERS = {
    "runtime/base": [],
    "runtime": ["runtime/base"],
    "protocols": ["runtime/base"],
    "interest": ["runtime/base", "protocols"],
    "store": ["runtime/base", "protocols"],
    "cluster": ["runtime/base", "protocols"],
    "delivery": ["runtime", "runtime/base", "protocols", "interest"],
    "actors": ["delivery", "runtime", "runtime/base", "protocols", "interest", "store", "cluster"],
    "server": ["*"],
    "tests": ["*"],
    "examples": [],
}
# Third-party headers a layer may name. Anything not listed here is free (libc, POSIX).
VENDOR = {
    "uv.h": ["runtime", "tests"],
    "openssl/": ["runtime", "tests"],
    "ck_": ["runtime", "runtime/base", "tests"],
    "pthread.h": ["runtime", "tests"],
    "jansson.h": ["protocols", "tests"],
    "sodium.h": ["protocols", "store", "runtime", "tests"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def layer_of(path):
    rows = [l for l in LAYERS if path == l or path.startswith(l + "/")]
    return max(rows, key=len) if rows else None


def actor_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "actors" and len(parts) > 2 else None


def check_include(src, dst, quote, problems):
    here, there = layer_of(src), layer_of(dst)
    if quote == "<" or there is None:
        for prefix, allowed in VENDOR.items():
            if dst.startswith(prefix) and here not in allowed:
                problems.append(f"{src}: {here} may not use <{dst}>")
        return
    allowed = LAYERS[here]
    if there != here and there not in allowed and allowed != ["*"]:
        problems.append(f"{src}: {here} may not include {there} ({dst})")
    if here == there == "actors" and actor_of(src) != actor_of(dst):
        if actor_of(dst) and not dst.endswith("_msg.h"):
            problems.append(f"{src}: reaches into another actor ({dst}); use its _msg.h")


def cycles(graph):
    state, stack = {}, []

    def visit(node):
        state[node] = "open"
        stack.append(node)
        for nxt in graph.get(node, ()):
            if state.get(nxt) == "open":
                yield stack[stack.index(nxt):] + [nxt]
            elif nxt not in state:
                yield from visit(nxt)
        stack.pop()
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            yield from visit(node)


def main(root):
    problems, graph = [], {}
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            src = os.path.relpath(os.path.join(folder, name), root)
            if not name.endswith((".c", ".h")) or layer_of(src) is None:
                continue
            text = open(os.path.join(root, src), encoding="utf-8").read()
            for quote, dst in INCLUDE.findall(text):
                check_include(src, dst, quote, problems)
                if src.endswith(".h") and dst.endswith(".h") and quote == '"':
                    graph.setdefault(src, []).append(dst)
    problems += ["header cycle: " + " -> ".join(c) for c in cycles(graph)]
    print("\n".join(problems) if problems else "layers ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
