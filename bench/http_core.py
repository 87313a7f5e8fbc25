"""CPU time of one request: Raglan's HTTP core against nginx's `return 200` of the same bytes.

    .deps/venv/bin/python bench/http_core.py [--rounds N] [--seconds S]

A kept-alive GET that is answered with 1 KB of JSON, by one worker (nginx's process, our event loop) and
by two. wrk makes and counts the requests; the server's CPU time, user and system, is what the kernel
says its threads ran. Not requests per second: on a small machine wrk competes with the server for the
cores, which moves throughput but hardly the CPU time of one request. The two take turns, and what counts
is the median of the ratios of neighbouring runs. Exits 2 on a missed goal.
"""

import argparse
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
NGINX = ROOT / ".deps/tools/nginx/usr/sbin/nginx"
GOAL = 1.3
BODY_BYTES = 1024
CONNECTIONS = 64

NGINX_CONFIG = """
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {parts}
    location / {{ return 200 "{names}"; }}
  }}
}}
"""


def run_nanoseconds(pid):
    """What all threads of a process and of its children have run, in user and kernel mode."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    own = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())
    children = (task / "children" for task in tasks.iterdir())
    return own + sum(run_nanoseconds(child) for file in children for child in file.read_text().split())


def get(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.headers["content-type"], response.read()


class Raglan:
    name = "Raglan"

    def __init__(self, program, workers, folder):
        self.process = subprocess.Popen([program, str(BODY_BYTES), str(workers)], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1] + "/"

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Nginx:
    name = "nginx"

    def __init__(self, program, workers, folder, body):
        port = free_port()
        config = pathlib.Path(folder, f"nginx-{workers}.conf")
        user = "user root;" if os.geteuid() == 0 else ""
        # One parameter of its configuration may have 4 KB.
        parts = [body[at : at + 4000] for at in range(0, len(body), 4000)]
        settings = " ".join(f"set $part{i} '{part}';" for i, part in enumerate(parts))
        names = "".join(f"${{part{i}}}" for i in range(len(parts)))
        config.write_text(NGINX_CONFIG.format(workers=workers, folder=folder, port=port, parts=settings, names=names,
                                              user=user))
        self.process = subprocess.Popen([program, "-p", folder, "-c", config, "-e", f"{folder}/error.log"])
        self.url = f"http://127.0.0.1:{port}/"
        wait_until_served(self.url)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_served(url):
    for _ in range(200):
        try:
            return get(url)
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing listens on {url}")


def measure(server, seconds, script=None, connections=CONNECTIONS):
    """CPU microseconds of one request, and requests per second."""
    before = run_nanoseconds(server.process.pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *(["-s", script] if script else []), server.url]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    spent = run_nanoseconds(server.process.pid) - before
    if re.search(r"Non-2xx|Socket errors", said):
        raise SystemExit(f"{server.name} failed requests:\n{said}")
    requests = int(re.search(r"(\d+) requests in", said)[1])
    return spent / requests / 1000, requests / seconds


def compare(workers, raglan_program, nginx_program, rounds, seconds):
    with tempfile.TemporaryDirectory() as folder:
        raglan = Raglan(raglan_program, workers, folder)
        content_type, body = get(raglan.url)
        nginx = Nginx(nginx_program, workers, folder, body.decode())
        assert get(nginx.url) == (content_type, body), "the two answers differ"
        for server in (raglan, nginx):
            measure(server, 1)  # warm up
        pairs = []
        for number in range(rounds):
            order = (raglan, nginx) if number % 2 == 0 else (nginx, raglan)
            results = {server.name: measure(server, seconds) for server in order}
            (ours, our_rate), (theirs, their_rate) = results["Raglan"], results["nginx"]
            pairs.append((ours, theirs))
            print(
                f"  {workers} worker{'s' * (workers > 1)}, round {number + 1}: Raglan {ours:.2f} µs ({our_rate:.0f}/s), "
                f"nginx {theirs:.2f} µs ({their_rate:.0f}/s), ratio {ours / theirs:.3f}",
                flush=True,
            )
        raglan.stop()
        nginx.stop()
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    print(f"{workers} worker{'s' * (workers > 1)}: CPU time of one request, medians: Raglan {ours:.2f} µs, nginx {theirs:.2f} µs; "
          f"median ratio {ratio:.3f}  (goal: at most {GOAL})")
    return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/http_core_server")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    nginx = NGINX if NGINX.exists() else shutil.which("nginx")
    if nginx is None or shutil.which("wrk") is None:
        raise SystemExit("nginx and wrk are needed: ./dev bench gets them")
    ratios = [
        compare(workers, arguments.program, nginx, arguments.rounds, arguments.seconds)
        for workers in arguments.workers
    ]
    return 0 if max(ratios) <= GOAL else 2


if __name__ == "__main__":
    sys.exit(main())
