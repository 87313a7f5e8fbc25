#!/usr/bin/env python3
"""Four tenants on four connections to PostgreSQL: a hundred thousand mixed requests, a fifth of them broken off.

usage: tenants.py [REQUESTS]

Nothing of another tenant may be in any reply. One of the slow tests: ./dev test-slow runs it.
"""

import asyncio
import json
import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import run  # noqa: E402
from postgres_test import WithPostgres  # noqa: E402

TENANTS = ("amber", "birch", "cedar", "delta")
CLIENTS = 32
BROKEN_OFF = 0.2
REQUESTS = 100_000


def mark(tenant):
    """What is in every text of a tenant, and in no other one's."""
    return f"property-of-{tenant}"


class Tenants(WithPostgres):
    def test_no_byte_of_another_tenant(self):
        keys = {}
        for tenant in TENANTS:
            made = run("keys", "create", "--tenant", tenant, "--scopes", "read,write", "--data", self.data,
                       env=self.environment())
            self.assertEqual(made.returncode, 0, made.stderr)
            keys[tenant] = made.stdout.strip()
        node = self.start_node("--set", "auth.mode=api_key", "--set", "store.pool.pool_size=4", "--set",
                               "store.pool.max_overflow=0")
        for tenant in TENANTS:
            documents = [{"id": f"d{i}", "title": mark(tenant), "metadata": {"owner": mark(tenant)},
                          "text": f"The ferry number {i} is {mark(tenant)}."} for i in range(20)]
            body = json.dumps({"documents": documents}).encode()
            reply = node.request("POST", "/v1/documents", body, {"authorization": f"Bearer {keys[tenant]}"})
            self.assertEqual(reply.status, 200)
        counts = asyncio.run(self.ask_all(node.port, keys))
        print(f"{counts}")
        self.assertEqual(counts["foreign"], 0)
        self.assertGreater(counts["own"], REQUESTS * (1 - BROKEN_OFF) * 0.8)
        self.assertGreater(counts["broken_off"], REQUESTS * BROKEN_OFF * 0.9)
        self.assertEqual(counts["unexpected"], 0)
        node.stop()

    def make_request(self, rng, tenant, key):
        i = rng.randrange(20)
        chosen = rng.random()
        method, path, body = "POST", "/v1/query", {"query": f"Whose is the ferry number {i}, {rng.randrange(50)}?"}
        if chosen < 0.2:
            body["cache"] = "bypass"
        elif chosen < 0.4:
            path, body = "/v1/search", {"query": f"ferry {i}", "filter": {"owner": mark(tenant)}}
        elif chosen < 0.6:
            method, path, body = "GET", f"/v1/documents/d{i}", None
        elif chosen < 0.7:
            method, path, body = "GET", "/v1/documents", None
        elif chosen < 0.71:
            path, body = "/v1/documents", {"id": f"e{i}", "text": f"The boat {rng.random()} is {mark(tenant)}."}
        data = b"" if body is None else json.dumps(body).encode()
        head = (f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n")
        return head.encode() + data

    async def ask_all(self, port, keys):
        counts = {"own": 0, "foreign": 0, "broken_off": 0, "unexpected": 0}
        left = iter(range(REQUESTS))
        await asyncio.gather(*(self.client(port, keys, random.Random(n), left, counts) for n in range(CLIENTS)))
        return counts

    async def client(self, port, keys, rng, left, counts):
        reader = writer = None
        for _ in left:
            tenant = rng.choice(TENANTS)
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            request = self.make_request(rng, tenant, keys[tenant])
            writer.write(request)
            if rng.random() < BROKEN_OFF:
                await asyncio.sleep(rng.random() * 0.02)
                writer.transport.abort()
                writer.close()
                writer = None
                counts["broken_off"] += 1
                continue
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))[15:])
            body = await reader.readexactly(length)
            foreign = any(mark(other).encode() in body for other in TENANTS if other != tenant)
            counts["foreign"] += foreign
            status = int(head[9:12])
            own = mark(tenant).encode() in body or request.startswith(b"POST /v1/documents")
            counts["own" if status == 200 and own else "unexpected"] += 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        REQUESTS = int(sys.argv.pop())
    unittest.main()
