// The floor for starting an app in a running pod: the pod's systemd is told over its private socket to start a
// trivial unit, and an overlay is mounted. Prints, for each round, milliseconds until the first line of the
// unit's output, and of the mount, in one line.
//
//   unit_floor ROUNDS LOWER SCRATCH     inside the pod's root; LOWER is a directory of it, SCRATCH a tmpfs of the pod
//   unit_floor --line                   what the unit executes
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

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
               "ExecStart=%s --line\nStandardOutput=file:%s\n",
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

double mount_overlay(const std::string& lower, const std::string& scratch, int round) {
  const auto begin = Clock::now();
  // Directories of their own for each: what an earlier one left in `work` counts as not clean.
  const std::string dir = scratch + "/" + std::to_string(round);
  for (const char* part : {"", "/upper", "/work", "/merged"}) ::mkdir((dir + part).c_str(), 0700);
  const std::string options =
      "volatile,lowerdir=" + lower + ",upperdir=" + dir + "/upper,workdir=" + dir + "/work";
  const std::string merged = dir + "/merged";
  if (::mount("overlay", merged.c_str(), "overlay", 0, options.c_str()) != 0) die("mount");
  const double took = since(begin);
  if (::umount2(merged.c_str(), MNT_DETACH) != 0) die("umount");
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--line") == 0) {
    std::puts("line");
    return 0;
  }
  if (argc != 4) return 2;
  const std::string scratch = argv[3];
  ::mkdir(scratch.c_str(), 0700);
  const std::string fifo = scratch + "/line";
  if (::mkfifo(fifo.c_str(), 0600) != 0 && errno != EEXIST) die("mkfifo");
  const int lines = ::open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  if (lines < 0) die("opening the fifo");
  char self[4096] = {};
  if (::readlink("/proc/self/exe", self, sizeof self - 1) < 0) die("readlink");

  sd_bus* bus = nullptr;
  if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, "unix:path=/run/systemd/private") < 0 ||
      sd_bus_start(bus) < 0)
    die("connecting to systemd");
  for (int i = 0; i < std::atoi(argv[1]); ++i) {
    const std::string name = "floor-" + std::to_string(::getpid()) + "-" + std::to_string(i) + ".service";
    const auto begin = Clock::now();
    write_unit(name, self, fifo);
    start_unit(bus, name);
    char line[16];
    if (::read(lines, line, sizeof line) <= 0) die("reading the line");
    const double unit = since(begin);
    std::printf("%f %f\n", unit, mount_overlay(argv[2], scratch, i));
    std::fflush(stdout);
    ::unlink(("/run/systemd/system/" + name).c_str());
    ::usleep(20'000);
    while (sd_bus_process(bus, nullptr) > 0) {
    }
  }
  sd_bus_flush_close_unref(bus);
  return 0;
}
