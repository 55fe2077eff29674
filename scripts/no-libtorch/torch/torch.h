// The compiler comes here only where libtorch's own torch/torch.h is missing (.cargo/config.toml). A file that cannot
// be found is the one mistake at which it stops at once, so the message is a file name.
#include "libtorch is missing: run `make build` first, or set LIBTORCH"
