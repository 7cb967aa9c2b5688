#include "controller/cli/values.h"

#include <fmt/core.h>

#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/io/files.h"
#include "shared/plan/document.h"

namespace escape::cli {
namespace {

/// How a kind of values is asked for and written.
struct Flag {
  std::string_view name;
  std::string_view form;
};
constexpr Flag values_flag{"-v", "NAME=VALUE"};
constexpr Flag providers_flag{"-p", "VARIABLE=DEPLOYMENT"};

Error unreadable(const std::string& path, const Error& why, const Flag& flag) {
  const std::string reason = describe(why);
  const bool is_named = reason.find("'" + path + "'") != std::string::npos;
  return {
      why.kind,
      is_named ? fmt::format("A value of {}: {}", flag.name, reason) : "Couldn't read file '" + path + "': " + reason,
      {},
      {}};
}

/// `path` is what follows the '@'. The text of a file, which may be many things.
Result<std::string> read_named(const std::string& path, const std::string& given, const FileReader& read,
                               const Flag& flag) {
  constexpr const char* how_to_write_at = "To give a value that begins with '@', write it twice: NAME=@@text";
  if (path.empty()) {
    return fail(ErrorKind::usage, fmt::format("The value '{} {}' names no file after '@'.", flag.name, given),
                how_to_write_at);
  }
  Result<std::string> text = read(path);
  if (!text) return fail(unreadable(path, text.error(), flag).hinted(how_to_write_at));
  if (!is_valid_utf8(text.value())) {
    return fail(ErrorKind::bad_data, fmt::format("The file '{}' is not text (UTF-8), which a value must be.", path),
                "Give it as base64, or put the file into the package.");
  }
  return text;
}

Result<> add_file(const std::string& path, const FileReader& read, const Flag& flag, Value::Object& to) {
  TRY(const std::string text, read_named(path, "@" + path, read, flag));
  Result<plan::Document> document = plan::parse_document(text);
  if (!document) {
    return fail(ErrorKind::bad_data, "Couldn't read file '" + path + "' into JSON map: " + describe(document.error()),
                document.error().hint);
  }
  if (document.value().kind != plan::Document::Kind::map) {
    return fail(ErrorKind::bad_data, "Couldn't read file '" + path + "' into JSON map: it holds no object",
                "Write one `name: value` per line.");
  }
  // JSON says what is a number; in YAML `1.10` is as often a version.
  const bool is_json = trimmed(text).starts_with('{');
  for (const auto& [name, value] : document.value().members) {
    if (name.empty()) {
      return fail(ErrorKind::bad_data,
                  fmt::format("Couldn't read file '{}' into JSON map: line {}: a value has no name", path, value.line));
    }
    to.set(name, is_json ? value.to_value() : value.to_written_value());
  }
  return ok();
}

Result<Value::Object> parse_for(const Flag& flag, const std::vector<std::string>& given, const FileReader& read) {
  Value::Object values;
  for (const std::string& text : given) {
    if (text.starts_with("@")) {
      TRYV(add_file(text.substr(1), read, flag, values));
      continue;
    }
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (name.empty()) {
      return fail(ErrorKind::usage, fmt::format("The value '{} {}' has no name.", flag.name, text),
                  fmt::format("Write it as {} {}.", flag.name, flag.form));
    }
    if (value.starts_with("@@")) {
      value.erase(0, 1);
    } else if (value.starts_with("@")) {
      TRY(value, read_named(value.substr(1), text, read, flag));
    }
    values.set(name, std::move(value));
  }
  return values;
}

Result<std::string> read_whole(const std::string& path) { return io::read_file(path); }

}  // namespace

Result<Value::Object> parse_values(const std::vector<std::string>& given, const FileReader& read) {
  return parse_for(values_flag, given, read);
}

Result<Value::Object> parse_values(const std::vector<std::string>& given) { return parse_values(given, read_whole); }

Result<std::map<std::string, std::string>> parse_providers(const std::vector<std::string>& given) {
  TRY(const Value::Object values, parse_for(providers_flag, given, read_whole));
  std::map<std::string, std::string> providers;
  for (const auto& [variable, value] : values) {
    if (!value.as_string()) {
      return fail(ErrorKind::bad_data,
                  "Expecting a string value for extra provider '" + variable + "' got " + codec::to_json(value),
                  "Give the name of a deployment: -p " + variable + "=NAME");
    }
    if (value.as_string()->empty()) {
      return fail(ErrorKind::usage, "The provider '-p " + variable + "' names no deployment.",
                  "Give the name of a deployment: -p " + variable + "=NAME");
    }
    providers[variable] = *value.as_string();
  }
  return providers;
}

}  // namespace escape::cli
