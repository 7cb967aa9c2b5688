#pragma once

namespace escape::cli {

/// Catches the first Ctrl-C while it lives; a second one ends the program at once, as usual. One at a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  bool is_interrupted() const;
};

}  // namespace escape::cli
