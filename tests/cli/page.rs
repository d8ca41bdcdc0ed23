//! HTML pages in a browser: nothing overflows, and the browser prints no errors.

use std::{fs, path::Path, process::Command};

use crate::{
    records::{key, record},
    repository::Repository,
};

#[test]
#[ignore = "needs Chromium and pdftotext; leaves screenshots in target/report-pages to look at"]
fn the_page_in_a_browser() {
    let long = "long_".repeat(60);
    let benches = |slower: u32, faster: u32, more: &str| {
        format!(
            "fake::reference::u8::4 worker cpu=100000 peak=4096 bytes=4096 allocations=2
             fake::slower::u8::4 worker cpu={slower} peak=2048 bytes=4096 allocations=1
             fake::faster::f64::4 worker cpu={faster} peak=9000 bytes=9000 allocations=1
             fake::<script>document.title='evil'</script>::u8::4 worker cpu={slower}
             fake::{long}::u8::4 worker cpu={slower}
             fake::meant::u8::4 worker cpu={slower}
             fake::noisy::u8::4 worker cpu={} spread=0.3
             fake::wrong::u8::4 {more}",
            slower + slower / 40,
        )
    };
    let before = benches(50_000, 50_000, "worker cpu=50000 check=json");
    let repository = Repository::new(&format!("{before}\nfake::gone::u8::4 worker cpu=70000"));
    repository.serbench(&["--quick", "--seed=1"]);
    repository.write("README.md", "Words.\n");
    repository.commit("Document");
    let page = repository.serbench(&["--quick", "--seed=1", "--format=html"]);
    is_well_shown("one-commit", page.stdout(), &["vs. reference", "Reproduce"]);
    let after = benches(55_000, 45_000, "panic");
    repository.behave(&format!("{after}\nfake::new::u8::4 worker cpu=70000"));
    let accept = [
        "accept",
        "fake::meant::u8::4",
        "--reason",
        "Checks <b>its</b> input",
    ];
    repository.serbench(&accept).exits(0);
    let page = repository.serbench(&["gate", "--seed=1", "--format=html"]);
    let printed = [
        "Allocations",
        "Blocks",
        "Self-checks",
        "slowed down",
        "this run",
    ];
    is_well_shown("gate", page.exits(100).stdout(), &printed);
}

#[test]
#[ignore = "needs Chromium and pdftotext; leaves screenshots in target/report-pages to look at"]
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
    is_well_shown(
        "history",
        page.exits(0).stdout(),
        &["json::slow::f64::100x100"],
    );
}

/// Checks a page in a frame, with all folds closed and open: whether it is wider than its window, has broken links,
/// folds that don't open, or elements that lack a name or are out of order for the keyboard.
const LOOK: &str = "
    const page = f.contentDocument, root = page.documentElement;
    const count = (selector, is) => [...page.querySelectorAll(selector)].filter(is).length;
    const wide = () => root.scrollWidth - root.clientWidth;
    const folded = wide();
    const broken = count('a[href^=\"#\"]', a => !page.getElementById(a.getAttribute('href').slice(1)));
    const stuck = count('summary', it => {
        const was = it.parentElement.open;
        it.click();
        return it.parentElement.open == was;
    });
    const unnamed = count('[tabindex]', it => it.tabIndex != 0 || !it.ariaLabel);
    const pictures = count('svg', it => it.getAttribute('role') != 'img' || !it.querySelector('title'));
    const evil = count('script', it => it.textContent.includes('evil')) + (page.title == 'evil');
    document.title = `overflow ${folded} ${wide()} broken ${broken} stuck ${stuck} unnamed ${unnamed + pictures} evil ${evil}`;
";

/// Asserts that `printed` is on paper, that a page fits the screens of phones and large ones, in both themes, and
/// that it can be used with a keyboard.
fn is_well_shown(name: &str, page: &str, printed: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/report-pages");
    fs::create_dir_all(&folder).unwrap();
    let plain = folder.join(format!("{name}.html"));
    fs::write(&plain, page).unwrap();
    for width in [390, 768, 1600] {
        // A window can't be as narrow as a phone, but a frame can.
        let frame = page.replace('&', "&amp;").replace('"', "&quot;");
        let wrapper = format!(
            "<body style='margin:0'><iframe id=f style='border:0;width:{width}px;height:5000px' \
             srcdoc=\"{frame}\"></iframe><script>onload = () => {{ {LOOK} }}</script>"
        );
        let wrapped = folder.join(format!("{name}-{width}.html"));
        fs::write(&wrapped, wrapper).unwrap();
        for (theme, scheme) in [("dark", 0), ("light", 1)] {
            let window = format!("{},3000", width.max(500));
            let dom = chromium(&wrapped, &window, scheme, "--dump-dom");
            assert!(
                dom.contains("<title>overflow 0 0 broken 0 stuck 0 unnamed 0 evil 0</title>"),
                "{width} {theme}: {}",
                dom.split("<script>").last().unwrap_or_default()
            );
            let picture = folder.join(format!("{name}-{width}-{theme}.png"));
            let screenshot = format!("--screenshot={}", picture.display());
            chromium(&wrapped, &window, scheme, &screenshot);
        }
    }
    let paper = folder.join(format!("{name}.pdf"));
    let print = format!("--print-to-pdf={}", paper.display());
    chromium(&plain, "1000,1000", 1, &print);
    let mut text = Command::new("pdftotext");
    let text = text
        .arg("-layout")
        .arg(&paper)
        .arg("-")
        .output()
        .expect("run pdftotext");
    let text = String::from_utf8(text.stdout).unwrap();
    for heading in printed {
        assert!(text.contains(heading), "no {heading:?} on paper: {text}");
    }
}

/// Chromium's output; fails if it prints errors.
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
