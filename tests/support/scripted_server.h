// A server on the loopback whose answers are written down beforehand, byte for byte: one connection each.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/sys/fd.h"

namespace agena::test {

class ScriptedServer {
 public:
  // Answers in this order, then closes what comes further.
  explicit ScriptedServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
    socket_ = sys::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), generic, size) != 0 || ::listen(socket_.get(), 16) != 0 ||
        ::getsockname(socket_.get(), generic, &size) != 0)
      ADD_FAILURE() << "no server on the loopback";
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    (void)::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url(const std::string& path = "/x") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  // The requests that have come, with their bodies.
  std::vector<std::string> requests() const {
    const std::lock_guard guard(mutex_);
    return requests_;
  }

 private:
  static std::size_t length_of(const std::string& head) {
    const std::size_t at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
  }

  void serve() {
    for (std::size_t i = 0;; ++i) {
      const sys::UniqueFd peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      std::string head;
      char c = 0;
      while (!head.ends_with("\r\n\r\n") && ::recv(peer.get(), &c, 1, 0) == 1) head += c;
      for (std::size_t body = length_of(head); body > 0 && ::recv(peer.get(), &c, 1, 0) == 1; --body)
        head += c;
      {
        const std::lock_guard guard(mutex_);
        requests_.push_back(head);
      }
      if (i >= answers_.size()) continue;
      std::string_view left = answers_[i];
      while (!left.empty()) {
        const ssize_t n = ::send(peer.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (n <= 0) break;
        left.remove_prefix(static_cast<std::size_t>(n));
      }
    }
  }

  std::vector<std::string> answers_;
  sys::UniqueFd socket_;
  unsigned port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

// An answer with its length; the connection ends behind it.
inline std::string answer(const std::string& status, const std::string& body,
                          const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

}  // namespace agena::test
