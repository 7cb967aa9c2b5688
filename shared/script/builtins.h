#pragma once

#include "shared/script/invocation.h"

/// What the rows of builtin_table.cc run. Each gets as many arguments as its row allows.
namespace escape::script::builtins {

// builtins_text.cc
Result<Operand> concat(const Invocation& call);
Result<Operand> lower(const Invocation& call);
Result<Operand> upper(const Invocation& call);
Result<Operand> title(const Invocation& call);
Result<Operand> split(const Invocation& call);
Result<Operand> join(const Invocation& call);
Result<Operand> replace(const Invocation& call);
Result<Operand> trim(const Invocation& call);
Result<Operand> base64_encode(const Invocation& call);
Result<Operand> base64_decode(const Invocation& call);

// builtins_value.cc
Result<Operand> id(const Invocation& call);
Result<Operand> equals(const Invocation& call);
Result<Operand> not_equals(const Invocation& call);
Result<Operand> logical_not(const Invocation& call);
Result<Operand> logical_and(const Invocation& call);
Result<Operand> logical_or(const Invocation& call);
Result<Operand> lt(const Invocation& call);
Result<Operand> lte(const Invocation& call);
Result<Operand> gt(const Invocation& call);
Result<Operand> gte(const Invocation& call);
Result<Operand> add(const Invocation& call);
Result<Operand> length(const Invocation& call);
Result<Operand> list_index(const Invocation& call);
Result<Operand> list_slice(const Invocation& call);
/// What `a[1]` and `a[1:2]` do.
Result<Operand> index_of(const Operand& list, const Operand& index);
Result<Operand> slice_of(const Operand& list, const Operand& from, const Operand* to);

// builtins_world.cc
Result<Operand> env_lookup(const Invocation& call);
Result<Operand> timestamp(const Invocation& call);
Result<Operand> read_file(const Invocation& call);
Result<Operand> path_exists(const Invocation& call);
Result<Operand> file_exists(const Invocation& call);
Result<Operand> dir_exists(const Invocation& call);
/// What `text.file` does.
Result<Operand> file_with(std::string_view text, Memory& memory, const Context& context);

// builtins_version.cc
Result<Operand> track_major_version(const Invocation& call);
Result<Operand> track_minor_version(const Invocation& call);
Result<Operand> track_patch_version(const Invocation& call);
Result<Operand> track_version(const Invocation& call);

}  // namespace escape::script::builtins
