// TLS as every client of ours speaks it: at least 1.2, with a server that proves its name.
//
//   ssl::context tls(ssl::context::tls_client);
//   const bool usable = trust(tls, config.ca_file);                 // once
//   ssl::stream<tcp::socket&> stream(socket, tls);
//   if (usable && expect_name(stream.native_handle(), host)) co_await stream.async_handshake(…);
//
// Thread safety: a context may be used by any thread once it is prepared.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

namespace raglan::net {

// Verifies servers against the certificates of `ca_file` (PEM) or, when it is empty, the system's.
// False when they cannot be loaded: then no handshake would succeed.
bool trust(boost::asio::ssl::context& context, const std::string& ca_file);

// Whom the certificate must name: a host name, which is also sent along (SNI), or an address.
// False when OpenSSL runs out of memory here: then no handshake may be attempted.
bool expect_name(SSL* tls, const std::string& host);

} // namespace raglan::net
