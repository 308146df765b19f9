# SPDX-License-Identifier: Apache-2.0
"""client.py -- what the nats command line sees of a server; run.py says how results are told.

A command that listens shows no sign when its interest has reached the server, so a probe asks the
server itself: it publishes with a reply subject until it is no longer told that nobody responds.
Exactly one probe is delivered then, and the listeners here are told to expect it.
"""
import json
import os
import re
import select
import socket
import subprocess
import sys
import time

WAIT_S = 10
PROBE = b"probe"
COMMAND = os.environ["NATS_COMMAND"]
OPEN, TOKEN, USERS, LAME = sys.argv[1:5]
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("NATS_")}
ENVIRONMENT.update(HOME=os.getcwd(), XDG_CONFIG_HOME=os.getcwd(), NO_COLOR="1")
CHECKS = []


def check(name):
    def keep(function):
        CHECKS.append((name, function))
        return function
    return keep


def say(line):
    print(line, flush=True)


def holds(condition, why):
    if not condition:
        raise AssertionError(" ".join(str(why).split())[:300])


def order(what):
    """Asks the runner to do something to a server, and waits until it is done."""
    say(f"do {what}")
    sys.stdin.readline()


def nats(*words, url=OPEN, status=0, given=None):
    """Runs a command to its end, and returns all that it printed."""
    done = subprocess.run([COMMAND, "-s", url, *words], env=ENVIRONMENT, input=given, text=True,
                          stdin=subprocess.DEVNULL if given is None else None, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WAIT_S)
    if status is not None:
        holds(done.returncode == status, f"status {done.returncode}: {done.stdout}")
    return done.stdout


class Listener:
    """A command that waits for messages on a subject; ends the process it started, and no other."""

    def __init__(self, subject, *words):
        self.process = subprocess.Popen(
            [COMMAND, "-s", OPEN, *words], env=ENVIRONMENT, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        ready, _, _ = select.select([self.process.stdout], [], [], WAIT_S)
        self.first = self.process.stdout.readline() if ready else ""
        wait_interest(subject)

    def finish(self):
        """All that it printed, when it ends by itself."""
        rest, _ = self.process.communicate(timeout=WAIT_S)
        holds(self.process.returncode == 0, f"status {self.process.returncode}: {rest}")
        return self.first + rest

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def wait_interest(subject):
    """Returns when a message to the subject has been delivered to somebody."""
    host, port = OPEN.removeprefix("nats://").split(":")
    publish = b"PUB %s probe.reply %d\r\n%s\r\nPING\r\n" % (subject.encode(), len(PROBE), PROBE)
    deadline = time.monotonic() + WAIT_S
    with socket.create_connection((host, int(port)), WAIT_S) as s:
        s.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n'
                  b"SUB probe.reply 1\r\n")
        while time.monotonic() < deadline:
            s.sendall(publish)
            got = b""
            while b"PONG\r\n" not in got:
                more = s.recv(65536)
                holds(more, "the server closed the probe")
                got += more
            if b"NATS/1.0 503" not in got:
                return
    raise AssertionError(f"no interest in {subject}")


@check("pub and sub --count: payloads, headers, templates")
def check_sub():
    with Listener("cli.news", "sub", "cli.*", "--count=5") as sub:
        nats("pub", "cli.news", "hello", "-H", "Colour:red")
        nats("pub", "cli.news", "number {{Count}}", "--count=3")
        out = sub.finish()
    for text in ("probe", "hello", "Colour: red", "number 1", "number 2", "number 3"):
        holds(text in out, f"no {text!r} in {out}")
    holds(out.count("Received on \"cli.news\"") == 5, out)


@check("sub --queue: as a member of a group")
def check_queue():
    with Listener("cli.work", "sub", "cli.work", "--queue=workers", "--count=3") as sub:
        nats("pub", "cli.work", "job {{Count}}", "--count=2")
        out = sub.finish()
    holds("job 1" in out and "job 2" in out, out)


@check("pub: a large payload from the input")
def check_large():
    payload = "".join(str(number % 10) for number in range(900000))
    with Listener("cli.large", "sub", "cli.large", "--count=2") as sub:
        nats("pub", "cli.large", "--force-stdin", given=payload)
        holds(payload in sub.finish(), "the payload is not whole")


@check("request and reply")
def check_reply():
    with Listener("cli.service", "reply", "cli.service", "re {{Request}}"):
        holds("re joe" in nats("request", "cli.service", "joe"), "no answer")
        holds(nats("request", "cli.service", "jim", "--raw").rstrip().endswith("re jim"), "not raw")


@check("request --replies: several answers to one request")
def check_replies():
    with Listener("cli.many", "reply", "cli.many", "first", "--queue=a"):
        with Listener("cli.many", "reply", "cli.many", "second", "--queue=b"):
            # The first may have answered all probes: the second has been heard when both answer.
            deadline, out = time.monotonic() + WAIT_S, ""
            while not ("first" in out and "second" in out) and time.monotonic() < deadline:
                out = nats("request", "cli.many", "", "--replies=2", "--reply-timeout=1s",
                           "--timeout=2s")
            holds("first" in out and "second" in out, out)


@check("request: nobody responds")
def check_no_responders():
    holds("No responders are available" in nats("request", "cli.nobody", ""), "no word of it")


@check("bench pub and sub")
def check_bench():
    with Listener("cli.bench", "bench", "sub", "cli.bench", "--msgs=20001", "--no-progress") as sub:
        out = nats("bench", "pub", "cli.bench", "--msgs=20000", "--clients=2", "--no-progress")
        holds("publisher aggregated stats" in out and "(10,000 msgs)" in out, out)
        out = sub.finish()
    holds("20,001" in out and "msgs/sec" in out, out)


@check("bench service serve and request")
def check_bench_service():
    with Listener("cli.bench", "bench", "service", "serve", "cli.bench", "--no-progress"):
        out = nats("bench", "service", "request", "cli.bench", "--msgs=1000", "--clients=2",
                   "--no-progress")
    holds("requester aggregated stats" in out, out)


@check("service serve, found by ping and info")
def check_service():
    with Listener("$SRV.PING.suite", "service", "serve", "suite"):
        holds("suite" in nats("service", "info", "suite"), "no info")


@check("rtt")
def check_rtt():
    holds(json.loads(nats("rtt", "3", "--json"))[0]["results"][0]["rtt"] > 0, "no time")


@check("server check connection")
def check_connection():
    report = json.loads(nats("server", "check", "connection", "--format=json"))
    holds(report["status"] == "OK" and len(report["ok"]) == 3, report)
    out = nats("server", "check", "connection", "--format=nagios")
    holds(re.match(r"OK Connection OK:connected to nats://127\.0\.0\.1:\d+ in", out), out)


@check("server check request")
def check_request():
    with Listener("cli.checked", "reply", "cli.checked", "fine"):
        report = json.loads(nats("server", "check", "request", "--subject=cli.checked",
                                 "--match-payload=fine", "--format=json"))
    holds(report["status"] == "OK", report)


@check("account info")
def check_account():
    out = nats("account", "info")
    holds("Maximum Payload: 1.0 MiB" in out and "Headers Supported: true" in out, out)


@check("--token and --user: let in, and refused")
def check_authorization():
    nats("rtt", "--token=s3cr3t", url=TOKEN)
    nats("rtt", "--user=alice", "--password=wonder", url=USERS)
    for words, url in ((("--token=wrong",), TOKEN), ((), TOKEN),
                       (("--user=alice", "--password=builder"), USERS), ((), USERS)):
        out = nats("pub", "cli.refused", "", *words, url=url, status=None)
        holds("Authorization Violation" in out, f"{words}: {out}")


@check("sub reconnects after a restart")
def check_reconnect():
    with Listener("cli.survivor", "sub", "cli.survivor", "--count=3") as sub:
        order("restart")
        wait_interest("cli.survivor")
        nats("pub", "cli.survivor", "after")
        holds("after" in sub.finish(), "no message after it")


@check("server list and info")
def check_system():
    return "they ask the system account, which the server does not have"


def main():
    for name, function in CHECKS:
        try:
            skipped = function()
            say(f"skip {name}: {skipped}" if skipped else f"ok {name}")
        except subprocess.TimeoutExpired as error:
            say(f"fail {name}: {' '.join(error.cmd[3:6])} took too long")
        except Exception as error:  # every kind is a failed check, and the next one is made
            say(f"fail {name}: {type(error).__name__} {' '.join(str(error).split())}")
    say("end")


main()
