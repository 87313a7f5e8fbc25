// A store in a file of its own, whose calls are made in place, and a clock that tests move.
#pragma once

#include <functional>
#include <memory>

#include "net/loop_fixture_test.h"
#include "store/offloaded_store.h"
#include "store/store_fixture_test.h"

namespace raglan::store {

class StoredTest : public net::LoopTest {
 protected:
  // Before what the loops use is gone.
  void TearDown() override { loops_.stop(); }

  // What a coroutine of a loop returns.
  template <typename T>
  Result<T> wait(net::Task<Result<T>> task) {
    return start(std::move(task)).get();
  }
  template <typename T>
  static ErrorCode code_of(const Result<T>& result) {
    return result ? ErrorCode::kInternal : result.error().code;
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  std::unique_ptr<EmbeddedStore> embedded_ =
      EmbeddedStore::open(folder_.database(), {"fake", 2}, {}, clock_).value();
  const net::Submit in_place_ = [](const std::function<void()>& work) {
    work();
    return true;
  };
  OffloadedStore store_{{*embedded_, in_place_, in_place_, clock_}};
};

} // namespace raglan::store
