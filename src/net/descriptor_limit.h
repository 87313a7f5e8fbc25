// The number of descriptors that this process may have open.
//
// Systems give processes a soft limit of 1024, for programs that use select(); servers are expected
// to raise it to the hard limit themselves. Programs that use select() on what they inherit do not
// belong into this process.
#pragma once

#include <cstddef>

namespace raglan::net {

// Raises the soft limit to the hard one and returns what holds then. Once, at start-up.
std::size_t raise_descriptor_limit();

} // namespace raglan::net
