#include "shared/plan/comments.h"

#include <algorithm>
#include <span>

#include "shared/plan/remarks.h"

namespace escape::plan::yaml {
namespace {

using Lines = std::vector<std::string>;

/// A key or an element that stands in the text where the tree says, which is not so within the copy made by an alias or
/// a merge key.
struct Slot {
  const Node* node = nullptr;
  const Node* value = nullptr;
  Place place{};
  int column = 0;  // of the keys of the map, or of the dashes of the list
  int parent = -1;
  bool is_element = false;
};

Place place_of(const Node& node) { return {node.line, node.column}; }

/// Slots in the order of the text.
class SlotFinder {
 public:
  explicit SlotFinder(const std::vector<Place>& dashes) : dashes_(dashes) {}

  std::vector<Slot> find(const Node& root) {
    descend(root, -1);
    return std::move(slots_);
  }

 private:
  void descend(const Node& node, int parent) {
    if (node.is_alias) return;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const Node& value = node.items[i];
      const auto index = static_cast<int>(slots_.size());
      if (node.kind == Node::Kind::map) {
        const Node& key = node.keys[i];
        if (key.is_alias) continue;
        slots_.push_back({&key, &value, place_of(key), key.column, parent, false});
      } else {
        const Place place = value.kind == Node::Kind::null ? place_of_nothing(node) : place_of(value);
        if (place == Place()) continue;
        slots_.push_back({&value, &value, place, dash_column(node), parent, true});
      }
      descend(value, index);
    }
  }

  /// An element that is nothing stands, for the tree, wherever the next thing does. Within brackets it stays unknown.
  Place place_of_nothing(const Node& list) const {
    if (list.is_flow) return {};
    const Place last = slots_.empty() ? Place() : slots_.back().place;
    const auto dash = std::ranges::upper_bound(dashes_, last);
    return dash == dashes_.end() ? Place() : *dash;
  }

  /// A list with an anchor stands, for the tree, where the anchor does.
  static int dash_column(const Node& list) {
    const Node& first = list.items.front();
    const bool is_known = list.is_flow || first.kind == Node::Kind::null || first.line == list.line;
    return is_known ? list.column : std::max(1, first.column - 2);
  }

  const std::vector<Place>& dashes_;
  std::vector<Slot> slots_;
};

void add_line(Lines& lines, const std::string& line) {
  if (line.empty() && !lines.empty() && lines.back().empty()) return;
  lines.push_back(line);
}

void drop_blanks_before(Lines& lines) {
  lines.erase(lines.begin(), std::ranges::find_if(lines, [](const std::string& line) { return !line.empty(); }));
}

void drop_blanks_after(Lines& lines) {
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
}

class Attacher {
 public:
  Attacher(std::string_view text, const Node& root)
      : found_(find_remarks(text)), slots_(SlotFinder(found_.dashes).find(root)) {}

  Comments attach() {
    std::size_t next = 0;
    std::vector<Remark> gap;
    for (const Remark& remark : found_.remarks) {
      while (next < slots_.size() && slots_[next].place < remark.place) {
        attach_gap(gap, next);
        gap.clear();
        ++next;
      }
      const bool is_behind_nothing = remark.is_opening && next > 0 && is_nothing_on_line(slots_[next - 1], remark);
      if ((remark.is_trailing || is_behind_nothing) && next > 0) {
        attach_trailing(remark, next - 1);
      } else {
        gap.push_back(remark);
      }
    }
    attach_gap(gap, next);
    drop_blanks_after(comments_.foot);
    return std::move(comments_);
  }

 private:
  using Gap = std::span<const Remark>;

  Notes& notes_of(std::size_t slot) { return comments_.notes[slots_[slot].node]; }

  static bool is_nothing_on_line(const Slot& slot, const Remark& remark) {
    return slot.is_element && slot.value->kind == Node::Kind::null && slot.place.line == remark.place.line;
  }

  void attach_trailing(const Remark& remark, std::size_t last) {
    const Slot& slot = slots_[around_flow(remark.place, last)];
    Notes& notes = comments_.notes[slot.node];
    const bool has_no_line = slot.is_element && !slot.value->items.empty();
    if (has_no_line || !notes.trailing.empty()) {
      notes.head.push_back(remark.text);
    } else {
      notes.trailing = remark.text;
    }
  }

  /// Behind a closing bracket a comment tells of the whole list or map, not of the last thing in it.
  std::size_t around_flow(Place place, std::size_t last) const {
    std::size_t around = last;
    auto flow = std::ranges::lower_bound(found_.flows, slots_[last].place, {}, &Flow::close);
    for (; flow != found_.flows.end() && flow->close < place; ++flow) {
      while (around > 0 && flow->open < slots_[around].place) --around;
    }
    return around;
  }

  /// The lines between two slots: first those that belong to what ends here, then those of the next slot.
  void attach_gap(Gap gap, std::size_t next) {
    if (gap.empty()) return;
    if (next == 0) return attach_first_gap(gap, next);
    gap = attach_before_value(gap, next - 1);
    const std::size_t feet = count_feet(gap, next);
    attach_feet(gap.first(feet), next);
    gap = gap.subspan(feet);
    Lines& lines = next < slots_.size() ? notes_of(next).head : comments_.foot;
    for (const Remark& remark : gap) add_line(lines, remark.text);
    const bool is_first_inside = next < slots_.size() && slots_[next].parent == static_cast<int>(next) - 1;
    if (is_first_inside || slots_.size() == next || slots_[next].parent < 0) drop_blanks_before(lines);
  }

  /// Lines between a key and a value that begins below it; gives the rest.
  Gap attach_before_value(Gap gap, std::size_t slot) {
    const Node& value = *slots_[slot].value;
    if (value.kind == Node::Kind::null || !value.items.empty()) return gap;
    std::size_t before = 0;
    for (; before < gap.size() && gap[before].place < place_of(value); ++before) {
      if (!gap[before].text.empty()) notes_of(slot).head.push_back(gap[before].text);
    }
    return gap.subspan(before);
  }

  void attach_first_gap(Gap gap, std::size_t next) {
    Lines lines;
    for (const Remark& remark : gap) add_line(lines, remark.text);
    drop_blanks_before(lines);
    const auto blank = std::ranges::find(lines.rbegin(), lines.rend(), std::string());
    if (slots_.empty()) {
      comments_.head = std::move(lines);
    } else {
      notes_of(next).head.assign(blank.base(), lines.end());
      comments_.head.assign(lines.begin(), blank.base());
      if (comments_.head.empty()) comments_.at_the_top = notes_of(next).head.size();
    }
    drop_blanks_after(comments_.head);
  }

  std::size_t count_feet(Gap gap, std::size_t next) const {
    const bool is_last = next == slots_.size();
    if (!is_last && is_inside(next, next - 1)) return 0;
    const int column = is_last ? 1 : slots_[next].column;
    const auto opening = std::ranges::find(gap, true, &Remark::is_opening);  // the next slot has begun
    if (opening != gap.end() && !is_last) gap = gap.first(static_cast<std::size_t>(opening - gap.begin()));
    std::size_t feet = 0;
    for (std::size_t i = 0; i < gap.size(); ++i) {
      if (!gap[i].text.empty() && gap[i].place.column > column) feet = i + 1;
    }
    // What stands directly below goes with it, up to a blank line.
    const auto blank =
        std::ranges::find(gap.begin() + static_cast<std::ptrdiff_t>(feet), gap.end(), std::string(), &Remark::text);
    return blank != gap.end() || is_last ? static_cast<std::size_t>(blank - gap.begin()) : feet;
  }

  bool is_inside(std::size_t slot, std::size_t around) const {
    int up = static_cast<int>(slot);
    while (up > static_cast<int>(around)) up = slots_[static_cast<std::size_t>(up)].parent;
    return up == static_cast<int>(around);
  }

  /// Each goes to the innermost part that is not indented deeper than the comment; further out the further down.
  void attach_feet(Gap gap, std::size_t next) {
    std::size_t last = next - 1;
    bool is_behind_blank = false;
    for (const Remark& remark : gap) {
      if (remark.text.empty()) {
        is_behind_blank = true;
        continue;
      }
      while (slots_[last].column > remark.place.column && ends_before(last, next)) {
        last = static_cast<std::size_t>(slots_[last].parent);
      }
      Lines& foot = notes_of(last).foot;
      if (is_behind_blank) foot.emplace_back();
      foot.push_back(remark.text);
      is_behind_blank = false;
    }
  }

  /// Whether what is around `slot` ends before `next` too.
  bool ends_before(std::size_t slot, std::size_t next) const {
    const int parent = slots_[slot].parent;
    return parent >= 0 && (next == slots_.size() || !is_inside(next, static_cast<std::size_t>(parent)));
  }

  Remarks found_;
  std::vector<Slot> slots_;
  Comments comments_;
};

}  // namespace

const Notes& Comments::of(const Node& key_or_element) const {
  static const Notes none;
  const auto found = notes.find(&key_or_element);
  return found == notes.end() ? none : found->second;
}

Comments find_comments(std::string_view text, const Node& root) { return Attacher(text, root).attach(); }

}  // namespace escape::plan::yaml
