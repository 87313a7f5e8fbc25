#include "config/registry.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <tuple>

#include <fmt/format.h>

#include "config/closest.h"
#include "config/environment.h"
#include "config/toml_document.h"

namespace raglan::config {
namespace {

constexpr std::size_t kMaxSecretBytes = 64 * 1024;
constexpr std::string_view kFileSuffix = "_FILE";

std::string_view last_part(std::string_view key) { return key.substr(key.rfind('.') + 1); }

// A secret's file: its text without the one line break that editors put at the end.
Parsed<std::string> read_secret(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxSecretBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad() || (file.fail() && !file.eof())) {
    return std::unexpected(fmt::format("the file {} cannot be read", toml_string(path)));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxSecretBytes) {
    return std::unexpected(
        fmt::format("the file {} is longer than {} bytes", toml_string(path), kMaxSecretBytes));
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

} // namespace

std::string Problem::text() const {
  if (line > 0) return fmt::format("{}:{}: {}", source, line, message);
  return fmt::format("{}: {}", source, message);
}

std::expected<Override, Problem> parse_override(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  const std::string_view key = trimmed(assignment.substr(0, equals));
  if (equals == std::string_view::npos || key.empty()) {
    return std::unexpected(
        Problem{"--set", 0, fmt::format("{} is not section.key=value", toml_string(assignment))});
  }
  return Override{std::string(key), std::string(assignment.substr(equals + 1)), "--set"};
}

void Registry::add_section(Section section, const void* defaults) {
  sections_.push_back(std::make_unique<Section>(std::move(section)));
  Section& added = *sections_.back();
  for (const auto& field : added.fields) {
    added.defaults.push_back(field->print(defaults).value_or(""));
    const std::string key = added.name + '.' + field->key;
    if (!slots_.try_emplace(key, Slot{&added, field.get()}).second) {
      fmt::print(stderr, "the setting {} is described twice\n", key);
      std::abort(); // a mistake in the program, found the first time it runs
    }
  }
}

std::vector<Problem> Registry::load(const Sources& sources) {
  std::vector<Problem> problems;
  load_file(sources, problems);
  load_environment(sources, problems);
  load_overrides(sources, problems);
  // A rule over values that could not be read would blame the defaults.
  if (problems.empty()) trim_lists(problems);
  if (problems.empty()) check_rules(problems);
  return problems;
}

void Registry::load_file(const Sources& sources, std::vector<Problem>& problems) {
  const auto entries = read_toml(sources.toml);
  if (!entries) {
    problems.push_back({sources.file_name, entries.error().line, entries.error().message});
    return;
  }
  std::string skipped; // "table." of the last unknown table: its keys are not reported one by one
  for (const TomlEntry& entry : *entries) {
    if (!skipped.empty() && entry.key.starts_with(skipped)) continue;
    const bool known_table = is_table(entry.key);
    if (entry.is_table && known_table) continue;
    if (entry.is_table) skipped = entry.key + '.';
    if (auto message = wrong_list(entry); !message.empty()) {
      problems.push_back({sources.file_name, entry.line, std::move(message)});
      continue;
    }
    if (known_table) {
      const std::string message = fmt::format("{} is a section: write [{}]", entry.key, entry.key);
      problems.push_back({sources.file_name, entry.line, message});
      continue;
    }
    assign(entry.key, entry.value, sources.file_name, entry.line, problems);
  }
  std::ranges::sort(problems, {}, [](const Problem& p) { return std::tie(p.line, p.message); });
}

// What is wrong with a table of an array, if that is what it is.
std::string Registry::wrong_list(const TomlEntry& entry) const {
  const std::string_view place = last_part(entry.key);
  const std::string name = entry.key.substr(0, entry.key.size() - place.size() - 1);
  if (!entry.is_table || place.find_first_not_of("0123456789") != place.npos) return {};
  const auto list = std::ranges::find(lists_, name, &List::name);
  if (list != lists_.end()) return fmt::format("[[{}]] may stand {} times", name, list->max);
  return is_table(name) ? fmt::format("{} is a section: write [{}]", name, name) : std::string();
}

void Registry::load_environment(const Sources& sources, std::vector<Problem>& problems) {
  std::map<std::string, std::string> keys; // by variable
  std::vector<std::string> names;
  for (const auto& [key, slot] : slots_) {
    names.push_back(environment_name(key));
    keys[names.back()] = key;
    if (slot.field->secret()) {
      names.push_back(names.back() + std::string(kFileSuffix));
      keys.try_emplace(names.back(), key);
    }
  }
  for (const auto& [name, value] : sources.environment) {
    if (is_kubernetes_service_variable(name, value)) continue;
    const auto found = keys.find(name);
    if (found == keys.end()) {
      const auto near = closest(name, names);
      problems.push_back({name, 0,
                          near ? fmt::format("is no setting; did you mean {}?", *near)
                               : std::string("is no setting; settings are listed by "
                                             "`raglan config describe`")});
      continue;
    }
    const std::string& key = found->second;
    if (name == environment_name(key)) {
      assign(key, Text{value}, name, 0, problems);
    } else if (sources.environment.contains(environment_name(key))) {
      problems.push_back({name, 0, fmt::format("{} is set too", environment_name(key))});
    } else if (const auto secret = read_secret(value)) {
      assign(key, Text{*secret}, name, 0, problems);
    } else {
      problems.push_back({name, 0, secret.error()});
    }
  }
}

void Registry::load_overrides(const Sources& sources, std::vector<Problem>& problems) {
  for (const Override& given : sources.overrides) {
    assign(given.key, Text{given.value}, given.origin, 0, problems);
  }
}

std::optional<Registry::Element> Registry::element_of(std::string_view section) const {
  const std::size_t dot = section.rfind('.');
  const std::string_view place = section.substr(std::min(section.size(), dot + 1));
  for (const List& list : lists_) {
    if (section.substr(0, dot) != list.name) continue;
    for (std::size_t i = 0; i < list.max; ++i) {
      if (place == std::to_string(i)) return Element{&list, i};
    }
  }
  return std::nullopt;
}

bool Registry::is_unused(const Section& section) const {
  const auto element = element_of(section.name);
  return element && element->place >= element->list->size;
}

// The first element that nobody set ends its list; one behind it has lost its place.
void Registry::trim_lists(std::vector<Problem>& problems) {
  for (List& list : lists_) {
    std::vector<bool> set(list.max);
    for (const auto& [key, origin] : origins_) {
      const auto element = element_of(slots_.at(key).section->name);
      if (element && element->list == &list) set[element->place] = true;
    }
    list.size = static_cast<std::size_t>(std::ranges::find(set, false) - set.begin());
    const auto lost =
        std::find(set.begin() + static_cast<std::ptrdiff_t>(list.size), set.end(), true);
    if (lost != set.end()) {
      problems.push_back(
          {fmt::format("[[{}]]", list.name), 0,
           fmt::format("number {} is set and number {} is not", lost - set.begin(), list.size)});
    }
    list.resize(list.size);
  }
}

void Registry::check_rules(std::vector<Problem>& problems) const {
  for (const auto& section : sections_) {
    if (is_unused(*section)) continue;
    for (const Rule& rule : section->rules) {
      if (rule.holds(section->config)) continue;
      problems.push_back({'[' + section->name + ']', 0, rule.says});
    }
  }
}

void Registry::assign(const std::string& key, const Value& value, const std::string& source,
                      int line, std::vector<Problem>& problems) {
  const Slot* slot = find(key);
  if (slot == nullptr) {
    problems.push_back({source, line, unknown_key(key)});
    return;
  }
  if (const auto assigned = slot->field->assign(slot->section->config, value); !assigned) {
    problems.push_back({source, line, fmt::format("{}: {}", key, assigned.error())});
    return;
  }
  origins_[key] = line > 0 ? fmt::format("{}:{}", source, line) : source;
}

const Registry::Slot* Registry::find(const std::string& key) const {
  const auto found = slots_.find(key);
  return found == slots_.end() ? nullptr : &found->second;
}

bool Registry::is_table(std::string_view path) const {
  return std::ranges::any_of(sections_, [&](const auto& section) {
    const std::string_view name = section->name;
    return name == path || (name.starts_with(path) && name.substr(path.size()).starts_with('.'));
  });
}

std::string Registry::unknown_key(const std::string& key) const {
  std::vector<std::string> known;
  known.reserve(sections_.size() + slots_.size());
  for (const auto& section : sections_) known.push_back(section->name);
  for (const auto& [name, slot] : slots_) known.push_back(name);
  if (std::ranges::find(known, key) != known.end()) {
    return fmt::format("{} is a section: its settings are {}.…", key, key);
  }
  auto near = closest(key, known);
  if (!near) {
    // The right name in the wrong section.
    const auto same = std::ranges::find(slots_, last_part(key),
                                        [](const auto& slot) { return last_part(slot.first); });
    if (same != slots_.end()) near = same->first;
  }
  if (near) return fmt::format("{} is unknown; did you mean {}?", key, *near);
  return fmt::format("{} is unknown; `raglan config describe` lists what there is", key);
}

std::vector<Setting> Registry::settings() const {
  std::vector<Setting> settings;
  for (const auto& section : sections_) {
    if (is_unused(*section)) continue;
    for (const auto& field : section->fields) {
      const auto origin = origins_.find(section->name + '.' + field->key);
      settings.push_back({section->name, field->key, field->print(section->config),
                          origin == origins_.end() ? "default" : origin->second});
    }
  }
  return settings;
}

std::string Registry::header(std::string_view section) const {
  const auto element = element_of(section);
  return element ? fmt::format("[[{}]]", element->list->name) : fmt::format("[{}]", section);
}

std::string Registry::show() const {
  std::string toml;
  std::string section;
  for (const Setting& setting : settings()) {
    if (setting.section != section) {
      section = setting.section;
      toml += fmt::format("{}{}\n", toml.empty() ? "" : "\n", header(section));
    }
    toml += setting.value
                ? fmt::format("{} = {} # {}\n", setting.key, *setting.value, setting.origin)
                : fmt::format("# {} is not set # {}\n", setting.key, setting.origin);
  }
  return toml;
}

} // namespace raglan::config
