#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/release/metadata.h"
#include "shared/script/script.h"

namespace escape::controller {

/// The files that values name, and those that they are made of: path → text.
using FileTexts = std::map<std::string, std::string>;

/// All files of one task, and all that one evaluation makes: they travel in one message with the values
/// (protocol::max_message_bytes).
inline constexpr std::size_t most_value_file_bytes = 1 << 20;

/// The files of a release while its values are evaluated: what was looked up of its package when it was resolved, and
/// the files that `text.file` asks for. Those are made on the agent, for each step whose values name them, below
/// protocol::value_files_folder of the package's folder.
///
/// The same text has the same path, so that nothing looks changed when nothing has. The path is shown wherever values
/// are: `salt` keeps it from telling anything of the text.
class ValueFiles : public script::Host {
 public:
  ValueFiles(const release::SeenFiles& seen, std::string_view salt) : seen_(seen), salt_(salt) {}

  Result<std::string> read_file(const std::string& path) override;
  Result<PathKind> look_at(const std::string& path) override;
  Result<std::string> write_temporary(const std::string& text) override;

  const FileTexts& made() const { return made_; }

 private:
  Result<const release::SeenFile*> find(const std::string& path) const;

  const release::SeenFiles& seen_;
  std::string_view salt_;
  FileTexts made_;
  std::size_t bytes_ = 0;
};

/// Those of `known` that one of the values names.
FileTexts named_files(const FileTexts& known, const Value::Object& values);
FileTexts named_files(const FileTexts& known, const std::vector<std::string_view>& texts);

}  // namespace escape::controller
