#include "shared/plan/expressions.h"

#include "shared/plan/package_files.h"

namespace escape::plan {
namespace {

/// A value of metadata, not data: far above what anybody puts there.
constexpr std::size_t max_read_bytes = 1 << 20;

auto failed(std::string_view what, std::string_view text, std::string_view field, const Error& error) {
  return fail(Error{error.kind,
                    "Couldn't " + std::string(what) + " expression '" + std::string(text) + "' in " +
                        std::string(field) + ": " + describe(error),
                    error.hint,
                    {}});
}

}  // namespace

Result<std::string> PlanHost::read_file(const std::string& path) {
  TRY(const auto inside, clean_path(path));
  if (files_.is_link(inside)) {
    return fail(ErrorKind::refused, "'" + path + "' is a link, which is not followed");
  }
  if (!files_.exists(inside)) return fail(ErrorKind::not_found, "open " + path + ": no such file or directory");
  return files_.read(inside, max_read_bytes);
}

Result<script::Host::PathKind> PlanHost::look_at(const std::string& path) {
  const Result<std::string> inside = clean_path(path);
  if (!inside || !files_.exists(inside.value())) return PathKind::absent;
  return files_.is_folder(inside.value()) ? PathKind::folder : PathKind::file;
}

Result<std::string> PlanHost::write_temporary(const std::string&) {
  return fail(ErrorKind::refused, "a file made of a value exists only while a step runs, not while compiling",
              "Use it in the default of an input or in a step.");
}

Result<std::string> evaluate_field(std::string_view text, std::string_view field, const script::Context& context) {
  if (!script::is_expression(text)) return std::string(text);
  const Result<script::Expression> expression = script::parse(text);
  if (!expression) return failed("parse", text, field, expression.error());
  Result<std::string> value = script::evaluate_to_text(text, context);
  if (!value) return failed("evaluate", text, field, value.error());
  return value;
}

Result<> check_stage_expressions(std::string_view field, const release::ExecStage& stage) {
  const auto check = [&](const std::string& text) -> Result<> {
    if (!script::is_expression(text)) return ok();
    const Result<script::Expression> expression = script::parse(text);
    if (expression) return ok();
    return fail(Error{expression.error().kind,
                      "In field " + std::string(field) + ": " + expression.error().message,
                      "A text is split at its blanks: write {cmd: …, args: […]} for an expression that has some.\n" +
                          expression.error().hint,
                      {}});
  };
  TRYV(check(stage.cmd));
  TRYV(check(stage.script));
  for (const std::string& arg : stage.args) {
    TRYV(check(arg));
  }
  return ok();
}

}  // namespace escape::plan
