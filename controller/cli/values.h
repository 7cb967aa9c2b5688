#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"

namespace escape::cli {

/// How a file named on the command line is read; io::read_file but for tests.
using FileReader = std::function<Result<std::string>(const std::string& path)>;

/// The values of `-v` (spec/variables.md §11), later ones win:
/// `k=v` text · `k` and `k=` empty text · `k=@FILE` the file's contents · `k=@@x` the text "@x" · `@FILE` all members
/// of a JSON or YAML object, types kept; numbers of YAML that would be written otherwise (1.10, 007) are their text. An
/// empty name and a file that is no text are refused. Errors: usage; not_found or bad_data naming the file.
Result<Value::Object> parse_values(const std::vector<std::string>& given, const FileReader& read);
Result<Value::Object> parse_values(const std::vector<std::string>& given);

/// The same for `-p`: a consumer's variable → the deployment that provides for it. Errors also: bad_data "Expecting a
/// string value for extra provider 'k' got 1".
Result<std::map<std::string, std::string>> parse_providers(const std::vector<std::string>& given);

}  // namespace escape::cli
