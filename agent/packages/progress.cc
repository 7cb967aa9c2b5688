#include "agent/packages/progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "shared/base/printable.h"
#include "shared/base/text.h"

namespace escape::packages {
namespace {

struct Stretch {
  Millis until;
  Millis interval;
};
/// A pipe shows a state each ten seconds of the controller's time (controller/cli): a little more between them, or
/// every other one would come a moment too early.
constexpr std::array<Stretch, 2> stretches{{{Millis{60'000}, Millis{1'000}}, {Millis{3'600'000}, Millis{12'000}}}};
constexpr Millis last_interval{60'000};

constexpr std::size_t bar_width = 20;
constexpr std::size_t mark_width = 3;
constexpr std::size_t longest_name = 64;
constexpr std::string_view ellipsis = "…";
constexpr std::uint64_t percent_of_all = 100;

struct Unit {
  std::uint64_t from;  ///< sizes from here on are told in it
  double bytes;
  std::string_view name;
};
constexpr std::array<Unit, 3> units{{{1'000'000'000, 1e9, "GB"}, {1'000'000, 1e6, "MB"}, {0, 1e3, "kB"}}};

const Unit& unit_of(std::uint64_t bytes) {
  return *std::ranges::find_if(units, [&](const Unit& unit) { return bytes >= unit.from; });
}

/// The beginning of a text, cut between two characters.
std::string shortened(const std::string& text, std::size_t most_bytes) {
  if (text.size() <= most_bytes) return text;
  std::size_t end = most_bytes - ellipsis.size();
  while (end > 0 && !is_valid_utf8(std::string_view(text).substr(0, end))) --end;
  return text.substr(0, end) + std::string(ellipsis);
}

std::string bar(std::size_t from, std::size_t width) {
  return "[" + std::string(from, ' ') + std::string(width, '#') + std::string(bar_width - from - width, ' ') + "]";
}

}  // namespace

bool Pace::is_due(Instant now) {
  const Micros since_begin = now - begun_;
  Millis interval = last_interval;
  for (const Stretch& stretch : stretches) {
    if (since_begin > stretch.until) continue;
    interval = stretch.interval;
    break;
  }
  if (now - told_at_ < interval) return false;
  told_at_ = now;
  return true;
}

std::string to_text(const Progress& progress, std::string_view name) {
  if (progress.whole == 0) {
    const std::size_t places = bar_width - mark_width + 1;
    const Unit& unit = unit_of(progress.bytes);
    return fmt::format("{}  {:.1f} {}  {}", bar(progress.told % places, mark_width),
                       static_cast<double>(progress.bytes) / unit.bytes, unit.name, name);
  }
  // A server may send more than it said.
  const double share = std::min(1.0, static_cast<double>(progress.bytes) / static_cast<double>(progress.whole));
  const Unit& unit = unit_of(progress.whole);
  // Rounded down: 100 % and a full bar mean all of it.
  return fmt::format("{} {:3} %  {:.1f} of {:.1f} {}  {}",
                     bar(0, static_cast<std::size_t>(share * static_cast<double>(bar_width))),
                     static_cast<std::uint64_t>(share * static_cast<double>(percent_of_all)),
                     static_cast<double>(progress.bytes) / unit.bytes, static_cast<double>(progress.whole) / unit.bytes,
                     unit.name, name);
}

std::string short_name(std::string_view url) {
  if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t slash = url.find('/');
  std::string_view host = url.substr(0, slash);
  // Whoever calls has taken them away; what no parser understands may still hold some.
  if (const std::size_t user = host.rfind('@'); user != std::string_view::npos) host.remove_prefix(user + 1);
  const std::string_view file = slash == std::string_view::npos ? "" : url.substr(url.rfind('/') + 1);
  std::string name(host);
  if (!file.empty()) name += "/" + std::string(file);
  return shortened(printable(name), longest_name);
}

}  // namespace escape::packages
