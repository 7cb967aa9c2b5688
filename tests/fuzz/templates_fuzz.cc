// A template and two partials, `p` and `q`, with a NUL between them. Rendering ends, twice in the same way; values that
// need no escaping are the same with it; text without tags is itself; a partial renders as it would alone.
#include <algorithm>
#include <array>

#include "shared/base/check.h"
#include "shared/plan/templates.h"
#include "tests/fuzz/input.h"

namespace escape::plan {
namespace {

constexpr std::size_t most_bytes = 16 << 20;

const Value::Object& values() {
  static const Value::Object all{
      {"x", "X"},
      {"y", 0},
      {"t", true},
      {"f", false},
      {"l", Value::List{"a", "b", Value::Object{{"x", "in"}, {"l", Value::List{1.5}}}}},
      {"m", Value::Object{{"x", Value::List{}}, {"m", Value::Object{{"deep", Value()}}}}},
  };
  return all;
}

struct Texts {
  std::string_view whole, p, q;
};

Result<std::string> render(std::string_view text, const Texts& texts, bool escape_html) {
  const auto load = [&](const std::string& name) -> Result<std::optional<std::string>> {
    if (name == "whole") return std::optional<std::string>(texts.whole);
    if (name == "p") return std::optional<std::string>(texts.p);
    if (name == "q.mustache") return std::optional<std::string>(texts.q);
    return std::optional<std::string>();
  };
  return render_template("t.tpl", text, values(), escape_html, load);
}

void check(const Texts& texts) {
  const Result<std::string> plain = render(texts.whole, texts, false);
  const Result<std::string> escaped = render(texts.whole, texts, true);
  CHECK(plain == escaped);
  if (!plain) {
    CHECK(plain.error().kind == ErrorKind::bad_data);
    CHECK(plain.error().message.starts_with("Failed to compile template t.tpl: "));
    return;
  }
  CHECK(plain.value().size() <= most_bytes);
  if (texts.whole.find("{{") == std::string_view::npos) CHECK(plain.value() == texts.whole);
  // One level deeper, which may be one too many.
  const Result<std::string> as_partial = render("{{>whole}}", texts, false);
  CHECK(!as_partial || as_partial.value() == plain.value());
}

}  // namespace
}  // namespace escape::plan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  escape::fuzz::Input input(data, size);
  std::string_view rest = input.rest();
  std::array<std::string_view, 3> texts;
  for (std::string_view& text : texts) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  escape::plan::check({texts[0], texts[1], texts[2]});
  return 0;
}
