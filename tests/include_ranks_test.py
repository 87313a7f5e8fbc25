#!/usr/bin/env python3
"""Shows that include_ranks.py finds each kind of breach, and nothing where there is none."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import include_ranks

CODE_MAP = "| 0 | `base/` | x |\n| 1 | `config/` | x |\n| 1 | `telemetry/` | x |\n| 3 | `net/` | x |\n"


class IncludeRanks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("ARCHITECTURE.md", CODE_MAP)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def found(self, path, text):
        self.write(path, text)
        return include_ranks.breaches(self.root)

    def assert_one(self, path, text, *parts):
        found = self.found(path, text)
        self.assertEqual(len(found), 1, found)
        for part in parts:
            self.assertIn(part, found[0])

    def assert_none(self, path, text):
        self.assertEqual(self.found(path, text), [])

    def test_lower_ranks_and_own_folder_may_be_included(self):
        self.assert_none("src/net/a.h", '#include <vector>\n#include "net/b.h"\n#include "base/c.h"\n')

    def test_a_higher_rank_may_not(self):
        self.assert_one("src/base/a.h", '\n#include "net/b.h"\n', "src/base/a.h:2:", "the higher net/")

    def test_a_sibling_may_not(self):
        self.assert_one("src/config/a.cpp", '# include "telemetry/b.h"\n', "its sibling telemetry/")

    def test_a_path_without_its_folder_may_not(self):
        self.assert_one("src/config/a.cpp", '#include "b.h"\n', '"b.h"')
        self.assert_one("src/config/a.cpp", '#include "../base/b.h"\n', '"../base/b.h"')
        self.assert_one("src/config/a.cpp", "#include <base/b.h>\n", 'write "base/b.h"')

    def test_asio_stays_in_its_folders(self):
        self.assert_none("src/net/a.h", "#include <boost/asio/awaitable.hpp>\n")
        self.assert_one("src/config/a.h", "#include <boost/asio/post.hpp>\n", "<boost/asio/post.hpp>")
        self.assert_one("src/config/a.h", "#include <boost/asio.hpp>\n", "<boost/asio.hpp>")

    def test_only_base_clock_reads_a_clock(self):
        self.assert_none("src/base/clock.cpp", "auto t = std::chrono::steady_clock::now();\n")
        for read in ("std::chrono::steady_clock::now()", "system_clock::now()", "time(nullptr)",
                     "std::time(0)", "::time( &t )", "gettimeofday(&t, nullptr)",
                     "clock_gettime(CLOCK_REALTIME, &t)"):
            self.assert_one("src/net/a.cpp", f"auto x = {read};\n", "src/net/a.cpp:1:", "reads a clock")

    def test_names_that_only_look_like_a_clock_are_left_alone(self):
        self.assert_none("src/net/a.cpp", "auto x = clock.now(); start_time(0); y = time(zone);\n")

    def test_comments_and_literals_do_not_count(self):
        self.assert_none("src/base/a.cpp", '// #include "net/b.h" steady_clock::now()\n'
                                           '/* \n#include "net/b.h"\n time(nullptr) */\n'
                                           'auto s = "system_clock::now()";\n'
                                           'auto r = R"x(\n#include "net/b.h"\n)x";\n'
                                           "char q = '\"'; int n = 1'000;\n")
        self.assert_one("src/base/a.cpp", "char q = '\"'; auto t = time(nullptr); char p = '\"';\n",
                        "reads a clock")

    def test_length_is_limited(self):
        self.assert_none("src/base/a.cpp", "\n" * 500)
        self.assert_one("src/base/a.cpp", "\n" * 501, "501 lines")
        self.assert_none("src/base/a.cpp", "")
        self.assert_none("src/base/a_test.cpp", "\n" * 800)
        self.assert_one("src/base/a_test.cpp", "\n" * 801, "801 lines")

    def test_a_folder_needs_a_rank_and_a_row_that_agrees(self):
        self.assert_one("src/nonsense/a.h", "", "src/nonsense/ has no rank")
        (self.root / "src/nonsense/a.h").unlink()
        self.assert_one("src/http/a.h", "", "src/http/ is missing from the code map")
        self.write("ARCHITECTURE.md", CODE_MAP + "| 3 | `http/` | x |\n")
        self.assert_one("src/http/a.h", "", "http/ has rank 3", "4")

    def test_no_sources_and_no_map_are_breaches(self):
        self.assertEqual(len(include_ranks.breaches(self.root)), 1)
        (self.root / "ARCHITECTURE.md").unlink()
        self.assert_one("src/base/a.h", "", "missing from the code map")

    def test_the_exit_code_says_whether_all_is_well(self):
        def exit_code():
            command = [sys.executable, include_ranks.__file__, str(self.root)]
            return subprocess.run(command, capture_output=True, check=False).returncode

        self.write("src/base/a.h", "")
        self.assertEqual(exit_code(), 0)
        self.write("src/base/a.h", '#include "net/b.h"\n')
        self.assertEqual(exit_code(), 1)


if __name__ == "__main__":
    unittest.main()
