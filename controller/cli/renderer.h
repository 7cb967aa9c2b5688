#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "protocol/messages/client.h"
#include "shared/base/result.h"

namespace escape::cli {

/// Least important entry that is shown; a script's output counts as info.
enum class LogThreshold { debug, info, success, warn, error };
/// Error: usage.
Result<LogThreshold> parse_threshold(std::string_view word);

/// A job's log as text for people: `Deploy: message`, two blanks for each level below the first (spec/lifecycle.md
/// §0.1).
///
/// Output arrives as bytes that end anywhere; lines are put together per task and shown when they end, so that two jobs
/// of one converge never share a line. What has no newline at its end is shown
/// before the job's next message, or by `finish`.
///
/// Thread: one.
class Renderer {
 public:
  struct Style {
    bool is_colourful = false;
    bool is_live = false;  ///< lines that are done with are overwritten (a terminal, and not --collapse-logs=false)
    bool is_json = false;  ///< one object per line
    LogThreshold threshold = LogThreshold::info;
    std::size_t columns = 80;          ///< a live line must fit, or it could not be overwritten
    std::vector<std::string> outer{};  ///< sections around every entry
  };
  /// Longest piece of an unfinished line that is held back; longer lines are shown in such pieces, as one line.
  static constexpr std::size_t held_back = 64 << 10;

  Renderer(Style style, std::function<void(std::string_view)> write)
      : style_(std::move(style)), write_(std::move(write)) {}

  void show(const protocol::LogEntry& entry);
  /// A line of the command's own.
  void say(std::string_view level, std::vector<std::string> sections, std::string_view text);
  /// Shows lines without an end and leaves the cursor at the start of a line.
  void finish();
  /// Whether an error was shown that tells this already.
  bool has_told(std::string_view message) const;

 private:
  using Source = std::tuple<JobId, std::uint32_t, Attempt>;
  struct Stream {
    std::string rest;  ///< bytes after the last newline
    std::string prefix;
    std::vector<std::string> sections;
    bool is_open = false;  ///< a piece of the present line is on the screen already
  };
  void show_output(const protocol::LogEntry& entry);
  void write_piece(const Source& source, Stream& stream, std::string_view piece, bool ends_line);
  void end_line(const Source& source, Stream& stream);
  /// What a job's scripts left without a newline is shown before what is told about the job afterwards.
  void end_lines_of(JobId job);
  void show_message(std::string_view level, const std::vector<std::string>& sections, std::string_view text);
  void write_json(const protocol::LogEntry& entry, std::string_view text);
  void break_line();
  std::string prefix_of(const std::vector<std::string>& sections) const;
  bool is_hidden(std::string_view level) const;

  Style style_;
  std::function<void(std::string_view)> write_;
  std::map<Source, Stream> streams_;
  std::optional<Source> open_;  ///< whose unfinished line the cursor stands in
  std::string live_prefix_;     ///< of the line that may be overwritten
  bool is_live_line_ = false;
  std::string last_errors_;
};

}  // namespace escape::cli
