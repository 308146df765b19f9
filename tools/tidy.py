#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py ROOT -- the words this tree does not use, each with what to use in its place."""
import re
import subprocess
import sys

# pattern, where it is banned (path prefixes), where it is allowed all the same, what to use
BANS = [
    (r"(?<![\w:])//(?!\w*/)\s", ("",), (), "/* */ for what is committed"),
    (r"\b(strcpy|strcat|sprintf|gets|strtok)\s*\(", ("",), (), "snprintf or memcpy with a known size"),
    (r"\b(time|gettimeofday|clock_gettime)\s*\(", ("actors/", "store/", "cluster/", "protocols/",
     "interest/", "runtime/sim/"), (), "the world's clock"),
    (r"(?<!_)\b(rand|random|srand|drand48)\s*\(", ("",), ("tests/bench/",), "runtime/base/prng.h"),
    (r"\b(sleep|usleep|nanosleep)\s*\(", ("tests/", "actors/"), (), "an expectation, or virtual time"),
    (r"\b__thread\b|\b_Thread_local\b", ("",), ("runtime/",), "state of the worker or of an actor"),
    (r"\b(FIXME|XXX|TODO)\b", ("",), ("tools/tidy.py",), "an issue"),
    (r"#include\s+<uv\.h>", ("",), ("runtime/host/", "tests/"), "runtime/world.h"),
    (r"\bassert\s*\(", ("runtime/", "actors/", "protocols/", "interest/", "store/", "server/"), (),
     "CHECK or DCHECK"),
]


def main(root):
    problems = []
    files = subprocess.run(["git", "-C", root, "ls-files", "*.c", "*.h"], capture_output=True,
                           text=True, check=True).stdout.split()
    for path in files:
        text = open(f"{root}/{path}", encoding="utf-8").read()
        if "SPDX-License-Identifier: Apache-2.0" not in text[:200]:
            problems.append(f"{path}:1: no SPDX line")
        code = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
        code = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), code, flags=re.S)
        for number, line in enumerate(code.split("\n"), 1):
            for pattern, where, allowed, use in BANS:
                if not path.startswith(where) or (allowed and path.startswith(allowed)):
                    continue
                if re.search(pattern, line):
                    problems.append(f"{path}:{number}: {line.strip()[:60]}  -> use {use}")
    print("\n".join(problems) if problems else "tidy ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
