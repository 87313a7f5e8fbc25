// One question under way: the cache, the work in flight that it may join, and the reply. Internal
// to rag/.
//
//   Pipeline::Run run(pipeline, request, loop);
//   if (run.find_here()) return run.take_reply();     // most questions, where a cache is of use
//   auto ok = co_await run.find_or_compute();
#pragma once

#include "rag/pipeline.h"

namespace raglan::rag {

class Pipeline::Run {
 public:
  using Seat = Flights::Seat;

  Run(Pipeline& pipeline, QueryRequest request, boost::asio::any_io_executor loop);

  // Whether this process has the answer. No coroutine: that would cost more than the look.
  bool find_here();
  // After find_here.
  net::Task<Result<>> find_or_compute();
  // As find_or_compute, until the answer begins to be written: then its seat. Nothing: the reply is
  // there.
  net::Task<Result<std::optional<Seat>>> open();
  // The rest of an answer that was opened; `begun`: some of its text was shown.
  net::Task<Result<>> finish(Seat& seat, bool begun);

  QueryReply take_reply();
  const QueryReply& reply() const { return reply_; }
  // What is known of an answer that is being written.
  void take_outline(const Seat& seat, std::shared_ptr<const Answer> outline);

  Deadline deadline() const { return request_.deadline; }
  const Clock& clock() const { return clock_; }

 private:
  // Into this process' cache: whether that is the reply.
  bool look();
  bool look_first();
  // Whether what was found answers the question; it is refreshed when it is time.
  bool serve(const Hash128& key, const AnswerCache::Found& found);
  // A question that leans on its conversation becomes one that does not.
  net::Task<Result<>> rewrite();
  void take_rewriting(Rewriting rewriting);
  // Reads the generation, and looks for what needs no computing: whether that is the reply.
  net::Task<Result<bool>> find();
  // Into Redis: whether that is the reply.
  net::Task<bool> find_elsewhere();
  // Makes less of the question while there is too much to do: whether the reply is there.
  net::Task<Result<bool>> reduce();
  net::Task<Result<bool>> find_at_last_level(Overload::Service service);
  // As much less of the question as that: whether this process' cache has the answer.
  bool take_less(const policy::ServicePlan& plan, std::string_view reason);
  Seat board();
  // With those who have more time than whoever started the work, until that has ended.
  net::Task<Result<>> board_until_done();
  // Whether to board again: whoever started the work had less time.
  bool is_others_deadline(const Result<ComputedAnswer>& computed, const Seat& seat) const;
  Result<> settle(Result<ComputedAnswer> computed, bool joined);
  // The reply when computing it failed.
  Result<> fall_back(const Error& error);
  // What expired long ago, if there is that: of the full answer rather than of the smaller one.
  bool take_old();
  bool take_old_of(const std::optional<Hash128>& key);
  void take_hit(CacheStatus status, std::shared_ptr<const Answer> answer);
  Result<> take(ComputedAnswer computed);
  void take_timings(const ComputedAnswer& computed);
  void end_stage(std::string_view stage, MonotonicTime began);
  void count_degraded() const;

  Pipeline& pipeline_;
  const Clock& clock_;
  const boost::asio::any_io_executor loop_;
  QueryRequest request_;
  const MonotonicTime started_;
  MonotonicTime boarded_{};
  std::optional<Result<store::Generation>> generation_; // once it was read
  std::optional<Hash128> full_key_; // of what the client asked, when it was reduced
  bool begun_ = false;              // it has been read, while it was being written
  bool redis_failed_ = false;       // a moment ago: a question waits for it once
  QueryReply reply_;
};

} // namespace raglan::rag
