"""The store in PostgreSQL: searches over 100,000 chunks, connections, bulk reads.

    .deps/venv/bin/python bench/postgres.py [--chunks N] [--json]

Needs what bench/search.py needs (its head says what is made and what is real), and starts a PostgreSQL
with pgvector of its own, with passwords by SCRAM over TCP and without TLS, which that build has not, on
this machine: server and client share the processors, and there is no network between them but where it says so.

  hybrid    a search of both sides with its ten passages, one at a time: p50 and p99
  recall    of the ten nearest by the HNSW index against the exact ones
  cpu       processor time of the client for a search, against the same statements sent by plain libpq
            with the same scoring of postings between them (the goal is about that: what the pool, the
            event loop and the rest add), and against those statements alone, their rows dropped
  connect   a small query on a connection of the pool (which is tried first, as pool_pre_ping says),
            against one that is opened for it; SQLAlchemy's pool with psycopg beside it; and all that
            (tls_connect) with TLS, whose certificate is checked, by a PgBouncer before the server
  bulk      the same ids looked up one by one and by one statement; and the same (far_bulk) with 1 ms
            of network there and back
Exits 2 on a missed goal.
"""

import socket
import statistics
import sys
import threading
import time

import search

sys.path.insert(0, str(search.ROOT / "tests/node"))
from postgres_server import PgBouncer, PostgresServer  # noqa: E402

BINARY = search.ROOT / "build/postgres_bench"
LEAST_CHUNKS = 20_000  # from which a collection gets an index
ROUNDS = 5
RECALL_GOAL = 0.95
CPU_GOAL = 1.2
IDS = (5, 50, 500)
ONE_WAY_SECONDS = 0.0005  # of the network that one row has: 1 ms there and back


class SqlAlchemy:
    """The pool whose names and meanings ours has, with the same settings."""

    def __init__(self, url):
        sys.path.insert(0, str(search.ROOT / ".deps/peers/sqlalchemy"))
        import sqlalchemy

        self.text = sqlalchemy.text("SELECT 1::int8")
        self.engine = sqlalchemy.create_engine(
            url.replace("postgresql:", "postgresql+psycopg:"), pool_size=20, max_overflow=40, pool_timeout=60,
            pool_recycle=3600, pool_pre_ping=True)

    def microseconds(self, count):
        taken = []
        for _ in range(count):
            begun = time.perf_counter()
            with self.engine.connect() as connection:
                connection.execute(self.text).scalar()
            taken.append(1e6 * (time.perf_counter() - begun))
        return statistics.median(taken)


class Network:
    """Between a client and a server on this machine: what either sends arrives `delay` seconds later."""

    def __init__(self, port, delay):
        self.target = port
        self.delay = delay
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # it is closed
            server = socket.create_connection(("127.0.0.1", self.target))
            for here, there in ((client, server), (server, client)):
                here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.carry, args=(here, there), daemon=True).start()

    def carry(self, here, there):
        """A thread each way: what comes while it waits goes with what it waits for, as late as that."""
        try:
            while data := here.recv(1 << 20):
                time.sleep(self.delay)
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # either has gone

    def end(self):
        self.listener.close()


def measure(chunks):
    search.prepare(chunks)
    server = PostgresServer("shared_buffers = 1GB", "maintenance_work_mem = 1GB", "max_wal_size = 8GB")
    raglan = far = encrypted = bouncer = network = None
    try:
        url = server.url()
        raglan = search.Raglan(BINARY, search.WORK, url)
        report = {"chunks": chunks, "ingest": raglan.do("ingest"), "index": raglan.do("index")}
        raglan.do(f"hybrid {search.QUESTIONS}")  # warms up
        report["hybrid"] = [raglan.do("hybrid 1000") for _ in range(ROUNDS)]
        report["recall"] = raglan.do("recall")
        report["cpu"] = [raglan.do("cpu 1000") for _ in range(ROUNDS)]
        report["bulk"] = [[raglan.do(f"bulk {ids}") for _ in range(ROUNDS)] for ids in IDS]
        network = Network(server.port, ONE_WAY_SECONDS)
        far = search.Raglan(BINARY, search.WORK, url.replace(f":{server.port}/", f":{network.port}/"))
        report["far_bulk"] = [[far.do(f"bulk {ids}") for _ in range(ROUNDS)] for ids in IDS]
        bouncer = PgBouncer(server, pool_size=10, tls=True)
        encrypted = search.Raglan(BINARY, search.WORK, bouncer.url("postgres"))
        report["connect"] = connections(raglan, url)
        report["tls_connect"] = connections(encrypted, bouncer.url("postgres"))
        return report
    finally:
        for client in (raglan, far, encrypted):
            if client:
                client.process.stdin.close()
                client.process.wait()
        for other in (bouncer, network):
            if other:
                other.end()
        server.end()


def connections(raglan, url):
    theirs = SqlAlchemy(url)
    theirs.microseconds(100)  # warms up
    return [{**raglan.do("connect 100"), "sqlalchemy_us": theirs.microseconds(100)} for _ in range(ROUNDS)]


def summary(report):
    middle = statistics.median
    ingest = report["ingest"]
    figures = {
        "hybrid_p50_ms": middle(each["p50_ms"] for each in report["hybrid"]),
        "hybrid_p99_ms": middle(each["p99_ms"] for each in report["hybrid"]),
        "recall_at_10": report["recall"]["recall@10"],
        "cpu_raglan_us": middle(each["raglan_us"] for each in report["cpu"]),
        "cpu_libpq_and_scoring_us": middle(each["libpq_and_scoring_us"] for each in report["cpu"]),
        "cpu_libpq_us": middle(each["libpq_us"] for each in report["cpu"]),
        "cpu_ratio": middle(each["ratio"] for each in report["cpu"]),
        "cpu_ratio_without_scoring": middle(each["ratio_libpq"] for each in report["cpu"]),
        "ingest_chunks_per_s": ingest["chunks"] / ingest["seconds"],
        "index_s_after_ingest": report["index"]["seconds"],
    }
    for connect in ("connect", "tls_connect"):
        rounds = report[connect]
        figures[f"{connect}_opened_us"] = middle(each["opened"]["p50_us"] for each in rounds)
        figures[f"{connect}_pooled_us"] = middle(each["pooled"]["p50_us"] for each in rounds)
        figures[f"{connect}_sqlalchemy_us"] = middle(each["sqlalchemy_us"] for each in rounds)
        figures[f"{connect}_against_sqlalchemy"] = middle(
            each["pooled"]["p50_us"] / each["sqlalchemy_us"] for each in rounds)
    for name in ("posting_mb", "chunk_mb", "vector_mb", "vector_index_mb", "segments"):
        figures[name] = report["index"][name]
    for bulk in ("bulk", "far_bulk"):
        for ids, rounds in zip(IDS, report[bulk]):
            figures[f"{bulk}_{ids}_one_by_one_ms"] = middle(each["one_by_one_ms"] for each in rounds)
            figures[f"{bulk}_{ids}_at_once_ms"] = middle(each["at_once_ms"] for each in rounds)
            figures[f"{bulk}_{ids}_times"] = middle(each["one_by_one_ms"] / each["at_once_ms"] for each in rounds)
    return figures


def goals(figures):
    return [(f"recall_at_10 >= {RECALL_GOAL}", figures["recall_at_10"] >= RECALL_GOAL),
            (f"cpu_ratio <= {CPU_GOAL}", figures["cpu_ratio"] <= CPU_GOAL)]


if __name__ == "__main__":
    sys.exit(search.main("PostgreSQL with pgvector, SCRAM, {chunks} chunks (recombined real text)", measure, summary,
                         goals, LEAST_CHUNKS))
