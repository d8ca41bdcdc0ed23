//! Checks what is in force under tables and flags as people write them, and every error.

use std::collections::BTreeSet;

use super::{
    Config, Flag, Flags, InForce, Mode, Source, Tolerance, in_force,
    keys::{Override, fields},
    read::DEFAULTS,
    reference_of,
};

/// Flags from the keys of a table, as the command line hands them on.
fn typed(keys: &str) -> Flags {
    let table: toml::Table = keys.parse().unwrap();
    let flag = |key: String, flag: &str, value| Flag {
        key,
        flag: flag.to_owned(),
        value,
    };
    let mut flags = Flags::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(suites) => {
                flags.extend(
                    suites
                        .into_iter()
                        .map(|(suite, encoder)| flag(reference_of(&suite), &key, encoder)),
                );
            }
            value => flags.push(flag(key.clone(), &key, value)),
        }
    }
    flags
}

fn package(keys: &str) -> String {
    format!("[package.metadata.serbench]\n{keys}")
}

/// What is in force under a Cargo.toml and flags, or what is wrong.
#[track_caller]
fn load(text: &str, flags: &str) -> Result<InForce, String> {
    let source = |of| Source {
        file: Some("Cargo.toml"),
        text,
        of,
    };
    let there = ["json", "npy", "my_bench"].map(str::to_owned);
    let sources = [source("workspace"), source("package")];
    match in_force(&sources, &typed(flags), Some(&there)) {
        Ok((in_force, problems)) if problems.is_empty() => Ok(in_force),
        Ok((_, problems)) => Err(problems.join("\n")),
        Err(error) => Err(format!("{error:#}")),
    }
}

#[track_caller]
fn config(text: &str, flags: &str) -> Config {
    load(text, flags).unwrap().config
}

/// What is wrong with `lines` in the package's table.
#[track_caller]
fn problems(lines: &str) -> String {
    let text = format!("[package]\nname = \"x\"\n\n[package.metadata.serbench]\n{lines}\n");
    load(&text, "").expect_err("this should be wrong")
}

/// The defaults with what is commented out put in force.
fn all_keys() -> String {
    let lines = DEFAULTS.text.lines();
    let lines = lines.map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        Some(_) | None => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_template_has_every_key_and_its_default() {
    assert_eq!(config(DEFAULTS.text, ""), config("[package]", ""));
    let InForce { layer, .. } = load(&all_keys(), "").unwrap();
    for key in fields::<Config>() {
        let there = match key.as_str() {
            "reference" => layer.keys.contains_key("reference.json"),
            "override" => !layer.overrides.is_empty(),
            key => layer.keys.contains_key(key),
        };
        assert!(there, "{key}");
    }
    let mut expected = fields::<Override>();
    expected.sort_unstable();
    assert!(layer.overrides[0].keys().eq(&expected), "{expected:?}");
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
    layout = "always"               # default
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
    insta::assert_snapshot!(shown("threshold = '10%'\nmode = 'gate'\nreference.'*' = 'sonic_rs'\nsuites = []\nstrict = true\ndefault-features = false\nfeatures = ['a', 'b']"), @r#"
    [package.metadata.serbench]
    suites = []                     # --suites
    features = ["a", "b"]           # --features
    default-features = false        # --default-features
    profile = "bench"               # default
    build-flags = []                # default
    cache-size = "4 GiB"            # default
    threshold = "10%"               # --threshold
    indifference = "1%"             # default
    memory-threshold = "10%"        # Cargo.toml:4
    # max-latency-ratio is not set
    # max-memory-ratio is not set
    # budget is not set
    layout = "always"               # default
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
    let low = package("threshold = 0.001");
    for text in [String::new(), LAYERS.to_owned(), all_keys(), low] {
        for flags in ["", "threshold = '4%'\nbudget = 7\nreference.json = 'x'"] {
            let before = load(&text, flags).unwrap();
            let again = load(&before.to_toml(), "").unwrap();
            assert_eq!(before.config, again.config);
        }
    }
}

#[test]
fn shown_to_programs() {
    let json = load(LAYERS, "strict = true").unwrap().to_json();
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
    let all = "suites = ['json']\nfeatures = ['a']\ndefault-features = false\nprofile = 'release'\n\
               build-flags = ['-Cx']\ncache-size = '1 GiB'\nthreshold = '4%'\nindifference = 0.02\nmemory-threshold = 0\n\
               max-latency-ratio = 1.5\nmax-memory-ratio = 2\nbudget = 9\nlayout = 'confirm'\ndefault-branch = 'dev'\n\
               strict = true\nrequire-baseline = true\nmode = 'track'\nreference.'*' = 'x'\nreference.json = 'y'";
    assert_eq!(
        config(&package("strict = false\nmode = 'off'"), all),
        config(&package(all), "")
    );
    assert!(!config(&package("strict = true"), "strict = false").strict);
}

#[test]
fn percentages_that_contradict_each_other() {
    let check = |keys: &str, flags: &str| load(&package(keys), flags).unwrap_err();
    insta::assert_snapshot!(check("indifference = 0.02", "threshold = '1%'"), @"Cargo.toml:2: `indifference` is 2%, above the `threshold` 1% (--threshold); lower it, because changes below the indifference count as noise");
    insta::assert_snapshot!(check("", "threshold = '1%'\nindifference = '2%'"), @"--indifference: `indifference` is 2%, above the `threshold` 1% (--threshold); lower it, because changes below the indifference count as noise");
}

#[test]
fn wrong_keys() {
    insta::assert_snapshot!(problems("treshold = 0.03"), @"Cargo.toml:5: unknown key `treshold`; did you mean `threshold`?");
    insta::assert_snapshot!(problems("memory_threshold = 0.03"), @"Cargo.toml:5: unknown key `memory_threshold`; did you mean `memory-threshold`?");
    insta::assert_snapshot!(problems("suite = [\"json\"]"), @"Cargo.toml:5: unknown key `suite`; did you mean `suites`?");
    insta::assert_snapshot!(problems("zzz = 1"), @"Cargo.toml:5: unknown key `zzz`; known keys are suites, features, default-features, profile, build-flags, cache-size, threshold, indifference, memory-threshold, max-latency-ratio, max-memory-ratio, budget, layout, default-branch, strict, require-baseline, allow-removed, mode, reference, override");
    insta::assert_snapshot!(problems("[[package.metadata.serbench.overrides]]\nbenchmarks = [\"**\"]"), @"Cargo.toml:5: unknown key `overrides`; did you mean `override`?");
    insta::assert_snapshot!(problems("strct = true\nmode = \"on\"\nbudget = -1"), @r#"
    Cargo.toml:5: unknown key `strct`; did you mean `strict`?
    Cargo.toml:6: `mode = "on"`: expected one of `gate`, `track`, `off`
    Cargo.toml:7: `budget = -1`: expected seconds, above 0 and at most a million, such as 60
    "#);
    insta::assert_snapshot!(load("[workspace.metadata]\nserbench = 3", "").unwrap_err(), @"Cargo.toml:2: `serbench = 3`: expected a table of keys");
    let both =
        "[workspace.metadata.serbench]\nstrct = true\n[package.metadata.serbench]\nmode = \"on\"";
    insta::assert_snapshot!(load(both, "").unwrap_err(), @r#"
    Cargo.toml:2: unknown key `strct`; did you mean `strict`?
    Cargo.toml:4: `mode = "on"`: expected one of `gate`, `track`, `off`
    "#);
}

#[test]
fn wrong_values() {
    insta::assert_snapshot!(problems("threshold = 3"), @"Cargo.toml:5: `threshold = 3`: did you mean 3%, or really 300%?");
    insta::assert_snapshot!(problems("threshold = 0"), @"Cargo.toml:5: `threshold = 0`: expected a percentage above 0%, such as 3%");
    insta::assert_snapshot!(problems("threshold = \"0.03\""), @r#"Cargo.toml:5: `threshold = "0.03"`: expected a percentage above 0%, such as 3%"#);
    insta::assert_snapshot!(problems("threshold = [\n  1,\n]"), @"Cargo.toml:5: `threshold = [`: expected a percentage above 0%, such as 3%");
    insta::assert_snapshot!(problems("indifference = nan"), @"Cargo.toml:5: `indifference = nan`: expected a percentage from 0% to below 1000%, such as 3%");
    insta::assert_snapshot!(problems("max-latency-ratio = 0.0"), @"Cargo.toml:5: `max-latency-ratio = 0.0`: expected a number above 0, such as 1.5");
    insta::assert_snapshot!(problems("budget = -1"), @"Cargo.toml:5: `budget = -1`: expected seconds, above 0 and at most a million, such as 60");
    insta::assert_snapshot!(problems("strict = \"yes\""), @r#"Cargo.toml:5: `strict = "yes"`: expected true or false"#);
    insta::assert_snapshot!(problems("mode = \"gaet\""), @r#"Cargo.toml:5: `mode = "gaet"`: expected one of `gate`, `track`, `off`"#);
    insta::assert_snapshot!(problems("profile = \" \""), @r#"Cargo.toml:5: `profile = " "`: expected a name"#);
    insta::assert_snapshot!(problems("suites = \"json\""), @r#"Cargo.toml:5: `suites = "json"`: expected a list"#);
    insta::assert_snapshot!(problems("suites = [\"json\", \"\"]"), @r#"Cargo.toml:5: `suites = ["json", ""]`: expected a name"#);
    insta::assert_snapshot!(problems("suites = [\"jsno\"]"), @"Cargo.toml:5: `suites` names the suite `jsno`, but no bench has that name; did you mean `json`?");
    insta::assert_snapshot!(problems("reference.json = 3"), @r#"Cargo.toml:5: `reference.json = 3`: expected an encoder for all suites, or a table such as { json = "orjson" }"#);
    insta::assert_snapshot!(problems("reference.jsn = \"orjson\""), @"Cargo.toml:5: `reference` names the suite `jsn`, but no bench has that name; did you mean `json`?");
    insta::assert_snapshot!(problems("indifference = 0.05"), @"Cargo.toml:5: `indifference` is 5%, above the `threshold` 3% (default); lower it, because changes below the indifference count as noise");
}

#[test]
fn wrong_overrides() {
    let problems = |lines: &str| {
        problems(&format!(
            "\n[[package.metadata.serbench.override]]\n{lines}"
        ))
    };
    insta::assert_snapshot!(problems("threshold = 0.1"), @"Cargo.toml:6: `[[package.metadata.serbench.override]]`: missing field `benchmarks`");
    insta::assert_snapshot!(problems("benchmarks = []\nthreshold = 0.1"), @r#"Cargo.toml:7: `benchmarks = []`: expected globs over ids, such as ["json::*::f64::**"]"#);
    insta::assert_snapshot!(problems("benchmarks = [\"**\"]\nbudget = 3"), @"Cargo.toml:8: unknown key `budget`; known keys are benchmarks, threshold, indifference, memory-threshold, max-latency-ratio, max-memory-ratio, allow-removed, mode, reason");
    insta::assert_snapshot!(problems("benchmarks = [\n\"json::**\",\n\"json::[a\"]\nthreshold = 0.1"), @"Cargo.toml:7: `benchmarks = [`: invalid glob: unclosed character class; missing ']'");
    insta::assert_snapshot!(problems("benchmarks = [\"**\"]\nindifference = 0.1"), @"Cargo.toml:8: `indifference` is 10%, above the `threshold` 3% (default); lower it, because changes below the indifference count as noise");
    // All at once, in the order of their lines.
    insta::assert_snapshot!(problems("benchmarks = [\"**\"]\nthreshold = 1\nmode = true"), @r"
    Cargo.toml:8: `threshold = 1`: did you mean 1%, or really 100%?
    Cargo.toml:9: `mode = true`: expected a string
    ");
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
    check(LAYERS, "reference.npy = 'x'", "json", Some("orjson"));
    check(LAYERS, "reference.npy = 'x'", "npy", Some("x"));
    check(LAYERS, "reference.'*' = 'x'", "json", Some("x"));
    check(one, "", "other", Some("orjson"));
    check(one, "reference.my-bench = 'x'", "my_bench", Some("x"));
}

#[test]
fn what_has_no_effect() {
    let ids = ["json::orjson::f64", "json::sonic_rs::f64", "npy::raw::f64"];
    let unused = |text: &str, flags: &str| config(text, flags).unused(ids).join("\n");
    assert_eq!(unused("", "reference.json = 'orjson'"), "");
    assert_eq!(unused("", "reference.'*' = 'raw'"), "");
    assert_eq!(unused("", "reference.other = 'x'"), "");
    insta::assert_snapshot!(unused("", "reference.json = 'orjsn'"), @"suite `json` has no encoder `orjsn`, so ratios to the reference are unavailable; did you mean `orjson`?");
    insta::assert_snapshot!(unused("", "reference.'*' = 'nothing'"), @"suite `*` has no encoder `nothing`, so ratios to the reference are unavailable");
    insta::assert_snapshot!(unused(LAYERS, ""), @"
    suite `npy` has no encoder `numpy`, so ratios to the reference are unavailable
    the override for `json::slow::**` matches no benchmark
    the override for `npy::*::f16::*` matches no benchmark
    ");
}

/// What `after` allows and loosens where the baseline has `before`, both keys of a package's table.
fn held(before: &str, after: &str, flags: &str) -> (Config, Vec<String>) {
    let there = ["a".to_owned(), "b".to_owned()];
    let of = |keys: &str| {
        let text = package(&keys.replace(", ", "\n"));
        let source = Source {
            file: Some("Cargo.toml"),
            text: &text,
            of: "package",
        };
        let (in_force, problems) = in_force(&[source], &typed(flags), Some(&there)).unwrap();
        assert_eq!(problems, [""; 0]);
        in_force.config
    };
    let config = of(after).hold_to(of(before));
    let loosened = config.loosened(["a::b", "a::c"]);
    (config, loosened)
}

/// All that decides.
fn policy(config: &Config) -> String {
    let of = |id| {
        (
            config.tolerance(id),
            config.mode(id),
            config.allows_removal(id),
        )
    };
    let Config {
        strict,
        require_baseline,
        suites,
        budget,
        layout,
        default_branch,
        profile,
        build_flags,
        ..
    } = config;
    let suites = BTreeSet::from_iter(suites);
    let rest = (
        strict,
        require_baseline,
        suites,
        budget,
        layout,
        default_branch,
        profile,
        build_flags,
    );
    format!(
        "{:?} {:?} {:?} {rest:?}",
        of("a::b"),
        of("a::c"),
        config.reference("a")
    )
}

const OVERRIDE: &str = "[[package.metadata.serbench.override]], benchmarks = ['a::c'], ";

#[test]
fn what_is_loosened_waits_and_what_is_tightened_counts() {
    for line in [
        "threshold = 0.03 | threshold = 0.5 | `threshold` from 3% to 50% for `a::b` and 1 more",
        "| memory-threshold = 0.5 | `memory-threshold` from 3% to 50% for `a::b` and 1 more",
        "| indifference = 0.02 | `indifference` from 1% to 2% for `a::b` and 1 more",
        "max-latency-ratio = 1.5 | | `max-latency-ratio` from 1.5 to none for `a::b` and 1 more",
        "max-memory-ratio = 2 | max-memory-ratio = 3 | `max-memory-ratio` from 2 to 3 for `a::b` and 1 more",
        "| mode = 'track' | `mode` from gate to track for `a::b` and 1 more",
        "mode = 'track' | mode = 'off' | `mode` from track to off for `a::b` and 1 more",
        "| allow-removed = true | `allow-removed` from false to true for `a::b` and 1 more",
        "| OVERRIDE mode = 'off' | `mode` from gate to off for `a::c`",
        "OVERRIDE threshold = 0.01 | | `threshold` from 1% to 3% for `a::c`",
        "strict = true | | `strict` from true to false",
        "require-baseline = true | | `require-baseline` from true to false",
        "| suites = ['a'] | `suites` from all to a",
        "suites = ['a','b'] | suites = ['b'] | `suites` without `a`",
    ] {
        let line = line.replace("OVERRIDE ", OVERRIDE);
        let [before, after, loosened] =
            <[&str; 3]>::try_from(line.split('|').map(str::trim).collect::<Vec<_>>()).unwrap();
        let (config, said) = held(before, after, "");
        assert_eq!(
            said,
            [format!(
                "this change loosens {loosened}; that takes effect after the merge"
            )],
            "{line}"
        );
        let (strict, _) = held(before, before, "");
        assert_eq!(policy(&config), policy(&strict), "{line}");
        // The other way round it is tightened.
        let (config, said) = held(after, before, "");
        assert_eq!(said, [""; 0], "{line}");
        assert_eq!(policy(&config), policy(&strict), "{line}");
    }
}

#[test]
fn what_decides_otherwise_is_the_baselines() {
    for (key, before, after) in [
        ("budget", "60.0", "5.0"),
        ("layout", "\"always\"", "\"ignore\""),
        ("default-branch", "\"main\"", "\"mine\""),
        ("profile", "\"release\"", "\"dev\""),
        ("build-flags", "[\"-Cx\"]", "[]"),
        ("reference", "{ a = \"orjson\" }", "{ a = \"slow\" }"),
    ] {
        let set = |value| format!("{key} = {value}");
        let (config, said) = held(&set(before), &set(after), "");
        let expected = format!(
            "this change changes `{key}` from {before} to {after}; that takes effect after the merge"
        );
        assert_eq!(said, [expected]);
        assert_eq!(
            policy(&config),
            policy(&held(&set(before), &set(before), "").0),
            "{key}"
        );
    }
    // A suite that the baseline lacks has no other reference.
    let new = config(&package("reference.my-bench = 'x'"), "");
    let config = new.hold_to(held("", "", "").0);
    assert_eq!(config.reference("my_bench"), Some("x"));
    assert_eq!(config.loosened([]), [""; 0]);
}

#[test]
fn flags_win_over_the_baseline() {
    let flags = "threshold = 0.07\nmode = 'track'\nstrict = false\nbudget = 7";
    let (config, loosened) = held(
        "threshold = 0.01, strict = true",
        "threshold = 0.5, mode = 'off'",
        flags,
    );
    assert_eq!(loosened, [""; 0]);
    assert_eq!(policy(&config), policy(&held(flags, flags, "").0));
}
