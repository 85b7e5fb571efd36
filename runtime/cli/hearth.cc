// hearth: the command line of a hearthd.

#include <cstdlib>
#include <iostream>

#include "runtime/cli/application.h"

int main(int argc, char** argv) {
  const auto environment = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  return hearth::cli::RunCommandLine({argv + 1, argv + argc}, environment, std::cout, std::cerr);
}
