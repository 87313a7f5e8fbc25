#include "ingest/sync.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "ingest/file_walk.h"

namespace raglan::ingest {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using Kind = SyncEvent::Kind;

// Keeps documents as a store would: unchanged bytes are recognized, "bad" is refused.
class FakeTarget : public IngestTarget {
 public:
  Result<std::vector<DocumentStatus>> put(const std::string& collection,
                                          std::span<const SourceDocument> sent,
                                          bool dry_run) override {
    if (error) return std::unexpected(*error);
    groups.push_back(sent.size());
    clock.advance(time_per_document * static_cast<int>(sent.size()));
    std::vector<DocumentStatus> statuses;
    for (const SourceDocument& document : sent) {
      DocumentStatus status{.id = document.id, .chunks = 2};
      const auto known = documents.find(collection + ":" + document.id);
      if (document.bytes == "bad") {
        status.error = Error{ErrorCode::kInvalidField, "refused", ""};
      } else if (document.bytes == "lost") {
        status.error = Error{ErrorCode::kUnavailable, "no store", ""};
      } else if (known != documents.end() && known->second.bytes == document.bytes) {
        status.state = DocumentState::kUnchanged;
      } else {
        status.state = DocumentState::kIndexed;
        if (!dry_run) documents[collection + ":" + document.id] = document;
      }
      statuses.push_back(std::move(status));
    }
    return statuses;
  }

  Result<std::vector<std::string>> list_ids(const std::string& collection,
                                            const std::string& source) override {
    std::vector<std::string> ids;
    for (const auto& [key, document] : documents) {
      const std::string says = "{\"source\":\"" + source + "\",";
      if (key.starts_with(collection + ":") && document.metadata_json.starts_with(says)) {
        ids.push_back(document.id);
      }
    }
    return ids;
  }

  Result<> remove(const std::string& collection, const std::string& id) override {
    if (documents.erase(collection + ":" + id) == 0) return fail(ErrorCode::kNotFound, "gone");
    return {};
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> found;
    for (const auto& [key, document] : documents) found.push_back(key);
    return found;
  }

  std::map<std::string, SourceDocument> documents;
  std::vector<std::size_t> groups;
  std::optional<Error> error;
  ManualClock clock;
  Duration time_per_document = std::chrono::milliseconds(200);
};

class SyncTest : public ::testing::Test {
 protected:
  SyncTest() {
    std::string pattern = (fs::temp_directory_path() / "raglan-sync-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~SyncTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void write(const std::string& name, const std::string& bytes) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

  void write_many(const std::string& folder, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) {
      write(folder + "/" + std::to_string(1000 + i) + ".txt", "x" + std::to_string(i));
    }
  }

  SyncReport sync(std::vector<fs::path> paths, SyncRequest request = {}) {
    auto report = try_sync(std::move(paths), std::move(request));
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(SyncReport{});
  }

  Result<SyncReport> try_sync(std::vector<fs::path> paths, SyncRequest request = {}) {
    events_.clear();
    for (fs::path& path : paths) path = folder_ / path;
    request.paths = std::move(paths);
    if (request.source.empty()) request.source = "s";
    return sync_files(
        request, target_, [this](const SyncEvent& event) { events_.push_back(event); },
        target_.clock);
  }

  std::vector<std::string> ids_of(Kind kind) const {
    std::vector<std::string> ids;
    for (const SyncEvent& event : events_) {
      if (event.kind == kind) ids.push_back(event.id);
    }
    return ids;
  }

  fs::path folder_;
  FakeTarget target_;
  std::vector<SyncEvent> events_;
};

TEST_F(SyncTest, PutsEveryTextFileOfAFolderUnderAStableId) {
  write("d/b.html", "<p>b");
  write("d/a.md", "a");
  write("d/sub/c d.txt", "c");
  write("d/.hidden.txt", "h");
  write("d/.git/x.txt", "h");
  write("d/logo.png", "p");
  const SyncReport report = sync({"d"});
  EXPECT_THAT(target_.ids(),
              ElementsAre("default:s/a.md", "default:s/b.html", "default:s/sub/c d.txt"));
  EXPECT_EQ(report.indexed, 3u);
  EXPECT_EQ(report.chunks, 6u);
  EXPECT_EQ(report.skipped, 1u);
  EXPECT_EQ(report.bytes, 6u);
  const SourceDocument& document = target_.documents["default:s/sub/c d.txt"];
  EXPECT_EQ(document.metadata_json, R"({"source":"s","path":"sub/c d.txt"})");
  EXPECT_EQ(document.uri, "file://" + fs::canonical(folder_ / "d").string() + "/sub/c%20d.txt");
  EXPECT_EQ(document.media_type, MediaType::kPlainText);
  EXPECT_EQ(target_.documents["default:s/b.html"].media_type, MediaType::kHtml);
}

TEST_F(SyncTest, ASecondRunWritesOnlyWhatChangedAndRemovesWhatIsGone) {
  write("d/a.txt", "a");
  write("d/b.txt", "b");
  write("d/c.txt", "c");
  sync({"d"});
  write("d/b.txt", "changed");
  fs::remove(folder_ / "d/c.txt");
  const SyncReport report = sync({"d"});
  EXPECT_EQ(report.indexed, 1u);
  EXPECT_EQ(report.unchanged, 1u);
  EXPECT_EQ(report.removed, 1u);
  EXPECT_THAT(target_.ids(), ElementsAre("default:s/a.txt", "default:s/b.txt"));
  EXPECT_EQ(target_.documents["default:s/b.txt"].bytes, "changed");
}

TEST_F(SyncTest, ADryRunSaysTheSameAndDoesNothing) {
  write("d/a.txt", "a");
  write("d/b.txt", "b");
  sync({"d"});
  write("d/a.txt", "changed");
  write("d/new.txt", "n");
  fs::remove(folder_ / "d/b.txt");
  const SyncReport report = sync({"d"}, {.dry_run = true});
  EXPECT_THAT(ids_of(Kind::kIndexed), ElementsAre("s/a.txt", "s/new.txt"));
  EXPECT_THAT(ids_of(Kind::kRemoved), ElementsAre("s/b.txt"));
  EXPECT_EQ(report.removed, 1u);
  EXPECT_THAT(target_.ids(), ElementsAre("default:s/a.txt", "default:s/b.txt"));
  EXPECT_EQ(target_.documents["default:s/a.txt"].bytes, "a");
}

TEST_F(SyncTest, ANameThatNoDocumentCanHaveFailsInADryRunToo) {
  write("d/new\nline.txt", "a");
  EXPECT_EQ(sync({"d"}, {.dry_run = true}).failed, 1u);
  EXPECT_EQ(sync({"d"}).failed, 1u);
}

TEST_F(SyncTest, ASubfolderOrFileTouchesNothingOutsideOfItself) {
  write("d/sub/a.txt", "a");
  write("d/sub2/b.txt", "b");
  write("d/c.txt", "c");
  const SyncRequest below{.root = folder_ / "d"};
  sync({"d"});
  fs::remove(folder_ / "d/sub2/b.txt");
  fs::remove(folder_ / "d/c.txt");
  EXPECT_EQ(sync({"d/sub"}, below).removed, 0u);
  EXPECT_EQ(sync({"d/sub/a.txt"}, below).unchanged, 1u);
  EXPECT_EQ(target_.documents.size(), 3u);
  write("d/sub/z.txt", "z");
  fs::remove(folder_ / "d/sub/a.txt");
  const SyncReport report = sync({"d/sub"}, below);
  EXPECT_EQ(report.removed, 1u);
  EXPECT_THAT(target_.ids(),
              ElementsAre("default:s/c.txt", "default:s/sub/z.txt", "default:s/sub2/b.txt"));
}

TEST_F(SyncTest, OtherSourcesAndCollectionsAreLeftAlone) {
  write("d/a.txt", "a");
  write("e/b.txt", "b");
  sync({"d"}, {.source = "one"});
  sync({"e"}, {.source = "two"});
  sync({"d"}, {.collection = "other", .source = "one"});
  write("d/c.txt", "c");
  fs::remove(folder_ / "d/a.txt");
  EXPECT_EQ(sync({"d"}, {.source = "one"}).removed, 1u);
  EXPECT_THAT(target_.ids(),
              ElementsAre("default:one/c.txt", "default:two/b.txt", "other:one/a.txt"));
}

TEST_F(SyncTest, FoldersOfTheSameNameAreDifferentSources) {
  write("x/html/index.html", "x");
  write("y/html/index.html", "y");
  for (const char* path : {"x/html", "y/html"}) {
    ASSERT_TRUE(sync_files({.paths = {folder_ / path}}, target_, nullptr));
  }
  EXPECT_EQ(target_.documents.size(), 2u);
  EXPECT_EQ(source_name("/a/b c"), source_name("/a/b c"));
  EXPECT_TRUE(source_name("/a/b c").starts_with("b_c-"));
  EXPECT_TRUE(source_name("/").starts_with("root-"));
}

TEST_F(SyncTest, AFileThatCannotBeUsedIsReportedAndKeepsItsDocument) {
  write("d/a.txt", "a");
  write("d/b.txt", "b");
  write("d/c.txt", "c");
  sync({"d"});
  write("d/a.txt", "bad");
  fs::resize_file(folder_ / "d/b.txt", kMaxDocumentBytes + 1);
  const SyncReport report = sync({"d"});
  EXPECT_EQ(report.failed, 2u);
  EXPECT_EQ(report.unchanged, 1u);
  EXPECT_EQ(report.removed, 0u);
  EXPECT_EQ(target_.documents.size(), 3u);
  EXPECT_THAT(ids_of(Kind::kFailed), ElementsAre("s/b.txt", "s/a.txt"));
}

TEST_F(SyncTest, BelowAFolderThatCannotBeReadNothingIsRemoved) {
  std::string deep = "d";
  for (std::size_t i = 0; i <= kMaxFolderDepth; ++i) deep += "/f";
  write(deep + "/a.txt", "a");
  write("d/b.txt", "b");
  const std::string id = "s" + deep.substr(1) + "/a.txt";
  target_.documents["default:" + id] = {
      .id = id, .bytes = "a", .metadata_json = R"({"source":"s","path":""})"};
  const SyncReport report = sync({"d"});
  EXPECT_EQ(report.indexed, 1u);
  EXPECT_EQ(report.failed, 1u);
  EXPECT_EQ(report.removed, 0u);
  EXPECT_TRUE(target_.documents.contains("default:" + id));
}

// What an unmounted disk looks like.
TEST_F(SyncTest, AFolderWithoutAnyFileRemovesNothing) {
  write("d/a.txt", "a");
  sync({"d"});
  fs::remove(folder_ / "d/a.txt");
  const auto report = try_sync({"d"});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kConflict);
  EXPECT_EQ(target_.documents.size(), 1u);
  fs::create_directory(folder_ / "empty");
  EXPECT_EQ(sync({"empty"}, {.source = "unknown"}).indexed, 0u);
}

TEST_F(SyncTest, LinksAreNotFollowedButAPathMayBeOne) {
  write("d/a.txt", "a");
  write("secret.txt", "s");
  fs::create_symlink(folder_ / "secret.txt", folder_ / "d/link.txt");
  fs::create_directory_symlink(folder_ / "d", folder_ / "d/loop");
  fs::create_directory_symlink(folder_ / "d", folder_ / "entry");
  ASSERT_EQ(::mkfifo((folder_ / "d/pipe.txt").c_str(), 0600), 0);
  EXPECT_EQ(sync({"d"}).indexed, 1u);
  EXPECT_EQ(sync({"entry"}).unchanged, 1u);
  EXPECT_THAT(target_.ids(), ElementsAre("default:s/a.txt"));
}

TEST_F(SyncTest, GroupsAreBoundedByBytesAndCount) {
  write_many("many", kFirstGroupDocuments + 1);
  sync({"many"});
  EXPECT_THAT(target_.groups, ElementsAre(kFirstGroupDocuments, 1u));
  std::vector<std::size_t> ends; // of the groups, in documents done
  for (const SyncEvent& event : events_) {
    if (!event.more_at_once) ends.push_back(event.files_done);
  }
  EXPECT_THAT(ends, ElementsAre(kFirstGroupDocuments, kFirstGroupDocuments + 1));
  target_.groups.clear();
  write("large/a.txt", std::string(kMaxGroupBytes + 1, 'x'));
  write("large/b.txt", std::string(kMaxGroupBytes - 1, 'x'));
  write("large/c.txt", "xx");
  sync({"large"});
  EXPECT_THAT(target_.groups, ElementsAre(1u, 1u, 1u));
}

TEST_F(SyncTest, GroupsGrowWhileTheyAreQuick) {
  target_.time_per_document = std::chrono::milliseconds(20);
  write_many("many", 700);
  sync({"many"});
  EXPECT_THAT(target_.groups, ElementsAre(16u, 32u, 64u, 128u, 128u, 128u, 128u, 76u));
}

TEST_F(SyncTest, GroupsOfUnchangedDocumentsDoNotGrow) {
  target_.time_per_document = std::chrono::milliseconds(1);
  write_many("many", 48);
  sync({"many"});
  target_.groups.clear();
  sync({"many"});
  EXPECT_THAT(target_.groups, ElementsAre(16u, 16u, 16u));
}

TEST_F(SyncTest, GroupsShrinkWhileTheyAreSlow) {
  target_.time_per_document = std::chrono::seconds(1);
  write_many("many", 40);
  sync({"many"});
  EXPECT_THAT(target_.groups, ElementsAre(16u, 8u, 4u, 4u, 4u, 4u));
}

TEST_F(SyncTest, ProgressEndsWithEverythingDone) {
  write("d/a.txt", "aaa");
  write("d/b.png", "bb");
  write("d/c.txt", "bad");
  sync({"d"});
  ASSERT_EQ(events_.size(), 3u);
  EXPECT_EQ(events_.back().files_done, 3u);
  EXPECT_EQ(events_.back().files_total, 3u);
  EXPECT_EQ(events_.back().bytes_done, 8u);
  EXPECT_EQ(events_.back().bytes_total, 8u);
}

TEST_F(SyncTest, AFailingTargetStopsTheRunBeforeAnythingIsRemoved) {
  write("d/a.txt", "a");
  write("d/b.txt", "b");
  sync({"d"});
  fs::remove(folder_ / "d/b.txt");
  target_.error = Error{ErrorCode::kUnavailable, "away", ""};
  const auto report = try_sync({"d"});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(target_.documents.size(), 2u);
}

TEST_F(SyncTest, AGroupThatTheStoreCouldNotTakeStopsTheRun) {
  for (std::size_t i = 0; i < kFirstGroupDocuments; ++i) {
    write("d/" + std::to_string(1000 + i) + ".txt", "lost");
  }
  write("d/later.txt", "x");
  const auto stopped = try_sync({"d"});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message, "no store");
  EXPECT_EQ(ids_of(Kind::kFailed).size(), kFirstGroupDocuments); // each was reported
  write("d/1000.txt", "y"); // one that is taken: the store is there
  EXPECT_EQ(sync({"d"}).failed, kFirstGroupDocuments - 1);
}

TEST_F(SyncTest, BadRequestsTouchNothing) {
  write("d/a.txt", "a");
  write("e/b.txt", "b");
  const auto code = [&](std::vector<fs::path> paths, SyncRequest request = {}) {
    const auto report = try_sync(std::move(paths), std::move(request));
    return report ? ErrorCode::kInternal : report.error().code;
  };
  EXPECT_EQ(code({"d", "missing"}), ErrorCode::kNotFound);
  EXPECT_EQ(code({"d"}, {.root = folder_ / "e"}), ErrorCode::kInvalidField);
  EXPECT_EQ(code({"d"}, {.root = folder_ / "nowhere"}), ErrorCode::kNotFound);
  EXPECT_EQ(code({"d"}, {.source = "a b"}), ErrorCode::kInvalidField);
  EXPECT_TRUE(target_.documents.empty());
}

TEST_F(SyncTest, AFileAskedForByNameFailsWhenItIsNoText) {
  write("d/a.pdf", "%PDF-1.7");
  EXPECT_EQ(sync({"d/a.pdf"}).failed, 1u);
  EXPECT_EQ(sync({"d"}).skipped, 1u);
}

TEST_F(SyncTest, FilesWhoseNamesAreNoUtf8AreReported) {
  write("d/a.txt", "a");
  write("d/b\xff.txt", "b");
  EXPECT_EQ(sync({"d"}).failed, 1u);
  EXPECT_THAT(ids_of(Kind::kFailed), ElementsAre("s/b\ufffd.txt"));
}

} // namespace
} // namespace raglan::ingest
