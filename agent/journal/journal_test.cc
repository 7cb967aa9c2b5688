#include "agent/journal/journal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "protocol/messages/agent.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"

namespace escape::journal::journal_test {

using agent::TaskKey;

class JournalFiles : public testing::Test {
 protected:
  void SetUp() override { folder = io::make_temporary_folder("journal").value(); }
  void TearDown() override {
    journal.reset();
    (void)io::remove_all(folder);
  }
  void open() {
    journal.reset();
    Result<std::unique_ptr<Journal>> opened = Journal::open(folder);
    ASSERT_TRUE(opened) << opened.error().message;
    journal = std::move(opened).value();
  }
  static protocol::Offer offer_of(const TaskKey& key) {
    protocol::Offer offer;
    offer.task = key.task;
    offer.attempt = key.attempt;
    offer.variables = {{"INPUT_a", "A"}, {"INPUT_password", secret}};
    return offer;
  }

  std::string bytes_of(const char* file) { return io::read_file(journal->folder_of(key) + "/" + file).value(); }

  static constexpr const char* secret = "kR7vQ2mZx9LwT4sB";
  std::string folder;
  std::unique_ptr<Journal> journal;
  const TaskKey key{{12, 0}, 1};
};

TEST_F(JournalFiles, TellsAfterARestartWhatItWasTold) {
  const TaskKey second{{12, 1}, 1};
  open();
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  ASSERT_TRUE(journal->keep_offer(offer_of(second)));
  agent::TaskResult result;
  result.outcome = protocol::TaskOutcome::timed_out;
  result.message = "m";
  result.outputs = {{"a", 1}};
  result.output_bytes = 7;
  ASSERT_TRUE(journal->keep_result(second, result));
  open();
  const Journal::Found found = journal->find_all().value();
  ASSERT_EQ(found.tasks.size(), 2u);
  EXPECT_EQ(agent::key_of(found.tasks[0].offer), key);
  EXPECT_EQ(found.tasks[0].offer.variables.at("INPUT_a"), "A");
  EXPECT_FALSE(found.tasks[0].result);
  EXPECT_EQ(found.tasks[1].result, result);
}

TEST_F(JournalFiles, OffersAndResultsAreSealed) {
  open();
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  agent::TaskResult result;
  result.outputs = {{"token", secret}};
  ASSERT_TRUE(journal->keep_result(key, result));
  for (const char* file : {"offer", "finished"}) {
    EXPECT_TRUE(is_sealed(bytes_of(file))) << file;
    EXPECT_EQ(bytes_of(file).find(secret), std::string::npos) << file;
  }
  struct stat status{};
  ASSERT_EQ(::stat((folder + "/secrets.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

/// Taken for another task's, it would run another's script.
TEST_F(JournalFiles, ASealedOfferThatWasMovedIsNotRead) {
  open();
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  ASSERT_TRUE(io::make_folders(folder + "/tasks/13.0.1"));
  ASSERT_TRUE(io::rename(folder + "/tasks/12.0.1/offer", folder + "/tasks/13.0.1/offer"));
  const Journal::Found found = journal->find_all().value();
  EXPECT_TRUE(found.tasks.empty());
  EXPECT_EQ(found.unreadable.size(), 1u);
}

TEST_F(JournalFiles, WhatAnEarlierVersionWroteInClearIsReadAndSealed) {
  open();
  const std::string task = journal->folder_of(key);
  ASSERT_TRUE(io::make_folders(task));
  ASSERT_TRUE(io::write_file(task + "/offer", protocol::encode(protocol::ToAgent{offer_of(key)}).body));
  agent::TaskResult result;
  result.outputs = {{"token", secret}};
  ASSERT_TRUE(io::write_file(task + "/finished", codec::to_msgpack(codec::encode(result))));
  ASSERT_NE(bytes_of("offer").find(secret), std::string::npos);
  for (int life = 0; life < 2; ++life) {
    open();
    const Journal::Found found = journal->find_all().value();
    ASSERT_EQ(found.tasks.size(), 1u);
    EXPECT_EQ(found.tasks[0].offer.variables.at("INPUT_password"), secret);
    EXPECT_EQ(found.tasks[0].result, result);
    EXPECT_TRUE(is_sealed(bytes_of("offer")) && is_sealed(bytes_of("finished")));
  }
}

/// An agent that does not know its tasks any more would let them run again.
TEST_F(JournalFiles, WithoutTheKeyOfItsTasksItDoesNotOpen) {
  open();
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  const std::string id = to_hex(journal->keys().first_id());
  journal.reset();
  ASSERT_TRUE(io::rename(folder + "/secrets.key", folder + "/away"));
  for (const bool has_another : {false, true}) {
    if (has_another) {
      ASSERT_TRUE(io::write_file(folder + "/secrets.key", SealKeys::make().to_text(), 0600));
    }
    const Result<std::unique_ptr<Journal>> opened = Journal::open(folder);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::bad_configuration);
    EXPECT_NE(opened.error().message.find(id), std::string::npos) << opened.error().message;
    EXPECT_EQ(io::exists(folder + "/secrets.key"), has_another) << "no key is made over those that are wanted";
  }
  ASSERT_TRUE(io::rename(folder + "/away", folder + "/secrets.key"));
  open();
  EXPECT_EQ(journal->find_all().value().tasks.size(), 1u);
}

TEST_F(JournalFiles, ASettledTaskLeavesItsIdOnly) {
  open();
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  ASSERT_TRUE(journal->settle(key));
  EXPECT_FALSE(io::exists(journal->folder_of(key)));
  open();
  const Journal::Found found = journal->find_all().value();
  EXPECT_TRUE(found.tasks.empty());
  EXPECT_EQ(found.settled, std::vector<TaskKey>{key});
}

/// Killed between the two halves of settling, or while a folder was made or removed.
TEST_F(JournalFiles, RemovesWhatAnInterruptedWriteLeft) {
  open();
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  journal.reset();
  ASSERT_TRUE(io::write_file(folder + "/settled", to_string(key) + "\n3.0."));
  ASSERT_TRUE(io::make_folders(folder + "/tasks/13.0.1"));
  ASSERT_TRUE(io::make_folders(folder + "/tasks/garbage"));
  open();
  const Journal::Found found = journal->find_all().value();
  EXPECT_TRUE(found.tasks.empty());
  EXPECT_EQ(found.settled, std::vector<TaskKey>{key});
  EXPECT_TRUE(io::list_folder(folder + "/tasks").value().empty());
  ASSERT_TRUE(journal->settle({{14, 0}, 1}));
  EXPECT_EQ(io::read_file(folder + "/settled").value(), "12.0.1\n14.0.1\n") << "the half line is gone";
}

TEST_F(JournalFiles, AnUnreadableOfferIsNamedAndLeftAlone) {
  ASSERT_TRUE(io::make_folders(folder + "/tasks/12.0.1"));
  ASSERT_TRUE(io::write_file(folder + "/tasks/12.0.1/offer", "\xc1"));
  open();
  const Journal::Found found = journal->find_all().value();
  EXPECT_TRUE(found.tasks.empty());
  ASSERT_EQ(found.unreadable.size(), 1u);
  EXPECT_NE(found.unreadable[0].find("12.0.1/offer"), std::string::npos);
  EXPECT_TRUE(io::exists(folder + "/tasks/12.0.1/offer"));
}

/// In clear, as an earlier version wrote it: a sealed one does not even open there.
TEST_F(JournalFiles, TheOfferOfAnotherTaskIsNamedAndLeftAlone) {
  open();
  const std::string task = journal->folder_of(key);
  ASSERT_TRUE(io::make_folders(task));
  const std::string others = protocol::encode(protocol::ToAgent{offer_of({{99, 0}, 1})}).body;
  ASSERT_TRUE(io::write_file(task + "/offer", others));
  const Journal::Found found = journal->find_all().value();
  EXPECT_TRUE(found.tasks.empty());
  ASSERT_EQ(found.unreadable.size(), 1u);
  EXPECT_NE(found.unreadable[0].find("tasks/12.0.1/offer' holds the offer of another task, 99.0.1"), std::string::npos)
      << found.unreadable[0];
  EXPECT_EQ(bytes_of("offer"), others);
}

TEST_F(JournalFiles, RemembersTheNewestIdsOnly) {
  std::string text;
  for (std::size_t i = 1; i <= agent::max_settled + 5; ++i) text += std::to_string(i) + ".0.1\n";
  ASSERT_TRUE(io::write_file(folder + "/settled", text));
  open();
  const Journal::Found found = journal->find_all().value();
  ASSERT_EQ(found.settled.size(), agent::max_settled);
  EXPECT_EQ(found.settled.front(), (TaskKey{{6, 0}, 1}));
}

TEST_F(JournalFiles, ReadsRangesOfTheOutput) {
  open();
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  EXPECT_EQ(journal->read_output(key, 0, 10).value(), "") << "nothing was written yet";
  ASSERT_TRUE(io::write_file(journal->folder_of(key) + "/output", "0123456789"));
  EXPECT_EQ(journal->read_output(key, 3, 4).value(), "3456");
  EXPECT_EQ(journal->read_output(key, 8, 4).value(), "89");
  EXPECT_EQ(journal->read_output(key, 80, 4).value(), "");
}

TEST_F(JournalFiles, StartingOverForgetsTasksAndIds) {
  open();
  ASSERT_TRUE(journal->settle({{11, 0}, 1}));
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  ASSERT_TRUE(journal->start_over());
  ASSERT_TRUE(journal->settle({{1, 0}, 1}));
  open();
  const Journal::Found found = journal->find_all().value();
  EXPECT_TRUE(found.tasks.empty());
  EXPECT_EQ(found.settled, (std::vector<TaskKey>{{{1, 0}, 1}}));
}

TEST_F(JournalFiles, ASecondAgentIsRefused) {
  open();
  const Result<std::unique_ptr<Journal>> second = Journal::open(folder);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::conflict);
  EXPECT_NE(second.error().message.find(folder), std::string::npos);
}

TEST_F(JournalFiles, OffersAreForTheAgentsEyesOnly) {
  open();
  ASSERT_TRUE(journal->keep_offer(offer_of(key)));
  struct stat status{};
  ASSERT_EQ(::stat((journal->folder_of(key) + "/offer").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

}  // namespace escape::journal::journal_test
