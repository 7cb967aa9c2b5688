#pragma once

#include "shared/script/invocation.h"

/// What the rows of builtin_table.cc run. Each gets as many arguments as its row allows.
namespace escape::script::builtins {

// builtins_text.cc
Evaluated<Operand> concat(const Invocation& call);
Evaluated<Operand> lower(const Invocation& call);
Evaluated<Operand> upper(const Invocation& call);
Evaluated<Operand> title(const Invocation& call);
Evaluated<Operand> split(const Invocation& call);
Evaluated<Operand> join(const Invocation& call);
Evaluated<Operand> replace(const Invocation& call);
Evaluated<Operand> trim(const Invocation& call);
Evaluated<Operand> base64_encode(const Invocation& call);
Evaluated<Operand> base64_decode(const Invocation& call);

// builtins_value.cc
Evaluated<Operand> id(const Invocation& call);
Evaluated<Operand> equals(const Invocation& call);
Evaluated<Operand> not_equals(const Invocation& call);
Evaluated<Operand> logical_not(const Invocation& call);
Evaluated<Operand> logical_and(const Invocation& call);
Evaluated<Operand> logical_or(const Invocation& call);
Evaluated<Operand> lt(const Invocation& call);
Evaluated<Operand> lte(const Invocation& call);
Evaluated<Operand> gt(const Invocation& call);
Evaluated<Operand> gte(const Invocation& call);
Evaluated<Operand> add(const Invocation& call);
Evaluated<Operand> length(const Invocation& call);
Evaluated<Operand> list_index(const Invocation& call);
Evaluated<Operand> list_slice(const Invocation& call);
/// What `a[1]` and `a[1:2]` do.
Evaluated<Operand> index_of(const Operand& list, const Operand& index);
Evaluated<Operand> slice_of(const Operand& list, const Operand& from, const Operand* to);

// builtins_world.cc
Evaluated<Operand> env_lookup(const Invocation& call);
Evaluated<Operand> timestamp(const Invocation& call);
Evaluated<Operand> read_file(const Invocation& call);
Evaluated<Operand> path_exists(const Invocation& call);
Evaluated<Operand> file_exists(const Invocation& call);
Evaluated<Operand> dir_exists(const Invocation& call);
/// What `text.file` does.
Evaluated<Operand> file_with(std::string_view text, Memory& memory, const Context& context);

// builtins_version.cc
Evaluated<Operand> track_major_version(const Invocation& call);
Evaluated<Operand> track_minor_version(const Invocation& call);
Evaluated<Operand> track_patch_version(const Invocation& call);
Evaluated<Operand> track_version(const Invocation& call);

}  // namespace escape::script::builtins
