# SPDX-License-Identifier: Apache-2.0
"""generated.py -- what the gen_*.py programs share: reading the tree, writing or checking a document."""
import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def sources(*prefixes):
    """Paths of the .c and .h files below the prefixes that git knows, or would after an add."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "*.c", "*.h"],
                           capture_output=True, text=True, check=True).stdout.split()
    return sorted(n for n in names if n.startswith(prefixes) and os.path.exists(f"{ROOT}/{n}"))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def cell(text):
    """One line for a column of a table."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def finish(document, text, problems, description):
    """Writes the document, or with --check compares it. The exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="change nothing; 1 when it is not current")
    options = parser.parse_args()
    path = os.path.join(ROOT, document)
    old = read(document) if os.path.exists(path) else ""
    if options.check and old != text:
        problems = problems + [f"{document} is not current: run tools/{os.path.basename(sys.argv[0])}"]
    elif old != text:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    print("\n".join(problems) if problems else f"{document} ok")
    return 1 if problems else 0
