# kirikae_layer(NAME [USES layer...] [PRIVATE_LIBS target...])
#
# One static library for each folder of lib/. A layer sees only the layers that it names: every layer's headers are
# reached through a folder of their own (build/include/<layer>/<layer>/…), so an include that the layering forbids does
# not compile. Third-party libraries are always private: no header of ours shows their types.
function(kirikae_layer name)
  cmake_parse_arguments(ARG "" "" "USES;PRIVATE_LIBS;SOURCES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  set(view ${PROJECT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${view}/${name} SYMBOLIC)
  set(uses ${ARG_USES})
  list(TRANSFORM uses PREPEND kirikae_)
  add_library(kirikae_${name} STATIC ${sources} ${ARG_SOURCES})
  target_include_directories(kirikae_${name} PUBLIC ${view})
  target_link_libraries(kirikae_${name} PUBLIC ${uses} PRIVATE kirikae_flags ${ARG_PRIVATE_LIBS})
  kirikae_unity(kirikae_${name})
  if(ARG_SOURCES)
    set_source_files_properties(${ARG_SOURCES} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)  # generated
  endif()
endfunction()
