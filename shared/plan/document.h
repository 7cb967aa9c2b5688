#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"

namespace escape::plan {

/// A YAML or JSON document as people write it, with the line of every part. Strict: duplicate keys, aliases, non-text
/// keys and a second document are refused.
struct Document {
  Value value{};     ///< a scalar: typed as YAML 1.2's core words say; unused for lists and maps
  int line = 0;      ///< 1 is the first
  int key_line = 0;  ///< of the key, when it is a member of a map
  enum class Kind { scalar, list, map } kind = Kind::scalar;
  std::vector<Document> items{};                            ///< of a list
  std::vector<std::pair<std::string, Document>> members{};  ///< of a map, in the order of the file
  std::string text{};                                       ///< a scalar as it was written

  const Document* find(std::string_view key) const;
  /// Without lines.
  Value to_value() const;
  /// The same for values of inputs: a number that would be written otherwise (1.10, 007) is the text that was written.
  Value to_written_value() const;
};

/// Error: bad_data "line 3, column 5: …, expected …".
Result<Document> parse_document(std::string_view text);

}  // namespace escape::plan
