#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/value.h"

namespace escape::codec {

/// Bounds on hostile input. Wire and disk values are far below; a larger one is refused as bad_data.
inline constexpr std::size_t max_depth = 64;
inline constexpr std::size_t max_items = 1'000'000;

std::string to_msgpack(const Value& value);
/// Whole input must be one value with string keys, none of them twice; total on any bytes. Error: bad_data with the
/// byte. `depth_limit`: the store reads with a larger one, because it wraps in records what has passed the limit
/// already.
Result<Value> from_msgpack(std::string_view bytes, std::size_t depth_limit = max_depth);

enum class JsonStyle { compact, indented };  ///< indented: three spaces, as the original
/// Non-UTF-8 text is written with U+FFFD; binary as base64url text. `<`, `>`, `&`, U+2028/9 are escaped as the original
/// does.
std::string to_json(const Value& value, JsonStyle style = JsonStyle::compact);
/// RFC 8259, depth bounded, key order kept, duplicate keys refused, integers exact (beyond 64 bits: refused, never
/// rounded). Error: bad_data "line 1, column 2: …", where the parser stood (the column just read). Never echoes the
/// input's values.
Result<Value> from_json(std::string_view text);

}  // namespace escape::codec
