// A library without SYMPHONY_PLUGIN.
namespace {

int unused_answer = 42;

}  // namespace

extern "C" __attribute__((visibility("default"))) int some_other_library() { return unused_answer; }
