"""Eviction: hit ratios of each policy beside libCacheSim's and Caffeine's, and what a hit costs.

    .deps/venv/bin/python bench/eviction.py [--keys N] [--requests N] [--rounds N] [--only hits|look-ups] [--json]

Ours is cache::LocalCache as shipped, sharding included, with entries of one size (8 KiB); the reference of
`lru`, `lfu` and `s3-fifo` is libCacheSim's policy of that name, that of `ttl` its FIFO, since all entries
live equally long. Beside them, for "the best of all": libCacheSim's W-TinyLFU, ARC and SIEVE, and Caffeine.
Belady's algorithm, which knows the future, is the bound. All replay the same files, which are made here
with a fixed seed:
  - zipf E        N keys, the k-th most popular one asked for in proportion to k^-E;
  - zipf E, scans the same, but a fifth of the requests are runs of 500 to 4,000 keys that never come again;
  - shifting      zipf 0.9; at every tenth of the trace popularity is dealt anew among the keys. This is to
                  show what ageing does for lfu; that s3-fifo be among the best is no goal here.
A first request of each key misses everywhere, and counts.

What a hit costs: look-ups of entries that are all there, zipf 1.0 over a fifth of N keys. A look-up is what
a server does: it reads the clock, checks the expiry, counts the hit and takes the value. One thread and two,
Caffeine (expireAfterWrite, recordStats) in turns with each of our policies, after its warm-up. `apart` is
the limit that the machine sets to two threads: a cache for each of them.

Exits 2 on a missed goal.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEERS = ROOT / ".deps/peers"
WORK = ROOT / ".deps/bench-eviction"
OURS = {"lru": "lru", "lfu": "lfu", "ttl": "fifo", "s3-fifo": "s3-fifo"}  # and the reference of each
OTHERS = ("w-tinylfu", "arc", "sieve")
EXPONENTS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
ROOMS = (0.01, 0.05, 0.2)
WARM_UP_ROUNDS = 6

REFERENCE_GOAL = 0.5  # percentage points
BEST_GOAL = 1.0
SCALING_GOAL = 1.7

RECORD = numpy.dtype([("time", "<u4"), ("key", "<u8"), ("bytes", "<u4"), ("next", "<i8")])


class Program:
    """Answers a line with a line."""

    def __init__(self, words, **environment):
        self.process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def do(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args[0]} ended with {self.process.wait()} at: {words}")
        return answer.strip()


def programs():
    caffeine = ["java", "-Xms1g", "-Xmx1g", "-XX:+UseSerialGC", "-cp", PEERS / "caffeine.jar"]
    return {
        "raglan": Program([ROOT / "build/eviction_bench"]),
        "libcachesim": Program(
            [sys.executable, ROOT / "bench/peers/eviction_libcachesim.py"], PYTHONPATH=str(PEERS / "libcachesim")
        ),
        "caffeine": Program([*caffeine, ROOT / "bench/peers/eviction.java"]),
    }


def zipf(random, keys, exponent, count):
    """Ranks, from 0."""
    sums = numpy.cumsum(numpy.arange(1, keys + 1, dtype=float) ** -exponent)
    return numpy.searchsorted(sums, random.random(count) * sums[-1], side="right")


def with_scans(random, asked, keys):
    parts, at, next_key = [], 0, keys
    while at < len(asked):
        length = int(random.integers(500, 4001))
        parts += [asked[at : at + 4 * length], numpy.arange(next_key, next_key + length)]
        at, next_key = at + 4 * length, next_key + length
    return numpy.concatenate(parts)


def shifting(random, keys, count):
    ranks = zipf(random, keys, 0.9, count)
    return numpy.concatenate([random.permutation(keys)[part] for part in numpy.array_split(ranks, 10)])


def traces(keys, count):
    for exponent in EXPONENTS:
        random = numpy.random.default_rng(42)
        asked = random.permutation(keys)[zipf(random, keys, exponent, count)]
        yield f"zipf {exponent}", asked
        yield f"zipf {exponent}, scans", with_scans(random, asked[: count * 4 // 5], keys)
    yield "shifting", shifting(numpy.random.default_rng(42), keys, count)


def write(asked):
    """In libCacheSim's oracleGeneral: when each key is asked for next is what Belady's algorithm reads."""
    asked = asked + 1  # no key is 0
    records = numpy.zeros(len(asked), RECORD)
    records["key"], records["bytes"], records["next"] = asked, 1, -1
    order = numpy.argsort(asked, kind="stable")
    same = asked[order][1:] == asked[order][:-1]
    records["next"][order[:-1][same]] = order[1:][same]
    WORK.mkdir(parents=True, exist_ok=True)
    # A name of its own each time: who reads it keeps what it has read.
    write.count += 1
    path = WORK / f"{write.count}.trace"
    records.tofile(path)
    return path


write.count = 0


def hit_ratios(run, keys, count):
    cases = []
    for name, asked in traces(keys, count):
        path = write(asked)
        for room in ROOMS:
            entries = int(keys * room)
            percent = lambda program, policy: 100 * int(run[program].do("replay", path, policy, entries)) / len(asked)
            case = {"trace": name, "room": room, "ours": {}, "reference": {}, "others": {}}
            for ours, reference in OURS.items():
                case["ours"][ours] = percent("raglan", ours)
                case["reference"][ours] = percent("libcachesim", reference)
            for other in OTHERS:
                case["others"][other] = percent("libcachesim", other)
            case["others"]["caffeine"] = percent("caffeine", "w-tinylfu")
            case["bound"] = percent("libcachesim", "belady")
            cases.append(case)
            print(f"   {case}", file=sys.stderr)
        path.unlink()
    return cases


def best_of(case):
    everyone = {**{f"libCacheSim's {name}": hits for name, hits in case["reference"].items()}, **case["others"], **case["ours"]}
    name = max(everyone, key=everyone.get)
    return name, everyone[name]


def look_ups(run, keys, count, rounds):
    entries = keys // 5
    random = numpy.random.default_rng(7)
    path = write(random.permutation(entries)[zipf(random, entries, 1.0, count)])
    contenders = [("raglan", policy) for policy in OURS] + [("caffeine", "w-tinylfu")]
    for program, policy in contenders:
        run[program].do("fill", path, policy, entries)
    path.unlink()
    found = {policy: [] for _, policy in contenders}
    for number in range(-WARM_UP_ROUNDS, rounds):
        for program, policy in contenders:
            took = lambda *how: float(run[program].do("look_up", policy, *how))
            one, two, apart = took(1), took(2), took(2, "apart")
            if number >= 0:
                found[policy].append({"ns": one * 1e9 / count, "two": 2 * one / two, "apart": 2 * one / apart})
    return [summary(name, found) for name in found]


def summary(policy, found):
    """Ratios are medians of those of one round, where both were measured one after the other."""
    ours, theirs = found[policy], found["w-tinylfu"]
    middle = lambda name: statistics.median(each[name] for each in ours)
    return {
        "policy": policy,
        "ns": middle("ns"),
        "to_caffeine": statistics.median(a["ns"] / b["ns"] for a, b in zip(ours, theirs)),
        "two_threads": middle("two"),
        "two_threads_apart": middle("apart"),
    }


def missed_goals(cases, speeds):
    missed = []
    for case in cases:
        where = f"{case['trace']}, {case['room']:.0%}"
        for policy, hits in case["ours"].items():
            behind = case["reference"][policy] - hits
            if behind > REFERENCE_GOAL:
                missed.append(f"{policy} of {where}: {behind:.2f} behind its reference")
        name, hits = best_of(case)
        if case["trace"] != "shifting" and hits - case["ours"]["s3-fifo"] > BEST_GOAL:
            missed.append(f"s3-fifo of {where}: {hits - case['ours']['s3-fifo']:.2f} behind {name}")
    for each in speeds:
        if each["policy"] in OURS and each["two_threads"] < SCALING_GOAL:
            missed.append(f"two threads with {each['policy']}: {each['two_threads']:.2f}")
    return missed


def show(cases, speeds, keys, requests):
    if cases:
        show_hits(cases, keys, requests)
    if speeds:
        show_look_ups(speeds)


def show_hits(cases, keys, requests):
    print(f"Hits of {requests} requests in percent, {keys} keys; in brackets: ours less its reference")
    print(f"{'trace':16} {'room':>4}", *(f"{policy:>13}" for policy in OURS), f"{'Caffeine':>9} {'best of all':>25} {'bound':>6}")
    for case in cases:
        name, hits = best_of(case)
        ours = (f"{case['ours'][each]:5.2f} ({case['ours'][each] - case['reference'][each]:+5.2f})" for each in OURS)
        print(
            f"{case['trace']:16} {case['room']:4.0%}", *ours,
            f"{case['others']['caffeine']:9.2f} {name:>19} {hits:5.2f} {case['bound']:6.2f}",
        )


def show_look_ups(speeds):
    print("A hit of one thread, medians; two threads' look-ups a second over one's; and with a cache for each")
    for each in speeds:
        name = f"Raglan, {each['policy']}" if each["policy"] in OURS else "Caffeine"
        print(
            f"{name:16} {each['ns']:6.1f} ns, {each['to_caffeine']:.2f} x Caffeine's; "
            f"{each['two_threads']:.2f} x; {each['two_threads_apart']:.2f} x"
        )


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--keys", type=int, default=102_400)
    arguments.add_argument("--requests", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--only", choices=("hits", "look-ups"))
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    run = programs()
    speeds = look_ups(run, options.keys, options.requests, options.rounds) if options.only != "hits" else []
    cases = hit_ratios(run, options.keys, options.requests) if options.only != "look-ups" else []
    missed = missed_goals(cases, speeds)
    if options.json:
        print(json.dumps({"hits": cases, "look_ups": speeds, "missed": missed}))
        return 2 if missed else 0
    show(cases, speeds, options.keys, options.requests)
    print(
        f"goals: each policy at most {REFERENCE_GOAL} points behind its reference, s3-fifo at most {BEST_GOAL} behind "
        f"the best of all, two threads at least {SCALING_GOAL} x one: {'missed' if missed else 'met'}",
        *missed, sep="\n  ",
    )
    return 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
