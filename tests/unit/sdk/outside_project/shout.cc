#include <cctype>
#include <string>
#include <string_view>

#include <hearth/hearth.h>

static std::string Shout(std::string_view text, hearth::Context&) {
  std::string loud(text);
  for (char& c : loud) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return loud;
}

HEARTH_HANDLER(Shout);
