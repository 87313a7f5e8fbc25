#include "auth/config.h"

namespace raglan::auth {

void describe(config::Table<AuthConfig>& table) {
  using C = AuthConfig;
  using std::chrono::milliseconds;
  table.choice("mode", &C::mode,
               "who may ask: whoever reaches the node, which listens on loopback only then; or who "
               "brings an API key, a JSON Web Token, or either (Authorization: Bearer …)",
               {{"none", Mode::kNone},
                {"api_key", Mode::kApiKey},
                {"jwt", Mode::kJwt},
                {"any", Mode::kAny}});
  table
      .field("jwks_url", &C::jwks_url,
             "where the issuer publishes its keys (JWKS): RS256, ES256 and EdDSA")
      .must("be empty or an http:// or https:// URL", [](const std::string& url) {
        return url.empty() || url.starts_with("https://") || url.starts_with("http://");
      });
  table.field("public_key_file", &C::public_key_file,
              "PEM file of the issuer's key or certificate, instead of jwks_url");
  table.field("secret", &C::secret,
              "that the issuer shares with the nodes, for HS256, instead of jwks_url; 32 bytes or "
              "more");
  table
      .field("jwks_refresh", &C::jwks_refresh,
             "how often the keys of jwks_url are read anew; a token with a key that is not known "
             "has them read at once, at most every 30 s")
      .min(milliseconds(1'000))
      .max(std::chrono::hours(24));
  table.field("ca_file", &C::ca_file,
              "PEM file of the authorities to trust for jwks_url; empty: the system's");
  table.rule("modes \"jwt\" and \"any\" need one of jwks_url, public_key_file and secret",
             [](const C& config) {
               const int sources = (config.jwks_url.empty() ? 0 : 1) +
                                   (config.public_key_file.empty() ? 0 : 1) +
                                   (config.secret.empty() ? 0 : 1);
               return !takes_tokens(config.mode) || sources == 1;
             });
}

void describe(config::Table<JwtClaims>& table) {
  using C = JwtClaims;
  table.field("issuer", &C::issuer, "what a token's iss must be; empty: anything");
  table.field("audience", &C::audience, "what a token's aud must be or hold; empty: anything");
  table
      .field("leeway", &C::leeway,
             "by how much the issuer's clock may differ, where exp, nbf and iat are looked at")
      .max(kMaxLeeway);
  table.field("tenant_claim", &C::tenant_claim, "the claim that names the tenant");
  table.field("tier_claim", &C::tier_claim,
              "the claim that names the tier: vip, paid or free; free without it");
  table.field("scope_claim", &C::scope_claim,
              "the claim with the scopes: read, write and admin, apart by blanks or in a list");
}

} // namespace raglan::auth
