#include <hearth/abi.h>
