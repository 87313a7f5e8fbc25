// A Lua script that Redis runs as one step, with no other command between its own.
//
//   const Script kAddUpTo("local n = redis.call('INCR', KEYS[1]) …");      // once, for ever
//   Result<Reply> reply = co_await kAddUpTo.run(client, {key}, {"10"}, deadline);
//
// The script is called by its SHA-1 (EVALSHA), so that its text does not travel with each call.
// A server that does not know it, because it is new, was restarted or was told to forget
// (SCRIPT FLUSH), says NOSCRIPT, and then gets the text (EVAL), which it remembers. No step "load"
// exists that could be missed. Both tries together take no longer than the client's `timeout`.
//
// A script that is one command of several in a pipeline is called by name there; whoever sends it
// runs it by itself when the server says that it does not know it:
//
//   commands.push_back(kAddUpTo.by_name({key}, {"10"}));
//   …
//   if (Script::unknown(reply)) reply = co_await kAddUpTo.run(client, {key}, {"10"}, deadline);
//
// Name every key in `keys`: Redis Cluster finds the node by them.
//
// Thread safety: does not change once made. It must outlive its calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "redis/client.h"

namespace raglan::redis {

class Script {
 public:
  explicit Script(std::string_view source);

  // Errors: as Client::command. An error that the script returns is one too.
  net::Task<Result<Reply>> run(Client& client, std::vector<std::string> keys,
                               std::vector<std::string> arguments, Deadline deadline) const;

  // As `run`, but an error reply is a reply: for those who want to know which it was.
  net::Task<Result<Reply>> raw_run(Client& client, std::vector<std::string> keys,
                                   std::vector<std::string> arguments, Deadline deadline) const;

  // EVALSHA, as one command among others.
  Command by_name(const std::vector<std::string>& keys,
                  const std::vector<std::string>& arguments) const;
  // Whether this is a server's reply to EVALSHA that it does not know the script: it did nothing.
  static bool unknown(const Reply& reply) { return reply.error_word() == "NOSCRIPT"; }

  const std::string& sha1() const { return sha1_; }

 private:
  const std::string source_;
  const std::string sha1_; // 40 hexadecimal digits
};

} // namespace raglan::redis
