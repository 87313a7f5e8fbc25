# Driven by bench/redis.py.
add_executable(redis_bench redis.cpp)
target_link_libraries(redis_bench PRIVATE raglan_redis)
raglan_precompile(redis_bench ASIO)
