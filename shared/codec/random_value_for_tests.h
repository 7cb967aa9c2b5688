#pragma once

#include <random>
#include <string>

#include "shared/base/value.h"

namespace escape::codec {

/// Arbitrary values for round-trip tests: every type, edge numbers, keys and text with awkward characters.
class RandomValue {
 public:
  explicit RandomValue(std::uint64_t seed) : random_(seed) {}

  /// `with_binary`: bytes that are not text too, which JSON cannot give back.
  Value make(bool with_binary, int depth = 0) {
    switch (below(depth > 5 ? 6 : 8)) {
      case 0:
        return {};
      case 1:
        return below(2) == 0;
      case 2:
        return integer();
      case 3:
        return number();
      case 4:
        return text();
      case 5:
        return with_binary ? Value(Binary{bytes(below(40))}) : Value(text());
      case 6: {
        Value::List list;
        for (std::size_t i = below(6); i > 0; --i) list.push_back(make(with_binary, depth + 1));
        return list;
      }
      default: {
        Value::Object object;
        for (std::size_t i = below(6); i > 0; --i) object.set(text(), make(with_binary, depth + 1));
        return object;
      }
    }
  }

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  std::string bytes(std::size_t count) {
    std::string all;
    for (; count > 0; --count) all += static_cast<char>(below(256));
    return all;
  }

 private:
  std::int64_t integer() {
    static constexpr std::int64_t edges[] = {
        0,         1,         -1,           31,    -32,        -33,           127,          128,
        255,       256,       65535,        65536, 2147483647, -2147483648LL, 4294967295LL, 4294967296LL,
        INT64_MAX, INT64_MIN, INT64_MAX - 1};
    if (below(2) == 0) return edges[below(std::size(edges))];
    return static_cast<std::int64_t>(random_()) >> below(64);
  }
  double number() {
    static constexpr double edges[] = {
        0.0, -0.0, 1.0, 0.1, -1.5, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 9007199254740993.0};
    if (below(2) == 0) return edges[below(std::size(edges))];
    return std::uniform_real_distribution<double>(-1e6, 1e6)(random_);
  }
  std::string text() {
    static constexpr const char* pieces[] = {
        "a", "key",          "<b>&",         "\"", "\\", "\n\t\r\b\f", "\x01\x1f\x7f",
        "é", "\xE2\x80\xA8", "\xE2\x80\xA9", "😀", "/",  " ",          "0"};
    std::string all;
    for (std::size_t i = below(5); i > 0; --i) all += pieces[below(std::size(pieces))];
    return all;
  }

  std::mt19937_64 random_;
};

/// A seed of this run, or the one in ESCAPE_TEST_SEED to repeat a failure.
inline std::uint64_t test_seed() {
  if (const char* given = std::getenv("ESCAPE_TEST_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

}  // namespace escape::codec
