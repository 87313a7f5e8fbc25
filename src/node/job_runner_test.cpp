#include "node/job_runner.h"

#include <gtest/gtest.h>

#include <thread>

#include "rag/fakes_test.h"
#include "store/stored_fixture_test.h"

namespace raglan::node {
namespace {

using namespace std::chrono_literals;

// One node and its store; the runner's clock stands still, its looks do not.
class JobRunnerTest : public store::StoredTest {
 protected:
  // Those of another name are others: what is stored or embedded already is not embedded again.
  KnownJob submit(const std::string& name = "d") {
    std::vector<ingest::SourceDocument> documents(2);
    for (std::size_t i = 0; i < documents.size(); ++i) {
      documents[i].id = name + std::to_string(i);
      documents[i].bytes = "The text of " + documents[i].id + ".";
    }
    auto job = start(jobs_.submit({}, write_parts(std::move(documents)), Deadline())).get();
    EXPECT_TRUE(job) << job.error().message;
    return job.value_or(KnownJob());
  }
  // By nodes that die over it.
  void claim(const KnownJob& job, std::uint32_t times) {
    for (std::uint32_t i = 0; i < times; ++i) {
      const auto queued = start(jobs_.queued(Deadline())).get().value().at(0);
      EXPECT_TRUE(start(jobs_.claim(queued, "dead", Deadline())).get());
    }
    EXPECT_EQ(find(job).claims, times);
  }
  Job find(const KnownJob& job) {
    return start(jobs_.find(job.tenant, job.id, Deadline())).get().value().job;
  }
  // A test that would hang fails instead.
  void await(const std::function<bool()>& done) {
    for (int i = 0; i < 2'000 && !done(); ++i) std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(done());
  }
  // While it is looked at again and again: time in which nobody looks does not count.
  void let_the_lease_pass() {
    for (int i = 0; i < 8; ++i) {
      clock_.advance(config_.lease / 4);
      std::this_thread::sleep_for(2 * config_.lease / 4);
    }
  }
  Job finished(const KnownJob& job) {
    await([&] { return find(job).is_finished(); });
    return find(job);
  }

  rag::FakeEmbedder embedder_;
  model::EmbeddingQueue queue_{embedder_, {.batch_window = {}}, {}, clock_};
  model::EmbeddingCache embeddings_{queue_, {.ttl = {}}, {}, clock_};
  const JobsConfig config_{.lease = 500ms};
  Jobs jobs_{config_, store_.records(), clock_};
  DocumentWriter writer_{{store_, embeddings_, in_place_, in_place_, {}, clock_}};
  JobRunner runner_{config_, {jobs_, writer_, in_place_, clock_}};
};

TEST_F(JobRunnerTest, AQueuedJobIsDone) {
  const KnownJob job = submit();
  runner_.begin(loops_.executor(0));
  const Job done = finished(job);
  EXPECT_EQ(done.state, JobState::kDone);
  EXPECT_EQ(done.indexed, 2u);
  EXPECT_EQ(embedded_->collection({})->documents, 2u);
  await([&] { return runner_.stats().finished == 1 && runner_.running() == 0; });
  EXPECT_EQ(runner_.stats().resumed, 0u);
}

TEST_F(JobRunnerTest, AJobOfASilentNodeIsTakenOverAfterItsLease) {
  const KnownJob job = submit();
  claim(job, 1);
  runner_.begin(loops_.executor(0));
  await([&] { return runner_.queued() == 1; });
  std::this_thread::sleep_for(2 * config_.lease); // of looks at a clock that stands still
  EXPECT_EQ(find(job).state, JobState::kRunning);
  let_the_lease_pass();
  EXPECT_EQ(finished(job).indexed, 2u);
  EXPECT_EQ(runner_.stats().resumed, 1u);
}

TEST_F(JobRunnerTest, APartOverWhichTooManyNodesDiedIsLeftOut) {
  const KnownJob job = submit();
  claim(job, JobRunner::kMaxClaims);
  runner_.begin(loops_.executor(0));
  await([&] { return runner_.queued() == 1; });
  let_the_lease_pass();
  const Job done = finished(job);
  EXPECT_EQ(done.state, JobState::kDone);
  EXPECT_EQ(done.indexed, 0u);
  EXPECT_EQ(done.failed, 2u);
  EXPECT_EQ(done.failures.at(0).code, "internal");
}

TEST_F(JobRunnerTest, OneFewerAndItIsTried) {
  const KnownJob job = submit();
  claim(job, JobRunner::kMaxClaims - 1);
  runner_.begin(loops_.executor(0));
  await([&] { return runner_.queued() == 1; });
  let_the_lease_pass();
  EXPECT_EQ(finished(job).indexed, 2u);
}

TEST_F(JobRunnerTest, AJobThatKeepsFailingLetsOthersHaveATurn) {
  embedder_.failing = true;
  const KnownJob job = submit();
  runner_.begin(loops_.executor(0));
  await([&] { return find(job).failing_since && find(job).state == JobState::kQueued; });
  EXPECT_EQ(find(job).claims, 0u);
  embedder_.failing = false;
  EXPECT_EQ(finished(submit()).indexed, 2u);
  EXPECT_EQ(find(job).state, JobState::kQueued); // it rests
  clock_.advance(JobRunner::kRest);
  EXPECT_EQ(finished(job).state, JobState::kDone);
}

TEST_F(JobRunnerTest, GivenUpIsWhatHasFailedForLongAndNotWhatIsOld) {
  const KnownJob job = submit();
  clock_.advance(config_.give_up_after);
  embedder_.failing = true;
  runner_.begin(loops_.executor(0));
  await([&] { return embedder_.calls >= 2; });
  embedder_.failing = false;
  EXPECT_EQ(finished(job).state, JobState::kDone);

  embedder_.failing = true;
  const int calls = embedder_.calls;
  const KnownJob failing = submit("other");
  runner_.wake();
  await([&] { return embedder_.calls > calls; });
  clock_.advance(config_.give_up_after);
  const Job failed = finished(failing);
  EXPECT_EQ(failed.state, JobState::kFailed);
  EXPECT_EQ(failed.error_code, "unavailable");
}

TEST_F(JobRunnerTest, ADamagedJobKeepsNobodyWaiting) {
  const KnownJob damaged = submit();
  store::RecordWrite damage{jobs_.guard(damaged).key, "{", store::kNever};
  ASSERT_TRUE(start(store_.records().write(damage, Deadline())).get());
  const KnownJob job = submit();
  runner_.begin(loops_.executor(0));
  EXPECT_EQ(finished(job).indexed, 2u);
}

TEST_F(JobRunnerTest, StoppedItTakesNoMore) {
  runner_.begin(loops_.executor(0));
  runner_.stop();
  const KnownJob job = submit();
  runner_.wake();
  std::this_thread::sleep_for(config_.lease);
  EXPECT_EQ(find(job).state, JobState::kQueued);
  EXPECT_EQ(runner_.running(), 0u);
}

} // namespace
} // namespace raglan::node
