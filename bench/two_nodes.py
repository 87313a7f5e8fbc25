"""Two nodes against one: what a second node adds, where each has a quarter of a processor.

    .deps/venv/bin/python bench/two_nodes.py [--rounds N] [--seconds S] [--strategy NAME]

Two nodes on one data folder, each with one event loop and one thread for vectors, in a control group of its own that
the kernel lets run for a quarter of the time (support/cpu_quota.py; needs root). The balancer and the clients are not
limited. Every question is a new one and past the caches, is embedded by the node and searched for by words and vectors;
so the node's processor time is what limits. 8 clients for each node ask in a closed loop, and what counts is the
answers a second.

One node is asked through a balancer that knows it alone, in turn the one and the other; then both through a balancer
that knows both. What counts is the median of the ratios of neighbouring runs. Whether the quota was really the limit is
told by how many of the kernel's periods ended with the node stopped. Exits 2 on a missed goal.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
import fleet  # noqa: E402
from cpu_quota import CpuQuota  # noqa: E402

GOAL = 1.9
PROCESSORS = 0.25
CLIENTS_OF_A_NODE = 8
SETTINGS = ("server.threads=1", "embedding.threads=1", "cache.embedding.enabled=false", "cache.retrieval.enabled=false",
            "cache.query.enabled=false", "cache.warmup.refresh=false")


class Asked:
    """Questions that nobody asked before, and whether their answers are whole."""

    def __init__(self):
        self.run = 0
        self.bad = None

    def question(self, place, number):
        return {"query": f"{fleet.QUESTION} ({self.run}, {place}, {number})", "mode": "retrieve", "cache": "bypass"}

    def see(self, status, _, body):
        if status != 200 or json.loads(body)["degraded"]["level"] != 0:
            self.bad = f"{status} {body[:500]}"


def measure(asked, balancer, clients, seconds):
    """Answers a second, and the time that 95 % of them do not exceed."""
    asked.run += 1
    per_second, took = fleet.closed_loop(balancer, clients, seconds, asked.question, asked.see)
    if asked.bad:
        raise SystemExit(f"a question was not answered in full: {asked.bad}")
    return per_second, fleet.quantile(took, 0.95)


def compare(one_by_one, both, rounds, seconds):
    asked = Asked()
    for balancer in (*one_by_one, both):
        measure(asked, balancer, CLIENTS_OF_A_NODE, 3)  # warm up
    pairs = []
    for number in range(rounds):
        runs = [(one_by_one[number % 2], CLIENTS_OF_A_NODE), (both, 2 * CLIENTS_OF_A_NODE)]
        order = runs if number % 4 < 2 else runs[::-1]
        results = [measure(asked, balancer, clients, seconds) for balancer, clients in order]
        one, two = results if order is runs else results[::-1]
        pairs.append((one[0], two[0]))
        print(f"  round {number + 1}: one node {one[0]:.1f}/s (p95 {1e3 * one[1]:.0f} ms), "
              f"two {two[0]:.1f}/s (p95 {1e3 * two[1]:.0f} ms), ratio {two[0] / one[0]:.3f}", flush=True)
    return pairs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=fleet.ROOT / "build/raglan")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=15, help="of each run")
    parser.add_argument("--strategy", default="least_connections")
    arguments = parser.parse_args()
    fleet.use(arguments.program)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        quotas = [stack.enter_context(CpuQuota(f"node-{place}", PROCESSORS)) for place in range(2)]
        nodes = fleet.start_nodes(stack, folder, [fleet.settings(*SETTINGS)] * 2)
        balancers = [fleet.start_balancer(stack, folder, hosts, arguments.strategy)
                     for hosts in (nodes[:1], nodes[1:], nodes)]
        for quota, node in zip(quotas, nodes):
            quota.add(node.process.pid)
        pairs = compare(balancers[:2], balancers[2], arguments.rounds, arguments.seconds)
        limited = [quota.throttled_ratio() for quota in quotas]
    one, two = (statistics.median(side) for side in zip(*pairs))
    ratio = statistics.median(two / one for one, two in pairs)
    print("periods that ended with the node stopped, of those in which it ran: " +
          ", ".join(f"{each:.0%}" for each in limited))
    print(f"answers a second of nodes with {PROCESSORS:.0%} of a processor each, medians: one {one:.1f}, "
          f"two {two:.1f}; median ratio {ratio:.3f}  (goal: at least {GOAL})")
    return 0 if ratio >= GOAL else 2


if __name__ == "__main__":
    sys.exit(main())
