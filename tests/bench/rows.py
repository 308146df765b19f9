# SPDX-License-Identifier: Apache-2.0
"""rows.py -- what the benchmark measures: one Row for each work, its measures and their targets.

A row runs bench_load once for each server and repetition; a measure takes one number out of its
report. CPU is in nanoseconds of server CPU for each unit of work (1,000 ns are one CPU second a million).
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """ratio: at most this share of nats-server's figure, or the forwarder's plus `floor_plus`.
    most: an absolute bound, in the measure's unit."""
    ratio: float | None = None
    floor_plus: float | None = None
    most: float | None = None

    def text(self):
        if self.most is not None:
            return f"<= {self.most:g}"
        floor = f" or floor + {self.floor_plus:g}" if self.floor_plus is not None else ""
        return f"<= {self.ratio:.2f} x{floor}"

    def met(self, own, reference, floor):
        """None when what it compares with was not measured."""
        if own is None:
            return None
        if self.most is not None:
            return own <= self.most
        if self.floor_plus is not None and floor is not None and own <= floor + self.floor_plus:
            return True
        return own <= self.ratio * reference if reference is not None else None


@dataclass(frozen=True)
class Measure:
    """key: a function of the report. An absolute measure (memory) has no forwarder column."""
    title: str
    unit: str
    get: object
    target: Target | None = None


@dataclass(frozen=True)
class Row:
    name: str
    args: tuple
    measures: tuple
    quick: tuple = ()            # arguments that take the place of `args` with --quick
    seconds: float | None = 1.0  # of the measured part; None: the work itself decides
    warmup: float = 0.25
    reps_min: int = 1
    reps_max: int = 99
    shared_core: bool = False    # server and generator on one core
    forwarder: bool = True
    rates: bool = True           # belongs into the table of throughput
    starts: bool = False         # the generator starts the server itself


def per_unit(name):
    def get(report):
        return report[name] / report["units"] if report.get(name) and report.get("units") else None
    return get


def scaled(name, factor):
    def get(report):
        return report[name] * factor if report.get(name) else None
    return get


def percentile(name):
    def get(report):
        latency = report.get("latency_ns")
        return latency[name] / 1000 if latency else None
    return get


def growth(report):
    if not report.get("rss_after") or not report.get("units"):
        return None
    return (report["rss_after"] - report["rss_before"]) / report["units"]


def fullness(report):
    """Peak memory over what idle memory and the bytes that wait account for."""
    if not report.get("rss_peak"):
        return None
    return report["rss_peak"] / (report["rss_before"] + report.get("pending", 0))


def cpu(unit, ratio=None, floor_plus=None):
    target = Target(ratio=ratio, floor_plus=floor_plus) if ratio is not None else None
    return Measure("CPU", f"ns/{unit}", per_unit("server_cpu_ns"), target)


def latencies(p99=None):
    target = Target(ratio=p99) if p99 is not None else None
    return (Measure("p50", "us", percentile("p50")),
            Measure("p99", "us", percentile("p99"), target),
            Measure("p99.9", "us", percentile("p999"), target))


def fixed_rate(name, rate, p99=None):
    """Seven runs: a machine that stalls for milliseconds now and then is in every p99.9, and the
    median keeps the worst of it out."""
    return Row(name, ("flood", "--rate", rate), (cpu("delivery"),) + latencies(p99), warmup=0.3,
               reps_min=7)


def size_name(size):
    return f"{size} B" if size < 1024 else f"{size // 1024} KiB"


def publish(size, ratio, floor_plus):
    return Row(f"publish {size_name(size)}", ("flood", "--subscribers", 0, "--size", size),
               (cpu("message", ratio, floor_plus),), reps_min=5)


def flood(name, ratio, *args):
    return Row(name, ("flood",) + args, (cpu("delivery", ratio),))


def request(name, ratio, *args, **more):
    return Row(name, ("request",) + args, (cpu("request", ratio),) + latencies(), warmup=0.4, **more)


def one_to_one(size, ratio):
    return flood(f"1-to-1 {size_name(size)}", ratio, "--size", size)


ROWS = (
    publish(16, 0.40, 25),
    publish(128, 0.40, 25),
    publish(1024, 0.85, 40),
    one_to_one(16, 0.30),
    one_to_one(128, 0.30),
    one_to_one(1024, 0.55),
    one_to_one(65536, 0.35),
    flood("fan-out 10", 0.30, "--subscribers", 10),
    flood("fan-out 100", 0.30, "--subscribers", 100),
    Row("fan-out 1000", ("flood", "--subscribers", 1000),
        (cpu("delivery", 0.30), Measure("RSS idle", "MB", scaled("rss_before", 1e-6)),
         Measure("RSS peak", "MB", scaled("rss_peak", 1e-6)))),
    flood("fan-in 8-to-1", 0.30, "--publishers", 8),
    flood("4-to-4", 0.30, "--publishers", 4, "--subscribers", 4),
    flood("4 pairs", None, "--publishers", 4, "--subscribers", 4, "--pairs"),
    flood("queue group of 8", 0.30, "--subscribers", 8, "--queue"),
    Row("100,000 wildcards", ("wildcards", "--subscriptions", 100000), (cpu("message", 0.10),),
        quick=("wildcards", "--subscriptions", 20000)),
    Row("subscribe/unsubscribe", ("churn",), (cpu("pair", 0.15),)),
    Row("subscribe/unsubscribe, 100,000 live", ("churn", "--live", 100000), (cpu("pair", 0.15),)),
    request("request-reply 1, free cores", 0.55),
    request("request-reply 1, shared core", 0.75, shared_core=True),
    request("request-reply 64", 0.55, "--outstanding", 64),
    request("request-reply 2,000/s", 0.55, "--rate", 2000),
    fixed_rate("1-to-1 128 B, 20,000/s", 20000),
    fixed_rate("1-to-1 128 B, 100,000/s", 100000, 0.5),
    fixed_rate("1-to-1 128 B, 300,000/s", 300000, 0.5),
    Row("10,000 idle connections", ("idle", "--connections", 10000),
        (Measure("RSS each", "B", growth, Target(most=1.2 * 1024)),),
        quick=("idle", "--connections", 1000), seconds=None, reps_max=1, forwarder=False, rates=False),
    Row("1,000,000 subscriptions", ("subscriptions", "--subscriptions", 1000000),
        (Measure("RSS each", "B", growth, Target(most=110)),),
        quick=("subscriptions", "--subscriptions", 100000), seconds=None, reps_max=1,
        forwarder=False, rates=False),
    Row("fan-out 1000, nobody reads", ("pending", "--subscribers", 1000),
        (Measure("peak / (idle + pending)", "x", fullness, Target(most=1.2)),
         Measure("RSS idle", "MB", scaled("rss_before", 1e-6)),
         Measure("pending", "MB", scaled("pending", 1e-6)),
         Measure("RSS peak", "MB", scaled("rss_peak", 1e-6))),
        quick=("pending", "--subscribers", 200), seconds=None, reps_max=1, forwarder=False,
        rates=False),
    Row("start", ("start", "--repeat", 15),
        (Measure("to first PONG", "ms", scaled("start_ns", 1e-6), Target(most=3)),
         Measure("RSS", "MB", scaled("rss_after", 1e-6), Target(most=5))),
        quick=("start", "--repeat", 3), seconds=None, reps_max=1, forwarder=False, rates=False,
        starts=True),
)
