# Driven by bench/eviction.py.
add_executable(eviction_bench eviction.cpp)
target_link_libraries(eviction_bench PRIVATE raglan_cache)
raglan_precompile(eviction_bench)
