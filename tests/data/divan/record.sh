#!/usr/bin/env bash
# Records divan's output for the benches of tests/fixtures/divan-traps and, given the path of a checkout of
# https://github.com/nvzqz/divan at v0.1.21, for its own examples.
# Tests don't depend on recorded times, so they pass with new recordings. Takes about a minute.
set -euo pipefail
data=$(cd "$(dirname "$0")" && pwd)
fixture=$data/../../fixtures/divan-traps

# executable BENCH MANIFEST
executable() {
    local said
    if ! said=$(cargo bench --manifest-path "$2" --bench "$1" --no-run 2>&1); then
        echo "$said" >&2
        return 1
    fi
    realpath "$(sed -n "s/^ *Executable benches\/$1.rs (\(.*\))$/\1/p" <<<"$said")"
}

# record NAME EXIT-CODE COMMAND...
record() {
    local name=$1 expected=$2 code=0
    shift 2
    "$@" >"$data/$name.txt" 2>/dev/null || code=$?
    if [ "$code" != "$expected" ]; then
        echo "$name: exit code $code instead of $expected" >&2
        exit 1
    fi
}

# listing NAME EXECUTABLE
listing() { record "$1" 0 env NEXTEST=1 "$2" --list --format terse; }

count=3 size=4
# row NAME EXIT-CODE EXECUTABLE ID OPTION...
row() {
    local name=$1 expected=$2 exe=$3 id=$4
    shift 4
    record "$name" "$expected" "$exe" --bench --exact "$id" --sample-count "$count" --sample-size "$size" "$@"
}

traps=$(executable traps "$fixture/Cargo.toml")
listing traps-listing "$traps"
row plain 0 "$traps" traps::plain
row raw_identifier 0 "$traps" traps::type
row nothing_matches 0 "$traps" traps::no_such_benchmark
row types 0 "$traps" 'traps::types::Vec<alloc::string::String>'
row consts 0 "$traps" traps::consts::32
row types_and_consts 0 "$traps" 'traps::types_and_consts::Option<u8>::32'
for name in lines without_newline an_empty_line to_stderr a_row a_row_without_newline a_table a_thread_row; do
    row "prints_$name" 0 "$traps" "traps::prints::$name"
done
row ends_panics 101 "$traps" traps::ends::panics
row ends_prints_and_panics 101 "$traps" traps::ends::prints_and_panics
for name in exits fakes_a_row_and_exits ignored not_registered; do
    row "ends_$name" 0 "$traps" "traps::ends::$name"
done
row ignored_group 0 "$traps" traps::ignored_group::inside
row ignored_but_run 0 "$traps" traps::ends::ignored --include-ignored
row threads 0 "$traps" traps::threads
row threads_chosen 0 "$traps" traps::threads --threads 4
row threads_print 0 "$traps" traps::printing_threads
row threads_short_name 0 "$traps" traps::t
row threads_single 0 "$traps" traps::four_threads
row threads_and_args 0 "$traps" traps::threads_and_args::t=1
row arg_number 0 "$traps" traps::args::64
row arg_path 0 "$traps" traps::args::x::y
row arg_pipe 0 "$traps" 'traps::args::│ pipe'
row arg_branch 0 "$traps" 'traps::args::├─ x'
row arg_spaces 0 "$traps" 'traps::args::╰─ two  spaces'
row arg_padded 0 "$traps" 'traps::args:: padded '
row arg_empty 0 "$traps" traps::args::
row arg_threads 0 "$traps" traps::args::t=4
row arg_unicode 0 "$traps" traps::args::日本語
row arg_listed 0 "$traps" 'traps::args::ends in: benchmark'
row arg_other_id 0 "$traps" traps::args::traps::plain
row arg_row 0 "$traps" 'traps::args::row  1 ns          │ 1 ns          │ 1 ns          │ 1 ns          │ 3       │ 3'
row arg_header 0 "$traps" 'traps::args::header  fastest       │ slowest       │ median        │ mean          │ samples │ iters'
row arg_newline 0 "$traps" $'traps::args::line1\nline2'
row arg_long 0 "$traps" "traps::long::$(printf '0123456789%.0s' {1..30})"
row group 0 "$traps" 'traps::a group │ 日本語::weird │ name ├─ x'
row colliding_types 0 "$traps" traps::colliding::by_type::Foo
row colliding_names 0 "$traps" traps::colliding::by_name
row colliding_args 0 "$traps" traps::colliding::by_arg::1
row throughput 0 "$traps" traps::throughput::every
row throughput_threads 0 "$traps" traps::throughput::threads
row throughput_too_many 0 "$traps" traps::throughput::too_many
row throughput_too_many_and_prints 0 "$traps" traps::throughput::too_many_and_prints
record test_mode 0 "$traps" --exact traps::args::64 --sample-count 3 --sample-size 4
record plain_listing 0 "$traps" --list

units=$(executable units "$fixture/Cargo.toml")
listing units-listing "$units"
record units 0 "$units" --bench --sample-count 1 --sample-size 1
count=5 size=1
for name in nanoseconds microseconds milliseconds; do
    row "unit_$name" 0 "$units" "units::$name"
done
count=1
row unit_seconds 0 "$units" units::seconds
count=100 size=10000
for _ in {1..100}; do
    row optimised_away 0 "$units" units::optimised_away
    grep -q ' 0 ns ' "$data/optimised_away.txt" && break
done
grep -q ' 0 ns ' "$data/optimised_away.txt" || { echo "optimised_away: never 0 ns" >&2; exit 1; }
count=3 size=1000000
row under_a_nanosecond 0 "$units" units::under_a_nanosecond

count=3 size=4
memory=$(executable memory "$fixture/Cargo.toml")
for name in allocates_nothing returns scratch every_row threads prints; do
    row "memory_$name" 0 "$memory" "memory::$name"
done
row memory_binary 0 "$memory" memory::every_row --bytes-format binary

noisy=$(executable noisy "$fixture/Cargo.toml")
listing noisy-listing "$noisy"
row noisy 0 "$noisy" noisy::quiet

if [ $# -gt 0 ]; then
    for name in collections string threads time; do
        exe=$(executable "$name" "$1/examples/Cargo.toml")
        listing "divan_$name-listing" "$exe"
        case $name in
        collections) row "divan_$name" 0 "$exe" 'collections::clear::Vec<i32>::64' ;;
        string) row "divan_$name" 0 "$exe" string::char_count::Unicode::1024 ;;
        threads) row "divan_$name" 0 "$exe" threads::arc::clone ;;
        time) row "divan_$name" 0 "$exe" 'time::now::tsc (x86)' ;;
        esac
    done
fi
