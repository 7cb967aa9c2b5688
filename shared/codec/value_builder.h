#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/base/value.h"
#include "shared/codec/codec.h"

namespace escape::codec {

/// Builds one Value from the events of a decoder and holds the bounds on hostile input for both formats.
///
/// Memory follows the bytes really read: a container's claimed size is never reserved. Every call gives false once the
/// input is refused; `refusal` says why, without a position (the decoder knows it).
class ValueBuilder {
 public:
  explicit ValueBuilder(std::size_t depth_limit) : depth_limit_(depth_limit) {}

  bool add(Value value);
  bool begin_list();
  bool begin_object();
  bool key(std::string name);
  /// Closes the innermost list or object. Refuses an object that names a key twice.
  bool end();
  bool refuse(std::string why);

  const std::string& refusal() const { return refusal_; }
  /// The whole value. Valid once the decoder has said that its input is complete.
  Value take() { return std::move(root_); }

 private:
  struct Open {
    Value container;
    std::string key;  ///< of the member that comes next
  };
  bool open(Value container);
  bool count();
  void place(Value value);

  std::size_t depth_limit_;
  std::size_t items_ = 0;
  std::vector<Open> open_;
  Value root_;
  std::string refusal_;
};

}  // namespace escape::codec
