#include <charconv>

#include "protocol/transport/transport.h"

namespace escape::transport {
namespace {

constexpr std::size_t longest_host = 253;

auto not_an_address(std::string_view text, std::string why) {
  return fail(ErrorKind::usage, "'" + std::string(text) + "' is not an address: " + std::move(why),
              "Give HOST:PORT, with an IPv6 address in brackets: '[::1]:7771'.");
}

bool is_host_character(char c, bool in_brackets) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-') return true;
  return in_brackets ? c == ':' || c == '%' : c == '_';
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 0 && port <= 65535 && text[0] != '-';
}

}  // namespace

Result<std::string> tcp_endpoint(std::string_view host_and_port, int default_port) {
  const bool in_brackets = host_and_port.starts_with('[');
  std::size_t host_end = host_and_port.find(':');
  if (in_brackets) {
    const std::size_t bracket = host_and_port.find(']');
    if (bracket == std::string_view::npos) return not_an_address(host_and_port, "the ']' is missing");
    host_end = bracket + 1;
  }
  const std::string_view host = host_and_port.substr(0, host_end);
  std::string_view rest = host_and_port.substr(host.size());
  const std::string_view name = in_brackets ? host.substr(1, host.size() - 2) : host;
  if (name.empty()) return not_an_address(host_and_port, "the host is missing");
  if (name.size() > longest_host) return not_an_address(host_and_port, "the host is too long");
  if (host != "*") {
    for (const char c : name)
      if (!is_host_character(c, in_brackets))
        return not_an_address(host_and_port, "the host has a character that no host has");
  }
  if (rest.empty()) return "tcp://" + std::string(host) + ":" + std::to_string(default_port);
  if (rest[0] != ':') return not_an_address(host_and_port, "a ':' was expected after the ']'");
  rest.remove_prefix(1);
  if (rest.find(':') != std::string_view::npos) return not_an_address(host_and_port, "it has too many ':'");
  if (rest != "*" && !is_port(rest)) return not_an_address(host_and_port, "the port is not a number from 0 to 65535");
  return "tcp://" + std::string(host) + ":" + std::string(rest);
}

}  // namespace escape::transport
