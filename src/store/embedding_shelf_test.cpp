// Vectors on disk: what is kept, what goes when the disk is full, and that nothing worse than a
// loss comes of a file that is damaged, foreign, or taken away.
#include "store/embedding_shelf.h"

#include <gtest/gtest.h>

#include <fstream>

#include <sys/resource.h>

#include "store/child_process_test.h"
#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

using namespace std::chrono_literals;

class EmbeddingShelfTest : public ::testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "embeddings.db"; }

  Result<std::unique_ptr<EmbeddingShelf>> try_open(std::string embedder_id = "model") const {
    return EmbeddingShelf::open(path(), std::move(embedder_id), config_, ttl_, clock_);
  }
  std::unique_ptr<EmbeddingShelf> open(std::string embedder_id = "model") const {
    auto shelf = try_open(std::move(embedder_id));
    EXPECT_TRUE(shelf) << shelf.error().message;
    return shelf ? std::move(*shelf) : nullptr;
  }
  static Hash128 key(int number) { return hash128(std::to_string(number)); }
  static std::string value(int number, std::size_t bytes = 1540) {
    std::string text = std::to_string(number);
    text.resize(bytes, '.');
    return text;
  }
  static void insert(EmbeddingShelf& shelf, int first, int end) {
    std::vector<EmbeddingShelf::Entry> entries;
    for (int i = first; i < end; ++i) {
      entries.push_back({key(i), static_cast<std::uint64_t>(i % 2), value(i)});
    }
    shelf.insert_many(std::move(entries));
  }
  // Opens, inserts, closes.
  void keep(int first, int end) const { insert(*open(), first, end); }

  // Which of the numbers are there, each with its own value.
  static std::vector<int> found(EmbeddingShelf& shelf, int first, int end) {
    std::vector<Hash128> keys;
    for (int i = first; i < end; ++i) keys.push_back(key(i));
    const auto values = shelf.find_many(keys);
    EXPECT_EQ(values.size(), keys.size());
    std::vector<int> numbers;
    for (int i = first; i < end; ++i) {
      const auto& one = values[static_cast<std::size_t>(i - first)];
      if (!one) continue;
      EXPECT_EQ(one->value, value(i));
      numbers.push_back(i);
    }
    return numbers;
  }
  static std::vector<int> numbers(int first, int end) {
    std::vector<int> all;
    for (int i = first; i < end; ++i) all.push_back(i);
    return all;
  }
  // What the shelf's thread does in its own time.
  static void wait_for(const std::function<bool()>& done) {
    while (!done()) std::this_thread::yield();
  }
  std::string read_file() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write_file(std::string_view content) const {
    std::ofstream file(path(), std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
  }

  const TemporaryFolder folder_;
  ManualClock clock_;
  EmbeddingShelfConfig config_{.disk_bytes = kMinShelfBytes};
  std::chrono::milliseconds ttl_{0};
};

TEST_F(EmbeddingShelfTest, ValuesOutliveTheProcess) {
  keep(0, 100);
  const auto shelf = open();
  EXPECT_EQ(found(*shelf, 0, 120), numbers(0, 100));
  EXPECT_TRUE(shelf->find_many({}).empty());
}

TEST_F(EmbeddingShelfTest, ManyKeysAreOneStatement) {
  keep(0, 100);
  const auto shelf = open();
  const auto before = shelf->stats().statements;
  EXPECT_EQ(found(*shelf, 0, 100).size(), 100u);
  EXPECT_EQ(shelf->stats().statements, before + 1);
}

TEST_F(EmbeddingShelfTest, WhatWasInsertedIsFoundByTheSameProcess) {
  const auto shelf = open();
  insert(*shelf, 0, 3);
  wait_for([&] { return found(*shelf, 0, 3).size() == 3; });
}

TEST_F(EmbeddingShelfTest, ValuesOfAnySizeComeBackAsTheyWere) {
  const std::vector<std::string> values = {"", std::string(1, '\0'), value(1, 100'000)};
  {
    const auto shelf = open();
    for (int i = 0; i < 3; ++i) {
      shelf->insert_many({{key(i), 0, values[static_cast<std::size_t>(i)]}});
    }
  }
  const auto shelf = open();
  for (int i = 0; i < 3; ++i) {
    const std::vector<Hash128> keys{key(i)};
    EXPECT_EQ(shelf->find_many(keys)[0].value_or(EmbeddingShelf::Found{"none"}).value,
              values[static_cast<std::size_t>(i)]);
  }
}

TEST_F(EmbeddingShelfTest, AnEntrysAgeGoesOnWhileNobodyRuns) {
  ttl_ = 1h;
  keep(0, 1);
  clock_.advance(59min);
  const std::vector<Hash128> keys{key(0)};
  EXPECT_EQ(open()->find_many(keys)[0]->age, 59min);
  clock_.advance(1min);
  EXPECT_FALSE(open()->find_many(keys)[0]);
  keep(0, 1); // replaces it
  EXPECT_EQ(open()->find_many(keys)[0]->age, 0ms);
}

TEST_F(EmbeddingShelfTest, AScopeIsRemovedWrittenOrNot) {
  keep(0, 100);
  const auto shelf = open();
  insert(*shelf, 100, 200);
  EXPECT_EQ(shelf->purge(1), 100u);
  EXPECT_EQ(shelf->purge(1), 0u);
  wait_for([&] { return found(*shelf, 0, 200).size() == 100; });
  for (const int number : found(*shelf, 0, 200)) EXPECT_EQ(number % 2, 0);
  EXPECT_EQ(shelf->purge(std::nullopt), 100u);
  EXPECT_TRUE(found(*shelf, 0, 200).empty());
  insert(*shelf, 0, 10);
  shelf->close();
  EXPECT_EQ(shelf->purge(std::nullopt), 0u);
  EXPECT_EQ(found(*open(), 0, 200), numbers(0, 10));
}

TEST_F(EmbeddingShelfTest, AnotherModelBeginsAnew) {
  keep(0, 10);
  EXPECT_TRUE(found(*open("another"), 0, 10).empty());
  EXPECT_TRUE(found(*open(), 0, 10).empty());
}

TEST_F(EmbeddingShelfTest, TheFileStaysWithinItsBytesAndTheOldestGo) {
  for (int round = 0; round < 40; ++round) {
    keep(round * 200, (round + 1) * 200);
    EXPECT_LE(std::filesystem::file_size(path()), kMinShelfBytes);
  }
  const auto shelf = open();
  EXPECT_EQ(found(*shelf, 7000, 8000), numbers(7000, 8000));
  EXPECT_TRUE(found(*shelf, 0, 4000).empty());
  EXPECT_EQ(shelf->stats().file_bytes, std::filesystem::file_size(path()));
}

TEST_F(EmbeddingShelfTest, WhatIsUsedStays) {
  keep(0, 100);
  for (int round = 1; round < 20; ++round) {
    const auto shelf = open();
    EXPECT_EQ(found(*shelf, 0, 100), numbers(0, 100)) << round;
    insert(*shelf, round * 200, (round + 1) * 200);
  }
  EXPECT_TRUE(found(*open(), 200, 400).empty());
}

TEST_F(EmbeddingShelfTest, AFileThatIsLargerThanItMayBeBeginsAnew) {
  config_.disk_bytes = 3 * kMinShelfBytes;
  for (int round = 0; round < 20; ++round) keep(round * 200, (round + 1) * 200);
  ASSERT_GT(std::filesystem::file_size(path()), kMinShelfBytes);
  config_.disk_bytes = kMinShelfBytes;
  EXPECT_TRUE(found(*open(), 0, 4000).empty());
  EXPECT_LE(std::filesystem::file_size(path()), kMinShelfBytes);
}

TEST_F(EmbeddingShelfTest, WhatDoesNotFitIntoTheQueueIsDropped) {
  const auto shelf = open();
  std::vector<EmbeddingShelf::Entry> entries(3, {key(0), 0, std::string(7 << 20, 'x')});
  shelf->insert_many(std::move(entries));
  EXPECT_EQ(shelf->stats().dropped, 1u);
}

TEST_F(EmbeddingShelfTest, AClosedShelfFindsAndKeepsNothing) {
  const auto shelf = open();
  insert(*shelf, 0, 1);
  shelf->close();
  shelf->close();
  EXPECT_TRUE(found(*shelf, 0, 1).empty());
  insert(*shelf, 1, 2);
  EXPECT_EQ(shelf->stats().dropped, 1u);
  EXPECT_EQ(found(*open(), 0, 2), numbers(0, 1));
}

TEST_F(EmbeddingShelfTest, WhatIsNoShelfBeginsAnew) {
  const auto expect_begun_anew = [this](std::string_view what) {
    auto shelf = open();
    ASSERT_TRUE(shelf) << what;
    EXPECT_TRUE(found(*shelf, 0, 10).empty()) << what;
    shelf.reset();
    keep(0, 10);
    EXPECT_EQ(found(*open(), 0, 10), numbers(0, 10)) << what;
  };
  write_file(std::string(100'000, 'g'));
  expect_begun_anew("garbage");
  write_file("short");
  expect_begun_anew("a short file");
  std::filesystem::remove(path());
  ASSERT_TRUE(
      Connection::open(path(), {.create = true})->execute("CREATE TABLE customers (name TEXT)"));
  expect_begun_anew("another program's database");
  ASSERT_TRUE(Connection::open(path(), {})->execute("PRAGMA user_version = 99"));
  expect_begun_anew("another format");
  ASSERT_TRUE(Connection::open(path(), {})->execute("DROP TABLE shelf"));
  expect_begun_anew("a shelf without its tables");
}

TEST_F(EmbeddingShelfTest, AStoreOfDocumentsIsNotRemoved) {
  ASSERT_TRUE(open_store(folder_)->put({}, make_document("a", "red apple")));
  auto shelf = EmbeddingShelf::open(folder_.database(), "model", config_, ttl_, clock_);
  EXPECT_EQ(code_of(shelf), ErrorCode::kUnavailable);
  EXPECT_TRUE(open_store(folder_)->get({}, "a"));
}

TEST_F(EmbeddingShelfTest, AnEmptyFileBecomesAShelf) {
  write_file("");
  keep(0, 1);
  EXPECT_EQ(found(*open(), 0, 1), numbers(0, 1));
}

TEST_F(EmbeddingShelfTest, ADamagedValueIsNotFoundAndTheOthersAre) {
  keep(0, 100);
  std::string content = read_file();
  const std::size_t at = content.find(value(50));
  ASSERT_NE(at, content.npos);
  content[at + 100] = 'x';
  write_file(content);
  const auto shelf = open();
  EXPECT_TRUE(found(*shelf, 50, 51).empty());
  EXPECT_EQ(found(*shelf, 0, 50), numbers(0, 50));
  EXPECT_EQ(found(*shelf, 51, 100), numbers(51, 100));
}

TEST_F(EmbeddingShelfTest, DamagedPagesAreFoundOutAndTheFileBeginsAnewWhileItRuns) {
  keep(0, 1000);
  std::string content = read_file();
  // Not the first and the last pages, which opening reads.
  const auto middle = content.begin() + static_cast<std::ptrdiff_t>(content.size() / 2);
  std::fill(middle - 50 * 4096, middle + 50 * 4096, 'x');
  write_file(content);
  const auto shelf = open();
  EXPECT_LT(found(*shelf, 0, 1000).size(), 1000u);
  wait_for([&] {
    insert(*shelf, 2000, 2010);
    return found(*shelf, 2000, 2010).size() == 10;
  });
  EXPECT_GT(shelf->stats().failures, 0u);
  EXPECT_LT(std::filesystem::file_size(path()), 200'000u);
}

TEST_F(EmbeddingShelfTest, FlippedBytesNeverCrashNorGiveAnotherValue) {
  keep(0, 200);
  const std::string whole = read_file();
  for (std::size_t at = 16; at < whole.size(); at += 9'973) {
    std::string damaged = whole;
    for (std::size_t i = at; i < std::min(at + 8, damaged.size()); ++i) {
      damaged[i] = static_cast<char>(~damaged[i]);
    }
    write_file(damaged);
    auto shelf = try_open();
    if (!shelf) {
      std::filesystem::remove(path());
      continue;
    }
    (void)found(**shelf, 0, 200); // compares the values
    insert(**shelf, 200, 210);
    (*shelf)->close();
  }
}

TEST_F(EmbeddingShelfTest, AFileThatIsRemovedWhileItRunsBeginsAnew) {
  const auto shelf = open();
  insert(*shelf, 0, 10);
  wait_for([&] { return found(*shelf, 0, 10).size() == 10; });
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(std::filesystem::path(path()) += suffix);
  }
  wait_for([&] {
    insert(*shelf, 10, 20);
    return std::filesystem::exists(path()) && found(*shelf, 10, 20).size() == 10;
  });
}

TEST_F(EmbeddingShelfTest, AFolderThatCannotBeWrittenIsAnErrorOfOpening) {
  std::filesystem::create_directory(path()); // in the place of the file
  std::ofstream(path() / "something") << "in it";
  EXPECT_FALSE(try_open());
}

TEST_F(EmbeddingShelfTest, ProcessesShareAFile) {
  ChildProcess other([&](const ChildProcess::Link& parent) {
    auto shelf = open();
    insert(*shelf, 0, 50);
    wait_for([&] { return found(*shelf, 0, 50).size() == 50; });
    parent.say("written");
    (void)parent.hear();
    EXPECT_EQ(found(*shelf, 50, 100), numbers(50, 100));
    shelf.reset();
    parent.say("done");
  });
  ASSERT_EQ(other.link().hear(), "written");
  {
    const auto shelf = open();
    EXPECT_EQ(found(*shelf, 0, 50), numbers(0, 50));
    insert(*shelf, 50, 100);
  }
  other.link().say("go on");
  EXPECT_EQ(other.link().hear(), "done");
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(found(*open(), 0, 100), numbers(0, 100));
}

TEST_F(EmbeddingShelfTest, AFileThatAnotherProcessUsesIsNotTakenFromUnderIt) {
  ChildProcess other([&](const ChildProcess::Link& parent) {
    const auto shelf = open();
    insert(*shelf, 0, 10);
    wait_for([&] { return found(*shelf, 0, 10).size() == 10; });
    parent.say("written");
    (void)parent.hear();
    EXPECT_EQ(found(*shelf, 0, 10), numbers(0, 10));
    parent.say("done");
  });
  ASSERT_EQ(other.link().hear(), "written");
  EXPECT_EQ(code_of(try_open("another")), ErrorCode::kConflict);
  other.link().say("go on");
  EXPECT_EQ(other.link().hear(), "done");
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(found(*open(), 0, 10), numbers(0, 10));
}

TEST_F(EmbeddingShelfTest, AKilledProcessLeavesAFileThatGoesOn) {
  ChildProcess child([&](const ChildProcess::Link& parent) {
    const auto shelf = open();
    insert(*shelf, 0, 50);
    wait_for([&] { return found(*shelf, 0, 50).size() == 50; });
    parent.say("written");
    for (int i = 50;; i += 10) insert(*shelf, i, i + 10);
  });
  ASSERT_EQ(child.link().hear(), "written");
  child.kill();
  EXPECT_EQ(found(*open(), 0, 50), numbers(0, 50));
}

// A limit on the size of files acts as a full disk for one process.
TEST_F(EmbeddingShelfTest, AFullDiskLosesValuesAndNothingElse) {
  ChildProcess child([&](const ChildProcess::Link& parent) {
    std::signal(SIGXFSZ, SIG_IGN);
    auto shelf = open();
    insert(*shelf, 0, 10);
    wait_for([&] { return found(*shelf, 0, 10).size() == 10; });
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{100'000, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    insert(*shelf, 10, 200);
    wait_for([&] { return shelf->stats().failures > 0; });
    EXPECT_EQ(found(*shelf, 0, 10), numbers(0, 10));
    ::setrlimit(RLIMIT_FSIZE, &before);
    insert(*shelf, 200, 210); // in the pause
    wait_for([&] { return shelf->stats().dropped >= 10; });
    clock_.advance(EmbeddingShelf::kPauseAfterFailure);
    wait_for([&] {
      insert(*shelf, 300, 310);
      return found(*shelf, 300, 310).size() == 10;
    });
    shelf.reset();
    parent.say("done");
  });
  EXPECT_EQ(child.link().hear(), "done");
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(EmbeddingShelfTest, ADiskThatIsFullAtTheStartIsAnErrorOfOpening) {
  for (rlim_t limit_bytes = 0; limit_bytes < 70'000; limit_bytes += 7'000) {
    ChildProcess child([&](const ChildProcess::Link& parent) {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{limit_bytes, limit_bytes};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      const auto other = folder_.path() / std::to_string(limit_bytes);
      auto shelf = EmbeddingShelf::open(other, "model", config_, ttl_, clock_);
      if (!shelf) EXPECT_EQ(shelf.error().code, ErrorCode::kDiskFull) << shelf.error().message;
      if (limit_bytes < 32'768) EXPECT_FALSE(shelf); // the log's index alone takes that
      shelf = {};
      parent.say("done");
    });
    EXPECT_EQ(child.link().hear(), "done");
    EXPECT_EQ(child.wait(), 0) << limit_bytes;
  }
}

} // namespace
} // namespace raglan::store
