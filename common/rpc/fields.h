// Copies between a plain struct and its message what both call by one name, so
// that a field is named once for both directions:
//
//   #define HP_CLIP_FIELDS path, frames
//   void Copy(const Clip& from, v1::Clip& to) { HP_SET(HP_CLIP_FIELDS); }
//   void Copy(const v1::Clip& from, Clip& to) { HP_GET(HP_CLIP_FIELDS); }
//
// which HP_COPY_BOTH_WAYS(Clip, v1::Clip, path, frames) makes as well. Each
// Copy is an overload of its types' own, in this namespace for all sources.
#ifndef HP_COMMON_RPC_FIELDS_H_
#define HP_COMMON_RPC_FIELDS_H_

#include <type_traits>

#include "common/base/for_each.h"
#include "common/base/ids.h"
#include "google/protobuf/message_lite.h"

namespace halfpipe {

template <typename T>
const T& PlainOf(const T& value) {
  return value;
}

template <typename Tag, typename Int>
Int PlainOf(StrongInt<Tag, Int> value) {
  return value.value();
}

// Into the list or map of a message.
template <typename From, typename To, typename CopyOne>
void SetAll(const From& from, To* to, CopyOne copy) {
  if constexpr (requires { typename To::mapped_type; }) {
    to->insert(from.begin(), from.end());
  } else if constexpr (std::is_base_of_v<google::protobuf::MessageLite,
                                         typename To::value_type>) {
    for (const auto& element : from) copy(element, *to->Add());
  } else {
    to->Assign(from.begin(), from.end());
  }
}

// Out of one, into an empty vector or map.
template <typename From, typename To, typename CopyOne>
void GetAll(const From& from, To* to, CopyOne copy) {
  if constexpr (requires { typename To::mapped_type; }) {
    to->insert(from.begin(), from.end());
  } else if constexpr (std::is_base_of_v<google::protobuf::MessageLite,
                                         typename From::value_type>) {
    for (const auto& element : from) copy(element, to->emplace_back());
  } else {
    to->assign(from.begin(), from.end());
  }
}

}  // namespace halfpipe

// Statements that copy the named fields of `from` into `to`: single values,
// strong integers among them. For lists and maps there is ..._ALL; messages in
// them are copied by the Copy that was declared before.
#define HP_SET(...) HP_FOR_EACH(HP_SET_FIELD, __VA_ARGS__)
#define HP_SET_ALL(...) HP_FOR_EACH(HP_SET_LIST, __VA_ARGS__)
#define HP_GET(...) HP_FOR_EACH(HP_GET_FIELD, __VA_ARGS__)
#define HP_GET_ALL(...) HP_FOR_EACH(HP_GET_LIST, __VA_ARGS__)

#define HP_COPY_BOTH_WAYS(Plain, Message, ...)                      \
  void Copy(const Plain& from, Message& to) { HP_SET(__VA_ARGS__) } \
  void Copy(const Message& from, Plain& to) { HP_GET(__VA_ARGS__) }

#define HP_COPY_ONE [](const auto& one, auto& other) { Copy(one, other); }
#define HP_SET_FIELD(name) to.set_##name(PlainOf(from.name));
#define HP_SET_LIST(name) SetAll(from.name, to.mutable_##name(), HP_COPY_ONE);
#define HP_GET_FIELD(name) to.name = decltype(to.name)(from.name());
#define HP_GET_LIST(name) GetAll(from.name(), &to.name, HP_COPY_ONE);

#endif  // HP_COMMON_RPC_FIELDS_H_
