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
//
// A line of chunks.txt is "a b text". Its vector is made from the real vectors a and b and noise:
// see perturbed().
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/rng.h"
#include "model/local_embedder.h"
#include "store/embedded_store.h"

namespace raglan::store {
namespace {

constexpr std::size_t kDimension = 384;
constexpr std::size_t kChunksPerDocument = 10;
constexpr std::size_t kDocumentsPerCall = 64;
constexpr std::uint32_t kCandidates = 100;
constexpr std::size_t kRecallOf = 10;
constexpr double kNoise = 0.35; // the noise vector's length, beside real vectors of length 1
constexpr auto kWritePause = std::chrono::milliseconds(20);

[[noreturn]] void give_up(std::string_view what) {
  std::cerr << what << '\n';
  std::exit(1);
}

template <typename T>
T require(Result<T> result) {
  if (!result) give_up(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

template <typename Work>
double seconds(Work&& work) {
  const auto begun = SystemClock::instance().now();
  work();
  return to_milliseconds(SystemClock::instance().now() - begun) / 1000;
}

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.empty()) give_up("no lines in " + path.string());
  return lines;
}

std::vector<float> read_vectors(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<float> vectors(std::filesystem::file_size(path) / sizeof(float));
  file.read(reinterpret_cast<char*>(vectors.data()),
            static_cast<std::streamsize>(vectors.size() * sizeof(float)));
  return vectors;
}

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
      : folder_(std::move(folder)),
        base_(read_vectors(folder_ / "base.f32")),
        questions_(read_lines(folder_ / "questions.txt")),
        question_vectors_(read_vectors(folder_ / "questions.f32")) {
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

  // Normalised a + w b + noise, w uniform in [0, 1): near to real vectors, and nowhere equal.
  std::vector<float> perturbed(std::size_t a, std::size_t b) {
    std::vector<float> vector(kDimension);
    const double weight = rng_.uniform();
    double square = 0;
    for (std::size_t i = 0; i < kDimension; ++i) {
      double noise = 0; // nearly normal, of variance 1
      for (int j = 0; j < 12; ++j) noise += rng_.uniform();
      const double value = base_[a * kDimension + i] + weight * base_[b * kDimension + i] +
                           kNoise * (noise - 6) / std::sqrt(kDimension);
      vector[i] = static_cast<float>(value);
      square += value * value;
    }
    for (float& value : vector) value /= static_cast<float>(std::sqrt(square));
    return vector;
  }

  PreparedDocument document(std::size_t number, std::span<const std::string> lines) {
    PreparedDocument made;
    made.document.id = fmt::format("document-{}", number);
    for (const std::string& line : lines) {
      std::istringstream words(line);
      std::size_t a = 0;
      std::size_t b = 0;
      words >> a >> b;
      std::string text;
      std::getline(words.ignore(1), text);
      const std::size_t start = made.document.text.size();
      made.document.text += text;
      made.chunks.push_back({.document_id = made.document.id,
                             .ordinal = static_cast<std::uint32_t>(made.chunks.size()),
                             .text = text,
                             .start = start,
                             .end = made.document.text.size()});
      const auto vector = perturbed(a, b);
      made.vectors.insert(made.vectors.end(), vector.begin(), vector.end());
    }
    made.document.content_hash = hash128(made.document.text);
    return made;
  }

  std::string ingest() {
    const std::vector<std::string> lines = read_lines(folder_ / "chunks.txt");
    double taken = 0;
    std::size_t documents = 0;
    std::vector<PreparedDocument> call;
    for (std::size_t i = 0; i < lines.size(); i += kChunksPerDocument) {
      const std::size_t count = std::min(kChunksPerDocument, lines.size() - i);
      call.push_back(document(documents++, std::span(lines).subspan(i, count)));
      if (call.size() < kDocumentsPerCall && i + count < lines.size()) continue;
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
    const auto vector = std::span(question_vectors_).subspan(question * kDimension, kDimension);
    request.query_text = questions_[question];
    request.query_vector.assign(vector.begin(), vector.end());
    return store_->search(request);
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
    const std::vector<std::string> lines = read_lines(folder_ / "chunks.txt");
    std::atomic<bool> done{false};
    std::size_t written = 0;
    std::thread writer([&] {
      while (!done) {
        const auto first = (written * kChunksPerDocument) % (lines.size() - kChunksPerDocument);
        require(store_->put({}, document(1'000'000 + written++,
                                         std::span(lines).subspan(first, kChunksPerDocument))));
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
  const std::vector<float> base_;
  const std::vector<std::string> questions_;
  const std::vector<float> question_vectors_;
  Rng rng_{42};
  std::unique_ptr<EmbeddedStore> store_;
};

int serve(const char* folder) {
  Bench bench(folder);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::size_t count = 1;
    words >> command >> count;
    std::cout << bench.run(command, count) << std::endl;
  }
  return 0;
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
