#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"

/// One YAML document as a bounded tree that remembers where everything was written. What a scalar means is left to
/// whoever reads it: `n` and `1.10` stay the text of the file until somebody wants a boolean or a number.
namespace escape::plan::yaml {

struct Node {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text{};         ///< of a scalar, as written
  bool is_plain = true;       ///< a scalar without quotes and without the tag !!str
  int line = 0;               ///< from 1
  int column = 0;             ///< from 1
  bool is_flow = false;       ///< a list or map in brackets
  bool is_alias = false;      ///< stands where an alias does; what is in it stands at the anchor. So do merged keys
  std::vector<Node> keys{};   ///< of a map: scalars, each once
  std::vector<Node> items{};  ///< of a list, or the values of a map in the order of `keys`
};

/// Far above any plan; below what could hurt.
inline constexpr std::size_t max_bytes = 1 << 20;
inline constexpr std::size_t max_nodes =
    50'000;  ///< aliases counted by what they stand for, so that they cannot explode
inline constexpr int max_depth = 64;

/// Plans of the original may use aliases; files of our own have no need of them.
enum class Aliases { copied, refused };

/// Exactly one document (an empty text is null). Refused: bad UTF-8, control characters, keys given twice, keys that
/// are not text, several documents, an anchor within itself, foreign tags. Merge keys (`<<`) are like aliases. Error:
/// bad_data "line 3, column 5: …, expected …".
Result<Node> read(std::string_view text, Aliases aliases = Aliases::copied);

/// "text", "a list", "a map", "nothing".
std::string_view kind_name(const Node& node);
/// A scalar by the core schema of YAML 1.2: null, true/false, decimal, 0x and 0o integers, numbers; else its text.
Value resolve(const Node& scalar);
/// A whole tree, its scalars resolved.
Value to_value(const Node& node);
/// What a scalar resolved to, unless that would be written otherwise: `1.10`, `007` and `0x1F` are their text then.
Value unless_it_looks_otherwise(Value resolved, std::string_view text);
/// A whole tree whose numbers look as they were written.
Value to_written_value(const Node& node);
/// The value of a map's key, or nullptr.
const Node* find(const Node& map, std::string_view key);
/// bad_data "line 3, column 5: <message>".
Error error_at(const Node& node, std::string_view message);
/// The error of error_at with words between its place and its message.
Error with_prefix(Error error, std::string_view words);

}  // namespace escape::plan::yaml
