// Calls to service managers by sd-bus. The only code that knows libsystemd: it lives in a program of its own
// (main.cc), because the other stage1 programs are static and most pods need no bus.
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/base/uuid.h"

namespace agena::stage1 {

struct CloseBus {
  void operator()(sd_bus* bus) const;
};
struct DropMessage {
  void operator()(sd_bus_message* message) const;
};
using BusMessage = std::unique_ptr<sd_bus_message, DropMessage>;

// A connection: to a bus daemon, or straight to systemd.
class Bus {
 public:
  // To a message bus, and through it to any service.
  static Result<Bus> connect_daemon(const std::string& socket, Nanoseconds timeout);
  // To the private socket of a systemd, without a daemon in between. systemd answers there only root, and
  // only a peer in its own pid namespace.
  static Result<Bus> connect_manager(const std::string& socket, Nanoseconds timeout);

  sd_bus* get() const { return bus_.get(); }

  // An empty call of a method; what is appended follows with the functions of sd-bus.
  Result<BusMessage> new_call(const char* service, const char* path, const char* interface,
                              const char* method) const;
  // Sends a call and waits for the answer. Errors of the other side are kNotFound if there is no such
  // service, machine or unit, kUnsupported if there is no such method, else kSystem.
  Result<BusMessage> call(const BusMessage& message) const;

 private:
  explicit Bus(sd_bus* bus) : bus_(bus) {}
  static Result<Bus> connect(const std::string& socket, Nanoseconds timeout, bool daemon);
  std::unique_ptr<sd_bus, CloseBus> bus_;
};

// Error of an sd-bus function, which returns a negative errno.
std::unexpected<Error> bus_fail(int negative_errno, std::string_view what);

// What the other side answered instead of what was asked for; the kind as of Bus::call().
std::unexpected<Error> reply_fail(const sd_bus_error& error, std::string_view what);

}  // namespace agena::stage1
