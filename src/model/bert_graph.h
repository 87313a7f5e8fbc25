// BERT's encoder (Devlin et al., 2018) as an OpenVINO graph, ending in one vector of length 1 a
// text.
//
// Built from safetensors, so that a model folder works as it was published, with no conversion
// step; or from the folder's ONNX graph, to which only pooling and normalisation are added. Either
// way:
//
//   inputs   input_ids, attention_mask: i64 [batch, length]
//   output   f32 [batch, hidden_size], L2-normalised
//
// Dropout and the pooler head are left out: sentence embeddings do not use them.
#pragma once

#include <memory>

#include <openvino/core/model.hpp>

#include "base/result.h"
#include "model/model_folder.h"
#include "model/safetensors.h"

namespace raglan::model {

// The graph's constants point into `weights`, which must outlive every use of the graph.
// kCorrupt when a tensor is missing or has another type or shape than config.json says.
Result<std::shared_ptr<ov::Model>> build_bert_graph(const ModelFolder& folder,
                                                    const Safetensors& weights);

// kCorrupt when the file is no ONNX graph with BERT's inputs and a [batch, length, hidden] output.
Result<std::shared_ptr<ov::Model>> read_onnx_graph(const ModelFolder& folder);

} // namespace raglan::model
