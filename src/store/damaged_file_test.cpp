// Files that are not as the store left them: an error of the table, never a crash or half an
// answer.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "store/file_lock.h"
#include "store/sqlite.h"
#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
}

class DamagedFileTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<EmbeddedStore>> open(StoreConfig config = {}) const {
    return EmbeddedStore::open(folder_.database(), kSpace, config, SystemClock::instance());
  }
  std::filesystem::path snapshots() const { return with_suffix(".snapshots"); }
  std::filesystem::path with_suffix(std::string_view suffix) const {
    std::filesystem::path path = folder_.database();
    path += suffix;
    return path;
  }
  void fill() const {
    auto store = open_store(folder_);
    for (int i = 0; i < 30; ++i) {
      ASSERT_TRUE(store->put(
          {}, make_document(fmt::format("d{}", i), fmt::format("number{} apple\n{}", i, filler_),
                            fmt::format(R"({{"number":{}}})", i))));
    }
    ASSERT_TRUE(store->load_indexes());
    ASSERT_TRUE(store->save_snapshots());
  }
  // Everything that reads; what it returns does not matter, that it returns does.
  static void use(EmbeddedStore& store) {
    (void)store.load_indexes();
    (void)store.search({.query_vector = {1, 0}, .query_text = "apple", .filter = Filter{}});
    (void)store.list({}, "", 100);
    for (int i = 0; i < 30; i += 7) (void)store.get({}, fmt::format("d{}", i));
    (void)store.put({}, make_document("new", "new apple"));
    (void)store.remove({}, "d3");
    (void)store.collection({});
  }

  const std::string filler_ = std::string(2000, 'x');
  const TemporaryFolder folder_;
};

TEST_F(DamagedFileTest, GarbageIsNoDatabase) {
  write_file(folder_.database(), std::string(100'000, 'g'));
  EXPECT_EQ(code_of(open()), ErrorCode::kCorrupt);
  write_file(folder_.database(), "short");
  EXPECT_EQ(code_of(open()), ErrorCode::kCorrupt);
  EXPECT_EQ(read_file(folder_.database()), "short"); // nothing was written over it
}

TEST_F(DamagedFileTest, AnotherProgramsDatabaseIsRefused) {
  ASSERT_TRUE(Connection::open(folder_.database(), {.create = true})
                  ->execute("CREATE TABLE customers (name TEXT)"));
  EXPECT_EQ(code_of(open()), ErrorCode::kCorrupt);
}

TEST_F(DamagedFileTest, NewerVersionsDatabaseIsRefused) {
  fill();
  ASSERT_TRUE(Connection::open(folder_.database(), {})->execute("PRAGMA user_version = 99"));
  EXPECT_EQ(code_of(open()), ErrorCode::kConflict);
}

TEST_F(DamagedFileTest, CutDatabaseIsRefused) {
  fill();
  const std::string whole = read_file(folder_.database());
  ASSERT_GT(whole.size(), 100'000u);
  for (const std::size_t length : {std::size_t{100}, std::size_t{4096}, std::size_t{50'000},
                                   whole.size() / 2, whole.size() - 4096}) {
    for (const std::uint64_t check_at_open_bytes : {0, 1'000'000}) {
      write_file(folder_.database(), std::string_view(whole).substr(0, length));
      EXPECT_EQ(code_of(open({.check_at_open_bytes = check_at_open_bytes})), ErrorCode::kCorrupt)
          << length;
    }
  }
}

TEST_F(DamagedFileTest, FlippedBytesNeverCrash) {
  fill();
  const std::string whole = read_file(folder_.database());
  int refused = 0;
  for (std::size_t at = 16; at < whole.size(); at += 29'989) {
    std::string damaged = whole;
    for (std::size_t i = at; i < std::min(at + 8, damaged.size()); ++i) {
      damaged[i] = static_cast<char>(~damaged[i]);
    }
    for (const std::uint64_t check_at_open_bytes : {0, 1'000'000}) {
      write_file(folder_.database(), damaged);
      auto store = open({.check_at_open_bytes = check_at_open_bytes});
      if (store) {
        use(**store);
      } else {
        EXPECT_EQ(store.error().code, ErrorCode::kCorrupt);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(DamagedFileTest, CheckReadsEveryPageAndKeepsNobodyFromOpening) {
  fill();
  const auto check = [this] { return EmbeddedStore::check_file(folder_.database(), {}); };
  std::string damaged = read_file(folder_.database());
  {
    const auto opening = FileLock::acquire(with_suffix(".opening"));
    EXPECT_TRUE(check());
  }
  const auto page = static_cast<std::ptrdiff_t>(damaged.size() / 4096 / 2 * 4096);
  std::fill_n(damaged.begin() + page, 4096, 'x');
  write_file(folder_.database(), damaged);
  EXPECT_EQ(code_of(check()), ErrorCode::kCorrupt);
  EXPECT_EQ(read_file(folder_.database()), damaged) << "looking must change nothing";
}

// What a crash leaves: the database and its log, which SQLite reads up to the first damage.
TEST_F(DamagedFileTest, DamagedLogLosesWholeDocumentsOnly) {
  auto store = open_store(folder_);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(store->put({}, make_document(fmt::format("d{}", i), "one apple\ntwo apples")));
  }
  const std::string database = read_file(folder_.database());
  const std::string log = read_file(with_suffix("-wal"));
  ASSERT_GT(log.size(), 20'000u);
  store.reset();
  for (std::size_t at = 0; at < log.size(); at += 15'013) {
    std::string damaged = log;
    damaged[at] = static_cast<char>(~damaged[at]);
    write_file(folder_.database(), database);
    write_file(with_suffix("-wal"), damaged);
    auto opened = open();
    if (!opened) continue;
    auto page = (*opened)->list({}, "", 100);
    if (!page) continue; // not even the collection is left
    for (const Document& document : page->documents) {
      EXPECT_EQ((*opened)->get({}, document.id)->text, "one apple\ntwo apples");
    }
    EXPECT_EQ((*opened)->search({.query_text = "apple"})->candidates.size(),
              2 * page->documents.size());
  }
}

TEST_F(DamagedFileTest, DamagedSnapshotIsMadeAnew) {
  fill();
  const std::filesystem::path snapshot =
      begin(std::filesystem::directory_iterator(snapshots()))->path();
  std::string content = read_file(snapshot);
  content[content.size() / 2] = static_cast<char>(~content[content.size() / 2]);
  write_file(snapshot, content);
  auto store = open_store(folder_);
  EXPECT_EQ(found_texts(*store, "number7"), std::set<std::string>{"number7 apple"});
  EXPECT_EQ(store->index_size().chunks, 60u);
  EXPECT_FALSE(std::filesystem::exists(snapshot));
}

TEST_F(DamagedFileTest, SnapshotOfAnotherHistoryIsNotUsed) {
  fill();
  const std::string backup = read_file(folder_.database());
  {
    auto store = open_store(folder_);
    ASSERT_TRUE(store->put({}, make_document("later", "later apple")));
    ASSERT_EQ(found_texts(*store, "later"), std::set<std::string>{"later apple"});
    ASSERT_TRUE(store->save_snapshots());
  }
  write_file(folder_.database(), backup);
  for (const char* const word : {"other", "another"}) { // up to the snapshot's seq, and beyond
    auto store = open_store(folder_);
    EXPECT_TRUE(found_texts(*store, "later").empty());
    ASSERT_TRUE(store->put({}, make_document(word, std::string(word) + " apple")));
  }
  auto store = open_store(folder_);
  EXPECT_TRUE(found_texts(*store, "later").empty());
  EXPECT_EQ(found_texts(*store, "apple").size(), 32u);
}

// Caches of other processes hold answers under the lost history's generations, and its snapshot may
// lie where nobody looks before the new history has come as far, and farther.
TEST_F(DamagedFileTest, CommitsOfAnotherHistoryAreToldApartInTheSamePlace) {
  fill();
  const std::string backup = read_file(folder_.database());
  Generation lost;
  {
    auto store = open_store(folder_);
    ASSERT_TRUE(store->put({}, make_document("lost", "lost apple")));
    ASSERT_EQ(found_texts(*store, "lost"), std::set<std::string>{"lost apple"});
    ASSERT_TRUE(store->save_snapshots());
    lost = *store->generation({});
  }
  std::map<std::filesystem::path, std::string> kept;
  for (const auto& file : std::filesystem::directory_iterator(snapshots())) {
    kept[file.path()] = read_file(file.path());
  }
  write_file(folder_.database(), backup);
  for (int commits = 1; commits <= 2; ++commits) {
    auto store = open_store(folder_);
    ASSERT_TRUE(store->put({}, make_document("new", fmt::format("new{} apple", commits))));
    if (commits == 1) EXPECT_EQ(store->generation({})->seq, lost.seq);
    EXPECT_NE(*store->generation({}), lost);
    store.reset();
    for (const auto& [path, content] : kept) write_file(path, content);
    store = open_store(folder_);
    EXPECT_TRUE(found_texts(*store, "lost").empty());
    EXPECT_EQ(found_texts(*store, fmt::format("new{}", commits)).size(), 1u);
  }
}

} // namespace
} // namespace raglan::store
