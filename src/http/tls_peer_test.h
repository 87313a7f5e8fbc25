// Certificates made on the spot, and the server's side of a TLS connection over a RawPeer.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "http/raw_server_test.h"

namespace raglan::http {

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using OwnedKey = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using OwnedCertificate = std::unique_ptr<X509, Freed<&X509_free>>;
using OwnedContext = std::unique_ptr<SSL_CTX, Freed<&SSL_CTX_free>>;

struct Identity {
  OwnedKey key{EVP_EC_gen("P-256")};
  OwnedCertificate certificate{X509_new()};
};

inline void add_extension(X509* certificate, int name, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, name, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Valid from an hour ago, for `lifetime_seconds` from now. A certificate authority when `issuer` is
// null; otherwise a server's, for the alternative names given as OpenSSL writes them.
inline Identity make_identity(const Identity* issuer, const std::string& names,
                              long lifetime_seconds = 3600) {
  Identity identity;
  X509* const certificate = identity.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), lifetime_seconds);
  X509_set_pubkey(certificate, identity.key.get());
  const auto* common_name =
      reinterpret_cast<const unsigned char*>(issuer == nullptr ? "test authority" : "test server");
  X509_NAME* const subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, common_name, -1, -1, 0);
  const Identity& signer = issuer == nullptr ? identity : *issuer;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
  if (issuer == nullptr) {
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  } else {
    add_extension(certificate, NID_subject_alt_name, names);
  }
  X509_sign(certificate, signer.key.get(), EVP_sha256());
  return identity;
}

inline void write_pem(const std::string& path, const Identity& identity) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, identity.certificate.get());
  std::fclose(file);
}

inline OwnedContext make_server_context(const Identity& identity) {
  OwnedContext context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(context.get(), identity.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
  return context;
}

// Blocking, like the RawPeer beneath.
class TlsPeer {
 public:
  TlsPeer(RawPeer& peer, SSL_CTX* context) : tls_(SSL_new(context)) {
    SSL_set_fd(tls_.get(), peer.fd());
    accepted_ = SSL_accept(tls_.get()) == 1;
  }

  bool accepted() const { return accepted_; }
  std::string server_name() const {
    const char* const name = SSL_get_servername(tls_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }
  // Head and body of the next request; "" when there is none.
  std::string read_request() {
    if (!accepted_) return {};
    std::string request;
    std::size_t size_bytes = 0;
    while (size_bytes == 0 || request.size() < size_bytes) {
      char buffer[16 * 1024];
      const int count = SSL_read(tls_.get(), buffer, sizeof buffer);
      if (count <= 0) return {};
      request.append(buffer, static_cast<std::size_t>(count));
      const auto head_end = request.find("\r\n\r\n");
      if (size_bytes > 0 || head_end == request.npos) continue;
      size_bytes = head_end + 4;
      const auto length = request.find("content-length: ");
      if (length < head_end) size_bytes += std::stoull(request.substr(length + 16));
    }
    return request;
  }
  void send(std::string_view bytes) {
    SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  void close_in_good_order() { SSL_shutdown(tls_.get()); }

 private:
  std::unique_ptr<SSL, Freed<&SSL_free>> tls_;
  bool accepted_ = false;
};

} // namespace raglan::http
