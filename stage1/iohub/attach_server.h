// Serves `attach`: hands clients what apps write, and apps what clients type. Clients are root's, but never
// trusted to keep up: one that does not is dropped, and no app waits for it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/listener.h"
#include "stage1/iohub/app_input.h"
#include "stage1/iohub/attach_protocol.h"

namespace agena::stage1 {

// What the server asks of the hub, by the app's name.
struct AttachEvents {
  // What can be attached; an error if there is no such app.
  std::function<Result<std::vector<AttachStream>>(const std::string& app)> streams;
  std::function<AppInput&(const std::string& app)> input;
  std::function<Result<>(const std::string& app, const AttachWindow& window)> resize;
  std::function<Result<>(const std::string& app, int signal)> signal;
};

class AttachServer {
 public:
  // `listener` is a listening SOCK_SEQPACKET socket.
  static Result<std::unique_ptr<AttachServer>> open(sys::EventLoop& loop, sys::UniqueFd listener,
                                                    AttachEvents events);
  ~AttachServer();
  AttachServer(const AttachServer&) = delete;
  AttachServer& operator=(const AttachServer&) = delete;

  // Gives bytes of the app to everybody who wants this stream.
  void output(const std::string& app, bool errors, std::string_view bytes);
  // The app's input, which was full, has room again.
  Result<> input_has_room(const std::string& app);
  // The app will write nothing more: its clients are told and let go.
  void end(const std::string& app);
  // Sends what is queued, for at most so long.
  void flush(Nanoseconds at_most);

 private:
  // What a client may fall behind before it is dropped.
  static constexpr std::size_t kMostQueued = 16U << 20U;

  struct Client {
    sys::UniqueFd socket;
    std::string app;  // empty until it has opened something
    bool output = false;
    bool errors = false;
    bool input = false;
    bool leaving = false;  // gets what is queued, and nothing more
    bool paused = false;   // what it types waits in its socket
    std::deque<std::string> queue;
    std::size_t queued = 0;
  };

  AttachServer(sys::EventLoop& loop, sys::UniqueFd listener, AttachEvents events);
  Result<> accept();
  Result<> on_event(int fd, std::uint32_t events);
  Result<> on_message(Client& client);
  Result<> handle(Client& client, const AttachMessage& message);
  Result<> open_streams(Client& client, std::string_view request);
  void send(Client& client, AttachKind kind, std::string_view data = {});
  void send_last(Client& client, AttachKind kind, std::string_view data = {});
  bool send_queued(Client& client);
  void watch(const Client& client);
  void forget(int fd);
  void forget_gone();

  sys::EventLoop& loop_;
  sys::Listener listener_;
  AttachEvents events_;
  std::map<int, Client> clients_;
};

}  // namespace agena::stage1
