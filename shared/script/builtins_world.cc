#include <fmt/core.h>

#include "shared/script/builtins.h"
#include "shared/script/unicode.h"

/// What looks outside the arguments.
namespace escape::script::builtins {
namespace {

constexpr std::size_t quoted_bytes = 100;

Evaluated<Host*> host_of(const Invocation& call) {
  if (call.context().host) return call.context().host;
  return fail(ErrorKind::bad_data,
              fmt::format("Error in call to {}: there are no files where this expression is evaluated", call.name()),
              "Use it in the fields of a plan that are evaluated when it is compiled or when its steps run.");
}

Evaluated<Host::PathKind> look_at(const Invocation& call) {
  TRY(const std::string_view path, call.text(0));
  TRY(Host* const host, host_of(call));
  Result<Host::PathKind> kind = host->look_at(std::string(path));
  if (kind) return kind.value();
  return fail(ErrorKind::bad_data, fmt::format("Error in call to {}: {}", call.name(), kind.error().message),
              kind.error().hint);
}

}  // namespace

Evaluated<Operand> env_lookup(const Invocation& call) {
  TRY(const std::string_view name, call.text(0));
  if (name == "$") return call.scope().as_map(call.memory());
  return fail(ErrorKind::bad_data,
              fmt::format("Field '{}' was not found in environment.", excerpt(name, quoted_bytes)));
}

Evaluated<Operand> timestamp(const Invocation& call) {
  return call.memory().text(std::to_string(call.context().now_seconds));
}

Evaluated<Operand> read_file(const Invocation& call) {
  TRY(const std::string_view path, call.text(0));
  TRY(Host* const host, host_of(call));
  const Result<std::string> text = host->read_file(std::string(path));
  if (!text) {
    return fail(ErrorKind::bad_data, fmt::format("Error in call to read_file: {}", text.error().message),
                text.error().hint);
  }
  return call.memory().text(text.value());
}

Evaluated<Operand> path_exists(const Invocation& call) {
  TRY(const Host::PathKind kind, look_at(call));
  return Operand(kind != Host::PathKind::absent);
}
Evaluated<Operand> file_exists(const Invocation& call) {
  TRY(const Host::PathKind kind, look_at(call));
  return Operand(kind == Host::PathKind::file);
}
Evaluated<Operand> dir_exists(const Invocation& call) {
  TRY(const Host::PathKind kind, look_at(call));
  return Operand(kind == Host::PathKind::folder);
}

Evaluated<Operand> file_with(std::string_view text, Memory& memory, const Context& context) {
  if (!context.host) {
    return fail(ErrorKind::bad_data, "Error in '.file': there are no files where this expression is evaluated",
                "Pass the text itself, and let the script write the file.");
  }
  TRYV(memory.pay(text.size()));
  const Result<std::string> path = context.host->write_temporary(std::string(text));
  if (!path) {
    return fail(ErrorKind::bad_data, fmt::format("Error in '.file': {}", path.error().message), path.error().hint);
  }
  return memory.text(path.value());
}

}  // namespace escape::script::builtins
