#include "controller/cli/renderer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "controller/cli/table.h"
#include "controller/cli/terminal_text.h"
#include "shared/base/text.h"
#include "shared/base/time.h"
#include "shared/codec/codec.h"

namespace escape::cli {
namespace {

constexpr std::array<std::string_view, 5> level_words{"debug", "info", "success", "warn", "error"};
constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view plain = "\x1b[0m";
constexpr std::string_view tick = "\xE2\x9C\x94\xEF\xB8\x8F ";  // U+2714 U+FE0F

/// The cursor from the end of a row to the start of the emptied one, and of the one above.
constexpr std::string_view empty_row = "\r\x1b[K";
constexpr std::string_view empty_row_above = "\x1b[1A\x1b[K";

}  // namespace

Result<LogThreshold> parse_threshold(std::string_view word) {
  for (std::size_t i = 0; i < level_words.size(); ++i) {
    if (level_words[i] == word) return static_cast<LogThreshold>(i);
  }
  return fail(ErrorKind::usage, "Unknown log level '" + std::string(word) + "'.",
              "The levels are debug, info, success, warn and error.");
}

bool Renderer::is_hidden(std::string_view level) const {
  const Result<LogThreshold> threshold = parse_threshold(level);
  return (threshold ? threshold.value() : LogThreshold::info) < style_.threshold;
}

std::string Renderer::prefix_of(const std::vector<std::string>& sections) const {
  const std::size_t depth = style_.outer.size() + sections.size();
  if (depth == 0) return {};
  const std::string& last = sections.empty() ? style_.outer.back() : sections.back();
  return std::string(2 * (depth - 1), ' ') + last + ": ";
}

void Renderer::show(const protocol::LogEntry& entry) {
  if (entry.level == "output") {
    if (!is_hidden("info")) show_output(entry);
    return;
  }
  if (is_hidden(entry.level)) return;
  if (entry.job != 0) end_lines_of(entry.job);
  if (entry.level == "error") last_errors_ += entry.text + "\n";
  if (style_.is_json) return write_json(entry, entry.text);
  show_message(entry.level, entry.sections, entry.text);
}

void Renderer::say(std::string_view level, std::vector<std::string> sections, std::string_view text) {
  protocol::LogEntry entry;
  entry.time = read_clocks().wall;
  entry.level = level;
  entry.sections = std::move(sections);
  entry.text = text;
  show(entry);
}

void Renderer::show_message(std::string_view level, const std::vector<std::string>& sections, std::string_view text) {
  const std::string prefix = prefix_of(sections);
  const bool is_error = level == "error";
  const bool may_collapse =
      style_.is_live && !is_error && level != "warn" && (sections.empty() || sections.back() != "Promote");
  const bool replaces = is_live_line_ && may_collapse && prefix == live_prefix_;
  if (!replaces) break_line();
  std::string line(replaces ? empty_row : "");
  line += prefix;
  if (is_error && style_.is_colourful) line += red;
  if (level == "success") line += style_.is_colourful ? std::string(green) + std::string(tick) : std::string(tick);
  line += text;
  if (style_.is_colourful && (is_error || level == "success")) line += plain;
  const bool fits = width_of(prefix) + width_of(text) + width_of(tick) < style_.columns;
  is_live_line_ = may_collapse && fits && text.find('\n') == std::string_view::npos;
  live_prefix_ = prefix;
  if (!is_live_line_) line += "\n";
  write_(line);
}

void Renderer::break_line() {
  if (const std::string text = end_of_screen_line(); !text.empty()) write_(text);
}

/// What brings the cursor to the start of a line of its own, with no rows below it.
std::string Renderer::end_of_screen_line() {
  std::string text;
  if (!drawn_.empty()) {
    text = empty_row;
    for (std::size_t above = 1; above < drawn_.size(); ++above) text += empty_row_above;
  } else if (is_live_line_ || open_) {
    text = "\n";
  }
  drawn_.clear();
  is_live_line_ = false;
  if (open_) streams_[*open_].is_open = false;
  open_.reset();
  return text;
}

void Renderer::show_output(const protocol::LogEntry& entry) {
  const Source source{entry.job, entry.task, entry.attempt};
  Stream& stream = streams_[source];
  stream.prefix = prefix_of(entry.sections);
  stream.sections = entry.sections;
  stream.time = entry.time;
  stream.sequence = entry.sequence;
  std::string_view bytes = entry.bytes.bytes;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find_first_of("\r\n");
    stream.rest += bytes.substr(0, end);
    if (end == std::string_view::npos) break;
    if (bytes[end] == '\r') {
      go_back(source, stream);
    } else {
      end_line(source, stream);
    }
    bytes.remove_prefix(end + 1);
  }
  if (stream.rest.size() < held_back || style_.is_json) return;
  write_piece(source, stream, stream.rest, false);
  stream.rest.clear();
  forget_state(stream);
}

void Renderer::go_back(const Source& source, Stream& stream) {
  stream.is_overwritten = true;
  const std::string passed = std::exchange(stream.rest, {});
  if (!is_visible(passed)) return;  // blanks that wipe the line for what comes over it
  stream.state = passed;
  stream.is_state_told = false;
  if (!stream.since) stream.since = stream.time;
  const bool has_rows = style_.is_live && !style_.is_json;
  if (has_rows || stream.time - *stream.since < state_interval) return;
  stream.since = stream.time;
  stream.is_state_told = true;
  write_line(source, stream, fitted(passed, any_width));
}

void Renderer::forget_state(Stream& stream) {
  stream.state.clear();
  stream.since.reset();
  stream.is_state_told = false;
  stream.is_overwritten = false;
}

/// A line of this source, whole.
void Renderer::write_line(const Source& source, Stream& stream, std::string_view line) {
  if (!style_.is_json) return write_piece(source, stream, line, true);
  protocol::LogEntry entry;
  entry.time = stream.time;
  entry.sequence = stream.sequence;
  entry.job = std::get<0>(source);
  entry.level = "output";
  entry.sections = stream.sections;
  write_json(entry, line);
}

void Renderer::write_piece(const Source& source, Stream& stream, std::string_view piece, bool ends_line) {
  if (open_ != source) break_line();
  std::string text = stream.is_open ? "" : stream.prefix;
  if (piece.empty() && text.ends_with(' ')) text.pop_back();  // an empty line leaves no blank at its end
  text += piece;
  if (ends_line) text += "\n";
  write_(text);
  stream.is_open = !ends_line;
  open_ = ends_line ? std::nullopt : std::optional(source);
}

void Renderer::write_json(const protocol::LogEntry& entry, std::string_view text) {
  std::vector<std::string> sections = style_.outer;
  sections.insert(sections.end(), entry.sections.begin(), entry.sections.end());
  Value::Object object{{"timestamp", to_rfc3339(entry.time)},
                       {"level", entry.level == "output" ? "info" : entry.level},
                       {"message", text},
                       {"log_sections", Value::List(sections.begin(), sections.end())},
                       {"is_output", entry.level == "output"}};
  if (entry.job != 0) object.set("job", entry.job);
  if (entry.sequence != 0) object.set("sequence", entry.sequence);
  write_(codec::to_json(object) + "\n");
}

/// What came over the last state, or else that state.
void Renderer::end_line(const Source& source, Stream& stream) {
  const bool is_told = stream.rest.empty() && stream.is_state_told;
  const std::string& line = stream.rest.empty() ? stream.state : stream.rest;
  // What wiped the states would wipe the prefix.
  if (!is_told) write_line(source, stream, stream.is_overwritten ? fitted(line, any_width) : line);
  stream.rest.clear();
  forget_state(stream);
}

void Renderer::end_unfinished_line(const Source& source, Stream& stream) {
  if (!stream.rest.empty() || !stream.state.empty()) end_line(source, stream);
}

void Renderer::end_lines_of(JobId job) {
  for (auto it = streams_.lower_bound({job, 0, 0}); it != streams_.end() && std::get<0>(it->first) == job; ++it) {
    end_unfinished_line(it->first, it->second);
  }
}

std::vector<std::string> Renderer::rows() const {
  std::vector<std::string> rows;
  for (const auto& [source, stream] : streams_) {
    if (!stream.is_overwritten || rows.size() == most_rows) continue;
    const std::string& newest = is_visible(stream.rest) ? stream.rest : stream.state;
    // A row that fills the last column leaves the cursor where terminals do not agree.
    if (!newest.empty()) rows.push_back(fitted(stream.prefix + newest, style_.columns - 1));
  }
  return rows;
}

void Renderer::refresh() {
  if (!style_.is_live || style_.is_json || style_.is_replay) return;
  std::vector<std::string> now = rows();
  if (now == drawn_) return;
  const std::string before = end_of_screen_line();
  write_(before + join(now, "\n"));
  drawn_ = std::move(now);
}

void Renderer::finish() {
  for (auto& [source, stream] : streams_) end_unfinished_line(source, stream);
  break_line();
}

bool Renderer::has_told(std::string_view message) const {
  return !message.empty() && last_errors_.find(message) != std::string::npos;
}

}  // namespace escape::cli
