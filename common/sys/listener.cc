#include "common/sys/listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "common/sys/unix_socket.h"

namespace agena::sys {
namespace {

UniqueFd open_spare() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

bool has_run_out(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

Listener::Listener(UniqueFd socket) : socket_(std::move(socket)), spare_(open_spare()) {}

Result<std::optional<UniqueFd>> Listener::accept() {
  auto connection = accept_connection(socket_.get());
  if (connection || !has_run_out(connection.error().sys_errno())) return connection;
  // Left in the queue, the client would wake the loop for ever.
  spare_.reset();
  (void)UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  spare_ = open_spare();
  return std::optional<UniqueFd>();
}

}  // namespace agena::sys
