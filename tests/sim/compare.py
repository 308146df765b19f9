#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py [--runs N] [--seed S] [--scenario NAME] SIM... -- the same seeds, the same digests.

Runs each simulator program (of different builds and compilers) with and without address space
randomisation, each time in a fresh process, and compares the digests of all runs. Ends with 1 at the
first difference, which it names.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile


def commands(programs):
    """Names and command lines of all ways to run."""
    plain = shutil.which("setarch")
    for program in programs:
        yield program, [program]
        if plain:
            yield program + " without randomisation", [plain, "-R", program]


def digests(command, options, folder):
    """The digests of one process, by scenario and seed."""
    path = os.path.join(folder, "digests")
    arguments = ["--once", "--runs", str(options.runs), "--seed", str(options.seed), "--digest-file", path]
    if options.scenario:
        arguments += ["--scenario", options.scenario]
    done = subprocess.run(command + arguments, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout, end="")
        sys.exit(f"{' '.join(command)}: ended with {done.returncode}")
    with open(path, encoding="ascii") as file:
        return {tuple(line.split()[:2]): line.split()[2] for line in file}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario")
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    first_name, first = None, None
    with tempfile.TemporaryDirectory() as folder:
        for name, command in commands(options.programs):
            found = digests(command, options, folder)
            print(f"{name}: {len(found)} runs")
            if first is None:
                first_name, first = name, found
            for key in first:
                if first[key] != found.get(key):
                    print(f"scenario {key[0]} seed {key[1]}: {first[key]} by {first_name}, "
                          f"{found.get(key)} by {name}")
                    return 1
    print("all digests are equal")
    return 0


if __name__ == "__main__":
    sys.exit(main())
