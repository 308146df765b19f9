#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py -- runs Myelin and the real nats-server on the same work, in turns, and compares.

Every cell (one work, one server, one repetition) starts a server of its own on a free loopback
port, puts it under load (load.c), and ends it. The servers take turns within each repetition, so
that what drifts on the machine drifts under all of them; the table shows medians. CPU is that of the
server's process while the measured part ran, as the kernel counts it in nanoseconds.

Columns: Myelin; nats-server; nats-server with GOMAXPROCS=1; the bare forwarder (forward.c: the same
bytes in and out, nothing else), which is the kernel's floor. Ratios are Myelin over nats-server.
"""
import argparse
import datetime
import json
import os
import platform
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rows import ROWS, per_unit  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CELL_LIMIT_S = 60
START_LIMIT_S = 10
DISTURBED_CORES = 0.25  # used by others; kernel threads and rounding account for less


class CellFailed(Exception):
    pass


class Column:
    """One server: how it is called in the table, and how it is started."""

    def __init__(self, key, title, command, env=None, raw=False):
        self.key, self.title, self.command, self.raw = key, title, command, raw
        self.env = dict(os.environ, **(env or {}))

    def on_port(self, port):
        return [str(port) if word == "{port}" else word for word in self.command]


def nats_command(path):
    return [path, "-a", "127.0.0.1", "-p", "{port}"]


def columns_of(options):
    every = [
        Column("myelin", "Myelin", nats_command(options.myelin)),
        Column("nats", "nats-server", nats_command(options.nats)),
        Column("nats1", "nats 1 proc", nats_command(options.nats), env={"GOMAXPROCS": "1"}),
        Column("forwarder", "forwarder", [options.forward, "--port", "{port}"], raw=True),
    ]
    return [column for column in every if column.key in options.columns.split(",")]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A running server; ends the process it started, and no other."""

    def __init__(self, column, core=None):
        self.port = free_port()

        def prepare():
            resource.setrlimit(resource.RLIMIT_NOFILE, (HARD_FILES, HARD_FILES))
            if core is not None:
                os.sched_setaffinity(0, {core})

        self.process = subprocess.Popen(column.on_port(self.port), env=column.env, preexec_fn=prepare,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def wait_ready(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise CellFailed(f"the server ended with status {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.002)
        raise CellFailed("the server does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


HARD_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def load_args(row, options):
    args = [str(word) for word in (row.quick if options.quick and row.quick else row.args)]
    args += ["--limit", str(CELL_LIMIT_S)]
    if row.seconds is not None:
        seconds, warmup = (0.15, 0.05) if options.quick else (row.seconds, row.warmup)
        args += ["--seconds", str(seconds), "--warmup", str(warmup)]
    if row.shared_core:
        args += ["--cpu", str(min(os.sched_getaffinity(0)))]
    return args


def run_load(options, args, env=None):
    done = subprocess.run([options.load] + args, env=env, capture_output=True, text=True,
                          timeout=CELL_LIMIT_S + 30)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise CellFailed(f"the generator ended with status {done.returncode}: {done.stderr[:200]}")
    if report["failure"] or done.returncode != 0:
        raise CellFailed(report["failure"] or f"status {done.returncode}")
    return report


def run_cell(row, column, options):
    args = load_args(row, options)
    if row.starts:
        return run_load(options, args + ["--"] + column.command, column.env)
    core = min(os.sched_getaffinity(0)) if row.shared_core else None
    with Server(column, core) as server:
        server.wait_ready()
        args += ["--port", str(server.port), "--server-pid", str(server.process.pid)]
        return run_load(options, args + (["--raw"] if column.raw else []))


def run_row(row, columns, options, failures):
    """Reports by column. A failed cell is told at once and leaves its column without that report."""
    reports = {column.key: [] for column in columns}
    reps = 1 if options.quick else max(row.reps_min, options.reps)
    for rep in range(min(reps, row.reps_max)):
        for column in columns:
            if column.raw and not row.forwarder:
                continue
            try:
                reports[column.key].append(run_cell(row, column, options))
            except (CellFailed, subprocess.TimeoutExpired, OSError) as failure:
                failures.append(f"{row.name}, {column.title}, run {rep + 1}: {failure}")
                print(f"FAILED {failures[-1]}", file=sys.stderr)
    return reports


def median_of(reports, get):
    values = [value for value in map(get, reports) if value is not None]
    return statistics.median(values) if values else None


# --- tables ---

def number(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def quotient(a, b):
    return f"{a / b:.3f}" if a is not None and b else "-"


def verdict(target, own, reference, floor):
    if target is None:
        return "", ""
    met = target.met(own, reference, floor)
    if met is None:
        return target.text(), "-"
    if met:
        return target.text(), "met"
    return target.text(), "MISSED" if target.met(floor, reference, None) is not False else "MISSED*"


def main_table(results, columns):
    head = ["work", "measure", "unit"] + [c.title for c in columns]
    head += ["ratio", "to 1 proc", "target", ""]
    lines = []
    for row, reports in results:
        for at, measure in enumerate(row.measures):
            found = {key: median_of(some, measure.get) for key, some in reports.items()}
            own, reference = found.get("myelin"), found.get("nats")
            lines.append([row.name if at == 0 else "", measure.title, measure.unit]
                         + [number(found.get(c.key)) for c in columns]
                         + [quotient(own, reference), quotient(own, found.get("nats1"))]
                         + list(verdict(measure.target, own, reference, found.get("forwarder"))))
    return head, lines


def rate_of(report):
    return report["units"] / report["seconds"] if report.get("units") and report["seconds"] else None


def rates_table(results, columns):
    head = ["work"] + [f"{c.title} k/s" for c in columns] + ["ratio", "generator ns", "RSS peak MB"]
    lines = []
    for row, reports in results:
        if not row.rates:
            continue
        rates = {key: median_of(some, rate_of) for key, some in reports.items()}
        own = [median_of(reports.get(key, []), per_unit("load_cpu_ns")) for key in ("myelin", "nats")]
        peaks = [median_of(reports.get(key, []), lambda r: r.get("rss_peak")) for key in
                 ("myelin", "nats")]
        lines.append([row.name]
                     + [number(rates[c.key] / 1e3 if rates.get(c.key) else None) for c in columns]
                     + [quotient(rates.get("myelin"), rates.get("nats"))]
                     + [" / ".join(map(number, own))]
                     + [" / ".join(number(p / 1e6 if p else None) for p in peaks)])
    return head, lines


def plain(head, lines, texts):
    """Aligned columns: the first `texts` to the left, the others to the right."""
    widths = [max(len(line[i]) for line in [head] + lines) for i in range(len(head))]

    def one(line):
        return "  ".join(cell.ljust(width) if i < texts else cell.rjust(width)
                         for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
    return "\n".join([one(head), one(["-" * w for w in widths])] + [one(line) for line in lines])


def markdown(head, lines, texts):
    rule = [":--" if i < texts else "--:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule] + lines)


def version_of(path):
    try:
        out = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10).stdout
        return out.strip().splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "unknown"


def machine(options):
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as info:
        memory = int(info.readline().split()[1]) / 1e6
    return [
        f"date: {datetime.date.today().isoformat()}",
        f"machine: {model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GB, "
        f"{platform.system()} {platform.release()}, load average before {os.getloadavg()[0]:.2f}",
        f"Myelin: {version_of(options.myelin)}",
        f"nats-server: {version_of(options.nats)}",
        f"repetitions: {1 if options.quick else options.reps}"
        + (" (--quick: a smoke test, no measurement)" if options.quick else ""),
    ]


class Disturbance:
    """What the machine did meanwhile that was not this benchmark: it decides whether figures count."""

    def __init__(self):
        self.begin = self.look()

    @staticmethod
    def look():
        """Seconds: now, CPU used by all, CPU stolen by the host, CPU used by us."""
        with open("/proc/stat", encoding="utf-8") as stat:
            ticks = [int(word) / os.sysconf("SC_CLK_TCK") for word in stat.readline().split()[1:9]]
        user, nice, system, _, _, irq, softirq, steal = ticks
        ours = sum(usage.ru_utime + usage.ru_stime for usage in
                   map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
        return time.monotonic(), user + nice + system + irq + softirq, steal, ours

    def text(self):
        seconds, used, stolen, ours = (b - a for a, b in zip(self.begin, self.look()))
        others, host = max(0, used - ours) / seconds, stolen / seconds
        told = f"while it ran ({seconds:.0f} s): others used {others:.2f} cores, the host took {host:.2f}"
        if others + host > DISTURBED_CORES:
            told += "; DISTURBED: verdicts near their targets, and all latencies, do not count"
        return told


NOTES = (
    "CPU: nanoseconds of server CPU for each unit; 1,000 ns are one CPU second per million.",
    "ratio: Myelin / nats-server; for costs lower is better, for rates higher.",
    "*: the forwarder misses it, too: on this machine the kernel alone costs more than the target.",
    "floor: the forwarder's figure. generator ns, RSS peak: under Myelin / under nats-server.",
)


def write_report(path, facts, tables, failures):
    with open(path, "w", encoding="utf-8") as out:
        out.write("# Benchmark\n\n" + "\n".join(f"- {fact}" for fact in facts) + "\n\n")
        for title, (head, lines), texts in tables:
            out.write(f"## {title}\n\n{markdown(head, lines, texts)}\n\n")
        out.write("\n".join(f"- {note}" for note in NOTES) + "\n")
        for failure in failures:
            out.write(f"- FAILED: {failure}\n")


def read_options():
    parser = argparse.ArgumentParser(description="compare Myelin with nats-server")
    build = os.path.join(ROOT, "build/release")
    parser.add_argument("--myelin", default=os.path.join(build, "myelin"), metavar="PATH")
    parser.add_argument("--nats", default=os.environ.get("NATS_SERVER", ""), metavar="PATH")
    parser.add_argument("--programs", default=os.path.join(build, "tests/bench"), metavar="FOLDER",
                        help="where bench_load and bench_forward are")
    parser.add_argument("--reps", type=int, default=3, metavar="N")
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose name matches")
    parser.add_argument("--columns", default="myelin,nats,nats1,forwarder", metavar="LIST")
    parser.add_argument("--quick", action="store_true", help="short: does everything work?")
    parser.add_argument("--list", action="store_true", help="name the rows")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables there as well")
    options = parser.parse_args()
    options.load = os.path.join(options.programs, "bench_load")
    options.forward = os.path.join(options.programs, "bench_forward")
    return parser, options


def check_programs(parser, options, columns):
    for path in [options.load] + [column.command[0] for column in columns]:
        if not os.access(path, os.X_OK):
            parser.error(f"no program at {path or '(no path given)'}")


def main():
    parser, options = read_options()
    rows = [row for row in ROWS if re.search(options.only, row.name)]
    if options.list:
        print("\n".join(row.name for row in rows))
        return 0
    columns = columns_of(options)
    check_programs(parser, options, columns)
    facts, results, failures = machine(options), [], []
    disturbance = Disturbance()
    for at, row in enumerate(rows):
        print(f"[{at + 1}/{len(rows)}] {row.name}", file=sys.stderr)
        results.append((row, run_row(row, columns, options, failures)))
    facts.append(disturbance.text())
    tables = [("Cost", main_table(results, columns), 3), ("Throughput", rates_table(results, columns), 1)]
    print("\n".join(facts))
    for title, (head, lines), texts in tables:
        print(f"\n{title}\n\n{plain(head, lines, texts)}")
    print("\n" + "\n".join(NOTES))
    if options.markdown:
        write_report(options.markdown, facts, tables, failures)
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
