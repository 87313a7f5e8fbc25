"""The caches of eight nodes behind the balancer: how much of them is of use, with `affinity` and in turn.

    .deps/venv/bin/python bench/fleet_caches.py [--rounds N] [--questions N]

10,000 distinct questions are asked by Zipf's law (the n-th most frequent one 1/n times as often as the first), by 16
clients at once. The query cache of each node has the memory of a tenth of their answers; what an answer takes is
measured first, and what a node holds at the end is printed. The other caches are off: what is no hit of the query
cache is computed. After as many questions that fill the caches, are counted

  - the answers that say `"cache":{"status":"hit"}`, of all: with `affinity`, with `round_robin`, and of one node that
    has the memory of all eight caches;
  - with `affinity`, the questions that each node got. A node tells who it is by a limit that is never reached: every
    answer says it (x-ratelimit-limit-requests), and it is another one for each node. What the balancer itself has
    counted for each node must be the same;
  - the questions whose node is another one after a node was taken out (DELETE /admin/upstreams), of those that were
    asked before and after. A question's node is the one that got it most often.

Each round asks other questions, and compares the three, which begin with empty caches. What counts is the median of the
rounds; of loads and of what moved, the largest. The figures are about hits, not about speed: questions are searched
for by words alone. Exits 2 on a missed goal.
"""

import argparse
import bisect
import collections
import contextlib
import itertools
import pathlib
import random
import re
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
import fleet  # noqa: E402

NODES = 8
DISTINCT = 10_000
OF_DISTINCT = 10  # a node's cache has the memory of one in so many
CLIENTS = 16
OF_ONE_CACHE = 0.95
OF_ROUND_ROBIN = 1.3
OF_MEAN_LOAD = 1.25
OF_LEAST_MOVED = 1.3
LIMIT = 10_000_000  # requests a minute; node n has n more
SETTINGS = ("server.threads=1", "embedding.threads=1", "retrieval.mode=lexical", "retrieval.top_k=1",
            "cache.embedding.enabled=false", "cache.embedding.disk_bytes=0", "cache.retrieval.enabled=false",
            "cache.warmup.refresh=false")
STATUS = re.compile(rb'"cache":\{"status":"(\w+)"')
NODE = re.compile(rb"\r\nx-ratelimit-limit-requests: *(\d+)", re.IGNORECASE)


class Questions:
    """Questions of one round: who asks next gets the next one."""

    CUMULATIVE = list(itertools.accumulate(1 / (rank + 1) for rank in range(DISTINCT)))

    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.lock = threading.Lock()

    def text(self, rank):
        return {"query": f"{fleet.QUESTION} ({self.seed:03}-{rank:05})", "mode": "retrieve"}

    def draw(self):
        return bisect.bisect_left(self.CUMULATIVE, self.random.random() * self.CUMULATIVE[-1])


class Asked:
    """What a number of questions came to."""

    def __init__(self):
        self.statuses = collections.Counter()
        self.nodes = collections.Counter()
        self.nodes_of = collections.defaultdict(collections.Counter)  # by question
        self.seconds = 0.0

    def see(self, rank, status, head, body):
        if status != 200:
            raise SystemExit(f"a question failed: {status} {body[:500]}")
        node = int(NODE.search(head)[1]) - LIMIT
        self.statuses[STATUS.search(body)[1].decode()] += 1
        self.nodes[node] += 1
        self.nodes_of[rank][node] += 1

    def add(self, other):
        self.statuses.update(other.statuses)
        self.nodes.update(other.nodes)
        for rank, nodes in other.nodes_of.items():
            self.nodes_of[rank].update(nodes)

    def hit_ratio(self):
        return self.statuses["hit"] / self.statuses.total()

    def largest_of_mean(self, nodes):
        return max(self.nodes.values()) * nodes / self.nodes.total()

    def owner(self, rank):
        return self.nodes_of[rank].most_common(1)[0][0]


def ask(server, questions, count):
    def work(place):
        client = fleet.Client(server)
        asked = Asked()
        for _ in range(count // CLIENTS):
            with questions.lock:
                rank = questions.draw()
            asked.see(rank, *client.ask(questions.text(rank)))
        client.close()
        return asked

    begun = time.monotonic()
    total = Asked()
    for of_client in fleet.side_by_side(CLIENTS, work):
        total.add(of_client)
    total.seconds = time.monotonic() - begun
    return total


def moved(before, after):
    """Of the questions asked before and after, the share whose node is another one."""
    both = before.nodes_of.keys() & after.nodes_of.keys()
    return sum(before.owner(rank) != after.owner(rank) for rank in both) / len(both)


def empty_caches(nodes):
    for node in nodes:
        node.delete("/admin/cache")


def entries(node):
    return node.metric("raglan_cache_entries", cache="query")


def bytes_of_an_answer(stack, folder):
    """What an answer takes in the query cache of a node that has room for all of a thousand."""
    node = fleet.start_nodes(stack, folder, [node_options(0, "64MiB")])[0]
    questions = Questions(0)
    client = fleet.Client(node)
    for rank in range(1000):
        client.ask(questions.text(rank))
    client.close()
    taken = node.metric("raglan_cache_bytes", cache="query") / entries(node)
    node.stop()
    return taken


def node_options(number, cache_bytes):
    return fleet.settings(*SETTINGS, f"cache.query.max_bytes={cache_bytes}",
                          f"limits.paid.requests_per_minute={LIMIT + number}")


def check_counts(asked, balancer, nodes):
    """The answers must say of the nodes what the balancer knows of them."""
    hosts = balancer.hosts()
    counted = {number: hosts[node.port]["answers"]["2xx"] for number, node in enumerate(nodes)}
    if counted != {number: asked.nodes[number] for number in counted}:
        raise SystemExit(f"the balancer has counted {counted}, the answers say {dict(asked.nodes)}")


def run_fleet(folder, nodes, strategy, questions, count, leaves=None):
    """What was asked of all, and after the node with the number `leaves` was taken out."""
    empty_caches(nodes)
    with contextlib.ExitStack() as stack:
        balancer = fleet.start_balancer(stack, folder, nodes, strategy)
        warm_up = ask(balancer, questions, count)
        asked = ask(balancer, questions, count)
        total = Asked()
        total.add(warm_up)
        total.add(asked)
        check_counts(total, balancer, nodes)
        if leaves is None:
            return asked, None
        reply = balancer.delete(f"/admin/upstreams?url={nodes[leaves].url}")
        if reply.status != 200:
            raise SystemExit(f"the node was not taken out: {reply.text}")
        ask(balancer, questions, count // 2)
        return asked, ask(balancer, questions, count)


def run_round(number, folder, nodes, big, count):
    seed = number + 1
    runs = {
        "affinity": lambda: run_fleet(folder, nodes, "affinity", Questions(seed), count, leaves=number % NODES),
        "round_robin": lambda: run_fleet(folder, nodes, "round_robin", Questions(seed), count),
        "one": lambda: run_fleet(folder, [big], "round_robin", Questions(seed), count),
    }
    names = list(runs)
    turned = names[number % 3 :] + names[: number % 3]
    held = {}
    results = {}
    for name in turned:
        results[name] = runs[name]()
        held[name] = [entries(node) for node in ([big] if name == "one" else nodes)]
    (affinity, without), (round_robin, _), (one, _) = (results[name] for name in names)
    figures = {
        "affinity": affinity.hit_ratio(),
        "round_robin": round_robin.hit_ratio(),
        "one": one.hit_ratio(),
        "load": affinity.largest_of_mean(NODES),
        "moved": moved(affinity, without) * NODES,
        "load_without": without.largest_of_mean(NODES - 1),
    }
    print(f"  round {seed}: hits with affinity {figures['affinity']:.4f}, round robin {figures['round_robin']:.4f}, "
          f"one cache {figures['one']:.4f}; largest load {figures['load']:.3f} x mean; a node left: "
          f"{figures['moved']:.3f}/N moved, largest load {figures['load_without']:.3f} x mean", flush=True)
    print("    " + "; ".join(f"{name}: {min(held[name]):.0f} to {max(held[name]):.0f} entries a node, "
                             f"{results[name][0].statuses.total() / results[name][0].seconds:.0f} questions/s, "
                             f"{results[name][0].statuses['coalesced']} coalesced" for name in names), flush=True)
    return figures


def judge(rounds):
    def middle(name):
        return statistics.median(each[name] for each in rounds)

    def ratio_to(name):
        return statistics.median(each["affinity"] / each[name] for each in rounds)

    def largest(name):
        return max(each[name] for each in rounds)

    for name in ("affinity", "round_robin", "one"):
        print(f"hit ratio, {name}, median: {middle(name):.4f}")
    of_one = ratio_to("one")
    of_round_robin = ratio_to("round_robin")
    load, moves = max(largest("load"), largest("load_without")), largest("moved")
    print(f"  affinity of one cache: {of_one:.3f}  (goal: at least {OF_ONE_CACHE})")
    print(f"  affinity of round robin: {of_round_robin:.3f}  (goal: at least {OF_ROUND_ROBIN})")
    print(f"  largest load of a node of any round: {load:.3f} x mean  (goal: at most {OF_MEAN_LOAD})")
    print(f"  questions moved when a node left, of any round: {moves:.3f}/N  (goal: at most {OF_LEAST_MOVED}/N)")
    return (of_one >= OF_ONE_CACHE and of_round_robin >= OF_ROUND_ROBIN and load <= OF_MEAN_LOAD
            and moves <= OF_LEAST_MOVED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=fleet.ROOT / "build/raglan")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=100_000, help="of each run, after as many to fill the caches")
    arguments = parser.parse_args()
    fleet.use(arguments.program)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cache_bytes = round(bytes_of_an_answer(stack, folder) * DISTINCT / OF_DISTINCT)
        print(f"the cache of a node has {cache_bytes} bytes, for {DISTINCT // OF_DISTINCT} answers", flush=True)
        options = [node_options(number, cache_bytes) for number in range(NODES)]
        *nodes, big = fleet.start_nodes(stack, folder, [*options, node_options(0, NODES * cache_bytes)])
        rounds = [run_round(number, folder, nodes, big, arguments.questions) for number in range(arguments.rounds)]
    return 0 if judge(rounds) else 2


if __name__ == "__main__":
    sys.exit(main())
