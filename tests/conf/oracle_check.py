#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""oracle_check.py ORACLE [OURS] [FILE.conf | FOLDER ...]

Runs `-t -c FILE` of nats-server (ORACLE) and of our server (OURS) for every configuration, by default
those in this folder and in examples/, and compares. A file says what it expects in its comments:

    # expect: valid
    # expect: error REGEX       what both print on stderr
    # ours: error REGEX         where we differ knowingly: what we do not support yet is refused
    # env: NAME=VALUE           set for both

Without OURS only the oracle is asked, and only the `expect` lines are checked. Where both accept, the
digests must be equal; where both refuse and no order of errors is left to chance, the texts, too.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT = [HERE, os.path.join(HERE, "..", "..", "examples")]
DIGEST = re.compile(rb"is valid \((sha256:[0-9a-f]{64})\)")


def configurations(paths):
    for path in paths:
        if os.path.isdir(path):
            for name in sorted(os.listdir(path)):
                if name.endswith(".conf"):
                    yield os.path.join(path, name)
        else:
            yield path


def directives(path):
    found = {"env": {}}
    with open(path, encoding="utf-8", errors="replace") as file:
        for kind, value in re.findall(r"^\s*# (expect|ours|env): (.*)$", file.read(), re.M):
            if kind == "env":
                name, _, content = value.partition("=")
                found["env"][name] = content
            else:
                found[kind] = value
    return found


def run(binary, path, env):
    done = subprocess.run([binary, "-t", "-c", os.path.basename(path)], cwd=os.path.dirname(path) or ".",
                          env={**os.environ, **env}, capture_output=True, timeout=30, check=False)
    return done.returncode, done.stderr


def judge(who, outcome, expectation):
    """What is wrong with the outcome, or None."""
    code, err = outcome
    if expectation == "valid":
        if code != 0 or not DIGEST.search(err):
            return f"{who} refuses it: {err.decode(errors='replace').strip()}"
        return None
    pattern = expectation.removeprefix("error").strip()
    if code != 1:
        return f"{who} exits with {code}, not 1"
    if not re.search(pattern.encode(), err):
        return f"{who} does not say /{pattern}/: {err.decode(errors='replace').strip()}"
    return None


def compare(oracle, ours):
    if oracle[0] == 0 and DIGEST.search(oracle[1]).group(1) != DIGEST.search(ours[1]).group(1):
        return "the digests differ"
    if oracle[0] != 0 and sorted(oracle[1].split(b"\n")) != sorted(ours[1].split(b"\n")):
        return (f"the texts differ:\n    oracle: {oracle[1].decode(errors='replace').strip()}"
                f"\n    ours:   {ours[1].decode(errors='replace').strip()}")
    return None


def check(oracle, ours, path):
    said = directives(path)
    if "expect" not in said:
        return "it has no `# expect:` line"
    theirs = run(oracle, path, said["env"])
    problem = judge("the oracle", theirs, said["expect"])
    if problem or not ours:
        return problem
    mine = run(ours, path, said["env"])
    problem = judge("our server", mine, said.get("ours", said["expect"]))
    if problem or "ours" in said:
        return problem
    return compare(theirs, mine)


def main(arguments):
    binaries = [a for a in arguments if os.access(a, os.X_OK) and os.path.isfile(a)]
    paths = [a for a in arguments if a not in binaries] or DEFAULT
    if not 1 <= len(binaries) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    oracle, ours = (os.path.abspath(binaries[0]),
                    os.path.abspath(binaries[1]) if len(binaries) == 2 else None)
    failed = count = 0
    for path in configurations(paths):
        count += 1
        problem = check(oracle, ours, os.path.abspath(path))
        if problem:
            failed += 1
            print(f"{path}: {problem}")
    print(f"{count} configurations, {failed} failed, {'both servers' if ours else 'oracle alone'}")
    return 1 if failed or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
