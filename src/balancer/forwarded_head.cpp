#include "balancer/forwarded_head.h"

#include "http/error_table.h"

namespace raglan::balancer {
namespace {

// Appends neighbouring pieces of a text at once.
class Runs {
 public:
  explicit Runs(Buffer& out) : out_(out) {}
  void add(std::string_view piece) {
    if (!run_.empty() && run_.data() + run_.size() == piece.data()) {
      run_ = {run_.data(), run_.size() + piece.size()};
      return;
    }
    flush();
    run_ = piece;
  }
  void flush() {
    if (!run_.empty()) out_.append(run_);
    run_ = {};
  }

 private:
  Buffer& out_;
  std::string_view run_;
};

std::string_view with_end(std::string_view line) { return {line.data(), line.size() + 2}; }

void append_field(Buffer& out, std::string_view name, std::string_view value) {
  out.append(name);
  out.append(": ");
  out.append(value);
  out.append("\r\n");
}

} // namespace

void append_forwarded(const RequestHead& head, const ForwardedRequest& request, Buffer& out) {
  bool has_id = false;
  bool has_scheme = false;
  Runs runs(out);
  runs.add(with_end(head.first_line));
  for (const Field& field : head.fields) {
    switch (field.kind) {
      case FieldKind::kHopByHop:
      case FieldKind::kExpect: continue; // answered here
      case FieldKind::kUpgrade:
        if (!head.upgrades) continue;
        break;
      case FieldKind::kForwarded:
        if (!request.trusted) continue;
        has_scheme |= http::equals_ignoring_case(field.name, "x-forwarded-proto");
        break;
      case FieldKind::kRequestId: has_id = true; break;
      case FieldKind::kHost:
      case FieldKind::kOther: break;
    }
    runs.add(field.line);
  }
  runs.flush();
  append_field(out, "x-forwarded-for", request.client); // behind those of trusted proxies
  if (!has_scheme) append_field(out, "x-forwarded-proto", request.scheme);
  if (!has_id) append_field(out, http::kRequestIdHeader, request.request_id);
  if (head.upgrades) {
    out.append("connection: upgrade\r\n");
  } else if (head.minor_version == 0) {
    out.append("connection: close\r\n");
  }
  out.append("\r\n");
}

void append_forwarded(const ResponseHead& head, const ForwardedResponse& response, Buffer& out) {
  bool has_id = false;
  Runs runs(out);
  // The version is that of who sends.
  out.append("HTTP/1.1");
  runs.add(with_end(head.first_line.substr(8)));
  for (const Field& field : head.fields) {
    if (field.kind == FieldKind::kHopByHop) continue;
    if (field.kind == FieldKind::kUpgrade && head.status != 101 && head.status != 426) continue;
    has_id |= field.kind == FieldKind::kRequestId;
    runs.add(field.line);
  }
  runs.flush();
  if (!has_id && !response.request_id.empty()) {
    append_field(out, http::kRequestIdHeader, response.request_id);
  }
  if (head.status == 101) {
    out.append("connection: upgrade\r\n");
  } else if (response.close) {
    out.append("connection: close\r\n");
  } else if (response.announce_keep_alive) {
    out.append("connection: keep-alive\r\n");
  }
  out.append("\r\n");
}

} // namespace raglan::balancer
