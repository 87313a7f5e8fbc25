// Commands in a cluster: each to the server that has its key's slot, and on to where that server
// says that it belongs. Internal to redis/.
//
// What goes to the same server goes in one piece, in the order given; the servers work at the same
// time. A command whose slot is nobody's goes to any, apart from that server's own: it may have got
// the slot meanwhile, or says CLUSTERDOWN, which says nothing of how it does its own. Commands that
// were redirected (redirect.h) go out again together in the same way, at most kMaxRedirects times,
// to so many servers that the map does not have (KnownServers::kMaxGuests), and all within one time
// limit. A redirected command was not carried out, so none is twice. The
// order of commands that have one slot holds, except when some of them are redirected: those come
// later.
//
// When some servers cannot be asked, their commands have an error reply of ours (Reply::ours), and
// the others their replies; when none can, the result is an error.
//
// MOVED does not change the map by itself: it has the map read anew (discovery.h). Until then each
// command to that slot is redirected.
#pragma once

#include <memory>
#include <span>

#include "redis/dispatch.h"

namespace raglan::redis {

inline constexpr std::size_t kMaxRedirects = 5;
inline constexpr std::chrono::milliseconds kTryAgain{5}; // TRYAGAIN: how long to wait, doubled

net::Task<Result<Replies>> exchange_in_cluster(std::shared_ptr<Dispatch> dispatch,
                                               TopologyPtr topology,
                                               std::span<const Command> commands, Deadline limit,
                                               bool whole_time);

} // namespace raglan::redis
