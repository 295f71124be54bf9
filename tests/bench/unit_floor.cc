// The floor for starting an app in a running pod: the pod's systemd is told over its private socket to start
// a trivial unit, and an overlay is mounted. Each prints the milliseconds that it takes.
//
//   unit_floor unit SCRATCH         inside the pod's root, where SCRATCH is to be made: until the first line
//   of output unit_floor overlay LOWER DIR    in a mount namespace of its own, DIR is to be made unit_floor
//   line                 what the unit executes
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

void write_unit(const std::string& name, const std::string& self, const std::string& fifo) {
  const std::string path = "/run/systemd/system/" + name;
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) die(path.c_str());
  std::fprintf(file,
               "[Unit]\nDefaultDependencies=no\nCollectMode=inactive-or-failed\n[Service]\nSlice=-.slice\n"
               "ExecStart=%s line\nStandardOutput=file:%s\n",
               self.c_str(), fifo.c_str());
  std::fclose(file);
}

void start_unit(sd_bus* bus, const std::string& name) {
  sd_bus_error error{};
  if (sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                         "org.freedesktop.systemd1.Manager", "StartUnit", &error, nullptr, "ss", name.c_str(),
                         "replace") < 0) {
    std::fprintf(stderr, "starting %s: %s\n", name.c_str(), error.message);
    std::exit(1);
  }
}

void mount_overlay(const std::string& lower, const std::string& dir) {
  const auto begin = Clock::now();
  for (const char* part : {"", "/upper", "/work", "/merged"})
    if (::mkdir((dir + part).c_str(), 0700) != 0) die("mkdir");
  const std::string options =
      "volatile,lowerdir=" + lower + ",upperdir=" + dir + "/upper,workdir=" + dir + "/work";
  if (::mount("overlay", (dir + "/merged").c_str(), "overlay", 0, options.c_str()) != 0) die("mount");
  std::printf("%f\n", since(begin));
}

void start_and_read(const std::string& scratch) {
  if (::mkdir(scratch.c_str(), 0700) != 0) die("mkdir");
  const std::string fifo = scratch + "/line";
  if (::mkfifo(fifo.c_str(), 0600) != 0) die("mkfifo");
  const int lines = ::open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  if (lines < 0) die("opening the fifo");
  char self[4096] = {};
  if (::readlink("/proc/self/exe", self, sizeof self - 1) < 0) die("readlink");
  sd_bus* bus = nullptr;
  if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, "unix:path=/run/systemd/private") < 0 ||
      sd_bus_start(bus) < 0)
    die("connecting to systemd");
  const std::string name = "floor-" + std::to_string(::getpid()) + ".service";
  const auto begin = Clock::now();
  write_unit(name, self, fifo);
  start_unit(bus, name);
  char line[16];
  if (::read(lines, line, sizeof line) <= 0) die("reading the line");
  std::printf("%f\n", since(begin));
  ::unlink(("/run/systemd/system/" + name).c_str());
  sd_bus_flush_close_unref(bus);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc < 2 ? "" : argv[1];
  if (what == "line" && argc == 2)
    std::puts("line");
  else if (what == "unit" && argc == 3)
    start_and_read(argv[2]);
  else if (what == "overlay" && argc == 4)
    mount_overlay(argv[2], argv[3]);
  else
    return 2;
  return 0;
}
