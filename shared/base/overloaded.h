#pragma once

namespace escape {

/// `std::visit(overloaded{[](A) {}, [](B) {}}, variant)`: no catch-all, so a new alternative is a compile error.
template <class... Handlers>
struct overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
overloaded(Handlers...) -> overloaded<Handlers...>;

}  // namespace escape
