# What makes llama.cpp build in half the time, without touching its sources: cmake includes this file
# at its project() call (CMAKE_PROJECT_llama.cpp_INCLUDE). Only ggml computes; everything else only
# prepares its work, so -O1 costs nothing that can be measured, and its 180 small files of model
# architectures are compiled 20 at a time.
function(raglan_build_less)
  foreach(target llama mtmd)
    get_target_property(folder ${target} SOURCE_DIR)
    file(GLOB apart ${folder}/*.cpp) # their names clash; those of models/ do not
    set_source_files_properties(${apart} DIRECTORY ${folder} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 20)
  endforeach()
  foreach(target llama mtmd llama-common server-context llama-server-impl cpp-httplib)
    target_compile_options(${target} PRIVATE -O1)
  endforeach()
endfunction()
cmake_language(DEFER CALL raglan_build_less)
