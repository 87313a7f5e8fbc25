// What the client must know of a command by its name: whether it may share a connection with
// others', and where its first key stands, by which a cluster finds its server.
//
// Most commands are not listed: they may share one, and their key is their first argument. Of the
// key specifications that COMMAND of a Redis 7 shows, the others are here.
// PUBLISH is not: its first argument is the channel, whose slot's server is where subscribers
// listen (subscriber.h).
//
// Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace raglan::redis {

struct CommandTraits {
  enum class Keys : std::uint8_t {
    kAt,      // the argument at `position`, counted from the name, which is 0
    kCounted, // behind the one at `position`, which says how many there are: none, if 0
    kStreams, // behind the word STREAMS
    kNone,    // any server will do
  };

  bool shareable = true;
  Keys keys = Keys::kAt;
  std::uint8_t position = 1;
};

// Upper and lower case are the same.
CommandTraits traits_of(std::string_view command);

} // namespace raglan::redis
