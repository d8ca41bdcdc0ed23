//! Checks the effective configuration for realistic tables and flags, and every error.

use std::collections::BTreeSet;

use super::{
    Config, Effective, Flags, Source, effective,
    keys::{KEYS, Takes, fields},
};

/// Flags from the keys of a table, in the form that the command line produces.
fn typed(keys: &str) -> Flags {
    let mut flags = Flags::default();
    for (key, value) in keys.parse::<toml::Table>().unwrap() {
        match value {
            toml::Value::Table(suites) => {
                for (suite, encoder) in suites {
                    flags.set_reference(&suite, encoder.as_str().unwrap());
                }
            }
            value => flags.set(&key, &key, value),
        }
    }
    flags
}

fn package(keys: &str) -> String {
    format!("[package.metadata.serbench]\n{keys}")
}

/// The effective configuration for a Cargo.toml and flags, or the errors.
#[track_caller]
fn load(text: &str, flags: &str) -> Result<Effective, String> {
    let source = |of| Source {
        file: "Cargo.toml".to_owned(),
        text: text.to_owned(),
        of,
    };
    let known_suites = ["json", "npy", "my_bench"].map(str::to_owned);
    let sources = [source("workspace"), source("package")];
    match effective(&sources, &typed(flags), Some(&known_suites)) {
        Ok((effective, problems)) if problems.is_empty() => Ok(effective),
        Ok((_, problems)) => Err(problems.join("\n")),
        Err(error) => Err(format!("{error:#}")),
    }
}

#[track_caller]
fn config(text: &str, flags: &str) -> Config {
    load(text, flags).unwrap().config
}

/// The errors for `lines` in the package's table.
#[track_caller]
fn problems(lines: &str) -> String {
    let text = format!("[package]\nname = \"x\"\n\n[package.metadata.serbench]\n{lines}\n");
    load(&text, "").expect_err("this should be wrong")
}

#[test]
fn every_key_is_listed_in_order_and_documented() {
    let keys = KEYS.iter().map(|key| key.name);
    let names: Vec<&str> = keys.chain(["reference", "override"]).collect();
    assert_eq!(names, *fields::<Config>());
    let readme = include_str!("../../../README.md");
    let rows: String = readme
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    for name in names {
        assert!(
            rows.contains(&format!("`{name}`")),
            "README.md lacks {name}"
        );
    }
    let words = KEYS.iter().filter_map(|key| match key.takes {
        Takes::OneOf(_, words) => Some((key, words)),
        _ => None,
    });
    for (key, words) in words {
        assert!(words.iter().all(|(word, _)| key.parse(word).is_ok()));
    }
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
    insta::assert_snapshot!("layers", shown(""));
    // Flags apply to all benchmarks, so an override without other keys is dropped.
    let typed = shown(
        "threshold = '10%'\nmode = 'gate'\nreference.'*' = 'sonic_rs'\ndefault-features = false",
    );
    let typed = typed.lines().filter(|line| !line.ends_with("# default"));
    insta::assert_snapshot!("flags_over_layers", typed.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_shown_configuration_is_valid() {
    let low = package("threshold = 0.001");
    for text in [String::new(), LAYERS.to_owned(), package(ALL), low] {
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

const ALL: &str = "suites = ['json']\nfeatures = ['a']\ndefault-features = false\nprofile = 'release'\n\
    build-flags = ['-Cx']\ncache-size = '1 GiB'\nthreshold = '4%'\nindifference = 0.02\n\
    memory-threshold = 0\nmax-latency-ratio = 1.5\nmax-memory-ratio = 2\nbudget = 9\n\
    layout = 'confirm'\ndefault-branch = 'dev'\nstrict = true\nrequire-baseline = true\n\
    allow-removed = true\nmode = 'track'\nreference.'*' = 'x'\nreference.json = 'y'";

#[test]
fn flags_win() {
    let below = package("strict = false\nmode = 'off'");
    assert_eq!(config(&below, ALL), config(&package(ALL), ""));
    assert!(!config(&package("strict = true"), "strict = false").strict);
}

#[test]
fn percentages_that_contradict_each_other() {
    let check = |keys: &str, flags: &str| load(&package(keys), flags).unwrap_err();
    insta::assert_snapshot!(check("indifference = 0.02", "threshold = '1%'"), @"Cargo.toml:2: `indifference` is 2%, above the `threshold` 1% (--threshold); lower it, because changes below the indifference count as noise");
    insta::assert_snapshot!(check("", "threshold = '1%'\nindifference = '2%'"), @"--indifference: `indifference` is 2%, above the `threshold` 1% (--threshold); lower it, because changes below the indifference count as noise");
}

#[test]
fn wrong_keys_and_values() {
    let problems = |lines: &&str| problems(lines);
    let shown: Vec<String> = [
        "treshold = 0.03",
        "memory_threshold = 0.03",
        "suite = ['json']",
        "zzz = 1",
        "[[package.metadata.serbench.overrides]]\nbenchmarks = ['**']",
        "threshold = 3",
        "threshold = '0.03'",
        "threshold = [\n  1,\n]",
        "indifference = nan",
        "max-latency-ratio = 0.0",
        "strict = 'yes'",
        "mode = 'gaet'",
        "profile = ' '",
        "cache-size = 4",
        "suites = 'json'",
        "suites = ['json', '']",
        "suites = ['jsno']",
        "reference.json = 3",
        "reference.jsn = 'orjson'",
        "indifference = 0.05",
        // All errors, in the order of their lines.
        "strct = true\nmode = 'on'\nbudget = -1",
        "\n[[package.metadata.serbench.override]]\nthreshold = 0.1",
        "[[package.metadata.serbench.override]]\nbenchmarks = []\nthreshold = 0.1",
        "[[package.metadata.serbench.override]]\nbenchmarks = ['**']\nbudget = 3",
        "[[package.metadata.serbench.override]]\nbenchmarks = [\n'json::**',\n'json::[a']",
        "[[package.metadata.serbench.override]]\nbenchmarks = ['**']\nindifference = 0.1",
        "[[package.metadata.serbench.override]]\nbenchmarks = ['**']\nthreshold = 1\nmode = true",
    ]
    .iter()
    .map(problems)
    .collect();
    insta::assert_snapshot!(shown.join("\n"));
    let wrong = |text: &str| load(text, "").unwrap_err();
    insta::assert_snapshot!(wrong("[workspace.metadata]\nserbench = 3"), @"Cargo.toml:2: `serbench = 3`: expected a table of keys");
    let both =
        "[workspace.metadata.serbench]\nstrct = true\n[package.metadata.serbench]\nmode = \"on\"";
    insta::assert_snapshot!(wrong(both), @r#"
    Cargo.toml:2: unknown key `strct`; did you mean `strict`?
    Cargo.toml:4: `mode = "on"`: expected one of `gate`, `track`, `off`
    "#);
}

#[test]
fn overrides_decide_key_by_key() {
    let check = |text: &str, id: &str, expected: &str| {
        let rules = config(text, "").rules(id);
        let shown = toml::Table::try_from(rules).unwrap().to_string();
        assert_eq!(shown.trim().replace('\n', ", "), expected, "{id}");
    };
    let usual = "allow-removed = false, indifference = \"1%\", memory-threshold = \"10%\", \
                 mode = \"gate\", threshold = \"2%\"";
    let loose = usual.replace("\"2%\"", "\"50%\"").replace("gate", "track");
    let limited = usual.replace("\"2%\"", "\"25%\"");
    let limited = limited.replace("memory", "max-latency-ratio = 4.0, memory");
    check(LAYERS, "npy::raw::f64::10", usual);
    check(LAYERS, "npy::raw::f16::10", &limited);
    check(LAYERS, "json::fast::f64::10", &loose);
    check(
        LAYERS,
        "json::slow::f64::10",
        &limited.replace("gate", "track"),
    );
    // The default indifference follows the threshold.
    let low = LAYERS.replace("0.5", "0.001").replace("0.02", "0.005");
    let usual = usual.replace("1%", "0.5%").replace("2%", "0.5%");
    check(&low, "npy::raw::f64::10", &usual);
    let lowest = usual
        .replace("\"0.5%\"", "\"0.1%\"")
        .replace("gate", "track");
    check(&low, "json::fast::f64::10", &lowest);
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
fn settings_without_effect() {
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

/// The result for `after` if the baseline has `before`, both keys of a package's table.
fn held(before: &str, after: &str, flags: &str) -> (Config, Vec<String>) {
    let known_suites = ["a".to_owned(), "b".to_owned()];
    let of = |keys: &str| {
        let source = Source {
            file: "Cargo.toml".to_owned(),
            text: package(&keys.replace(", ", "\n")),
            of: "package",
        };
        let (effective, problems) =
            effective(&[source], &typed(flags), Some(&known_suites)).unwrap();
        assert_eq!(problems, [""; 0]);
        effective.config
    };
    let config = of(after).hold_to(of(before));
    let loosened = config.loosened(["a::b", "a::c"]);
    (config, loosened)
}

/// Everything that decides, without the held policy.
fn policy(config: &Config) -> String {
    let rules = ["a::b", "a::c"].map(|id| config.rules(id));
    let mut plain = config.clone();
    (plain.held, plain.overrides) = (None, Vec::new());
    plain.suites = BTreeSet::from_iter(plain.suites).into_iter().collect();
    // Rules are compared for each benchmark.
    (plain.threshold, plain.indifference) = <_>::default();
    (plain.memory_threshold, plain.mode, plain.allow_removed) = <_>::default();
    (plain.max_latency_ratio, plain.max_memory_ratio) = <_>::default();
    format!("{rules:?} {plain:?}")
}

const OVERRIDE: &str = "[[package.metadata.serbench.override]], benchmarks = ['a::c'], ";

#[test]
fn looser_settings_wait_and_stricter_ones_apply() {
    for line in [
        "threshold = 0.03 | threshold = 0.5 | `threshold` from 3% to 50% for `a::b` and 1 more",
        "| memory-threshold = 0.5 | `memory-threshold` from 3% to 50% for `a::b` and 1 more",
        "| indifference = 0.02 | `indifference` from 1% to 2% for `a::b` and 1 more",
        "max-latency-ratio = 1.5 | | `max-latency-ratio` from 1.5 to none for `a::b` and 1 more",
        "max-memory-ratio = 2 | max-memory-ratio = 3 | `max-memory-ratio` from 2.0 to 3.0 for `a::b` and 1 more",
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
        // The reverse makes it stricter.
        let (config, said) = held(after, before, "");
        assert_eq!(said, [""; 0], "{line}");
        assert_eq!(policy(&config), policy(&strict), "{line}");
    }
}

#[test]
fn other_settings_are_the_baselines() {
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
            "this change changes `{key}` from {} to {}; that takes effect after the merge",
            before.trim_matches('"'),
            after.trim_matches('"')
        );
        assert_eq!(said, [expected]);
        assert_eq!(
            policy(&config),
            policy(&held(&set(before), &set(before), "").0),
            "{key}"
        );
    }
    // A suite that the baseline lacks can choose its reference.
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
