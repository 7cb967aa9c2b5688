#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/release/parts.h"

/// The parts of `release.json` (spec/escape-plan.md §11.1). Writing keeps the order of keys of the original, which
/// leaves out empty members of variables and stages only. Reading takes absent and null for the defaults of
/// spec/inventory-semantics.md §2.3; errors: bad_data naming the member.
namespace escape::codec {

Value write_variable(const release::Variable& variable);
Value write_stage(const release::ExecStage& stage);
Value write_consumer(const release::Consumer& consumer);
Value write_dependency(const release::Dependency& dependency);
Value write_errand(const release::Errand& errand);
Value write_download(const release::Download& download);
Value write_template(const release::Template& item);

Result<release::Variable> read_variable(const Value& value);
Result<release::ExecStage> read_stage(const Value& value);
Result<release::Consumer> read_consumer(const Value& value);
Result<release::Dependency> read_dependency(const Value& value);
Result<release::Errand> read_errand(const Value& value);
Result<release::Download> read_download(const Value& value);
Result<release::Template> read_template(const Value& value);

/// One object for each, through `write_one`.
template <class T, class WriteOne>
Value write_all(const std::vector<T>& things, WriteOne write_one) {
  Value::List list;
  for (const T& thing : things) list.push_back(write_one(thing));
  return list;
}
template <class T, class WriteOne>
Value write_all(const std::map<std::string, T>& things, WriteOne write_one) {
  Value::Object object;
  for (const auto& [name, thing] : things) object.append(name, write_one(thing));
  return object;
}

}  // namespace escape::codec
