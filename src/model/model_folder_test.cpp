// What the user gets to read when a model folder is not what it should be: the file at fault and
// what is wrong with it, and no path.
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "model/local_embedder.h"

namespace raglan::model {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kModel = RAGLAN_DEPS "/models/all-MiniLM-L6-v2";

// A copy of the real model that a test may damage; the weights are a link until it does.
class ModelFolderTest : public testing::Test {
 protected:
  ModelFolderTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "1_Pooling");
    for (const char* name :
         {"config.json", "sentence_bert_config.json", "tokenizer.json", "1_Pooling/config.json"}) {
      fs::copy_file(kModel / name, folder_ / name);
    }
    fs::create_symlink(kModel / "model.safetensors", folder_ / "model.safetensors");
  }
  ~ModelFolderTest() override { fs::remove_all(folder_); }

  void remove(const char* name) { fs::remove(folder_ / name); }
  void write(const char* name, std::string_view text) {
    remove(name);
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  void replace(const char* name, const std::string& from, const std::string& to) {
    std::ifstream file(folder_ / name, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto at = text.find(from);
    ASSERT_NE(at, text.npos) << from;
    write(name, text.replace(at, from.size(), to));
  }
  // The front of a file instead of the whole of it.
  void cut(const char* name, std::size_t size_bytes) {
    std::ifstream file(kModel / name, std::ios::binary);
    std::string text(size_bytes, '\0');
    file.read(text.data(), static_cast<std::streamsize>(size_bytes));
    write(name, text);
  }

  Error load_error() {
    auto embedder = LocalEmbedder::load(folder_, {.threads = 1});
    if (embedder) return {ErrorCode::kInternal, "it loaded", {}};
    EXPECT_EQ(embedder.error().message.find('/' + folder_.filename().string()), std::string::npos)
        << embedder.error().message;
    return embedder.error();
  }

  const fs::path folder_ =
      fs::temp_directory_path() /
      fmt::format("raglan-model-{}-{}", ::getpid(),
                  testing::UnitTest::GetInstance()->current_test_info()->name());
};

#define EXPECT_LOAD_ERROR(expected_code, part)                        \
  do {                                                                \
    const Error error = load_error();                                 \
    EXPECT_EQ(error.code, ErrorCode::expected_code) << error.message; \
    EXPECT_THAT(error.message, HasSubstr(part));                      \
  } while (false)

TEST_F(ModelFolderTest, AWholeCopyLoads) {
  auto embedder = LocalEmbedder::load(folder_, {.threads = 1});
  ASSERT_TRUE(embedder) << embedder.error().message;
  EXPECT_EQ((*embedder)->dimension(), 384u);
  EXPECT_EQ((*embedder)->max_tokens(), 256u);
}

TEST_F(ModelFolderTest, TheFolderIsMissing) {
  fs::remove_all(folder_);
  EXPECT_LOAD_ERROR(kUnavailable, "there is no model folder raglan-model-");
}

TEST_F(ModelFolderTest, AFileIsMissing) {
  remove("tokenizer.json");
  EXPECT_LOAD_ERROR(kUnavailable, "tokenizer.json cannot be read");
  remove("config.json");
  EXPECT_LOAD_ERROR(kUnavailable, "config.json cannot be read");
}

TEST_F(ModelFolderTest, TheWeightsAreMissing) {
  remove("model.safetensors");
  EXPECT_LOAD_ERROR(kUnavailable, "holds neither model.safetensors nor model.onnx");
}

TEST_F(ModelFolderTest, AJsonFileIsBroken) {
  write("tokenizer.json", R"({"model":)");
  EXPECT_LOAD_ERROR(kCorrupt, "tokenizer.json is not a JSON object");
  write("config.json", "[]");
  EXPECT_LOAD_ERROR(kCorrupt, "config.json is not a JSON object");
}

TEST_F(ModelFolderTest, ASizeIsMissingOrNonsense) {
  replace("config.json", R"("hidden_size": 384)", R"("hidden_size": -1)");
  EXPECT_LOAD_ERROR(kCorrupt, "config.json: \"hidden_size\" must be a positive number");
  replace("config.json", R"("hidden_size": -1)", R"("hidden": 384)");
  EXPECT_LOAD_ERROR(kCorrupt, "config.json: \"hidden_size\" must be a positive number");
}

TEST_F(ModelFolderTest, TheModelIsOfAnotherForm) {
  replace("config.json", R"("model_type": "bert")", R"("model_type": "t5")");
  EXPECT_LOAD_ERROR(kNotImplemented, "config.json: \"model_type\" must be \"bert\"");
}

TEST_F(ModelFolderTest, TheTokenizerIsOfAnotherForm) {
  replace("tokenizer.json", R"("BertNormalizer")", R"("NFKC")");
  EXPECT_LOAD_ERROR(kNotImplemented, "tokenizer.json: only BERT's");
}

TEST_F(ModelFolderTest, ThePoolingIsAnother) {
  replace("1_Pooling/config.json", R"("pooling_mode_mean_tokens": true)",
          R"("pooling_mode_mean_tokens": false)");
  EXPECT_LOAD_ERROR(kNotImplemented, "1_Pooling/config.json: only mean and CLS pooling");
}

TEST_F(ModelFolderTest, TheWeightsAreEmptyOrCutShort) {
  write("model.safetensors", "");
  EXPECT_LOAD_ERROR(kCorrupt, "model.safetensors is empty");
  cut("model.safetensors", 100);
  EXPECT_LOAD_ERROR(kCorrupt, "model.safetensors: its header is longer than the file");
  cut("model.safetensors", 10'000'000);
  EXPECT_LOAD_ERROR(kCorrupt, "has a wrong type, shape or range");
}

TEST_F(ModelFolderTest, TheWeightsAreOfAnotherModel) {
  replace("config.json", R"("num_hidden_layers": 6)", R"("num_hidden_layers": 12)");
  EXPECT_LOAD_ERROR(kCorrupt, "model.safetensors: encoder.layer.6.");
}

TEST_F(ModelFolderTest, TheTokenizerIsOfAnotherModel) {
  replace("config.json", R"("vocab_size": 30522)", R"("vocab_size": 30000)");
  EXPECT_LOAD_ERROR(kCorrupt, "tokenizer.json has more tokens than the model has words");
}

TEST_F(ModelFolderTest, TheGraphIsNoGraph) {
  remove("model.safetensors");
  write("model.onnx", "not a graph");
  EXPECT_LOAD_ERROR(kCorrupt, "model.onnx is no graph with BERT's inputs");
}

} // namespace
} // namespace raglan::model
