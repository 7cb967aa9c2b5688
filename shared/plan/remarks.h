#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

/// What a YAML text holds besides its tree: comments and blank lines.
namespace escape::plan::yaml {

/// Both from 1, as in Node; columns count bytes.
struct Place {
  int line = 0;
  int column = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

struct Remark {
  Place place{};
  std::string text{};        ///< "# why", without blanks at the end; empty for a blank line
  bool is_trailing = false;  ///< something of value stands before it on its line
  bool is_opening = false;   ///< only what begins an element or key does: `-`, `?`, an opening bracket
};

/// A list or map in brackets.
struct Flow {
  Place open{};
  Place close{};
};

struct Remarks {
  std::vector<Remark> remarks{};  ///< in the order of the text; blank lines of scalars are no remarks
  std::vector<Flow> flows{};      ///< in the order of their ends
  std::vector<Place> dashes{};    ///< each begins an element of a list
};

/// Of a text that `read` accepts; of any other text something, never a crash. Knows just enough of YAML to tell a
/// comment from a `#` within text, and takes yaml-cpp's side where it departs from the standard.
Remarks find_remarks(std::string_view text);

}  // namespace escape::plan::yaml
