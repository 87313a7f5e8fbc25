#!/usr/bin/env python3
"""Nodes that serve only who has credentials, and show each tenant its own."""

import base64
import concurrent.futures
import hashlib
import hmac
import http.server
import json
import subprocess
import threading
import time
import unittest

from handbook import HANDBOOK
from harness import CANARY, TemporaryFolderTest, run, wait_until

SECRET = f"{CANARY}-secret-of-more-than-32-bytes"
QUESTION = "When was the lighthouse built?"
EVERY_ROUTE = [
    ("POST", "/v1/query", {"query": QUESTION}),
    ("POST", "/v1/search", {"query": QUESTION}),
    ("POST", "/v1/chat/completions", {"model": "raglan", "messages": [{"role": "user", "content": QUESTION}]}),
    ("POST", "/v1/embeddings", {"model": "all-MiniLM-L6-v2", "input": "text"}),
    ("GET", "/v1/models", None),
    ("GET", "/v1/documents", None),
    ("POST", "/v1/documents", {"id": "x", "text": "y"}),
    ("GET", "/v1/documents/x", None),
    ("PUT", "/v1/documents/x", {"text": "y"}),
    ("DELETE", "/v1/documents/x", None),
    ("GET", "/v1/collections", None),
    ("POST", "/v1/collections", {"name": "c"}),
    ("GET", "/v1/collections/c", None),
    ("DELETE", "/v1/collections/c", None),
    ("GET", "/v1/jobs", None),
    ("GET", "/v1/jobs/j", None),
    ("DELETE", "/v1/jobs/j", None),
    ("POST", "/v1/sessions", {}),
    ("GET", "/v1/sessions/s", None),
    ("DELETE", "/v1/sessions/s", None),
    ("GET", "/admin/cache", None),
    ("DELETE", "/admin/cache", None),
    ("POST", "/admin/cache/warm", {"queries": [QUESTION]}),
    ("GET", "/admin/breakers", None),
    ("GET", "/admin/degradation", None),
    ("PUT", "/admin/degradation", {"mode": "auto"}),
    ("GET", "/admin/drain", None),  # of another method: a POST would end the node (health_test.py)
    ("GET", "/admin/keys", None),
    ("POST", "/admin/keys", {"tenant": "acme", "scopes": ["read"]}),
    ("DELETE", "/admin/keys/unknown", None),
    ("GET", "/metrics", None),
    ("GET", "/nowhere", None),
    ("GET", "/v1/nowhere", None),
]


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**more):
    return {"tenant": "acme", "scope": "read write", "exp": int(time.time()) + 600, **more}


def token(payload, header=None, sign=None):
    signed = encode(json.dumps(header or {"alg": "HS256"}).encode()) + "." + encode(json.dumps(payload).encode())
    sign = sign or (lambda message: hmac.new(SECRET.encode(), message, hashlib.sha256).digest())
    return signed + "." + encode(sign(signed.encode()))


class Client:
    """A node, asked with a token."""

    def __init__(self, node, bearer):
        self.node = node
        self.headers = {"content-type": "application/json", "authorization": f"Bearer {bearer}"}

    def ask(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        return self.node.request(method, path, data, {**self.headers, **headers})

    def get(self, path):
        return self.ask("GET", path)

    def post(self, path, body):
        return self.ask("POST", path, body)


class SharedSecret(TemporaryFolderTest):
    def setUp(self):
        super().setUp()
        self.node = self.start("--set", "auth.mode=jwt", "--set", "auth.audience=raglan",
                               env={"RAGLAN_AUTH__SECRET": SECRET}, listen="0.0.0.0:0", wait=False)
        self.node.host = "127.0.0.1"
        self.node.wait_started()

    def client(self, **more):
        return Client(self.node, token(claims(aud="raglan", **more)))

    def test_probes_are_open_and_nothing_else(self):
        for path in ("/health", "/ready", "/startup"):
            self.assertEqual(self.node.get(path).status, 200)
        bodies = set()
        for method, path, body in EVERY_ROUTE:
            for bearer in (None, "", "x", "a.b.c", token(claims(aud="other")), token(claims(aud="raglan", exp=1))):
                headers = {"x-request-id": "same"} | ({} if bearer is None else {"authorization": f"Bearer {bearer}"})
                reply = self.node.request(method, path, body and json.dumps(body).encode(), headers)
                self.assertEqual(reply.status, 401, (method, path, bearer))
                self.assertEqual(reply.headers["www-authenticate"], "Bearer")
                bodies.add(reply.body)
        self.assertEqual(len(bodies), 1)
        self.node.stop()

    def test_scopes_say_what_may_be_done(self):
        reader, writer, admin, nobody = (self.client(scope=scope) for scope in ("read", "write", "admin", ""))
        for method, path, body in EVERY_ROUTE:
            allowed = {client for client, name in ((reader, "read"), (writer, "write"), (admin, "admin"))
                       if name == self.scope_of(method, path)}
            for client in (reader, writer, admin, nobody):
                status = client.ask(method, path, body).status
                if client in allowed:
                    self.assertNotIn(status, (401, 403), (method, path))
                else:
                    self.assertEqual(status, 403, (method, path))
        self.node.stop()

    @staticmethod
    def scope_of(method, path):
        if not path.startswith("/v1/"):
            return "admin"
        writes = path.startswith(("/v1/documents", "/v1/collections", "/v1/jobs")) and method != "GET"
        return "write" if writes else "read"

    def test_only_an_administrator_has_a_node_end(self):
        self.assertEqual(self.node.post("/admin/drain", {}).status, 401)
        for scope in ("read", "write", "read write"):
            self.assertEqual(self.client(scope=scope).post("/admin/drain", {}).status, 403)
        self.assertEqual(self.node.get("/ready").status, 200)
        reply = self.client(scope="admin").post("/admin/drain", {})
        self.assertEqual((reply.status, reply.json["status"]), (202, "draining"))
        self.assertEqual(self.node.wait_end(), 0)

    def test_the_load_is_told_whoever_asks(self):
        for reply in (self.node.get("/ready"), self.node.get("/v1/models"), self.client().get("/v1/models")):
            self.assertEqual(reply.headers["x-raglan-load"], "0")
        self.node.stop()

    def test_another_tenants_is_as_if_it_were_not_there(self):
        acme, other = self.client(), self.client(tenant="other")
        self.assertEqual(acme.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
        self.assertEqual(acme.post("/v1/collections", {"name": "secret"}).status, 201)
        identifier = acme.get("/v1/documents").json["documents"][0]["id"]
        session = acme.post("/v1/sessions", {}).json["id"]
        queued = acme.post("/v1/documents?wait=queued", {"text": "Later."}).json["job"]["id"]
        same = {"x-request-id": "same"}
        for method, known, unknown, body in (
            ("GET", f"/v1/documents/{identifier}", "/v1/documents/unknown", None),
            ("DELETE", f"/v1/documents/{identifier}", "/v1/documents/unknown", None),
            ("GET", "/v1/collections/secret", "/v1/collections/unknown", None),
            ("DELETE", "/v1/collections/secret", "/v1/collections/unknown", None),
            ("GET", f"/v1/jobs/{queued}", "/v1/jobs/unknown", None),
            ("DELETE", f"/v1/jobs/{queued}", "/v1/jobs/unknown", None),
            ("GET", f"/v1/sessions/{session}", "/v1/sessions/unknown", None),
            ("DELETE", f"/v1/sessions/{session}", "/v1/sessions/unknown", None),
            ("GET", "/v1/documents?collection=secret", "/v1/documents?collection=unknown", None),
        ):
            theirs, nobodys = (other.ask(method, path, body, **same) for path in (known, unknown))
            self.assertEqual(theirs.status, 404, known)
            self.assertEqual(theirs.body, nobodys.body)
        for keep_in in ("store", "token"):
            known = acme.post("/v1/sessions", {"keep_in": keep_in}).json["id"]
            ask = [other.ask("POST", "/v1/query", {"query": QUESTION, "session_id": each}, **same) for each in (known, "x")]
            self.assertEqual((ask[0].status, ask[0].body), (404, ask[1].body))
        for collection in ("default", "secret"):
            asked = {"query": QUESTION, "collection": collection}
            self.assertEqual(other.post("/v1/query", asked).status, 404)
        self.assertEqual(other.get("/v1/collections").json, {"collections": []})
        self.assertEqual(acme.post("/v1/query", {"query": QUESTION}).status, 200)
        mine = {"id": identifier, "text": "The lighthouse of the others was built in 3000."}
        self.assertEqual(other.post("/v1/documents", mine).json["documents"][0]["state"], "indexed")
        self.assertIn("3000", other.post("/v1/query", {"query": QUESTION}).json["answer"])
        answer = acme.post("/v1/query", {"query": QUESTION}).json
        self.assertEqual(answer["cache"]["status"], "hit")
        self.assertIn("1847", answer["answer"])
        self.node.stop()

    def test_many_tenants_at_once_get_nothing_of_each_other(self):
        tenants = [f"tenant{i}" for i in range(4)]
        for tenant in tenants:
            documents = [{"id": f"d{i}", "text": f"The ferry number {i} belongs to {tenant}."} for i in range(5)]
            self.client(tenant=tenant).post("/v1/documents", {"documents": documents})

        def ask(i):
            tenant = tenants[i % 4]
            reply = self.client(tenant=tenant).post("/v1/query", {"query": f"Whose is the ferry number {i % 5}?"})
            return reply.status, tenant, {source["text"].rpartition(" ")[2] for source in reply.json["sources"]}

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for status, tenant, owners in pool.map(ask, range(200)):
                self.assertEqual((status, owners), (200, {f"{tenant}."}))
        self.node.stop()

    def test_the_tier_is_the_tokens(self):
        admin = self.client(scope="admin")
        self.assertEqual(admin.ask("PUT", "/admin/degradation", {"mode": "manual", "level": 2}).status, 200)
        vip, free = self.client(tier="vip"), self.client()
        vip.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.assertEqual(vip.post("/v1/query", {"query": QUESTION}).json["degraded"]["level"], 0)
        self.assertEqual(free.post("/v1/query", {"query": "Who keeps the lighthouse?"}).json["degraded"]["level"], 2)
        self.assertEqual(admin.get("/metrics").text.count('raglan_auth_total{result="accepted"}'), 1)
        self.node.stop()

    def test_the_command_line_brings_a_token(self):
        url = f"http://127.0.0.1:{self.node.port}"
        pages = self.folder / "pages"
        pages.mkdir()
        (pages / "page.md").write_text("# Harbour\n\nThe harbour master is called Ngaio.")
        bearer = token(claims(aud="raglan"))
        self.assertNotEqual(run("ingest", pages, "--url", url).returncode, 0)
        ingested = run("ingest", pages, "--url", url, "--token", bearer)
        self.assertEqual(ingested.returncode, 0, ingested.stderr)
        asked = run("ask", "Who is the harbour master?", "--url", url, "--token", bearer)
        self.assertIn("Ngaio", asked.stdout, asked.stderr)
        self.node.stop()


class Issuer:
    """Publishes the keys that it signs with, over HTTP; Ed25519, by openssl."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = {}
        self.fetches = 0
        self.broken = False
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetches += 1
                self.send_response(500 if issuer.broken else 200)
                body = json.dumps({"keys": list(issuer.keys.values())}).encode()
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    def openssl(self, *words):
        return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True).stdout

    def private(self, name):
        return self.folder / f"{name}.pem"

    def new_key(self, name, publish=True):
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", self.private(name))
        raw = self.openssl("pkey", "-in", self.private(name), "-pubout", "-outform", "DER")[-32:]
        if publish:
            self.keys[name] = {"kty": "OKP", "crv": "Ed25519", "kid": name, "x": encode(raw)}

    def token(self, name, **more):
        def sign(message):
            text = self.folder / "message"
            text.write_bytes(message)
            return self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.private(name), "-in", text)

        return token(claims(**more), {"alg": "EdDSA", "kid": name}, sign)

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class PublishedKeys(TemporaryFolderTest):
    def setUp(self):
        super().setUp()
        self.issuer = Issuer(self.folder)
        self.addCleanup(self.issuer.end)
        self.issuer.new_key("first")

    def start_node(self, *options):
        return self.start("--set", "auth.mode=jwt", "--set", f"auth.jwks_url={self.issuer.url}", *options)

    def status(self, node, bearer):
        return Client(node, bearer).get("/v1/collections").status

    def test_keys_are_fetched_once_and_again_for_one_that_is_new(self):
        node = self.start_node()
        for _ in range(10):
            self.assertEqual(self.status(node, self.issuer.token("first")), 200)
        self.assertEqual(self.issuer.fetches, 1)
        self.issuer.new_key("unpublished", publish=False)
        for _ in range(5):  # whoever invents keys has us ask no more often
            self.assertEqual(self.status(node, self.issuer.token("unpublished")), 401)
        self.assertEqual(self.issuer.fetches, 1)  # it was a moment ago
        node.stop()

    def test_a_rotated_key_is_accepted_and_the_old_one_no_more(self):
        node = self.start_node("--set", "auth.jwks_refresh=1s")
        old = self.issuer.token("first")
        self.assertEqual(self.status(node, old), 200)
        self.issuer.keys = {}
        self.issuer.new_key("second")
        new = self.issuer.token("second")
        wait_until(lambda: self.status(node, new) == 200, "the new key is known")
        self.assertEqual(self.status(node, old), 401)
        node.stop()

    def test_an_issuer_that_is_away_keeps_nobody_out_who_was_in(self):
        node = self.start_node("--set", "auth.jwks_refresh=1s")
        good = self.issuer.token("first")
        self.assertEqual(self.status(node, good), 200)
        self.issuer.broken = True
        before = self.issuer.fetches
        wait_until(lambda: self.status(node, good) == 200 and self.issuer.fetches > before, "it was asked again")
        self.assertEqual(self.status(node, good), 200)
        node.stop()

    def test_without_any_keys_a_node_cannot_tell(self):
        self.issuer.broken = True
        node = self.start_node()
        self.assertEqual(self.status(node, self.issuer.token("first")), 503)
        self.assertEqual(node.get("/health").status, 200)
        self.issuer.broken = False
        wait_until(lambda: self.status(node, self.issuer.token("first")) == 200, "the keys are read")
        node.stop()


class ApiKeys(TemporaryFolderTest):
    REVOKED_AFTER_S = 5

    def make(self, *options):
        made = run("keys", "create", "--data", self.data, *options)
        self.assertEqual(made.returncode, 0, made.stderr)
        return made.stdout.strip()

    def start_node(self, mode="api_key", **keywords):
        return self.start("--set", f"auth.mode={mode}", **keywords)

    def test_a_key_is_made_used_listed_and_revoked_on_nodes_that_share_a_store(self):
        admin_key = self.make("--scopes", "admin", "--name", "the first")
        one, two = self.start_node(), self.start_node()
        admin = Client(one, admin_key)
        self.assertEqual(Client(two, admin_key).get("/admin/keys").status, 200)  # it knows the keys that there are
        made = admin.post("/admin/keys", {"tenant": "acme", "scopes": ["read", "write"], "tier": "vip", "name": "ci"})
        self.assertEqual(made.status, 201, made.body)
        self.assertEqual(made.headers["cache-control"], "no-store")
        key = made.json["key"]
        self.assertRegex(key, "^rgl_[A-Za-z0-9_-]{43}$")
        self.assertEqual(Client(one, key).get("/v1/documents").status, 404)  # at once where it was made
        wait_until(lambda: Client(two, key).get("/v1/documents").status == 404, "the other node knows", seconds=2)
        for node in (one, two):
            self.assertEqual(Client(node, key).get("/v1/documents").status, 404)
            self.assertEqual(Client(node, key).get("/admin/cache").status, 403)
        self.assertEqual(Client(two, key).post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
        self.assertIn("1847", Client(one, key).post("/v1/query", {"query": QUESTION}).json["answer"])
        self.assertEqual(admin.post("/v1/query", {"query": QUESTION}).status, 403)

        listed = admin.get("/admin/keys")
        self.assertEqual([(entry["name"], entry["tenant"], entry["tier"], entry["scopes"])
                          for entry in listed.json["keys"]],
                         [("the first", "default", "paid", ["admin"]), ("ci", "acme", "vip", ["read", "write"])])
        self.assertNotIn(key, listed.text)
        self.assertEqual(listed.json["keys"][1]["begins_with"], key[:8])
        self.assertEqual(listed.json["keys"][1]["id"], made.json["id"])
        for file in self.data.rglob("*"):
            if file.is_file():
                self.assertNotIn(key[8:].encode(), file.read_bytes(), file)

        revoked = admin.ask("DELETE", f"/admin/keys/{made.json['id']}")
        self.assertEqual(revoked.json, {"id": made.json["id"], "revoked": True})
        at = time.monotonic()
        self.assertEqual(Client(one, key).get("/v1/documents").status, 401)
        wait_until(lambda: Client(two, key).get("/v1/documents").status == 401, "the other node knows")
        self.assertLessEqual(time.monotonic() - at, self.REVOKED_AFTER_S)
        self.assertEqual(admin.ask("DELETE", f"/admin/keys/{made.json['id']}").status, 404)
        for node in (one, two):
            self.assertNotIn(key[8:], node.log())
            node.stop()

    def test_the_command_line_lists_and_revokes(self):
        key = self.make("--scopes", "read,write", "--tenant", "acme")
        node = self.start_node()
        listed = run("keys", "list", "--data", self.data)
        self.assertIn("acme", listed.stdout)
        self.assertNotIn(key, listed.stdout)
        self.assertEqual(Client(node, key).get("/v1/collections").status, 200)
        identifier = listed.stdout.split()[0]
        self.assertEqual(run("keys", "revoke", identifier, "--data", self.data).returncode, 0)
        wait_until(lambda: Client(node, key).get("/v1/collections").status == 401, "it is refused",
                   seconds=self.REVOKED_AFTER_S)
        again = run("keys", "revoke", identifier, "--data", self.data)
        self.assertEqual(again.returncode, 1)
        self.assertIn("no such API key", again.stderr)
        node.stop()

    def test_a_key_expires(self):
        admin = Client(self.start_node(), self.make("--scopes", "admin"))
        made = admin.post("/admin/keys", {"tenant": "acme", "scopes": ["read"], "expires_in_s": 2}).json
        client = Client(admin.node, made["key"])
        self.assertEqual(client.get("/v1/collections").status, 200)
        wait_until(lambda: client.get("/v1/collections").status == 401, "it has expired", seconds=5)
        self.assertEqual(len(admin.get("/admin/keys").json["keys"]), 1)
        admin.node.stop()

    def test_each_mode_takes_its_own_credentials(self):
        key, bearer = self.make(), token(claims())
        for mode, takes_key, takes_token in (("api_key", True, False), ("jwt", False, True), ("any", True, True)):
            env = {"RAGLAN_AUTH__SECRET": SECRET} if takes_token else {}
            node = self.start_node(mode, env=env)
            for credential, taken in ((key, takes_key), (bearer, takes_token)):
                status = Client(node, credential).get("/v1/collections").status
                self.assertEqual(status, 200 if taken else 401, (mode, credential[:4]))
            node.stop()

    def test_bad_input_is_told_and_makes_no_key(self):
        admin = Client(self.start_node(), self.make("--scopes", "admin"))
        good = {"tenant": "acme", "scopes": ["read"]}
        for change, parameter in (
            ({"tenant": ""}, "/tenant"), ({"tenant": "a\nb"}, "/tenant"), ({"tenant": None}, "/tenant"),
            ({"scopes": []}, "/scopes"), ({"scopes": ["root"]}, "/scopes"), ({"scopes": "read"}, "/scopes"),
            ({"scopes": [1]}, "/scopes"), ({"tier": "ingest"}, "/tier"), ({"expires_in_s": 0}, "/expires_in_s"),
            ({"name": "x" * 201}, "/name"), ({"unknown": 1}, "/unknown"),
        ):
            reply = admin.post("/admin/keys", good | change)
            self.assertEqual((reply.status, reply.error["param"]), (422, parameter), change)
        self.assertEqual(len(admin.get("/admin/keys").json["keys"]), 1)
        for credential in ("rgl_", "rgl_" + "A" * 43, self.make()[:-1], self.make() + "A"):
            self.assertEqual(Client(admin.node, credential).get("/v1/collections").status, 401)
        admin.node.stop()


class Settings(TemporaryFolderTest):
    def test_what_is_missing_or_weak_is_said_at_the_start(self):
        for options, expected in (
            (["auth.mode=jwt"], "need one of jwks_url"),
            (["auth.mode=any"], "need one of jwks_url"),
            (["auth.mode=jwt", "auth.secret=short"], "at least 32 bytes"),
            (["auth.mode=jwt", f"auth.public_key_file={self.folder}/none"], "cannot be read"),
            (["auth.mode=jwt", "auth.jwks_url=ftp://x"], "http:// or https://"),
            (["auth.leeway=61s"], "at most"),
        ):
            words = [word for option in options for word in ("--set", option)]
            failed = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", *words)
            self.assertNotEqual(failed.returncode, 0)
            self.assertIn(expected, failed.stderr)


if __name__ == "__main__":
    unittest.main()
