#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace escape::plan {

/// A template cut into text and tags. Delimiters and comments are gone, and so is the newline right after a tag that
/// opens a section.
struct TemplatePart {
  enum class Kind { text, variable, section, inverted, end, partial };
  Kind kind = Kind::text;
  std::string text{};       ///< of text; the name in a tag
  bool raw = false;         ///< `{{{x}}}` or `{{&x}}`
  bool in_section = false;  ///< within a section, inverted ones included
  int line = 1;             ///< where it begins
};

/// Sections are closed in order and nest at most `most_nested` deep. Errors: bad_data "line 3: unmatched open tag",
/// "… unmatched close tag", "… empty tag", "… Section x has no closing tag", "… interleaved closing tag: y",
/// "… invalid delimiters".
Result<std::vector<TemplatePart>> parse_template(std::string_view text, std::size_t most_parts, int most_nested);

}  // namespace escape::plan
