#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape {

enum class LogLevel { debug, info, warn, error };

/// Diagnostics of the daemons, one line each on stderr. Set up once by `main`, before any thread starts; until then
/// only warnings and errors are written. What users are told goes through the job log and the CLI, never through here.
///
/// With `NOTIFY_SOCKET` or `JOURNAL_STREAM` set (systemd) lines carry the `<N>` priority prefix instead of a time.
/// Never give it a secret: there is no mask here.
void set_up_logging(std::string_view program, LogLevel level);
Result<LogLevel> parse_log_level(std::string_view text);
void log(LogLevel level, std::string_view message);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace escape
