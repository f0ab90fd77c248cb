//! The popgate binary: the command line and the allocator, nothing else.

/// Many small, short-lived buffers on several threads: the system's allocator keeps too much of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    popgate::cli::main()
}
