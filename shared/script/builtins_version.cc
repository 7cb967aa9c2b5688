#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>

#include "shared/script/builtins.h"
#include "shared/script/unicode.h"

/// Queries that follow a version: "1.2.3" → "1.2.@".
namespace escape::script::builtins {
namespace {

constexpr std::size_t quoted_bytes = 100;
constexpr std::array<std::string_view, 3> part_names = {"major", "minor", "patch"};

/// The first `parts` parts of argument 0 and ".@".
Evaluated<Operand> track(const Invocation& call, std::size_t parts) {
  TRY(const std::string_view version, call.text(0));
  std::size_t end = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t begin = part == 0 ? 0 : end + 1;
    if (begin >= version.size()) {
      return fail(ErrorKind::bad_data, fmt::format("Version '{}' has no {} part, which {} needs",
                                                   excerpt(version, quoted_bytes), part_names[part], call.name()));
    }
    end = std::min(version.find('.', begin), version.size());
  }
  return call.memory().text(std::string(version.substr(0, end)) + ".@");
}

}  // namespace

Evaluated<Operand> track_major_version(const Invocation& call) { return track(call, 1); }
Evaluated<Operand> track_minor_version(const Invocation& call) { return track(call, 2); }
Evaluated<Operand> track_patch_version(const Invocation& call) { return track(call, 3); }

Evaluated<Operand> track_version(const Invocation& call) {
  TRY(const std::string_view version, call.text(0));
  if (version.empty()) return track(call, 1);
  return call.memory().text(std::string(version) + ".@");
}

}  // namespace escape::script::builtins
