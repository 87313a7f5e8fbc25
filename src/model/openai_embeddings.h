// The wire format of OpenAI's embeddings API, both ends: the node answers in it, and a remote
// provider is asked in it.
//
// Vectors travel as base64 of little-endian floats where both sides can (exact, and a third of the
// bytes), else as arrays of numbers.
//
// Thread safe: functions of their arguments.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "base/result.h"
#include "model/embedder.h"

namespace raglan::model {

// The body of a request for vectors of `dimension` numbers; 0 leaves the dimension to the provider.
std::string embeddings_request(std::string_view model, const std::vector<std::string_view>& texts,
                               std::size_t dimension);

boost::json::object embeddings_reply(const Embeddings& made, std::string_view model, bool base64);

// What a provider's reply says, checked: exactly `texts` vectors, each index once, in the order of
// the indexes; all of `dimension` numbers (0: all of the same), finite; brought to length 1.
// `tokens` is what the reply meters, 0 when it does not. Errors are kUpstream, and quote nothing of
// the reply.
Result<Embeddings> read_embeddings_reply(std::string_view reply, std::size_t texts,
                                         std::size_t dimension);

} // namespace raglan::model
