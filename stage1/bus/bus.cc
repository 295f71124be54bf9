#include "stage1/bus/bus.h"

#include <systemd/sd-bus.h>

#include <array>

#include "common/base/cleanup.h"
#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

constexpr Nanoseconds kMicrosecond = 1000;

struct KindRow {
  std::string_view name;  // of the D-Bus error
  ErrorKind kind;
};
constexpr std::array kKinds = {
    KindRow{"org.freedesktop.DBus.Error.NameHasNoOwner", ErrorKind::kNotFound},
    KindRow{"org.freedesktop.DBus.Error.ServiceUnknown", ErrorKind::kNotFound},
    KindRow{"org.freedesktop.DBus.Error.UnknownMethod", ErrorKind::kUnsupported},
    KindRow{"org.freedesktop.machine1.NoSuchMachine", ErrorKind::kNotFound},
    KindRow{"org.freedesktop.systemd1.NoSuchUnit", ErrorKind::kNotFound},
};

ErrorKind kind_of(std::string_view name) {
  for (const KindRow& row : kKinds)
    if (row.name == name) return row.kind;
  return ErrorKind::kSystem;
}

// '%', ',' and ';' have a meaning in addresses (D-Bus specification, "Server Addresses").
std::string address_of(const std::string& socket) {
  std::string address = "unix:path=";
  for (const char c : socket) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '/' || c == '-' || c == '_' || c == '.';
    address += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return address;
}

}  // namespace

void CloseBus::operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
void DropMessage::operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }

std::unexpected<Error> bus_fail(int negative_errno, std::string_view what) {
  return errno_fail(-negative_errno, "{}", what);
}

std::unexpected<Error> reply_fail(const sd_bus_error& error, std::string_view what) {
  return fail(kind_of(error.name), "{}: {}", what,
              printable(error.message == nullptr ? error.name : error.message));
}

Result<Bus> Bus::connect(const std::string& socket, Nanoseconds timeout, bool daemon) {
  sd_bus* raw = nullptr;
  if (const int r = sd_bus_new(&raw); r < 0) return bus_fail(r, "making a bus connection");
  Bus bus(raw);
  const auto start = [&] {
    int r = sd_bus_set_address(raw, address_of(socket).c_str());
    // A client of a daemon says hello first, which systemd itself would not understand.
    if (r >= 0) r = sd_bus_set_bus_client(raw, daemon ? 1 : 0);
    if (r >= 0) r = sd_bus_set_method_call_timeout(raw, static_cast<std::uint64_t>(timeout / kMicrosecond));
    if (r >= 0) r = sd_bus_start(raw);
    return r;
  };
  if (const int r = start(); r < 0) return bus_fail(r, fmt::format("connecting to '{}'", socket));
  return bus;
}

Result<Bus> Bus::connect_daemon(const std::string& socket, Nanoseconds timeout) {
  return connect(socket, timeout, true);
}

Result<Bus> Bus::connect_manager(const std::string& socket, Nanoseconds timeout) {
  return connect(socket, timeout, false);
}

Result<BusMessage> Bus::new_call(const char* service, const char* path, const char* interface,
                                 const char* method) const {
  sd_bus_message* message = nullptr;
  if (const int r = sd_bus_message_new_method_call(bus_.get(), &message, service, path, interface, method);
      r < 0)
    return bus_fail(r, fmt::format("making a call of {}", method));
  return BusMessage(message);
}

Result<BusMessage> Bus::call(const BusMessage& message) const {
  sd_bus_error error{};  // SD_BUS_ERROR_NULL, which is C
  const Cleanup free([&]() noexcept { sd_bus_error_free(&error); });
  sd_bus_message* reply = nullptr;
  const int r = sd_bus_call(bus_.get(), message.get(), 0, &error, &reply);
  if (r >= 0) return BusMessage(reply);
  const char* method = sd_bus_message_get_member(message.get());
  if (error.name == nullptr) return bus_fail(r, fmt::format("calling {}", method));
  return reply_fail(error, method);
}

}  // namespace agena::stage1
