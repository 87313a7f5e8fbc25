#!/usr/bin/env python3
"""Checks the rules of ARCHITECTURE.md that can be read off the sources.

usage: include_ranks.py [ROOT]

Prints one line per breach, FILE:LINE: what is wrong, and exits 1 when there is one:
  - a folder of src/ includes only itself and folders of a strictly lower rank, as "folder/file.h";
  - only the folders in ASIO include <boost/asio...>;
  - only base/clock.cpp reads a clock;
  - no file is longer than 500 lines, no test longer than 800;
  - every folder of src/ has a rank here, and a row with that rank in ARCHITECTURE.md's code map.
"""

import re
import sys
from pathlib import Path

RANKS = {
    "base": 0,
    "config": 1, "telemetry": 1,
    "policy": 2, "runtime": 2,
    "net": 3,
    "http": 4, "redis": 4, "postgres": 4,
    "cache": 5, "store": 5, "supervisor": 5,
    "auth": 6, "model": 6, "postgres_store": 6, "migration": 6,
    "ingest": 7, "rag": 7,
    "node": 8, "balancer": 8, "autoscaler": 8, "loadtest": 8, "simulator": 8,
    "export": 8, "advisor": 8, "web": 8, "evaluation": 8,
    "app": 9,
}
ASIO = {"net", "http", "balancer", "supervisor", "redis", "postgres", "store", "postgres_store", "model", "app"}
CLOCK_FILE = "base/clock.cpp"
MAX_LINES = 500
MAX_TEST_LINES = 800

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
CLOCK_READ = re.compile(
    r"(?:steady|system|high_resolution|utc|file)_clock\s*::\s*now\b"
    r"|\bgettimeofday\s*\(|\bclock_gettime\s*\("
    r"|\btime\s*\(\s*(?:nullptr|NULL|0|&\s*\w+)\s*\)")
# Comments and literals, so that what they mention does not count. Raw strings first.
NOT_CODE = re.compile(
    r'R"(?P<tag>[^\s()\\"]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'"
    r"|//[^\n]*|/\*.*?\*/",
    re.DOTALL)
CODE_MAP_ROW = re.compile(r"^\|\s*(\d+)\s*\|\s*`(\w+)/`\s*\|", re.MULTILINE)


def code_only(text):
    """The text with comments and literals blanked; line numbers stay."""
    return NOT_CODE.sub(lambda match: "\n" * match.group().count("\n"), text)


def include_breach(folder, quoted, angled):
    """What is wrong with one #include of a file in `folder`, or None."""
    if angled:
        if angled.startswith("boost/asio") and folder not in ASIO:
            return f"{folder}/ must not include <{angled}>: include net/task.h"
        if angled.split("/")[0] in RANKS:
            return f'write "{angled}", not <{angled}>'
        return None
    target = quoted.split("/")[0]
    if "/" not in quoted or target not in RANKS:
        return f'"{quoted}" does not begin with a folder of src/'
    if target == folder or RANKS[target] < RANKS[folder]:
        return None
    relation = "its sibling" if RANKS[target] == RANKS[folder] else "the higher"
    return (f"{folder}/ (rank {RANKS[folder]}) includes {relation} {target}/ "
            f"(rank {RANKS[target]})")


def file_breaches(path, name):
    """(line, what) for each breach in one file; `name` is its path below src/."""
    text = path.read_text(encoding="utf-8", errors="replace")
    folder = name.split("/")[0]
    # An include's name is a literal, which code_only blanks: commented-out includes go with it.
    code = code_only(text).splitlines()
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        stripped = code[number - 1] if number <= len(code) else ""
        match = INCLUDE.match(line) if "include" in stripped else None
        what = include_breach(folder, *match.groups()) if match and folder in RANKS else None
        if what:
            yield number, what
        if name != CLOCK_FILE and CLOCK_READ.search(stripped):
            yield number, "reads a clock: take `now` or a Clock&"
    limit = MAX_TEST_LINES if path.stem.endswith("_test") else MAX_LINES
    if len(lines) > limit:
        yield limit + 1, f"{len(lines)} lines; {limit} is the maximum"


def folder_breaches(folder, code_map):
    if folder not in RANKS:
        yield f"src/{folder}/ has no rank in tests/include_ranks.py"
    elif folder not in code_map:
        yield f"ARCHITECTURE.md: src/{folder}/ is missing from the code map"
    elif code_map[folder] != RANKS[folder]:
        yield (f"ARCHITECTURE.md: {folder}/ has rank {code_map[folder]}, "
               f"in tests/include_ranks.py {RANKS[folder]}")


def breaches(root):
    """All breaches below `root`, as lines of text."""
    architecture = root / "ARCHITECTURE.md"
    text = architecture.read_text(encoding="utf-8") if architecture.exists() else ""
    code_map = {folder: int(rank) for rank, folder in CODE_MAP_ROW.findall(text)}
    found = []
    files = sorted(path for path in (root / "src").rglob("*") if path.suffix in (".h", ".cpp"))
    for folder in sorted({path.relative_to(root / "src").parts[0] for path in files}):
        found.extend(folder_breaches(folder, code_map))
    for path in files:
        name = path.relative_to(root / "src").as_posix()
        found.extend(f"src/{name}:{line}: {what}" for line, what in file_breaches(path, name))
    if not files:
        found.append(f"{root}: there are no sources below src/")
    return found


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = breaches(root)
    print("\n".join(found) if found else "every rule holds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
