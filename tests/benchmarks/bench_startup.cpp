// A program that links LibTorch, does next to nothing with it and ends: what every verb of the runner pays before its first line.
#include <torch/types.h>

int main() { return torch::zeros({1}).item<int>(); }
