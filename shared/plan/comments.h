#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/plan/yaml.h"

namespace escape::plan::yaml {

/// What belongs to one key of a map, or to one element of a list. Lines are whole comments ("# why") or empty.
struct Notes {
  std::vector<std::string> head{};  ///< lines before it
  std::string trailing{};           ///< behind it, on its line; never of an element that is a list or map
  std::vector<std::string> foot{};  ///< lines after all of it
};

/// The comments of a document, each with the part of the tree that it tells of; blank lines that part them, never two
/// in a row. None is lost: what has no place of its own goes to the nearest part around it.
///
/// Which part: a comment behind something belongs to it. A line of its own belongs to what follows, unless it is
/// indented deeper, or stands directly below something and has a blank line after it. The paragraphs before the first
/// blank line of a document, and those that end it, belong to the document.
struct Comments {
  std::vector<std::string> head{};
  std::vector<std::string> foot{};
  /// So many lines of the first key's head begin the text: they may as well tell of all of it.
  std::size_t at_the_top = 0;
  std::map<const Node*, Notes> notes{};  ///< by key or element

  const Notes& of(const Node& key_or_element) const;
};

/// `root` as read from `text`; its nodes are the keys of the result and must stay where they are.
Comments find_comments(std::string_view text, const Node& root);

}  // namespace escape::plan::yaml
