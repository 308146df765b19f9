#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tool_test.py MYELIN MAKE_STORE -- `myelin store` on directories damaged by hand: what it says, and its exit code.

Each case takes a fresh copy of a store (clean, or left as by kill -9), changes some bytes, and names what check
must say, whether repair makes it whole, and that nothing was deleted.
"""
import fcntl
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

MYELIN, MAKE = sys.argv[1], sys.argv[2]
JOURNAL_BLOCK = struct.pack("<I", 0x4C4A594D)
failures = []


def run(*words):
    done = subprocess.run([MYELIN, "store", *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def path(store, name):
    return os.path.join(store, name)


def read(store, name):
    with open(path(store, name), "rb") as f:
        return f.read()


def overwrite(store, name, offset, size=64):
    """As `dd conv=notrunc` would."""
    with open(path(store, name), "r+b") as f:
        f.seek(offset)
        old = f.read(size)
        f.seek(offset)
        f.write(bytes(b ^ 0x5A for b in old))


def flip(name, offset, size=64):
    return lambda store: overwrite(store, name, offset, size)


def remove(name):
    return lambda store: os.unlink(path(store, name))


def truncate(name, size):
    return lambda store: os.truncate(path(store, name), size)


def copy_of(name, to):
    return lambda store: shutil.copy(path(store, name), path(store, to))


def both(*changes):
    return lambda store: [change(store) for change in changes]


def journal_blocks(store):
    """(file, offset, size, records) of the blocks of the journal, in order of position."""
    found = []
    for name in sorted(os.listdir(path(store, "journal"))):
        data = read(store, "journal/" + name)
        for at in range(0, len(data), 4096):
            if data[at:at + 4] == JOURNAL_BLOCK:
                position, size, records = struct.unpack("<QII", data[at + 8:at + 24])
                found.append((position, "journal/" + name, at, size, records))
    return [block[1:] for block in sorted(found)]


def rot_in_the_journal(store):
    """The middle of a block that later ones follow."""
    full = [b for b in journal_blocks(store) if b[3] > 20]
    name, at, size, _ = full[-3]
    overwrite(store, name, at + size // 2, 32)


def torn_end_of_the_journal(store):
    name, at, _, _ = [b for b in journal_blocks(store) if b[3] > 0][-1]
    overwrite(store, name, at + 130, 32)


SEGMENT = "g/1/s-00000000"
RUN = "g/1/x-00000001"
A = "ledger/a-00001"
B = "ledger/b-00001"

# name, which store, the change, exit code of check, what it must say, whether repair makes all of it whole
CASES = [
    ("a clean store", "clean", lambda s: None, 0, [r"is whole: 3 groups"], True),
    ("a store after kill -9", "crash", lambda s: None, 0, [r"is whole: 3 groups, \d{4,} entries"], True),
    ("one super block", "clean", flip("super.a", 100), 1, [r"mendable: super\.a: its checksum is wrong"], True),
    ("one super block missing", "clean", remove("super.b"), 1, [r"mendable: super\.b: it is not there"], True),
    ("both super blocks", "clean", both(flip("super.a", 0), flip("super.b", 0)), 1,
     [r"DAMAGED: super\.a", r"DAMAGED: super\.b.*bring back"], False),
    ("one copy of the ledger", "clean", flip(A, 4200), 1, [r"mendable: ledger/a-00001, bytes 4096 to"], True),
    ("one copy of the ledger missing", "clean", remove(B), 1, [r"mendable: ledger/b-00001"], True),
    ("one copy of the ledger cut short", "clean", truncate(B, 8192), 1, [r"mendable: ledger/b-00001, bytes 8192"], True),
    ("other places of both copies", "clean", both(flip(A, 4200), flip(B, 8300)), 1,
     [r"mendable: ledger/a-00001, bytes 4096", r"mendable: ledger/b-00001, bytes 8192"], True),
    ("the same place of both copies", "clean", both(flip(A, 8300), flip(B, 8300)), 1,
     [r"DAMAGED: ledger/a-00001.*unreadable in both copies"], False),
    ("both copies missing", "clean", both(remove(A), remove(B)), 1, [r"DAMAGED: ledger/a-00001: it is not there"], False),
    ("rot in the journal", "crash", rot_in_the_journal, 1,
     [r"DAMAGED: journal/j-\d+, byte \d+: \d+ bytes are damaged: entries \d+ to \d+ of stream (ORDERS|EVENTS) of account [AB]"],
     False),
    ("a torn end", "crash", torn_end_of_the_journal, 0, [r"note: journal/j-\d+, byte \d+: the last flush"], True),
    ("a chunk's header", "clean", flip(SEGMENT, 8), 1, [r"mendable: g/1/s-00000000, bytes 0 to \d+: a chunk's header"], True),
    ("a frame", "clean", flip(SEGMENT, 200), 1,
     [r"DAMAGED: g/1/s-00000000, bytes 0 to \d+: a chunk is damaged \(frames\)",
      r"DAMAGED: g/1/s-00000000: messages 1 to \d+ of stream ORDERS of account A \(group 1\).*at most \d+ of them live"],
     False),
    ("a segment missing", "clean", remove(SEGMENT), 1,
     [r"DAMAGED: g/1/s-00000000: it is not there", r"messages 1 to 3500 of stream ORDERS of account A"], False),
    ("a segment cut short", "clean", truncate(SEGMENT, 8192), 1, [r"DAMAGED: g/1/s-00000000"], False),
    ("segments of two groups exchanged", "clean", both(copy_of("g/2/s-00000000", SEGMENT)), 1,
     [r"DAMAGED: g/1/s-00000000"], False),
    ("a run", "clean", flip(RUN, 4096 + 50), 1,
     [r"DAMAGED: g/1/x-00000001, bytes 4096 to 8191: a block of entries.*No message is lost"], False),
    ("a run's footer", "clean", lambda s: overwrite(s, RUN, os.path.getsize(path(s, RUN)) - 4096), 1,
     [r"DAMAGED: g/1/x-00000001.*the footer"], False),
    ("a file of nobody", "clean", copy_of(SEGMENT, "g/1/s-00000099"), 0, [r"stray: g/1/s-00000099"], True),
]


def first_chunk(store):
    """Offsets of the first chunk's index and end, by its header."""
    stored, index = struct.unpack("<II", read(store, SEGMENT)[72:80])
    return 96 + stored, (96 + stored + index + 32 + 4095) // 4096 * 4096


def expect(name, condition, text):
    if not condition:
        failures.append(name)
        print(f"FAILED: {name}\n{text}")


def files_of(store):
    return sum(len(names) for _, _, names in os.walk(store))


def case(base, name, kind, change, code, says, mends):
    store = os.path.join(base, "store")
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(os.path.join(base, kind), store)
    change(store)
    got, text = run("check", store)
    expect(name, got == code, f"check ended with {got}, not {code}:\n{text}")
    for line in says:
        expect(name, re.search(line, text), f"check does not say {line}:\n{text}")
    files = files_of(store)
    got, text = run("repair", store)
    expect(name, files_of(store) >= files, f"repair deleted something:\n{text}")
    again, after = run("check", store)
    if mends:
        expect(name, got == 0 and again == 0 and "stray" not in after,
               f"repair did not make it whole:\n{text}{after}")
    elif code == 1:
        expect(name, again == 1, f"repair made a loss unseen:\n{text}{after}")


def copies_of_a_state(base):
    """Files x-N and y-N of one number: sections that are too large for the ledger."""
    names = os.listdir(os.path.join(base, "clean", "g", "1"))
    number = [name[2:] for name in names if name.startswith("y-")][-1]
    x, y = f"g/1/x-{number}", f"g/1/y-{number}"
    case(base, "one copy of a state", "clean", flip(x, 40), 1, [rf"mendable: {x}: its checksum is wrong"], True)
    case(base, "one copy of a state missing", "clean", remove(y), 1, [rf"mendable: {y}: it is not there"], True)
    case(base, "both copies of a state", "clean", both(flip(x, 40), flip(y, 60)), 1,
         [r"DAMAGED: ledger: the checkpoint of stream ORDERS of account A .*can not be read"], False)


def parts_of_a_chunk(base):
    index, end = first_chunk(os.path.join(base, "clean"))
    where = rf"mendable: g/1/s-00000000, bytes 0 to {end - 1}: a chunk's "
    case(base, "a chunk's index", "clean", flip(SEGMENT, index + 40), 1, [where + "index"], True)
    case(base, "a chunk's footer", "clean", flip(SEGMENT, end - 20, 8), 1, [where + "footer"], True)
    case(base, "index, header and footer", "clean",
         both(flip(SEGMENT, index + 40), flip(SEGMENT, 8), flip(SEGMENT, end - 20, 8)), 1,
         [r"g/1/s-00000000, bytes 0 to"], False)


def refuses(base):
    store = os.path.join(base, "clean")
    with open(path(store, "lock"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, text = run("check", store)
    expect("a running store", code == 2 and "a running server has" in text, text)
    code, text = run("check", os.path.join(base, "nowhere"))
    expect("no folder", code == 2 and "no directory" in text, text)
    os.mkdir(os.path.join(base, "empty"))
    code, text = run("check", os.path.join(base, "empty"))
    expect("no store", code == 2 and "is no store" in text, text)
    code, text = run("destroy", store)
    expect("an unknown word", code == 2 and text.startswith("usage"), text)


def dumps(base):
    store = os.path.join(base, "clean")
    code, text = run("dump", store)
    expect("dump", code == 0 and "stream EVENTS of account A" in text, text)
    code, text = run("dump", "--json", store)
    groups = json.loads(text)["groups"]
    expect("dump --json", [g["checkpoint"]["messages"] for g in groups] == [3465] * 3, text)
    code, text = run("dump", "--messages", "A/EVENTS", store)
    expect("dump --messages", code == 0 and text.count("\n") == 3465 and "seq 11 " not in text, text[:500])
    code, text = run("dump", "--json", "--messages", "B/ORDERS", os.path.join(base, "crash"))
    lines = [json.loads(line) for line in text.splitlines()]
    expect("dump --messages of a tail", sum("entry" in line for line in lines) == 500, text[:500])


def main():
    with tempfile.TemporaryDirectory() as base:
        subprocess.run([MAKE, os.path.join(base, "clean")], check=True, timeout=60)
        subprocess.run([MAKE, os.path.join(base, "crash"), "crash"], check=True, timeout=60)
        for one in CASES:
            case(base, *one)
        copies_of_a_state(base)
        parts_of_a_chunk(base)
        refuses(base)
        dumps(base)
    print(f"{len(CASES) + 14} cases, {len(set(failures))} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
