#include "node/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unix_time.h"
#include "node/job_parts.h"

namespace raglan::node {
namespace {

using ingest::DocumentState;
using ingest::DocumentStatus;
using ingest::SourceDocument;
using testing::ElementsAre;

constexpr WallTime kNow = WallTime(std::chrono::milliseconds(1'800'000'000'123));

DocumentStatus status(DocumentState state, std::string id = "d") {
  DocumentStatus made{.id = std::move(id), .state = state};
  if (state == DocumentState::kFailed) made.error = Error{ErrorCode::kTooLarge, "too much", ""};
  return made;
}

TEST(Job, ComesBackAsItWas) {
  Job job{.collection = "c", .created_at = kNow, .documents = 7, .parts = 3};
  EXPECT_EQ(parse_job(job_json(job)), job);
  claim(job, kNow);
  complete_part(job, std::vector{status(DocumentState::kIndexed), status(DocumentState::kFailed)},
                kNow);
  EXPECT_EQ(parse_job(job_json(job)), job);
  give_up(job, {ErrorCode::kUnavailable, "away \"now\"", ""}, kNow);
  EXPECT_EQ(parse_job(job_json(job)), job);
}

TEST(Job, WhatIsNoneIsNothing) {
  for (const std::string_view text : {"", "{", "[]", "{}", R"({"failures":[],"state":"odd"})"}) {
    EXPECT_EQ(parse_job(text), std::nullopt) << text;
  }
}

TEST(Job, APartThatIsDoneIsCounted) {
  Job job{.created_at = kNow, .parts = 2};
  claim(job, kNow);
  claim(job, kNow + std::chrono::seconds(1));
  EXPECT_EQ(job.claims, 2u);
  EXPECT_EQ(job.started_at, kNow);
  complete_part(job,
                std::vector{status(DocumentState::kIndexed), status(DocumentState::kUnchanged),
                            status(DocumentState::kFailed, "bad")},
                kNow);
  EXPECT_EQ(job.next_part, 1u);
  EXPECT_EQ(job.claims, 0u);
  EXPECT_EQ(std::tuple(job.indexed, job.unchanged, job.failed), std::tuple(1u, 1u, 1u));
  EXPECT_THAT(job.failures, ElementsAre(FailedDocument{"bad", "too_large", "too much"}));
}

TEST(Job, WithItsLastPartAJobIsDone) {
  Job job{.created_at = kNow, .parts = 2};
  complete_part(job, {}, kNow);
  EXPECT_FALSE(job.is_finished());
  complete_part(job, {}, kNow + std::chrono::seconds(1));
  EXPECT_EQ(job.state, JobState::kDone);
  EXPECT_EQ(job.finished_at, kNow + std::chrono::seconds(1));
}

TEST(Job, OfManyFailuresTheFirstAreKept) {
  Job job;
  const std::vector many(Job::kMaxFailuresKept + 1, status(DocumentState::kFailed));
  complete_part(job, many, kNow);
  EXPECT_EQ(job.failed, Job::kMaxFailuresKept + 1);
  EXPECT_EQ(job.failures.size(), Job::kMaxFailuresKept);
}

TEST(Job, GivenBackItIsQueuedAndNobodysFault) {
  Job job;
  claim(job, kNow);
  give_back(job);
  EXPECT_EQ(job.state, JobState::kQueued);
  EXPECT_EQ(job.claims, 0u);
}

std::vector<SourceDocument> documents(std::size_t count, std::size_t bytes) {
  std::vector<SourceDocument> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    made[i].id = std::to_string(i);
    made[i].bytes = std::string(bytes, 'x');
  }
  return made;
}

TEST(JobParts, ADocumentComesBackAsItWas) {
  SourceDocument document{.id = "a/1",
                          .title = "A \"title\"",
                          .uri = "u",
                          .bytes = std::string("one\ntwo\0three", 13),
                          .media_type = ingest::MediaType::kMarkdown,
                          .metadata_json = R"({"tag":["a","b"],"year":1847})"};
  SourceDocument html = document;
  html.id = "b";
  html.media_type = ingest::MediaType::kHtml;
  html.bytes = "\xef\xbb\xbf<p>é</p>";
  const JobParts parts = write_parts({document, html});
  ASSERT_EQ(parts.texts.size(), 1u);
  EXPECT_EQ(parts.documents, 2u);
  EXPECT_EQ(parts.texts[0].find('\0'), std::string::npos); // no record holds it
  const auto read = read_part(parts.texts[0]);
  ASSERT_TRUE(read && read->size() == 2);
  const std::vector wanted{document, html};
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE((*read)[i].document);
    const SourceDocument& held = *(*read)[i].document;
    EXPECT_EQ((*read)[i].id, wanted[i].id);
    EXPECT_EQ(held.title, wanted[i].title);
    EXPECT_EQ(held.uri, wanted[i].uri);
    EXPECT_EQ(held.bytes, wanted[i].bytes);
    EXPECT_EQ(held.media_type, wanted[i].media_type);
    EXPECT_EQ(held.metadata_json, wanted[i].metadata_json);
  }
}

TEST(JobParts, APartHasAFewDocuments) {
  EXPECT_EQ(write_parts({}).texts.size(), 0u);
  EXPECT_EQ(write_parts(documents(kDocumentsPerPart, 10)).texts.size(), 1u);
  EXPECT_EQ(write_parts(documents(kDocumentsPerPart + 1, 10)).texts.size(), 2u);
}

TEST(JobParts, OrAFewBytes) {
  const std::size_t line = write_parts(documents(1, 0)).texts[0].size();
  EXPECT_EQ(write_parts(documents(2, kPartBytes / 2 - line)).texts.size(), 1u);
  EXPECT_EQ(write_parts(documents(2, kPartBytes / 2 - line + 1)).texts.size(), 2u);
  EXPECT_EQ(write_parts(documents(2, 3 * kPartBytes)).texts.size(), 2u);
}

TEST(JobParts, WhatIsNoneIsSaid) { EXPECT_EQ(read_part("").error().code, ErrorCode::kCorrupt); }

} // namespace
} // namespace raglan::node
