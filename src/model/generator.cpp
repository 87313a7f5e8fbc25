#include "model/generator.h"

#include "net/pause.h"

namespace raglan::model {

net::Task<Result<>> wait_for_turn(const GenerationRequest& request, Duration wait) {
  if (!request.wait_for_turn) co_return co_await net::pause(wait);
  co_return co_await request.wait_for_turn(wait);
}

} // namespace raglan::model
