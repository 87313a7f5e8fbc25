// What claims are measured with: nodes of this very program on copies of a store, a Redis, the
// corpus and its questions.
//
// The store itself is only read: once, into a copy from which each node gets its own, so that no
// row finds what another has left in a cache on disk. Nodes have no Redis, no warm-up and none of
// its refreshing, unless a claim asks for it.
//
// Thread safety: belongs to one thread.
#pragma once

#include <any>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include "base/temporary_folder.h"
#include "loadtest/corpus.h"
#include "loadtest/measured_node.h"

namespace raglan::loadtest {

struct RigConfig {
  std::filesystem::path store;           // the SQLite file
  std::vector<std::string> node_options; // of each node's command line
  std::uint64_t seed = 1;
  bool quick = false;
};

// A Redis that keeps nothing, on a socket in the rig's folder.
struct RedisProcess {
  std::unique_ptr<LoggedProcess> process;
  std::string url;
};

class Rig {
 public:
  // Errors: those of the store; kNotFound when it has no documents.
  static Result<std::unique_ptr<Rig>> make(RigConfig config);

  using NodePtr = std::unique_ptr<MeasuredNode>;
  // `settings`: "section.key=value". On a copy of its own.
  Result<NodePtr> start_node(const std::vector<std::string>& settings = {});
  // Without documents.
  Result<NodePtr> start_empty_node(const std::vector<std::string>& settings);
  // On one copy.
  Result<std::vector<NodePtr>> start_nodes(std::size_t count,
                                           const std::vector<std::string>& settings);
  // kUnavailable when none is installed.
  Result<RedisProcess> start_redis();

  // What several claims read from one measurement: made by the first that asks.
  template <typename T, typename Make>
  Result<const T*> once(Make make) {
    auto& made = made_[std::type_index(typeid(T))];
    if (!made.has_value()) {
      auto result = make(*this);
      if (!result) return forward_error(result);
      made = std::move(*result);
    }
    return std::any_cast<T>(&made);
  }

  const Corpus& corpus() const { return corpus_; }
  // The first so many, or as many as there are.
  std::span<const std::string> questions(std::size_t most) const;
  std::uint64_t seed() const { return config_.seed; }
  // Of two sizes of a measurement the one for this run.
  template <typename T>
  T choose(T quick, T thorough) const {
    return config_.quick ? quick : thorough;
  }

 private:
  Rig(RigConfig config, TemporaryFolder folder)
      : config_(std::move(config)), folder_(std::move(folder)) {}
  Result<> copy_store();
  Result<TemporaryFolder> copy_data();
  Result<NodePtr> start_on(const std::filesystem::path& data,
                           const std::vector<std::string>& settings);

  const RigConfig config_;
  TemporaryFolder folder_;
  Corpus corpus_;
  std::size_t processes_ = 0;
  std::unordered_map<std::type_index, std::any> made_;
};

// Runs work(0) … work(threads − 1), each on a thread of its own, to their ends.
void run_on_threads(std::size_t threads, const std::function<void(std::size_t)>& work);

} // namespace raglan::loadtest
