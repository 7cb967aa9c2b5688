#include "controller/cli/completion.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "shared/base/text.h"

namespace escape::cli {
namespace {

constexpr std::size_t most_versions = 50;
constexpr int most_jobs = 30;
constexpr std::string_view files_line = ":files";

/// What a shell takes as it is: a name with a blank or a `$(` in it is nobody's to type.
bool is_plain(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return std::isalnum(c) || std::string_view("_@%+=:,./-").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

/// The words up to the cursor, taken apart as far as they say what may follow.
struct Typed {
  std::string noun;
  std::string verb;
  bool is_help = false;
  Syntax::Shape shape;                        ///< of the command that is named, else the global flags
  std::vector<std::string> arguments;         ///< behind the command, without flags
  std::map<std::string, std::string> values;  ///< of flags, by their long names
  std::string pending;                        ///< what the flag just before the cursor takes
  bool has_only_arguments = false;            ///< behind "--"
};

class Reader {
 public:
  Reader() { typed_.shape = shape_of(nullptr); }

  Typed read(const std::vector<std::string>& words) {
    for (const std::string& word : words) read_word(word);
    return std::move(typed_);
  }

  static const Syntax::Shape::Flag* find_flag(const Syntax::Shape& shape, std::string_view name) {
    for (const Syntax::Shape::Flag& flag : shape.flags) {
      if (std::ranges::find(flag.names, name) != flag.names.end()) return &flag;
    }
    return nullptr;
  }

 private:
  void read_word(const std::string& word) {
    if (flag_) {
      set_value(*flag_, word);
      flag_.reset();
      typed_.pending.clear();
    } else if (word == "--") {
      typed_.has_only_arguments = true;
    } else if (word.size() > 1 && word.starts_with("-") && !typed_.has_only_arguments) {
      read_flag(word);
    } else {
      read_name(word);
    }
  }

  void read_flag(const std::string& word) {
    const std::size_t equals = word.find('=');
    const Syntax::Shape::Flag* flag = find_flag(typed_.shape, word.substr(0, equals));
    if (!flag && !word.starts_with("--")) {
      flag = find_flag(typed_.shape, word.substr(0, 2));
      if (flag && !flag->placeholder.empty()) set_value(*flag, word.substr(2));
      return;
    }
    if (!flag) return;
    if (equals != std::string::npos) {
      set_value(*flag, word.substr(equals + 1));
    } else if (flag->placeholder.empty()) {
      set_value(*flag, "true");
    } else {
      flag_ = *flag;
      typed_.pending = flag->placeholder;
    }
  }

  void read_name(const std::string& word) {
    if (typed_.noun.empty() && word == "help") {
      typed_.is_help = true;
    } else if (typed_.noun.empty()) {
      typed_.noun = word;
      if (!is_group(word)) typed_.shape = shape_of(find_command(word, ""));
    } else if (is_group(typed_.noun) && typed_.verb.empty()) {
      typed_.verb = word;
      typed_.shape = shape_of(find_command(typed_.noun, word));
    } else {
      typed_.arguments.push_back(word);
    }
  }

  void set_value(const Syntax::Shape::Flag& flag, const std::string& value) {
    typed_.values[flag.names.back()] = value;
  }

  static Syntax::Shape shape_of(const Command* command) {
    Syntax syntax("", "");
    GlobalFlags globals;
    if (command) command->describe(syntax);
    add_global_flags(syntax, globals);
    return syntax.shape();
  }

  Typed typed_;
  std::optional<Syntax::Shape::Flag> flag_;
};

/// The words that fit, gathered.
class Answer {
 public:
  explicit Answer(std::string prefix, std::string current) : prefix_(std::move(prefix)), current_(std::move(current)) {}

  const std::string& current() const { return current_; }
  void add(const std::string& word, std::string help = "") {
    if (!word.starts_with(current_) || !is_plain(prefix_ + word) || !known_.insert(word).second) return;
    std::ranges::replace_if(help, [](unsigned char c) { return c < ' ' || c == 0x7F; }, ' ');
    lines_.push_back(prefix_ + word + (help.empty() ? "" : "\t" + help));
  }
  void add_files() { lines_.assign(1, std::string(files_line)); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::string prefix_;  ///< what of the word is no part of the name: "--environment="
  std::string current_;
  std::set<std::string> known_;
  std::vector<std::string> lines_;
};

/// Names of things, by the word that the help uses for them.
class Names {
 public:
  Names(Invocation& run, const Typed& typed, Answer& answer) : run_(run), typed_(typed), answer_(answer) {}

  /// Errors end the search silently: what was found so far is given.
  Result<> add(std::string_view placeholder) {
    if (placeholder == "FILE") {
      answer_.add_files();
      return ok();
    }
    if (placeholder.find('|') != std::string_view::npos) {
      for (const std::string& word : split(placeholder, '|')) answer_.add(word);
      return ok();
    }
    const std::map<std::string_view, Result<> (Names::*)()> sources{
        {"PROFILE", &Names::profiles},       {"ENVIRONMENT", &Names::environments},
        {"DEPLOYMENT", &Names::deployments}, {"JOB", &Names::jobs},
        {"AGENT", &Names::agents},           {"PRINCIPAL", &Names::principals},
        {"RELEASE", &Names::releases},       {"RELEASE_AND_TAG", &Names::release_or_tag},
        {"PROJECT", &Names::projects},       {"APPLICATION", &Names::applications},
        {"QUERY", &Names::versions},         {"FIELD", &Names::fields}};
    const auto source = sources.find(placeholder);
    return source == sources.end() ? ok() : (this->*source->second)();
  }

 private:
  std::string value(const std::string& flag) const {
    const auto found = typed_.values.find(flag);
    return found == typed_.values.end() ? "" : found->second;
  }

  template <class Wanted>
  Result<Wanted> ask(protocol::Request request) {
    TRY(Link * link, run_.link(Access::read));
    TRY(protocol::Reply reply, link->call(std::move(request)));
    if (auto* wanted = std::get_if<Wanted>(&reply)) return std::move(*wanted);
    return fail(ErrorKind::internal, "another answer than was asked for");
  }

  Result<> profiles() {
    TRY(const Config* config, run_.config());
    for (const auto& [name, profile] : config->profiles) answer_.add(name);
    return ok();
  }
  Result<> fields() {
    if (typed_.noun != "config") return ok();
    for (const auto& [name, field] : shown_profile(Profile{})) answer_.add(name);
    return ok();
  }
  Result<> environments() {
    TRY(const auto found, ask<protocol::reply::Environments>(protocol::request::ListEnvironments{}));
    for (const auto& each : found.environments) answer_.add(each.name);
    return ok();
  }
  Result<> deployments() {
    TRY(const auto found,
        ask<protocol::reply::Deployments>(protocol::request::ListDeployments{value("--environment")}));
    for (const protocol::DeploymentCell& cell : found.cells) answer_.add(cell.deployment);
    return ok();
  }
  Result<> jobs() {
    protocol::request::ListJobs request;
    request.limit = most_jobs;
    TRY(const auto found, ask<protocol::reply::Jobs>(request));
    for (const protocol::JobView& job : found.jobs) {
      answer_.add(std::to_string(job.number),
                  std::string(name_of(job.kind)) + " " + job.deployment + " in " + job.environment + ": " + job.state);
    }
    return ok();
  }
  Result<> agents() {
    TRY(const auto found, ask<protocol::reply::Agents>(protocol::request::ListAgents{}));
    for (const protocol::AgentView& agent : found.agents) {
      answer_.add(std::string(agent.name), agent.environment + ", " + agent.state);
    }
    return ok();
  }
  Result<> principals() {
    TRY(const auto found, ask<protocol::reply::Principals>(protocol::request::ListPrincipals{}));
    for (const protocol::PrincipalView& principal : found.principals) answer_.add(principal.name, principal.role);
    return ok();
  }

  Result<> projects() {
    TRY(InventoryAccess * inventory, run_.inventory(Access::read));
    TRY(const std::vector<std::string> projects, inventory->projects());
    for (const std::string& project : projects) answer_.add(project);
    return ok();
  }
  Result<> applications() {
    TRY(InventoryAccess * inventory, run_.inventory(Access::read));
    TRY(const std::vector<std::string> names, inventory->applications(value("--project")));
    for (const std::string& name : names) answer_.add(name);
    return ok();
  }
  Result<> versions() {
    TRY(InventoryAccess * inventory, run_.inventory(Access::read));
    const release::ApplicationId application{value("--project"), value("--application")};
    answer_.add("latest");
    TRYV(add_versions(*inventory, application, "v"));
    return add_tags(*inventory, application, "");
  }

  /// A release, then a word of one's own; with --remove an application, then one of its tags.
  Result<> release_or_tag() {
    const bool removes = !value("--remove").empty();
    if (typed_.arguments.empty()) return removes ? applications_with_projects() : releases();
    if (typed_.arguments.size() > 1) return ok();
    TRY(InventoryAccess * inventory, run_.inventory(Access::read));
    if (removes) return add_tags(*inventory, application_of(typed_.arguments[0]), "");
    TRY(const release::ReleaseQuery query, release::parse_release_query(typed_.arguments[0]));
    return add_tags(*inventory, query.application, "");
  }
  static release::ApplicationId application_of(const std::string& text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos) return {"_", text};
    return {text.substr(0, slash), text.substr(slash + 1)};
  }
  Result<> applications_with_projects() {
    TRY(InventoryAccess * inventory, run_.inventory(Access::read));
    const auto [project, name] = application_of(answer_.current());
    if (answer_.current().find('/') == std::string::npos) {
      TRYV(add_projects(*inventory));
    }
    TRY(const std::vector<std::string> names, inventory->applications(project));
    const std::string before = answer_.current().find('/') == std::string::npos ? "" : project + "/";
    for (const std::string& each : names) answer_.add(before + each);
    return ok();
  }

  /// "pro" → "project/"; "project/app" → its applications as "-latest"; once only one is left, its versions and tags.
  Result<> releases() {
    TRY(InventoryAccess * inventory, run_.inventory(Access::read));
    const std::string& current = answer_.current();
    const bool has_project = current.find('/') != std::string::npos;
    const release::ApplicationId begun = application_of(current);
    const std::string before = has_project ? begun.project + "/" : "";
    if (!has_project) {
      TRYV(add_projects(*inventory));
    }
    TRY(const std::vector<std::string> names, inventory->applications(begun.project));
    std::vector<std::string> fitting;
    for (const std::string& name : names) {
      const bool is_named = begun.name.starts_with(name + "-") || begun.name.starts_with(name + ":");
      if (is_named || name.starts_with(begun.name)) fitting.push_back(name);
    }
    for (const std::string& name : fitting) {
      const std::string application = before + name;
      answer_.add(application + "-latest");
      const bool is_named = begun.name.starts_with(name);
      if (fitting.size() > 1 && !is_named) continue;
      TRYV(add_versions(*inventory, {begun.project, name}, application + "-v"));
      if (current.find(':') != std::string::npos) {
        TRYV(add_tags(*inventory, {begun.project, name}, application + ":"));
      }
    }
    return ok();
  }

  Result<> add_projects(InventoryAccess& inventory) {
    TRY(const std::vector<std::string> projects, inventory.projects());
    for (const std::string& project : projects) {
      if (project != "_") answer_.add(project + "/");
    }
    return ok();
  }
  Result<> add_versions(InventoryAccess& inventory, const release::ApplicationId& application,
                        const std::string& before) {
    TRY(std::vector<release::Version> versions, inventory.versions(application));
    std::ranges::sort(versions, [](const auto& a, const auto& b) { return b < a; });
    if (versions.size() > most_versions) versions.resize(most_versions);
    for (const release::Version& version : versions) answer_.add(before + version.text());
    return ok();
  }
  Result<> add_tags(InventoryAccess& inventory, const release::ApplicationId& application, const std::string& before) {
    TRY(const std::vector<inventory::TaggedVersion> tags, inventory.tags(application));
    for (const inventory::TaggedVersion& each : tags) answer_.add(before + each.tag, "v" + each.version);
    return ok();
  }

  Invocation& run_;
  const Typed& typed_;
  Answer& answer_;
};

void add_nouns(Answer& answer) {
  for (const Command& command : commands())
    answer.add(std::string(command.noun), command.verb.empty() ? std::string(command.summary) : "");
  answer.add("version", "Print the version");
  answer.add("help", "Help of a command");
}

void add_verbs(const std::string& noun, Answer& answer) {
  for (const Command& command : commands()) {
    if (command.noun == noun) answer.add(std::string(command.verb), std::string(command.summary));
  }
}

void add_flags(const Syntax::Shape& shape, Answer& answer) {
  for (const Syntax::Shape::Flag& flag : shape.flags) answer.add(flag.names.back(), flag.help);
  answer.add("--help", "Print this help");
}

/// What the cursor stands on when it is no name of a command or flag: the value of a flag or an argument.
std::string placeholder_at(const Typed& typed) {
  const std::vector<std::string>& known = typed.shape.arguments;
  if (typed.arguments.size() < known.size()) return known[typed.arguments.size()];
  return typed.shape.last_repeats ? known.back() : "";
}

}  // namespace

std::vector<std::string> completions(Invocation& run, const std::vector<std::string>& words) {
  if (words.empty()) return {};
  std::string current = words.back();
  const Typed typed = Reader().read({words.begin(), words.end() - 1});
  for (const auto& [flag, to] :
       {std::pair{"--config", &run.globals().config_file}, std::pair{"--profile", &run.globals().profile}}) {
    if (const auto found = typed.values.find(flag); found != typed.values.end()) *to = found->second;
  }

  std::string prefix;
  std::string placeholder = typed.pending;
  const bool is_flag = placeholder.empty() && current.starts_with("-") && !typed.has_only_arguments;
  if (is_flag) {
    // "--flag=" and "-f" with its value in the same word; else the flag itself.
    const std::size_t end = current.starts_with("--") ? current.find('=') : std::min<std::size_t>(2, current.size());
    const auto* flag = end == std::string::npos ? nullptr : Reader::find_flag(typed.shape, current.substr(0, end));
    const bool has_value = flag && !flag->placeholder.empty() && (current.starts_with("--") || current.size() > 2);
    if (!has_value) {
      Answer flags("", current);
      add_flags(typed.shape, flags);
      return flags.take();
    }
    placeholder = flag->placeholder;
    prefix = current.substr(0, end + (current.starts_with("--") ? 1 : 0));
    current.erase(0, prefix.size());
  }

  Answer answer(prefix, current);
  if (!placeholder.empty()) {
    (void)Names(run, typed, answer).add(placeholder);
  } else if (typed.noun.empty()) {
    add_nouns(answer);
  } else if (is_group(typed.noun) && typed.verb.empty()) {
    add_verbs(typed.noun, answer);
  } else if (!typed.is_help) {
    (void)Names(run, typed, answer).add(placeholder_at(typed));
  }
  return answer.take();
}

}  // namespace escape::cli
