#include "stage1/iohub/output_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

namespace agena::stage1 {
namespace {

// Reads what is in a pipe now; how much that was.
std::size_t drain(int fd) {
  std::array<char, 65536> buffer{};
  std::size_t all = 0;
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) all += static_cast<std::size_t>(n);
  return all;
}

// Producers that stopped must hear of room whoever made it: a push may write, too.
TEST(OutputQueue, TellsOfRoomOnceAlsoWhenSomethingIsPushedMeanwhile) {
  auto loop = sys::EventLoop::create().value();
  sys::Pipe pipe = sys::make_pipe().value();
  ASSERT_EQ(::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK), 0);
  int told = 0;
  OutputQueue queue(loop, pipe.write.get(), [&]() -> Result<> {
    ++told;
    return {};
  });
  const std::string much((1U << 20U) + 100'000, 'x');
  ASSERT_TRUE(queue.push(much).has_value());
  ASSERT_TRUE(queue.full());
  EXPECT_EQ(told, 0);
  std::size_t read = drain(pipe.read.get());
  ASSERT_TRUE(queue.push("y").has_value());
  const auto on_input = [&](std::uint32_t) -> Result<> {
    read += drain(pipe.read.get());
    if (read == much.size() + 1) loop.quit();
    return {};
  };
  ASSERT_TRUE(loop.add(pipe.read.get(), EPOLLIN, on_input).has_value());
  loop.set_deadline(monotonic_now() + 60 * kSecond, [&]() -> Result<> {
    loop.quit();
    return {};
  });
  ASSERT_TRUE(loop.run().has_value());
  loop.remove(pipe.read.get());
  EXPECT_EQ(read, much.size() + 1);
  EXPECT_EQ(told, 1);
}

TEST(OutputQueue, WhatNobodyReadsIsDroppedWhenThereIsAHurry) {
  auto loop = sys::EventLoop::create().value();
  sys::Pipe pipe = sys::make_pipe().value();
  sys::Pipe hurry = sys::make_pipe().value();
  int told = 0;
  OutputQueue queue(loop, pipe.write.get(), [&]() -> Result<> {
    ++told;
    return {};
  });
  ASSERT_TRUE(queue.push(std::string(2U << 20U, 'x')).has_value());
  ASSERT_TRUE(queue.full());
  ASSERT_EQ(::write(hurry.write.get(), "!", 1), 1);
  const Nanoseconds before = monotonic_now();
  ASSERT_TRUE(queue.flush({.hurry = hurry.read.get()}).has_value());
  EXPECT_GE(monotonic_now() - before, OutputQueue::kHurry);  // a moment it gets
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(told, 1);
  ASSERT_TRUE(queue.push("more").has_value());
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace agena::stage1
