// What every store promises of its records (records.h); to be run with store_conformance_test.h.
#pragma once

#include <thread>

#include "base/unix_time.h"
#include "store/store_conformance_test.h"

namespace raglan::store {

inline RecordKey record_key(std::string id, std::string tenant = "acme") {
  return {.kind = "note", .tenant = std::move(tenant), .id = std::move(id)};
}

inline std::vector<std::string> ids_of(const Result<std::vector<Record>>& records) {
  EXPECT_TRUE(records) << records.error().message;
  std::vector<std::string> ids;
  if (!records) return ids;
  for (const Record& record : *records) ids.push_back(record.key.id);
  return ids;
}

TEST_P(StoreConformance, ARecordIsReadAsItWasWritten) {
  const WallTime expires = from_unix_milliseconds(4'000'000'000'123);
  const std::string value = "{\"text\":\"naïve 🦉 'quoted'\"}";
  auto version = store_->write_record({record_key("a"), value, expires});
  ASSERT_TRUE(version) << version.error().message;
  auto record = store_->read_record(record_key("a"));
  ASSERT_TRUE(record && *record);
  EXPECT_EQ((*record)->key, record_key("a"));
  EXPECT_EQ((*record)->value, value);
  EXPECT_EQ((*record)->version, *version);
  EXPECT_EQ((*record)->expires, expires);
  ASSERT_TRUE(store_->write_record({record_key("b"), ""}));
  EXPECT_EQ((**store_->read_record(record_key("b"))).expires, kNever);
}

TEST_P(StoreConformance, ARecordIsItsTenantsAndItsKinds) {
  ASSERT_TRUE(store_->write_record({record_key("a"), "1"}));
  EXPECT_EQ(*store_->read_record(record_key("a", "other")), std::nullopt);
  EXPECT_EQ(*store_->read_record({"key", "acme", "a"}), std::nullopt);
  EXPECT_EQ(store_->erase_record(record_key("a", "other")), false);
  EXPECT_THAT(ids_of(store_->list_records("note", "other", "", 10)), IsEmpty());
  EXPECT_THAT(ids_of(store_->list_records("key", "acme", "", 10)), IsEmpty());
  EXPECT_TRUE(*store_->read_record(record_key("a")));
}

TEST_P(StoreConformance, DocumentsAreWrittenWhileTheirGuardHolds) {
  const auto version = store_->write_record({record_key("lease"), "one"});
  ASSERT_TRUE(version);
  const RecordGuard guard{record_key("lease"), *version};
  const auto put = [&](std::string id, const RecordGuard& held) {
    return store_->put_many({}, {make_document(id, "text of " + id)}, held).at(0);
  };
  EXPECT_EQ(put("a", guard), WriteState::kIndexed);
  EXPECT_EQ(code_of(put("b", {record_key("lease", "other"), *version})), ErrorCode::kConflict);
  EXPECT_EQ(code_of(put("b", {record_key("nobody's"), *version})), ErrorCode::kConflict);
  const auto next = store_->write_record({record_key("lease"), "two"});
  ASSERT_TRUE(next);
  EXPECT_EQ(code_of(put("b", guard)), ErrorCode::kConflict);
  EXPECT_EQ(put("c", {record_key("lease"), *next}), WriteState::kIndexed);
  ASSERT_TRUE(store_->erase_record(record_key("lease")));
  EXPECT_EQ(code_of(put("b", {record_key("lease"), *next})), ErrorCode::kConflict);
  EXPECT_EQ(store_->collection({})->documents, 2u);
}

TEST_P(StoreConformance, OfTwoThatSawTheSameRecordOneWrites) {
  auto first = store_->write_record({record_key("a"), "1", kNever, 0});
  ASSERT_TRUE(first);
  EXPECT_EQ(code_of(store_->write_record({record_key("a"), "2", kNever, 0})), ErrorCode::kConflict);
  auto second = store_->write_record({record_key("a"), "2", kNever, *first});
  ASSERT_TRUE(second);
  EXPECT_NE(*second, *first);
  EXPECT_EQ(code_of(store_->write_record({record_key("a"), "3", kNever, *first})),
            ErrorCode::kConflict);
  EXPECT_EQ(code_of(store_->erase_record(record_key("a"), *first)), ErrorCode::kConflict);
  EXPECT_EQ((**store_->read_record(record_key("a"))).value, "2");
  EXPECT_EQ(store_->erase_record(record_key("a"), *second), true);
  EXPECT_EQ(code_of(store_->write_record({record_key("a"), "3", kNever, *second})),
            ErrorCode::kConflict);
  EXPECT_EQ(code_of(store_->erase_record(record_key("a"), *second)), ErrorCode::kConflict);
  EXPECT_EQ(store_->erase_record(record_key("a")), false);
}

TEST_P(StoreConformance, WhatHasExpiredIsNotThere) {
  const WallTime past = SystemClock::instance().wall_now() - std::chrono::milliseconds(1);
  auto version = store_->write_record({record_key("a"), "old", past});
  ASSERT_TRUE(version);
  EXPECT_EQ(*store_->read_record(record_key("a")), std::nullopt);
  EXPECT_THAT(ids_of(store_->list_records("note", "acme", "", 10)), IsEmpty());
  EXPECT_THAT(ids_of(store_->list_all_records("note", 10)), IsEmpty());
  EXPECT_EQ(code_of(store_->write_record({record_key("a"), "2", kNever, *version})),
            ErrorCode::kConflict);
  EXPECT_EQ(store_->erase_record(record_key("a")), false);
  EXPECT_TRUE(store_->write_record({record_key("a"), "new", kNever, 0}));
  EXPECT_EQ((**store_->read_record(record_key("a"))).value, "new");
}

TEST_P(StoreConformance, WhatHasExpiredIsSweptLittleByLittleAndNothingElseIs) {
  const WallTime past = SystemClock::instance().wall_now() - std::chrono::milliseconds(1);
  ASSERT_TRUE(store_->write_record({record_key("stays"), ""}));
  for (int i = 0; i < 40; ++i) {
    const std::string tenant = i % 2 == 0 ? "acme" : "gone"; // which writes nothing more
    ASSERT_TRUE(store_->write_record({record_key(fmt::format("old{}", i), tenant), "", past}));
  }
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store_->write_record({record_key("new"), ""}));
  EXPECT_THAT(ids_of(store_->list_records("note", "acme", "", 10)), ElementsAre("new", "stays"));
  ASSERT_TRUE(store_->erase_record(record_key("new")));
  ASSERT_TRUE(store_->erase_record(record_key("stays")));
  // Nothing is left of those that expired; who removes them may do so behind the writes.
  for (int i = 0; i < 500 && store_->record_digest("note") != 0u; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(store_->record_digest("note"), 0u);
}

TEST_P(StoreConformance, RecordsAreListedInPages) {
  for (const char* id : {"b", "ä", "a", "C"})
    ASSERT_TRUE(store_->write_record({record_key(id), ""}));
  ASSERT_TRUE(store_->write_record({record_key("d", "other"), ""}));
  EXPECT_THAT(ids_of(store_->list_records("note", "acme", "", 3)), ElementsAre("C", "a", "b"));
  EXPECT_THAT(ids_of(store_->list_records("note", "acme", "b", 3)), ElementsAre("ä"));
  EXPECT_THAT(ids_of(store_->list_all_records("note", 10)),
              UnorderedElementsAre("C", "a", "b", "ä", "d"));
  EXPECT_EQ(ids_of(store_->list_all_records("note", 2)).size(), 2u);
}

TEST_P(StoreConformance, TheDigestTellsOfEveryChangeOfItsKind) {
  const auto digest = [this] { return *store_->record_digest("note"); };
  std::set<std::uint64_t> seen{digest()};
  ASSERT_TRUE(store_->write_record({record_key("a"), "1"}));
  EXPECT_TRUE(seen.insert(digest()).second);
  ASSERT_TRUE(store_->write_record({record_key("a"), "1"}));
  EXPECT_TRUE(seen.insert(digest()).second);
  ASSERT_TRUE(store_->write_record({record_key("b", "other"), "1"}));
  const std::uint64_t before = digest();
  EXPECT_TRUE(seen.insert(before).second);
  ASSERT_TRUE(store_->write_record({{"key", "acme", "a"}, "1"}));
  EXPECT_EQ(digest(), before);
  ASSERT_TRUE(store_->erase_record(record_key("a")));
  EXPECT_TRUE(seen.insert(digest()).second);
}

TEST_P(StoreConformance, RecordsThatBreakTheRulesAreRefused) {
  const auto refused = [this](RecordWrite write) { return code_of(store_->write_record(write)); };
  EXPECT_EQ(refused({record_key(""), "1"}), ErrorCode::kInvalidField);
  EXPECT_EQ(refused({record_key(std::string(257, 'a')), "1"}), ErrorCode::kInvalidField);
  EXPECT_EQ(refused({record_key("a\nb"), "1"}), ErrorCode::kInvalidField);
  EXPECT_EQ(refused({record_key("a"), "\xff"}), ErrorCode::kInvalidField);
  EXPECT_EQ(refused({record_key("a"), std::string(1, '\0')}), ErrorCode::kInvalidField);
  EXPECT_EQ(refused({record_key("a"), std::string(kMaxRecordBytes + 1, 'a')}),
            ErrorCode::kTooLarge);
  EXPECT_TRUE(store_->write_record({record_key(std::string(256, 'a')), "1"}));
  for (const std::string& id : {std::string(), std::string("\xff"), std::string(1, '\0')}) {
    EXPECT_EQ(*store_->read_record(record_key(id)), std::nullopt);
    EXPECT_EQ(store_->erase_record(record_key(id)), false);
    EXPECT_THAT(ids_of(store_->list_records("note", "x" + std::string(1, '\0'), id, 10)),
                IsEmpty());
  }
  EXPECT_THAT(ids_of(store_->list_records("note", "acme", "\xff", 10)), IsEmpty());
}

} // namespace raglan::store
