// A stand-in for the Kubernetes API: lists and watches of EndpointSlices over TLS, with versions, a
// history, bookmarks, a token, and all that goes wrong when it is told to.
//
// It asks whether requests are as the API wants them (path, selector, token), and says what
// kube-apiserver says: chunked answers whose pieces fall anywhere, a Status for each refusal, 410
// for a version that it has forgotten.
//
// Thread safety: any thread; each connection has one of its own, which blocks.
#pragma once

#include <condition_variable>
#include <csignal>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "balancer/kubernetes_access.h"
#include "balancer/slice_json_test.h"
#include "base/temporary_folder.h"
#include "http/tls_peer_test.h"
#include "http/url.h"

namespace raglan::balancer {

class KubernetesStandIn {
 public:
  // How those are told who ask for what is known no more.
  enum class Gone : std::uint8_t { kByStatus, kByEvent };

 private:
  struct Change {
    int version;
    std::string line;
  };
  struct State {
    std::map<std::string, SliceJson> slices;
    std::vector<Change> history;
    int version = 100;
    int oldest = 100;
    Gone gone = Gone::kByStatus;
    int cuts = 0;
    int ends = 0;
    bool closing = false;
    std::string token;
    std::map<std::string, int> refusals;
    int lists = 0;
    int refused = 0;
    std::vector<std::string> watched;
  };

  void tell(const auto& change) {
    {
      const std::lock_guard lock(mutex_);
      change(state_);
    }
    changed_.notify_all();
  }
  auto ask(const auto& question) const {
    const std::lock_guard lock(mutex_);
    return question(state_);
  }

 public:
  KubernetesStandIn() {
    std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes without MSG_NOSIGNAL
    http::write_pem(folder_.path() / "ca.crt", authority_);
    mount_token("first");
    accept_token("first");
    server_.emplace([this](http::RawPeer& peer) { serve(peer); });
  }
  ~KubernetesStandIn() {
    tell([](State& state) { state.closing = true; });
    server_.reset();
  }

  KubernetesAccess access() const {
    return {.url = "https://127.0.0.1:" + std::to_string(server_->port()),
            .ca_file = folder_.path() / "ca.crt",
            .token_file = folder_.path() / "token"};
  }

  // What the kubelet does, and what the API goes by.
  void mount_token(std::string_view token) { std::ofstream(folder_.path() / "token") << token; }
  void accept_token(std::string token) {
    tell([&](State& state) { state.token = std::move(token); });
  }

  void put(SliceJson slice) {
    tell([&](State& state) {
      slice.version = std::to_string(++state.version);
      const bool known = state.slices.contains(slice.name);
      state.history.push_back(
          {state.version, event_json(known ? "MODIFIED" : "ADDED", slice.text())});
      state.slices.insert_or_assign(slice.name, std::move(slice));
    });
  }
  void remove(const std::string& name) {
    tell([&](State& state) {
      SliceJson slice = std::move(state.slices.extract(name).mapped());
      slice.version = std::to_string(++state.version);
      state.history.push_back({state.version, event_json("DELETED", slice.text())});
    });
  }
  // Something else in the cluster has changed, and the watches are told up to where.
  void bookmark() {
    tell([](State& state) {
      ++state.version;
      state.history.push_back({state.version, bookmark_json(std::to_string(state.version))});
    });
  }
  // Says this to all that watch, and to nobody later.
  void say(std::string line) {
    tell([&](State& state) { state.history.push_back({state.version, std::move(line)}); });
  }
  // What happened until now is known no more.
  void forget(Gone gone = Gone::kByStatus) {
    tell([&](State& state) {
      state.oldest = ++state.version;
      state.gone = gone;
      state.history.clear();
    });
    cut();
  }
  // All connections are lost, in the middle of a line.
  void cut() {
    tell([](State& state) { ++state.cuts; });
  }
  // Watches end in good order.
  void end_watches() {
    tell([](State& state) { ++state.ends; });
  }
  // "list" or "watch" is answered so; 0: as it should be.
  void refuse(const std::string& verb, int status) {
    tell([&](State& state) { state.refusals[verb] = status; });
  }

  int lists() const {
    return ask([](const State& state) { return state.lists; });
  }
  int refused() const {
    return ask([](const State& state) { return state.refused; });
  }
  // The versions that were watched from.
  std::vector<std::string> watched() const {
    return ask([](const State& state) { return state.watched; });
  }

 private:
  static std::string whole(int status, std::string_view body) {
    return fmt::format(
        "HTTP/1.1 {} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}", status,
        body.size(), body);
  }
  static std::string chunk(std::string_view text) {
    return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
  }

  void serve(http::RawPeer& peer) {
    http::TlsPeer tls(peer, context_.get());
    for (std::string request = tls.read_request(); !request.empty(); request = tls.read_request()) {
      if (!answer(tls, request)) return;
    }
  }

  // False: the connection is lost.
  bool answer(http::TlsPeer& peer, const std::string& request) {
    static const std::string kPath = "/apis/discovery.k8s.io/v1/namespaces/rag/endpointslices?";
    const std::string target = request.substr(4, request.find(' ', 4) - 4);
    auto query = http::parse_query(target.substr(std::min(kPath.size(), target.size())));
    std::map<std::string, std::string> asked(query->begin(), query->end());
    const bool watches = asked["watch"] == "true";
    const std::string verb = watches ? "watch" : "list";
    const int refused = ask([&](const State& state) {
      if (!request.contains("authorization: Bearer " + state.token + "\r\n")) return 401;
      const auto found = state.refusals.find(verb);
      return found == state.refusals.end() ? 0 : found->second;
    });
    if (!target.starts_with(kPath) ||
        asked["labelSelector"] != "kubernetes.io/service-name=nodes") {
      peer.send(whole(404, status_json(404, "NotFound", "there is nothing like this")));
    } else if (refused != 0) {
      const std::string message = refused == 401 ? "Unauthorized" : "cannot " + verb + " resource";
      tell([](State& state) { ++state.refused; });
      peer.send(whole(refused, status_json(refused, "", message)));
    } else if (watches) {
      return watch(peer, asked["resourceVersion"]);
    } else {
      peer.send(whole(200, list()));
    }
    return true;
  }

  std::string list() {
    const std::lock_guard lock(mutex_);
    ++state_.lists;
    std::vector<SliceJson> slices;
    for (const auto& [name, slice] : state_.slices) slices.push_back(slice);
    return list_json(slices, std::to_string(state_.version));
  }

  bool watch(http::TlsPeer& peer, const std::string& from) {
    std::unique_lock lock(mutex_);
    state_.watched.push_back(from);
    const std::string gone = status_json(410, "Expired", "too old resource version");
    const bool is_gone = std::stoi(from) < state_.oldest;
    if (is_gone && state_.gone == Gone::kByStatus) {
      peer.send(whole(410, gone));
      return true;
    }
    peer.send(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        "transfer-encoding: chunked\r\n\r\n");
    if (is_gone) {
      peer.send(chunk(event_json("ERROR", gone) + "\n") + "0\r\n\r\n");
      return true;
    }
    // What is said without a version of its own comes behind what has one.
    std::size_t next = 0;
    while (next < state_.history.size() && state_.history[next].version <= std::stoi(from)) ++next;
    const int cuts = state_.cuts;
    const int ends = state_.ends;
    while (true) {
      for (; next < state_.history.size(); ++next) {
        const std::string line = state_.history[next].line + "\n";
        peer.send(chunk(line.substr(0, line.size() / 3)) + chunk(line.substr(line.size() / 3)));
      }
      if (state_.cuts != cuts) peer.send(chunk(R"({"type":"MODIFIED","object":{"kind":"Endp)"));
      if (state_.closing || state_.cuts != cuts) return false;
      if (state_.ends != ends) {
        peer.send("0\r\n\r\n");
        return true;
      }
      changed_.wait(lock, [&] {
        return state_.closing || state_.cuts != cuts || state_.ends != ends ||
               state_.history.size() > next;
      });
    }
  }

  const TemporaryFolder folder_ = *TemporaryFolder::make("raglan-kubernetes-");
  const http::Identity authority_ = http::make_identity(nullptr, "");
  const http::OwnedContext context_ =
      http::make_server_context(http::make_identity(&authority_, "IP:127.0.0.1"));
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
  std::optional<http::RawServer> server_;
};

} // namespace raglan::balancer
