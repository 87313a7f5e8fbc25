#include "store/hnsw_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "store/distance.h"
#include "store/hnsw_build.h"
#include "store/index_fixture_test.h"

namespace raglan::store {
namespace {

constexpr std::size_t kUnlimited = 1'000'000;
constexpr std::size_t kBreadth = IndexConfig{}.graph_build_breadth;
const auto kNeverStopped = [] { return false; };

VectorRows random_rows(std::size_t count) {
  VectorRows rows(kDimension, count);
  for (std::size_t i = 0; i < count; ++i) rows.append(unit_vector(i).data());
  return rows;
}

std::set<std::uint32_t> nearest(const VectorRows& rows, const float* query, std::size_t count) {
  std::vector<std::pair<float, std::uint32_t>> all;
  for (std::uint32_t row = 0; row < rows.rows(); ++row) {
    all.emplace_back(-inner_product(query, rows.row(row), kDimension), row);
  }
  std::ranges::sort(all);
  std::set<std::uint32_t> best;
  for (std::size_t i = 0; i < count; ++i) best.insert(all[i].second);
  return best;
}

double recall_at_10(const HnswGraph& graph, const VectorRows& rows, std::size_t breadth) {
  constexpr std::size_t kQueries = 100;
  std::size_t found = 0;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto query = unit_vector(1'000'000 + i);
    auto hits =
        graph.search(rows, {.vector = query.data(), .breadth = breadth, .max_visits = kUnlimited});
    std::ranges::sort(hits, std::greater{}, &HnswGraph::Hit::similarity);
    const auto best = nearest(rows, query.data(), 10);
    for (std::size_t hit = 0; hit < 10; ++hit) found += best.count(hits.at(hit).row);
  }
  return static_cast<double>(found) / (10 * kQueries);
}

TEST(HnswGraph, FindsNearlyAllOfTheNearest) {
  const VectorRows rows = random_rows(3000);
  const auto graph = build_hnsw(rows, nullptr, kBreadth, kNeverStopped);
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(graph->rows(), 3000u);
  EXPECT_GE(recall_at_10(*graph, rows, 100), 0.98);
}

TEST(HnswGraph, GrowsFromAnOlderOne) {
  const VectorRows all = random_rows(3000);
  VectorRows first(kDimension, 1000);
  for (std::size_t row = 0; row < 1000; ++row) first.append(all.row(row));
  const auto older = build_hnsw(first, nullptr, kBreadth, kNeverStopped);
  ASSERT_NE(older, nullptr);
  int inserted = 0;
  const auto grown = build_hnsw(all, older.get(), kBreadth, [&] {
    ++inserted;
    return false;
  });
  ASSERT_NE(grown, nullptr);
  EXPECT_EQ(inserted, 2000);
  EXPECT_GE(recall_at_10(*grown, all, 100), 0.98);
  EXPECT_GE(recall_at_10(*older, first, 100), 0.98); // undisturbed
}

TEST(HnswGraph, WhatIsNotEligibleTakesNoPlace) {
  const VectorRows rows = random_rows(2000);
  const auto graph = build_hnsw(rows, nullptr, kBreadth, kNeverStopped);
  const auto query = unit_vector(77);
  const auto hits =
      graph->search(rows, {.vector = query.data(),
                           .breadth = 40,
                           .max_visits = kUnlimited,
                           .eligible = [](std::uint32_t row) { return row % 20 == 0; }});
  ASSERT_EQ(hits.size(), 40u);
  for (const HnswGraph::Hit& hit : hits) EXPECT_EQ(hit.row % 20, 0u);
}

TEST(HnswGraph, GivesUpWhenVisitsRunOut) {
  const VectorRows rows = random_rows(2000);
  const auto graph = build_hnsw(rows, nullptr, kBreadth, kNeverStopped);
  const auto query = unit_vector(77);
  EXPECT_TRUE(
      graph->search(rows, {.vector = query.data(), .breadth = 100, .max_visits = 50}).empty());
}

TEST(HnswGraph, EqualVectorsAreAllFound) {
  VectorRows rows(kDimension, 300);
  for (int i = 0; i < 300; ++i) rows.append(unit_vector(1).data());
  const auto graph = build_hnsw(rows, nullptr, kBreadth, kNeverStopped);
  const auto query = unit_vector(2);
  const auto hits =
      graph->search(rows, {.vector = query.data(), .breadth = 50, .max_visits = kUnlimited});
  EXPECT_EQ(hits.size(), 50u);
}

TEST(HnswGraph, BuildingStopsWhenAsked) {
  const VectorRows rows = random_rows(100);
  int asked = 0;
  EXPECT_EQ(build_hnsw(rows, nullptr, 100, [&] { return ++asked == 50; }), nullptr);
  EXPECT_EQ(asked, 50);
  EXPECT_EQ(build_hnsw(VectorRows(kDimension, 0), nullptr, 100, kNeverStopped), nullptr);
}

TEST(HnswGraph, ListsThatLeadAstrayAreNotConsistent) {
  const VectorRows rows = random_rows(200);
  const HnswGraph::Lists good = build_hnsw(rows, nullptr, kBreadth, kNeverStopped)->lists();
  ASSERT_TRUE(HnswGraph::consistent(good));
  ASSERT_GT(good.levels[good.entry], 0); // there are upper levels
  const auto broken = [&](auto&& damage) {
    HnswGraph::Lists lists = good;
    damage(lists);
    return !HnswGraph::consistent(lists);
  };
  EXPECT_TRUE(broken([](auto& lists) { lists.entry = 200; }));
  EXPECT_TRUE(broken([](auto& lists) { lists.links[1] = 200; }));
  EXPECT_TRUE(broken([](auto& lists) { lists.links[0] = HnswGraph::kListSize; }));
  EXPECT_TRUE(broken([](auto& lists) { lists.links.pop_back(); }));
  EXPECT_TRUE(broken([](auto& lists) { lists.upper_links[0] = HnswGraph::kUpperListSize; }));
  EXPECT_TRUE(broken([](auto& lists) { lists.upper_links.clear(); }));
  EXPECT_TRUE(broken([](auto& lists) { lists.levels[lists.entry] = 0; }));
  EXPECT_TRUE(broken([](auto& lists) { lists.levels[0] = 255; }));
  EXPECT_TRUE(broken([](auto& lists) { lists = {}; }));
}

} // namespace
} // namespace raglan::store
