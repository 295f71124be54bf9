#include "common/sys/tty.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

using test::ok;

class Terminal : public ::testing::Test {
 protected:
  void SetUp() override {
    master_ = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(master_);
    ASSERT_EQ(::unlockpt(master_.get()), 0);
    auto slave = open_at(at_cwd(), ::ptsname(master_.get()), O_RDWR | O_NOCTTY);
    ASSERT_TRUE(ok(slave));
    slave_ = *std::move(slave);
  }

  tcflag_t local_flags() const {
    termios mode{};
    EXPECT_EQ(::tcgetattr(slave_.get(), &mode), 0);
    return mode.c_lflag;
  }

  UniqueFd master_;
  UniqueFd slave_;
};

TEST_F(Terminal, IsToldFromOtherThings) {
  EXPECT_TRUE(is_terminal(slave_.get()));
  const auto pipe = make_pipe();
  ASSERT_TRUE(ok(pipe));
  EXPECT_FALSE(is_terminal(pipe->read.get()));
  EXPECT_EQ(RawMode::enter(pipe->read.get()).error().sys_errno(), ENOTTY);
}

TEST_F(Terminal, KeepsItsWindowSize) {
  ASSERT_TRUE(ok(set_window_size(slave_.get(), {40, 132, 0, 0})));
  const auto size = window_size(master_.get());
  ASSERT_TRUE(ok(size));
  EXPECT_EQ(size->ws_row, 40);
  EXPECT_EQ(size->ws_col, 132);
}

TEST_F(Terminal, RawModeEndsWithItsOwner) {
  const tcflag_t before = local_flags();
  ASSERT_TRUE((before & ECHO) != 0);
  {
    auto raw = RawMode::enter(slave_.get());
    ASSERT_TRUE(ok(raw));
    const RawMode moved = *std::move(raw);
    EXPECT_EQ(local_flags() & (ECHO | ICANON | ISIG), 0U);
  }
  EXPECT_EQ(local_flags(), before);
}

}  // namespace
}  // namespace agena::sys
