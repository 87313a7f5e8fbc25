#include "http/request.h"

namespace raglan::http {
namespace {
// A body larger than this gives its memory back when the request is over: a connection keeps this
// much while it is idle.
constexpr std::size_t kKeptBodyBytes = 8 * 1024;
} // namespace

std::string_view Request::path_parameter(std::string_view name) const {
  for (const auto& [key, value] : path_parameters) {
    if (key == name) return value;
  }
  return {};
}

void Request::drop_body() {
  // Nobody else has it, and nobody can get it now: kept for the next body.
  const bool ours = body_reservation.use_count() == 1;
  if (ours) {
    body_reservation->give_back();
  } else {
    body_reservation.reset();
  }
  if (body.capacity() > kKeptBodyBytes) {
    body = std::string();
  } else {
    body.clear();
  }
}

void Request::clear() {
  method.clear();
  target.clear();
  path.clear();
  query.clear();
  headers.clear();
  drop_body();
  minor_version = 1;
  keep_alive = true;
  received_at = {};
  context.reset();
  load_share.reset();
  route = {};
  path_parameters.clear();
}

} // namespace raglan::http
