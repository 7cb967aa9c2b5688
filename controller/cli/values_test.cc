#include "controller/cli/values.h"

#include <gtest/gtest.h>

#include <map>

#include "controller/cli/apply_file.h"
#include "controller/cli/table.h"
#include "shared/codec/codec.h"
#include "shared/io/files.h"

namespace escape::cli {
namespace values_testing {

Result<std::string> read_fake(const std::string& path) {
  static const std::map<std::string, std::string> files{
      {"text", "line\n"},
      {"v.json", R"({"n": 3, "on": "x", "l": ["a"]})"},
      {"v.yml", "n: 4\nb: true\n"},
      {"typed.yml", "# values\nversion: 1.10\nmode: 0644\non: yes\nport: 80\nt: true\nq: '5'\nl: [1.50, a]\n"},
      {"typed.json", " {\"f\": 1.5, \"n\": null, \"o\": {\"a\": [1]}}"},
      {"@odd", "k: v"},
      {"nameless", "\"\": x\n"},
      {"twice", "a: 1\na: 2\n"},
      {"documents", "a: 1\n---\nb: 2\n"},
      {"binary", "\xff\xfe"},
      {"empty", ""},
      {"bad", "[1"},
      {"list", "[1]"}};
  auto found = files.find(path);
  if (found == files.end()) return fail(ErrorKind::not_found, "open " + path + ": no such file or directory");
  return found->second;
}

std::string values(std::vector<std::string> given) {
  Result<Value::Object> parsed = parse_values(given, read_fake);
  return parsed ? codec::to_json(parsed.value())
                : std::string(kind_name(parsed.error().kind)) + ": " + parsed.error().message;
}

TEST(Values, TakesEveryForm) {
  EXPECT_EQ(values({"k=v"}), R"({"k":"v"})");
  EXPECT_EQ(values({"k=a=b,c"}), R"({"k":"a=b,c"})");
  EXPECT_EQ(values({"k", "l="}), R"({"k":"","l":""})");
  EXPECT_EQ(values({"k=@text"}), "{\"k\":\"line\\n\"}");
  EXPECT_EQ(values({"k=@@text"}), R"({"k":"@text"})");
  EXPECT_EQ(values({"@v.json"}), R"({"n":3,"on":"x","l":["a"]})");
  EXPECT_EQ(values({"@v.yml", "n=5"}), R"({"n":"5","b":true})");
  EXPECT_EQ(values({"who=1", "who=2"}), R"({"who":"2"})");
}

TEST(Values, KeepsTheTypesOfFiles) {
  EXPECT_EQ(values({"@typed.yml"}),
            R"({"version":"1.10","mode":"0644","on":"yes","port":80,"t":true,"q":"5","l":["1.50","a"]})");
  EXPECT_EQ(values({"@typed.json"}), R"({"f":1.5,"n":null,"o":{"a":[1]}})");
}

TEST(Values, AnAtAtTheBeginningIsAFileAndTwoAreOne) {
  EXPECT_EQ(values({"k=@@"}), R"({"k":"@"})");
  EXPECT_EQ(values({"k=@@@x"}), R"({"k":"@@x"})");
  EXPECT_EQ(values({"k=a@b"}), R"({"k":"a@b"})");
  EXPECT_EQ(values({"k=@@odd"}), R"({"k":"@odd"})");
  EXPECT_EQ(values({"@@odd"}), R"({"k":"v"})") << "a file whose name begins with @";
  EXPECT_EQ(values({"k=@empty"}), R"({"k":""})");
}

TEST(Values, SaysWhatIsWrong) {
  EXPECT_EQ(values({"@nameless"}),
            "bad_data: Couldn't read file 'nameless' into JSON map: line 1: a value has no name");
  EXPECT_TRUE(values({"@twice"}).starts_with("bad_data: Couldn't read file 'twice' into JSON map: line 2"));
  EXPECT_TRUE(values({"@documents"}).starts_with("bad_data: Couldn't read file 'documents' into JSON map: line 3"));
  EXPECT_EQ(values({"k=@binary"}), "bad_data: The file 'binary' is not text (UTF-8), which a value must be.");
  EXPECT_EQ(values({"@empty"}), "bad_data: Couldn't read file 'empty' into JSON map: it holds no object");
  EXPECT_EQ(values({"@"}), "usage: The value '-v @' names no file after '@'.");
  EXPECT_EQ(values({"k=@"}), "usage: The value '-v k=@' names no file after '@'.");
  EXPECT_EQ(parse_values({"k=@nope"}, read_fake).error().hint,
            "To give a value that begins with '@', write it twice: NAME=@@text");
  EXPECT_EQ(values({"=x"}), "usage: The value '-v =x' has no name.");
  EXPECT_EQ(values({""}), "usage: The value '-v ' has no name.");
  EXPECT_EQ(values({"k=@nope"}), "not_found: Couldn't read file 'nope': open nope: no such file or directory");
  EXPECT_TRUE(values({"@bad"}).starts_with("bad_data: Couldn't read file 'bad' into JSON map: line 1"));
  EXPECT_EQ(values({"@list"}), "bad_data: Couldn't read file 'list' into JSON map: it holds no object");
}

TEST(Values, AProviderIsTheNameOfADeployment) {
  const std::string folder = io::make_temporary_folder("escape-cli-values").value();
  ASSERT_TRUE(io::write_file(folder + "/p.json", R"({"kube": "cluster"})"));
  ASSERT_TRUE(io::write_file(folder + "/bad.json", R"({"kube": 1})"));
  using Providers = std::map<std::string, std::string>;
  EXPECT_EQ(parse_providers({"k=prj/a=b"}).value(), (Providers{{"k", "prj/a=b"}}));
  EXPECT_EQ(parse_providers({"@" + folder + "/p.json", "mq=m"}).value(), (Providers{{"kube", "cluster"}, {"mq", "m"}}));
  EXPECT_EQ(parse_providers({"@" + folder + "/bad.json"}).error().message,
            "Expecting a string value for extra provider 'kube' got 1");
  ASSERT_TRUE(io::remove_all(folder));
}

std::string apply(std::string_view text, const std::string& environment = "") {
  Result<protocol::request::ApplyEnvironment> parsed = parse_apply_file(text, "stage.yml", environment);
  if (!parsed) return describe(parsed.error());
  std::string shown = parsed.value().environment;
  for (const auto& item : parsed.value().deployments) {
    shown += " " + item.deployment + "=" + item.release + codec::to_json(item.inputs);
  }
  return shown;
}

TEST(ApplyFile, ReadsDeploymentsWithTypedInputs) {
  EXPECT_EQ(apply("environment: stage\nprotected: true\ninputs: {region: eu}\ndeployments:\n"
                  "  quickstart/hello: {release: quickstart/hello-world-latest, inputs: {who: Stage, n: 3}}\n"
                  "  other:\n    release: team/other-v0.0.@\n"),
            R"(stage quickstart/hello=quickstart/hello-world-latest{"who":"Stage","n":3} other=team/other-v0.0.@{})");
  EXPECT_EQ(apply("deployments: {}\n", "stage"), "stage");
}

TEST(ApplyFile, SaysWhoConverges) {
  const auto policy = [](const char* text) { return parse_apply_file(text, "stage.yml", "stage").value().converge; };
  EXPECT_EQ(policy("deployments: {}\n"), std::nullopt) << "as it was";
  EXPECT_EQ(policy("converge: {policy: automatic, every: 90s}\n"), (state::ConvergePolicy{true, Millis{90'000}}));
  EXPECT_EQ(policy("converge: automatic\n"), (state::ConvergePolicy{true, Millis{300'000}}));
  EXPECT_EQ(policy("converge: {policy: manual}\n"), state::ConvergePolicy{});
  EXPECT_EQ(apply("converge: sometimes\n", "stage"),
            "stage.yml: line 1: expected 'automatic' or 'manual' as the policy of 'converge', got 'sometimes'");
  EXPECT_EQ(apply("converge:\n  every: 5m\n", "stage"),
            "stage.yml: line 2: expected 'automatic' or 'manual' as the policy of 'converge', got ''");
  EXPECT_EQ(apply("converge:\n  policy: automatic\n  evry: 5m\n", "stage"), "stage.yml: line 3: unknown key 'evry'");
  EXPECT_EQ(apply("converge:\n  policy: automatic\n  every: soon\n", "stage").substr(0, 20), "stage.yml: line 3: '");
}

TEST(ApplyFile, ErrorsNameFileAndLine) {
  EXPECT_EQ(apply("deploymants: {}\n", "stage"), "stage.yml: line 1: unknown key 'deploymants'");
  EXPECT_EQ(apply("environment: live\ndeployments: {}\n", "stage"),
            "stage.yml: line 1: the file is for the environment 'live', but -e says 'stage'");
  EXPECT_EQ(apply("deployments:\n  a:\n    relase: x\n", "stage"), "stage.yml: line 3: unknown key 'relase'");
  EXPECT_EQ(apply("deployments:\n  a:\n    inputs: {}\n", "stage"),
            "stage.yml: line 3: the deployment 'a' has no 'release'");
  EXPECT_EQ(apply("deployments:\n  a: x-latest\n", "stage"),
            "stage.yml: line 2: expected a map with 'release' for the deployment 'a', got 'x-latest'");
  EXPECT_EQ(apply("deployments:\n  - a\n", "stage"), "stage.yml: line 2: expected a map of deployments, got a list");
  EXPECT_EQ(apply("protected: maybe\ndeployments: {}\n", "stage"),
            "stage.yml: line 1: expected true or false for 'protected', got 'maybe'");
  EXPECT_EQ(apply("deployments:\n  a: {release: nonsense}\n", "stage"),
            "stage.yml: line 2: Invalid release format: nonsense.");
  EXPECT_EQ(apply("deployments: {}\n"), "The file 'stage.yml' doesn't say for which environment it is.");
  EXPECT_EQ(apply("[]", "stage"), "stage.yml: line 1: expected a map with 'deployments', got a list");
}

TEST(Providers, SayWhatIsWrongOfTheirOwnFlag) {
  const auto providers = [](const std::vector<std::string>& given) {
    const Result<std::map<std::string, std::string>> parsed = parse_providers(given);
    return parsed ? "" : parsed.error().message + " " + parsed.error().hint;
  };
  EXPECT_EQ(providers({"=foo"}), "The value '-p =foo' has no name. Write it as -p VARIABLE=DEPLOYMENT.");
  const std::string nameless = "The provider '-p k8s' names no deployment. Give the name of a deployment: -p k8s=NAME";
  EXPECT_EQ(providers({"k8s"}), nameless);
  EXPECT_EQ(providers({"k8s="}), nameless);
  EXPECT_EQ(providers({"k8s=@"}).substr(0, 47), "The value '-p k8s=@' names no file after '@'. T");
  EXPECT_EQ(parse_providers({"k8s=shop/k8s"}).value().at("k8s"), "shop/k8s");
}

TEST(ApplyFile, AnEmptyFileHasALineToo) {
  EXPECT_EQ(apply("", "stage"), "stage.yml: line 1: expected a map with 'deployments', got nothing");
}

TEST(Table, ShowsNothingThatATerminalObeys) {
  Table table({"A", "B"});
  table.add({"two\nlines", "\x1b[2Jx"});
  EXPECT_EQ(table.text(), "A          B\ntwo?lines  ?[2Jx\n");
}

TEST(Table, AlignsByCharactersAndEndsLinesClean) {
  Table table({"A", "BB", "C"});
  table.add({"✔️ x", "1", ""});
  table.add({"yy", "22222", "z"});
  EXPECT_EQ(table.text(), "A    BB     C\n✔️ x  1\nyy   22222  z\n");
}

}  // namespace values_testing
}  // namespace escape::cli
