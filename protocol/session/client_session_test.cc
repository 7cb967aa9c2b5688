#include "protocol/session/client_session.h"

#include <gtest/gtest.h>

namespace escape::protocol {
namespace client_session_test {

using Action = ClientSession::Action;
using State = ClientSession::State;

const std::string session_id = "session--16bytes";
const std::string instance_id = "instance-16bytes";

constexpr Instant at(std::int64_t millis) { return {1'000'000'000 + millis * 1'000}; }
constexpr std::int64_t millis_of(Instant when) { return (when.micros - 1'000'000'000) / 1'000; }

ClientSession::Limits limits() {
  return {.first_retry = Millis{1'000},
          .max_retry = Millis{60'000},
          .greeting_limit = Millis{10'000},
          .heartbeat = Millis{10'000},
          .missed_beats = 3};
}

/// Welcomed at `at(0)` with a heartbeat of 1 s, three of which may be missed.
ClientSession open_session(Epoch epoch = 5) {
  ClientSession session(limits());
  EXPECT_EQ(session.next(at(0), 0), Action::connect);
  session.begin(session_id);
  session.on_connected(at(0));
  EXPECT_EQ(session.next(at(0), 0), Action::send_hello);
  session.on_welcome(at(0), Millis{1'000}, 3, instance_id, epoch);
  return session;
}

Header incoming(std::uint64_t sequence, Epoch epoch = 5) {
  return {.instance = instance_id, .epoch = epoch, .session = session_id, .sequence = sequence};
}

TEST(ClientSession, GoesFromConnectToOpen) {
  ClientSession session(limits());
  EXPECT_LE(session.wake_at(), at(0));
  EXPECT_EQ(session.next(at(0), 0.5), Action::connect);
  EXPECT_EQ(session.next(at(1), 0.5), Action::none);
  session.begin(session_id);
  session.on_connected(at(20));
  EXPECT_EQ(session.state(), State::greeting);
  EXPECT_EQ(session.next(at(20), 0.5), Action::send_hello);
  EXPECT_EQ(session.next(at(21), 0.5), Action::none);
  EXPECT_EQ(millis_of(session.wake_at()), 10'020);
  session.on_welcome(at(40), Millis{2'000}, 4, instance_id, 9);
  EXPECT_EQ(session.state(), State::open);
  EXPECT_EQ(session.instance(), instance_id);
  EXPECT_EQ(session.epoch(), 9u);
  EXPECT_EQ(session.next(at(40), 0.5), Action::none);
  EXPECT_EQ(millis_of(session.wake_at()), 2'040);
}

TEST(ClientSession, WaitsFullJitterOfADoublingCeilingBetweenTries) {
  const std::int64_t ceilings[] = {1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000, 60'000};
  for (const double jitter : {0.0, 0.25, 0.999}) {
    ClientSession session(limits());
    std::int64_t now = 0;
    for (const std::int64_t ceiling : ceilings) {
      ASSERT_EQ(session.next(at(now), jitter), Action::connect);
      session.on_lost(at(now), jitter);
      const auto delay = static_cast<std::int64_t>(static_cast<double>(ceiling) * jitter);
      EXPECT_EQ(millis_of(session.wake_at()), now + delay);
      if (delay > 0) {
        EXPECT_EQ(session.next(at(now + delay - 1), jitter), Action::none);
      }
      now += delay;
    }
  }
}

TEST(ClientSession, ManyFailuresDoNotOverflowTheCeiling) {
  ClientSession session(limits());
  Instant now = at(0);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(session.next(now, 1.0), Action::connect);
    session.on_lost(now, 1.0);
    ASSERT_LE(session.wake_at() - now, Micros{60'000'000});
    now = session.wake_at();
  }
}

// A server that accepts connections and never welcomes must not be hammered: only a Welcome starts the back-off anew.
TEST(ClientSession, AConnectionAloneDoesNotResetTheBackOff) {
  ClientSession session(limits());
  for (const std::int64_t ceiling : {1'000, 2'000, 4'000}) {
    const Instant now = session.wake_at() + Micros{1};
    ASSERT_EQ(session.next(now, 1.0), Action::connect);
    session.on_connected(now);
    ASSERT_EQ(session.next(now, 1.0), Action::send_hello);
    session.on_lost(now, 1.0);
    EXPECT_EQ(session.wake_at() - now, Micros{ceiling * 1'000});
  }
  const Instant now = session.wake_at();
  ASSERT_EQ(session.next(now, 1.0), Action::connect);
  session.on_connected(now);
  ASSERT_EQ(session.next(now, 1.0), Action::send_hello);
  session.on_welcome(now, Millis{1'000}, 3, instance_id, 5);
  session.on_lost(now, 1.0);
  EXPECT_EQ(session.wake_at() - now, Micros{1'000'000});
}

TEST(ClientSession, GivesUpAConnectThatTakesTooLong) {
  ClientSession session(limits());
  ASSERT_EQ(session.next(at(0), 0), Action::connect);
  EXPECT_EQ(session.next(at(9'999), 0.5), Action::none);
  EXPECT_EQ(session.next(at(10'000), 0.5), Action::close);
  EXPECT_EQ(millis_of(session.wake_at()), 10'500);
}

TEST(ClientSession, GivesUpAGreetingThatIsNotAnswered) {
  ClientSession session(limits());
  ASSERT_EQ(session.next(at(0), 0), Action::connect);
  session.on_connected(at(5'000));
  ASSERT_EQ(session.next(at(5'000), 0), Action::send_hello);
  session.on_traffic(at(14'000));
  EXPECT_EQ(session.next(at(14'999), 0.5), Action::none);
  EXPECT_EQ(session.next(at(15'000), 0.5), Action::close);
  EXPECT_EQ(session.state(), State::waiting);
  EXPECT_EQ(session.next(at(15'499), 0.5), Action::none);
  EXPECT_EQ(session.next(at(15'500), 0.5), Action::connect);
}

TEST(ClientSession, CountsALossOnce) {
  ClientSession session(limits());
  ASSERT_EQ(session.next(at(0), 0), Action::connect);
  ASSERT_EQ(session.next(at(10'000), 0.5), Action::close);
  const Instant due = session.wake_at();
  session.on_lost(at(10'100), 0.9);
  session.on_lost(at(10'200), 0.9);
  EXPECT_EQ(session.wake_at(), due);
}

TEST(ClientSession, PingsAfterABeatOfItsOwnSilence) {
  ClientSession session = open_session();
  session.on_traffic(at(900));
  EXPECT_EQ(session.next(at(999), 0), Action::none);
  EXPECT_EQ(session.next(at(1'000), 0), Action::send_ping);
  EXPECT_EQ(session.next(at(1'000), 0), Action::none);
  session.on_traffic(at(1'010));
  session.on_sent(at(1'500));
  EXPECT_EQ(session.next(at(2'000), 0), Action::none);
  EXPECT_EQ(millis_of(session.wake_at()), 2'010);
}

// Who sends often but hears nothing has to ask, else a controller that has nothing to answer would look dead.
TEST(ClientSession, PingsAfterABeatOfTheOthersSilenceToo) {
  ClientSession session = open_session();
  for (int now = 0; now < 1'000; now += 100) {
    session.on_sent(at(now));
    EXPECT_EQ(session.next(at(now), 0), Action::none);
  }
  session.on_sent(at(1'000));
  EXPECT_EQ(session.next(at(1'000), 0), Action::send_ping);
  session.on_sent(at(1'100));
  EXPECT_EQ(session.next(at(1'100), 0), Action::none);
  EXPECT_EQ(session.next(at(2'000), 0), Action::send_ping);
}

TEST(ClientSession, ClosesAfterTheMissedBeats) {
  ClientSession session = open_session();
  session.on_traffic(at(500));
  EXPECT_EQ(session.next(at(1'600), 0), Action::send_ping);
  EXPECT_EQ(session.next(at(2'700), 0), Action::send_ping);
  EXPECT_NE(session.next(at(3'499), 0), Action::close);
  EXPECT_EQ(session.next(at(3'500), 0.5), Action::close);
  EXPECT_EQ(session.state(), State::waiting);
  EXPECT_EQ(millis_of(session.wake_at()), 4'000);
}

TEST(ClientSession, ClosesAtOnceAfterTheHostHasSlept) {
  ClientSession session = open_session();
  EXPECT_EQ(session.next(at(8 * 3600 * 1000), 0), Action::close);
}

TEST(ClientSession, AnyTrafficCountsAsLife) {
  ClientSession session = open_session();
  for (int now = 0; now <= 20'000; now += 900) {
    session.on_traffic(at(now));
    session.on_sent(at(now));
    ASSERT_EQ(session.next(at(now), 0), Action::none) << now;
  }
}

// What the controller says it can take, and jitter on top of it: those who heard the same moment do not come as one.
TEST(ClientSession, ComesBackNoSoonerThanABusyControllerAsks) {
  for (const double jitter : {0.0, 0.5, 0.999}) {
    ClientSession session(limits());
    ASSERT_EQ(session.next(at(0), 0), Action::connect);
    session.on_connected(at(0));
    ASSERT_EQ(session.next(at(0), 0), Action::send_hello);
    session.on_busy(at(100), Millis{4'000}, jitter);
    EXPECT_EQ(session.state(), State::waiting);
    EXPECT_EQ(millis_of(session.wake_at()), 4'100 + static_cast<std::int64_t>(1'000 * jitter));
    const Instant due = session.wake_at();
    session.on_busy(at(200), Millis{9'000}, jitter);
    session.on_lost(at(200), jitter);
    EXPECT_EQ(session.wake_at(), due) << "one refusal, however often it is told";
    EXPECT_EQ(session.next(due + Micros{-1}, 0), Action::none);
    EXPECT_EQ(session.next(due, 0), Action::connect);
    session.on_busy(due, Millis{1'000}, 1.0);
    EXPECT_EQ(session.wake_at() - due, Micros{3'000'000}) << "it was a failed try like others";
  }
}

TEST(ClientSession, IsNotSentAwayForDays) {
  ClientSession session(limits());
  ASSERT_EQ(session.next(at(0), 0), Action::connect);
  session.on_busy(at(0), std::chrono::hours(24 * 365), 0);
  EXPECT_EQ(millis_of(session.wake_at()), 600'000);
  ASSERT_EQ(session.next(session.wake_at(), 0), Action::connect);
  session.on_busy(at(600'000), Millis{-5'000}, 0);
  EXPECT_EQ(millis_of(session.wake_at()), 600'000);
}

TEST(ClientSession, BeatsAtThePaceThatIsSetOnTheWay) {
  ClientSession session = open_session();
  session.on_pace(Millis{4'000});
  EXPECT_EQ(millis_of(session.wake_at()), 4'000);
  EXPECT_EQ(session.next(at(3'999), 0), Action::none) << "three beats of the old pace have passed";
  EXPECT_EQ(session.next(at(4'000), 0), Action::send_ping);
  session.on_traffic(at(4'001));
  session.on_pace(Millis{500});
  EXPECT_EQ(session.next(at(4'500), 0), Action::send_ping);
  session.on_pace(Millis{0});
  EXPECT_EQ(millis_of(session.wake_at()), 5'000) << "zero is as before";
  EXPECT_EQ(session.next(at(5'501), 0), Action::close);
  session.on_pace(Millis{60'000});
  EXPECT_EQ(session.state(), State::waiting);
}

TEST(ClientSession, SpreadsTheFirstBeatsOfAFleet) {
  for (const double first_beat : {0.0, 0.25, 0.75}) {
    ClientSession session(limits());
    ASSERT_EQ(session.next(at(0), 0), Action::connect);
    session.on_connected(at(0));
    ASSERT_EQ(session.next(at(0), 0), Action::send_hello);
    session.on_welcome(at(0), Millis{20'000}, 3, instance_id, 5, first_beat);
    const auto first = static_cast<std::int64_t>(20'000 * first_beat);
    EXPECT_EQ(millis_of(session.wake_at()), first);
    EXPECT_EQ(session.next(at(first), 0), Action::send_ping);
    EXPECT_EQ(session.next(at(first), 0), Action::none);
    session.on_traffic(at(first + 1));
    EXPECT_EQ(millis_of(session.wake_at()), first + 20'000);
  }
}

TEST(ClientSession, BoundsWhatAWelcomeAsksFor) {
  ClientSession session(limits());
  ASSERT_EQ(session.next(at(0), 0), Action::connect);
  session.on_connected(at(0));
  ASSERT_EQ(session.next(at(0), 0), Action::send_hello);
  session.on_welcome(at(0), Millis{0}, 0, instance_id, 5);
  EXPECT_EQ(session.next(at(0), 0), Action::none);
  EXPECT_GT(session.wake_at(), at(0));
}

TEST(ClientSession, IgnoresWhatComesAtTheWrongMoment) {
  ClientSession session(limits());
  session.on_welcome(at(0), Millis{1'000}, 3, instance_id, 5);
  session.on_connected(at(0));
  session.on_lost(at(0), 1.0);
  session.on_traffic(at(0));
  session.on_sent(at(0));
  EXPECT_EQ(session.state(), State::waiting);
  EXPECT_EQ(session.next(at(0), 0), Action::connect);

  ClientSession open = open_session(5);
  open.on_welcome(at(10), Millis{9'000}, 9, "another-instance", 6);
  EXPECT_EQ(open.epoch(), 5u);
  EXPECT_EQ(open.instance(), instance_id);
}

TEST(ClientSession, NumbersItsMessagesFromOneInEverySession) {
  ClientSession session(limits());
  session.begin(session_id);
  Header first = session.next_header();
  EXPECT_EQ(first.sequence, 1u);
  EXPECT_EQ(first.session, session_id);
  EXPECT_EQ(first.epoch, 0u);
  EXPECT_EQ(session.next_header().sequence, 2u);
  session.remember(instance_id, 7);
  session.begin("another-16-bytes");
  first = session.next_header();
  EXPECT_EQ(first.sequence, 1u);
  EXPECT_EQ(first.session, "another-16-bytes");
  EXPECT_EQ(first.instance, instance_id);
  EXPECT_EQ(first.epoch, 7u);
}

TEST(ClientSession, TakesMessagesInSequenceOnly) {
  ClientSession session = open_session();
  EXPECT_EQ(session.check(incoming(1)), "");
  EXPECT_EQ(session.check(incoming(2)), "");
  EXPECT_EQ(session.check(incoming(2)), "message 2 came before");
  EXPECT_EQ(session.check(incoming(4)), "message 4 came where 3 was due");
  EXPECT_EQ(session.check(incoming(unnumbered)), "");
  EXPECT_EQ(session.check(incoming(3)), "");
}

TEST(ClientSession, RefusesAnotherSessionControllerOrEpoch) {
  ClientSession session = open_session(5);
  Header other_session = incoming(1);
  other_session.session = "another-16-bytes";
  EXPECT_EQ(session.check(other_session), "it belongs to another session");
  Header other_instance = incoming(1);
  other_instance.instance = "another-instance";
  EXPECT_EQ(session.check(other_instance), "it comes from another controller than before");
  EXPECT_EQ(session.check(incoming(1, 4)), "it comes from an older life of the controller (epoch 4, seen 5)");
  EXPECT_EQ(session.check(incoming(1, 6)), "the controller has restarted since the session began");
  EXPECT_EQ(session.check(incoming(1)), "");
}

TEST(ClientSession, WhatWasRememberedGuardsTheGreeting) {
  ClientSession fresh(limits());
  fresh.begin(session_id);
  EXPECT_EQ(fresh.check(incoming(1, 1)), "");

  ClientSession session(limits());
  session.remember(instance_id, 5);
  session.begin(session_id);
  EXPECT_NE(session.check(incoming(1, 4)), "");
  Header other = incoming(1, 9);
  other.instance = "another-instance";
  EXPECT_NE(session.check(other), "");
  EXPECT_EQ(session.check(incoming(1, 6)), "");
}

}  // namespace client_session_test
}  // namespace escape::protocol
