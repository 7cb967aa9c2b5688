#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace escape::fuzz {

/// Reads what the fuzzer gives as bytes, numbers and texts. Total: behind the end every number is 0 and every text
/// empty.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool is_empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
  }
  /// Big-endian, of so many bytes.
  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | byte();
    return value;
  }
  /// In [0, count): one byte, so that a change of it changes one decision.
  std::uint64_t below(std::uint8_t count) { return byte() % count; }
  /// Of any size, though small ones come often: a byte, or eight of them behind a byte of 255.
  std::uint64_t any_number() {
    const std::uint8_t small = byte();
    return small == 255 ? number(8) : small;
  }
  std::string_view take(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  /// Behind its length of two bytes.
  std::string_view text() { return take(number(2)); }
  /// To the next newline, which is taken as well, or to the end.
  std::string_view line() {
    const std::size_t end = rest_.find('\n');
    const std::string_view taken = take(end);
    take(1);
    return taken;
  }
  std::string_view rest() { return take(rest_.size()); }

 private:
  std::string_view rest_;
};

}  // namespace escape::fuzz
