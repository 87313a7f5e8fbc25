// What `raglan ingest PATH…` does: brings a collection up to date with files on disk.
//
// Each path belongs to a source, and each document to the source that put it there:
//   - the root of a folder is the folder itself, that of a file the folder it is in, unless
//     SyncRequest::root names one above them;
//   - a source is called like its root, with a hash of the root's place behind it so that two
//     folders named "html" do not overwrite each other's index.html; or SyncRequest::source says;
//   - a document's id is "SOURCE/path/below/root": the same on every run;
//   - its metadata are {"source": SOURCE, "path": "path/below/root"}, to filter by.
// New and changed files are written, unchanged ones recognized by the target. Then documents are
// removed that are of the same source, lie below the path that was synchronized, and are no longer
// on disk. A file that is there and cannot be used keeps the document that it once was; below a
// folder that cannot be read nothing is removed; and a path under which no file is found at all
// removes nothing (a disk that is not mounted looks like that) but fails.
//
// Nothing is embedded here: the seam is IngestTarget, a store in this process or a node elsewhere.
// Memory: the paths, and the contents of one group of files.
//
// Not thread safe; blocks on disk and target.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ingest/document_status.h"
#include "ingest/source_document.h"

namespace raglan::ingest {

// A group of documents that is put at once has no more than these, unless one alone is larger.
inline constexpr std::size_t kMaxGroupBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxGroupDocuments = 1000; // that a node takes in one request

// The number of documents follows the time that they take: groups begin with kFirstGroupDocuments,
// double when one of new documents took less than kQuickGroup, and halve when one took more than
// kSlowGroup. So
// progress shows every few seconds with a model in this process, and a provider of embeddings gets
// full batches, without anybody knowing which it is.
inline constexpr std::size_t kFirstGroupDocuments = 16;
inline constexpr std::chrono::seconds kQuickGroup{2};
inline constexpr std::chrono::seconds kSlowGroup{5};

// Where documents go. All calls block.
class IngestTarget {
 public:
  virtual ~IngestTarget() = default;
  // One status per document, in their order; documents succeed and fail alone. With dry_run nothing
  // is written, and the status says what would happen. An error means that none could be put.
  virtual Result<std::vector<DocumentStatus>> put(const std::string& collection,
                                                  std::span<const SourceDocument> documents,
                                                  bool dry_run) = 0;
  // The ids of the documents whose metadata say that they are of this source, in any order. None
  // for a collection that does not exist.
  virtual Result<std::vector<std::string>> list_ids(const std::string& collection,
                                                    const std::string& source) = 0;
  // kNotFound when there is no such document.
  virtual Result<> remove(const std::string& collection, const std::string& id) = 0;
};

struct SyncRequest {
  std::vector<std::filesystem::path> paths;
  std::string collection = "default";
  std::optional<std::filesystem::path> root;
  std::string source;     // empty: made from the root; else of [A-Za-z0-9._-], at most 64
  std::string uri_prefix; // empty: "file://" and the root's path; a `/` follows
  bool dry_run = false;
  bool remove_missing = true;
};

// One thing that was done, or would be.
struct SyncEvent {
  enum class Kind : std::uint8_t { kIndexed, kUnchanged, kFailed, kRemoved, kSkipped };
  Kind kind = Kind::kIndexed;
  std::string id;
  std::size_t chunks = 0;
  std::optional<Error> error; // of kFailed, and why a file is kSkipped
  // How far the run is, this event included. Removals are not counted in.
  std::size_t files_done = 0;
  std::size_t files_total = 0;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
  bool more_at_once = false; // further events of the same group follow in this moment
};

using SyncObserver = std::function<void(const SyncEvent&)>;

struct SyncReport {
  std::size_t indexed = 0;
  std::size_t unchanged = 0;
  std::size_t failed = 0; // files, and folders that could not be read
  std::size_t removed = 0;
  std::size_t skipped = 0; // files that are no text
  std::size_t chunks = 0;  // of the documents that are indexed
  std::uint64_t bytes = 0; // of the files that were put
};

// Errors: kNotFound (a path that does not exist; no path was touched then), kInvalidField (a source
// name, or a path outside of the root), kConflict (a path with documents and without any file), and
// those of the target, at which the run stops; so it does when a whole group is kUnavailable.
Result<SyncReport> sync_files(const SyncRequest& request, IngestTarget& target,
                              const SyncObserver& observer,
                              const Clock& clock = SystemClock::instance());

// "html-1a2b3c4d".
std::string source_name(const std::filesystem::path& canonical_root);

} // namespace raglan::ingest
