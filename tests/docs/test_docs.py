#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_docs.py -- the documents against the tree: names, links, words of dev, and what differs.

What is generated is for `./dev lint`.

Each check is run on the tree, and on a wrong example of its own that it must not accept.
"""
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import gen_messages  # noqa: E402

# Written when there are figures to write down.
AWAITED = set()
WALK = re.compile(r"^## (The walk of|A worker's round)")
PLACE = re.compile(r"^(?:([\w/]+\.[ch]): )?(\w+)$")
DEFINED = r"^(?:[A-Za-z_][^\n;={{}}]*?[ \*])?{name}\([^;]*?\)\s*\{{"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def tracked(*patterns):
    """Files that git knows; outside of a repository, all that are there but for builds."""
    command = ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", *patterns]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return sorted(n for n in set(names) if os.path.exists(os.path.join(ROOT, n)))


def find_file(name, files):
    """`client_read.c` or `delivery/publish.c`: the one file that it means."""
    found = [f for f in files if f == name or f.endswith("/" + name)]
    return found[0] if len(found) == 1 else None


def walk_names(text):
    """(file or None, function) in the order of the walks. A bare name is in the file named last, or in any."""
    inside, result = False, []
    for line in text.splitlines():
        if line.startswith("## "):
            inside = bool(WALK.match(line))
        elif inside:
            result += [line]
    file = None
    for code in re.findall(r"`([^`]+)`", "\n".join(result)):
        match = PLACE.match(re.sub(r"\s+", " ", code))
        if match is None:
            if re.fullmatch(r"[\w/]+\.[ch]", code):
                yield code, None
            continue
        file = match.group(1) or file
        yield match.group(1), match.group(2)


def defines(text, name):
    """Whether the C text defines a function of this name."""
    return re.search(DEFINED.format(name=name), text, re.M) is not None


def walk_problems(text, files):
    everything = None
    for file, name in walk_names(text):
        if file is not None:
            path = find_file(file, files)
            if path is None:
                yield f"{file}: there is no such file, or more than one"
            elif name is not None and not defines(read(path), name):
                yield f"{path} has no function {name}"
            continue
        if everything is None:
            everything = "\n".join(read(f) for f in files if not f.startswith("tests/"))
        if not defines(everything, name) and not re.search(rf"^#define {name}\(", everything, re.M):
            yield f"no file has a function {name}"


def link_problems(document, text, exists):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        path = os.path.normpath(os.path.join(os.path.dirname(document), target.split("#")[0]))
        if path not in AWAITED and not exists(path):
            yield f"{document}: {target} leads nowhere"


def dev_words():
    return set(re.findall(r"^cmd_(\w+)\(\)", read("dev"), re.M))


def word_problems(document, text, words):
    for word in re.findall(r"\./dev ([a-z]\w*)", text):
        if word not in words:
            yield f"{document}: there is no ./dev {word}"


def differs_problems(documented, sources):
    """Files with a Differs in their head comment that the document does not name."""
    for path, text in sources:
        head = re.match(r"(?:/\* SPDX[^\n]*\n)?\s*/\*.*?\*/", text, re.S)
        if head and re.search(r"^ \* Differs\b", head.group(), re.M) and f"`{path}`" not in documented:
            yield f"docs/differences.md does not name {path}, which has a Differs"


class Documents(unittest.TestCase):
    def none(self, problems):
        problems = list(problems)
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_functions_of_the_walks_are_where_they_are_said_to_be(self):
        files = tracked("*.c", "*.h")
        text = read("docs/ARCHITECTURE.md")
        self.assertGreater(len(list(walk_names(text))), 15)
        self.none(walk_problems(text, files))
        wrong = "## The walk of X\n`client_read.c: on_nothing` `nothing_at_all` `no_file.c`\n"
        self.assertEqual(len(list(walk_problems(wrong, files))), 3)

    def test_a_call_is_no_definition(self):
        self.assertTrue(defines("static int f(int a,\n      int b)\n{\n", "f"))
        self.assertFalse(defines("int g(void)\n{\n    f(1);\n    if (f(2)) {\n", "f"))
        self.assertFalse(defines("int f(int a);\n", "f"))

    def test_relative_links_lead_somewhere(self):
        def exists(path):
            return os.path.exists(os.path.join(ROOT, path))
        documents = tracked("*.md")
        self.assertIn("README.md", documents)
        for document in documents:
            self.none(link_problems(document, read(document), exists))
        self.assertTrue(list(link_problems("docs/x.md", "[a](nowhere.md)", exists)))

    def test_words_of_dev_exist(self):
        words = dev_words()
        for document in tracked("*.md"):
            self.none(word_problems(document, read(document), words))
        self.assertTrue(list(word_problems("README.md", "./dev nothing", words)))

    def test_differences_names_every_file_that_differs(self):
        folders = ("runtime/", "protocols/", "interest/", "delivery/", "actors/", "server/")
        sources = [(f, read(f)) for f in tracked("*.c", "*.h") if f.startswith(folders)]
        self.none(differs_problems(read("docs/differences.md"), sources))
        wrong = [("a/b.c", "/* SPDX */\n/* b.c -- x.\n *\n * Differs     so\n */\n")]
        self.assertTrue(list(differs_problems("", wrong)))

    def test_a_cycle_of_requests_is_found(self):
        edges = {("a", "b"): {"B_DO"}, ("b", "c"): {"C_DO"}, ("c", "a"): {"A_DO"}, ("d", "a"): {"A_DO"}}
        self.assertEqual(gen_messages.find_cycles(edges), [["a", "b", "c", "a"]])
        del edges[("c", "a")]
        self.assertEqual(gen_messages.find_cycles(edges), [])
        self.assertEqual(gen_messages.find_cycles({("a", "a"): {"A_DO"}}), [["a", "a"]])


if __name__ == "__main__":
    unittest.main()
