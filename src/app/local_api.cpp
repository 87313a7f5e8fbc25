// The API without a socket: requests go straight to the node's handler, on a loop of this process.
#include <unistd.h>

#include <cstdio>

#include "app/api.h"
#include "app/engine.h"
#include "app/generator.h"
#include "net/detach.h"
#include "net/event_loops.h"

namespace raglan::app {
namespace {

void show_progress(std::string_view what, std::uint64_t done, std::uint64_t total) {
  if (::isatty(STDERR_FILENO) == 0) return;
  if (total == 0) {
    fmt::print(stderr, "\rloading the {} …\033[K", what);
  } else {
    fmt::print(stderr, "\rloading the {} … {} of {} chunks\033[K", what, done, total);
  }
}

class LocalApi final : public Api {
 public:
  static Result<std::unique_ptr<Api>> load(const CommonOptions& options, bool creates_store) {
    std::unique_ptr<LocalApi> api(new LocalApi);
    if (!load_settings(api->settings_, options, {}, Logging::kCommand)) {
      return fail(ErrorCode::kInvalidField, "the settings are not valid");
    }
    const auto file = store_path(api->settings_, options.data_folder);
    if (!creates_store && file && !std::filesystem::exists(*file)) {
      return fail(
          ErrorCode::kNotFound,
          fmt::format("there are no documents in {} yet: `raglan ingest FOLDER` reads some, "
                      "--data names another place",
                      options.data_folder));
    }
    const Clock& clock = SystemClock::instance();
    if (!creates_store) { // who writes documents asks nothing
      auto generator = connect_generator(api->settings_, options.data_folder, api->instruments_,
                                         api->loops_, nullptr, clock);
      if (!generator) return forward_error(generator);
      api->generator_ = std::move(*generator);
    }
    api->loops_.start();
    auto engine = Engine::load(api->settings_, options.data_folder, api->instruments_,
                               api->request_metrics_, api->loops_, clock,
                               {.generator = api->generator_.generator.get()}, show_progress);
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
    if (!engine) return forward_error(engine);
    api->engine_ = std::move(*engine);
    await_local_model(api->generator_);
    api->handler_ = api->engine_->service().handler();
    return api;
  }

  ~LocalApi() override {
    if (engine_) engine_->stop(); // before the loop that its results would go to
  }

 private:
  LocalApi() = default;

  Result<ApiReply> send(std::string_view method, const std::string& target,
                        std::string body) override {
    http::Request request;
    request.method = method;
    request.target = target;
    request.path = target.substr(0, target.find('?'));
    if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
    request.headers.set("content-type", "application/json");
    request.body = std::move(body);
    request.received_at = SystemClock::instance().now();
    http::Response response = net::run_on(loops_.executor(0), handler_(request));
    return ApiReply{response.status, std::move(response.body)};
  }

  Settings settings_;
  Instruments instruments_;
  node::RequestMetrics request_metrics_{instruments_.metrics};
  std::unique_ptr<Engine> engine_;
  http::Handler handler_;
  net::EventLoops loops_{{.threads = 1}};
  ConnectedGenerator generator_; // before the loops go
};

} // namespace

Result<std::unique_ptr<Api>> load_local_api(const CommonOptions& options, bool creates_store) {
  return LocalApi::load(options, creates_store);
}

} // namespace raglan::app
