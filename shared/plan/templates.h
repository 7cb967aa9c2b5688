#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/value.h"

namespace escape::plan {

/// The text of a partial by its name, or nothing when there is none of that name. Asked for `part`, then
/// `part.mustache`, then `part.stache`, once each. The name is what the template says: whoever answers decides where it
/// may lead.
using LoadPartial = std::function<Result<std::optional<std::string>>(const std::string& name)>;

/// The text that a Mustache template makes of the values (spec/escape-plan.md §9). `escape_html` is what the original
/// always did to `{{x}}`; files of configuration want it off.
///
/// A name without a value is an error, within a section it is empty. Booleans and lists are printed as the original
/// did: `true`, `[a b]`; null as nothing. Total: what a template may cost is bounded (templates.cc, `limits`).
///
/// Errors: bad_data "Failed to compile template F: Missing variable "x"", "…: line 3: unmatched open tag" and the like;
/// of a partial "…: partial 'p': line 1: …"; and what `load_partial` says.
Result<std::string> render_template(std::string_view file_name, std::string_view text, const Value::Object& values,
                                    bool escape_html, const LoadPartial& load_partial);

}  // namespace escape::plan
