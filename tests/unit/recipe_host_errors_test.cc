// Every error as a person sees it, whole.
#include "unit/recipe_text.h"

namespace kirikae::recipe {

TEST_CASE("a bad range is told with what a range is", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - app[12-01].x
      - app[a-f].x
      - app[1-012].x
      - app[1-2.x
      - app1-2].x
      - app[].x
      - app[0-10000].x
      - a[1-200]b[1-200]
)") ==
        R"(deploy.yml:7:9: the range '[12-01]' counts down
        - app[12-01].x
          ^~~~~~~~~~~~
  write the smaller number first
deploy.yml:8:9: '[a-f]' is no range
        - app[a-f].x
          ^~~~~~~~~~
  a range is two numbers, such as [1-12] or [01-12]
deploy.yml:9:9: the range '[1-012]' is padded on one side only
        - app[1-012].x
          ^~~~~~~~~~~~
  write both numbers with the same width
deploy.yml:10:9: '[' without ']'
        - app[1-2.x
          ^~~~~~~~~
deploy.yml:11:9: ']' without '['
        - app1-2].x
          ^~~~~~~~~
deploy.yml:12:9: '[]' is no range
        - app[].x
          ^~~~~~~
  a range is two numbers, such as [1-12] or [01-12]
deploy.yml:13:9: more than 10000 hosts in one entry
        - app[0-10000].x
          ^~~~~~~~~~~~~~
  use smaller ranges
deploy.yml:14:9: more than 10000 hosts in one entry
        - a[1-200]b[1-200]
          ^~~~~~~~~~~~~~~~
  use smaller ranges
)");
}

TEST_CASE("an address that is none is told", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - "a b"
      - -oProxy
      - "user@"
      - ":22"
      - a:99999
      - a:b
      - "[::1]x"
      - "[::g]:22"
      - 1:2:3
      - "-x@a"
)") ==
        R"(deploy.yml:7:9: 'a b' is no name or address of a host
        - "a b"
          ^~~~~
  write [user@]name[:port]
deploy.yml:8:9: '-oProxy' is no name or address of a host
        - -oProxy
          ^~~~~~~
  write [user@]name[:port]
deploy.yml:9:9: an address without a name
        - "user@"
          ^~~~~~~
deploy.yml:10:9: an address without a name
        - ":22"
          ^~~~~
deploy.yml:11:9: '99999' is no port: a number from 1 to 65535
        - a:99999
          ^~~~~~~
deploy.yml:12:9: 'b' is no port: a number from 1 to 65535
        - a:b
          ^~~
deploy.yml:13:9: 'x' after an IPv6 address
        - "[::1]x"
          ^~~~~~~~
  only :port may follow
deploy.yml:14:9: '::g' is no IPv6 address
        - "[::g]:22"
          ^~~~~~~~~~
deploy.yml:15:9: '1:2:3' is no IPv6 address
        - 1:2:3
          ^~~~~
  write an IPv6 address with a port as [address]:port
deploy.yml:16:9: '-x' is no user's name
        - "-x@a"
          ^~~~~~
)");
}

TEST_CASE("the same host may not be in a stage twice", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - a
      - A:22
)") ==
        R"(deploy.yml:8:9: the host 'A:22' is in the stage twice
        - A:22
          ^~~~
  remove one of the two
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - app[1-3]
      - app[2-4]
)") ==
        R"(deploy.yml:8:9: the host 'app2:22' is in the stage twice
        - app[2-4]
          ^~~~~~~~
  remove one of the two
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - "::1"
      - "[0:0::1]:22"
)") ==
        R"(deploy.yml:8:9: the host '[::1]:22' is in the stage twice
        - "[0:0::1]:22"
          ^~~~~~~~~~~~~
  remove one of the two
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - root@a
      - b
      - deploy@a
)") ==
        R"(deploy.yml:9:9: the host 'a:22' is in the stage twice
        - deploy@a
          ^~~~~~~~
  remove one of the two
)");
}

TEST_CASE("a port or a user is given once", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - {address: "a:1", port: 2}
      - {address: x@b, user: y}
)") ==
        R"(deploy.yml:7:19: the port of 'a:1' is given twice
        - {address: "a:1", port: 2}
                    ^~~~~
  keep it in the address, or as 'port'
deploy.yml:8:19: the user of 'x@b' is given twice
        - {address: x@b, user: y}
                    ^~~
  keep it in the address, or as 'user'
)");
}

TEST_CASE("only one host of a role is primary", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - {address: "a[1-2]", primary: true}
)") ==
        R"(deploy.yml:7:19: 'a[1-2]' stands for 2 hosts, but only one can be primary
        - {address: "a[1-2]", primary: true}
                    ^~~~~~~~
  list the primary host by itself
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - {address: a, roles: [x], primary: true}
      - {address: b, roles: [y, x], primary: true}
)") ==
        R"(deploy.yml:8:19: 'b' is the second primary host of the role 'x', after 'a'
        - {address: b, roles: [y, x], primary: true}
                    ^
  keep one
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      - {address: a, primary: true}
      - {address: b, primary: true}
)") ==
        R"(deploy.yml:8:19: 'b' is the second primary host, after 'a'
        - {address: b, primary: true}
                    ^
  keep one
)");
}

TEST_CASE("a host is text or a map", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
    hosts:
      -
      - [2001:db8::1]
      - {}
)") ==
        R"(deploy.yml:7:7: a host must be text or a map, not nothing
        -
        ^
deploy.yml:8:9: a host must be text or a map, not a list
        - [2001:db8::1]
          ^
  put an address with brackets in quotes
deploy.yml:9:9: a host has no 'address'
        - {}
          ^
  such as `address: "deploy@app[01-12].example.com:2222"`
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages: {production: {hosts: [[2001:db8::1]:22]}}
)") ==
        R"(deploy.yml:4:31: a key must be plain text
  stages: {production: {hosts: [[2001:db8::1]:22]}}
                                ^
  put text that contains brackets in quotes
deploy.yml:4:31: a host has no 'address'
  stages: {production: {hosts: [[2001:db8::1]:22]}}
                                ^
  such as `address: "deploy@app[01-12].example.com:2222"`
)");
}

}  // namespace kirikae::recipe
