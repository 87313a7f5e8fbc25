// A sentence-embedding model on disk, in the layout of sentence-transformers:
//
//   config.json             BERT's sizes (model_type "bert", hidden_act "gelu")
//   model.safetensors       its weights, or model.onnx / onnx/model.onnx: the whole graph
//   tokenizer.json          a BERT WordPiece tokenizer
//   sentence_bert_config.json   max_seq_length            (optional)
//   1_Pooling/config.json       mean or CLS pooling       (optional: mean)
//
// Reads and checks the small files only. Errors name the file at fault and say what is wrong with
// it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace raglan::model {

enum class Pooling { kMean, kCls };

struct ModelFolder {
  std::filesystem::path path;
  std::string name;           // the folder's
  std::filesystem::path onnx; // empty: the weights are model.safetensors
  std::size_t vocabulary_size = 0;
  std::size_t hidden_size = 0;
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t max_positions = 0;
  double layer_norm_epsilon = 1e-12;
  std::size_t max_tokens = 0; // special tokens included
  Pooling pooling = Pooling::kMean;
};

// Errors: kUnavailable (a file is missing), kCorrupt (a file is not what it should be),
// kNotImplemented (a model of another form).
Result<ModelFolder> read_model_folder(const std::filesystem::path& path);

} // namespace raglan::model
