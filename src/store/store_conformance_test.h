// What every store promises (store.h), as tests that each store runs: a program that has this
// header instantiates StoreConformance with its backend.
//
//   INSTANTIATE_TEST_SUITE_P(Embedded, StoreConformance, Values(BackendKind{"file", &make}));
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "store/document_fixture_test.h"
#include "store/waiting_store_test.h"

namespace raglan::store {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Texts = std::set<std::string>;

// One database, and a store on it.
class Backend {
 public:
  virtual ~Backend() = default;
  // Opens it; again, maybe for another model, as a process does that is started after another one.
  virtual Store& open(EmbeddingSpace space) = 0;
  // Ends its threads, before the loops go.
  virtual void stop() {}
};

struct BackendKind {
  const char* name;
  std::unique_ptr<Backend> (*make)(net::EventLoops&);
  friend void PrintTo(const BackendKind& kind, std::ostream* out) { *out << kind.name; }
};

class StoreConformance : public testing::TestWithParam<BackendKind> {
 protected:
  StoreConformance() {
    loops_.start();
    backend_ = GetParam().make(loops_);
    open();
  }
  ~StoreConformance() override {
    loops_.stop();
    backend_->stop();
  }

  void open(EmbeddingSpace space = kSpace) {
    store_ = std::make_unique<WaitingStore>(backend_->open(std::move(space)), loops_);
  }

  // The texts of all passages that a search by this word finds.
  Texts found_texts(std::string_view word, const CollectionKey& key = {},
                    std::optional<Filter> filter = std::nullopt) {
    const auto choose = [](const SearchResult& result) {
      std::vector<std::uint64_t> ids;
      for (const Candidate& candidate : result.candidates) {
        if (candidate.bm25 > 0) ids.push_back(candidate.chunk_id);
      }
      return ids;
    };
    auto found = store_->search({.collection = key,
                                 .query_text = std::string(word),
                                 .filter = std::move(filter),
                                 .candidates = 1000},
                                choose);
    EXPECT_TRUE(found) << found.error().message;
    Texts texts;
    if (!found) return texts;
    for (const Passage& passage : found->passages) texts.insert(passage.chunk.text);
    return texts;
  }

  std::unique_ptr<Backend> backend_;
  net::EventLoops loops_{{.threads = 2}}; // whose last coroutines use the store
  std::unique_ptr<WaitingStore> store_;
};

TEST_P(StoreConformance, DocumentIsFoundOnceItIsAcknowledged) {
  ASSERT_EQ(store_->put({}, make_document("a", "red apple\ngreen pear")), WriteState::kIndexed);
  EXPECT_EQ(found_texts("pear"), Texts{"green pear"});
  auto document = store_->get({}, "a");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->text, "red apple\ngreen pear");
  EXPECT_EQ(document->chunk_count, 2u);
  EXPECT_EQ(document->title, "Title");
  EXPECT_GT(document->updated_at, WallTime{});
}

TEST_P(StoreConformance, EqualContentHashWritesNothing) {
  ASSERT_EQ(store_->put({}, make_document("a", "red apple")), WriteState::kIndexed);
  const Generation before = *store_->generation({});
  EXPECT_EQ(store_->put({}, make_document("a", "red apple")), WriteState::kUnchanged);
  EXPECT_EQ(*store_->generation({}), before);
}

TEST_P(StoreConformance, SameIdReplacesEveryPartOfTheDocument) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple\ngreen apple", R"({"kind":"old"})")));
  ASSERT_EQ(store_->put({}, make_document("a", "blue apple", R"({"kind":"new"})")),
            WriteState::kIndexed);
  EXPECT_EQ(found_texts("apple"), Texts{"blue apple"});
  const Filter old{.type = Filter::Type::kEq, .key = "kind", .values_json = {"\"old\""}};
  EXPECT_THAT(found_texts("apple", {}, old), IsEmpty());
  auto stats = store_->collection({});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->documents, 1u);
  EXPECT_EQ(stats->chunks, 1u);
}

TEST_P(StoreConformance, RemovedDocumentIsGoneAtOnce) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  ASSERT_EQ(found_texts("apple"), Texts{"red apple"});
  ASSERT_TRUE(store_->remove({}, "a"));
  EXPECT_THAT(found_texts("apple"), IsEmpty());
  EXPECT_EQ(code_of(store_->get({}, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->remove({}, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(store_->collection({})->chunks, 0u);
}

TEST_P(StoreConformance, ChunkIdsAreNeverUsedTwice) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const auto first = store_->search({.query_text = "apple"});
  ASSERT_TRUE(store_->remove({}, "a"));
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const auto second = store_->search({.query_text = "apple"});
  ASSERT_EQ(first->candidates.size(), 1u);
  ASSERT_EQ(second->candidates.size(), 1u);
  EXPECT_GT(second->candidates[0].chunk_id, first->candidates[0].chunk_id);
}

TEST_P(StoreConformance, EveryWriteRaisesTheGenerationThatSearchReports) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const Generation first = *store_->generation({});
  EXPECT_EQ(store_->search({.query_text = "apple"})->generation, first);
  ASSERT_TRUE(store_->remove({}, "a"));
  const Generation second = *store_->generation({});
  EXPECT_GT(second.seq, first.seq);
  EXPECT_EQ(second.epoch, first.epoch);
  EXPECT_EQ(store_->search({.query_text = "apple"})->generation, second);
}

TEST_P(StoreConformance, RecreatedCollectionNeverRepeatsAGeneration) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const Generation before = *store_->generation({});
  ASSERT_TRUE(store_->delete_collection({}));
  EXPECT_EQ(code_of(store_->generation({})), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->search({.query_text = "apple"})), ErrorCode::kNotFound);
  ASSERT_TRUE(store_->create_collection({}));
  EXPECT_GT(store_->generation({})->seq, before.seq);
  EXPECT_THAT(found_texts("apple"), IsEmpty());
}

TEST_P(StoreConformance, CollectionIsCreatedOnceAndListedByName) {
  ASSERT_TRUE(store_->create_collection({"default", "b"}));
  ASSERT_TRUE(store_->create_collection({"default", "a"}));
  EXPECT_EQ(code_of(store_->create_collection({"default", "a"})), ErrorCode::kConflict);
  EXPECT_EQ(code_of(store_->create_collection({"default", ""})), ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->create_collection({"default", std::string(129, 'x')})),
            ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->create_collection({"default", "\xff"})), ErrorCode::kInvalidField);
  auto collections = store_->list_collections("default");
  ASSERT_TRUE(collections);
  ASSERT_EQ(collections->size(), 2u);
  EXPECT_EQ((*collections)[0].name, "a");
  EXPECT_EQ((*collections)[1].name, "b");
}

TEST_P(StoreConformance, NothingCrossesATenant) {
  const CollectionKey ours{"acme", "docs"};
  const CollectionKey theirs{"evil", "docs"};
  ASSERT_TRUE(store_->put(ours, make_document("a", "secret plan")));
  const auto chunk_id =
      store_->search({.collection = ours, .query_text = "plan"})->candidates.at(0).chunk_id;
  EXPECT_THAT(*store_->list_collections("evil"), IsEmpty());
  EXPECT_EQ(code_of(store_->collection(theirs)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->generation(theirs)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->get(theirs, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->remove(theirs, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->list(theirs, "", 10)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->search({.collection = theirs, .query_text = "plan"})),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->delete_collection(theirs)), ErrorCode::kNotFound);

  ASSERT_TRUE(store_->put(theirs, make_document("b", "another plan", R"({"a":1})")));
  EXPECT_EQ(code_of(store_->get(theirs, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(found_texts("plan", theirs), Texts{"another plan"});
  EXPECT_EQ(found_texts("plan", theirs, Filter{}), Texts{"another plan"});
  EXPECT_THAT(*store_->passages(theirs, std::vector{chunk_id}), IsEmpty());
  EXPECT_THAT(*store_->stored_versions(theirs, std::vector<std::string>{"a"}),
              ElementsAre(std::nullopt));
  ASSERT_TRUE(store_->delete_collection(theirs));
  EXPECT_EQ(found_texts("plan", ours), Texts{"secret plan"});
}

TEST_P(StoreConformance, CollectionsOfOneTenantAreApart) {
  ASSERT_TRUE(store_->put({"default", "x"}, make_document("a", "red apple")));
  ASSERT_TRUE(store_->put({"default", "y"}, make_document("a", "green apple")));
  EXPECT_EQ(found_texts("apple", {"default", "x"}), Texts{"red apple"});
  EXPECT_EQ(store_->get({"default", "y"}, "a")->text, "green apple");
}

TEST_P(StoreConformance, PassagesKeepTheOrderAndLeaveOutWhatIsGone) {
  ASSERT_TRUE(store_->put({}, make_document("a", "one\ntwo\nthree")));
  const auto found = store_->search({.query_vector = {1, 0}, .candidates = 10});
  std::vector<std::uint64_t> ids;
  for (const Candidate& candidate : found->candidates) ids.push_back(candidate.chunk_id);
  std::ranges::sort(ids, std::greater{});
  ASSERT_EQ(ids.size(), 3u);
  ids.insert(ids.begin() + 1, {0, 999'999, ~std::uint64_t{0}});
  auto passages = store_->passages({}, ids);
  ASSERT_TRUE(passages);
  ASSERT_EQ(passages->size(), 3u);
  EXPECT_EQ((*passages)[0].chunk.text, "three");
  EXPECT_EQ((*passages)[1].chunk.text, "two");
  EXPECT_EQ((*passages)[2].chunk.text, "one");
  EXPECT_EQ((*passages)[0].chunk.document_id, "a");
  EXPECT_EQ((*passages)[0].chunk.start, 8u);
  EXPECT_EQ((*passages)[0].uri, "file:x");
  EXPECT_THAT(*store_->passages({}, {}), IsEmpty());
}

TEST_P(StoreConformance, OfManyDocumentsOneFailsAlone) {
  std::vector<PreparedDocument> documents;
  for (int i = 0; i < 5; ++i) documents.push_back(make_document(fmt::format("d{}", i), "text"));
  documents[3].document.id = documents[1].document.id; // within one statement neither can be
  documents[3].document.content_hash.bytes[0] ^= 1;
  for (const auto& state : store_->put_many({}, documents)) EXPECT_EQ(state, WriteState::kIndexed);
  EXPECT_EQ(store_->collection({})->documents, 4u); // the later one stays
  EXPECT_EQ(store_->get({}, documents[3].document.id)->content_hash,
            documents[3].document.content_hash);
}

TEST_P(StoreConformance, StoredVersionsFollowTheIds) {
  const auto strange = std::string("q\"uo\\te' OR 1=1 --\xe2\x82\xac");
  ASSERT_TRUE(store_->put({}, make_document("a", "one")));
  ASSERT_TRUE(store_->put({}, make_document(strange, "two\nthree")));
  const std::vector<std::string> ids{"none", strange, "a", std::string("a\0b", 3), "\xff", ""};
  auto versions = store_->stored_versions({}, ids);
  ASSERT_TRUE(versions);
  const StoredVersion one{make_document("a", "one").document.content_hash, 1};
  const StoredVersion two{make_document(strange, "two\nthree").document.content_hash, 2};
  EXPECT_THAT(*versions,
              ElementsAre(std::nullopt, two, one, std::nullopt, std::nullopt, std::nullopt));
  EXPECT_THAT(*store_->stored_versions({"default", "unknown"}, std::vector<std::string>{"a"}),
              ElementsAre(std::nullopt));
}

TEST_P(StoreConformance, PagesCoverTheCollectionOnce) {
  std::vector<PreparedDocument> documents;
  for (int i = 0; i < 25; ++i) documents.push_back(make_document(fmt::format("d{:02}", i), "text"));
  for (const auto& state : store_->put_many({}, documents)) ASSERT_EQ(state, WriteState::kIndexed);
  std::vector<std::string> ids;
  std::string after;
  for (int page_number = 0; page_number < 3; ++page_number) {
    auto page = store_->list({}, after, 10);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->total, 25u);
    EXPECT_EQ(page->more, page_number < 2);
    for (const Document& document : page->documents) {
      EXPECT_EQ(document.text, "");
      ids.push_back(document.id);
    }
    after = ids.back();
  }
  ASSERT_EQ(ids.size(), 25u);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  EXPECT_THAT(store_->list({}, after, 10)->documents, IsEmpty());
  EXPECT_EQ(store_->list({}, "", 25)->more, false);
  EXPECT_EQ(store_->list({}, "", 0)->more, true);
  EXPECT_EQ(store_->list({}, "", ~std::uint32_t{0})->documents.size(), 25u);
}

TEST_P(StoreConformance, DocumentsOfOneCallSucceedAndFailAlone) {
  std::vector<PreparedDocument> documents;
  documents.push_back(make_document("a", "red apple"));
  documents.push_back(make_document("", "no id"));
  documents.push_back(make_document("b", "bad metadata", "[]"));
  documents.push_back(make_document("c", "green apple"));
  documents.push_back(make_document("a", "blue apple"));
  documents.push_back(make_document("d", "x", R"({"a":")" + std::string(70'000, 'x') + "\"}"));
  const auto states = store_->put_many({}, documents);
  ASSERT_EQ(states.size(), 6u);
  EXPECT_EQ(states[0], WriteState::kIndexed);
  EXPECT_EQ(code_of(states[1]), ErrorCode::kInvalidField);
  EXPECT_EQ(states[1].error().param, "/id");
  EXPECT_EQ(code_of(states[2]), ErrorCode::kInvalidField);
  EXPECT_EQ(states[3], WriteState::kIndexed);
  EXPECT_EQ(states[4], WriteState::kIndexed);
  EXPECT_EQ(code_of(states[5]), ErrorCode::kTooLarge);
  EXPECT_EQ(found_texts("apple"), (Texts{"green apple", "blue apple"}));
}

TEST_P(StoreConformance, DocumentThatBreaksTheRulesIsRefused) {
  auto wrong_span = make_document("a", "red apple");
  wrong_span.chunks[0].end = 100;
  EXPECT_EQ(code_of(store_->put({}, wrong_span)), ErrorCode::kInvalidField);
  auto backwards = make_document("a", "red apple");
  std::swap(backwards.chunks[0].start, backwards.chunks[0].end);
  EXPECT_EQ(code_of(store_->put({}, backwards)), ErrorCode::kInvalidField);
  auto missing_vector = make_document("a", "red apple\ngreen apple");
  missing_vector.vectors.resize(2);
  EXPECT_EQ(code_of(store_->put({}, missing_vector)), ErrorCode::kInvalidField);
  auto not_a_number = make_document("a", "red apple");
  not_a_number.vectors[0] = std::nanf("");
  EXPECT_EQ(code_of(store_->put({}, not_a_number)), ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->put({}, make_document("a", "bad \xc3\x28 bytes"))),
            ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->put({}, make_document(std::string(513, 'x'), "long id"))),
            ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->collection({})), ErrorCode::kNotFound); // not even created
}

TEST_P(StoreConformance, EmptyDocumentIsKeptAndFoundByNothing) {
  ASSERT_EQ(store_->put({}, make_document("a", "")), WriteState::kIndexed);
  EXPECT_EQ(store_->get({}, "a")->chunk_count, 0u);
  EXPECT_THAT(found_texts("anything"), IsEmpty());
  ASSERT_EQ(store_->put({}, make_document("a", "red apple")), WriteState::kIndexed);
  EXPECT_EQ(found_texts("apple"), Texts{"red apple"});
}

TEST_P(StoreConformance, AnotherModelsVectorsAreRefused) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  open({"other-model", 2});
  EXPECT_EQ(code_of(store_->put({}, make_document("b", "green apple"))), ErrorCode::kConflict);
  EXPECT_EQ(code_of(store_->search({.query_vector = {1, 0}})), ErrorCode::kConflict);
  EXPECT_EQ(found_texts("apple"), Texts{"red apple"}); // by words alone
  EXPECT_TRUE(store_->put({"default", "new"}, make_document("b", "green apple")));
}

TEST_P(StoreConformance, QueryOfTheWrongDimensionIsRefused) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  EXPECT_EQ(code_of(store_->search({.query_vector = {1, 0, 0}})), ErrorCode::kInvalidField);
}

TEST_P(StoreConformance, ContentsOutliveTheProcess) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple\ngreen pear")));
  const Generation generation = *store_->generation({});
  open();
  EXPECT_EQ(*store_->generation({}), generation);
  EXPECT_EQ(found_texts("pear"), Texts{"green pear"});
}

// Candidates by their texts.
inline std::map<std::string, Candidate> by_text(WaitingStore& store, SearchRequest request) {
  std::map<std::string, Candidate> candidates;
  std::vector<Candidate> found;
  const auto choose = [&found](const SearchResult& result) {
    found = result.candidates;
    std::vector<std::uint64_t> ids;
    for (const Candidate& candidate : found) ids.push_back(candidate.chunk_id);
    return ids;
  };
  const auto reply = store.search(std::move(request), choose);
  EXPECT_TRUE(reply) << reply.error().message;
  if (!reply) return candidates;
  for (std::size_t i = 0; i < reply->passages.size(); ++i) {
    candidates[reply->passages[i].chunk.text] = found[i];
  }
  return candidates;
}

// Titles and texts are "Title\n…"; "title" is a term of each chunk.
TEST_P(StoreConformance, WordsAreScoredByBm25) {
  ASSERT_TRUE(store_->put({}, make_document("a", "apple apple pear\nkiwi\npear plum fig")));
  ASSERT_TRUE(store_->put({}, make_document("b", "plum")));
  const auto found = by_text(*store_, {.query_text = "apple pear pear", .candidates = 10});
  ASSERT_EQ(found.size(), 2u);
  const float average = (4 + 2 + 4 + 2) / 4.0f;
  const auto idf = [](float holding) {
    return std::log(1 + (4 - holding + 0.5f) / (holding + 0.5f));
  };
  const auto saturated = [&](float count, float length) {
    return count / (count + 0.9f * (1 - 0.4f + 0.4f * length / average));
  };
  EXPECT_NEAR(found.at("apple apple pear").bm25,
              idf(1) * saturated(2, 4) + 2 * idf(2) * saturated(1, 4), 1e-5);
  EXPECT_NEAR(found.at("pear plum fig").bm25, 2 * idf(2) * saturated(1, 4), 1e-5);
  EXPECT_EQ(found.at("apple apple pear").lexical_rank, 1u);
  EXPECT_EQ(found.at("pear plum fig").lexical_rank, 2u);
  const auto result = store_->search({.query_text = "apple pear unknown", .candidates = 10});
  EXPECT_EQ(result->question_terms, 3u);
  EXPECT_NEAR(result->bm25_ceiling, idf(1) + idf(2) + idf(0), 1e-5);
  EXPECT_NEAR(result->rare_term_ratio, idf(1) / result->bm25_ceiling, 1e-5);
}

TEST_P(StoreConformance, EachSidesCandidatesAreScoredByTheOther) {
  ASSERT_TRUE(store_->put({}, make_document("a", "apple\npear\nplum\nkiwi")));
  const std::vector<float> query = vector_of("plum");
  const auto found =
      by_text(*store_, {.query_vector = query, .query_text = "apple", .candidates = 1});
  ASSERT_TRUE(found.contains("apple"));
  ASSERT_TRUE(found.contains("plum"));
  EXPECT_NEAR(found.at("plum").cosine, 1, 1e-5);
  EXPECT_EQ(found.at("plum").dense_rank, 1u);
  EXPECT_EQ(found.at("plum").lexical_rank, 0u);
  EXPECT_EQ(found.at("plum").bm25, 0);
  const std::vector<float> apple = vector_of("apple");
  EXPECT_NEAR(found.at("apple").cosine, query[0] * apple[0] + query[1] * apple[1], 1e-5);
  EXPECT_EQ(found.at("apple").dense_rank, 0u);
  EXPECT_EQ(found.at("apple").lexical_rank, 1u);
}

// One write, or many with documents that came and went: what is there decides, and nothing else.
TEST_P(StoreConformance, ScoresDoNotDependOnHowTheDocumentsCame) {
  const auto text = [](int i) {
    return fmt::format("shared word{} group{}\nshared other{}", i, i % 7, i % 3);
  };
  std::vector<PreparedDocument> all;
  for (int i = 0; i < 60; ++i) {
    all.push_back(make_document(fmt::format("d{}", i), text(i)));
    const CollectionKey key{"default", "piece by piece"};
    ASSERT_TRUE(
        store_->put(key, make_document(fmt::format("d{}", i), "shared draft word" + text(i))));
    ASSERT_TRUE(store_->put(key, make_document(fmt::format("gone{}", i), text(i + 1))));
    ASSERT_TRUE(store_->put(key, all.back()));
    ASSERT_TRUE(store_->remove(key, fmt::format("gone{}", i)));
  }
  for (const auto& state : store_->put_many({}, all)) ASSERT_EQ(state, WriteState::kIndexed);
  for (const char* question : {"shared", "word7 group3", "other1 draft", "shared other2 word11"}) {
    const auto once = by_text(*store_, {.query_text = question, .candidates = 1000});
    const auto pieces = by_text(
        *store_,
        {.collection = {"default", "piece by piece"}, .query_text = question, .candidates = 1000});
    ASSERT_EQ(once.size(), pieces.size()) << question;
    for (const auto& [passage, candidate] : once) {
      ASSERT_TRUE(pieces.contains(passage)) << passage;
      EXPECT_NEAR(candidate.bm25, pieces.at(passage).bm25, 1e-5) << passage;
    }
  }
}

TEST_P(StoreConformance, FiltersAdmitWhatTheySay) {
  const auto put = [this](const char* id, const char* metadata) {
    ASSERT_TRUE(store_->put({}, make_document(id, std::string("fruit ") + id, metadata)));
  };
  put("a", R"({"n":1,"s":"red","t":["x","y"],"b":true})");
  put("b", R"({"n":2.5,"s":"green","t":["y"],"b":false})");
  put("c", R"({"n":"1","s":"Red","z":null})");
  put("d", R"({})");
  put("e", R"({"n":9007199254740993,"s":"r\u0000d"})");
  const auto found = [this](Filter filter) { return found_texts("fruit", {}, std::move(filter)); };
  const auto one = [](Filter::Type type, const char* key, std::vector<std::string> values) {
    return Filter{.type = type, .key = key, .values_json = std::move(values), .filters = {}};
  };
  using Type = Filter::Type;
  EXPECT_EQ(found(one(Type::kEq, "n", {"1"})), Texts{"fruit a"});
  EXPECT_EQ(found(one(Type::kEq, "n", {"1.0"})), Texts{"fruit a"});
  EXPECT_EQ(found(one(Type::kEq, "n", {"\"1\""})), Texts{"fruit c"});
  EXPECT_EQ(found(one(Type::kEq, "n", {"9007199254740993"})), Texts{"fruit e"});
  EXPECT_THAT(found(one(Type::kEq, "n", {"9007199254740992"})), IsEmpty());
  EXPECT_EQ(found(one(Type::kGt, "n", {"1"})), (Texts{"fruit b", "fruit e"}));
  EXPECT_EQ(found(one(Type::kLte, "n", {"2.5"})), (Texts{"fruit a", "fruit b"}));
  EXPECT_EQ(found(one(Type::kEq, "s", {"\"red\""})), Texts{"fruit a"});
  EXPECT_EQ(found(one(Type::kEq, "s", {"\"r\\u0000d\""})), Texts{"fruit e"});
  EXPECT_EQ(found(one(Type::kLt, "s", {"\"green\""})), Texts{"fruit c"}); // by bytes: "Red" < "g"
  EXPECT_EQ(found(one(Type::kGte, "s", {"\"r\""})), (Texts{"fruit a", "fruit e"}));
  EXPECT_EQ(found(one(Type::kEq, "t", {"\"y\""})), (Texts{"fruit a", "fruit b"}));
  EXPECT_EQ(found(one(Type::kNe, "t", {"\"x\""})),
            (Texts{"fruit b", "fruit c", "fruit d", "fruit e"}));
  EXPECT_EQ(found(one(Type::kEq, "b", {"true"})), Texts{"fruit a"});
  EXPECT_EQ(found(one(Type::kEq, "z", {"null"})), Texts{"fruit c"});
  EXPECT_EQ(found(one(Type::kIn, "s", {"\"red\"", "\"green\""})), (Texts{"fruit a", "fruit b"}));
  EXPECT_THAT(found(one(Type::kIn, "s", {})), IsEmpty());
  EXPECT_EQ(found(one(Type::kNin, "s", {"\"red\"", "\"Red\""})),
            (Texts{"fruit b", "fruit d", "fruit e"}));
  EXPECT_EQ(found({.type = Type::kAnd,
                   .key = {},
                   .values_json = {},
                   .filters = {one(Type::kEq, "t", {"\"y\""}), one(Type::kGt, "n", {"1"})}}),
            Texts{"fruit b"});
  EXPECT_EQ(found({.type = Type::kOr,
                   .key = {},
                   .values_json = {},
                   .filters = {one(Type::kEq, "n", {"1"}), one(Type::kEq, "z", {"null"})}}),
            (Texts{"fruit a", "fruit c"}));
  EXPECT_EQ(found({}).size(), 5u);
  EXPECT_THAT(found({.type = Type::kOr, .key = {}, .values_json = {}, .filters = {}}), IsEmpty());
  EXPECT_EQ(
      code_of(store_->search({.query_text = "fruit", .filter = one(Type::kEq, "n", {"1", "2"})})),
      ErrorCode::kInvalidField);
}

// Longer than what an index holds of a value, and equal to its end but for the last byte.
TEST_P(StoreConformance, LongValuesAreComparedToTheirEnd) {
  const std::string same(5'000, 'x');
  ASSERT_TRUE(store_->put({}, make_document("a", "fruit a", R"({"k":")" + same + R"(a"})")));
  ASSERT_TRUE(store_->put({}, make_document("b", "fruit b", R"({"k":")" + same + R"(b"})")));
  const auto found = [&](Filter::Type type, const std::string& value) {
    return found_texts("fruit", {},
                       Filter{.type = type, .key = "k", .values_json = {value}, .filters = {}});
  };
  EXPECT_EQ(found(Filter::Type::kEq, '"' + same + "a\""), Texts{"fruit a"});
  EXPECT_EQ(found(Filter::Type::kGt, '"' + same + "a\""), Texts{"fruit b"});
  EXPECT_EQ(found(Filter::Type::kLt, '"' + same + "b\""), Texts{"fruit a"});
}

TEST_P(StoreConformance, AFilterLeavesAsManyCandidatesAsMatch) {
  std::vector<PreparedDocument> documents;
  for (int i = 0; i < 120; ++i) {
    documents.push_back(make_document(fmt::format("d{}", i), fmt::format("fruit number{}", i),
                                      i % 10 == 0 ? R"({"rare":1})" : "{}"));
  }
  for (const auto& state : store_->put_many({}, documents)) ASSERT_EQ(state, WriteState::kIndexed);
  const auto found = by_text(
      *store_,
      {.query_vector = vector_of("fruit number5"),
       .query_text = "fruit number5",
       .filter =
           Filter{.type = Filter::Type::kEq, .key = "rare", .values_json = {"1"}, .filters = {}},
       .candidates = 10});
  EXPECT_EQ(found.size(), 12u); // ten of each side
  int dense = 0;
  int lexical = 0;
  for (const auto& [text, candidate] : found) {
    dense += candidate.dense_rank > 0 ? 1 : 0;
    lexical += candidate.lexical_rank > 0 ? 1 : 0;
    EXPECT_GT(candidate.bm25, 0) << text;
  }
  EXPECT_EQ(dense, 10);
  EXPECT_EQ(lexical, 10);
}

TEST_P(StoreConformance, EachChangeHasAGenerationOfItsOwn) {
  EXPECT_EQ(code_of(store_->generation({})), ErrorCode::kNotFound);
  ASSERT_TRUE(store_->create_collection({}));
  const Generation created = *store_->generation({});
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const Generation written = *store_->generation({});
  EXPECT_GT(written, created);
  EXPECT_NE(written.nonce, created.nonce);
}

} // namespace raglan::store
