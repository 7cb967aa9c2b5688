#include "controller/cli/renderer.h"

#include <algorithm>
#include <array>

#include "controller/cli/table.h"
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

/// On a terminal a carriage return goes back over the prefix too, as progress bars do: it is written again.
std::string with_prefix_after_returns(std::string_view piece, const std::string& prefix) {
  std::string text;
  for (const char byte : piece) {
    text += byte;
    if (byte == '\r') text += "\x1b[K" + prefix;
  }
  return text;
}

std::string_view without_newline(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

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
  std::string line = replaces ? "\r\x1b[K" : "";
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
  if (is_live_line_ || open_) write_("\n");
  is_live_line_ = false;
  if (open_) streams_[*open_].is_open = false;
  open_.reset();
}

void Renderer::show_output(const protocol::LogEntry& entry) {
  const Source source{entry.job, entry.task, entry.attempt};
  Stream& stream = streams_[source];
  stream.prefix = prefix_of(entry.sections);
  stream.sections = entry.sections;
  std::string_view bytes = entry.bytes.bytes;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    stream.rest += bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end != std::string_view::npos) {
      if (style_.is_json) {
        write_json(entry, stream.rest);
      } else {
        write_piece(source, stream, without_newline(stream.rest), true);
      }
      stream.rest.clear();
    } else if (stream.rest.size() >= held_back && !style_.is_json) {
      write_piece(source, stream, stream.rest, false);
      stream.rest.clear();
    }
  }
}

void Renderer::write_piece(const Source& source, Stream& stream, std::string_view piece, bool ends_line) {
  if (open_ != source) break_line();
  std::string text = stream.is_open ? "" : stream.prefix;
  if (piece.empty() && text.ends_with(' ')) text.pop_back();  // an empty line leaves no blank at its end
  text += style_.is_live ? with_prefix_after_returns(piece, stream.prefix) : std::string(piece);
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

void Renderer::end_line(const Source& source, Stream& stream) {
  if (stream.rest.empty()) return;
  if (style_.is_json) {
    protocol::LogEntry entry;
    entry.time = read_clocks().wall;
    entry.job = std::get<0>(source);
    entry.level = "output";
    entry.sections = stream.sections;
    write_json(entry, stream.rest);
  } else {
    write_piece(source, stream, without_newline(stream.rest), true);
  }
  stream.rest.clear();
}

void Renderer::end_lines_of(JobId job) {
  for (auto it = streams_.lower_bound({job, 0, 0}); it != streams_.end() && std::get<0>(it->first) == job; ++it) {
    end_line(it->first, it->second);
  }
}

void Renderer::finish() {
  for (auto& [source, stream] : streams_) end_line(source, stream);
  break_line();
}

bool Renderer::has_told(std::string_view message) const {
  return !message.empty() && last_errors_.find(message) != std::string::npos;
}

}  // namespace escape::cli
