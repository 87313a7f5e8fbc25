// A pipeline over a store and a model that tests see into, with time that stands still.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>

#include "net/loop_fixture_test.h"
#include "rag/fakes_test.h"
#include "rag/pipeline.h"

namespace raglan::rag {

class PipelineTest : public net::LoopTest {
 protected:
  PipelineTest() { store_.add("The vacuum command reclaims storage of dead tuples."); }
  ~PipelineTest() override { end_loops(); }

  // Before anything is destroyed that coroutines use: of a test class that has such members, in its
  // destructor. Work that nobody waits for any more is cancelled on its loop, each piece by what
  // the one around it posts.
  void end_loops() {
    constexpr int kPosts = 8; // more than there are
    for (int i = 0; loops_.running() && i < kPosts; ++i) {
      settle(0);
      settle(1);
    }
    loops_.stop();
  }

  Pipeline& pipeline() {
    if (!pipeline_) {
      pipeline_ = std::make_unique<Pipeline>(config_, Pipeline::Parts{.store = store_,
                                                                      .embeddings = embeddings_,
                                                                      .search = submit_,
                                                                      .clock = clock_,
                                                                      .generator = generator_,
                                                                      .overload = overload_,
                                                                      .on_stage = on_stage_});
    }
    return *pipeline_;
  }

  static QueryRequest question(CacheMode cache = CacheMode::kUse) {
    QueryRequest request;
    request.query = "what does the vacuum command reclaim?";
    request.cache = cache;
    return request;
  }

  Result<QueryReply> ask(QueryRequest request) {
    return start(pipeline().run(std::move(request))).get();
  }

  void settle_refreshes() {
    while (pipeline().refreshing() != 0) std::this_thread::yield();
  }

  static ErrorCode code_of(const Result<QueryReply>& reply) {
    return reply ? ErrorCode::kInternal : reply.error().code;
  }

  ManualClock clock_;
  FakeStore store_{submit_, clock_};
  FakeEmbedder embedder_;
  model::EmbeddingQueue queue_{embedder_, {.batch_window = {}}, {}, clock_}; // time stands still
  model::EmbeddingCache embeddings_{queue_, {.ttl = {}}, {}, clock_};
  net::Submit submit_ = [](std::function<void()> work) {
    work();
    return true;
  };
  std::function<void(std::string_view, Duration)> on_stage_;
  model::Generator* generator_ = nullptr;
  Overload* overload_ = nullptr;
  PipelineConfig config_;
  std::unique_ptr<Pipeline> pipeline_;
};

} // namespace raglan::rag
