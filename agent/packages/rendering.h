#pragma once

#include <string>

#include "protocol/messages/agent.h"
#include "shared/base/result.h"

namespace escape::packages {

/// Renders a template of the working folder to its target there, mode 0644; the target's folder must be there
/// (spec/escape-plan.md §9). Partials lie next to the template. A template that is its own target is rendered from what
/// it was before the first time, which is kept under `.escape/templates`, as long as nobody has changed it since.
/// Errors: "Failed to compile template F: …", "Couldn't write output of template F to T: …".
Result<> render(const std::string& folder, const protocol::TemplateToRender& wish);

}  // namespace escape::packages
