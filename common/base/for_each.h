// Lists of names that the preprocessor goes through, for what names a field
// once and means it twice.
#ifndef HP_COMMON_BASE_FOR_EACH_H_
#define HP_COMMON_BASE_FOR_EACH_H_

// The fields of `object` as pairs for a JSON object, each under its own name:
// Json{HP_MEMBERS(stage, rank, host)} is Json{{"rank", stage.rank},
// {"host", stage.host}}.
#define HP_MEMBERS(object, ...) \
  HP_PASS_64(HP_MEMBERS_FIRST(object, __VA_ARGS__))

// `macro`(name) for each of up to 64 names.
#define HP_FOR_EACH(macro, ...) HP_PASS_64(HP_FIRST(macro, __VA_ARGS__))

// A macro does not expand itself: each pass over the text expands the next
// name.
#define HP_FIRST(macro, name, ...) \
  macro(name) __VA_OPT__(HP_REST HP_NO_ARGUMENTS(macro, __VA_ARGS__))
#define HP_REST() HP_FIRST
#define HP_MEMBERS_FIRST(object, name, ...) \
  {#name, object.name} __VA_OPT__(          \
      , HP_MEMBERS_REST HP_NO_ARGUMENTS(object, __VA_ARGS__))
#define HP_MEMBERS_REST() HP_MEMBERS_FIRST
#define HP_NO_ARGUMENTS ()
#define HP_PASS_64(...) \
  HP_PASS_16(HP_PASS_16(HP_PASS_16(HP_PASS_16(__VA_ARGS__))))
#define HP_PASS_16(...) HP_PASS_4(HP_PASS_4(HP_PASS_4(HP_PASS_4(__VA_ARGS__))))
#define HP_PASS_4(...) HP_PASS(HP_PASS(HP_PASS(HP_PASS(__VA_ARGS__))))
#define HP_PASS(...) __VA_ARGS__

#endif  // HP_COMMON_BASE_FOR_EACH_H_
