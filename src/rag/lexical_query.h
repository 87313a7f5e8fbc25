// What of a question the lexical side should look for.
//
// The words that make a sentence a question ("how do I", "what is", "can you") say nothing about
// its subject, but documents that answer questions seldom hold them, so that BM25 takes them for
// rare and telling. They are left out of the question, not of the index: a document about the word
// "why" stays findable by it, because a question of nothing else keeps its words.
//
// Pure; thread safe.
#pragma once

#include <string>
#include <string_view>

namespace raglan::rag {

// The question without its question words; empty when nothing else is left.
std::string subject_words(std::string_view question);
// The same, but the whole question when nothing else is left.
std::string lexical_query(std::string_view question);

} // namespace raglan::rag
