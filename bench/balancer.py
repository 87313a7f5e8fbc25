"""The load balancer against HAProxy and nginx: CPU time of a proxied request, memory of an idle connection.

    .deps/venv/bin/python bench/balancer.py [--rounds N] [--seconds S]

All three stand in front of the same two servers, which answer with 1 KB of JSON, with the same features on: one
thread, least connections, health checks (nginx has passive ones alone), kept-alive connections to both sides,
X-Forwarded-For and -Proto, and a request id in requests and answers. wrk keeps 64, and 512, connections busy; the
proxy's CPU time, user and system, is what the kernel says its threads ran. They take turns, and what counts is the
median of the ratios of neighbouring runs.

Memory: what the process grows by (not the kernel) while 4,000 clients that have asked once keep their connections
open. Exits 2 on a missed goal.
"""

import argparse
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from http_core import free_port, measure, wait_until_served

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEERS = ROOT / ".deps/tools"
CPU_GOAL = 0.9  # times HAProxy's
MEMORY_GOAL = 1.0
BODY_BYTES = 1024
IDLE_CONNECTIONS = 4000
ROUNDS_OF_MEMORY = 3

NGINX_CONFIG = """
daemon off;
worker_processes {workers};
pid {folder}/{name}.pid;
error_log {folder}/{name}.log;
{user}
events {{ worker_connections 12000; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {rest}
}}
"""
ORIGIN = """server {{ {listen} location / {{ return 200 '{body}'; }} }}"""
PROXY = """
  upstream origin {{
    least_conn;
    {servers}
    keepalive 600;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Id $request_id;
      add_header X-Request-Id $request_id;
    }}
  }}
"""
HAPROXY_CONFIG = """
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout client 600s
  timeout server 60s
  timeout connect 5s
  timeout http-request 10s
  timeout http-keep-alive 600s
  option forwardfor
frontend clients
  bind 127.0.0.1:{port}
  unique-id-format %[uuid()]
  unique-id-header x-request-id
  http-request set-header x-forwarded-proto http
  http-response set-header x-request-id %[unique-id]
  default_backend nodes
backend nodes
  balance leastconn
  http-reuse always
  option httpchk GET /
  {servers}
"""


class Process:
    def __init__(self, name, command, port, environment=None):
        self.name = name
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"
        wait_until_served(self.url)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def libraries():
    """The environment of a program that was unpacked and not installed."""
    paths = [str(path) for path in PEERS.glob("*/usr/lib/*-linux-gnu")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(paths)}


def nginx(name, folder, port, workers, rest):
    program = PEERS / "nginx/usr/sbin/nginx"
    config = pathlib.Path(folder, f"{name}.conf")
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(NGINX_CONFIG.format(folder=folder, name=name, workers=workers, user=user, rest=rest))
    command = [program if program.exists() else shutil.which("nginx"), "-p", folder, "-c", config, "-e", f"{folder}/e"]
    return Process(name, command, port)


def start_origin(folder, ports):
    listen = " ".join(f"listen 127.0.0.1:{port};" for port in ports)
    body = '{"text":"' + "x" * (BODY_BYTES - 11) + '"}'
    return nginx("origin", folder, ports[0], 1, ORIGIN.format(listen=listen, body=body))


def start_raglan(program, folder, origin_ports):
    port = free_port()
    upstreams = [option for each in origin_ports for option in ("--upstream", f"http://127.0.0.1:{each}")]
    command = [program, "balance", "--data", folder, "--listen", f"127.0.0.1:{port}", *upstreams]
    command += ["--strategy", "least_connections", "--set", "balancer.threads=1", "--set", "balancer.health.path=/"]
    command += ["--set", "balancer.idle_timeout=600s"]
    return Process("Raglan", command, port)


def start_haproxy(folder, origin_ports):
    port = free_port()
    config = pathlib.Path(folder, "haproxy.cfg")
    servers = "\n  ".join(f"server s{each} 127.0.0.1:{each} check inter 10s" for each in origin_ports)
    config.write_text(HAPROXY_CONFIG.format(port=port, servers=servers))
    program = PEERS / "haproxy/usr/sbin/haproxy"
    if not program.exists():
        program = shutil.which("haproxy")
    return Process("HAProxy", [program, "-f", config, "-db"], port, libraries())


def start_nginx(folder, origin_ports):
    port = free_port()
    servers = "\n    ".join(f"server 127.0.0.1:{each};" for each in origin_ports)
    return nginx("nginx", folder, port, 1, PROXY.format(port=port, servers=servers))


def compare_cpu(proxies, connections, rounds, seconds):
    for proxy in proxies:
        measure(proxy, 1, connections=connections)  # warm up
    results = {proxy.name: [] for proxy in proxies}
    for number in range(rounds):
        turned = proxies[number % len(proxies) :] + proxies[: number % len(proxies)]
        for proxy in turned:
            results[proxy.name].append(measure(proxy, seconds, connections=connections))
        line = ", ".join(f"{name} {runs[-1][0]:.2f} µs ({runs[-1][1]:.0f}/s)" for name, runs in results.items())
        print(f"  {connections} connections, round {number + 1}: {line}", flush=True)
    ours = [microseconds for microseconds, _ in results["Raglan"]]
    print(f"CPU time of one request, {connections} connections, medians: " +
          ", ".join(f"{name} {statistics.median(each for each, _ in runs):.2f} µs" for name, runs in results.items()))
    ratios = {}
    for name, runs in results.items():
        if name == "Raglan":
            continue
        ratios[name] = statistics.median(mine / theirs for mine, (theirs, _) in zip(ours, runs))
        print(f"  median ratio to {name}: {ratios[name]:.3f}" +
              (f"  (goal: at most {CPU_GOAL})" if name == "HAProxy" else "  (goal: at most 1.0)"))
    return ratios["HAProxy"] <= CPU_GOAL and max(ratios.values()) <= 1.0


def resident_bytes(pid):
    """Of the process and its children."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        pids += [int(child) for child in (task / "children").read_text().split()]
    pages = sum(int(pathlib.Path(f"/proc/{each}/statm").read_text().split()[1]) for each in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")


def ask_once(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    received = b""
    while b"\r\n\r\n" not in received or len(received) - received.index(b"\r\n\r\n") - 4 < BODY_BYTES:
        part = connection.recv(65536)
        if not part:
            raise SystemExit("a proxy closed a connection")
        received += part


def memory(proxy):
    """Bytes by which the process grows for one idle connection."""
    before = resident_bytes(proxy.process.pid)
    connections = []
    for _ in range(IDLE_CONNECTIONS):
        connections.append(socket.create_connection(("127.0.0.1", proxy.port)))
        ask_once(connections[-1])
    grown = resident_bytes(proxy.process.pid) - before
    for connection in connections:
        connection.close()
    return grown / IDLE_CONNECTIONS


def compare_memory(start, rounds):
    """A fresh process each time: what was given back once is not asked of the system again."""
    results = {}
    for _ in range(rounds):
        for each in start:
            proxy = each()
            results.setdefault(proxy.name, []).append(memory(proxy))
            proxy.stop()
    medians = {name: statistics.median(values) for name, values in results.items()}
    print("memory of an idle connection, medians: " +
          ", ".join(f"{name} {value:.0f} bytes" for name, value in medians.items()))
    ratio = medians["Raglan"] / medians["HAProxy"]
    print(f"  ratio to HAProxy: {ratio:.3f}  (goal: at most {MEMORY_GOAL})")
    return ratio <= MEMORY_GOAL


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/raglan")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None or not (PEERS / "haproxy").exists():
        raise SystemExit("HAProxy, nginx and wrk are needed: ./dev bench gets them")
    with tempfile.TemporaryDirectory() as folder:
        origin_ports = [free_port(), free_port()]
        origin = start_origin(folder, origin_ports)
        start = [
            lambda: start_raglan(arguments.program, folder, origin_ports),
            lambda: start_haproxy(folder, origin_ports),
            lambda: start_nginx(folder, origin_ports),
        ]
        proxies = [each() for each in start]
        time.sleep(2)  # all nodes are found well
        met = [compare_cpu(proxies, connections, arguments.rounds, arguments.seconds) for connections in (64, 512)]
        for proxy in proxies:
            proxy.stop()
        met.append(compare_memory(start, ROUNDS_OF_MEMORY))
        origin.stop()
    return 0 if all(met) else 2


if __name__ == "__main__":
    sys.exit(main())
