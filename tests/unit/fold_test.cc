#include "core/fold.h"

#include "support/catch.h"

using namespace kirikae;

TEST_CASE("host names that differ in one number are folded into ranges") {
  CHECK(fold_names({"web1", "web2", "web3", "db1"}) == "web[1-3] db1");
  CHECK(fold_names({"app09.example.com", "app10.example.com", "app12.example.com"}) == "app[09,10,12].example.com");
  CHECK(fold_names({"app1", "app01"}) == "app1 app01");
  CHECK(fold_names({"10.0.0.1", "10.0.0.2"}) == "10.0.0.1 10.0.0.2");
  CHECK(fold_names({"127.0.0.1:2201", "127.0.0.1:2202"}) == "127.0.0.1:2201 127.0.0.1:2202");
  CHECK(fold_names({"db1", "db2", "db3:2222"}) == "db[1,2] db3:2222");
  CHECK(fold_names({"::1", "fe80::2"}) == "::1 fe80::2");
  CHECK(fold_names({"solo"}) == "solo");
  CHECK(fold_names({"web3", "web1", "web2", "web10"}) == "web[1-3,10]");
  CHECK(fold_names({}).empty());
}

TEST_CASE("a text is cut between its characters, and where it must be if it is none") {
  CHECK(whole_characters("abc", 3) == 3);
  CHECK(whole_characters("abcd", 3) == 3);
  CHECK(whole_characters("abü", 3) == 2);
  CHECK(whole_characters("aü", 3) == 3);
  CHECK(whole_characters("🚀", 3) == 0);
  CHECK(whole_characters("\x80\x80\x80\x80\x80", 4) == 4);
}

TEST_CASE("sizes are told in powers of 1000") {
  CHECK(size_text(0) == "0 B");
  CHECK(size_text(999) == "999 B");
  CHECK(size_text(1234) == "1.2 kB");
  CHECK(size_text(999'960) == "1.0 MB");
  CHECK(size_text(5'100'000) == "5.1 MB");
}
