#pragma once
#include "triggers/http/url.h"
