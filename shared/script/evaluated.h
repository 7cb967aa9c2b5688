#pragma once

#include <memory>

#include "shared/base/result.h"

namespace escape::script {

/// Within an evaluation this kind says that a field, an index or a global is not there: the one error that `default`
/// catches. `evaluate` gives it out as bad_data.
constexpr ErrorKind missing = ErrorKind::not_found;

/// Why there is no value: an Error, or only that something is missing, which costs nothing to say.
class Failure {
 public:
  Failure() = default;
  Failure(Error error) : error_(std::make_unique<Error>(std::move(error))) {}

  bool is_missing() const { return !error_ || error_->kind == missing; }
  operator Error() const { return error_ ? *error_ : Error{missing, {}}; }

 private:
  std::unique_ptr<Error> error_;
};

/// A Result for each step of an evaluation. A Result's Error lies inside, and to make and end one on the way of every
/// value costs as much as the step itself.
template <class T = void>
using Evaluated = outcome::unchecked<T, Failure>;

}  // namespace escape::script
