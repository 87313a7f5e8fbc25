# Driven by bench/http_core.py.
add_executable(http_core_server http_core_server.cpp)
target_link_libraries(http_core_server PRIVATE raglan_http)
raglan_precompile(http_core_server ASIO)
