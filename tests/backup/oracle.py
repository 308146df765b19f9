#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""oracle.py NATS_SERVER NATS PROBE STORE -- backups between nats-server and store/backup.

NATS_SERVER is the Go server, NATS the command line tool, PROBE the program backup_probe, STORE the program
backup_store. For each case:

    1  the server makes a stream, and `nats stream backup` saves it
    2  our reader reads that; what it tells must be what the server has
    3  our writer writes what was read, our reader reads it back: the same again
    4  the stream is removed, `nats stream restore` restores our archive, the server is restarted:
       messages, sequences, deletions and consumers must be as they were
    5  the server's archive is restored into a store, which is started again and backed up: what our
       reader tells of that, and what the server has when it has restored it, is the same once more

Then the same of streams that a server does not easily make: sparse ones, written by our writer alone;
and of an archive without index.db, made from the files of a stopped server.

Exit status 77 when a program is missing.
"""
import base64
import contextlib
import datetime
import io
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile

WAIT_S = 30


class Client:
    """As much of a client as the JetStream API needs."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.send(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB in.* 1\r\n')
        self.count = 0

    def send(self, data):
        self.socket.sendall(data)

    def close(self):
        self.file.close()
        self.socket.close()

    def receive(self):
        while True:
            line = self.file.readline().split()
            if not line:
                raise EOFError("the server closed the connection")
            if line[0] == b"PING":
                self.send(b"PONG\r\n")
            if line[0] in (b"MSG", b"HMSG"):
                body = self.file.read(int(line[-1]) + 2)[:-2]
                return line[1].decode(), body[int(line[-2]):] if line[0] == b"HMSG" else body

    def publish(self, subject, payload, headers=b"", reply=""):
        if headers:
            self.send(b"HPUB %s %s %d %d\r\n%s%s\r\n" % (subject.encode(), reply.encode(), len(headers),
                                                      len(headers) + len(payload), headers, payload))
        else:
            self.send(b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), reply.encode(), len(payload),
                                                  payload))

    def request(self, subject, payload=b"", headers=b""):
        self.count += 1
        inbox = f"in.{self.count}"
        self.publish(subject, payload, headers, inbox)
        while True:
            to, body = self.receive()
            if to == inbox:
                return body

    def api(self, call, /, **arguments):
        answer = json.loads(self.request(f"$JS.API.{call}", json.dumps(arguments).encode()))
        if "error" in answer:
            raise RuntimeError(f"{call}: {answer['error']}")
        return answer

    def store(self, subject, payload, headers=b""):
        answer = json.loads(self.request(subject, payload, headers))
        if "error" in answer:
            raise RuntimeError(f"{subject}: {answer['error']}")
        return answer["seq"]


class Server:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.process, self.client = binary, folder, None, None

    def start(self):
        command = [self.binary, "-a", "127.0.0.1", "-p", "-1", "-js", "-sd", f"{self.folder}/store",
                   "--ports_file_dir", self.folder, "-l", f"{self.folder}/log"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        name = os.path.join(self.folder, f"{os.path.basename(self.binary)}_{self.process.pid}.ports")
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("the server does not start")
            with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
                with open(name, encoding="utf-8") as file:
                    self.url = json.load(file)["nats"][0]
                self.client = Client(int(self.url.rsplit(":", 1)[1]))
                return

    def stop(self):
        if self.client:
            self.client.close()
            self.client = None
        if self.process:
            self.process.terminate()
            self.process.wait(WAIT_S)
            self.process = None


# --- cases: each makes a stream ---------------------------------------------------

CASES = []


def case(function):
    CASES.append(function)
    return function


def headers(number):
    return f"NATS/1.0\r\nNumber: {number}\r\nNats-Msg-Id: id-{number}\r\n\r\n".encode()


def add(client, name, **config):
    client.api(f"STREAM.CREATE.{name}", name=name, **{"subjects": [f"{name}.>"], "storage": "file",
                                                      **config})


def consume(client, stream, durable, batch, acked, **config):
    """A pull consumer that got `batch` messages and acknowledged the given ones of them."""
    client.api(f"CONSUMER.CREATE.{stream}.{durable}", stream_name=stream,
               config={"durable_name": durable, "ack_policy": "explicit", "ack_wait": 3600 * 10**9,
                       **config})
    acks = []
    client.send(b"SUB got 2\r\n")
    client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
                   json.dumps({"batch": batch, "no_wait": True}).encode(), reply="got")
    while len(acks) < batch:
        line = client.file.readline().split()
        if line[0] == b"PING":
            client.send(b"PONG\r\n")
        elif line[0] in (b"MSG", b"HMSG"):
            client.file.read(int(line[-1]) + 2)
            acks.append(line[3].decode())
    client.send(b"UNSUB 2\r\n")
    for i in acked:
        client.request(acks[i], b"+ACK")


@case
def deletes_headers_and_consumers(client, name):
    add(client, name)
    for i in range(60):
        client.store(f"{name}.{i % 7}", f"payload {i}".encode() * (i % 5), headers(i) if i % 3 else b"")
    consume(client, name, "half", 20, [0, 1, 2, 3, 7, 9])
    consume(client, name, "all", 30, range(30))
    consume(client, name, "none", 1, [])
    for seq, no_erase in (1, True), (2, False), (17, True), (18, False), (33, True), (60, True), (59, False):
        client.api(f"STREAM.MSG.DELETE.{name}", seq=seq, no_erase=no_erase)


@case
def limits_without_tombstones(client, name):
    add(client, name, max_msgs_per_subject=1, allow_rollup_hdrs=True)
    for i in range(300):
        client.store(f"{name}.{i * i % 37}", f"value {i}".encode())


@case
def old_messages_discarded(client, name):
    add(client, name, max_msgs=25)
    for i in range(100):
        client.store(f"{name}.x", b"%d" % i)


@case
def work_queue(client, name):
    add(client, name, retention="workqueue")
    for i in range(40):
        client.store(f"{name}.{i % 3}", b"job %d" % i)
    consume(client, name, "worker", 20, [0, 1, 5, 6, 7, 19])


@case
def several_blocks(client, name):
    add(client, name)
    prng = random.Random(7)
    for i in range(40):
        payload = prng.randbytes(900_000) if i % 2 else bytes([i]) * 900_000
        client.store(f"{name}.big", payload, headers(i) if i % 4 == 0 else b"")
    for seq in (3, 9, 10, 11, 22, 40):
        client.api(f"STREAM.MSG.DELETE.{name}", seq=seq, no_erase=seq % 2 == 0)


@case
def purged_to_nothing(client, name):
    add(client, name)
    for i in range(10):
        client.store(f"{name}.x", b"%d" % i)
    client.api(f"STREAM.PURGE.{name}")


@case
def purged_in_part(client, name):
    add(client, name)
    for i in range(50):
        client.store(f"{name}.{i % 4}", b"%d" % i)
    client.api(f"STREAM.PURGE.{name}", filter=f"{name}.2")
    client.api(f"STREAM.PURGE.{name}", seq=12)


@case
def first_sequence_configured(client, name):
    add(client, name, first_seq=1_000_000_007)
    for i in range(5):
        client.store(f"{name}.x", b"%d" % i)


@case
def never_a_message(client, name):
    add(client, name)


@case
def compressed_in_the_store(client, name):
    add(client, name, compression="s2")
    for i in range(3000):
        client.store(f"{name}.{i % 11}", b"the same text again and again " * 20 + b"%d" % i)


@case
def long_names_and_binary_payloads(client, name):
    add(client, name)
    for i in range(20):
        client.store(f"{name}.{'long' * 30}.{i}", random.Random(i).randbytes(i * 100))
    consume(client, name, "c" * 200, 5, [0, 1])


# --- what a stream is -------------------------------------------------------------------------------

def to_ns(text):
    stamp, fraction = re.fullmatch(r"([^.Z]+)(?:\.(\d+))?Z", text).groups()
    seconds = datetime.datetime.fromisoformat(stamp + "+00:00").timestamp()
    return int(seconds) * 10**9 + int((fraction or "0").ljust(9, "0"))


def described(client, name):
    """All that must survive, as the server tells it."""
    info = client.api(f"STREAM.INFO.{name}", deleted_details=True)
    state = info["state"]
    messages = {}
    dead = set(state.get("deleted") or [])
    for seq in range(state["first_seq"], state["last_seq"] + 1):
        if seq in dead or state["messages"] == 0:
            continue
        m = client.api(f"STREAM.MSG.GET.{name}", seq=seq)["message"]
        messages[seq] = (to_ns(m["time"]), m["subject"], base64.b64decode(m.get("hdrs") or ""),
                         base64.b64decode(m.get("data") or ""))
    consumers = {}
    for c in client.api(f"CONSUMER.LIST.{name}")["consumers"]:
        floors = {key: {k: c[key][k] for k in ("consumer_seq", "stream_seq")}
                  for key in ("delivered", "ack_floor")}
        consumers[c["name"]] = {**floors, "pending": c["num_pending"], "unacked": c["num_ack_pending"],
                                "redelivered": c["num_redelivered"], "created": c["created"],
                                "config": c["config"]}
    return {"messages": messages, "consumers": consumers, "config": info["config"],
            "created": info["created"],
            "state": {key: state[key] for key in ("messages", "bytes", "first_seq", "last_seq")},
            "deleted": sorted(dead), "last_time": to_ns(state["last_ts"])}


def unhex(text):
    return b"" if text == "-" else bytes.fromhex(text)


def told(lines):
    """What backup_probe printed, with deletions applied."""
    out = {"messages": {}, "consumers": {}, "lines": lines}
    for words in (line.split(" ") for line in lines):
        if words[0] == "meta":
            out["meta"] = json.loads(unhex(words[1]))
        elif words[0] == "message":
            out["messages"][int(words[1])] = (int(words[2]), words[3], unhex(words[4]), unhex(words[5]))
        elif words[0] == "deleted":
            first, last = int(words[1]), int(words[2])
            for seq in [seq for seq in out["messages"] if first <= seq <= last]:
                del out["messages"][seq]
        elif words[0] == "consumer":
            out["consumers"][words[1]] = (json.loads(unhex(words[2])), unhex(words[3]))
        elif words[0] == "last":
            out["last"], out["index"] = (int(words[1]), int(words[2])), words[4]
    return out


def equal(what, found, wanted):
    if found != wanted:
        if isinstance(found, dict) and isinstance(wanted, dict):
            keys = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
            found = {key: found.get(key) for key in keys}
            wanted = {key: wanted.get(key) for key in keys}
        raise AssertionError(f"{what}: found {str(found)[:300]}, wanted {str(wanted)[:300]}")


def compare_read(read, server):
    equal("messages", read["messages"], server["messages"])
    equal("last sequence", read["last"][0], server["state"]["last_seq"])
    equal("consumers", sorted(read["consumers"]), sorted(server["consumers"]))
    equal("stream name", read["meta"]["name"], server["config"]["name"])


class Run:
    def __init__(self, server, nats, probe, store, folder):
        self.server, self.nats, self.folder = server, nats, folder
        self.probe, self.store = probe, store

    def cli(self, *words):
        keep = {key: value for key, value in os.environ.items() if not key.startswith("NATS_")}
        done = subprocess.run([self.nats, "-s", self.server.url, *words],
                              env={**keep, "HOME": self.folder, "XDG_CONFIG_HOME": self.folder},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=WAIT_S)
        if done.returncode != 0:
            raise AssertionError(f"nats {words[:2]}: {done.stdout}{done.stderr}")

    def read(self, name, path):
        done = subprocess.run([self.probe, "read", name, path], capture_output=True, text=True,
                              check=False, timeout=WAIT_S)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return told(done.stdout.splitlines())

    def write(self, name, path, read):
        """Writes what is alive, in the order in which it was told."""
        alive = [line for line in read["lines"]
                 if not line.startswith("message ") or int(line.split(" ", 2)[1]) in read["messages"]]
        order = [line for kind in ("meta", "message", "last", "consumer")
                 for line in alive if line.startswith(kind + " ")]
        subprocess.run([self.probe, "write", name, path], input="\n".join(order) + "\n", text=True,
                       check=True, timeout=WAIT_S)

    def one(self, function):
        name = function.__name__
        client = self.server.client
        function(client, name)
        before = described(client, name)
        saved = os.path.join(self.folder, name)
        archive = os.path.join(saved, "stream.tar.s2")
        self.cli("stream", "backup", name, saved, "--no-progress", "--consumers")
        theirs = os.path.getsize(archive)
        shutil.copy(archive, archive + ".theirs")
        read = self.read(name, archive)
        compare_read(read, before)
        self.write(name, archive, read)
        again = self.read(name, archive)
        compare_read(again, before)
        equal("consumers read again", again["consumers"], read["consumers"])
        client.api(f"STREAM.DELETE.{name}")
        self.cli("stream", "restore", saved, "--no-progress")
        equal("restored", described(client, name), before)
        self.server.stop()
        self.server.start()
        equal("restarted", described(self.server.client, name), before)
        self.through_store(name, saved, archive, before)
        return f"index.db {read['index']}, {theirs} bytes theirs, {os.path.getsize(archive)} ours"

    def through_store(self, name, saved, archive, before):
        done = subprocess.run([self.store, name, archive + ".theirs", archive], capture_output=True,
                              text=True, check=False, timeout=WAIT_S)
        if done.returncode != 0:
            raise AssertionError(f"through a store: {done.stderr}")
        compare_read(self.read(name, archive), before)
        self.server.client.api(f"STREAM.DELETE.{name}")
        self.cli("stream", "restore", saved, "--no-progress")
        equal("through a store", described(self.server.client, name), before)


# --- streams that no server made ------------------------------------------------------------------------

SPARSE = {
    "one_gap": ([1, 2, 300_000, 300_001], 300_001),
    "gap_of_a_block": ([1, 262_146, 262_147, 600_000], 600_000),
    "gaps_and_no_last": ([5, 50, 500, 5_000, 50_000, 500_000], 500_123),
    "last_alone": ([], 1_000),
    "large_numbers": ([2**40, 2**40 + 3], 2**40 + 9),
}


def sparse(run, kind, seqs, last):
    """Restores a stream that our writer made up; what the server has then is what was written."""
    name = f"sparse_{kind}"
    add(run.server.client, name)
    run.server.client.store(f"{name}.x", b"")
    saved = os.path.join(run.folder, name)
    archive = os.path.join(saved, "stream.tar.s2")
    run.cli("stream", "backup", name, saved, "--no-progress")
    read = run.read(name, archive)
    time_ns = read["messages"][1][0]
    lines = [line for line in read["lines"] if line.startswith("meta ")]
    lines += [f"message {seq} {time_ns + seq} {name}.x - {seq:016x}" for seq in seqs]
    lines.append(f"last {last} {time_ns + last} 0 absent")
    subprocess.run([run.probe, "write", name, archive], input="\n".join(lines) + "\n", text=True,
                   check=True, timeout=WAIT_S)
    run.server.client.api(f"STREAM.DELETE.{name}")
    run.cli("stream", "restore", saved, "--no-progress")
    for _ in range(2):
        info = run.server.client.api(f"STREAM.INFO.{name}")["state"]
        first = seqs[0] if seqs else last + 1
        equal("state", {key: info[key] for key in ("messages", "first_seq", "last_seq")},
              {"messages": len(seqs), "first_seq": first, "last_seq": last})
        equal("time of the last", to_ns(info["last_ts"]), time_ns + last)
        equal("deleted", info.get("num_deleted", 0), last - first + 1 - len(seqs))
        for seq in seqs:
            m = run.server.client.api(f"STREAM.MSG.GET.{name}", seq=seq)["message"]
            equal("payload", base64.b64decode(m["data"]).hex(), f"{seq:016x}")
            equal("time", to_ns(m["time"]), time_ns + seq)
        run.server.stop()
        run.server.start()
    return f"{len(seqs)} messages up to {last}, {os.path.getsize(archive)} bytes"


def frame(data):
    """Snappy's framing without compression."""
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    out = [b"\xff\x06\0\0sNaPpY"]
    for start in range(0, len(data), 65536):
        part = data[start:start + 65536]
        crc = 0xFFFFFFFF
        for byte in part:
            crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
        crc ^= 0xFFFFFFFF
        masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
        out.append(b"\1" + (len(part) + 4).to_bytes(3, "little") + masked.to_bytes(4, "little") + part)
    return b"".join(out)


def without_index(run, function):
    """An archive of a stopped server's files, without index.db: read by both sides."""
    client, name = run.server.client, function.__name__ + "_without_index"
    function(client, name)
    before = described(client, name)
    saved = os.path.join(run.folder, name)
    archive = os.path.join(saved, "stream.tar.s2")
    run.cli("stream", "backup", name, saved, "--no-progress", "--consumers")
    run.server.stop()
    root = os.path.join(run.folder, "store", "jetstream", "$G", "streams", name)
    files = [os.path.relpath(os.path.join(folder, file), root)
             for folder, _, names in os.walk(root) for file in names]
    order = {"meta.inf": 0, "meta.sum": 1, "msgs": 2, "obs": 3}
    number = re.compile(r"\d+")
    files.sort(key=lambda f: (order[f.split("/")[0]], [int(n) for n in number.findall(f)], f))
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in files:
            if not file.endswith("index.db"):
                tar.add(os.path.join(root, file), file)
    with open(archive, "wb") as out:
        out.write(frame(memory.getvalue()))
    read = run.read(name, archive)
    equal("index.db", read["index"], "absent")
    compare_read(read, before)
    run.server.start()
    run.server.client.api(f"STREAM.DELETE.{name}")
    run.cli("stream", "restore", saved, "--no-progress")
    equal("restored", described(run.server.client, name), before)
    return f"{len(files) - 1} files"


def every_case(run):
    for function in CASES:
        yield function.__name__, lambda f=function: run.one(f)
    for kind, (seqs, last) in SPARSE.items():
        yield f"sparse {kind}", lambda k=kind, s=seqs, l=last: sparse(run, k, s, l)
    for function in (deletes_headers_and_consumers, work_queue, purged_to_nothing, purged_in_part,
                     first_sequence_configured):
        yield f"{function.__name__} without index.db", lambda f=function: without_index(run, f)


def main(nats_server, nats, probe, store):
    for program in (nats_server, nats, probe, store):
        if not os.access(program, os.X_OK):
            print(f"{program} is missing")
            return 77
    folder = tempfile.mkdtemp(prefix="backup-oracle-")
    server = Server(os.path.abspath(nats_server), folder)
    failed = 0
    try:
        server.start()
        run = Run(server, os.path.abspath(nats), os.path.abspath(probe), os.path.abspath(store),
                  folder)
        for name, execute in every_case(run):
            try:
                print(f"ok    {name}: {execute()}", flush=True)
            except (AssertionError, RuntimeError) as error:
                failed += 1
                print(f"FAIL  {name}: {error}", flush=True)
        return 1 if failed else 0
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
