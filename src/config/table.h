// The field table that stands beside a module's Config struct.
//
// The struct's member initializers are the only defaults. The table adds what a C++ struct cannot
// say (name, meaning, unit, bounds), and everything else follows from it: the parser, the
// validation, `raglan config describe` and docs/config.md. A module writes, in its own header and
// namespace:
//
//   struct PoolConfig {
//     std::size_t pool_size = 20;
//     std::chrono::milliseconds pool_timeout = 60s;
//     std::size_t max_message_bytes = 1 << 20;
//     double high_water_ratio = 0.8;
//     Order order = Order::kLifo;
//     std::optional<std::string> url;
//     config::Secret password;
//   };
//
//   inline void describe(config::Table<PoolConfig>& table) {
//     table.field("pool_size", &PoolConfig::pool_size, "connections kept open").min(1).max(1000);
//     table.field("pool_timeout", &PoolConfig::pool_timeout, "longest wait for one").min(1ms);
//     table.bytes("max_message", &PoolConfig::max_message_bytes, "longest message");
//     table.ratio("high_water", &PoolConfig::high_water_ratio, "share in use that is reported");
//     table.choice("order", &PoolConfig::order, "which connection is taken first",
//                  {{"lifo", Order::kLifo}, {"fifo", Order::kFifo}});
//     table.field("url", &PoolConfig::url, "where the server is");
//     table.field("password", &PoolConfig::password, "its password");
//     table.rule("pool_size must be even", [](const PoolConfig& c) { return c.pool_size % 2 == 0;
//     });
//   }
//
// and the app binds it to a section: `registry.add("store.pool", pool_config, "…")`. The same
// struct can stand under several sections. std::optional members are unset by default.
//
// Not thread safe: tables are made and read at start-up.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/codec.h"

namespace raglan::config {

// One setting, its types erased. `config` is the address of the struct that the table describes.
class Field {
 public:
  virtual ~Field() = default;

  // Sets the member. The error is a whole sentence that names the value (a secret's is kept out).
  virtual Parsed<void> assign(void* config, const Value& value) const = 0;
  // The member's value as TOML; nullopt when it is unset.
  virtual std::optional<std::string> print(const void* config) const = 0;
  // What may be written: `integer, 1 to 1000`.
  virtual std::string allowed() const = 0;
  virtual bool secret() const = 0;

  std::string key; // within the section
  std::string meaning;
  std::string unit_name; // of a plain number; empty when the type says it
};

template <typename Config, typename Member>
class TypedField final : public Field {
  template <typename M>
  struct Unwrap {
    using Type = M;
  };
  template <typename M>
  struct Unwrap<std::optional<M>> {
    using Type = M;
  };

 public:
  using T = typename Unwrap<Member>::Type;
  static constexpr bool kOptional = !std::is_same_v<T, Member>;

  TypedField(Member Config::* member, Codec<T> codec) : member_(member), codec_(std::move(codec)) {}

  TypedField& min(T bound) {
    min_ = bound;
    return *this;
  }
  TypedField& max(T bound) {
    max_ = bound;
    return *this;
  }
  TypedField& unit(std::string_view name) {
    unit_name = name;
    return *this;
  }
  // A condition on one value: .must("be HOST:PORT", is_host_port).
  TypedField& must(std::string_view condition, std::function<bool(const T&)> holds) {
    condition_ = condition;
    holds_ = std::move(holds);
    return *this;
  }

  Parsed<void> assign(void* config, const Value& value) const override {
    Member& member = static_cast<Config*>(config)->*member_;
    if constexpr (kOptional) {
      // An empty variable unsets: there is no other way to take back what the file sets.
      const auto* text = std::get_if<Text>(&value);
      if (text != nullptr && text->text.empty()) {
        member.reset();
        return {};
      }
    }
    Parsed<T> parsed = checked(codec_.parse(value));
    if (!parsed) {
      const std::string shown = secret() ? "the value" : to_text(value);
      return std::unexpected(fmt::format("{} {}", shown, parsed.error()));
    }
    member = *std::move(parsed);
    return {};
  }

  std::optional<std::string> print(const void* config) const override {
    const Member& member = static_cast<const Config*>(config)->*member_;
    if constexpr (kOptional) {
      return member ? std::optional(codec_.print(*member)) : std::nullopt;
    } else {
      return codec_.print(member);
    }
  }

  std::string allowed() const override {
    std::string text = unit_name.empty() ? codec_.type : unit_name;
    if (const std::string range = bounds(); !range.empty()) text += ", " + range;
    if (!condition_.empty()) text += ", must " + condition_;
    return text;
  }

  bool secret() const override {
    return std::is_same_v<T, Secret> || std::is_same_v<T, std::vector<Secret>>;
  }

 private:
  Parsed<T> checked(Parsed<T> value) const {
    if (!value) return value;
    if constexpr (std::totally_ordered<T>) {
      if ((min_ && *value < *min_) || (max_ && *max_ < *value)) {
        return std::unexpected("is out of range: allowed is " + bounds());
      }
    }
    if (holds_ && !holds_(*value)) return std::unexpected("must " + condition_);
    return value;
  }

  std::string bounds() const {
    if (min_ && max_) return fmt::format("{} to {}", codec_.print(*min_), codec_.print(*max_));
    if (min_) return "at least " + codec_.print(*min_);
    if (max_) return "at most " + codec_.print(*max_);
    return {};
  }

  Member Config::* member_;
  Codec<T> codec_;
  std::optional<T> min_;
  std::optional<T> max_;
  std::string condition_;
  std::function<bool(const T&)> holds_;
};

// A condition over several fields of one section.
struct Rule {
  std::string says; // "min_instances must not exceed max_instances"
  std::function<bool(const void*)> holds;
};

template <typename Config>
class Table {
  template <typename Member>
  using Of = TypedField<Config, Member>;

 public:
  template <typename Member>
  Of<Member>& field(std::string_view key, Member Config::* member, std::string_view meaning) {
    return add(key, member, meaning, codec_for<typename Of<Member>::T>());
  }

  // A byte count: 4096, "64MB", "1GiB".
  template <typename Member>
  Of<Member>& bytes(std::string_view key, Member Config::* member, std::string_view meaning) {
    return add(key, member, meaning, bytes_codec<typename Of<Member>::T>());
  }

  // A share, kept as 0.7, written 70 or "70%". Between 0 and 100 % unless min or max say otherwise.
  template <typename Member>
  Of<Member>& ratio(std::string_view key, Member Config::* member, std::string_view meaning) {
    return add(key, member, meaning, ratio_codec()).min(0).max(1);
  }

  // An enumeration; the names are what the file says.
  template <typename Member>
  Of<Member>& choice(std::string_view key, Member Config::* member, std::string_view meaning,
                     const std::vector<Named<typename Of<Member>::T>>& names) {
    return add(key, member, meaning, choice_codec(names));
  }

  void rule(std::string_view says, std::function<bool(const Config&)> holds) {
    rules_.push_back({std::string(says), [holds = std::move(holds)](const void* config) {
                        return holds(*static_cast<const Config*>(config));
                      }});
  }

  std::vector<std::unique_ptr<Field>> take_fields() { return std::move(fields_); }
  std::vector<Rule> take_rules() { return std::move(rules_); }

 private:
  template <typename Member>
  Of<Member>& add(std::string_view key, Member Config::* member, std::string_view meaning,
                  Codec<typename Of<Member>::T> codec) {
    auto field = std::make_unique<Of<Member>>(member, std::move(codec));
    field->key = key;
    field->meaning = meaning;
    Of<Member>& added = *field;
    fields_.push_back(std::move(field));
    return added;
  }

  std::vector<std::unique_ptr<Field>> fields_;
  std::vector<Rule> rules_;
};

} // namespace raglan::config
