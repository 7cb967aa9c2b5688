#include "controller/cli/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "shared/codec/codec.h"
#include "shared/io/files.h"
#include "shared/plan/document.h"

namespace escape::cli {
namespace config_testing {

/// Sets a variable for a test and puts the old value back.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    if (value) {
      ::setenv(name, value, 1);
    } else {
      ::unsetenv(name);
    }
  }
  ~Variable() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(Config, ReadsTheOriginalsJson) {
  Result<Config> config = parse_config(R"({
    "current_profile": "team",
    "profiles": {
        "default": {"inventory_type": "local", "api_server": "https://escape.example.org", "escape_auth_token": "",
                    "basic_auth_username": "", "basic_auth_password": "", "insecure_skip_verify": false,
                    "state_path": "/home/u/.escape/escape_state.json", "local_inventory_base_dir": "/home/u/inv",
                    "proxy_namespaces": ["examples", "extensions"]},
        "team": {"inventory_type": "remote", "api_server": "http://inv:7770", "insecure_skip_verify": true,
                 "proxy_namespaces": null}}})",
                                       "c");
  ASSERT_TRUE(config) << describe(config.error());
  EXPECT_EQ(config.value().current, "team");
  const Profile& local = config.value().profiles.at("default");
  EXPECT_FALSE(local.uses_server_inventory());
  EXPECT_EQ(local.local_inventory_base_dir, "/home/u/inv");
  EXPECT_EQ(local.proxy_namespaces, (std::vector<std::string>{"examples", "extensions"}));
  const Profile& team = config.value().profiles.at("team");
  EXPECT_TRUE(team.uses_server_inventory());
  EXPECT_TRUE(team.insecure_skip_verify);
  EXPECT_FALSE(team.local_inventory_base_dir.empty());
}

TEST(Config, AnApiServerAloneMeansThatInventory) {
  Result<Config> config = parse_config("profiles: {default: {api_server: \"http://inv:7770\"}}", "c");
  ASSERT_TRUE(config);
  EXPECT_TRUE(config.value().profiles.at("default").uses_server_inventory());
}

TEST(Config, ANewProfileTakesItsServerFromTheEnvironment) {
  const Variable server("ESCAPE_API_SERVER", "http://from-env:1");
  Result<Config> config = load_config("/nonexistent/escape.yml");
  ASSERT_TRUE(config) << describe(config.error());
  EXPECT_EQ(config.value().profiles.at("default").api_server, "http://from-env:1");
  const Error missing = load_config("/nonexistent/escape.yml", true).error();
  EXPECT_EQ(missing.kind, ErrorKind::bad_configuration);
  EXPECT_EQ(missing.message, "The configuration file '/nonexistent/escape.yml' does not exist.");
}

TEST(Config, SecretsOfTheEnvironmentAreNotWritten) {
  const Variable server("ESCAPE_API_SERVER", "http://from-env:1");
  const Variable token("ESCAPE_AUTH_TOKEN", "s3cret");
  Config config = load_config("/nonexistent/escape.yml").value();
  EXPECT_EQ(config.profiles.at("default").escape_auth_token, "s3cret");
  EXPECT_EQ(to_yaml(config).find("s3cret"), std::string::npos);
  EXPECT_EQ(codec::to_json(shown_profile(config.profiles.at("default"))).find("s3cret"), std::string::npos);
}

TEST(Config, WhatIsWrittenIsReadAgain) {
  const std::string text =
      "current_profile: b\nprofiles:\n  a: {api_server: \"http://a\"}\n"
      "  b:\n    controller: {address: \"host:7772\", key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA}\n    key_file: "
      "/k/b.key\n"
      "    escape_auth_token: tok\n";
  Config config = parse_config(text, "c").value();
  const Config again = parse_config(to_yaml(config), "c").value();
  EXPECT_EQ(again.current, "b");
  EXPECT_EQ(again.profiles.at("b").controller, config.profiles.at("b").controller);
  EXPECT_TRUE(again.profiles.at("b").is_remote());
  EXPECT_EQ(again.profiles.at("b").escape_auth_token, "tok");
  EXPECT_EQ(to_yaml(again), to_yaml(config));
}

/// Passed over, a mistyped `controller` would deploy from this machine.
TEST(Config, AKeyThatMeansNothingIsAnError) {
  const auto told = [](std::string_view text) {
    const Error error = parse_config(text, "conf").error();
    EXPECT_EQ(error.kind, ErrorKind::bad_configuration);
    return error.message + " | " + error.hint;
  };
  const std::string begin = "Couldn't parse Escape configuration file 'conf': line ";
  EXPECT_EQ(told("profiles:\n  default:\n    controler:\n      address: host:7772\n"),
            begin + "3: unknown key 'controler' of the profile 'default' | Did you mean 'controller'?");
  EXPECT_EQ(told("\ncurent_profile: a\n"),
            begin + "2: unknown key 'curent_profile' of the file | Did you mean 'current_profile'?");
  EXPECT_EQ(told("default: {}\n"),
            begin + "1: unknown key 'default' of the file | The keys there are: current_profile, profiles.");
  EXPECT_EQ(told("profiles: [default]\n"), begin + "1: expected 'profiles' to hold profiles by their names | ");
  EXPECT_EQ(told("current_profile: {}\n"), begin + "1: expected the name of a profile | ");
}

TEST(Config, IsWrittenForItsOwnerAlone) {
  const std::string folder = io::make_temporary_folder("escape-cli-config").value();
  Config config = parse_config("", folder + "/sub/config.yml").value();
  ASSERT_TRUE(save_config(config));
  struct stat status{};
  ASSERT_EQ(::stat(config.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_TRUE(io::remove_all(folder));
}

TEST(Config, ErrorsNameFileAndLine) {
  const auto message = [](std::string_view text) { return describe(parse_config(text, "conf").error()); };
  EXPECT_EQ(
      message("profiles:\n  a:\n    insecure_skip_verify: perhaps\n"),
      "Couldn't parse Escape configuration file 'conf': line 3: expected true or false for 'insecure_skip_verify'");
  EXPECT_EQ(message("profiles:\n  a: 1\n"),
            "Couldn't parse Escape configuration file 'conf': line 2: expected a profile to hold fields");
  EXPECT_EQ(message("profiles:\n  a: {controller: {address: x, port: 1}}\n"),
            "Couldn't parse Escape configuration file 'conf': line 2: unknown key 'port' of 'controller'");
  EXPECT_TRUE(message("profiles:\nprofiles:\n").starts_with("Couldn't parse Escape configuration file 'conf': line 2"));
  EXPECT_TRUE(message("{\"a\": ").starts_with("Couldn't parse Escape configuration file 'conf': line "));
  EXPECT_EQ(parse_config("[]", "conf").error().kind, ErrorKind::bad_configuration);
  const Config config = parse_config("", "conf").value();
  EXPECT_EQ(find_profile(config, "x").error().message,
            "Referenced profile 'x' was not found in the Escape configuration file.");
}

TEST(ConfigPath, FollowsTheDecidedOrder) {
  const std::string folder = io::make_temporary_folder("escape-cli-home").value();
  const Variable home("HOME", folder.c_str());
  const Variable base("XDG_CONFIG_HOME", nullptr);
  EXPECT_EQ(config_path("given"), "given");
  EXPECT_EQ(config_path("~/x"), folder + "/x");
  EXPECT_EQ(config_path(""), folder + "/.config/escape/config.yml");
  ASSERT_TRUE(io::write_file(folder + "/.escape_config", "{}"));
  EXPECT_EQ(config_path(""), folder + "/.escape_config");
  ASSERT_TRUE(io::make_folders(folder + "/.config/escape"));
  ASSERT_TRUE(io::write_file(folder + "/.config/escape/config.yml", ""));
  EXPECT_EQ(config_path(""), folder + "/.config/escape/config.yml");
  ASSERT_TRUE(io::remove_all(folder));
}

TEST(KeyFile, RoundTripsAndRefusesWhatOthersMayRead) {
  const std::string folder = io::make_temporary_folder("escape-cli-keys").value();
  const std::string path = folder + "/keys/a.key";
  const KeyPair keys = make_key_pair();
  ASSERT_TRUE(save_key_file(path, keys));
  Result<KeyPair> loaded = load_key_file(path);
  ASSERT_TRUE(loaded) << describe(loaded.error());
  EXPECT_EQ(loaded.value().secret_key, keys.secret_key);
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_EQ(load_key_file(path).error().kind, ErrorKind::no_permission);
  ASSERT_TRUE(io::remove_all(folder));
}

TEST(Document, TypesAsYaml12DoesAndKeepsWords) {
  Result<plan::Document> document =
      plan::parse_document("{a: 1, b: '1', c: yes, d: true, e: 1.5, f: null, g: , h: 0.0.1, i: [x, -2], j: \"\"}");
  ASSERT_TRUE(document) << describe(document.error());
  EXPECT_EQ(codec::to_json(document.value().to_value()),
            R"({"a":1,"b":"1","c":"yes","d":true,"e":1.5,"f":null,"g":null,"h":"0.0.1","i":["x",-2],"j":""})");
}

TEST(Document, RefusesAliasesCyclesAndSecondDocuments) {
  EXPECT_FALSE(plan::parse_document("a: &x [1]\nb: *x\n"));
  EXPECT_FALSE(plan::parse_document("a: &x\n  b: *x\n"));
  EXPECT_FALSE(plan::parse_document("a: 1\n---\nb: 2\n"));
  EXPECT_FALSE(plan::parse_document("<<: {a: 1}\n"));
  EXPECT_FALSE(plan::parse_document("[a]: 1\n"));
  EXPECT_FALSE(plan::parse_document("a: \xff\n"));
  EXPECT_FALSE(plan::parse_document(std::string(1000, '[') + std::string(1000, ']')));
}

}  // namespace config_testing
}  // namespace escape::cli
