#include "controller/core/value_files.h"

#include <algorithm>

#include "protocol/messages/agent.h"
#include "shared/base/crypto.h"

namespace escape::controller {
namespace {

/// Of a digest: enough that no two texts of one deployment ever meet.
constexpr std::size_t name_digits = 32;

void collect_texts(const Value& value, std::vector<std::string_view>& texts) {
  if (const std::string* text = value.as_string()) texts.push_back(*text);
  if (const Value::List* list = value.as_list()) {
    for (const Value& element : *list) collect_texts(element, texts);
  }
  if (const Value::Object* object = value.as_object()) {
    for (const auto& [key, member] : *object) collect_texts(member, texts);
  }
}

}  // namespace

Result<const release::SeenFile*> ValueFiles::find(const std::string& path) const {
  const auto found = seen_.find(path);
  if (found != seen_.end()) return &found->second;
  return fail(ErrorKind::bad_data, "'" + path + "' was not looked up beforehand",
              "While steps run, expressions see only the files whose paths they spell out: $__read_file(\"VERSION\").");
}

Result<std::string> ValueFiles::read_file(const std::string& path) {
  TRY(const release::SeenFile* const file, find(path));
  if (!file->trouble.empty()) return fail(ErrorKind::bad_data, file->trouble);
  switch (file->kind) {
    case release::SeenFile::Kind::file:
      return file->text;
    case release::SeenFile::Kind::folder:
      return fail(ErrorKind::bad_data, "read " + path + ": is a directory");
    case release::SeenFile::Kind::absent:
      break;
  }
  return fail(ErrorKind::not_found, "open " + path + ": no such file or directory",
              "It is looked for in the package: does 'includes' of the plan name it?");
}

Result<script::Host::PathKind> ValueFiles::look_at(const std::string& path) {
  TRY(const release::SeenFile* const file, find(path));
  switch (file->kind) {
    case release::SeenFile::Kind::file:
      return PathKind::file;
    case release::SeenFile::Kind::folder:
      return PathKind::folder;
    case release::SeenFile::Kind::absent:
      break;
  }
  return PathKind::absent;
}

Result<std::string> ValueFiles::write_temporary(const std::string& text) {
  std::string path(protocol::value_files_folder);
  path += digest_of(std::string(salt_) + '\0' + text).substr(0, name_digits);
  if (!made_.emplace(path, text).second) return path;
  bytes_ += text.size();
  if (bytes_ <= most_value_file_bytes) return path;
  return fail(ErrorKind::bad_data, "the files made of values are larger than 1 MiB together",
              "Put large files into the package.");
}

FileTexts named_files(const FileTexts& known, const std::vector<std::string_view>& texts) {
  FileTexts named;
  for (const auto& [path, content] : known) {
    const auto names_it = [&](std::string_view text) { return text.find(path) != std::string_view::npos; };
    if (std::ranges::any_of(texts, names_it)) named.emplace(path, content);
  }
  return named;
}

FileTexts named_files(const FileTexts& known, const Value::Object& values) {
  if (known.empty()) return {};
  std::vector<std::string_view> texts;
  for (const auto& [id, value] : values) collect_texts(value, texts);
  return named_files(known, texts);
}

}  // namespace escape::controller
