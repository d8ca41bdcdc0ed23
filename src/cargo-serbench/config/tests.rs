//! Checks what is in force under tables and flags as people write them, and every error.

use std::collections::BTreeMap;

use toml::Value;

use super::{
    Config, Flag, Flags, InForce, Mode, Source, Tolerance, in_force,
    keys::{DEFAULTS, Override, References, fields},
    units::Percent,
};

/// `--key value` for each key, as the command line hands it on.
fn typed(text: &str) -> Flags {
    let mut flags = Flags::default();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let (name, inline) = match word.trim_start_matches('-').split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.trim_start_matches('-'), None),
        };
        let next = words.next_if(|next| !next.starts_with('-'));
        let value = inline.or(next).unwrap_or("true");
        if name == "reference" {
            flags.reference = value.split(',').map(str::to_owned).collect();
            continue;
        }
        let (flag, known) = match name {
            "suite" => ("suites", "suites"),
            "F" => ("features", "features"),
            "no-default-features" => ("no-default-features", "default-features"),
            _ => ("", name),
        };
        let value = match known {
            "budget" | "max-latency-ratio" | "max-memory-ratio" => {
                Value::Float(value.parse().unwrap())
            }
            "threshold" | "indifference" | "memory-threshold" => {
                Value::try_from(value.parse::<Percent>().unwrap()).unwrap()
            }
            "strict" | "require-baseline" | "allow-removed" | "default-features" => {
                Value::Boolean(value == "true" && !flag.starts_with("no-"))
            }
            "suites" if value == "all" => Value::Array(Vec::new()),
            "suites" | "features" | "build-flags" => {
                Value::from(value.split(',').collect::<Vec<_>>())
            }
            _ => Value::from(value),
        };
        flags.keys.push(Flag {
            key: known.to_owned(),
            flag: if flag.is_empty() { name } else { flag }.to_owned(),
            value,
        });
    }
    flags
}

/// What is in force under a Cargo.toml and flags, or what is told.
#[track_caller]
fn load(text: &str, flags: &str) -> Result<InForce, String> {
    let source = |of| Source {
        file: Some("Cargo.toml"),
        text,
        of,
    };
    let there = ["json", "npy", "memory", "my_bench"].map(str::to_owned);
    in_force(
        &[source("workspace"), source("package")],
        &typed(flags),
        Some(&there),
    )
    .map_err(|error| format!("{error:#}"))
}

#[track_caller]
fn config(text: &str, flags: &str) -> Config {
    load(text, flags).unwrap().config
}

/// What is told of `lines` in the package's table.
#[track_caller]
fn told(lines: &str) -> String {
    let text = format!("[package]\nname = \"x\"\n\n[package.metadata.serbench]\n{lines}\n");
    load(&text, "").expect_err("this should be wrong")
}

fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

#[test]
fn defaults() {
    let expected = Config {
        reference: References::default(),
        suites: Vec::new(),
        memory_suite: "memory".to_owned(),
        features: Vec::new(),
        default_features: true,
        profile: "bench".to_owned(),
        build_flags: Vec::new(),
        cache_size: "4GiB".parse().unwrap(),
        threshold: percent("3%"),
        indifference: percent("1%"),
        memory_threshold: percent("3%"),
        max_latency_ratio: None,
        max_memory_ratio: None,
        budget: None,
        default_branch: None,
        strict: false,
        require_baseline: false,
        allow_removed: false,
        mode: Mode::Gate,
        overrides: Vec::new(),
        held: None,
    };
    // Without any table, and with the template pasted as it is.
    assert_eq!(config("[package]", ""), expected);
    assert_eq!(config(DEFAULTS, ""), expected);
}

/// The defaults with what is commented out put in force.
fn all_keys() -> String {
    let lines = DEFAULTS.lines();
    let lines = lines.map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        Some(_) | None => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_template_has_every_key() {
    let InForce { layer, .. } = load(&all_keys(), "").unwrap();
    for key in fields::<Config>() {
        let there = match *key {
            "reference" => !layer.reference.is_empty(),
            "override" => !layer.overrides.is_empty(),
            key => layer.plain.contains_key(key),
        };
        assert!(there, "{key}");
    }
    let overridden: Vec<&String> = layer.overrides[0].keys().collect();
    let mut expected = fields::<Override>().to_vec();
    expected.sort_unstable();
    assert_eq!(overridden, expected);
}

const LAYERS: &str = r#"
[workspace.metadata.serbench]
threshold = "5%"
memory-threshold = 0.1
default-branch = "trunk"
suites = ["json", "npy"]

[workspace.metadata.serbench.reference]
json = "orjson"
npy = "raw"

[[workspace.metadata.serbench.override]]
benchmarks = ["json::**"]
threshold = 0.5
mode = "track"

[package.metadata.serbench]
threshold = 0.02
suites = ["my-bench"]
reference.npy = "numpy"

[[package.metadata.serbench.override]]
benchmarks = [
    "json::slow::**",
    "npy::*::f16::*",
]
threshold = 0.25
max-latency-ratio = 4
reason = "slow"
"#;

#[test]
fn layers_and_origins() {
    let shown = |flags: &str| load(LAYERS, flags).unwrap().to_toml();
    insta::assert_snapshot!(shown(""), @r#"
    [package.metadata.serbench]
    suites = ["my_bench"]           # Cargo.toml:19
    memory-suite = "memory"         # default
    features = []                   # default
    default-features = true         # default
    profile = "bench"               # default
    build-flags = []                # default
    cache-size = "4 GiB"            # default
    threshold = "2%"                # Cargo.toml:18
    indifference = "1%"             # default
    memory-threshold = "10%"        # Cargo.toml:4
    # max-latency-ratio is not set
    # max-memory-ratio is not set
    # budget is not set
    default-branch = "trunk"        # Cargo.toml:5
    strict = false                  # default
    require-baseline = false        # default
    allow-removed = false           # default
    mode = "gate"                   # default

    [package.metadata.serbench.reference]
    json = "orjson"                 # Cargo.toml:9
    npy = "numpy"                   # Cargo.toml:20

    [[package.metadata.serbench.override]]
    benchmarks = ["json::**"]       # Cargo.toml:13
    threshold = "50%"               # Cargo.toml:14
    mode = "track"                  # Cargo.toml:15

    [[package.metadata.serbench.override]]
    benchmarks = ["json::slow::**", "npy::*::f16::*"] # Cargo.toml:23
    threshold = "25%"               # Cargo.toml:27
    max-latency-ratio = 4.0         # Cargo.toml:28
    reason = "slow"                 # Cargo.toml:29
    "#);
    insta::assert_snapshot!(shown("--threshold 10% --mode gate --reference sonic_rs --suite all --strict --no-default-features -F a,b"), @r#"
    [package.metadata.serbench]
    suites = []                     # --suites
    memory-suite = "memory"         # default
    features = ["a", "b"]           # --features
    default-features = false        # --no-default-features
    profile = "bench"               # default
    build-flags = []                # default
    cache-size = "4 GiB"            # default
    threshold = "10%"               # --threshold
    indifference = "1%"             # default
    memory-threshold = "10%"        # Cargo.toml:4
    # max-latency-ratio is not set
    # max-memory-ratio is not set
    # budget is not set
    default-branch = "trunk"        # Cargo.toml:5
    strict = true                   # --strict
    require-baseline = false        # default
    allow-removed = false           # default
    mode = "gate"                   # --mode

    [package.metadata.serbench.reference]
    "*" = "sonic_rs"                # --reference

    [[package.metadata.serbench.override]]
    benchmarks = ["json::slow::**", "npy::*::f16::*"] # Cargo.toml:23
    max-latency-ratio = 4.0         # Cargo.toml:28
    reason = "slow"                 # Cargo.toml:29
    "#);
}

#[test]
fn what_is_shown_can_be_configured() {
    for text in [String::new(), LAYERS.to_owned(), all_keys()] {
        for flags in ["", "--threshold 4% --budget 7 --reference json=x"] {
            let before = load(&text, flags).unwrap();
            let again = load(&before.to_toml(), "").unwrap();
            assert_eq!(before.config, again.config);
        }
    }
}

#[test]
fn shown_to_programs() {
    let json = load(LAYERS, "--strict").unwrap().to_json();
    let check = |pointer: &str, expected: serde_json::Value| {
        assert_eq!(json.pointer(pointer), Some(&expected), "{pointer}");
    };
    check(
        "/strict",
        serde_json::json!({"value": true, "origin": "--strict"}),
    );
    check("/threshold/origin", "Cargo.toml:18".into());
    check("/reference/npy/value", "numpy".into());
    check("/override/1/max-latency-ratio/value", 4.0.into());
    check("/override/1/reason/origin", "Cargo.toml:29".into());
}

#[test]
fn flags_win() {
    let all = "--suites json --memory-suite npy --features a --default-features=false --profile release --build-flags=-Cx --cache-size 1GiB \
               --threshold 4% --indifference 0.02 --memory-threshold 0 --max-latency-ratio 1.5 \
               --max-memory-ratio 2 --budget 9 --default-branch dev --strict --require-baseline \
               --mode track --reference x,json=y";
    let expected = Config {
        reference: References(BTreeMap::from(
            [("*", "x"), ("json", "y")].map(|(suite, encoder)| (suite.into(), encoder.into())),
        )),
        suites: vec!["json".to_owned()],
        memory_suite: "npy".to_owned(),
        features: vec!["a".to_owned()],
        default_features: false,
        profile: "release".to_owned(),
        build_flags: vec!["-Cx".to_owned()],
        cache_size: "1GiB".parse().unwrap(),
        threshold: percent("4%"),
        indifference: percent("2%"),
        memory_threshold: percent("0%"),
        max_latency_ratio: "1.5".parse().ok(),
        max_memory_ratio: "2".parse().ok(),
        budget: "9".parse().ok(),
        default_branch: Some("dev".to_owned()),
        strict: true,
        require_baseline: true,
        allow_removed: false,
        mode: Mode::Track,
        overrides: Vec::new(),
        held: None,
    };
    assert_eq!(config("", all), expected);
    let off = "[package.metadata.serbench]\nstrict = true\ndefault-features = false";
    assert!(config(off, "").strict);
    assert!(!config(off, "--strict=false").strict);
    assert!(config(off, "--default-features").default_features);
    assert_eq!(config("", "--suites npy").suites, ["npy"]);
}

#[test]
fn contradictions_between_flags_and_files_are_told() {
    let both = load(
        "[package.metadata.serbench]\nindifference = 0.02",
        "--threshold 1%",
    );
    insta::assert_snapshot!(both.unwrap_err(), @"Cargo.toml:2: `indifference` is 2%, above the `threshold` 1% (--threshold); lower it, because changes below the indifference count as noise");
    let both = load("", "--threshold 1% --indifference 2%");
    insta::assert_snapshot!(both.unwrap_err(), @"--indifference: `indifference` is 2%, above the `threshold` 1% (--threshold); lower it, because changes below the indifference count as noise");
}

#[test]
fn wrong_keys_are_told() {
    insta::assert_snapshot!(told("treshold = 0.03"), @"Cargo.toml:5: unknown key `treshold` in [package.metadata.serbench]; did you mean `threshold`?");
    insta::assert_snapshot!(told("memory_threshold = 0.03"), @"Cargo.toml:5: unknown key `memory_threshold` in [package.metadata.serbench]; did you mean `memory-threshold`?");
    insta::assert_snapshot!(told("suite = [\"json\"]"), @"Cargo.toml:5: unknown key `suite` in [package.metadata.serbench]; did you mean `suites`?");
    insta::assert_snapshot!(told("zzz = 1"), @"Cargo.toml:5: unknown key `zzz` in [package.metadata.serbench]; known keys are suites, memory-suite, features, default-features, profile, build-flags, cache-size, threshold, indifference, memory-threshold, max-latency-ratio, max-memory-ratio, budget, default-branch, strict, require-baseline, allow-removed, mode, reference, override");
    insta::assert_snapshot!(told("[[package.metadata.serbench.overrides]]\nbenchmarks = [\"**\"]"), @"Cargo.toml:5: unknown key `overrides` in [package.metadata.serbench]; did you mean `override`?");
    insta::assert_snapshot!(told("[[package.metadata.serbench.override]]\nbenchmarks = [\"**\"]\nbudget = 3"), @"Cargo.toml:7: unknown key `budget` in [[package.metadata.serbench.override]]; known keys are benchmarks, threshold, indifference, memory-threshold, max-latency-ratio, max-memory-ratio, allow-removed, mode, reason");
    insta::assert_snapshot!(load("[workspace.metadata]\nserbench = 3", "").unwrap_err(), @"Cargo.toml:2: `serbench` is 3; expected a table of keys");
}

#[test]
fn wrong_values_are_told() {
    insta::assert_snapshot!(told("threshold = 3"), @"Cargo.toml:5: `threshold` is 3; did you mean 3%, or really 300%?");
    insta::assert_snapshot!(told("threshold = 0"), @"Cargo.toml:5: `threshold` is 0; expected a percentage above 0%, such as 3%");
    insta::assert_snapshot!(told("threshold = \"0.03\""), @r#"Cargo.toml:5: `threshold` is "0.03"; expected a percentage above 0%, such as 3%"#);
    insta::assert_snapshot!(told("threshold = 0x1"), @"Cargo.toml:5: `threshold` is 0x1; did you mean 1%, or really 100%?");
    insta::assert_snapshot!(told("threshold = [\n  1,\n]"), @"Cargo.toml:6: `threshold` is 1; expected a percentage above 0%, such as 3%");
    insta::assert_snapshot!(told("indifference = nan"), @"Cargo.toml:5: `indifference` is nan; expected a percentage from 0% to below 1000%, such as 3%");
    insta::assert_snapshot!(told("max-latency-ratio = 0.0"), @"Cargo.toml:5: `max-latency-ratio` is 0.0; expected a number above 0, such as 1.5");
    insta::assert_snapshot!(told("budget = -1"), @"Cargo.toml:5: `budget` is -1; expected seconds, above 0 and at most a million, such as 60");
    insta::assert_snapshot!(told("strict = \"yes\""), @r#"Cargo.toml:5: `strict` is "yes"; expected true or false"#);
    insta::assert_snapshot!(told("mode = \"gaet\""), @r#"Cargo.toml:5: `mode` is "gaet"; expected one of `gate`, `track`, `off`"#);
    insta::assert_snapshot!(told("profile = \" \""), @r#"Cargo.toml:5: `profile` is " "; expected a name"#);
    insta::assert_snapshot!(told("suites = \"json\""), @r#"Cargo.toml:5: `suites` is "json"; expected a list"#);
    insta::assert_snapshot!(told("suites = [\n  \"json\",\n  \"\",\n]"), @r#"Cargo.toml:7: `suites` is ""; expected a name"#);
    insta::assert_snapshot!(told("suites = [\"jsno\"]"), @"Cargo.toml:5: `suites` names the suite `jsno`, but no bench has that name; did you mean `json`?");
    insta::assert_snapshot!(told("memory-suite = \"mem-x\""), @"Cargo.toml:5: `memory-suite` names the suite `mem_x`, but no bench has that name; did you mean `memory`?");
    insta::assert_snapshot!(told("reference = true"), @r#"Cargo.toml:5: `reference` is true; expected an encoder for all suites, or a table such as { json = "orjson" }"#);
    insta::assert_snapshot!(told("reference.json = 3"), @"Cargo.toml:5: `reference` is 3; expected a string");
    insta::assert_snapshot!(told("reference.jsn = \"orjson\""), @"Cargo.toml:5: `reference` names the suite `jsn`, but no bench has that name; did you mean `json`?");
    insta::assert_snapshot!(told("indifference = 0.05"), @"Cargo.toml:5: `indifference` is 5%, above the `threshold` 3% (default); lower it, because changes below the indifference count as noise");
}

#[test]
fn wrong_overrides_are_told() {
    let told = |lines: &str| {
        told(&format!(
            "\n[[package.metadata.serbench.override]]\n{lines}"
        ))
    };
    insta::assert_snapshot!(told("threshold = 0.1"), @r#"Cargo.toml:6: an override without `benchmarks`; add globs over ids, such as benchmarks = ["json::*::f64::**"]"#);
    insta::assert_snapshot!(told("benchmarks = []\nthreshold = 0.1"), @r#"Cargo.toml:7: `benchmarks` is []; expected globs over ids, such as ["json::*::f64::**"]"#);
    insta::assert_snapshot!(told("benchmarks = [\"**\"]\nreason = \"why not\""), @"Cargo.toml:6: an override that changes nothing; add one of threshold, indifference, memory-threshold, max-latency-ratio, max-memory-ratio, allow-removed, mode");
    insta::assert_snapshot!(told("benchmarks = [\n\"json::**\",\n\"json::[a\"]\nthreshold = 0.1"), @r#"Cargo.toml:9: `benchmarks` is "json::[a"; invalid glob: unclosed character class; missing ']'"#);
    insta::assert_snapshot!(told("benchmarks = [\"**\"]\nindifference = 0.1"), @"Cargo.toml:8: `indifference` is 10%, above the `threshold` 3% (default); lower it, because changes below the indifference count as noise");
    insta::assert_snapshot!(told("benchmarks = [\"**\"]\nthreshold = 1\nmode = true"), @"
    Cargo.toml:8: `threshold` is 1; did you mean 1%, or really 100%?
    Cargo.toml:9: `mode` is true; wanted string or table
    ");
    let low = "[package.metadata.serbench]\nindifference = 0.02\n[[package.metadata.serbench.override]]\nbenchmarks = [\"**\"]\nthreshold = 0.01";
    insta::assert_snapshot!(load(low, "").unwrap_err(), @"Cargo.toml:5: `threshold` is 1%, below the `indifference` 2% (Cargo.toml:2); give this override an `indifference`, too");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    insta::assert_snapshot!(told("threshold = 3\nstrct = true\nmode = \"on\""), @r#"
    Cargo.toml:5: `threshold` is 3; did you mean 3%, or really 300%?
    Cargo.toml:6: unknown key `strct` in [package.metadata.serbench]; did you mean `strict`?
    Cargo.toml:7: `mode` is "on"; expected one of `gate`, `track`, `off`
    "#);
}

#[test]
fn overrides_decide_key_by_key() {
    let config = config(LAYERS, "");
    let usual = Tolerance {
        threshold: 0.02,
        indifference: 0.01,
        memory_threshold: 0.1,
        max_latency_ratio: None,
        max_memory_ratio: None,
    };
    let check = |id: &str, expected: Tolerance, mode: Mode| {
        assert_eq!(config.tolerance(id), expected, "{id}");
        assert_eq!(config.mode(id), mode, "{id}");
    };
    let loose = Tolerance {
        threshold: 0.5,
        ..usual
    };
    let limited = Tolerance {
        threshold: 0.25,
        max_latency_ratio: Some(4.0),
        ..usual
    };
    check("npy::raw::f64::10", usual, Mode::Gate);
    check("npy::raw::f16::10", limited, Mode::Gate);
    check("json::fast::f64::10", loose, Mode::Track);
    check("json::slow::f64::10", limited, Mode::Track);
}

#[test]
fn the_default_indifference_follows_the_threshold() {
    let text = "[package.metadata.serbench]\nthreshold = 0.005\n[[package.metadata.serbench.override]]\nbenchmarks = [\"json::**\"]\nthreshold = 0.001";
    let config = config(text, "");
    let check = |id: &str, expected: f64| {
        assert_eq!(
            config.tolerance(id).indifference.to_bits(),
            expected.to_bits(),
            "{id}"
        );
    };
    check("npy::a", 0.005);
    check("json::a", 0.001);
}

#[test]
fn references() {
    let check = |text: &str, flags: &str, suite: &str, expected: Option<&str>| {
        assert_eq!(
            config(text, flags).reference(suite),
            expected,
            "{flags} {suite}"
        );
    };
    let one = "[package.metadata.serbench]\nreference = \"orjson\"";
    check(LAYERS, "", "json", Some("orjson"));
    check(LAYERS, "", "npy", Some("numpy"));
    check(LAYERS, "", "other", None);
    check(LAYERS, "--reference npy=x", "json", Some("orjson"));
    check(LAYERS, "--reference npy=x", "npy", Some("x"));
    check(LAYERS, "--reference x", "json", Some("x"));
    check(one, "", "other", Some("orjson"));
    check(one, "--reference my-bench=x", "my_bench", Some("x"));
}

#[test]
fn what_has_no_effect_is_told() {
    let ids = ["json::orjson::f64", "json::sonic_rs::f64", "npy::raw::f64"];
    let told = |text: &str, flags: &str| config(text, flags).unused(ids).join("\n");
    assert_eq!(told("", "--reference json=orjson"), "");
    assert_eq!(told("", "--reference raw"), "");
    assert_eq!(told("", "--reference other=x"), "");
    insta::assert_snapshot!(told("", "--reference json=orjsn"), @"suite `json` has no encoder `orjsn`, so ratios to the reference are unavailable; did you mean `orjson`?");
    insta::assert_snapshot!(told("", "--reference nothing"), @"suite `*` has no encoder `nothing`, so ratios to the reference are unavailable");
    insta::assert_snapshot!(told(LAYERS, ""), @"
    suite `npy` has no encoder `numpy`, so ratios to the reference are unavailable
    the override for `json::slow::**` matches no benchmark
    the override for `npy::*::f16::*` matches no benchmark
    ");
}

/// What `after` allows and loosens where the baseline has `before`, both keys of a package's table.
fn held(before: &str, after: &str, flags: &str) -> (Config, Vec<String>) {
    let of = |keys: &str| {
        let text = format!("[package.metadata.serbench]\n{keys}");
        let source = Source {
            file: Some("Cargo.toml"),
            text: &text,
            of: "package",
        };
        in_force(&[source], &typed(flags), None).unwrap().config
    };
    let config = of(after).hold_to(of(before));
    let loosened = config.loosened(["a::b", "a::c"]);
    (config, loosened)
}

fn sentence(change: &str) -> String {
    format!("this change loosens {change}; that takes effect after the merge")
}

#[test]
fn what_is_loosened_waits_and_what_is_tightened_counts() {
    for (before, after, loosened) in [
        (
            "threshold = 0.03",
            "threshold = 0.5",
            "`threshold` from 3% to 50% for `a::b` and 1 more",
        ),
        (
            "",
            "memory-threshold = 0.5",
            "`memory-threshold` from 3% to 50% for `a::b` and 1 more",
        ),
        (
            "max-latency-ratio = 1.5",
            "",
            "`max-latency-ratio` from 1.5 to none for `a::b` and 1 more",
        ),
        (
            "max-memory-ratio = 2",
            "max-memory-ratio = 3",
            "`max-memory-ratio` from 2 to 3 for `a::b` and 1 more",
        ),
        (
            "",
            "mode = \"track\"",
            "`mode` from gate to track for `a::b` and 1 more",
        ),
        (
            "mode = \"track\"",
            "mode = \"off\"",
            "`mode` from track to off for `a::b` and 1 more",
        ),
        (
            "",
            "allow-removed = true",
            "`allow-removed` from false to true for `a::b` and 1 more",
        ),
        (
            "",
            "[[package.metadata.serbench.override]]\nbenchmarks = [\"a::c\"]\nmode = \"off\"",
            "`mode` from gate to off for `a::c`",
        ),
        (
            "[[package.metadata.serbench.override]]\nbenchmarks = [\"a::c\"]\nthreshold = 0.01",
            "",
            "`threshold` from 1% to 3% for `a::c`",
        ),
        ("strict = true", "", "`strict` from true to false"),
        (
            "require-baseline = true",
            "",
            "`require-baseline` from true to false",
        ),
        ("", "suites = [\"a\"]", "`suites` from all to a"),
        (
            "suites = [\"a\", \"b\"]",
            "suites = [\"b\"]",
            "`suites` without `a`",
        ),
    ] {
        let (config, said) = held(before, after, "");
        assert_eq!(said, [sentence(loosened)], "{before} -> {after}");
        let (strict, _) = held(before, before, "");
        let same = |id: &str| {
            config.tolerance(id) == strict.tolerance(id)
                && config.mode(id) == strict.mode(id)
                && config.allows_removal(id) == strict.allows_removal(id)
        };
        assert!(same("a::b") && same("a::c"), "{before} -> {after}");
        let all = |config: &Config| (config.strict, config.require_baseline, config.suites.len());
        assert_eq!(all(&config), all(&strict), "{before} -> {after}");

        // The other way round it is tightened.
        let (config, said) = held(after, before, "");
        assert_eq!(said, [""; 0], "{after} -> {before}");
        assert_eq!(config.tolerance("a::c"), strict.tolerance("a::c"));
        assert_eq!(config.mode("a::c"), strict.mode("a::c"));
        assert_eq!(all(&config), all(&strict), "{after} -> {before}");
    }
}

#[test]
fn flags_win_over_the_baseline() {
    let (config, loosened) = held(
        "threshold = 0.01\nstrict = true",
        "threshold = 0.5\nmode = \"off\"",
        "--threshold=7% --mode=track --strict=false",
    );
    assert_eq!(loosened, [""; 0]);
    assert_eq!(
        config.tolerance("a::b"),
        held("threshold = 0.07", "threshold = 0.07", "")
            .0
            .tolerance("a::b")
    );
    assert_eq!(config.mode("a::b"), Mode::Track);
    assert!(!config.strict);
}
