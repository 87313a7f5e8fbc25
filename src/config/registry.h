// All settings of one command: which sections there are, where their values come from, what is
// wrong.
//
//   ServerConfig server;                                   // its initializers are the defaults
//   config::Registry registry;
//   registry.add("server", server, "the HTTP server");
//   const auto problems = registry.load({.file_name = "raglan.toml", .toml = text,
//                                        .environment = config::raglan_variables(environ),
//                                        .overrides = {{"server.listen", ":80", "--listen"}}});
//   for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem.text());
//
// A flag wins over the environment, the environment over the file, the file over the default. All
// problems of all sources are reported at once; when there are any, discard the structs, which then
// hold a mixture. Each value remembers where it came from, for `raglan config show`.
//
// Nothing may be read of a list's struct before `load`, which shortens the list.
//
// The structs must outlive the registry. Not thread safe: start-up only.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.h"

namespace raglan::config {

struct TomlEntry;

// A value given by a flag.
struct Override {
  std::string key;
  std::string value;
  std::string origin; // the flag: "--listen"
};

struct Sources {
  std::string file_name; // for messages only
  std::string toml;      // the file's text; empty without a file
  // Variables whose names begin with RAGLAN_. Remove those that mean something else to the caller:
  // one that is no setting is a problem.
  std::map<std::string, std::string> environment;
  std::vector<Override> overrides; // the last of equals wins
};

struct Problem {
  std::string source; // file, variable or flag; for a rule, the section
  int line = 0;       // of the file; 0 elsewhere
  std::string message;

  std::string text() const; // "raglan.toml:12: server.listn is unknown; …"
};

// A setting's present value.
struct Setting {
  std::string section;
  std::string key;                  // within the section
  std::optional<std::string> value; // TOML, secrets redacted; nullopt when unset
  std::string origin; // "default", "raglan.toml:12", "RAGLAN_SERVER__LISTEN", "--listen"
};

class Registry {
 public:
  // Binds a struct to a section of the file. `Config` has a `describe(Table<Config>&)` beside it.
  // Several structs may stand under one section, added one after the other; the first one's meaning
  // is the section's. What the struct holds now are the defaults: the same type may stand under two
  // sections with different ones. The same key twice ends the program.
  template <typename Config>
  void add(std::string_view section, Config& config, std::string_view meaning) {
    Table<Config> table;
    describe(table);
    add_section({std::string(section),
                 std::string(meaning),
                 &config,
                 table.take_fields(),
                 table.take_rules(),
                 {}},
                &config);
  }

  // Binds a list of structs, at most `max`, to an array of tables: [[section]] in the file, where a
  // key is `section.0.key` in flags and RAGLAN_SECTION__0__KEY in the environment. The list is as
  // long as what was set.
  template <typename Config>
  void add_list(std::string_view section, std::vector<Config>& list, std::string_view meaning,
                std::size_t max) {
    list.resize(max);
    for (std::size_t place = 0; place < max; ++place) {
      add(fmt::format("{}.{}", section, place), list[place], meaning);
    }
    lists_.push_back({std::string(section), max, [&list](std::size_t size) { list.resize(size); }});
  }

  // Empty when everything is well.
  [[nodiscard]] std::vector<Problem> load(const Sources& sources);

  // Every setting, in the order in which sections and fields were added.
  std::vector<Setting> settings() const;
  // The same as a TOML file; each line says where its value came from.
  std::string show() const;
  // The reference of all settings, as Markdown: docs/config.md.
  std::string markdown() const;

 private:
  struct Section {
    std::string name;
    std::string meaning;
    void* config;
    std::vector<std::unique_ptr<Field>> fields;
    std::vector<Rule> rules;
    std::vector<std::string> defaults; // as TOML, one per field; empty for unset
  };
  struct List {
    std::string name;
    std::size_t max;
    std::function<void(std::size_t size)> resize;
    std::size_t size = 0; // once it is loaded
  };
  struct Slot {
    Section* section;
    Field* field;
  };

  void add_section(Section section, const void* defaults);
  std::string wrong_list(const TomlEntry& entry) const;
  void load_file(const Sources& sources, std::vector<Problem>& problems);
  void load_environment(const Sources& sources, std::vector<Problem>& problems);
  void load_overrides(const Sources& sources, std::vector<Problem>& problems);
  void check_rules(std::vector<Problem>& problems) const;
  void trim_lists(std::vector<Problem>& problems);
  // Of a list that is not so long.
  bool is_unused(const Section& section) const;
  // The list to which the section belongs, and its place there.
  struct Element {
    const List* list;
    std::size_t place;
  };
  std::optional<Element> element_of(std::string_view section) const;
  std::string header(std::string_view section) const; // in the file

  // Sets one value or adds a problem.
  void assign(const std::string& key, const Value& value, const std::string& source, int line,
              std::vector<Problem>& problems);
  const Slot* find(const std::string& key) const;
  // Whether `[path]` may stand in the file: a section, or what leads to one.
  bool is_table(std::string_view path) const;
  std::string unknown_key(const std::string& key) const;

  std::vector<std::unique_ptr<Section>> sections_;
  std::vector<List> lists_;
  std::map<std::string, Slot> slots_;          // by full key
  std::map<std::string, std::string> origins_; // by full key; absent for a default
};

// "section.key=value" of a --set flag.
std::expected<Override, Problem> parse_override(std::string_view assignment);

} // namespace raglan::config
