"""A process that gets a part of one processor and no more: a control group (version 1 or 2) of its own.

    with CpuQuota("node", 0.25) as quota:
        quota.add(process.pid)

The kernel lets it run for its part of each period, and stops it for the rest. Needs root, and a machine (or a
container) where control groups can be made; else it says so and ends the program.
"""

import os
import pathlib
import time

ROOT = pathlib.Path("/sys/fs/cgroup")


class CpuQuota:
    PERIOD_MICROSECONDS = 20_000

    def __init__(self, name, processors):
        quota = round(processors * self.PERIOD_MICROSECONDS)
        try:
            if (ROOT / "cgroup.controllers").exists():
                (ROOT / "cgroup.subtree_control").write_text("+cpu")
                self.folder = self._make(ROOT, name)
                (self.folder / "cpu.max").write_text(f"{quota} {self.PERIOD_MICROSECONDS}")
            else:
                self.folder = self._make(ROOT / "cpu", name)
                (self.folder / "cpu.cfs_period_us").write_text(str(self.PERIOD_MICROSECONDS))
                (self.folder / "cpu.cfs_quota_us").write_text(str(quota))
        except OSError as error:
            raise SystemExit(f"no control group with a CPU quota can be made here: {error}") from error

    def _make(self, parent, name):
        folder = parent / f"raglan-bench-{os.getpid()}-{name}"
        folder.mkdir()
        return folder

    def add(self, pid):
        """With all its threads, from now on."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def throttled_ratio(self):
        """Of the periods in which it ran, those in which it was stopped: near 1, the quota is what limits it."""
        stat = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(stat["nr_throttled"]) / max(1, int(stat["nr_periods"]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Its processes must have ended."""
        for _ in range(200):
            try:
                return self.folder.rmdir()
            except OSError:  # one that has just ended is not gone yet
                time.sleep(0.01)
