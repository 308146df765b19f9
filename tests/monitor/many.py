#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""many.py SERVER -- the monitoring pages of a server with many connections and subscriptions.

Starts the server with two workers on free ports, connects 2,000 clients with ten subscriptions each, and
looks at every page: complete, in order, without doubles; while clients come and go; to readers that are
slow, that speak HTTP/1.0, that ask ahead, and that leave in the middle.
"""
import glob
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading

CONNS, SUBS = int(os.environ.get("MANY_CONNS", "2000")), 10
CONFIG = """
host: 127.0.0.1
port: -1
http: "127.0.0.1:-1"
ports_file_dir: "%s"
max_closed_clients: 1000000
myelin { workers: 2 }
"""


class Server:
    def __init__(self, binary, folder):
        with open(f"{folder}/server.conf", "w", encoding="utf-8") as f:
            f.write(CONFIG % folder)
        self.process = subprocess.Popen([binary, "-c", f"{folder}/server.conf"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if "Server is ready" in line:
                break
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        while not (ports := glob.glob(f"{folder}/*.ports")):
            assert self.process.poll() is None, "".join(self.log)
        while not (text := open(ports[0], encoding="utf-8").read()).strip().endswith("}"):
            pass
        said = json.loads(text)
        self.port = int(said["nats"][0].rsplit(":", 1)[1])
        self.http = int(said["monitoring"][0].rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """A server that was not stopped would outlive a test that fails, and whoever waits for it."""
        self.process.kill()
        self.process.wait()

    def client(self, name, subs=SUBS):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        lines = "".join(f"SUB s.{name}.{j} {j + 1}\r\n" for j in range(subs))
        s.sendall(f'CONNECT {{"verbose":false,"name":"{name}"}}\r\n{lines}PING\r\n'.encode())
        return s

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.http), timeout=60)

    def get(self, target):
        status, _, body = exchange(self.raw(), f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status == 200, (target, status, body)
        return json.loads(body)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=60) == 0, "".join(self.log)


def wait_until_closed(server):
    """Until all that were closed are counted as closed; says how many these are."""
    while True:
        opened = server.get("/varz")["total_connections"]
        count = server.get("/connz?state=closed&limit=1")["total"]
        if count + server.get("/connz?limit=1")["total"] == opened:
            return count


def wait_for_room(server):
    """Until the monitoring port has let go of all connections but the one that asks."""
    while True:
        try:
            actors = server.get("/actorz?limit=100000")["actors"]
        except ConnectionError:  # it is full
            continue
        if sum(a["class"] == "monitor_conn" for a in actors) == 1:
            return


def read_until(s, mark):
    data = b""
    while mark not in data:
        more = s.recv(65536)
        assert more, data
        data += more
    return data


def read_answer(f, head=False):
    first = f.readline()
    if not first:
        raise ConnectionResetError("closed instead of an answer")
    status = int(first.split()[1])
    headers = {}
    while line := f.readline().strip():
        name, value = line.decode().split(": ", 1)
        headers[name.lower()] = value
    if head:
        return status, headers, b""
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(f.readline(), 16):
            body += f.read(size)
            assert f.readline() == b"\r\n"
        f.readline()
        return status, headers, body
    return status, headers, f.read(int(headers["content-length"]))


def exchange(s, request, head=False):
    s.sendall(request.encode())
    with s, s.makefile("rb") as f:
        return read_answer(f, head)


def check_connz(server, count):
    page = server.get("/connz?limit=100000&subs=1")
    assert page["total"] == page["num_connections"] == count, page["total"]
    cids = [c["cid"] for c in page["connections"]]
    assert cids == sorted(set(cids)) and len(cids) == count
    assert all(len(c["subscriptions_list"]) == SUBS for c in page["connections"])
    first = server.get("/connz")
    assert [c["cid"] for c in first["connections"]] == cids[:1024]
    cut = server.get("/connz?offset=1000&limit=50&sort=start")
    assert [c["cid"] for c in cut["connections"]] == cids[1000:1050] and cut["total"] == count


def check_subsz(server, count):
    page = server.get("/subsz?subs=1&limit=1000000")
    rows = {(c["cid"], c["sid"]) for c in page["subscriptions_list"]}
    assert page["total"] == page["num_subscriptions"] == len(rows) == count * SUBS
    one = server.get("/subsz?subs=1&test=s.c7.3")
    assert [s["subject"] for s in one["subscriptions_list"]] == ["s.c7.3"] and one["total"] == 1
    cut = server.get("/subsz?subs=1&offset=300&limit=300")
    assert cut["subscriptions_list"] == page["subscriptions_list"][300:600]


def check_one_with_many(server):
    s = server.client("deep", 30000)
    read_until(s, b"PONG")
    for subs, key in (("1", "subscriptions_list"), ("detail", "subscriptions_list_detail")):
        page = server.get(f"/connz?sort=subs&limit=1&subs={subs}")
        assert len(page["connections"][0][key]) == 30000
    s.close()
    while server.get("/connz")["total"] != CONNS:
        pass


def check_http(server):
    one = "GET /connz?limit=100000&subs=1 HTTP/1.1\r\nHost: x\r\n\r\n"
    s = server.raw()  # asks ahead, and reads late
    s.sendall((one * 3 + "GET /varz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").encode())
    server.get("/varz")
    with s, s.makefile("rb") as f:
        bodies = [json.loads(read_answer(f)[2]) for _ in range(3)]
        assert len({len(b["connections"]) for b in bodies}) == 1
        assert json.loads(read_answer(f)[2])["connections"] == len(bodies[0]["connections"])
        assert f.read() == b""
    s = server.raw()  # byte by byte
    for byte in one:
        s.sendall(byte.encode())
    with s, s.makefile("rb") as f:
        assert read_answer(f)[0] == 200
    status, headers, body = exchange(server.raw(), "GET /connz HTTP/1.0\r\n\r\n")
    assert status == 200 and json.loads(body)["total"] == CONNS, headers
    status, headers, _ = exchange(server.raw(), "HEAD /connz HTTP/1.1\r\nHost: x\r\n\r\n", head=True)
    assert status == 200
    for _ in range(20):  # leave in the middle
        s = server.raw()
        s.sendall(one.encode())
        s.recv(random.randrange(1, 20000))
        s.close()
    idle = [server.raw() for _ in range(200)]  # more than the port takes in
    for s in idle:
        s.close()
    wait_for_room(server)


def check_tracez(server, clients):
    stop = threading.Event()

    def traffic():
        while not stop.is_set():
            for i in range(0, len(clients), 50):
                clients[i].sendall(b"PUB s.c%d.1 2\r\nhi\r\n" % ((i + 1) % len(clients)))
            server.get("/healthz")

    t = threading.Thread(target=traffic, daemon=True)
    t.start()
    page = server.get("/tracez?ms=200")
    stop.set()
    t.join()
    turns = [e for e in page["traceEvents"] if e["ph"] == "X"]
    assert {e["tid"] for e in turns} == {1, 2}
    assert any(e["name"].startswith("client.") for e in turns)


def check_churn(server):
    stop = threading.Event()

    def churn(number):
        while not stop.is_set():
            some = [server.client(f"churn{number}", 3) for _ in range(20)]
            for s in some:
                read_until(s, b"PONG")
                s.close()

    threads = [threading.Thread(target=churn, args=(i,), daemon=True) for i in range(2)]
    for t in threads:
        t.start()
    pages = ["/connz?limit=100000&subs=detail&auth=1", "/connz?state=all&limit=100000&sort=last",
             "/subsz?subs=1&limit=100000", "/connz?state=closed&sort=stop", "/actorz?sort=busy",
             "/varz", "/accstatz", "/subsz?subs=1&test=s.churn0.1"]
    for i in range(24):
        page = server.get(pages[i % len(pages)])
        cids = [c["cid"] for c in page.get("connections", [])] if "limit" in page else []
        assert len(cids) == len(set(cids))
    stop.set()
    for t in threads:
        t.join()


def close_half(server, clients):
    half = len(clients) // 2
    before = wait_until_closed(server)
    for s in clients[:half]:
        s.close()
    while server.get("/connz")["total"] != CONNS - half:
        pass
    page = server.get("/connz?state=closed&sort=stop&limit=100000&subs=1")
    assert before <= page["total"] <= before + half, (before, page["total"])
    assert wait_until_closed(server) == before + half


def check_all(server):
    clients = [server.client(f"c{i}") for i in range(CONNS)]
    for s in clients:
        read_until(s, b"PONG")
    check_connz(server, CONNS)
    check_subsz(server, CONNS)
    check_one_with_many(server)
    check_http(server)
    check_tracez(server, clients)
    check_churn(server)
    close_half(server, clients)
    stats = server.get("/varz")["http_req_stats"]
    assert stats["/connz"] > 10 and stats["/tracez"] == 1
    busy = server.raw()  # stops while a page is being made
    busy.sendall(b"GET /tracez?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n")
    server.get("/healthz")
    server.stop()


def main(binary):
    with tempfile.TemporaryDirectory() as folder, Server(binary, folder) as server:
        check_all(server)


if __name__ == "__main__":
    main(sys.argv[1])
