"""The provider stand-in, started and controlled from Python.

    with Provider(latency="20ms") as provider:
        provider.url                             # "http://127.0.0.1:PORT"; OpenAI's routes are under /v1
        provider.set(fault="hang")
        provider.stats()["calls"].get("/v1/embeddings", 0)

The program is RAGLAN_PROVIDER, or build/provider_stand_in; its settings are those of
src/loadtest/provider_behaviour.h.
"""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RAGLAN_PROVIDER", str(ROOT / "build" / "provider_stand_in"))
PATIENCE_SECONDS = 60


class Provider:
    def __init__(self, **settings):
        flags = [part for name, value in settings.items() for part in ("--" + name, str(value))]
        self.process = subprocess.Popen([BINARY, *flags], stdout=subprocess.PIPE, text=True)
        self.url = self._address("listening on ")
        self.control_url = self._address("control on ")

    def _address(self, before):
        line = self.process.stdout.readline().strip()
        if not line.startswith(before):
            self.stop()
            raise AssertionError(f"no {before!r} but {line!r}")
        return line.removeprefix(before)

    def set(self, **settings):
        """Changes the behaviour; what is not named stays as it is."""
        return self._call("POST", "/control", settings)

    def stats(self):
        return self._call("GET", "/control/stats")

    def reset_stats(self):
        return self._call("DELETE", "/control/stats")

    def embedding_calls(self):
        return self.stats()["calls"].get("/v1/embeddings", 0)

    def _call(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.control_url + path, body, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            return json.load(response)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
