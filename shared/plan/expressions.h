#pragma once

#include <map>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/plan/plan.h"
#include "shared/script/script.h"

/// Expressions over the files of a folder or a package.
namespace escape::plan {

/// The world as an expression of a plan may see it: the files of the plan's folder, or of the package that it became;
/// nothing outside of it.
class PlanHost : public script::Host {
 public:
  explicit PlanHost(Files& files) : files_(files) {}
  Result<std::string> read_file(const std::string& path) override;
  Result<PathKind> look_at(const std::string& path) override;
  Result<std::string> write_temporary(const std::string& text) override;

 private:
  Files& files_;
};

/// A text of a plan's field. Errors: bad_data "Couldn't parse expression '$(' in version field: …", "Couldn't evaluate
/// expression '$__lt(1,2)' in version field: …".
Result<std::string> evaluate_field(std::string_view text, std::string_view field, const script::Context& context);

/// Every expression of cmd, args and script can be parsed. Error: bad_data naming the field.
Result<> check_stage_expressions(std::string_view field, const release::ExecStage& stage);

}  // namespace escape::plan
