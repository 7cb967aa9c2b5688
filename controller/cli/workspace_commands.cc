#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/git.h"
#include "controller/cli/job_run.h"
#include "controller/cli/lock_wait.h"
#include "controller/cli/recorded_stage.h"
#include "controller/cli/trial.h"
#include "controller/cli/unfinished_release.h"
#include "controller/cli/values.h"
#include "controller/cli/workspace.h"
#include "shared/base/crypto.h"
#include "shared/base/sha256.h"
#include "shared/base/text.h"
#include "shared/codec/domain.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

/// build, test, package, release: what is done with the plan in this folder.
namespace escape::cli {
namespace {

using protocol::JobKind;
using protocol::request::Submit;

struct ReleaseFlags : CommonFlags {
  bool force = false;
  bool uber = false;
  std::string override_version;
  bool skip_build = false;
  bool skip_tests = false;
  bool skip_build_destroy = false;
  bool skip_deploy = false;
  bool skip_smoke = false;
  bool skip_deploy_destroy = false;
  bool skip_destroy = false;
  bool skip_cache = false;
  bool skip_push = false;
  bool skip_if_exists = false;
  bool tag_git = false;
  bool push_git_tags = true;
};

/// A job on this folder's files in the environment given.
Result<Submit> workspace_job(JobKind kind, const ReleaseFlags& flags, const Workspace& workspace,
                             const release::Metadata& metadata, const std::string& environment) {
  Submit submit;
  submit.kind = kind;
  submit.environment = environment;
  submit.deployment = flags.deployment;
  submit.workspace = workspace.folder();
  submit.metadata = codec::metadata_to_value(metadata);
  submit.seen = workspace.see_files(metadata);
  submit.release = release_text(metadata);
  if (kind == JobKind::build || kind == JobKind::deploy) {
    TRY(submit.inputs, parse_values(flags.values));
    TRY(submit.providers, parse_providers(flags.providers));
  }
  TRY(submit.step_time_limit, step_limit(flags));
  return submit;
}

Result<Workspace> open_workspace(Invocation& run, const ReleaseFlags& flags) {
  TRYV(check_environment(flags.environment));
  TRYV(run.need_full_program());
  return Workspace::open(flags.plan);
}

Result<int> build(Invocation& run, const ReleaseFlags& flags) {
  TRY(const Workspace workspace, open_workspace(run, flags));
  TRY(const release::Metadata metadata, workspace.compile(run));
  TRY(Submit submit, workspace_job(JobKind::build, flags, workspace, metadata, flags.environment));
  TRY(const int code, run_job(run, std::move(submit)));
  if (code != 0) return code;
  // Once more: what the build made must still compile, and be found now rather than when it is packaged.
  TRYV(workspace.compile(run, metadata.version));
  return 0;
}

Result<int> test(Invocation& run, const ReleaseFlags& flags) {
  TRY(const Workspace workspace, open_workspace(run, flags));
  TRY(const release::ApplicationId application, workspace.application());
  const std::string deployment = flags.deployment.empty() ? to_string(application) : flags.deployment;
  TRY(Link * link, run.link(Access::write));
  // What was built is tested, whatever an automatic version would be now.
  const Result<RecordedStages> recorded = read_recorded_stages(*link, flags.environment, deployment);
  const bool is_built = recorded && recorded.value().build;
  TRY(const release::Metadata metadata,
      workspace.compile(run, is_built ? recorded.value().build->version : std::string()));
  TRY(Submit submit, workspace_job(JobKind::test, flags, workspace, metadata, flags.environment));
  return run_job(run, std::move(submit));
}

Result<> make_package(Invocation& run, const Workspace& workspace, const release::Metadata& metadata,
                      Renderer& renderer) {
  renderer.say("info", {"Package"}, "Started packaging.");
  if (Result<> packed = workspace.package(run, metadata); !packed) {
    renderer.finish();
    return packed;
  }
  renderer.say("success", {"Package"},
               "Packaged " + release_text(metadata) + " at " + workspace.package_path(metadata));
  renderer.finish();
  return ok();
}

Result<int> package(Invocation& run, const ReleaseFlags& flags) {
  TRY(const Workspace workspace, open_workspace(run, flags));
  TRY(const release::Metadata metadata, workspace.compile(run));
  const std::string target = workspace.package_path(metadata);
  if (io::exists(target) && !flags.force) {
    return fail(ErrorKind::conflict, "File '" + target + "' already exists. Use --force / -f to ignore.");
  }
  Renderer renderer = run.make_renderer();
  TRYV(make_package(run, workspace, metadata, renderer));
  return 0;
}

/// One run of `run release`: the version is taken first, so that two at once never do all the work for the same number.
class ReleaseRun {
 public:
  ReleaseRun(Invocation& run, const ReleaseFlags& flags, Workspace workspace)
      : run_(run), flags_(flags), workspace_(std::move(workspace)), renderer_(run.make_renderer({"Release"})) {}

  Result<int> carry_out() {
    TRYV(check_plan());
    TRYV(check_git());
    TRY(const io::FileLock lock, lock_releases());
    TRYV(recall());
    TRY(const int cleared, clear_old_trials());
    if (cleared != 0) return cleared;
    TRY(InventoryAccess * inventory, run_.inventory(Access::write));
    TRY(const bool has_package, resume(*inventory));
    if (!has_package) {
      TRY(const std::string version, take_version(*inventory));
      TRY(metadata_, workspace_.compile(run_, version));
      TRY(const bool is_done, check_existing(*inventory));
      if (is_done) return 0;
      TRYV(check_git_tag());
      TRYV(check_trial());
      say("info", "Releasing " + release_text(metadata_));
      TRY(const int code, make_release(version));
      if (code != 0) return code;
    }
    if (!flags_.skip_push && !is_published_) {
      TRYV(push());
    }
    say("success", "Successfully released " + release_text(metadata_));
    TRYV(tag());
    if (!flags_.skip_push) {
      TRYV(forget_unfinished(workspace_.folder(), unfinished_.trials));
    }
    return 0;
  }

 private:
  /// Everything up to the package.
  Result<int> make_release(const std::string& version) {
    TRY(int code, run_build_stage());
    if (code != 0) return code;
    // The build may have generated files.
    TRY(metadata_, workspace_.compile(run_, version));
    TRY(code, run_trial());
    if (code != 0) return code;
    TRYV(make_package(run_, workspace_, metadata_, renderer_));
    if (flags_.skip_push) return 0;
    TRY(unfinished_.package_sha256, io::sha256_of_file(workspace_.package_path(metadata_)));
    unfinished_.metadata = *codec::metadata_to_value(metadata_).as_object();
    TRYV(keep_unfinished(workspace_.folder(), unfinished_));
    return 0;
  }

  /// Two of one folder would take the same number, and each other's package.
  Result<io::FileLock> lock_releases() {
    TRYV(io::make_folders(io::join_path(workspace_.folder(), ".escape"), 0755));
    const std::string path = io::join_path(workspace_.folder(), ".escape/release.lock");
    Result<io::FileLock> lock = io::FileLock::try_exclusive(path);
    if (lock || lock.error().kind != ErrorKind::conflict) return lock;
    say("info", "Waiting for another release of this folder.");
    return wait_for_lock(path, run_.job_limit());
  }

  /// What an earlier run of the same release in this folder has left.
  Result<> recall() {
    TRY(const release::ApplicationId application, workspace_.application());
    const std::string asked = workspace_.asked_version(flags_.override_version);
    std::optional<UnfinishedRelease> found = find_unfinished(workspace_.folder());
    if (found && found->application == to_string(application) && found->asked == asked) {
      unfinished_ = std::move(*found);
    } else if (found) {
      unfinished_.trials = std::move(found->trials);
    }
    unfinished_.application = to_string(application);
    unfinished_.asked = asked;
    if (unfinished_.holder.empty()) unfinished_.holder = random_hex(16);
    const std::string options = digest_of_options();
    if (unfinished_.options != options) unfinished_.package_sha256.clear();
    unfinished_.options = options;
    return ok();
  }

  /// Of the flags that say what a release goes through: one that went through less is not taken up again.
  std::string digest_of_options() const {
    std::string all = flags_.environment + '\0' + flags_.deployment;
    for (const bool skips :
         {flags_.skip_build, flags_.skip_tests, flags_.skip_build_destroy || flags_.skip_destroy, flags_.skip_deploy,
          flags_.skip_smoke, flags_.skip_deploy_destroy || flags_.skip_destroy}) {
      all += skips ? '1' : '0';
    }
    for (const std::vector<std::string>* values : {&flags_.values, &flags_.providers}) {
      for (const std::string& value : *values) all += '\0' + value;
      all += '\0';
    }
    return sha256_hex(all);
  }

  /// Whether the package is there that an earlier run made of these very files, and could not publish.
  Result<bool> resume(InventoryAccess& inventory) {
    if (unfinished_.package_sha256.empty() || flags_.skip_push) return false;
    TRY(metadata_, workspace_.compile(run_, unfinished_.version));
    const std::string name = release_text(metadata_);
    TRY(const release::ReleaseId id, release::release_id_of(metadata_));
    const Result<release::ReleaseRecord> found = inventory.resolve({id.application, release::Exact{id.version}});
    if (!found && found.error().kind != ErrorKind::not_found) return fail(found.error());
    if (found && !found.value().sha256.empty() && found.value().sha256 != unfinished_.package_sha256) return false;
    if (!is_of_these_files(found.has_value())) return false;
    TRYV(check_git_tag());
    is_published_ = found.has_value();
    say("info", is_published_ ? name + " was published by the run before."
                              : "Resuming the release of " + name + ": its package was made by the run before.");
    return true;
  }

  /// Of what is published only the tag is missing, and whoever repairs the remote that refused it may give it another
  /// address.
  bool is_of_these_files(bool is_published) const {
    Value::Object now = *codec::metadata_to_value(metadata_).as_object();
    Value::Object then = unfinished_.metadata;
    if (is_published) {
      now.set("repository", "");
      then.set("repository", "");
      return Value(now.sorted()) == Value(then.sorted());
    }
    const Result<std::string> digest = io::sha256_of_file(workspace_.package_path(metadata_));
    return Value(now) == Value(then) && digest && digest.value() == unfinished_.package_sha256;
  }

  void say(std::string_view level, const std::string& text, std::vector<std::string> section = {}) {
    renderer_.say(level, std::move(section), text);
    renderer_.finish();
  }

  /// With any number in the place of an automatic version, so that a plan with a mistake takes none.
  Result<> check_plan() const {
    std::string version = workspace_.asked_version(flags_.override_version);
    if (version.ends_with('@')) version.back() = '0';
    TRYV(workspace_.compile(run_, version));
    return ok();
  }

  Result<std::string> take_version(InventoryAccess& inventory) {
    const std::string& asked = unfinished_.asked;
    unfinished_.version = asked;
    if (asked.ends_with("@")) {
      TRY(const release::ApplicationId application, workspace_.application());
      // The same holder gets the same number again until it is used: a release that failed skips none.
      TRY(unfinished_.version, inventory.reserve(application, asked.substr(0, asked.size() - 1), unfinished_.holder));
    }
    unfinished_.package_sha256.clear();
    unfinished_.metadata = {};
    TRYV(keep_unfinished(workspace_.folder(), unfinished_));
    return unfinished_.version;
  }

  /// True: it is there and that is fine. Looked at first, because releases never change and the work would be for
  /// nothing.
  Result<bool> check_existing(InventoryAccess& inventory) {
    if (flags_.skip_push && !flags_.skip_if_exists) return false;
    TRY(const release::ReleaseId id, release::release_id_of(metadata_));
    Result<release::ReleaseRecord> found = inventory.resolve({id.application, release::Exact{id.version}});
    if (!found) {
      if (found.error().kind == ErrorKind::not_found) return false;
      return fail(std::move(found).error());
    }
    if (!flags_.skip_if_exists) {
      return fail(ErrorKind::conflict,
                  "Release " + to_string(id) + " already exists in the inventory, and releases never change.",
                  "Give the plan another version (0.0.@ takes the next free one), or add --skip-if-exists.");
    }
    say("success", "Skipping release, because version v" + metadata_.version +
                       " already exists in the Inventory and --skip-if-exists is set.");
    return true;
  }

  Result<int> job(JobKind kind, const std::string& environment, std::vector<std::string> stages = {}) {
    TRY(Submit submit, workspace_job(kind, flags_, workspace_, metadata_, environment));
    submit.stages = std::move(stages);
    return run_job(run_, std::move(submit), {"Release"});
  }

  /// One job under one lock: another release of the same package at the same time comes before or after, never between.
  Result<int> run_build_stage() {
    if (flags_.skip_build) return 0;
    std::vector<std::string> goes_on_with;
    if (!flags_.skip_tests) goes_on_with.push_back("test");
    if (!flags_.skip_build_destroy && !flags_.skip_destroy) goes_on_with.push_back("destroy");
    return job(JobKind::build, flags_.environment, std::move(goes_on_with));
  }

  bool destroys_trial() const { return !flags_.skip_deploy_destroy && !flags_.skip_destroy; }
  std::string deployment() const { return flags_.deployment.empty() ? application_text(metadata_) : flags_.deployment; }

  Result<> check_trial() {
    if (flags_.skip_deploy) return ok();
    TRY(const ProviderNames providers, parse_providers(flags_.providers));
    return check_lenders(run_, flags_.environment, metadata_, deployment(), providers);
  }

  /// Deploy, smoke and destroy in an environment of their own, so that nothing alive is touched. Whatever comes of it,
  /// what it has deployed is destroyed.
  Result<int> run_trial() {
    if (flags_.skip_deploy) return 0;
    UnfinishedTrial trial;
    trial.environment = "release-" + random_hex(4);
    trial.deployment = deployment();
    TRY(trial.controller, controller_of(run_));
    if (destroys_trial()) trial.metadata = *codec::metadata_to_value(metadata_).as_object();
    unfinished_.trials.push_back(trial);
    TRYV(keep_unfinished(workspace_.folder(), unfinished_));
    Result<int> code = run_trial_in(trial);
    const bool is_well = code && code.value() == 0;
    if (!is_well && destroys_trial()) say("warn", "The trial failed: what it has deployed is destroyed.");
    const Result<int> cleared = clear(trial);
    if (!is_well && !cleared && !is_interruption(cleared.error())) say("warn", "Because " + describe(cleared.error()));
    return is_well ? cleared : code;
  }

  Result<int> run_trial_in(const UnfinishedTrial& trial) {
    TRY(Link * link, run_.link(Access::write));
    protocol::request::ApplyEnvironment apply;
    apply.environment = trial.environment;
    apply.is_trial = true;
    TRYV(link->call(std::move(apply)));
    TRY(const ProviderNames providers, parse_providers(flags_.providers));
    TRYV(lend_providers(run_, flags_.environment, trial, metadata_, providers));
    TRY(int code, job(JobKind::deploy, trial.environment));
    if (code == 0 && !flags_.skip_smoke) {
      TRY(code, job(JobKind::smoke, trial.environment));
    }
    return code;
  }

  /// 0: it is gone. Otherwise it stays written down for the next run, and the person is told.
  Result<int> clear(const UnfinishedTrial& trial) {
    TRY(const Millis limit, step_limit(flags_));
    Result<int> code = clear_trial(run_, workspace_, trial, limit);
    if (code && code.value() == 0) {
      std::erase_if(unfinished_.trials, [&](const auto& one) { return one.environment == trial.environment; });
      TRYV(keep_unfinished(workspace_.folder(), unfinished_));
      return code;
    }
    const std::string name = trial.deployment.empty() ? "something" : trial.deployment;
    say("warn", "The trial environment " + trial.environment + " stays: " + name + " may still be deployed there.");
    const std::string destroy =
        trial.deployment.empty() ? "" : "`escape run destroy -d " + name + " -e " + trial.environment + "`, then ";
    say("warn", "The next `escape run release` in this folder destroys it first. By hand: " + destroy +
                    "`escape environments remove " + trial.environment + "`.");
    return code;
  }

  /// Of runs that were killed, and of those that could not be destroyed. Only a person who leaves keeps this one from
  /// going on: it may be what repairs the destruction.
  Result<int> clear_old_trials() {
    for (const UnfinishedTrial& trial : std::vector(unfinished_.trials)) {
      say("info", "Removing the trial environment " + trial.environment + " of an earlier release.");
      const Result<int> code = or_interrupted(clear(trial));
      if (!code) say("warn", "Because " + describe(code.error()));
      if (code && code.value() == interrupted_exit) return code;
    }
    return 0;
  }

  Result<> upload() {
    TRY(InventoryAccess * inventory, run_.reconnect_inventory(Access::write));
    return inventory->publish(metadata_, workspace_.package_path(metadata_));
  }

  Result<> push() {
    renderer_.say("info", {"Push"}, "Uploading release.");
    Result<> published = upload();
    if (published) renderer_.say("success", {"Push"}, "Push successful.");
    renderer_.finish();
    return published;
  }

  std::optional<std::string> ask_git(const std::vector<std::string>& arguments) const {
    Result<std::string> done = run_git(workspace_.folder(), arguments);
    if (!done) return std::nullopt;
    return std::string(trimmed(done.value()));
  }

  /// What would keep git from tagging is told before any work: afterwards the release is published.
  Result<> check_git() const {
    if (!flags_.tag_git) return ok();
    if (!ask_git({"rev-parse", "--verify", "--quiet", "HEAD^{commit}"})) {
      return fail(ErrorKind::refused, "There is no git commit in '" + workspace_.folder() + "' to tag.",
                  "Commit first, or leave --tag-git out.");
    }
    if (!flags_.push_git_tags || ask_git({"remote", "get-url", "origin"})) return ok();
    return fail(ErrorKind::refused, "There is no git remote 'origin' to push the tag to.",
                "Add one, or give --push-git-tags=false.");
  }

  /// The commit that is tagged already, if any.
  std::optional<std::string> tagged_commit() const {
    return ask_git({"rev-parse", "--verify", "--quiet", "refs/tags/" + release_text(metadata_) + "^{commit}"});
  }

  Result<> check_git_tag() const {
    if (!flags_.tag_git) return ok();
    const std::optional<std::string> tagged = tagged_commit();
    if (!tagged || tagged == ask_git({"rev-parse", "HEAD"})) return ok();
    return fail(ErrorKind::conflict,
                "The git tag '" + release_text(metadata_) + "' is there already, at another commit.",
                "Remove it with `git tag -d`, or leave --tag-git out.");
  }

  /// After publishing: a tag of a release that does not exist would be worse than a release without a tag.
  Result<> tag() {
    if (!flags_.tag_git) return ok();
    const std::string name = release_text(metadata_);
    const auto git = [&](const std::string& what, std::vector<std::string> arguments) -> Result<> {
      Result<std::string> done = run_git(workspace_.folder(), arguments);
      if (done) return ok();
      return fail(ErrorKind::failed, "Failed to " + what + " " + name + ": " + done.error().message,
                  flags_.skip_push ? "" : "The release itself is published; run the same again for its git tag.");
    };
    if (!tagged_commit()) {
      say("info", "Tagging current git commit with '" + name + "'.", {"Tag"});
      TRYV(git("tag", {"tag", "-a", name, "-m", "Escape release " + name}));
    }
    if (!flags_.push_git_tags) return ok();
    say("info", "Pushing git tags.", {"Tag"});
    return git("push tag", {"push", "origin", name});
  }

  Invocation& run_;
  const ReleaseFlags& flags_;
  Workspace workspace_;
  Renderer renderer_;
  release::Metadata metadata_;
  UnfinishedRelease unfinished_;
  bool is_published_ = false;  ///< by the run before
};

Result<int> release_command(Invocation& run, const ReleaseFlags& flags) {
  TRY(Workspace workspace, open_workspace(run, flags));
  TRYV(parse_values(flags.values));
  return ReleaseRun(run, flags, std::move(workspace)).carry_out();
}

std::shared_ptr<ReleaseFlags> common(Syntax& syntax) {
  auto flags = std::make_shared<ReleaseFlags>();
  add_plan(syntax, *flags);
  add_environment(syntax, *flags);
  add_deployment(syntax, *flags);
  add_step_timeout(syntax, *flags);
  refuse_state_files(syntax);
  return flags;
}

void add_package_flags(Syntax& syntax, ReleaseFlags& flags) {
  syntax.flag("-f,--force", flags.force, "Overwrite the package file");
  syntax.flag("-u,--uber", flags.uber, "Has no effect (kept for scripts)");
}

}  // namespace

void describe_run_build(Syntax& syntax) {
  auto flags = common(syntax);
  add_values(syntax, *flags);
  syntax.action([flags](Invocation& run) { return build(run, *flags); });
}

void describe_run_test(Syntax& syntax) {
  auto flags = common(syntax);
  syntax.action([flags](Invocation& run) { return test(run, *flags); });
}

void describe_run_package(Syntax& syntax) {
  auto flags = common(syntax);
  add_package_flags(syntax, *flags);
  syntax.action([flags](Invocation& run) { return package(run, *flags); });
}

void describe_run_release(Syntax& syntax) {
  auto flags = common(syntax);
  add_values(syntax, *flags);
  add_package_flags(syntax, *flags);
  syntax.option("--override-version", flags->override_version, "VERSION", "Instead of the plan's");
  syntax.flag("--skip-build", flags->skip_build, "Don't build (nor test what was built)");
  syntax.flag("--skip-tests", flags->skip_tests, "Don't run the tests");
  syntax.flag("--skip-build-destroy", flags->skip_build_destroy, "Leave what was built");
  syntax.flag("--skip-deploy", flags->skip_deploy, "Don't try the deployment");
  syntax.flag("--skip-smoke", flags->skip_smoke, "Don't run the smoke tests of the trial");
  syntax.flag("--skip-deploy-destroy", flags->skip_deploy_destroy, "Don't run the destroy steps of the trial");
  syntax.flag("--skip-destroy", flags->skip_destroy, "Both of the above");
  syntax.flag("--skip-cache", flags->skip_cache, "Has no effect (kept for scripts)");
  syntax.flag("--skip-push", flags->skip_push, "Don't publish");
  syntax.flag("--skip-if-exists", flags->skip_if_exists, "Do nothing when the inventory has this version");
  syntax.flag("--tag-git", flags->tag_git, "Tag the git commit with the release");
  syntax.flag("--push-git-tags", flags->push_git_tags, "Push that tag to origin (true)");
  syntax.example("escape run release");
  syntax.action([flags](Invocation& run) { return release_command(run, *flags); });
}

}  // namespace escape::cli
