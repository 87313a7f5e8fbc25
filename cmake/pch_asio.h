#pragma once
#include "pch.h"

#include <boost/asio.hpp>
#include <boost/json.hpp>
