#pragma once

#include <cstdint>
#include <string_view>

#include "shared/base/time.h"

namespace escape::simulation {

/// splitmix64: the same numbers from the same seed on every machine and library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool once_in(std::uint64_t n) { return below(n) == 0; }
  bool permille(std::uint64_t n) { return n > 0 && below(1000) < n; }
  /// [from, to].
  Micros between(Micros from, Micros to) {
    return from + Micros{static_cast<std::int64_t>(below(static_cast<std::uint64_t>((to - from).count()) + 1))};
  }
  double fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

/// FNV-1a: mixes what happened into one number.
class Hash {
 public:
  void add(std::string_view text) {
    for (const char c : text) step(static_cast<unsigned char>(c));
    step(0xff);
  }
  void add(std::uint64_t number) {
    value_ = (value_ ^ number) * 1099511628211U;
    value_ ^= value_ >> 29;
  }
  std::uint64_t value() const { return value_; }

 private:
  void step(unsigned char byte) { value_ = (value_ ^ byte) * 1099511628211U; }
  std::uint64_t value_ = 1469598103934665603U;
};

inline std::uint64_t hash_of(std::string_view text, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0) {
  Hash hash;
  hash.add(text);
  hash.add(a);
  hash.add(b);
  hash.add(c);
  return hash.value();
}

}  // namespace escape::simulation
