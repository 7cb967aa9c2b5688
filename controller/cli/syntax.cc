#include "controller/cli/syntax.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "shared/base/text.h"

namespace escape::cli {
namespace {

/// CLI11 leaves several empty lines between the parts of a help.
std::string without_gaps(std::string_view help) {
  std::string text;
  for (const char byte : help) {
    if (byte == '\n' && (text.empty() || text.ends_with("\n\n"))) continue;
    text += byte;
  }
  return std::string(trimmed(text)) + "\n";
}

}  // namespace

struct Syntax::Impl {
  struct Refusal {
    CLI::Option* option = nullptr;
    std::string why;
    std::string what_to_do;
  };
  std::string path;
  CLI::App app;
  Action action;
  std::vector<Refusal> refusals;
  std::vector<std::unique_ptr<std::string>> ignored_values;
  std::vector<std::unique_ptr<bool>> ignored_flags;
  std::string examples;
  Shape shape;

  Impl(std::string p, std::string summary) : path(std::move(p)), app(std::move(summary), "escape " + path) {}

  std::vector<std::string> flag_names() const {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    }
    return names;
  }

  Error unknown(const std::string& word) const {
    const std::string see = "See `escape " + path + " --help`.";
    if (!word.starts_with("-")) {
      return {
          ErrorKind::usage, "Unknown command '" + word + "': `escape " + path + "` takes no such argument.", see, {}};
    }
    const std::string flag = word.substr(0, word.find('='));
    const std::string near = nearest(flag, flag_names());
    return {ErrorKind::usage,
            "Unknown flag '" + flag + "' for `escape " + path + "`.",
            near.empty() ? see : "Did you mean '" + near + "'? " + see,
            {}};
  }
};

Syntax::Syntax(std::string path, std::string summary)
    : impl_(std::make_unique<Impl>(std::move(path), std::move(summary))) {
  impl_->app.allow_extras();  // so that what is unknown is told in our words, with the nearest flag
  impl_->app.set_help_flag("-h,--help", "Print this help");
}
Syntax::~Syntax() = default;

const Syntax::Shape& Syntax::shape() const { return impl_->shape; }

void Syntax::flag(std::string_view names, bool& to, std::string_view help) {
  impl_->shape.flags.push_back({split(names, ','), "", std::string(help)});
  impl_->app.add_flag(std::string(names), to, std::string(help));
}

void Syntax::option(std::string_view names, std::string& to, std::string_view placeholder, std::string_view help) {
  impl_->shape.flags.push_back({split(names, ','), std::string(placeholder), std::string(help)});
  impl_->app.add_option(std::string(names), to, std::string(help))->take_last()->type_name(std::string(placeholder));
}

void Syntax::repeated(std::string_view names, std::vector<std::string>& to, std::string_view placeholder,
                      std::string_view help) {
  impl_->shape.flags.push_back({split(names, ','), std::string(placeholder), std::string(help)});
  impl_->app.add_option(std::string(names), to, std::string(help))
      ->allow_extra_args(false)
      ->type_name(std::string(placeholder));
}

void Syntax::argument(std::string_view name, std::string& to, std::string_view help) {
  impl_->shape.arguments.emplace_back(name);
  impl_->app.add_option(std::string(name), to, std::string(help))->type_name("");
}

void Syntax::required_argument(std::string_view name, std::string& to, std::string_view help) {
  impl_->shape.arguments.emplace_back(name);
  impl_->app.add_option(std::string(name), to, std::string(help))->required()->type_name("");
}

void Syntax::arguments(std::string_view name, std::vector<std::string>& to, std::string_view help) {
  impl_->shape.arguments.emplace_back(name);
  impl_->shape.last_repeats = true;
  impl_->app.add_option(std::string(name), to, std::string(help))->type_name("");
}

void Syntax::refused(std::string_view names, std::string_view why, std::string_view what_to_do, bool takes_value) {
  CLI::Option* option = nullptr;
  if (takes_value) {
    impl_->ignored_values.push_back(std::make_unique<std::string>());
    option = impl_->app.add_option(std::string(names), *impl_->ignored_values.back(), std::string(why))->take_last();
  } else {
    impl_->ignored_flags.push_back(std::make_unique<bool>(false));
    option = impl_->app.add_flag(std::string(names), *impl_->ignored_flags.back(), std::string(why));
  }
  option->group("");  // not in the help
  impl_->refusals.push_back({option, std::string(why), std::string(what_to_do)});
}

void Syntax::example(std::string_view line) { impl_->examples += "\n  " + std::string(line); }

void Syntax::action(Action action) { impl_->action = std::move(action); }

Result<Syntax::Parsed> Syntax::parse(const std::vector<std::string>& arguments) {
  if (!impl_->examples.empty()) impl_->app.footer("\nExamples:" + impl_->examples);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 takes them
  const std::string see = "See `escape " + impl_->path + " --help`.";
  try {
    impl_->app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return Parsed{{}, without_gaps(impl_->app.help())};
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string flag = std::string(error.what()).substr(0, std::string_view(error.what()).find(':'));
    return fail(ErrorKind::usage, "The flag '" + flag + "' of `escape " + impl_->path + "` needs a value.", see);
  } catch (const CLI::RequiredError& error) {
    return fail(ErrorKind::usage, "`escape " + impl_->path + "`: " + error.what() + ".", see);
  } catch (const CLI::ParseError& error) {
    return fail(ErrorKind::usage, "`escape " + impl_->path + "`: " + std::string(trimmed(error.what())) + ".", see);
  }
  for (const Impl::Refusal& refusal : impl_->refusals) {
    if (refusal.option->count() > 0) return fail(ErrorKind::refused, refusal.why, refusal.what_to_do);
  }
  for (const std::string& left : impl_->app.remaining(true)) {
    if (left != "--") return fail(impl_->unknown(left));
  }
  return Parsed{impl_->action, {}};
}

}  // namespace escape::cli
