//! The memory of the JSON suite, in executables of their own: counting costs a little time.

#[path = "json.rs"]
mod json;

#[global_allocator]
static ALLOCATOR: serbench::CountingAllocator = serbench::CountingAllocator;

fn main() {
    json::main();
}
