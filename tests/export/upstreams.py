"""Small HTTP servers that stand in for nodes: they count what comes, and misbehave when told to."""

import contextlib
import http.server
import json
import select
import socket
import threading

PATIENCE_SECONDS = 60
EVENTS = 4


class Upstream:
    """A node, as a balancer sees one.

    `ready`: what /ready says. `fault`: None; "close", connections end without an answer; "busy",
    everything is answered 503 with Retry-After. GET /stream are events, one for each release of
    `may_send`; /slow is answered after one. Checks of /ready are not among `requests`.
    """

    def __init__(self, name):
        self.name = name
        self.ready = True
        self.fault = None
        self.requests = []  # (method, path, headers, length of the body), as they come
        self.connections = 0
        self.clients_gone = threading.Semaphore(0)  # streams whose client went away
        self.may_send = threading.Semaphore(0)  # one permit, one event of a stream
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def stop(self):
        """No connection is taken any more."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()
            self.server = None

    def _handler(upstream):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                upstream.connections += 1

            def log_message(self, *arguments):
                pass

            def answer(self):
                if self.path == "/ready":
                    return self.reply(200 if upstream.ready else 503, {"status": "ready" if upstream.ready else "starting"})
                body = self.read_body()
                upstream.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, len(body)))
                if upstream.fault == "close":
                    self.close_connection = True
                    return None
                if upstream.fault == "busy":
                    return self.reply(503, {"error": {"code": "overloaded"}}, {"retry-after": "7"})
                if self.path == "/stream":
                    return self.stream()
                if self.path == "/slow" and not self.may_send():
                    return None
                return self.reply(200, {"node": upstream.name})

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def read_body(self):
                if self.headers.get("transfer-encoding", "") != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length", 0)))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def reply(self, status, value, headers=None):
                body = json.dumps(value).encode()
                self.send_response(status)
                for name, text in {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, text)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def stream(self):
                """Server-sent events, each when it may be sent; an end as soon as nobody listens."""
                self.send_response(200)
                for name, text in {"content-type": "text/event-stream", "transfer-encoding": "chunked"}.items():
                    self.send_header(name, text)
                self.end_headers()
                for number in range(EVENTS):
                    if not self.may_send():
                        return
                    event = f"data: {number}\n\n".encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.write(b"0\r\n\r\n")

            def may_send(self):
                """Waits for a permit; false when there is nobody any more to send to."""
                while not upstream.may_send.acquire(timeout=0.02):
                    if self.client_is_gone():
                        upstream.clients_gone.release()
                        self.close_connection = True
                        return False
                return True

            def client_is_gone(self):
                readable, _, _ = select.select([self.connection], [], [], 0)
                try:
                    return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
                except OSError:
                    return True

        return Handler
