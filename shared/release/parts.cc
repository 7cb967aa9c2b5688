#include "shared/release/parts.h"

#include <algorithm>

#include "shared/base/text.h"

namespace escape::release {
namespace {

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words = split(text, ' ');
  std::erase(words, "");
  return words;
}

constexpr std::string_view expected_reference =
    "Expecting either a \"[RELEASE_ID]\" or \"[RELEASE_ID] as [VARIABLE]\".";

}  // namespace

std::string step_text(const ExecStage& stage) {
  if (!stage.script.empty()) return stage.script;
  if (!stage.inline_script.empty()) {
    const std::string first_line = stage.inline_script.substr(0, stage.inline_script.find('\n'));
    return "<inline script starting with '" + first_line + "'>";
  }
  std::string text = stage.cmd;
  for (const std::string& arg : stage.args) text += " " + arg;
  return text;
}

Result<Reference> parse_reference(std::string_view text) {
  const std::vector<std::string> words = words_of(text);
  const std::string malformed = "Malformed dependency string " + in_quotes(text) + ". ";
  if (words.size() != 1 && words.size() != 3) {
    return fail(ErrorKind::bad_data, malformed + std::string(expected_reference));
  }
  Reference reference{{{}, Latest{}}, {}};
  if (words.size() == 3) {
    if (words[1] != "as") {
      return fail(ErrorKind::bad_data, "Unexpected " + in_quotes(words[1]) + "; expecting 'as' in '" +
                                           std::string(text) + ". " + std::string(expected_reference) + "'");
    }
    if (Result<> valid = check_variable_id(words[2]); !valid) {
      return fail(ErrorKind::bad_data, malformed + valid.error().message, valid.error().hint);
    }
    reference.variable = words[2];
  }
  TRY(reference.query, parse_release_query(words.front()));
  return reference;
}

Result<Consumer> parse_consumer(std::string_view text) {
  const std::vector<std::string> words = words_of(text);
  const std::string malformed = "Malformed consumer string " + in_quotes(text);
  if (words.size() != 1 && words.size() != 3) {
    return fail(ErrorKind::bad_data, malformed, "Write the interface, or 'interface as variable'.");
  }
  Consumer consumer{.name = words.front(), .variable = words.back()};
  if (words.size() == 1) return consumer;
  if (words[1] != "as") {
    return fail(ErrorKind::bad_data, "Unexpected " + in_quotes(words[1]) + " expecting 'as' in " + in_quotes(text));
  }
  if (Result<> valid = check_variable_id(words[2]); !valid) {
    return fail(ErrorKind::bad_data, malformed + ": " + valid.error().message, valid.error().hint);
  }
  return consumer;
}

Result<> check_dependency(const Dependency& dependency) {
  TRY(const Reference reference, parse_reference(dependency.release_id));
  if (std::holds_alternative<Exact>(reference.query.version)) return ok();
  return fail(ErrorKind::bad_data,
              "The dependency " + in_quotes(to_string(reference.query)) + " needs its version resolved.");
}

Result<> check_download(const Download& download) {
  if (download.url.empty()) return fail(ErrorKind::bad_data, "Missing URL in download config.");
  if (download.dest.empty()) {
    return fail(ErrorKind::bad_data, "Missing 'dest' in download config for " + in_quotes(download.url));
  }
  if (const std::size_t scheme = download.url.find("://"); scheme == std::string::npos || scheme == 0) {
    return fail(ErrorKind::bad_data, "Missing URL scheme in download config " + in_quotes(download.url));
  }
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!download.sha256.empty() && (download.sha256.size() != 64 || !std::ranges::all_of(download.sha256, is_hex))) {
    return fail(ErrorKind::bad_data, "Invalid sha256 in download config for " + in_quotes(download.url),
                "A SHA-256 is 64 hexadecimal digits in lower case, as `sha256sum FILE` prints it.");
  }
  return ok();
}

}  // namespace escape::release
