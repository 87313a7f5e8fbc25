#include "config/registry.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::config {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

enum class Eviction { kLru, kTtl };

struct CacheConfig {
  bool enabled = true;
  std::chrono::seconds ttl = 1h;
  std::size_t max_bytes = 64 << 20;
  double full_ratio = 0.9;
  double factor = 1.5;
  Eviction eviction = Eviction::kLru;
};

void describe(Table<CacheConfig>& table) {
  table.field("enabled", &CacheConfig::enabled, "whether it is used");
  table.field("ttl", &CacheConfig::ttl, "how long an entry lives").max(24h);
  table.bytes("max_bytes", &CacheConfig::max_bytes, "memory it may take").min(1024);
  table.ratio("full", &CacheConfig::full_ratio, "when | it counts as full");
  table.field("factor", &CacheConfig::factor, "a factor").min(0);
  table.choice("eviction", &CacheConfig::eviction, "what leaves first",
               {{"lru", Eviction::kLru}, {"ttl", Eviction::kTtl}});
}

struct ServerConfig {
  std::string listen = "127.0.0.1:8080";
  int threads = 2;
  std::uint16_t backlog = 128;
  int max_threads = 64;
  std::vector<std::string> replicas;
  std::optional<Secret> api_key;
  std::optional<std::chrono::milliseconds> linger;
};

void describe(Table<ServerConfig>& table) {
  table.field("listen", &ServerConfig::listen, "where to listen")
      .must("be HOST:PORT", [](const std::string& s) { return s.contains(':'); });
  table.field("threads", &ServerConfig::threads, "event loops").unit("threads").min(1).max(256);
  table.field("backlog", &ServerConfig::backlog, "waiting connections");
  table.field("max_threads", &ServerConfig::max_threads, "their maximum");
  table.field("replicas", &ServerConfig::replicas, "others");
  table.field("api_key", &ServerConfig::api_key, "the key");
  table.field("linger", &ServerConfig::linger, "how long to linger").min(1ms);
  table.rule("threads must not exceed max_threads",
             [](const ServerConfig& c) { return c.threads <= c.max_threads; });
}

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    registry_.add("server", server_, "The HTTP server.");
    registry_.add("cache.query", cache_, "The query cache.");
  }

  std::vector<std::string> load(Sources sources) {
    sources.file_name = "raglan.toml";
    std::vector<std::string> texts;
    for (const Problem& problem : registry_.load(sources)) texts.push_back(problem.text());
    return texts;
  }
  std::vector<std::string> load_toml(std::string toml) { return load({.toml = std::move(toml)}); }
  std::string origin(std::string_view section, std::string_view key) {
    for (const Setting& s : registry_.settings()) {
      if (s.section == section && s.key == key) return s.origin;
    }
    return "no such setting";
  }

  ServerConfig server_;
  CacheConfig cache_;
  Registry registry_;
};

TEST_F(RegistryTest, NothingGivenLeavesTheInitializers) {
  EXPECT_THAT(load({}), IsEmpty());
  EXPECT_EQ(server_.listen, "127.0.0.1:8080");
  EXPECT_EQ(cache_.ttl, 1h);
  EXPECT_EQ(origin("server", "listen"), "default");
}

TEST_F(RegistryTest, EveryTypeIsReadFromToml) {
  EXPECT_THAT(load_toml(R"(
[server]
listen = "0.0.0.0:80"
threads = 8
replicas = ["a", "b,c"]
api_key = "s3cret"
linger = "5ms"
[cache.query]
enabled = false
ttl = "90s"
max_bytes = "1MiB"
full = "70%"
factor = 2
eviction = "ttl"
)"),
              IsEmpty());
  EXPECT_EQ(server_.listen, "0.0.0.0:80");
  EXPECT_EQ(server_.threads, 8);
  EXPECT_THAT(server_.replicas, ElementsAre("a", "b,c"));
  EXPECT_EQ(server_.api_key->reveal(), "s3cret");
  EXPECT_EQ(server_.linger, 5ms);
  EXPECT_FALSE(cache_.enabled);
  EXPECT_EQ(cache_.ttl, 90s);
  EXPECT_EQ(cache_.max_bytes, 1u << 20);
  EXPECT_EQ(cache_.full_ratio, 0.7);
  EXPECT_EQ(cache_.factor, 2.0);
  EXPECT_EQ(cache_.eviction, Eviction::kTtl);
}

TEST_F(RegistryTest, EveryTypeIsReadFromTheEnvironment) {
  EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER__THREADS", "8"},
                                    {"RAGLAN_SERVER__REPLICAS", "a, b"},
                                    {"RAGLAN_SERVER__API_KEY", "k"},
                                    {"RAGLAN_CACHE__QUERY__ENABLED", "false"},
                                    {"RAGLAN_CACHE__QUERY__TTL", "2h"},
                                    {"RAGLAN_CACHE__QUERY__MAX_BYTES", "4096"},
                                    {"RAGLAN_CACHE__QUERY__FULL", "55"},
                                    {"RAGLAN_CACHE__QUERY__FACTOR", "0.25"},
                                    {"RAGLAN_CACHE__QUERY__EVICTION", "ttl"}}}),
              IsEmpty());
  EXPECT_EQ(server_.threads, 8);
  EXPECT_THAT(server_.replicas, ElementsAre("a", "b"));
  EXPECT_EQ(server_.api_key->reveal(), "k");
  EXPECT_FALSE(cache_.enabled);
  EXPECT_EQ(cache_.ttl, 2h);
  EXPECT_EQ(cache_.max_bytes, 4096u);
  EXPECT_EQ(cache_.full_ratio, 0.55);
  EXPECT_EQ(cache_.factor, 0.25);
  EXPECT_EQ(cache_.eviction, Eviction::kTtl);
}

TEST_F(RegistryTest, FlagWinsOverEnvironmentOverFileOverDefault) {
  EXPECT_THAT(
      load(
          {.toml = "[server]\nlisten = \"f:1\"\nthreads = 3\nbacklog = 5\n",
           .environment = {{"RAGLAN_SERVER__LISTEN", "e:1"}, {"RAGLAN_SERVER__THREADS", "4"}},
           .overrides = {{"server.listen", "g:1", "--listen"}, {"server.listen", "h:1", "--set"}}}),
      IsEmpty());
  EXPECT_EQ(server_.listen, "h:1");
  EXPECT_EQ(server_.threads, 4);
  EXPECT_EQ(server_.backlog, 5);
  EXPECT_EQ(origin("server", "listen"), "--set");
  EXPECT_EQ(origin("server", "threads"), "RAGLAN_SERVER__THREADS");
  EXPECT_EQ(origin("server", "backlog"), "raglan.toml:4");
  EXPECT_EQ(origin("server", "max_threads"), "default");
}

TEST_F(RegistryTest, AllProblemsOfAllSourcesComeAtOnceInOrder) {
  const auto problems = load({.toml = R"([server]
threads = 1000
listn = "x:1"
backlog = "many"
[cache.query]
ttl = 30
)",
                              .environment = {{"RAGLAN_SERVER__THRAEDS", "1"}},
                              .overrides = {{"cache.query.full", "120", "--set"}}});
  EXPECT_THAT(
      problems,
      ElementsAre(
          "raglan.toml:2: server.threads: 1000 is out of range: allowed is 1 to 256",
          "raglan.toml:3: server.listn is unknown; did you mean server.listen?",
          "raglan.toml:4: server.backlog: \"many\" is not a whole number",
          AllOf(HasSubstr("raglan.toml:6: cache.query.ttl: 30 has no unit"), HasSubstr("\"30s\"")),
          "RAGLAN_SERVER__THRAEDS: is no setting; did you mean RAGLAN_SERVER__THREADS?",
          "--set: cache.query.full: \"120\" is out of range: allowed is \"0%\" to \"100%\""));
}

TEST_F(RegistryTest, BoundsAreInclusive) {
  EXPECT_THAT(load_toml("[server]\nthreads = 1\nmax_threads = 256\nlinger = \"1ms\"\n"), IsEmpty());
  EXPECT_THAT(load_toml("[server]\nthreads = 256"), IsEmpty());
  EXPECT_THAT(load_toml("[server]\nthreads = 0"), Not(IsEmpty()));
  EXPECT_THAT(load_toml("[server]\nthreads = 257"), Not(IsEmpty()));
  EXPECT_THAT(load_toml("[server]\nlinger = \"999us\""), Not(IsEmpty()));
}

TEST_F(RegistryTest, AnIntegerMustFitItsMember) {
  EXPECT_THAT(load_toml("[server]\nbacklog = 65536"),
              ElementsAre(HasSubstr("65536 is not between 0 and 65535")));
  EXPECT_THAT(load_toml("[server]\nbacklog = -1"), ElementsAre(HasSubstr("is not between")));
  EXPECT_THAT(load_toml("[server]\nthreads = 5.0"), ElementsAre(HasSubstr("not a whole number")));
  EXPECT_THAT(load_toml("[server]\nthreads = \"5\""), ElementsAre(HasSubstr("not a whole number")));
}

TEST_F(RegistryTest, ADurationFinerThanItsMemberIsRefused) {
  EXPECT_THAT(load_toml("[cache.query]\nttl = \"1500ms\""),
              ElementsAre(HasSubstr("\"1500ms\" is finer than 1s")));
}

TEST_F(RegistryTest, WrongTypesAreNamed) {
  EXPECT_THAT(load_toml("[server]\nreplicas = [\"a\", 1]"),
              ElementsAre(HasSubstr("an array not of strings is not a list of strings")));
  EXPECT_THAT(load_toml("[server.listen]\nx = 1"),
              ElementsAre(HasSubstr("server.listen: a table is not a string")));
  EXPECT_THAT(load_toml("[cache.query]\nenabled = \"yes\""),
              ElementsAre(HasSubstr("\"yes\" is not true or false")));
  EXPECT_THAT(load_toml("[cache.query]\nfactor = inf"), ElementsAre(HasSubstr("not a number")));
  EXPECT_THAT(load_toml("[cache.query]\neviction = \"fifo\""),
              ElementsAre(HasSubstr("\"fifo\" is not one of \"lru\", \"ttl\"")));
  EXPECT_THAT(load_toml("[server]\nlisten = 1979-05-27"), ElementsAre(HasSubstr("a date or time")));
  EXPECT_THAT(load_toml("server = 5"),
              ElementsAre(HasSubstr("server is a section: write [server]")));
  EXPECT_THAT(load_toml("[[server]]\nthreads = 5"), ElementsAre(HasSubstr("is a section")));
}

TEST_F(RegistryTest, AConditionOnOneValueIsSaid) {
  EXPECT_THAT(load_toml("[server]\nlisten = \"8080\""),
              ElementsAre("raglan.toml:2: server.listen: \"8080\" must be HOST:PORT"));
}

TEST_F(RegistryTest, ARuleOverSeveralFieldsIsChecked) {
  EXPECT_THAT(load_toml("[server]\nthreads = 65"),
              ElementsAre("[server]: threads must not exceed max_threads"));
}

TEST_F(RegistryTest, AnUnknownSectionIsReportedOnceWithoutItsKeys) {
  EXPECT_THAT(load_toml("[servr]\nlisten = \"x:1\"\nthreads = 1\n[servr.deep]\na = 1\n"),
              ElementsAre("raglan.toml:1: servr is unknown; did you mean server?"));
}

TEST_F(RegistryTest, AKeyOfAnotherSectionIsPointedTo) {
  EXPECT_THAT(load_toml("[server]\nttl = \"1s\""),
              ElementsAre(HasSubstr("did you mean cache.query.ttl?")));
  EXPECT_THAT(load_toml("ttl = \"1s\""), ElementsAre(HasSubstr("did you mean cache.query.ttl?")));
}

TEST_F(RegistryTest, AQuotedKeyWithADotIsNotAPath) {
  EXPECT_THAT(load_toml("\"server.listen\" = \"x:1\""), ElementsAre(HasSubstr("is unknown")));
  EXPECT_EQ(server_.listen, "127.0.0.1:8080");
}

TEST_F(RegistryTest, ASyntaxErrorHasItsLine) {
  const auto problems = load_toml("[server]\nthreads = = 3\n");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0], StartsWith("raglan.toml:2: "));
  EXPECT_THAT(load_toml("[server]\nthreads = 1\nthreads = 2\n"), Not(IsEmpty()));
  for (const char* text : {"[server]\nlisten = \"\xff\"\n", "\n[\n", "\n[\vserver]\n",
                           "\n[[[1]]]\n", "\n[$server]\n", "\n[server.]\n", "\nserver. = 1\n"}) {
    EXPECT_THAT(load_toml(text), ElementsAre(StartsWith("raglan.toml:2: "))) << text;
  }
}

TEST_F(RegistryTest, LettersBeyondAsciiMayStandAnywhere) {
  EXPECT_THAT(load_toml("# \u00e9\n[server]\nlisten = \"\u00e9:1\" # \u00fc\n"), IsEmpty());
  EXPECT_EQ(server_.listen, "\u00e9:1");
  EXPECT_THAT(load_toml("[server]\nlisten = \"\"\"\\\n\u00a7:1\"\"\"\n"), IsEmpty());
  EXPECT_EQ(server_.listen, "\u00a7:1");
  EXPECT_THAT(load_toml("abc\u0322 = 1\n"), Not(IsEmpty()));
}

TEST_F(RegistryTest, AVariableWithOneUnderscoreIsAnError) {
  EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER_LISTEN", "x:1"}}}),
              ElementsAre("RAGLAN_SERVER_LISTEN: is no setting; did you mean "
                          "RAGLAN_SERVER__LISTEN?"));
  EXPECT_THAT(load({.environment = {{"RAGLAN_PORT_80_TCP", "tcp://10.0.0.1:80"}}}), IsEmpty());
}

TEST_F(RegistryTest, AnEmptyVariableUnsetsAnOptional) {
  EXPECT_THAT(
      load({.toml = "[server]\nlinger = \"5ms\"", .environment = {{"RAGLAN_SERVER__LINGER", ""}}}),
      IsEmpty());
  EXPECT_EQ(server_.linger, std::nullopt);
  EXPECT_EQ(origin("server", "linger"), "RAGLAN_SERVER__LINGER");
}

class SecretFile {
 public:
  explicit SecretFile(std::string_view content)
      : path_(std::filesystem::path(::testing::TempDir()) /
              (::testing::UnitTest::GetInstance()->current_test_info()->name() +
               std::string(".secret"))) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~SecretFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST_F(RegistryTest, ASecretIsReadFromTheFileItsVariableNames) {
  const SecretFile file("from file\r\n");
  EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER__API_KEY_FILE", file.path()}}}), IsEmpty());
  EXPECT_EQ(server_.api_key->reveal(), "from file");
  EXPECT_EQ(origin("server", "api_key"), "RAGLAN_SERVER__API_KEY_FILE");
}

TEST_F(RegistryTest, ASecretFileOfTheMaximumLengthIsTheLastAccepted) {
  {
    const SecretFile file(std::string(64 * 1024, 'k'));
    EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER__API_KEY_FILE", file.path()}}}), IsEmpty());
    EXPECT_EQ(server_.api_key->reveal().size(), 64u * 1024);
  }
  const SecretFile file(std::string(64 * 1024 + 1, 'k'));
  EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER__API_KEY_FILE", file.path()}}}),
              ElementsAre(HasSubstr("longer than 65536 bytes")));
}

TEST_F(RegistryTest, ASecretFileThatCannotBeReadIsAnError) {
  EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER__API_KEY_FILE", "/nowhere/key"}}}),
              ElementsAre(HasSubstr("cannot be read")));
  EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER__API_KEY_FILE", ::testing::TempDir()}}}),
              ElementsAre(HasSubstr("cannot be read")));
}

TEST_F(RegistryTest, ASecretGivenTwiceIsAnErrorAndOnlySecretsHaveFiles) {
  EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER__API_KEY", "a"},
                                    {"RAGLAN_SERVER__API_KEY_FILE", "/x"}}}),
              ElementsAre(HasSubstr("RAGLAN_SERVER__API_KEY is set too")));
  EXPECT_THAT(load({.environment = {{"RAGLAN_SERVER__LISTEN_FILE", "/x"}}}),
              ElementsAre(HasSubstr("is no setting")));
}

TEST_F(RegistryTest, ASecretIsNeverShown) {
  EXPECT_THAT(load_toml("[server]\napi_key = \"s3cret\""), IsEmpty());
  EXPECT_THAT(registry_.show(),
              AllOf(HasSubstr("api_key = \"(redacted)\""), Not(HasSubstr("s3cret"))));
  EXPECT_THAT(load_toml("[server]\napi_key = [\"s3cret\"]"),
              ElementsAre("raglan.toml:2: server.api_key: the value is not a string"));
}

TEST_F(RegistryTest, WhatIsShownLoadsAgain) {
  EXPECT_THAT(load_toml("[server]\nlisten = \"q\\\"\\\\:1\"\nreplicas = [\"a\"]\n"
                        "[cache.query]\nttl = \"90s\"\nfull = 7\neviction = \"ttl\"\n"),
              IsEmpty());
  const std::string shown = registry_.show();
  EXPECT_THAT(shown, HasSubstr("[cache.query]\nenabled = true # default\n"
                               "ttl = \"90s\" # raglan.toml:5\nmax_bytes = \"64MiB\" # default\n"
                               "full = \"7%\" # raglan.toml:6\n"));
  EXPECT_THAT(shown, HasSubstr("# linger is not set"));
  const ServerConfig before = server_;
  EXPECT_THAT(load_toml(shown), IsEmpty());
  EXPECT_EQ(server_.listen, before.listen);
  EXPECT_EQ(cache_.ttl, 90s);
  EXPECT_EQ(cache_.full_ratio, 0.07);
}

TEST_F(RegistryTest, OneTypeMayHaveOtherDefaultsUnderAnotherSection) {
  CacheConfig other{.ttl = 5s};
  registry_.add("cache.other", other, "Another.");
  EXPECT_THAT(load_toml("[cache.other]\nttl = \"7s\""), IsEmpty());
  const std::string markdown = registry_.markdown();
  EXPECT_THAT(markdown.substr(markdown.find("## [cache.other]")),
              HasSubstr("| `ttl` | `\"5s\"` |"));
}

TEST_F(RegistryTest, TheReferenceShowsDefaultsNotPresentValues) {
  EXPECT_THAT(load_toml("[server]\nthreads = 9"), IsEmpty());
  const std::string markdown = registry_.markdown();
  EXPECT_THAT(markdown, HasSubstr("## [server]\n\nThe HTTP server.\n"));
  EXPECT_THAT(markdown, HasSubstr("| `threads` | `2` | threads, 1 to 256 | event loops |"));
  EXPECT_THAT(markdown,
              HasSubstr("| `listen` | `\"127.0.0.1:8080\"` | string, must be HOST:PORT |"));
  EXPECT_THAT(markdown, HasSubstr("| `api_key` | not set | secret | the key |"));
  EXPECT_THAT(markdown, HasSubstr("| percentage, \"0%\" to \"100%\" | when \\| it counts"));
  EXPECT_THAT(markdown, HasSubstr("| `eviction` | `\"lru\"` | one of \"lru\", \"ttl\" |"));
  EXPECT_THAT(markdown, HasSubstr("- threads must not exceed max_threads\n"));
}

TEST(Override, SplitsAtTheFirstEquals) {
  const auto given = parse_override("server.listen=a=b");
  ASSERT_TRUE(given);
  EXPECT_EQ(given->key, "server.listen");
  EXPECT_EQ(given->value, "a=b");
  EXPECT_EQ(given->origin, "--set");
  EXPECT_FALSE(parse_override("server.listen"));
  EXPECT_FALSE(parse_override("=x"));
  EXPECT_EQ(parse_override("a.b=")->value, "");
}

struct PeerConfig {
  std::string url = "http://one";
  int weight = 1;
  Secret key;
};

void describe(Table<PeerConfig>& table) {
  table.field("url", &PeerConfig::url, "where it is");
  table.field("weight", &PeerConfig::weight, "its share").min(0);
  table.field("key", &PeerConfig::key, "its key");
  table.rule("url must not be empty", [](const PeerConfig& peer) { return !peer.url.empty(); });
}

class RegistryList : public testing::Test {
 protected:
  RegistryList() { registry_.add_list("pool.peer", peers_, "Others.", 3); }
  std::vector<std::string> load(const Sources& sources) {
    std::vector<std::string> lines;
    for (const Problem& problem : registry_.load(sources)) lines.push_back(problem.text());
    return lines;
  }

  std::vector<PeerConfig> peers_;
  Registry registry_;
};

TEST_F(RegistryList, IsAsLongAsWhatWasSet) {
  EXPECT_THAT(load({}), IsEmpty());
  EXPECT_TRUE(peers_.empty());
  EXPECT_EQ(registry_.show(), "");
}

TEST_F(RegistryList, ComesFromTablesVariablesAndFlags) {
  EXPECT_THAT(load({.file_name = "f",
                    .toml = "[[pool.peer]]\nurl = 'http://a'\n[[pool.peer]]\nweight = 2\n",
                    .environment = {{"RAGLAN_POOL__PEER__1__KEY", "secret"}},
                    .overrides = {{"pool.peer.2.weight", "7", "--set"}}}),
              IsEmpty());
  ASSERT_EQ(peers_.size(), 3U);
  EXPECT_EQ(peers_[0].url, "http://a");
  EXPECT_EQ(peers_[1].url, "http://one");
  EXPECT_EQ(peers_[1].weight, 2);
  EXPECT_EQ(peers_[1].key.reveal(), "secret");
  EXPECT_EQ(peers_[2].weight, 7);
  EXPECT_THAT(registry_.show(), AllOf(StartsWith("[[pool.peer]]\nurl = \"http://a\" # f:2\n"),
                                      HasSubstr("\n\n[[pool.peer]]\n"), Not(HasSubstr("secret"))));
}

TEST_F(RegistryList, OneBehindAGapHasLostItsPlace) {
  EXPECT_THAT(load({.overrides = {{"pool.peer.1.weight", "7", "--set"}}}),
              ElementsAre("[[pool.peer]]: number 1 is set and number 0 is not"));
}

TEST_F(RegistryList, MoreThanItsMaximumAndUnknownKeysAreProblems) {
  EXPECT_THAT(load({.file_name = "f",
                    .toml = "[[pool.peer]]\nurll = ''\n[[pool.peer]]\n[[pool.peer]]\nurl = ''\n"
                            "[[pool.peer]]\nurl = 'x'\n"}),
              ElementsAre(StartsWith("f:2: pool.peer.0.urll is unknown; did you mean"),
                          "f:6: [[pool.peer]] may stand 3 times"));
}

TEST_F(RegistryList, RulesHoldForWhatIsThere) {
  EXPECT_THAT(load({.file_name = "f", .toml = "[[pool.peer]]\nurl = ''\n"}),
              ElementsAre("[pool.peer.0]: url must not be empty"));
}

TEST_F(RegistryList, IsDocumentedOnce) {
  const std::string text = registry_.markdown();
  EXPECT_THAT(text, HasSubstr("## [[pool.peer]]\n"));
  EXPECT_EQ(text.find("pool.peer", text.find("## [[pool.peer]]") + 16), std::string::npos);
}

struct VaultConfig {
  std::vector<Secret> keys;
};

void describe(Table<VaultConfig>& table) {
  table.field("keys", &VaultConfig::keys, "its keys")
      .must("be at most 2", [](const std::vector<Secret>& keys) { return keys.size() <= 2; });
}

class RegistrySecrets : public testing::Test {
 protected:
  RegistrySecrets() { registry_.add("vault", vault_, "A vault."); }
  std::vector<std::string> load(const Sources& sources) {
    std::vector<std::string> lines;
    for (const Problem& problem : registry_.load(sources)) lines.push_back(problem.text());
    return lines;
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> texts;
    for (const Secret& key : vault_.keys) texts.push_back(key.reveal());
    return texts;
  }

  VaultConfig vault_;
  Registry registry_;
};

TEST_F(RegistrySecrets, ComeFromAListOrFromWordsAndMayHoldCommas) {
  EXPECT_THAT(registry_.show(), HasSubstr("keys = [] # default"));
  EXPECT_THAT(load({.toml = "[vault]\nkeys = ['a,b', 'c']"}), IsEmpty());
  EXPECT_THAT(keys(), ElementsAre("a,b", "c"));
  EXPECT_THAT(load({.environment = {{"RAGLAN_VAULT__KEYS", " d,e \n f "}}}), IsEmpty());
  EXPECT_THAT(keys(), ElementsAre("d,e", "f"));
  const SecretFile file("g\nh\n");
  EXPECT_THAT(load({.environment = {{"RAGLAN_VAULT__KEYS_FILE", file.path()}}}), IsEmpty());
  EXPECT_THAT(keys(), ElementsAre("g", "h"));
}

TEST_F(RegistrySecrets, AreNeverShown) {
  EXPECT_THAT(load({.toml = "[vault]\nkeys = ['s3cret', 's3cret']"}), IsEmpty());
  EXPECT_THAT(registry_.show(), AllOf(HasSubstr(R"~(keys = ["(redacted)", "(redacted)"])~"),
                                      Not(HasSubstr("s3cret"))));
  for (const char* wrong : {"'s3cret'", "['s3cret', 's3cret', 's3cret']", "['s3cret', 1]"}) {
    const auto lines = load({.toml = fmt::format("[vault]\nkeys = {}", wrong)});
    ASSERT_EQ(lines.size(), 1u) << wrong;
    EXPECT_THAT(lines[0], AllOf(HasSubstr("vault.keys: the value "), Not(HasSubstr("s3cret"))));
  }
}

} // namespace
} // namespace raglan::config
