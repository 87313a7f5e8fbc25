// The C++ side of bench/embedding.py: loads the model, then obeys one command a line.
//
//   embedding_bench MODEL_FOLDER TEXTS GRAPH THREADS
//
// TEXTS holds one JSON string a line. GRAPH is where the graph is written for the other side.
//   all        embed every text in one call            → seconds
//   queued     the same through the embedding queue    → seconds
//   singly     embed every text in a call of its own   → seconds
//   query N    embed the first text N times, alone     → median seconds
//   tokenize   only count the tokens of every text     → seconds
#include <algorithm>
#include <fstream>
#include <future>
#include <iostream>
#include <sstream>

#include <boost/json/parse.hpp>

#include "base/clock.h"
#include "model/embedding_queue.h"
#include "model/local_embedder.h"

namespace raglan::model {
namespace {

std::vector<std::string> read_texts(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> texts;
  for (std::string line; std::getline(file, line);) {
    texts.emplace_back(boost::json::parse(line).as_string());
  }
  return texts;
}

template <typename Work>
double seconds(Work&& work) {
  const auto begun = SystemClock::instance().now();
  work();
  return to_milliseconds(SystemClock::instance().now() - begun) / 1000;
}

void require(const Result<Embeddings>& made) {
  if (made) return;
  std::cerr << made.error().message << '\n';
  std::exit(1);
}

double through_queue(LocalEmbedder& embedder, const std::vector<std::string>& texts) {
  constexpr std::size_t kTextsPerRequest = 256;
  EmbeddingQueue queue(embedder, {});
  return seconds([&] {
    std::vector<std::future<Result<Embeddings>>> waiting;
    for (std::size_t i = 0; i < texts.size(); i += kTextsPerRequest) {
      const auto last = std::min(texts.size(), i + kTextsPerRequest);
      std::promise<Result<Embeddings>> promise;
      waiting.push_back(promise.get_future());
      queue.submit({texts.begin() + static_cast<std::ptrdiff_t>(i),
                    texts.begin() + static_cast<std::ptrdiff_t>(last)},
                   EmbeddingPriority::kIngest, Deadline(),
                   [promise = std::move(promise)](Result<Embeddings> made) mutable {
                     promise.set_value(std::move(made));
                   });
    }
    for (auto& future : waiting) require(future.get());
  });
}

double one_query(LocalEmbedder& embedder, std::string_view text, std::size_t times) {
  std::vector<double> all(times);
  for (double& each : all) each = seconds([&] { require(embedder.embed({text}, Deadline())); });
  std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(times / 2));
  return all[times / 2];
}

int serve(LocalEmbedder& embedder, const std::vector<std::string>& texts) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::size_t times = 1;
    words >> command >> times;
    if (command == "all") {
      std::cout << seconds([&] { require(embedder.embed(views, Deadline())); }) << std::endl;
    } else if (command == "queued") {
      std::cout << through_queue(embedder, texts) << std::endl;
    } else if (command == "singly") {
      std::cout << seconds([&] {
        for (const std::string_view text : views) require(embedder.embed({text}, Deadline()));
      }) << std::endl;
    } else if (command == "query") {
      std::cout << one_query(embedder, views.front(), times) << std::endl;
    } else if (command == "tokenize") {
      std::cout << seconds([&] {
        for (const std::string_view text : views) embedder.count_tokens(text);
      }) << std::endl;
    } else {
      return 64;
    }
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  LocalEmbedderConfig config;
  config.threads = static_cast<std::size_t>(std::atoi(argv[4]));
  auto embedder = LocalEmbedder::load(argv[1], config);
  if (!embedder) {
    std::cerr << embedder.error().message << '\n';
    return 1;
  }
  if (auto saved = (*embedder)->save_graph(argv[3]); !saved) {
    std::cerr << saved.error().message << '\n';
    return 1;
  }
  std::cout << "ready" << std::endl;
  return serve(**embedder, read_texts(argv[2]));
}

} // namespace
} // namespace raglan::model

int main(int argc, char** argv) { return raglan::model::main(argc, argv); }
