#include "http/response.h"

#include <array>
#include <charconv>
#include <span>

#include "http/error_table.h"

namespace raglan::http {
namespace {

bool is_servers_own(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kOwn = {"content-length", "transfer-encoding",
                                                           "connection", "date", "keep-alive"};
  for (const auto own : kOwn) {
    if (equals_ignoring_case(name, own)) return true;
  }
  return false;
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += "\r\n";
  out += name;
  out += ": ";
  const std::size_t begin = out.size();
  out += value;
  for (char& c : std::span(out).subspan(begin)) c = is_control(c) ? ' ' : c;
}

} // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 507: return "Insufficient Storage";
    default: return "Unknown";
  }
}

Response json_response(int status, std::string body) {
  return {status, {{"content-type", "application/json"}}, std::move(body), {}};
}

Response text_response(int status, std::string body) {
  return {status, {{"content-type", "text/plain; charset=utf-8"}}, std::move(body), {}};
}

bool status_has_body(int status) { return status >= 200 && status != 204 && status != 304; }

void append_head(std::string& out, const Response& response, const HeadOptions& options) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out += ' ';
  out += reason_phrase(response.status);
  if (!options.date.empty()) {
    out += "\r\ndate: ";
    out += options.date;
  }
  if (!options.request_id.empty()) append_field(out, kRequestIdHeader, options.request_id);
  for (const Header field : response.headers) {
    if (is_servers_own(field.name)) continue;
    if (!options.request_id.empty() && equals_ignoring_case(field.name, kRequestIdHeader)) continue;
    append_field(out, field.name, field.value);
  }
  if (status_has_body(response.status)) {
    if (options.chunked) {
      out += "\r\ntransfer-encoding: chunked";
    } else if (options.length_known) {
      out += "\r\ncontent-length: ";
      append_number(out, options.body_bytes);
    }
  }
  if (options.close) {
    out += "\r\nconnection: close";
  } else if (options.announce_keep_alive) {
    out += "\r\nconnection: keep-alive";
  }
  out += "\r\n\r\n";
}

} // namespace raglan::http
