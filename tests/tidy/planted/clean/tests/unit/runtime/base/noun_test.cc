#include <nlohmann/json.hpp>
void Fails() { throw std::thread(); }
