#include "net/client_tls.h"

#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

namespace raglan::net {

namespace ssl = boost::asio::ssl;

bool trust(ssl::context& context, const std::string& ca_file) {
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  boost::system::error_code failure;
  context.set_verify_mode(ssl::verify_peer, failure);
  if (!failure && ca_file.empty()) context.set_default_verify_paths(failure);
  if (!failure && !ca_file.empty()) context.load_verify_file(ca_file, failure);
  return !failure;
}

bool expect_name(SSL* tls, const std::string& host) {
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  X509_VERIFY_PARAM* const parameters = SSL_get0_param(tls);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (!not_an_address) return X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  return SSL_set_tlsext_host_name(tls, host.c_str()) == 1 && SSL_set1_host(tls, host.c_str()) == 1;
}

} // namespace raglan::net
