"""The store in PostgreSQL: searches over 100,000 chunks, connections, bulk reads.

    .deps/venv/bin/python bench/postgres.py [--chunks N] [--json]

Needs what bench/search.py needs (its head says what is made and what is real), and starts a PostgreSQL
with pgvector of its own, with passwords by SCRAM over TCP and without TLS, which that build has not, on
this machine: server and client share the processors, and there is no network between them.

  hybrid    a search of both sides with its ten passages, one at a time: p50 and p99
  recall    of the ten nearest by the HNSW index against the exact ones
  cpu       processor time of the client for a search, against the same statements sent by plain libpq
            and their rows dropped
  connect   a small query on a connection of the pool (which is tried first, as pool_pre_ping says),
            against one that is opened for it; SQLAlchemy's pool with psycopg beside it
  bulk      the same ids looked up one by one and by one statement
Exits 2 on a missed goal.
"""

import statistics
import sys
import time

import search

sys.path.insert(0, str(search.ROOT / "tests/node"))
from postgres_server import PostgresServer  # noqa: E402

BINARY = search.ROOT / "build/postgres_bench"
LEAST_CHUNKS = 20_000  # from which a collection gets an index
ROUNDS = 5
RECALL_GOAL = 0.95
CPU_GOAL = 1.2
IDS = (5, 50, 500)


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


def measure(chunks):
    search.prepare(chunks)
    server = PostgresServer("shared_buffers = 1GB", "maintenance_work_mem = 1GB", "max_wal_size = 8GB")
    raglan = None
    try:
        url = server.url()
        raglan = search.Raglan(BINARY, search.WORK, url)
        report = {"chunks": chunks, "ingest": raglan.do("ingest"), "index": raglan.do("index")}
        raglan.do(f"hybrid {search.QUESTIONS}")  # warms up
        report["hybrid"] = [raglan.do("hybrid 1000") for _ in range(ROUNDS)]
        report["recall"] = raglan.do("recall")
        report["cpu"] = [raglan.do("cpu 1000") for _ in range(ROUNDS)]
        report["bulk"] = [[raglan.do(f"bulk {ids}") for _ in range(ROUNDS)] for ids in IDS]
        theirs = SqlAlchemy(url)
        theirs.microseconds(100)
        report["connect"] = [
            {**raglan.do("connect 100"), "sqlalchemy_us": theirs.microseconds(100)} for _ in range(ROUNDS)
        ]
        return report
    finally:
        if raglan:
            raglan.process.stdin.close()
            raglan.process.wait()
        server.end()


def summary(report):
    middle = statistics.median
    ingest = report["ingest"]
    figures = {
        "hybrid_p50_ms": middle(each["p50_ms"] for each in report["hybrid"]),
        "hybrid_p99_ms": middle(each["p99_ms"] for each in report["hybrid"]),
        "recall_at_10": report["recall"]["recall@10"],
        "cpu_raglan_us": middle(each["raglan_us"] for each in report["cpu"]),
        "cpu_libpq_us": middle(each["libpq_us"] for each in report["cpu"]),
        "cpu_ratio": middle(each["ratio"] for each in report["cpu"]),
        "ingest_chunks_per_s": ingest["chunks"] / ingest["seconds"],
        "index_s_after_ingest": report["index"]["seconds"],
        "connect_opened_us": middle(each["opened"]["p50_us"] for each in report["connect"]),
        "connect_pooled_us": middle(each["pooled"]["p50_us"] for each in report["connect"]),
        "connect_sqlalchemy_us": middle(each["sqlalchemy_us"] for each in report["connect"]),
        "pooled_against_sqlalchemy": middle(
            each["pooled"]["p50_us"] / each["sqlalchemy_us"] for each in report["connect"]),
    }
    for name in ("posting_mb", "chunk_mb", "vector_mb", "vector_index_mb", "segments"):
        figures[name] = report["index"][name]
    for ids, rounds in zip(IDS, report["bulk"]):
        figures[f"bulk_{ids}_times"] = middle(each["one_by_one_ms"] / each["at_once_ms"] for each in rounds)
    return figures


def goals(figures):
    return [(f"recall_at_10 >= {RECALL_GOAL}", figures["recall_at_10"] >= RECALL_GOAL),
            (f"cpu_ratio <= {CPU_GOAL}", figures["cpu_ratio"] <= CPU_GOAL)]


if __name__ == "__main__":
    sys.exit(search.main("PostgreSQL with pgvector, SCRAM, {chunks} chunks (recombined real text)", measure, summary,
                         goals, LEAST_CHUNKS))
