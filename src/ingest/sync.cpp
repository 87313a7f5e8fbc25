#include "ingest/sync.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/json_escape.h"
#include "base/utf8.h"
#include "ingest/file_walk.h"
#include "store/rules.h"

namespace raglan::ingest {
namespace {

namespace fs = std::filesystem;
using Kind = SyncEvent::Kind;

constexpr std::size_t kMaxSourceBytes = 64;
constexpr std::size_t kSourceHashDigits = 8;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::string percent_encoded(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (is_name_character(c) || c == '/' || c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// A path of the request, resolved.
struct Scope {
  fs::path root; // canonical
  std::string source;
  std::string below; // the path below the root; empty: the root itself
  bool is_file = false;
  std::string uri_prefix;

  std::string id(const std::string& relative_path) const { return source + "/" + relative_path; }
  // Whether a document was made from this path or from something below it.
  bool holds(std::string_view id_of_source) const {
    return below.empty() || is_at_or_below(id_of_source, id(below));
  }
  static bool is_at_or_below(std::string_view document_id, std::string_view folder_id) {
    return document_id.starts_with(folder_id) &&
           (document_id.size() == folder_id.size() || document_id[folder_id.size()] == '/');
  }
};

Result<Scope> resolve(const fs::path& path, const SyncRequest& request) {
  std::error_code failed;
  const fs::path canonical = fs::canonical(path, failed);
  if (failed) return fail(ErrorCode::kNotFound, fmt::format("{}: not found", path.string()));
  Scope scope;
  scope.is_file = !fs::is_directory(canonical, failed);
  scope.root = scope.is_file ? canonical.parent_path() : canonical;
  if (request.root) {
    scope.root = fs::canonical(*request.root, failed);
    if (failed || !fs::is_directory(scope.root, failed)) {
      return fail(ErrorCode::kNotFound, fmt::format("{}: no such folder", request.root->string()));
    }
  }
  const fs::path below = canonical.lexically_relative(scope.root);
  if (below.empty() || *below.begin() == "..") {
    return fail(ErrorCode::kInvalidField,
                fmt::format("{}: not below {}", path.string(), scope.root.string()));
  }
  if (below != ".") scope.below = below.generic_string();
  scope.source = request.source.empty() ? source_name(scope.root) : request.source;
  scope.uri_prefix = request.uri_prefix.empty() ? "file://" + percent_encoded(scope.root.string())
                                                : request.uri_prefix;
  if (!scope.uri_prefix.ends_with('/')) scope.uri_prefix += '/';
  return scope;
}

class Sync {
 public:
  Sync(const SyncRequest& request, IngestTarget& target, const SyncObserver& observer,
       const Clock& clock)
      : request_(request), target_(target), observer_(observer), clock_(clock) {}

  Result<> walk(Scope scope) {
    auto walked = walk_files(scope.root, scope.below);
    if (!walked) {
      walked.error().message = fmt::format("{}: {}", scope.root.string(), walked.error().message);
      return forward_error(walked);
    }
    files_total_ += walked->files.size();
    for (const WalkedFile& file : walked->files) bytes_total_ += file.bytes;
    scopes_.push_back({std::move(scope), *std::move(walked)});
    return {};
  }

  Result<SyncReport> run() {
    for (const auto& [scope, walked] : scopes_) {
      if (auto done = put_files(scope, walked); !done) return forward_error(done);
    }
    if (request_.remove_missing) {
      for (const auto& [scope, walked] : scopes_) {
        if (auto done = remove_missing(scope, walked); !done) return forward_error(done);
      }
    }
    return report_;
  }

 private:
  Result<> put_files(const Scope& scope, const Walk& walked) {
    for (const WalkProblem& problem : walked.problems) {
      event({.kind = Kind::kFailed, .id = scope.id(problem.relative_path), .error = problem.error});
    }
    for (const WalkedFile& file : walked.files) {
      auto read = read_document(scope, file);
      if (!read) {
        finish_file(file.bytes, {.kind = Kind::kFailed,
                                 .id = scope.id(file.relative_path),
                                 .error = std::move(read.error())});
        continue;
      }
      if (!*read) {
        finish_file(file.bytes,
                    {.kind = Kind::kSkipped,
                     .id = scope.id(file.relative_path),
                     .error = Error{ErrorCode::kUnsupportedMediaType, "is no text", ""}});
        continue;
      }
      if (group_bytes_ + (*read)->bytes.size() > kMaxGroupBytes ||
          group_.size() == group_documents_) {
        if (auto done = flush(); !done) return done;
      }
      group_bytes_ += (*read)->bytes.size();
      group_.push_back(**std::move(read));
    }
    return flush();
  }

  // Nothing when the file is no text, unless it was asked for by name.
  Result<std::optional<SourceDocument>> read_document(const Scope& scope,
                                                      const WalkedFile& file) const {
    const std::string& name = file.relative_path;
    if (is_never_text(name) && !scope.is_file) return std::nullopt;
    SourceDocument document;
    document.id = scope.id(name);
    if (!store::is_document_id(document.id)) {
      return fail(ErrorCode::kInvalidField, "the path is too long, or has control characters");
    }
    auto bytes = read_file(scope.root / name, kMaxDocumentBytes);
    if (!bytes) return forward_error(bytes);
    const auto type = guess_media_type(name, *bytes);
    if (!type && !scope.is_file) return std::nullopt;
    if (!type) return fail(ErrorCode::kUnsupportedMediaType, "is no text that is read");
    document.media_type = *type;
    document.bytes = *std::move(bytes);
    document.uri = scope.uri_prefix + percent_encoded(name);
    document.metadata_json = fmt::format(R"({{"source":"{}","path":"{}"}})",
                                         json_escape(scope.source), json_escape(name));
    return document;
  }

  Result<> flush() {
    if (group_.empty()) return {};
    const MonotonicTime began = clock_.now();
    auto statuses = target_.put(request_.collection, group_, request_.dry_run);
    if (!statuses) return forward_error(statuses);
    adapt_group(clock_.now() - began,
                static_cast<std::size_t>(std::ranges::count(*statuses, DocumentState::kIndexed,
                                                            &DocumentStatus::state)));
    if (statuses->size() != group_.size()) {
      return fail(ErrorCode::kUpstream, "not one status per document");
    }
    const bool gone = std::ranges::all_of(*statuses, [](const DocumentStatus& each) {
      return each.error && each.error->code == ErrorCode::kUnavailable;
    });
    const std::optional<Error> why = gone ? statuses->front().error : std::nullopt;
    for (std::size_t i = 0; i < group_.size(); ++i) {
      DocumentStatus& status = (*statuses)[i];
      const std::size_t bytes = group_[i].bytes.size();
      report_.bytes += bytes;
      SyncEvent event{
          .id = group_[i].id, .chunks = status.chunks, .error = std::move(status.error)};
      event.kind = status.state == DocumentState::kIndexed     ? Kind::kIndexed
                   : status.state == DocumentState::kUnchanged ? Kind::kUnchanged
                                                               : Kind::kFailed;
      event.more_at_once = i + 1 < group_.size();
      finish_file(bytes, std::move(event));
    }
    group_.clear();
    group_bytes_ = 0;
    if (why) return std::unexpected(*why);
    return {};
  }

  // Only a full group of documents that had to be embedded says that more of them would be quick.
  void adapt_group(Duration took, std::size_t indexed) {
    if (took < kQuickGroup && 2 * indexed > group_documents_) {
      group_documents_ = std::min(2 * group_documents_, kMaxGroupDocuments);
    }
    if (took > kSlowGroup) group_documents_ = std::max<std::size_t>(1, group_documents_ / 2);
  }

  Result<> remove_missing(const Scope& scope, const Walk& walked) {
    auto ids = target_.list_ids(request_.collection, scope.source);
    if (!ids) return forward_error(ids);
    std::set<std::string> on_disk;
    for (const WalkedFile& file : walked.files) on_disk.insert(scope.id(file.relative_path));
    const auto is_unreadable = [&](const std::string& id) {
      return std::ranges::any_of(walked.problems, [&](const WalkProblem& problem) {
        // A problem of the root itself has no path.
        return problem.relative_path.empty() ||
               Scope::is_at_or_below(id, scope.id(problem.relative_path));
      });
    };
    std::erase_if(*ids, [&](const std::string& id) {
      return !scope.holds(id) || on_disk.contains(id) || is_unreadable(id);
    });
    if (walked.files.empty() && !ids->empty()) {
      return fail(ErrorCode::kConflict,
                  fmt::format("{}: no files are found, and {} documents would be removed",
                              (scope.root / scope.below).string(), ids->size()));
    }
    std::ranges::sort(*ids);
    for (const std::string& id : *ids) {
      if (!request_.dry_run) {
        auto removed = target_.remove(request_.collection, id);
        // Somebody else was quicker.
        if (!removed && removed.error().code != ErrorCode::kNotFound) return removed;
      }
      event({.kind = Kind::kRemoved, .id = id});
    }
    return {};
  }

  void finish_file(std::uint64_t bytes, SyncEvent happened) {
    ++files_done_;
    bytes_done_ += bytes;
    event(std::move(happened));
  }

  void event(SyncEvent happened) {
    switch (happened.kind) {
      case Kind::kIndexed:
        ++report_.indexed;
        report_.chunks += happened.chunks;
        break;
      case Kind::kUnchanged: ++report_.unchanged; break;
      case Kind::kFailed: ++report_.failed; break;
      case Kind::kRemoved: ++report_.removed; break;
      case Kind::kSkipped: ++report_.skipped; break;
    }
    happened.files_done = files_done_;
    happened.files_total = files_total_;
    happened.bytes_done = bytes_done_;
    happened.bytes_total = std::max(bytes_total_, bytes_done_); // files may have grown
    if (observer_) observer_(happened);
  }

  const SyncRequest& request_;
  IngestTarget& target_;
  const SyncObserver& observer_;
  const Clock& clock_;
  std::vector<std::pair<Scope, Walk>> scopes_;
  std::vector<SourceDocument> group_;
  std::size_t group_bytes_ = 0;
  std::size_t group_documents_ = kFirstGroupDocuments; // that the next one may have
  std::size_t files_done_ = 0;
  std::size_t files_total_ = 0;
  std::uint64_t bytes_done_ = 0;
  std::uint64_t bytes_total_ = 0;
  SyncReport report_;
};

} // namespace

std::string source_name(const fs::path& canonical_root) {
  std::string name;
  for (const char c : canonical_root.filename().string()) name += is_name_character(c) ? c : '_';
  name.resize(std::min(name.size(), kMaxSourceBytes - kSourceHashDigits - 1));
  if (name.empty()) name = "root";
  return name + "-" + hash128(canonical_root.string()).hex().substr(0, kSourceHashDigits);
}

Result<SyncReport> sync_files(const SyncRequest& request, IngestTarget& target,
                              const SyncObserver& observer, const Clock& clock) {
  if (request.source.size() > kMaxSourceBytes ||
      !std::ranges::all_of(request.source, is_name_character)) {
    return fail(ErrorCode::kInvalidField,
                "a source name has at most 64 letters, digits, full stops, hyphens and underscores",
                "source");
  }
  Sync sync(request, target, observer, clock);
  std::vector<Scope> scopes;
  for (const fs::path& path : request.paths) {
    auto scope = resolve(path, request);
    if (!scope) return forward_error(scope);
    scopes.push_back(*std::move(scope));
  }
  for (Scope& scope : scopes) {
    if (auto walked = sync.walk(std::move(scope)); !walked) return forward_error(walked);
  }
  return sync.run();
}

} // namespace raglan::ingest
