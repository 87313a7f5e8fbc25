#!/usr/bin/env python3
"""Nodes behind the balancer are restarted one after the other, again and again, while questions are asked.

    rolling_restarts.py [--restarts 100]

Each restart is an operator's: SIGTERM, the end, a start at the same address, and on to the next node when the balancer
has it back. No question may fail. Exits 1 when one did.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from balance_test import Asking
from handbook import HANDBOOK
from harness import Balancer, Node, end_quietly

NODES = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--restarts", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raglan-test-") as folder:
        data = Path(folder) / "data"
        nodes = [Node(data)]
        nodes[0].post("/v1/documents", {"documents": list(HANDBOOK)})
        nodes += [Node(data) for _ in range(NODES - 1)]
        balancer = Balancer(Path(folder) / "balancer", nodes)
        balancer.wait_in_rotation(*nodes)
        began = time.monotonic()
        try:
            with Asking(balancer) as asking:
                for restart in range(arguments.restarts):
                    place = restart % NODES
                    port = nodes[place].port
                    nodes[place].stop()
                    nodes[place] = Node(data, listen=f"127.0.0.1:{port}")
                    balancer.wait_in_rotation(*nodes)
                asking.wait_for(10)
            balancer.stop()
        finally:
            for process in [*nodes, balancer]:
                end_quietly(process)
    print(f"{arguments.restarts} restarts in {time.monotonic() - began:.0f} s: {asking.answered} questions, "
          f"{len(asking.failures)} failed")
    for failure in asking.failures[:5]:
        print(failure)
    return 1 if asking.failures else 0


if __name__ == "__main__":
    sys.exit(main())
