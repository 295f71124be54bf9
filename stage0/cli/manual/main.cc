// agena-manual PERSONALITY DIRECTORY: writes the manual pages of the command under that name into a directory
// that is there. Part of the build, not of the installation.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "stage0/cli/commands.h"
#include "stage0/cli/manual/pages.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: agena-manual PERSONALITY DIRECTORY\n");
    return EXIT_FAILURE;
  }
  std::vector<agena::HelpTerm> terms;
  const agena::ProgramSpec program =
      agena::stage0::program_spec(agena::stage0::personality_for(argv[1]), terms);
  for (const agena::stage0::ManualPage& page : agena::stage0::manual_pages(program)) {
    const std::string path = std::string(argv[2]) + "/" + page.file;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << page.text;
    file.close();
    if (!file) {
      std::fprintf(stderr, "agena-manual: cannot write '%s'\n", path.c_str());
      return EXIT_FAILURE;
    }
  }
  return EXIT_SUCCESS;
}
