# Driven by bench/search.py.
add_executable(search_bench search.cpp)
target_link_libraries(search_bench PRIVATE raglan_store raglan_model)
raglan_precompile(search_bench)
