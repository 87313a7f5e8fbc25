#include "model/generator_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/loop_fixture_test.h"

namespace raglan::model {
namespace {

using testing::ElementsAre;

struct Told {
  std::string name;
  std::optional<ErrorCode> fails;
  bool begins = false; // writes before it fails
};

class ToldGenerator final : public Generator {
 public:
  ToldGenerator(Told& told, std::vector<std::string>& asked) : told_(told), asked_(asked) {}
  std::string_view id() const override { return told_.name; }
  std::string_view name() const override { return told_.name; }
  Result<> check() const override {
    return told_.fails ? Result<>(fail(*told_.fails, "out of order")) : Result<>();
  }
  net::Task<Result<Generation>> generate(GenerationRequest request, OnText on_text) override {
    asked_.push_back(told_.name + (request.last_resort ? "!" : ""));
    if (!told_.fails || told_.begins) on_text(told_.name);
    if (told_.fails) co_return fail(*told_.fails, "out of order");
    co_return Generation{.text = told_.name, .model = told_.name};
  }

 private:
  Told& told_;
  std::vector<std::string>& asked_;
};

class GeneratorChainTest : public net::LoopTest {
 protected:
  GeneratorChain& chain(ChainOrder order = ChainOrder::kAsGiven) {
    if (!chain_) {
      std::vector<GeneratorChain::Link> links;
      for (Told& told : told_) {
        links.push_back({std::make_unique<ToldGenerator>(told, asked_), weights_[links.size()]});
      }
      chain_ = std::make_unique<GeneratorChain>(order, std::move(links), 1);
    }
    return *chain_;
  }
  Result<Generation> generate(ChainOrder order = ChainOrder::kAsGiven) {
    Generator::OnText on_text = [this](std::string_view piece) { shown_ += piece; };
    return start(chain(order).generate({}, std::move(on_text))).get();
  }

  std::vector<Told> told_{{.name = "a"}, {.name = "b"}, {.name = "c"}};
  std::vector<double> weights_{1, 1, 2};
  std::vector<std::string> asked_;
  std::string shown_;
  std::unique_ptr<GeneratorChain> chain_;
};

TEST_F(GeneratorChainTest, TheFirstWritesWhenItCan) {
  const auto made = generate();
  EXPECT_EQ(made->model, "a");
  EXPECT_FALSE(made->fallback);
  EXPECT_THAT(asked_, ElementsAre("a"));
}

TEST_F(GeneratorChainTest, WhoFailsMakesRoomForTheNextAndTheLastIsTheLastResort) {
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kUpstream,
                               ErrorCode::kOverloaded, ErrorCode::kInvalidField}) {
    asked_.clear();
    shown_.clear();
    told_[0].fails = told_[1].fails = code;
    const auto made = generate();
    EXPECT_EQ(made->model, "c");
    EXPECT_TRUE(made->fallback);
    EXPECT_EQ(shown_, "c");
    EXPECT_THAT(asked_, ElementsAre("a", "b", "c!"));
  }
  told_[2].fails = ErrorCode::kUpstream;
  EXPECT_EQ(generate().error().code, ErrorCode::kUpstream);
}

TEST_F(GeneratorChainTest, WhatIsNobodysFaultEndsIt) {
  for (const ErrorCode code : {ErrorCode::kClientClosed, ErrorCode::kDeadlineExceeded}) {
    asked_.clear();
    told_[0].fails = code;
    EXPECT_EQ(generate().error().code, code);
    EXPECT_THAT(asked_, ElementsAre("a"));
  }
}

TEST_F(GeneratorChainTest, AfterTheFirstTextThereIsNoGoingOnElsewhere) {
  told_[0] = {.name = "a", .fails = ErrorCode::kUpstream, .begins = true};
  EXPECT_FALSE(generate());
  EXPECT_THAT(asked_, ElementsAre("a"));
}

TEST_F(GeneratorChainTest, ByWeightAllAreEquals) {
  std::map<std::string, int> written;
  for (int i = 0; i < 400; ++i) {
    const auto made = generate(ChainOrder::kByWeight);
    EXPECT_FALSE(made->fallback);
    ++written[made->model];
  }
  EXPECT_NEAR(written["a"], 100, 35);
  EXPECT_NEAR(written["c"], 200, 40);
}

TEST_F(GeneratorChainTest, IsWellWhenAllAre) {
  EXPECT_TRUE(chain().check());
  told_[1].fails = ErrorCode::kUnavailable;
  EXPECT_FALSE(chain().check());
}

TEST_F(GeneratorChainTest, OtherModelsOrAnotherOrderAreAnotherModel) {
  const std::string given(chain().id());
  EXPECT_TRUE(given.starts_with("a:"));
  chain_.reset();
  EXPECT_NE(chain(ChainOrder::kByWeight).id(), given);
  chain_.reset();
  told_[2].name = "d";
  EXPECT_NE(chain().id(), given);
}

} // namespace
} // namespace raglan::model
