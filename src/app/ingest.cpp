// raglan ingest: files and folders into documents, incrementally.
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "app/api_ingest_target.h"
#include "base/control_characters.h"
#include "ingest/progress.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

struct IngestOptions {
  ApiOptions api;
  std::vector<std::string> paths;
  std::string collection = "default";
  std::string root;
  std::string source;
  bool dry_run = false;
  bool keep_missing = false;
  bool json = false;
};

ingest::SyncRequest request_of(const IngestOptions& options) {
  ingest::SyncRequest request;
  request.paths.assign(options.paths.begin(), options.paths.end());
  request.collection = options.collection;
  if (!options.root.empty()) request.root = options.root;
  request.source = options.source;
  request.dry_run = options.dry_run;
  request.remove_missing = !options.keep_missing;
  return request;
}

ingest::ProgressStyle stderr_style() {
  ingest::ProgressStyle style;
  style.terminal = ::isatty(STDERR_FILENO) != 0;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    style.columns = size.ws_col;
  return style;
}

// Follows a run: the bar, what fails, what a dry run would do.
class Follower {
 public:
  explicit Follower(const IngestOptions& options)
      : options_(options), progress_(stderr_style(), SystemClock::instance().now()) {}

  void on_event(const ingest::SyncEvent& event) {
    using Kind = ingest::SyncEvent::Kind;
    state_.documents_done = event.files_done;
    state_.documents_total = event.files_total;
    state_.bytes_done = event.bytes_done;
    state_.bytes_total = event.bytes_total;
    if (event.kind == Kind::kIndexed) state_.chunks_done += event.chunks;
    const bool failed = event.kind == Kind::kFailed;
    if (failed) {
      write(progress_.interrupt());
      const std::string why = event.error ? event.error->message : "failed";
      fmt::print(stderr, "{}: {}\n", escape_control_characters(event.id),
                 blank_control_characters(why));
      failures_.push_back({{"id", event.id}, {"error", why}});
    } else if (options_.dry_run && !options_.json && event.kind != Kind::kUnchanged) {
      write(progress_.interrupt());
      fmt::print("{} {}\n", verb(event.kind), escape_control_characters(event.id));
    }
    if (event.more_at_once) return;
    if (auto text = progress_.update(state_, SystemClock::instance().now())) write(*text);
  }

  void finish() { write(progress_.finish(state_, SystemClock::instance().now())); }
  json::array take_failures() { return std::move(failures_); }

 private:
  static std::string_view verb(ingest::SyncEvent::Kind kind) {
    using Kind = ingest::SyncEvent::Kind;
    if (kind == Kind::kRemoved) return "would remove";
    return kind == Kind::kSkipped ? "would skip" : "would write";
  }
  static void write(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  }

  const IngestOptions& options_;
  ingest::Progress progress_;
  ingest::ProgressState state_;
  json::array failures_;
};

json::object report_json(const ingest::SyncReport& report, bool dry_run, json::array failures,
                         Duration took) {
  return {{"dry_run", dry_run},
          {"indexed", report.indexed},
          {"unchanged", report.unchanged},
          {"removed", report.removed},
          {"skipped", report.skipped},
          {"failed", report.failed},
          {"chunks", report.chunks},
          {"bytes", report.bytes},
          {"seconds", to_milliseconds(took) / 1000},
          {"failures", std::move(failures)}};
}

int run_ingest(const IngestOptions& options) {
  auto api = open_api(options.api);
  if (!api) return report_unopened("ingest", api.error());
  ApiIngestTarget target(**api);
  Follower follower(options);
  const Clock& clock = SystemClock::instance();
  const MonotonicTime start = clock.now();
  auto report =
      ingest::sync_files(request_of(options), target,
                         [&](const ingest::SyncEvent& event) { follower.on_event(event); });
  follower.finish();
  if (!report) return report_error("ingest", report.error());
  if (options.json) {
    print_json(
        report_json(*report, options.dry_run, follower.take_failures(), clock.now() - start));
  } else {
    fmt::print("{}{} indexed ({} chunks), {} unchanged, {} removed, {} skipped, {} failed\n",
               options.dry_run ? "dry run: " : "", report->indexed, report->chunks,
               report->unchanged, report->removed, report->skipped, report->failed);
  }
  return report->failed > 0 ? kExitFailed : kExitDone;
}

} // namespace

void add_ingest(CLI::App& program, Run& run) {
  auto options = std::make_shared<IngestOptions>();
  CLI::App* command = program.add_subcommand("ingest", "files and folders into documents");
  command->add_option("path", options->paths, "files or folders")->required();
  add_api_options(*command, options->api);
  command->add_option("--collection", options->collection, "where to put them")
      ->capture_default_str();
  command->add_option("--root", options->root,
                      "the folder that ids are relative to (default: each path)");
  command->add_option("--source", options->source,
                      "name of what is synchronised (default: made from the root)");
  command->add_flag("--dry-run", options->dry_run, "say what would be done, and do nothing");
  command->add_flag("--keep-missing", options->keep_missing,
                    "keep documents whose files are no longer there");
  command->add_flag("--json", options->json, "one JSON document");
  command->callback([options, &run] { run = [options] { return run_ingest(*options); }; });
}

} // namespace raglan::app
