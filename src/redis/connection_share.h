// How many connections each event loop may have to each server, so that `max_connections` holds
// over all of them.
//
// Every server has an even share of its own: one that is slow, or whose keys are asked for most,
// uses up its own connections and not the others'. Each share is divided among the loops; with
// fewer connections than loops the loops beyond hand their commands to another one. Whose turn that
// is moves on from server to server, so that it is not always the first loops'. A server has one
// connection at least, even where there are more servers than connections.
//
// Pure values.
#pragma once

#include <algorithm>
#include <cstddef>

namespace raglan::redis {

struct ConnectionShare {
  std::size_t connections = 1; // to this server
  std::size_t loops = 1;       // that have some of them
  std::size_t first_loop = 0;  // of those; the others follow, around the end
  std::size_t all_loops = 1;

  // Which loop has the connections for the commands of that one.
  std::size_t home_of(std::size_t loop) const { return (first_loop + loop % loops) % all_loops; }
  // How many connections a loop has: a home some, any other none.
  std::size_t on(std::size_t home) const {
    const std::size_t rank = (home + all_loops - first_loop) % all_loops;
    if (rank >= loops) return 0;
    return connections / loops + (rank < connections % loops ? 1 : 0);
  }
};

// Of the share of that number, of so many. Neither `shares` nor `loops` may be 0.
inline ConnectionShare connection_share(std::size_t share, std::size_t shares,
                                        std::size_t max_connections, std::size_t loops) {
  const std::size_t rest = share < max_connections % shares ? 1 : 0;
  ConnectionShare of_server{.all_loops = loops};
  of_server.connections = std::max<std::size_t>(1, max_connections / shares + rest);
  of_server.loops = std::min(of_server.connections, loops);
  of_server.first_loop = share * of_server.loops % loops;
  return of_server;
}

} // namespace raglan::redis
