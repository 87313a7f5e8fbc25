"""Retrieval quality of the shipped defaults, by `raglan eval` on labelled collections.

    .deps/venv/bin/python bench/quality.py [FOLDER...]

Without folders: the collections that bench/labelled/manuals.py makes from Debian's manuals. Any folder in
BEIR's layout (corpus.jsonl, queries.jsonl, qrels/) can be given. Exits 2 when the hybrid ranking of any
collection is more than 0.005 nDCG@10 below the better of its two sides, or when the FAQ falls below
FAQ_FLOOR, a little under what the shipped defaults reach (docs/decisions/0005-fusion.md has all figures).
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOLERANCE = 0.005
FAQ_FLOOR = 0.835


def evaluate(folder):
    command = [ROOT / "build/raglan", "eval", folder, "--json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if run.returncode != 0:
        sys.exit(f"raglan eval {folder} failed")
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folders = [folder.resolve() for folder in arguments.folders]
        if not folders:
            maker = [sys.executable, ROOT / "bench/labelled/manuals.py", ROOT / ".deps/corpora", made]
            subprocess.run(maker, check=True)
            folders = sorted(pathlib.Path(made).iterdir())
        print(f"\n{'nDCG@10':12}{'questions':>10}{'chunks':>8}{'dense':>9}{'BM25':>9}{'hybrid':>9}{'lead':>9}{'seconds':>9}")
        missed = []
        for folder in folders:
            report = evaluate(folder)
            dense, bm25, hybrid = (report[side]["ndcg@10"] for side in ("dense", "bm25", "hybrid"))
            lead = hybrid - max(dense, bm25)
            print(
                f"{report['collection']:12}{report['queries']:>10}{report['chunks']:>8}{dense:>9.4f}{bm25:>9.4f}"
                f"{hybrid:>9.4f}{lead:>+9.4f}{report['seconds']['total']:>9.1f}",
                flush=True,
            )
            if lead < -TOLERANCE:
                missed.append(f"{report['collection']}: hybrid is more than {TOLERANCE} below a side")
            if not arguments.folders and report["collection"] == "faq" and hybrid < FAQ_FLOOR:
                missed.append(f"faq: hybrid is below {FAQ_FLOOR}")
    for goal in missed:
        print(f"missed: {goal}")
    sys.exit(2 if missed else 0)


if __name__ == "__main__":
    main()
