// What replies say about the server they come from: pure functions.
#pragma once

#include "base/result.h"
#include "policy/outcome.h"
#include "redis/deployment.h"
#include "redis/reply.h"

namespace raglan::redis {

// The server cannot serve anybody just now: LOADING, MASTERDOWN. Or nobody has the slot, or all
// have stopped because nobody has some slot, which is the cluster's fault and not this server's:
// CLUSTERDOWN.
bool says_cannot_serve(const Reply& reply);
// In a cluster: the command belongs elsewhere, or comes too early (redirect.h).
bool redirects(const Reply& reply, Mode mode);
// Any other error; but not that the server does not know a script, which is an answer: the caller
// sends the text (script.h).
bool refuses(const Reply& reply, Mode mode);
// What is known of where the servers are may be wrong.
bool suggests_change(const Reply& reply, Mode mode);
// The server at the other end may no longer be the one that its name leads to.
bool suggests_connecting_anew(const Reply& reply, Mode mode);

// What came of a round trip, for the server's breaker. CLUSTERDOWN is neutral: a breaker that
// opened for it would keep a healthy server away for longer than the cluster is down.
// `neutral_if_late`: it had less time than a command should have, so that its being late says
// nothing.
policy::Outcome outcome_of(const Result<Replies>& replies, Mode mode, bool neutral_if_late);
// Whether the round trip itself failed, in a way that speaks of the server or the way there.
bool failed(const Result<Replies>& replies);

} // namespace raglan::redis
