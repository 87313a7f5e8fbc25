// The events of /v1/query: `sources`, then the answer as `delta`s, as it is written, then `done`
// with the whole reply; or `error` (node/answer_events.h).
#pragma once

#include <memory>

#include "node/answer_events.h"
#include "node/session_turn.h"

namespace raglan::node {

std::unique_ptr<AnswerFormat> query_format(bool explain, std::unique_ptr<SessionTurn> turn);

} // namespace raglan::node
