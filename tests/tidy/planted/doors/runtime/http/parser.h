#pragma once
#include <boost/beast/http.hpp>
#include <boost/process/child.hpp>
