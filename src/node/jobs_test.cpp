#include "node/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/stored_fixture_test.h"

namespace raglan::node {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class JobsTest : public store::StoredTest {
 protected:
  KnownJob submit(std::uint32_t parts = 2, std::string tenant = "acme") {
    JobParts texts{.documents = parts};
    for (std::uint32_t i = 0; i < parts; ++i) texts.texts.push_back("part " + std::to_string(i));
    auto job = wait(jobs_.submit({std::move(tenant), "default"}, std::move(texts), Deadline()));
    EXPECT_TRUE(job) << job.error().message;
    return job.value_or(KnownJob());
  }
  std::vector<policy::QueuedJob> queued() { return wait(jobs_.queued(Deadline())).value(); }
  Result<KnownJob> claim(std::string node) {
    return wait(jobs_.claim(queued().at(0), std::move(node), Deadline()));
  }
  Result<KnownJob> find(const KnownJob& job) {
    return wait(jobs_.find(job.tenant, job.id, Deadline()));
  }

  Result<KnownJob> submit_bytes(std::size_t bytes, std::string tenant = "acme") {
    JobParts parts{.texts = {std::string(bytes, 'x')}, .documents = 1};
    return wait(jobs_.submit({std::move(tenant), "default"}, std::move(parts), Deadline()));
  }

  const JobsConfig config_{.max_queued = 3,
                           .max_queued_per_tenant = 2,
                           .max_queued_bytes = 2'000,
                           .max_queued_bytes_per_tenant = 1'200};
  Jobs jobs_{config_, store_.records(), clock_};
};

TEST_F(JobsTest, AQueuedJobIsWholeAndNobodys) {
  const KnownJob job = submit();
  const auto found = find(job);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->job.state, JobState::kQueued);
  EXPECT_EQ(found->job.documents, 2u);
  ASSERT_THAT(queued(), SizeIs(1));
  EXPECT_FALSE(queued()[0].is_leased);
  EXPECT_EQ(wait(jobs_.read_part(job, Deadline())), "part 0");
}

TEST_F(JobsTest, OfTwoNodesOneClaimsIt) {
  submit();
  const auto seen = queued().at(0);
  const auto first = wait(jobs_.claim(seen, "one", Deadline()));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->job.state, JobState::kRunning);
  EXPECT_EQ(code_of(wait(jobs_.claim(seen, "two", Deadline()))), ErrorCode::kConflict);
  EXPECT_TRUE(queued()[0].is_leased);
}

TEST_F(JobsTest, WhoHasLostItCanNeitherRenewNorWrite) {
  submit();
  auto first = claim("one");
  ASSERT_TRUE(first);
  const auto renewed_from = queued()[0].version;
  EXPECT_TRUE(wait(jobs_.renew(*first, "one", Deadline())));
  EXPECT_NE(queued()[0].version, renewed_from);
  auto second = claim("two"); // the first was silent
  ASSERT_TRUE(second);
  EXPECT_EQ(second->job.claims, 2u);
  EXPECT_EQ(code_of(wait(jobs_.renew(*first, "one", Deadline()))), ErrorCode::kConflict);
  complete_part(first->job, {}, clock_.wall_now());
  EXPECT_EQ(code_of(wait(jobs_.advance(*first, Deadline()))), ErrorCode::kConflict);
  EXPECT_EQ(code_of(wait(jobs_.give_back(*first, "one", Deadline()))), ErrorCode::kConflict);
  const auto states = embedded_->put_many({}, {}, jobs_.guard(*first));
  EXPECT_THAT(states, IsEmpty());
  EXPECT_TRUE(wait(jobs_.renew(*second, "two", Deadline())));
}

TEST_F(JobsTest, EachPartIsForgottenWhenItIsDone) {
  submit();
  auto job = claim("one");
  ASSERT_TRUE(job);
  const KnownJob before = *job;
  complete_part(job->job, {}, clock_.wall_now());
  job = wait(jobs_.advance(*job, Deadline()));
  ASSERT_TRUE(job);
  EXPECT_EQ(code_of(wait(jobs_.read_part(before, Deadline()))), ErrorCode::kNotFound);
  EXPECT_EQ(wait(jobs_.read_part(*job, Deadline())), "part 1");
}

TEST_F(JobsTest, FinishedItIsInNoQueueAndCanBeLookedAtForAWhile) {
  const KnownJob queued_job = submit();
  auto job = claim("one");
  finish(job->job, JobState::kDone, clock_.wall_now());
  ASSERT_TRUE(wait(jobs_.close(*job, Deadline())));
  EXPECT_THAT(queued(), IsEmpty());
  EXPECT_EQ(code_of(wait(jobs_.read_part(*job, Deadline()))), ErrorCode::kNotFound);
  clock_.advance(config_.keep_finished - std::chrono::milliseconds(1));
  EXPECT_EQ(find(queued_job)->job.state, JobState::kDone);
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(code_of(find(queued_job)), ErrorCode::kNotFound);
}

TEST_F(JobsTest, GivenBackItIsFreeAtOnce) {
  submit();
  auto job = claim("one");
  ASSERT_TRUE(wait(jobs_.give_back(*job, "one", Deadline())));
  EXPECT_FALSE(queued()[0].is_leased);
  const auto again = claim("two");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->job.claims, 1u);
}

TEST_F(JobsTest, CancelledItIsNobodysToFinish) {
  const KnownJob job = submit();
  auto claimed = claim("one");
  EXPECT_EQ(code_of(wait(jobs_.cancel("other", job.id, Deadline()))), ErrorCode::kNotFound);
  const auto cancelled = wait(jobs_.cancel("acme", job.id, Deadline()));
  ASSERT_TRUE(cancelled) << cancelled.error().message;
  EXPECT_EQ(cancelled->job.state, JobState::kCancelled);
  EXPECT_THAT(queued(), IsEmpty());
  complete_part(claimed->job, {}, clock_.wall_now());
  EXPECT_EQ(code_of(wait(jobs_.advance(*claimed, Deadline()))), ErrorCode::kConflict);
  EXPECT_EQ(code_of(wait(jobs_.cancel("acme", job.id, Deadline()))), ErrorCode::kConflict);
}

TEST_F(JobsTest, APlaceThatIsLeftOfAFinishedJobGoes) {
  submit();
  auto job = claim("one");
  finish(job->job, JobState::kDone, clock_.wall_now());
  store::RecordWrite last_word{jobs_.guard(*job).key, job_json(job->job)};
  ASSERT_TRUE(wait(store_.records().write(last_word, Deadline()))); // and its node died
  EXPECT_EQ(code_of(claim("two")), ErrorCode::kNotFound);
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(JobsTest, ADamagedJobStaysWhereItIs) {
  const KnownJob job = submit();
  store::RecordWrite damage{jobs_.guard(job).key, "{", store::kNever};
  ASSERT_TRUE(wait(store_.records().write(damage, Deadline())));
  EXPECT_EQ(code_of(claim("one")), ErrorCode::kCorrupt);
  EXPECT_THAT(queued(), SizeIs(1));
}

TEST_F(JobsTest, WhatWasNotSubmittedLeavesNothing) {
  Jobs roomy({}, store_.records(), clock_);
  JobParts parts{.texts = {"small", std::string(store::kMaxRecordBytes + 1, 'x')}, .documents = 2};
  EXPECT_EQ(code_of(wait(roomy.submit({"acme", "default"}, parts, Deadline()))),
            ErrorCode::kTooLarge);
  EXPECT_THAT(wait(store_.records().list_all("job_part", 10, Deadline())).value(), IsEmpty());
  EXPECT_THAT(wait(store_.records().list_all("job", 10, Deadline())).value(), IsEmpty());
}

TEST_F(JobsTest, TheQueueIsBounded) {
  for (int i = 0; i < 3; ++i) submit(1, "tenant" + std::to_string(i));
  JobParts one_more{.texts = {"text"}, .documents = 1};
  const auto refused = wait(jobs_.submit({"acme", "default"}, one_more, Deadline()));
  EXPECT_EQ(code_of(refused), ErrorCode::kOverloaded);
}

TEST_F(JobsTest, ATenantsPartOfTheQueueIsBounded) {
  for (int i = 0; i < 2; ++i) submit(1);
  JobParts one_more{.texts = {"text"}, .documents = 1};
  const auto refused = wait(jobs_.submit({"acme", "default"}, one_more, Deadline()));
  EXPECT_EQ(code_of(refused), ErrorCode::kOverloaded);
  submit(1, "other");
}

TEST_F(JobsTest, ATenantsBytesInTheQueueAreBounded) {
  ASSERT_TRUE(submit_bytes(700));
  EXPECT_EQ(code_of(submit_bytes(501)), ErrorCode::kOverloaded);
  auto running = claim("one"); // its bytes count until it is finished
  ASSERT_TRUE(wait(jobs_.renew(*running, "one", Deadline())));
  EXPECT_EQ(code_of(submit_bytes(501)), ErrorCode::kOverloaded);
  ASSERT_TRUE(wait(jobs_.give_back(*running, "one", Deadline())));
  EXPECT_EQ(code_of(submit_bytes(501)), ErrorCode::kOverloaded);
  ASSERT_TRUE(submit_bytes(500));
  ASSERT_TRUE(wait(jobs_.cancel("acme", running->id, Deadline())));
  ASSERT_TRUE(submit_bytes(700));
}

TEST_F(JobsTest, APlaceThatSaysNothingOfItsBytesHasNone) {
  store::RecordWrite older{
      {.kind = "job_queue", .tenant = "acme", .id = "older"}, R"({"node":"one"})", store::kNever};
  ASSERT_TRUE(wait(store_.records().write(older, Deadline())));
  EXPECT_TRUE(queued().at(0).is_leased);
  EXPECT_EQ(queued().at(0).bytes, 0u);
}

TEST_F(JobsTest, NoNumberOfBytesMakesRoom) {
  for (const std::string id : {"one", "two"}) { // together they would be fewer than one byte
    store::RecordWrite odd{{.kind = "job_queue", .tenant = id, .id = id},
                           R"({"node":"","bytes":9223372036854775808})",
                           store::kNever};
    ASSERT_TRUE(wait(store_.records().write(odd, Deadline())));
  }
  EXPECT_EQ(code_of(submit_bytes(1)), ErrorCode::kOverloaded);
}

TEST_F(JobsTest, TheBytesInTheQueueAreBounded) {
  ASSERT_TRUE(submit_bytes(1'200));
  EXPECT_EQ(code_of(submit_bytes(801, "other")), ErrorCode::kOverloaded);
  ASSERT_TRUE(submit_bytes(800, "other"));
}

TEST_F(JobsTest, WhatMayNeverWaitIsTooLarge) {
  EXPECT_EQ(code_of(submit_bytes(1'201)), ErrorCode::kTooLarge);
  EXPECT_TRUE(submit_bytes(1'200));
}

TEST_F(JobsTest, WhatNobodyHasComeToStays) {
  const KnownJob job = submit();
  clock_.advance(30 * std::chrono::hours(24) - std::chrono::milliseconds(1));
  EXPECT_EQ(find(job)->job.state, JobState::kQueued);
  EXPECT_THAT(queued(), SizeIs(1));
  EXPECT_TRUE(wait(jobs_.read_part(job, Deadline())));
  clock_.advance(std::chrono::milliseconds(1)); // its documents go, and it says so when it fails
  EXPECT_EQ(code_of(wait(jobs_.read_part(job, Deadline()))), ErrorCode::kNotFound);
  EXPECT_TRUE(find(job));
}

} // namespace
} // namespace raglan::node
