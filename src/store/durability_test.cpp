// What an acknowledged write is worth: processes that are killed, that share a file, a full disk.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include <sys/resource.h>

#include "store/child_process_test.h"
#include "store/embedded_probe.h"
#include "store/snapshot_file.h"
#include "store/store_fixture_test.h"
#include "store/sweep.h"

namespace raglan::store {
namespace {

// A document whose every part follows from its number and version. Every word of its text is its
// own.
std::string document_id(int number) { return fmt::format("d{}", number); }

PreparedDocument numbered_document(int number, int version) {
  std::string text;
  for (int line = 0; line <= (number + version) % 4; ++line) {
    text += fmt::format("n{}v{}l{} padding{}\n", number, version, line, std::string(300, 'x'));
  }
  return make_document(document_id(number), text, fmt::format(R"({{"version":{}}})", version));
}

constexpr StoreConfig kBusyUpkeep{.checkpoint_bytes = 100'000,
                                  .snapshot_after_chunks = 20,
                                  .upkeep_interval = std::chrono::milliseconds(1)};
constexpr int kDocuments = 40;

// Replaces documents in turn, from two threads, and says "number version" of what was acknowledged.
void write_until_killed(const TemporaryFolder& folder, int first_version,
                        const ChildProcess::Link& parent) {
  auto store = open_store(folder, kBusyUpkeep);
  const auto write = [&](int first_number) {
    for (int version = first_version;; ++version) {
      for (int number = first_number; number < kDocuments; number += 2) {
        if (store->put({}, numbered_document(number, version)) != WriteState::kIndexed) return;
        parent.say(fmt::format("{} {}", number, version));
      }
    }
  };
  std::thread other([&] { write(1); });
  write(0);
  other.join();
}

class DurabilityTest : public ::testing::Test {
 protected:
  // Every acknowledged document is there in that version or a later one, and whole; returns the
  // newest version seen.
  int expect_all_whole(const std::map<int, int>& acknowledged) {
    int newest = 0;
    auto store = open_store(folder_, kBusyUpkeep);
    if (!store) return newest;
    for (const auto& [number, version] : acknowledged) {
      EXPECT_TRUE(store->get({}, document_id(number))) << number;
    }
    auto page = store->list({}, "", kDocuments);
    EXPECT_TRUE(page);
    std::uint64_t chunks = 0;
    for (const Document& listed : page->documents) {
      const int number = std::stoi(listed.id.substr(1));
      const int version = std::stoi(listed.metadata_json.substr(11));
      const auto known = acknowledged.find(number);
      if (known != acknowledged.end()) EXPECT_GE(version, known->second);
      newest = std::max(newest, version);
      const PreparedDocument expected = numbered_document(number, version);
      EXPECT_EQ(store->get({}, listed.id)->text, expected.document.text);
      EXPECT_EQ(listed.content_hash, expected.document.content_hash);
      for (std::size_t line = 0; line < expected.chunks.size(); ++line) {
        const std::string word = fmt::format("n{}v{}l{}", number, version, line);
        EXPECT_EQ(found_texts(*store, word), std::set{expected.chunks[line].text});
      }
      EXPECT_EQ(listed.chunk_count, expected.chunks.size());
      chunks += expected.chunks.size();
    }
    EXPECT_EQ(store->collection({})->documents, page->documents.size());
    EXPECT_EQ(store->collection({})->chunks, chunks);
    // Every live vector is found, and no other one.
    EXPECT_EQ(store->search({.query_vector = {1, 0}, .candidates = 1000})->candidates.size(),
              chunks);
    return newest;
  }

  TemporaryFolder folder_;
};

TEST_F(DurabilityTest, KilledAtAnyMomentEveryAcknowledgedDocumentIsThereAndNoneIsHalfThere) {
  std::map<int, int> acknowledged;
  int version = 0;
  for (const int acknowledgements : {1, 3, 10, 21, 45, 100, 7, 64, 30, 2, 150}) {
    ChildProcess child([&](const ChildProcess::Link& parent) {
      write_until_killed(folder_, version + 1, parent);
    });
    for (int i = 0; i < acknowledgements; ++i) {
      const auto line = child.link().hear();
      ASSERT_TRUE(line);
      const auto space = line->find(' ');
      acknowledged[std::stoi(line->substr(0, space))] = std::stoi(line->substr(space));
    }
    child.kill();
    while (const auto line = child.link().hear()) { // said before it died
      const auto space = line->find(' ');
      acknowledged[std::stoi(line->substr(0, space))] = std::stoi(line->substr(space));
    }
    version = expect_all_whole(acknowledged);
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(DurabilityTest, SnapshotsThatAKilledProcessBeganAreSweptAway) {
  const auto snapshots = std::filesystem::path(folder_.database()) += ".snapshots";
  std::filesystem::create_directories(snapshots);
  ChildProcess child([&](const ChildProcess::Link& parent) {
    auto writer = SnapshotWriter::create(snapshots / "1.index");
    parent.say(writer ? "begun" : "failed");
    (void)parent.hear();
  });
  ASSERT_EQ(child.link().hear(), "begun");
  (void)open_store(folder_); // its writer lives
  EXPECT_FALSE(std::filesystem::is_empty(snapshots));
  child.kill();
  (void)open_store(folder_);
  EXPECT_TRUE(std::filesystem::is_empty(snapshots));
}

TEST_F(DurabilityTest, WriteInOneProcessIsFoundByTheNextSearchInAnother) {
  ChildProcess child([&](const ChildProcess::Link& parent) {
    auto store = open_store(folder_);
    parent.say("open");
    while (const auto id = parent.hear()) {
      EXPECT_TRUE(store->put({}, make_document(*id, *id + " apple")));
      parent.say("written");
    }
  });
  ASSERT_EQ(child.link().hear(), "open");
  auto store = open_store(folder_);
  auto probe = *store->generation_probe();
  std::set<std::string> expected;
  std::uint64_t seq = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string id = fmt::format("document{}", i);
    child.link().say(id);
    ASSERT_EQ(child.link().hear(), "written");
    EXPECT_GT(probe->generation({})->seq, seq);
    seq = probe->generation({})->seq;
    expected.insert(id + " apple");
    ASSERT_EQ(found_texts(*store, "apple"), expected);
  }
}

// Its index is from before the oldest change that the log still has.
TEST_F(DurabilityTest, WhatAnotherProcessPrunedFromTheLogIsFoundAllTheSame) {
  ChildProcess child([&](const ChildProcess::Link& parent) {
    while (parent.hear()) {
      auto store = open_store(folder_, {.change_log_max = 2});
      EXPECT_TRUE(store->put({}, make_document("replaced", "new apple")));
      EXPECT_TRUE(store->remove({}, "removed"));
      for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(
            store->put({}, make_document(fmt::format("d{}", i), fmt::format("apple {}", i))));
      }
      store.reset(); // after each commit a piece is swept
      parent.say("written");
    }
  });
  auto store = open_store(folder_, {.upkeep_interval = std::chrono::hours(1)});
  for (const char* const id : {"replaced", "removed", "kept"}) {
    ASSERT_TRUE(store->put({}, make_document(id, std::string(id) + " apple")));
  }
  ASSERT_EQ(found_texts(*store, "apple").size(), 3u);
  const auto indexed_seq = static_cast<std::int64_t>(store->generation({})->seq);
  child.link().say("write");
  ASSERT_EQ(child.link().hear(), "written");
  auto connection = Connection::open(folder_.database(), {});
  ASSERT_GT(*connection->query_integer("SELECT pruned_seq FROM collections"), indexed_seq);
  EXPECT_EQ(found_texts(*store, "apple"),
            (std::set<std::string>{"new apple", "kept apple", "apple 0", "apple 1", "apple 2",
                                   "apple 3", "apple 4"}));
}

TEST_F(DurabilityTest, WhatAKilledProcessDroppedIsGoneAndTheNextOneRemovesIt) {
  std::string large;
  for (std::uint64_t i = 0; i < 5 * kMaxSweptRows; ++i) large += fmt::format("apple {}\n", i);
  ChildProcess child([&](const ChildProcess::Link& parent) {
    auto store = open_store(folder_);
    EXPECT_TRUE(store->put({}, make_document("large", large)));
    EXPECT_TRUE(store->load_indexes());
    EXPECT_TRUE(store->save_snapshots());
    EXPECT_TRUE(store->delete_collection({}));
    parent.say("dropped");
    (void)parent.hear();
  });
  ASSERT_EQ(child.link().hear(), "dropped");
  child.kill();
  {
    auto store = open_store(folder_);
    EXPECT_EQ(code_of(store->collection({})), ErrorCode::kNotFound);
    ASSERT_TRUE(store->put({}, make_document("a", "red apple")));
    EXPECT_EQ(found_texts(*store, "apple"), std::set<std::string>{"red apple"});
  }
  auto connection = Connection::open(folder_.database(), {});
  const auto dropped = [&] {
    return *connection->query_integer("SELECT count(*) FROM collections WHERE tenant = ''");
  };
  int opened = 0;
  for (; opened < 10 && dropped() > 0; ++opened) (void)open_store(folder_); // a piece each
  EXPECT_EQ(dropped(), 0);
  EXPECT_EQ(*connection->query_integer("SELECT count(*) FROM chunks"), 1);
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(folder_.database()) += ".snapshots"));
  EXPECT_EQ(found_texts(*open_store(folder_), "apple"), std::set<std::string>{"red apple"});
}

TEST_F(DurabilityTest, SeveralProcessesWriteAtOnce) {
  constexpr int kEach = 30;
  const auto write = [&](const char* name, const ChildProcess::Link& parent) {
    auto store = open_store(folder_);
    for (int i = 0; i < kEach; ++i) {
      const std::string id = fmt::format("{}{}", name, i);
      EXPECT_EQ(store->put({}, make_document(id, id + " apple")), WriteState::kIndexed);
    }
    store.reset();
    parent.say("done");
  };
  ChildProcess one([&](const ChildProcess::Link& parent) { write("a", parent); });
  ChildProcess other([&](const ChildProcess::Link& parent) { write("b", parent); });
  EXPECT_EQ(one.link().hear(), "done");
  EXPECT_EQ(other.link().hear(), "done");
  EXPECT_EQ(one.wait(), 0);
  EXPECT_EQ(other.wait(), 0);
  auto store = open_store(folder_);
  EXPECT_EQ(store->collection({})->documents, 2u * kEach);
  EXPECT_EQ(found_texts(*store, "apple").size(), 2u * kEach);
}

// A limit on the size of files acts as a full disk for one process.
TEST_F(DurabilityTest, FullDiskIsReportedAndTheStoreGoesOnWhenThereIsRoomAgain) {
  ChildProcess child([&](const ChildProcess::Link& parent) {
    std::signal(SIGXFSZ, SIG_IGN);
    auto store = open_store(folder_);
    EXPECT_TRUE(store->put({}, make_document("first", "first apple")));
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit before = limit;
    limit.rlim_cur = 400'000;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string large(100'000, 'x');
    int written = 0;
    Result<WriteState> state = WriteState::kIndexed;
    while (state && written < 20) {
      state = store->put({}, make_document(fmt::format("large{}", written), large + " apple"));
      written += state ? 1 : 0;
    }
    EXPECT_EQ(code_of(state), ErrorCode::kDiskFull);
    EXPECT_EQ(code_of(store->put({}, make_document("larger", large + large))),
              ErrorCode::kDiskFull);
    EXPECT_EQ(found_texts(*store, "apple").size(), static_cast<std::size_t>(written) + 1);
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_TRUE(store->put({}, make_document("last", "last apple")));
    EXPECT_EQ(found_texts(*store, "apple").size(), static_cast<std::size_t>(written) + 2);
    store.reset();
    parent.say(std::to_string(written));
  });
  const auto written = child.link().hear();
  EXPECT_EQ(child.wait(), 0);
  ASSERT_TRUE(written);
  auto store = open_store(folder_);
  EXPECT_EQ(store->collection({})->documents, std::stoul(*written) + 2);
}

// At every size at which a file can be stopped from growing: the store opens, or says why not.
TEST_F(DurabilityTest, AWriteIntoAFileThatWasRemovedIsNotAcknowledged) {
  auto store = open_store(folder_);
  EXPECT_TRUE(store->put({}, make_document("first", "first apple")));
  std::filesystem::remove(folder_.database());
  EXPECT_EQ(code_of(store->put({}, make_document("second", "second apple"))),
            ErrorCode::kUnavailable);
}

TEST_F(DurabilityTest, DiskThatIsFullAtTheStartIsSaidSo) {
  {
    auto store = open_store(folder_);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(store->put({}, numbered_document(i, 1)));
  }
  const TemporaryFolder empty;
  for (const bool fresh : {true, false}) {
    for (rlim_t limit_bytes = 0; limit_bytes < 70'000; limit_bytes += 3'000) {
      ChildProcess child([&](const ChildProcess::Link& parent) {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{limit_bytes, limit_bytes};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        const auto path = fresh ? empty.path() / std::to_string(limit_bytes) : folder_.database();
        auto store = EmbeddedStore::open(path, kSpace, {}, SystemClock::instance());
        if (!store) EXPECT_EQ(store.error().code, ErrorCode::kDiskFull) << store.error().message;
        if (limit_bytes < 32'768) EXPECT_FALSE(store); // the log's index alone takes that
        store = {};
        parent.say("done");
      });
      EXPECT_EQ(child.link().hear(), "done");
      EXPECT_EQ(child.wait(), 0) << limit_bytes << (fresh ? ", a new file" : ", an old one");
    }
  }
}

} // namespace
} // namespace raglan::store
