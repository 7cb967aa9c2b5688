#pragma once

#include <string>
#include <string_view>

#include "shared/plan/yaml.h"

namespace escape::plan::yaml {

/// A scalar on one line. Without quotes when it had none, or needs none: text that YAML 1.1 or 1.2 reads as a number,
/// a boolean, a date or nothing keeps its quotes.
std::string scalar_on_line(const Node& scalar);

/// Whether a text of several lines can be written as a block (`|`) that every YAML reads back to the byte.
bool fits_block(std::string_view text);
/// The head of the block ("|", "|-", "|2").
std::string block_head(std::string_view text);

}  // namespace escape::plan::yaml
