//! HTML pages in a browser: nothing overflows, nothing is complained about.

use std::{fs, path::Path, process::Command};

use crate::{
    records::{key, record},
    repository::Repository,
};

#[test]
#[ignore = "needs Chromium; leaves screenshots in target/report-pages to look at"]
fn the_page_in_a_browser() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::slower::u8::4 worker cpu=50000
         fake::faster::u8::4 worker cpu=50000",
    );
    repository.behave(
        "fake::reference::u8::4 worker cpu=100000
         fake::slower::u8::4 worker cpu=55000
         fake::faster::u8::4 worker cpu=45000",
    );
    let page = repository.serbench(&["gate", "--seed=1", "--format=html"]);
    is_well_shown("gate", page.exits(100).stdout());
}

#[test]
#[ignore = "needs Chromium; leaves screenshots in target/report-pages to look at"]
fn history_in_a_browser() {
    let manifest = "[package]\nname = \"some\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let repository = Repository::with(&[("Cargo.toml", manifest), ("src/lib.rs", "")]);
    for number in 0..60 {
        let commit = repository.commit_files("A subject", &["Cargo.toml", "src/lib.rs"]);
        let level = if number < 57 { 1.2 } else { 1.26 };
        let ratio = level * (1.0 + 0.001 * f64::from(number % 3));
        let record = record(&commit, "A subject", "R3000", ratio);
        let file = format!("baselines/{commit}/{}.json", key(&record));
        repository.write(&file, &record.to_string());
    }
    let page = repository.serbench(&["history", "--machine=all", "--format=html"]);
    is_well_shown("history", page.exits(0).stdout());
}

/// Asserts that nothing of a page is wider than a phone's screen or a large one, in both themes.
fn is_well_shown(name: &str, page: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/report-pages");
    fs::create_dir_all(&folder).unwrap();
    for width in [390, 1600] {
        // A window is never as narrow as a phone, a frame can be.
        let frame = page.replace('&', "&amp;").replace('"', "&quot;");
        let wrapper = format!(
            "<body style='margin:0'><iframe id=f style='border:0;width:{width}px;height:5000px' \
             srcdoc=\"{frame}\"></iframe><script>onload=()=>{{let e=f.contentDocument.documentElement;\
             document.title='overflow '+(e.scrollWidth-e.clientWidth)}}</script>"
        );
        let wrapped = folder.join(format!("{name}-{width}.html"));
        fs::write(&wrapped, wrapper).unwrap();
        for (theme, scheme) in [("dark", 0), ("light", 1)] {
            let window = format!("{},3000", width.max(500));
            let dom = chromium(&wrapped, &window, scheme, "--dump-dom");
            assert!(
                dom.contains("<title>overflow 0</title>"),
                "{width} {theme}: {dom}"
            );
            let picture = folder.join(format!("{name}-{width}-{theme}.png"));
            let screenshot = format!("--screenshot={}", picture.display());
            chromium(&wrapped, &window, scheme, &screenshot);
        }
    }
}

/// What Chromium prints; fails when it has something to say about the page.
fn chromium(page: &Path, window: &str, scheme: u8, action: &str) -> String {
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .args(["--enable-logging=stderr", "--virtual-time-budget=2000"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--window-size={window}"))
        .arg(action)
        .arg(page)
        .output()
        .expect("run chromium");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("CONSOLE"), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
