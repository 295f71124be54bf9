// A peer that speaks D-Bus as systemd does on its private socket, and answers as a test says.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include "common/sys/fd.h"

namespace agena::stage1 {

// One connection of one client.
class Peer {
 public:
  using Answer = std::function<void(sd_bus*, sd_bus_message*)>;

  Peer(const std::string& path, Answer answer) : answer_(std::move(answer)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    listener_ = sys::UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this] { serve(); });
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { thread_.join(); }

 private:
  void serve() {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    sd_bus* bus = nullptr;
    sd_id128_t id{};
    ASSERT_GE(sd_id128_randomize(&id), 0);
    ASSERT_GE(sd_bus_new(&bus), 0);
    ASSERT_GE(sd_bus_set_fd(bus, fd, fd), 0);  // it is the bus's from here on
    ASSERT_GE(sd_bus_set_server(bus, 1, id), 0);
    ASSERT_GE(sd_bus_start(bus), 0);
    while (true) {
      sd_bus_message* message = nullptr;
      const int r = sd_bus_process(bus, &message);
      if (r < 0) break;
      if (message != nullptr && sd_bus_message_is_method_call(message, nullptr, "Hello") > 0)
        sd_bus_reply_method_return(message, "s", ":1.7");
      else if (message != nullptr && sd_bus_message_is_method_call(message, nullptr, nullptr) > 0)
        answer_(bus, message);
      sd_bus_message_unref(message);
      if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0) break;
    }
    sd_bus_flush_close_unref(bus);
  }

  Answer answer_;
  sys::UniqueFd listener_;
  std::thread thread_;
};

}  // namespace agena::stage1
