// What is said to the host's journal, and what /dev/log hears.
#include "stage1/iohub/journal.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "common/sys/fs.h"
#include "common/sys/notify.h"
#include "stage1/iohub/syslog.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

TEST(JournalEntry, FieldsOfOneAndOfSeveralLines) {
  std::string entry;
  append_journal_field(entry, "PRIORITY", "6");
  append_journal_field(entry, "MESSAGE", "a\nb");
  EXPECT_EQ(entry, std::string("PRIORITY=6\nMESSAGE\n\3\0\0\0\0\0\0\0a\nb\n", 31));
}

TEST(JournalEntry, PrioritiesOfLines) {
  EXPECT_EQ(split_priority("<3>bad", 6).priority, 3);
  // An app may not write to all terminals of the host.
  EXPECT_EQ(split_priority("<0>everybody!", 6).priority, 2);
  EXPECT_EQ(split_priority("<1>everybody!", 6).priority, 2);
  EXPECT_EQ(split_priority("<3>bad", 6).text, "bad");
  for (const char* plain : {"<8>x", "<3x", "3>", "", "<>"}) {
    EXPECT_EQ(split_priority(plain, 6).priority, 6);
    EXPECT_EQ(split_priority(plain, 6).text, plain);
  }
}

// A journal that is not read takes some entries, then none; nothing waits for it.
TEST(Journal, SendsAndNeverWaits) {
  const test::TempDir dir;
  auto loop = ASSERT_VALUE(sys::EventLoop::create());
  const auto nobody = ASSERT_VALUE(Journal::open(loop, dir.path() + "/socket"));
  EXPECT_EQ(nobody, nullptr);
  const sys::UniqueFd listener = ASSERT_VALUE(sys::listen_notify(dir.dir(), "socket"));
  const auto journal = ASSERT_VALUE(Journal::open(loop, dir.path() + "/socket"));
  ASSERT_NE(journal, nullptr);
  constexpr int kEntries = 2000;
  for (int i = 0; i < kEntries; ++i) journal->send("N=" + std::to_string(i) + "\n");
  // What the kernel's queue did not hold was kept, and goes as room comes.
  std::string text;
  int next = 0;
  const auto take_all = [&] {
    while (!(text = sys::receive_notify(listener).value_or("")).empty())
      EXPECT_EQ(text, "N=" + std::to_string(next++) + "\n");
  };
  for (int round = 0; round < kEntries && next < kEntries; ++round) {
    take_all();
    journal->flush(0);
    if (round == 0) break;
  }
  EXPECT_GT(next, 0);
}

TEST(Journal, LongEntriesGoAsAFile) {
  const test::TempDir dir;
  auto loop = ASSERT_VALUE(sys::EventLoop::create());
  const sys::UniqueFd listener = ASSERT_VALUE(sys::listen_notify(dir.dir(), "socket"));
  const auto journal = ASSERT_VALUE(Journal::open(loop, dir.path() + "/socket"));
  std::string entry;
  append_journal_field(entry, "MESSAGE", std::string(60U << 20U, 'x'));
  journal->send(entry);
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ASSERT_EQ(::recvmsg(listener.get(), &message, MSG_CMSG_CLOEXEC), 0);
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  ASSERT_NE(head, nullptr);
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
  const sys::UniqueFd file(fd);
  ASSERT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
  const std::string got = ASSERT_VALUE(sys::read_all(file.get(), 100U << 20U));
  EXPECT_TRUE(got == entry);
}

TEST(Syslog, WhatProgramsSend) {
  struct Case {
    const char* bytes;
    int severity;
    int facility;
    const char* line;
  };
  for (const Case& c :
       {Case{"<13>Jan  2 03:04:05 app[12]: text", 5, 1, "app[12]: text"},
        Case{"<3>Feb 12 03:04:05 app: text\n", 3, 0, "app: text"}, Case{"<191>tag: x", 7, 23, "tag: x"},
        Case{"<30>Mar 31 23:59:59 host daemon[7]: up", 6, 3, "daemon[7]: up"},
        Case{"just text", 5, 1, "just text"}, Case{"<192>a: b", 5, 1, "<192>a: b"}, Case{"<>a", 5, 1, "<>a"},
        Case{"", 5, 1, ""}, Case{"<14>", 6, 1, ""},
        Case{"<14>no tag here: or is it", 6, 1, "no tag here: or is it"},
        Case{"<14>a[0]: x", 6, 1, "a[0]: x"}, Case{"<14>t: a\nb\tc\x1b[2J", 6, 1, "t: a#012b\tc#033[2J"}}) {
    const SyslogMessage message = parse_syslog(c.bytes);
    EXPECT_EQ(message.severity, c.severity) << c.bytes;
    EXPECT_EQ(message.facility, c.facility) << c.bytes;
    EXPECT_EQ(syslog_line(message), c.line);
  }
}

}  // namespace
}  // namespace agena::stage1
