# kirikae_embed(OUT FOLDER dir): every *.sh of the folder becomes a raw string literal in one generated C++ file that
# defines kirikae::host::embedded_script(name); OUT is set to the generated file.
function(kirikae_embed out)
  cmake_parse_arguments(ARG "" "FOLDER" "" ${ARGN})
  file(GLOB scripts CONFIGURE_DEPENDS ${ARG_FOLDER}/*.sh)
  set(generated ${PROJECT_BINARY_DIR}/generated/${out}.cc)
  add_custom_command(
    OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${generated} "-DSCRIPTS=${scripts}" -P ${PROJECT_SOURCE_DIR}/cmake/embed_scripts.cmake
    DEPENDS ${scripts} ${PROJECT_SOURCE_DIR}/cmake/embed_scripts.cmake
    VERBATIM)
  set(${out} ${generated} PARENT_SCOPE)
endfunction()
