// Where a provider's API is, how it is asked, and which model there is meant.
//
// Thread safe: functions of their arguments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/secret.h"
#include "http/client.h"

namespace raglan::model {

// An http or https URL without a query.
bool is_base_url(const std::string& url);
// The URL of an endpoint ("/embeddings") of the API at that base.
std::string endpoint_url(std::string_view base_url, std::string_view endpoint);
// A question to an endpoint, in JSON. The key reaches nothing but this; none is sent when empty.
http::ClientRequest provider_request(std::string_view base_url, std::string_view endpoint,
                                     const config::Secret& key, std::string body);
// The model's name with a hash of the base without its scheme, the name, and whatever else makes
// another model of it: the same name at another address may be another model. A provider that
// changes a model behind its name cannot be noticed.
std::string provider_model_id(std::string_view model, std::string_view base_url,
                              std::uint64_t variant = 0);

} // namespace raglan::model
