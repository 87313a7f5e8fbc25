#include "http/client_shared.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "net/client_tls.h"

namespace raglan::http {
namespace {

namespace ssl = boost::asio::ssl;

// The one protocol that is spoken here, as ALPN writes it: its length, its name.
constexpr std::string_view kProtocols = "\x08http/1.1";

bool prepare(ssl::context& context, const std::string& ca_file) {
  SSL_CTX_set_alpn_protos(context.native_handle(),
                          reinterpret_cast<const unsigned char*>(kProtocols.data()),
                          static_cast<unsigned>(kProtocols.size()));
  return net::trust(context, ca_file);
}

} // namespace

Origin Origin::of(const Url& url) {
  Origin origin{url.tls, url.host, url.port};
  for (char& c : origin.host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return origin;
}

std::string Origin::name() const {
  return host.find(':') == host.npos ? fmt::format("{}:{}", host, port)
                                     : fmt::format("[{}]:{}", host, port);
}

ClientShared::ClientShared(ClientConfig client_config, std::size_t loop_count,
                           const Clock& client_clock)
    : config(std::move(client_config)),
      loops(loop_count),
      clock(client_clock),
      resolver(config.resolver),
      tls(ssl::context::tls_client),
      tls_usable(prepare(tls, config.ca_file)) {
  if (!tls_usable) log_error("the certificates of the client's CA file cannot be loaded");
}

} // namespace raglan::http
