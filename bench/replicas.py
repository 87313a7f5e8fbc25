"""Searches of the store in PostgreSQL with no, one and two read replicas: how many a second, and what each
server works for one.

    .deps/venv/bin/python bench/replicas.py [--chunks N] [--json]

Needs what bench/search.py needs. Primary, standbys and client share this machine's processors, so what replicas
take off the primary is not to be seen in searches a second here: it is in the primary's processor time, which is
what sets its limit where each has a machine of its own. Three clients with no, one and two replicas are measured in
turns, 16 searches at a time. Nobody writes meanwhile. Exits 2 when a replica answered fewer than 99 % of its searches, or the
primary still does more than a quarter of the work.
"""

import os
import statistics
import sys
import time

import search

sys.path.insert(0, str(search.ROOT / "tests/node"))
from harness import wait_until  # noqa: E402
from postgres_server import PostgresServer, Standby  # noqa: E402

BINARY = search.ROOT / "build/postgres_bench"
LEAST_CHUNKS = 20_000  # from which a collection gets an index
ROUNDS = 7
SEARCHES = 1000
SHARE_GOAL = 0.25
SERVED_GOAL = 0.99
SETTINGS = ("shared_buffers = 512MB", "maintenance_work_mem = 512MB", "max_wal_size = 8GB")
TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(server):
    """Of a server and all its processes, those that ended included."""
    total = 0
    parent = server.process.pid
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = open(f"/proc/{name}/stat").read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(name) == parent:
            total += sum(int(field) for field in fields[11:15])
        elif int(fields[1]) == parent:
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def measure(chunks):
    search.prepare(chunks)
    primary = PostgresServer(*SETTINGS)
    servers, clients = [primary], []
    try:
        url = primary.url()
        clients.append(search.Raglan(BINARY, search.WORK, url))
        ingest, index = clients[0].do("ingest"), clients[0].do("index")
        servers += [Standby(primary, *SETTINGS) for _ in range(2)]
        for count in (1, 2):
            clients.append(search.Raglan(BINARY, search.WORK, url, *(server.url() for server in servers[1:count + 1])))
        position = primary.sql("SELECT pg_current_wal_flush_lsn()")
        for standby in servers[1:]:
            wait_until(lambda: standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{position}'") == "t", "it caught up")
        for client in clients:
            client.do("rotation 0")
            client.do(f"parallel {SEARCHES}")  # warms up
        rounds = []
        for _ in range(ROUNDS):
            of_round = []
            for client in clients:
                before = [processor_seconds(server) for server in servers]
                measured = client.do(f"parallel {SEARCHES}")
                time.sleep(0.05)  # the kernel's counts come in ticks
                after = [processor_seconds(server) for server in servers]
                measured["server_cpu_s"] = [now - then for now, then in zip(after, before)]
                of_round.append(measured)
            rounds.append(of_round)
        return {"chunks": chunks, "ingest": ingest, "index": index, "rounds": rounds}
    finally:
        for client in clients:
            client.process.stdin.close()
            client.process.wait()
        for server in servers:
            server.end()


def summary(report):
    middle = statistics.median
    figures = {}
    for count in range(3):
        measured = [of_round[count] for of_round in report["rounds"]]
        figures[f"{count}_searches_per_s"] = middle(SEARCHES / each["seconds"] for each in measured)
        figures[f"{count}_primary_cpu_us"] = 1e6 / SEARCHES * middle(each["server_cpu_s"][0] for each in measured)
        figures[f"{count}_replicas_cpu_us"] = 1e6 / SEARCHES * middle(sum(each["server_cpu_s"][1:]) for each in measured)
        figures[f"{count}_client_cpu_us"] = 1e6 / SEARCHES * middle(each["client_cpu_s"] for each in measured)
        figures[f"{count}_served_by_replicas"] = middle(each["served"] / SEARCHES for each in measured)
    for count in (1, 2):
        figures[f"{count}_primary_share"] = figures[f"{count}_primary_cpu_us"] / figures["0_primary_cpu_us"]
    return figures


def goals(figures):
    judged = [(f"{count}_served_by_replicas >= {SERVED_GOAL}", figures[f"{count}_served_by_replicas"] >= SERVED_GOAL)
              for count in (1, 2)]
    return judged + [(f"{count}_primary_share <= {SHARE_GOAL}", figures[f"{count}_primary_share"] <= SHARE_GOAL)
                     for count in (1, 2)]


if __name__ == "__main__":
    sys.exit(search.main("searches with 0, 1 and 2 read replicas, {chunks} chunks (recombined real text), one machine",
                         measure, summary, goals, LEAST_CHUNKS))
