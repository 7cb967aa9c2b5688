#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/time.h"

/// What a download tells while it is under way: when, and how it looks. All that is told is kept with the task's
/// output for good, so both are bounded (README.md, "Progress").
namespace escape::packages {

/// When a download may tell how far it is: each second while somebody may be looking, more rarely as it gets long.
class Pace {
 public:
  explicit Pace(Instant begun) : begun_(begun), told_at_(begun) {}
  /// Whether it is time; then the next time is counted from `now`.
  bool is_due(Instant now);

 private:
  Instant begun_;
  Instant told_at_;
};

/// A state of a download.
struct Progress {
  std::uint64_t bytes = 0;
  std::uint64_t whole = 0;  ///< 0: unknown
  std::uint64_t told = 0;   ///< states before this one: moves the mark of a bar that has no percent
};

/// No state takes more bytes, whatever a server says of its size.
inline constexpr std::size_t longest_state = 130;

/// "[########            ]  40 %  12.3 of 30.8 MB  example.com/tool.tgz": what matters most comes first, since a narrow
/// terminal cuts the end.
std::string to_text(const Progress& progress, std::string_view name);

/// Host and file name of a URL, at most 64 bytes: no credentials, no query, nothing that moves a cursor. Secrets must
/// be masked before: a piece of one would not be found any more.
std::string short_name(std::string_view url);

}  // namespace escape::packages
