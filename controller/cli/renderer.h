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
#include "shared/base/time.h"

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
/// A carriage return goes back over its line, as progress bars do: what stood there is a state, which the next one or
/// the line's end replaces. Live, the states of all tasks are rows below everything else, drawn by `refresh`; otherwise
/// they are left out but for one each `state_interval` of the entries' time. A line that ends, or is broken off, right
/// after a state is that state.
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
    bool is_replay = false;            ///< all of it is over: only what came of a line is shown, no state on the way
  };
  /// Longest piece of an unfinished line that is held back; longer lines are shown in such pieces, as one line.
  static constexpr std::size_t held_back = 64 << 10;
  /// Between two states that are shown as lines, and before the first of a line.
  static constexpr Millis state_interval{10'000};
  /// States drawn at once, the newest tasks' are left out: rows above a terminal's top could not be taken back.
  static constexpr std::size_t most_rows = 8;

  Renderer(Style style, std::function<void(std::string_view)> write)
      : style_(std::move(style)), write_(std::move(write)) {}

  void show(const protocol::LogEntry& entry);
  /// A line of the command's own.
  void say(std::string_view level, std::vector<std::string> sections, std::string_view text);
  /// Draws the states as they are now. Called when no more entries are at hand, so that a backlog is not played back.
  void refresh();
  /// Shows lines without an end and leaves the cursor at the start of a line.
  void finish();
  /// Whether an error was shown that tells this already.
  bool has_told(std::string_view message) const;

 private:
  using Source = std::tuple<JobId, std::uint32_t, Attempt>;
  struct Stream {
    std::string rest;   ///< bytes after the last newline or carriage return
    std::string state;  ///< what the last carriage return went back over
    std::string prefix;
    std::vector<std::string> sections;
    Timestamp time{};  ///< of the newest entry, and its number
    std::uint64_t sequence = 0;
    std::optional<Timestamp> since{};  ///< of the state shown last as a line, or else the line's first
    bool is_open = false;              ///< a piece of the present line is on the screen already
    bool is_overwritten = false;       ///< the present line has had a carriage return
    bool is_state_told = false;        ///< as a line
  };
  void show_output(const protocol::LogEntry& entry);
  void go_back(const Source& source, Stream& stream);
  static void forget_state(Stream& stream);
  void write_line(const Source& source, Stream& stream, std::string_view line);
  void write_piece(const Source& source, Stream& stream, std::string_view piece, bool ends_line);
  void end_line(const Source& source, Stream& stream);
  void end_unfinished_line(const Source& source, Stream& stream);
  /// What a job's scripts left without a newline is shown before what is told about the job afterwards.
  void end_lines_of(JobId job);
  void show_message(std::string_view level, const std::vector<std::string>& sections, std::string_view text);
  void write_json(const protocol::LogEntry& entry, std::string_view text);
  void break_line();
  std::string end_of_screen_line();
  std::vector<std::string> rows() const;
  std::string prefix_of(const std::vector<std::string>& sections) const;
  bool is_hidden(std::string_view level) const;

  Style style_;
  std::function<void(std::string_view)> write_;
  std::map<Source, Stream> streams_;
  std::optional<Source> open_;  ///< whose unfinished line the cursor stands in
  std::string live_prefix_;     ///< of the line that may be overwritten
  bool is_live_line_ = false;
  std::vector<std::string> drawn_;  ///< rows of states; the cursor stands behind the last
  std::string last_errors_;
};

}  // namespace escape::cli
