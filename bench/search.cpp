// The C++ side of bench/search.py: a store with many chunks, and one command a line. Every command
// answers with one line of JSON.
//
//   search_bench embed MODEL_FOLDER TEXTS VECTORS     embeds each line, writes f32 vectors
//   search_bench serve FOLDER                         reads chunks.txt, base.f32, questions.txt,
//                                                     questions.f32 there; then commands:
//     ingest            the chunks as documents of kChunksPerDocument, each call durable
//     graph             waits until the index has its graph
//     open | rebuild    opens the store again, from its snapshot or without one
//     hybrid N          N searches, question after question
//     writing N         the same while documents are written at a steady rate
//     recall            of 10, dense, against exact search
//     bm25              every question once, lexical alone
//     rss               of this process
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "model/local_embedder.h"
#include "search_corpus.h"
#include "store/embedded_store.h"

namespace raglan::store {
namespace {

using bench::give_up;
using bench::kChunksPerDocument;
using bench::kDimension;
using bench::read_lines;
using bench::require;
using bench::seconds;

constexpr std::size_t kDocumentsPerCall = 64;
constexpr std::uint32_t kCandidates = 100;
constexpr std::size_t kRecallOf = 10;
constexpr auto kWritePause = std::chrono::milliseconds(20);

int embed(const char* model, const char* texts, const char* output) {
  auto embedder = require(model::LocalEmbedder::load(model, {}));
  const std::vector<std::string> lines = read_lines(texts);
  const std::vector<std::string_view> views(lines.begin(), lines.end());
  const auto made = require(embedder->embed(views, Deadline()));
  std::ofstream file(output, std::ios::binary);
  file.write(reinterpret_cast<const char*>(made.values.data()),
             static_cast<std::streamsize>(made.values.size() * sizeof(float)));
  return 0;
}

class Bench {
 public:
  explicit Bench(std::filesystem::path folder)
      : folder_(std::move(folder)), corpus_(folder_), questions_(corpus_.questions) {
    std::filesystem::remove_all(folder_ / "store");
    open();
  }

  std::string run(const std::string& command, std::size_t count) {
    if (command == "ingest") return ingest();
    if (command == "graph") return wait_for_graph();
    if (command == "open" || command == "rebuild") return reopen(command == "rebuild");
    if (command == "hybrid") return hybrid(count);
    if (command == "writing") return hybrid_while_writing(count);
    if (command == "recall") return recall();
    if (command == "bm25") return fmt::format(R"({{"seconds":{}}})", lexical());
    if (command == "rss") return resident();
    give_up("unknown command " + command);
  }

 private:
  void open() {
    store_ = require(EmbeddedStore::open(folder_ / "store" / "raglan.db", {"bench", kDimension}, {},
                                         SystemClock::instance()));
    require(store_->load_indexes());
  }

  std::string ingest() {
    const std::vector<std::string>& lines = corpus_.lines;
    double taken = 0;
    std::size_t documents = 0;
    std::vector<PreparedDocument> call;
    for (std::size_t i = 0; i < lines.size(); i += kChunksPerDocument) {
      call.push_back(corpus_.document(documents++, i));
      if (call.size() < kDocumentsPerCall && i + kChunksPerDocument < lines.size()) continue;
      taken += seconds([&] {
        for (auto& state : store_->put_many({}, call)) require(std::move(state));
      });
      call.clear();
    }
    return fmt::format(R"({{"documents":{},"chunks":{},"seconds":{}}})", documents, lines.size(),
                       taken);
  }

  std::string wait_for_graph() {
    const double taken = seconds([&] {
      require(search(0, {})); // brings the index up to date
      for (auto size = store_->index_size(); size.chunks - size.graph_chunks > 8192;
           size = store_->index_size()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    });
    return fmt::format(R"({{"seconds":{}}})", taken);
  }

  std::string reopen(bool without_snapshot) {
    const double closing = seconds([&] { store_.reset(); });
    if (without_snapshot) std::filesystem::remove_all(folder_ / "store" / "raglan.db.snapshots");
    const double opening = seconds([&] { open(); });
    return fmt::format(R"({{"close_seconds":{},"seconds":{}}})", closing, opening);
  }

  Result<SearchResult> search(std::size_t question, SearchRequest request) {
    return store_->search(corpus_.question(question, std::move(request)));
  }

  std::string hybrid(std::size_t count) {
    std::vector<double> taken;
    for (std::size_t i = 0; i < count; ++i) {
      taken.push_back(1000 * seconds([&] {
                        require(search(i % questions_.size(), {.candidates = kCandidates}));
                      }));
    }
    std::ranges::sort(taken);
    return fmt::format(R"({{"p50_ms":{},"p99_ms":{},"max_ms":{}}})", taken[count / 2],
                       taken[count * 99 / 100], taken.back());
  }

  std::string hybrid_while_writing(std::size_t count) {
    const std::size_t lines = corpus_.lines.size();
    std::atomic<bool> done{false};
    std::size_t written = 0;
    std::thread writer([&] {
      while (!done) {
        const auto first = (written * kChunksPerDocument) % (lines - kChunksPerDocument);
        require(store_->put({}, corpus_.document(1'000'000 + written, first)));
        ++written;
        std::this_thread::sleep_for(kWritePause);
      }
    });
    const std::string figures = hybrid(count);
    done = true;
    writer.join();
    return fmt::format(R"({{"documents_written":{},"search":{}}})", written, figures);
  }

  std::string recall() {
    std::size_t found = 0;
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      found += common(nearest(i, false), nearest(i, true));
    }
    return fmt::format(R"({{"recall@10":{}}})", static_cast<double>(found) /
                                                    static_cast<double>(questions_.size()) /
                                                    static_cast<double>(kRecallOf));
  }

  std::set<std::uint64_t> nearest(std::size_t question, bool exact) {
    const auto result = require(search(question, {.candidates = kCandidates, .exact = exact}));
    std::set<std::uint64_t> ids;
    for (const Candidate& candidate : result.candidates) {
      if (candidate.dense_rank > 0 && candidate.dense_rank <= kRecallOf) {
        ids.insert(candidate.chunk_id);
      }
    }
    return ids;
  }

  static std::size_t common(const std::set<std::uint64_t>& left,
                            const std::set<std::uint64_t>& right) {
    return static_cast<std::size_t>(
        std::ranges::count_if(left, [&](std::uint64_t id) { return right.contains(id); }));
  }

  double lexical() {
    return seconds([&] {
      for (const std::string& question : questions_) {
        require(store_->search({.query_text = question, .candidates = kCandidates}));
      }
    });
  }

  static std::string resident() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmRSS:")) {
        return fmt::format(R"({{"mb":{}}})", std::stoul(line.substr(6)) / 1024);
      }
    }
    return "{}";
  }

  const std::filesystem::path folder_;
  bench::SearchCorpus corpus_;
  const std::vector<std::string>& questions_;
  std::unique_ptr<EmbeddedStore> store_;
};

int serve(const char* folder) {
  Bench subject(folder);
  return bench::serve_commands(subject);
}

} // namespace
} // namespace raglan::store

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "embed" && argc == 5) return raglan::store::embed(argv[2], argv[3], argv[4]);
  if (mode == "serve" && argc == 3) return raglan::store::serve(argv[2]);
  std::cerr << "see the head of search.cpp\n";
  return 64;
}
