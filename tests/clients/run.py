#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py -- runs real client libraries, and the nats command line, against a server.

Every client is a programme of its own in a folder beside this file. It gets fresh servers, whose
URLs are its arguments, and prints what it found, a line each:

    ok NAME            the check passed
    fail NAME: WHY     it did not
    skip NAME: WHY     it could not be made
    do restart         end and start the open server; answered with a line on its input
    do lame-duck       tell the lame server to retire; answered likewise
    do whois NAME      ask the open server's monitoring for the connection of that name; answered
                       with its language and version
    end                all checks were made; without this line the programme has failed

The checks must hold for nats-server too: --oracle PATH runs them there as well. With --install the
libraries are fetched into the tools folder first, by name and version; without it nothing is
fetched, and what is not there is skipped.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NODE_CLIENT = "@nats-io/transport-node@3.3.1"
NODE_MAJOR_MIN = 18
PYTHON_CLIENT = "nats-py==2.16.0"
NATS_COMMAND = "github.com/nats-io/natscli/nats@v0.5.1"
START_LIMIT_S = 10
STOP_LIMIT_S = 5
PROGRAMME_LIMIT_S = 90
INSTALL_LIMIT_S = 900
EXIT_NOTHING_RUN = 77

# The servers of a programme, in the order of its arguments, with their configuration.
SERVERS = {
    "open": "",
    "token": 'authorization { token: "s3cr3t" }',
    "users": """authorization { users: [
        { user: "alice", password: "wonder" }
        { user: "bob", password: "builder" }
    ] }""",
    "lame": 'lame_duck_duration: "30s"',
}


class Missing(Exception):
    """Why a client cannot be run on this machine."""


class Broken(Exception):
    """Why a client that should run does not."""


class Server:
    """A running server with its port; ends the process it started, and no other."""

    def __init__(self, binary, folder, key, config):
        self.binary, self.folder, self.key = binary, folder, key
        self.port, self.process, self.retired = -1, None, False
        self.monitoring = None
        self.config = os.path.join(folder, f"{key}.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config + "\n")
        self.start()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        with open(os.path.join(self.folder, f"{self.key}.log"), "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "-c", self.config, "-a", "127.0.0.1", "-p", str(self.port),
                 "-m", "-1", "-n", f"clients-{self.key}", "--ports_file_dir", self.folder],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.port, self.monitoring = self.wait_ports()

    def wait_ports(self):
        """The ports file is the one event the server shows to those who start it."""
        name = f"{os.path.basename(self.binary)}_{self.process.pid}.ports"
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                with open(os.path.join(self.folder, f"{self.key}.log"), encoding="utf-8") as log:
                    raise RuntimeError(f"{self.key} server ended, status "
                                       f"{self.process.returncode}: {log.read()[-300:].strip()}")
            try:
                with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                    ports = json.load(file)
                return int(ports["nats"][0].rsplit(":", 1)[1]), ports["monitoring"][0]
            except (OSError, ValueError):
                time.sleep(0.002)
        raise RuntimeError(f"{self.key} server did not write its ports file")

    def stop(self):
        """One that retires may take its time over SIGTERM, so it is not asked."""
        self.process.send_signal(signal.SIGKILL if self.retired else signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.stop()
        self.start()

    def whois(self, name):
        with urllib.request.urlopen(f"{self.monitoring}/connz", timeout=START_LIMIT_S) as answer:
            for connection in json.load(answer)["connections"]:
                if connection.get("name") == name:
                    return f"{connection.get('lang')} {connection.get('version')}"
        return "nobody"

    def retire(self):
        self.process.send_signal(signal.SIGUSR2)
        self.retired = True


class Fleet:
    """The servers of one programme, by key."""

    def __init__(self, binary, folder, extra):
        self.servers = {}
        try:
            for key, config in SERVERS.items():
                self.servers[key] = Server(binary, folder, key, f"{config}\n{extra}")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for server in self.servers.values():
            server.stop()

    def obey(self, order):
        """Does it, and returns the answer."""
        if order == "restart":
            self.servers["open"].restart()
        elif order == "lame-duck":
            self.servers["lame"].retire()
        elif order.startswith("whois "):
            return self.servers["open"].whois(order.removeprefix("whois "))
        else:
            raise RuntimeError(f"no such order: {order}")
        return "done"


class Target:
    """What is tested: a binary, and configuration that all of its servers get besides their own."""

    def __init__(self, name, binary, extra):
        self.name, self.binary, self.extra = name, os.path.abspath(binary), extra


class Tally:
    """Counts results and prints them; one that is not a pass is kept for the end."""

    def __init__(self, verbose):
        self.counts = {"ok": 0, "fail": 0, "skip": 0}
        self.verbose, self.failures = verbose, []

    def add(self, kind, client, text):
        self.counts[kind] += 1
        line = f"{kind:4} {client}: {text}"
        if kind == "fail":
            self.failures.append(line)
        print(line, flush=True)

    def summary(self):
        return (f"{self.counts['ok']} passed, {self.counts['fail']} failed, "
                f"{self.counts['skip']} skipped")


def converse(process, fleet, client, tally):
    """Takes the programme's lines until it ends; true when it said so itself."""
    ended = False
    for line in process.stdout:
        kind, _, text = line.rstrip("\n").partition(" ")
        if kind in tally.counts:
            tally.add(kind, client, text)
        elif kind == "do":
            process.stdin.write(fleet.obey(text) + "\n")
            process.stdin.flush()
        elif kind == "end":
            ended = True
        elif tally.verbose:
            print(f"     {client}: {line.rstrip()}")
    return ended


def run_programme(command, env, client, target, tally):
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        try:
            fleet = Fleet(target.binary, folder, target.extra)
        except (OSError, RuntimeError) as error:
            tally.add("fail", client, f"all: {error}")
            return
        errors = os.path.join(folder, "stderr")
        try:
            with open(errors, "wb") as stderr:
                process = subprocess.Popen(
                    command + [server.url for server in fleet.servers.values()], cwd=folder,
                    env=dict(os.environ, **env), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=stderr, text=True)
            limit = threading.Timer(PROGRAMME_LIMIT_S, process.kill)
            limit.start()
            try:
                ended = converse(process, fleet, client, tally)
                status = process.wait()
            except (OSError, RuntimeError) as error:
                ended, status = False, error
                process.kill()
                process.wait()
            limit.cancel()
        finally:
            fleet.stop()
        if not ended or status != 0:
            with open(errors, encoding="utf-8", errors="replace") as file:
                tail = file.read()[-1000:]
            tally.add("fail", client, f"the programme ended early, status {status}: {tail}")


def newer(target, *sources):
    """Whether the target was made after its sources were last changed."""
    return os.path.exists(target) and all(
        os.path.getmtime(target) >= os.path.getmtime(source) for source in sources)


class Bench:
    """Where tools are kept, and how they get there."""

    def __init__(self, tools, install):
        self.tools, self.install = os.path.abspath(tools), install
        os.makedirs(self.tools, exist_ok=True)

    def path(self, *names):
        return os.path.join(self.tools, *names)

    def call(self, command, why, env=None, cwd=None, problem=Missing):
        done = subprocess.run(command, env=dict(os.environ, **(env or {})), cwd=cwd, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=INSTALL_LIMIT_S)
        if done.returncode != 0:
            last = done.stdout.strip().splitlines()[-1:] or ["no message"]
            raise problem(f"{why}: {last[0][:200]}")
        return done.stdout

    def want(self, tool):
        found = shutil.which(tool)
        if not found:
            raise Missing(f"no {tool} here")
        return found

    def once(self, name, version, command, present, **how):
        """Installs what is not there in this version, when installing is allowed."""
        mark = self.path(name + ".version")
        if os.path.exists(mark) and os.path.exists(present):
            with open(mark, encoding="utf-8") as file:
                if file.read() == version:
                    return
        if not self.install:
            raise Missing(f"{version} is not installed")
        self.call(command, f"cannot install {version}", **how)
        with open(mark, "w", encoding="utf-8") as file:
            file.write(version)


def prepare_c(bench):
    source, program = os.path.join(HERE, "c", "client.c"), bench.path("client_c")
    if not newer(program, source):
        if not os.path.exists("/usr/include/nats/nats.h"):
            raise Missing("no libnats-dev here")
        bench.call([bench.want("cc"), "-std=c17", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra",
                    "-Werror", source, "-o", program, "-lnats", "-lpthread"],
                   "client.c does not compile", problem=Broken)
    return [program], {}


def prepare_node(bench):
    node = bench.want("node")
    version = bench.call([node, "--version"], "node does not run").strip().lstrip("v")
    if int(version.split(".")[0]) < NODE_MAJOR_MIN:
        raise Missing(f"node {version} is older than the client wants")
    folder = bench.path("node")
    if bench.install:
        bench.want("npm")
    bench.once("node", NODE_CLIENT,
               ["npm", "install", "--prefix", folder, "--no-package-lock", "--no-audit",
                "--no-fund", "--silent", NODE_CLIENT],
               os.path.join(folder, "node_modules", "@nats-io", "transport-node"), cwd=bench.tools)
    return [node, os.path.join(HERE, "node", "client.js")], {
        "NATS_MODULES": os.path.join(folder, "node_modules")}


def prepare_python(bench):
    folder = bench.path("python")
    python = os.path.join(folder, "bin", "python3")
    if bench.install and not os.path.exists(python):
        bench.call([sys.executable, "-m", "venv", folder], "cannot make a virtual environment")
    bench.once("python", PYTHON_CLIENT, [python, "-m", "pip", "install", "--quiet", PYTHON_CLIENT],
               python)
    return [python, os.path.join(HERE, "python", "client.py")], {}


def prepare_go(bench):
    folder, program = os.path.join(HERE, "go"), bench.path("client_go")
    sources = [os.path.join(folder, name) for name in ("client.go", "go.mod", "go.sum")]
    if not newer(program, *sources):
        env = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
        if not bench.install:
            env["GOPROXY"] = "off"
        go = bench.want("go")
        bench.call([go, "mod", "download"], "no nats.go", env=env, cwd=folder)
        bench.call([go, "build", "-o", program, "."], "client.go does not build", env=env,
                   cwd=folder, problem=Broken)
    return [program], {}


def prepare_cli(bench):
    program = bench.path("nats")
    if bench.install:
        bench.want("go")
    bench.once("nats", NATS_COMMAND, ["go", "install", NATS_COMMAND], program,
               env={"GOBIN": bench.tools, "GOFLAGS": "", "GOTOOLCHAIN": "local"})
    return [sys.executable, os.path.join(HERE, "cli", "client.py")], {"NATS_COMMAND": program}


CLIENTS = {"c": prepare_c, "node": prepare_node, "python": prepare_python, "go": prepare_go,
           "cli": prepare_cli}


def run_clients(options, target, tally):
    bench, name = Bench(options.tools, options.install), target.name
    for client in options.only.split(",") if options.only else CLIENTS:
        try:
            command, env = CLIENTS[client](bench)
        except Missing as missing:
            tally.add("skip", name + client, f"all: {missing}")
            continue
        except Broken as broken:
            tally.add("fail", name + client, f"all: {broken}")
            continue
        except subprocess.TimeoutExpired:
            tally.add("skip", name + client, "all: installing took too long")
            continue
        began = time.monotonic()
        run_programme(command, env, name + client, target, tally)
        if tally.verbose:
            print(f"     {name}{client}: {time.monotonic() - began:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default=os.path.join(ROOT, "build", "release", "myelin"))
    parser.add_argument("--oracle", help="a nats-server that must pass as well")
    parser.add_argument("--tools", default=os.path.join(ROOT, "build", "tools"))
    parser.add_argument("--install", action="store_true", help="fetch what is missing")
    parser.add_argument("--extra", default="", metavar="TEXT",
                        help="further configuration, as: myelin { workers: 4 }")
    parser.add_argument("--only", help="clients, with commas: " + ",".join(CLIENTS))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    tally = Tally(options.verbose)
    if options.oracle:
        run_clients(options, Target("oracle ", options.oracle, ""), tally)
    run_clients(options, Target("", options.server, options.extra), tally)
    print("\n".join([""] + tally.failures + [tally.summary()]).strip())
    if tally.counts["fail"]:
        return 1
    return 0 if tally.counts["ok"] else EXIT_NOTHING_RUN


if __name__ == "__main__":
    sys.exit(main())
