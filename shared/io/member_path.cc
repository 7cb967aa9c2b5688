#include "shared/io/member_path.h"

#include <fmt/core.h>

#include <algorithm>

#include "shared/base/text.h"

namespace escape::io {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

std::string shown_path(std::string_view path) {
  std::string shown(path);
  std::ranges::replace_if(shown, is_control, '?');
  return shown;
}

Result<std::string> plain_member_path(std::string_view path) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorKind::bad_data, fmt::format("the entry '{}' {}", shown_path(path), why));
  };
  if (path.empty()) return refuse("has no name");
  if (path.front() == '/') return refuse("has an absolute path");
  if (std::ranges::any_of(path, is_control)) return refuse("has control characters in its name");
  std::vector<std::string> kept;
  for (std::string& piece : split(path, '/')) {
    if (piece == "..") return refuse("leads out of the archive with '..'");
    if (!piece.empty() && piece != ".") kept.push_back(std::move(piece));
  }
  return join(kept, "/");
}

}  // namespace escape::io
