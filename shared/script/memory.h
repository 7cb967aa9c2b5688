#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <new>
#include <optional>
#include <span>
#include <string_view>

#include "shared/base/result.h"
#include "shared/script/limits.h"
#include "shared/script/operand.h"

namespace escape::script {

/// What one evaluation makes, until it ends, and what it has left to spend (limits.h). Most evaluations make a few
/// words and never leave the block inside.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /// A copy that lives as long as this.
  Evaluated<Operand> text(std::string_view text);
  /// Room for a text of so many bytes; null when that is too much, for which `no_room` is the error.
  char* characters(std::size_t count) {
    return count <= limits::result_bytes ? static_cast<char*>(allocate(count, 1)) : nullptr;
  }
  static Error no_room(std::size_t count) { return count > limits::result_bytes ? too_large() : too_much(); }
  /// Room for so many, default-made.
  Evaluated<std::span<Operand>> operands(std::size_t count) { return room<Operand>(count); }
  Evaluated<std::span<Entry>> entries(std::size_t count) { return room<Entry>(count); }

  /// Pays for a step and for looking at so many bytes.
  Evaluated<> pay(std::size_t bytes = 0) {
    if (spend(bytes)) return ok();
    return fail(too_many_steps());
  }
  /// The same for where every nanosecond counts: false is `too_many_steps`.
  bool spend(std::size_t bytes = 0, std::int64_t steps = 1) {
    steps_left_ -= steps + static_cast<std::int64_t>(bytes / limits::bytes_per_step);
    return steps_left_ >= 0;
  }
  static Error too_many_steps();

 private:
  template <class T>
  Evaluated<std::span<T>> room(std::size_t count) {
    if (count > limits::result_bytes / sizeof(T)) return fail(too_large());
    void* const bytes = allocate(count * sizeof(T), alignof(T));
    if (!bytes) return fail(too_much());
    return std::span<T>(new (bytes) T[count], count);
  }
  /// Null when that is more than is left.
  void* allocate(std::size_t bytes, std::size_t alignment) {
    if (bytes > bytes_left_) return nullptr;
    bytes_left_ -= bytes;
    const std::size_t begin = (used_ + alignment - 1) / alignment * alignment;
    if (begin + bytes > block_.size()) return beyond_block(bytes, alignment);
    used_ = begin + bytes;
    return block_.data() + begin;
  }
  void* beyond_block(std::size_t bytes, std::size_t alignment);
  static Error too_large();
  static Error too_much();

  alignas(std::max_align_t) std::array<std::byte, 512> block_;
  std::size_t used_ = 0;
  std::optional<std::pmr::monotonic_buffer_resource> beyond_;
  std::size_t bytes_left_ = limits::total_bytes;
  std::int64_t steps_left_ = limits::steps;
};

}  // namespace escape::script
