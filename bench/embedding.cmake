# Driven by bench/embedding.py.
add_executable(embedding_bench embedding.cpp)
target_link_libraries(embedding_bench PRIVATE raglan_model)
raglan_precompile(embedding_bench)
