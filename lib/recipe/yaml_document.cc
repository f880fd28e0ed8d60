#include "recipe/yaml_document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_set>

#include "recipe/text.h"

namespace kirikae::recipe {
namespace {

constexpr std::size_t max_depth = 64;
constexpr std::size_t max_nodes = 100'000;
constexpr std::size_t max_bytes = std::size_t{8} << 20U;  // of all scalars, aliases expanded

struct Stop {};  // thrown through yaml-cpp once a problem is noted that ends the reading

std::size_t node_count(const Node& node) {
  std::size_t count = 1;
  for (const auto& item : node.items) count += node_count(item);
  for (const auto& entry : node.entries) count += node_count(entry.value);
  return count;
}

std::size_t byte_count(const Node& node) {
  std::size_t count = node.text.size();
  for (const auto& item : node.items) count += byte_count(item);
  for (const auto& entry : node.entries) count += entry.key.size() + byte_count(entry.value);
  return count;
}

class Builder : public YAML::EventHandler {
 public:
  Builder(Document& document, Problems& problems) : document_(document), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) {
      stop(place_of(mark), "a recipe is one YAML document, a second one begins here", "remove the '---' line");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.place = awaits_value() ? frames_.back().key_place : place_of_missing_item(place_of(mark));
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Place place = place_of(mark);
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) stop(place, "an alias inside of what it stands for", "remove it");
    count(place, node_count(known->second), byte_count(known->second));
    add(known->second, 0, false);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.kind = Node::Kind::scalar;
    const bool is_text = value.empty() && tag.size() > 1 && tag.starts_with('!');  // a tag alone was meant as such
    node.text = is_text ? tag : value;
    node.place = place_of(mark, value);
    refuse_tag(node.place, tag, "str", is_text ? "put text that begins with '!' in quotes" : "remove it");
    if (value.find('\0') != std::string::npos) note(node.place, "a NUL byte can't be in a value", "");
    if (!quotes_end(node.place)) stop(node.place, "text in quotes never ends", "close the quotes");
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override {
    apply_merge_key(frames_.back().node);
    close();
  }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    bool key_is_text = true;
    std::string key;
    Place key_place;
    std::unordered_set<std::string> keys;
  };

  void note(Place place, std::string message, std::string hint) {
    problems_.push_back({place, std::move(message), std::move(hint)});
  }
  [[noreturn]] void stop(Place place, std::string message, std::string hint) {
    note(place, std::move(message), std::move(hint));
    throw Stop();
  }

  [[nodiscard]] Place place_of(const YAML::Mark& mark, std::string_view value = {}) const {
    Place place{mark.line + 1, mark.column + 1, 1, -1};
    const std::string_view rest = line_from(place);
    if (rest.empty()) return place;
    std::size_t length = 1;
    if (rest.front() == '"' || rest.front() == '\'') {
      const auto end = closing_quote(rest);
      length = end == std::string_view::npos ? rest.size() : end + 1;
    } else if (!value.empty() && rest.starts_with(value)) {
      length = value.size();
    }
    place.length = static_cast<int>(length);
    return place;
  }

  // yaml-cpp reports a missing value at the token after it: back to the lone dash.
  [[nodiscard]] Place place_of_missing_item(Place after) const {
    if (line_from(after).starts_with('~') || line_from(after).starts_with('n') || frames_.empty()) return after;
    for (int line = after.line - 1; line >= frames_.back().node.place.line; --line) {
      const std::string& text = document_.lines[static_cast<std::size_t>(line) - 1];
      const auto dash = text.find_last_not_of(' ', text.find(" #"));
      if (dash != std::string::npos && text[dash] == '-') return {line, static_cast<int>(dash) + 1, 1, -1};
    }
    return after;
  }

  [[nodiscard]] std::string_view line_from(Place place) const {
    const auto line = static_cast<std::size_t>(place.line) - 1;
    const auto column = static_cast<std::size_t>(place.column) - 1;
    if (line >= document_.lines.size() || column >= document_.lines[line].size()) return {};
    return std::string_view(document_.lines[line]).substr(column);
  }

  static std::size_t closing_quote(std::string_view text, char quote = 0) {
    for (std::size_t i = quote == 0 ? 1 : 0; i < text.size(); ++i) {
      const char end = quote == 0 ? text.front() : quote;
      if (end == '"' && text[i] == '\\') {
        ++i;
      } else if (text[i] == end) {
        if (end == '"' || i + 1 >= text.size() || text[i + 1] != '\'') return i;
        ++i;
      }
    }
    return std::string_view::npos;
  }

  // yaml-cpp takes the end of the file for the closing quote.
  [[nodiscard]] bool quotes_end(Place place) const {
    const std::string_view first = line_from(place);
    if (first.empty() || (first.front() != '"' && first.front() != '\'')) return true;
    if (closing_quote(first) != std::string_view::npos) return true;
    for (auto line = static_cast<std::size_t>(place.line); line < document_.lines.size(); ++line) {
      if (closing_quote(document_.lines[line], first.front()) != std::string_view::npos) return true;
    }
    return false;
  }

  void refuse_tag(Place place, const std::string& tag, std::string_view own, std::string hint = "remove it") {
    if (tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:" + std::string(own)) return;
    note(place, fmt::format("tags such as {} mean nothing in a recipe", in_quotes(tag)), std::move(hint));
  }

  void count(Place place, std::size_t nodes, std::size_t bytes) {
    nodes_ += nodes;
    bytes_ += bytes;
    if (nodes_ > max_nodes) {
      stop(place, fmt::format("the recipe has more than {} nodes once its aliases are expanded", max_nodes),
           "use fewer aliases");
    }
    if (bytes_ > max_bytes) {
      stop(place, "the recipe is larger than 8 MiB once its aliases are expanded", "use fewer aliases");
    }
  }

  [[nodiscard]] bool awaits_value() const {
    return !frames_.empty() && frames_.back().node.kind == Node::Kind::map && frames_.back().has_key;
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = place_of(mark);
    frame.anchor = anchor;
    if (frames_.size() >= max_depth) stop(frame.node.place, fmt::format("nested deeper than {} levels", max_depth), "");
    refuse_tag(frame.node.place, tag, kind == Node::Kind::map ? "map" : "seq");
    frames_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    add(std::move(frame.node), frame.anchor);
  }

  void add(Node node, YAML::anchor_t anchor, bool fresh = true) {
    if (fresh) count(node.place, 1, node.text.size());
    if (anchor != 0) {
      count(node.place, 0, byte_count(node));  // the copy that is kept for aliases
      anchors_[anchor] = node;
    }
    if (frames_.empty()) {
      document_.root = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.kind == Node::Kind::list) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      take_key(frame, node);
    } else {
      frame.has_key = false;
      if (!frame.key_is_text) return;
      if (frame.keys.insert(frame.key).second) {
        frame.node.entries.push_back({std::move(frame.key), frame.key_place, std::move(node)});
      } else {
        note(frame.key_place, fmt::format("{} stands here twice", in_quotes(frame.key)), "keep one of the two");
      }
    }
  }

  void take_key(Frame& frame, const Node& node) {
    frame.key_is_text = node.kind == Node::Kind::scalar;
    if (!frame.key_is_text) note(node.place, "a key must be plain text", "put text that contains brackets in quotes");
    frame.key = node.text;
    frame.key_place = node.place;
    frame.has_key = true;
  }

  // What the map says itself wins over what it merges, an earlier merged map over a later one.
  void apply_merge_key(Node& map) {
    const auto merge =
        std::find_if(map.entries.begin(), map.entries.end(), [](const auto& e) { return e.key == "<<"; });
    if (merge == map.entries.end()) return;
    const Node merged = std::move(merge->value);
    const Place place = merge->place;
    map.entries.erase(merge);
    std::unordered_set<std::string> keys;
    for (const auto& entry : map.entries) keys.insert(entry.key);
    const auto take = [&](const Node& from) {
      if (from.kind != Node::Kind::map) {
        note(place, "'<<' takes a map, or a list of maps", "");
        return;
      }
      for (const auto& entry : from.entries) {
        if (keys.insert(entry.key).second) map.entries.push_back(entry);
      }
    };
    if (merged.kind == Node::Kind::list) {
      for (const auto& item : merged.items) take(item);
    } else {
      take(merged);
    }
  }

  Document& document_;
  Problems& problems_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
  int documents_ = 0;
};

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

// The first byte that no recipe may have; what yaml-cpp makes of them differs between its versions.
bool refuse_bytes(const Document& document, Problems& problems) {
  for (std::size_t i = 0; i < document.lines.size(); ++i) {
    const std::string& line = document.lines[i];
    const auto place = [&](std::size_t at) { return Place{static_cast<int>(i) + 1, static_cast<int>(at) + 1, 1, -1}; };
    const auto invalid = invalid_utf8(line);
    const auto control = std::find_if(line.begin(), line.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
    const auto control_at = static_cast<std::size_t>(control - line.begin());
    if (invalid < line.size() && invalid <= control_at) {
      problems.push_back({place(invalid), "the recipe is not UTF-8 text", "save it as UTF-8"});
      return true;
    }
    if (control != line.end()) {
      problems.push_back({place(control_at),
                          fmt::format("control character {:#04x} in the recipe", static_cast<unsigned char>(*control)),
                          "remove it, or write it as \"\\x..\" in double quotes"});
      return true;
    }
  }
  return false;
}

// Its wording differs between versions of yaml-cpp where it names something; ours does not.
std::string message_text(const YAML::Exception& error) {
  if (error.msg.starts_with("the referenced anchor is not defined")) return "an alias of an anchor that is not there";
  return "not valid YAML: " + error.msg;
}

std::string hint_for(const Document& document, Place place, const std::string& message) {
  const std::string& line = document.lines[static_cast<std::size_t>(place.line) - 1];
  const auto indent = line.find_first_not_of(' ');
  if (indent != std::string::npos && line[indent] == '\t') return "indent with blanks, not with tabs";
  const auto at = static_cast<std::size_t>(place.column) - 1;
  if (at < line.size() && std::string_view("*&%@`").find(line[at]) != std::string_view::npos) {
    return fmt::format("put text that begins with '{}' in quotes", line[at]);
  }
  const bool in_flow = message.starts_with("end of map flow") || message.starts_with("end of sequence flow");
  if (in_flow && at < line.size() && line[at] == ':') return "put text that contains ': ' in quotes";
  if (message.starts_with("end of map flow")) return "put text that contains { or } in quotes, or close the map";
  if (message == "illegal map value") return "put text that contains ': ' in quotes, or look at the indentation";
  // A block ends where a line begins that fits no level; or behind brackets that were meant as text.
  if (!in_flow && message.starts_with("end of ") && line.find('[') >= at) return "look at the indentation";
  if (line.find('[') != std::string::npos)
    return "put text that contains brackets, such as a range of hosts, in quotes";
  return {};
}

void read_events(std::string_view text, Document& document, Problems& problems) {
  Builder builder(document, problems);
  try {
    std::istringstream input{std::string(text)};
    YAML::Parser parser(input);
    while (parser.HandleNextDocument(builder)) {
    }
    return;
  } catch (const Stop&) {
    document.usable = false;
  } catch (const YAML::Exception& error) {
    const Span span = span_of(document, {error.mark.line + 1, error.mark.column + 1, 1, -1});
    const Place place{span.line, span.column, 1, -1};
    problems.push_back({place, message_text(error), hint_for(document, place, error.msg)});
    document.usable = false;
  }
  document.root = Node();
}

}  // namespace

Document parse_yaml(std::string_view text, const std::string& path, Problems& problems) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Document document;
  document.path = path;
  document.lines = split_lines(text);
  if (refuse_bytes(document, problems)) {
    document.usable = false;
  } else {
    read_events(text, document, problems);
  }
  return document;
}

}  // namespace kirikae::recipe
