// /admin/degradation: how much service there is, and why; by hand where the operator wants it.
//
//   GET                                                    looks
//   PUT {"mode":"manual","level":2} or {"mode":"auto"}     sets, and looks
#pragma once

#include "http/router.h"
#include "rag/overload.h"

namespace raglan::node {

// `overload` must outlive the router.
void add_degradation_routes(http::Router& router, rag::Overload& overload);

} // namespace raglan::node
