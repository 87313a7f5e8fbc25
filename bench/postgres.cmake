# Driven by bench/postgres.py.
add_executable(postgres_bench postgres.cpp)
target_link_libraries(postgres_bench PRIVATE raglan_postgres_store)
raglan_precompile(postgres_bench ASIO)
