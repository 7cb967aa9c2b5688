#include "shared/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

#include "shared/base/text.h"

namespace escape {
namespace {

// "2026-11-23T10:20:30.123456Z warning escape-agent: …": UTC, because hosts of one system stand in many zones.
constexpr const char* plain_pattern = "%Y-%m-%dT%H:%M:%S.%fZ %l %n: %v";
// journald adds time, program and host itself; `%*` is the priority of `PriorityFlag`.
constexpr const char* journal_pattern = "<%*>%v";

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// syslog(3)'s number of the level, as sd-daemon(3) expects it between the brackets.
class PriorityFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& to) override {
    switch (message.level) {
      case spdlog::level::trace:
      case spdlog::level::debug:
        return to.push_back('7');
      case spdlog::level::info:
        return to.push_back('6');
      case spdlog::level::warn:
        return to.push_back('4');
      default:
        return to.push_back('3');
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PriorityFlag>(); }
};

bool is_under_systemd() { return std::getenv("NOTIFY_SOCKET") != nullptr || std::getenv("JOURNAL_STREAM") != nullptr; }

std::unique_ptr<spdlog::formatter> make_formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<PriorityFlag>('*').set_pattern(is_under_systemd() ? journal_pattern : plain_pattern);
  return formatter;
}

std::shared_ptr<spdlog::logger> make_logger(std::string_view program, LogLevel level) {
  auto logger =
      std::make_shared<spdlog::logger>(std::string(program), std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog_level(level));
  logger->set_formatter(make_formatter());
  logger->flush_on(spdlog::level::debug);
  return logger;
}

std::shared_ptr<spdlog::logger>& current_logger() {
  static std::shared_ptr<spdlog::logger> logger = make_logger("escape", LogLevel::warn);
  return logger;
}

/// Control characters would let a logged name forge lines or steer a terminal.
std::string on_one_line(std::string_view message) {
  std::string line;
  line.reserve(message.size());
  for (const char c : message) {
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
      line += "\\x" + to_hex({&c, 1});
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace

void set_up_logging(std::string_view program, LogLevel level) { current_logger() = make_logger(program, level); }

Result<LogLevel> parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "info") return LogLevel::info;
  if (text == "warn" || text == "warning") return LogLevel::warn;
  if (text == "error") return LogLevel::error;
  return fail(ErrorKind::bad_configuration, fmt::format("'{}' is not a log level", text),
              "Use debug, info, warn or error.");
}

void log(LogLevel level, std::string_view message) {
  spdlog::logger& logger = *current_logger();
  if (!logger.should_log(spdlog_level(level))) return;
  logger.log(spdlog_level(level), on_one_line(message));
}

}  // namespace escape
