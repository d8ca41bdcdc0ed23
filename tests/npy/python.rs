//! Tests reading and writing the same files with numpy. They need Python, so they are ignored by
//! default. Run them with `PYTHON=… cargo test --test npy -- --ignored`; they fail without numpy.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serbench::{
    Dtype,
    npy::{self, NpyView},
    npz::{self, NpzError, NpzWriter},
    pickle,
};

use crate::{
    corpus::variant,
    elements::{LAYOUTS, Nth, Visit, check, dispatch, every_dtype, expected},
};

/// Runs a script in this folder and returns its stdout.
fn python(script: &str, argument: &Path) -> String {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npy");
    let numpy = Command::new(&python).args(["-c", "import numpy"]).output();
    assert!(
        numpy.is_ok_and(|output| output.status.success()),
        "can't import numpy with `{python}`; set PYTHON to another interpreter"
    );
    let output = Command::new(&python)
        .args(["-B", "-W", "ignore"])
        .arg(folder.join(script))
        .arg(argument)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A new folder for this test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Saves an array of each layout in each format.
struct Save<'a> {
    folder: &'a Path,
    stored: &'a mut NpzWriter<Vec<u8>>,
    compressed: &'a mut NpzWriter<Vec<u8>>,
    saved: usize,
}

impl Visit for Save<'_> {
    fn visit<T: Nth>(&mut self) {
        for (layout, _) in LAYOUTS {
            let array = expected::<T>(layout);
            let name = format!("le.{}.{layout}", T::CODE);
            fs::write(self.folder.join(format!("{name}.npy")), npy::to_vec(&array)).unwrap();
            fs::write(
                self.folder.join(format!("{name}.pickle")),
                pickle::to_vec(&array),
            )
            .unwrap();
            self.stored.add(&name, &array).unwrap();
            self.compressed.add(&name, &array).unwrap();
            self.saved += 4;
        }
    }
}

#[test]
#[ignore = "needs python3 with numpy"]
fn numpy_loads_what_we_save() {
    let folder = folder("saved");
    let mut stored = NpzWriter::new(Vec::new());
    let mut compressed = NpzWriter::compressed(Vec::new());
    let mut save = Save {
        folder: &folder,
        stored: &mut stored,
        compressed: &mut compressed,
        saved: 0,
    };
    every_dtype().for_each(|dtype| dispatch(dtype, &mut save));
    let saved = save.saved;
    assert_eq!(saved, 34 * 6 * 4);
    fs::write(folder.join("stored.npz"), stored.finish().unwrap()).unwrap();
    fs::write(folder.join("compressed.npz"), compressed.finish().unwrap()).unwrap();
    let output = python("check_saved.py", &folder);
    assert!(
        output.contains(&format!("loaded {saved} arrays")),
        "{output}"
    );
}

#[test]
#[ignore = "needs python3 with numpy"]
fn we_load_what_numpy_saves() {
    let folder = folder("fixtures");
    python("generate_fixtures.py", &folder);
    let count = |name| check(&fs::read(folder.join(name)).unwrap());
    assert_eq!(count("numpy.npz"), 176);
    assert_eq!(count("numpy_compressed.npz"), 50);
    assert_eq!(count("numpy_versions.npz"), 3);
}

/// The elements of an array as native bytes in C order.
struct Bytes<'a> {
    npy: NpyView<'a>,
    bytes: Result<Vec<u8>, String>,
}

impl Visit for Bytes<'_> {
    fn visit<T: Nth>(&mut self) {
        self.bytes = match self.npy.to_owned::<T>() {
            Ok(array) => {
                let file = npy::to_vec(&array.as_standard_layout());
                Ok(npy::load(&file).unwrap().bytes().to_vec())
            }
            Err(error) => Err(variant(&error)),
        }
    }
}

fn bytes(npy: NpyView) -> Result<Vec<u8>, String> {
    let dtype: Dtype = npy.dtype();
    let mut visit = Bytes {
        npy,
        bytes: Ok(Vec::new()),
    };
    dispatch(dtype, &mut visit);
    visit.bytes
}

fn load(name: &str, data: &[u8]) -> Result<Vec<u8>, String> {
    if name.ends_with(".npy") {
        return npy::load(data)
            .map_err(|error| variant(&error))
            .and_then(bytes);
    }
    npz::load(data)
        .and_then(|npz| npz.get("x"))
        .map_err(|error: NpzError| variant(&error))
        .and_then(|member| bytes(member.npy()))
}

#[test]
#[ignore = "needs python3 with numpy"]
fn malformed_files_return_the_expected_error() {
    let folder = folder("malformed");
    python("generate_malformed.py", &folder);
    let (mut files, mut compared) = (0, 0);
    for line in fs::read_to_string(folder.join("expected.tsv"))
        .unwrap()
        .lines()
    {
        let (name, expected) = line.split_once('\t').unwrap();
        let loaded = load(name, &fs::read(folder.join(name)).unwrap());
        let found = loaded.as_ref().err().map_or("ok", String::as_str);
        assert_eq!(found, expected, "{name}");
        if let Ok(elements) = fs::read(folder.join(format!("{name}.elements"))) {
            assert!(
                loaded.unwrap() == elements,
                "{name}: the elements differ from numpy's"
            );
            compared += 1;
        }
        files += 1;
    }
    assert!(
        files >= 140 && compared >= 40,
        "{files} files, {compared} compared"
    );
}
