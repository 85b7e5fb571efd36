#pragma once
namespace hearth {
using namespace std::chrono_literals;
}
