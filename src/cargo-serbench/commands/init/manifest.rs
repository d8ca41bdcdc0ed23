//! Edits a Cargo.toml in place, keeping comments and order.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

/// What a manifest needs for a first bench.
pub struct Edit<'a> {
    /// The bench target.
    pub template: &'a str,
    /// Whether it is a bench of array encoders.
    pub encoders: bool,
    /// The folder of the library, if it is not taken from crates.io.
    pub serbench: Option<&'a Path>,
}

/// The dependencies that members can inherit from the workspace's manifest.
pub fn inherited(root: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(root).unwrap_or_default();
    let document: DocumentMut = text.parse().unwrap_or_default();
    let dependencies = document
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(Item::as_table_like);
    let names = dependencies.into_iter().flat_map(TableLike::iter);
    names.map(|(name, _)| name.to_owned()).collect()
}

impl Edit<'_> {
    /// The text of a manifest after adding what is missing.
    pub fn apply(&self, old: &str, inherited: &BTreeSet<String>) -> Result<String> {
        let mut document: DocumentMut = old.parse()?;
        self.add_dependencies(&mut document, inherited)?;
        self.add_bench(&mut document)?;
        if self.encoders {
            self.add_reference(&mut document)?;
        }
        Ok(document.to_string())
    }

    fn add_dependencies(
        &self,
        document: &mut DocumentMut,
        inherited: &BTreeSet<String>,
    ) -> Result<()> {
        let mut wanted = vec![("divan", "0.1")];
        if self.encoders {
            wanted.extend([("ndarray", "0.17"), ("serbench", "0.1")]);
        }
        let table = entry(document.as_table_mut(), "dev-dependencies", false)?;
        for (name, version) in wanted {
            if table.contains_key(name) {
                continue;
            }
            let folder = self.serbench.filter(|_| name == "serbench");
            let dependency = match folder {
                Some(folder) => keyed("path", absolute(folder)?.into()),
                None if inherited.contains(name) => keyed("workspace", true.into()),
                None => version.into(),
            };
            table.insert(name, value(dependency));
        }
        Ok(())
    }

    fn add_bench(&self, document: &mut DocumentMut) -> Result<()> {
        let item = document
            .entry("bench")
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let Some(benches) = item.as_array_of_tables_mut() else {
            bail!("`bench` is not an array of tables; use `[[bench]]`");
        };
        let name = |bench: &Table| bench.get("name").and_then(Item::as_str).map(str::to_owned);
        if benches
            .iter()
            .any(|bench| name(bench).as_deref() == Some(self.template))
        {
            return Ok(());
        }
        let mut bench = Table::new();
        bench.insert("name", value(self.template));
        bench.insert("harness", value(false));
        benches.push(bench);
        Ok(())
    }

    fn add_reference(&self, document: &mut DocumentMut) -> Result<()> {
        let mut table: &mut dyn TableLike = document.as_table_mut();
        for key in ["package", "metadata", "serbench", "reference"] {
            table = entry(table, key, key != "reference")?;
        }
        if !table.contains_key(self.template) {
            table.insert(self.template, value("display"));
        }
        Ok(())
    }
}

/// The table with that name in `parent`, created if missing. `implicit` tables get no header of
/// their own.
fn entry<'a>(
    table: &'a mut dyn TableLike,
    key: &str,
    implicit: bool,
) -> Result<&'a mut dyn TableLike> {
    let item = table.entry(key).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(implicit);
        Item::Table(table)
    });
    item.as_table_like_mut()
        .with_context(|| format!("`{key}` is not a table"))
}

fn keyed(key: &str, to: Value) -> Value {
    let mut table = InlineTable::new();
    table.insert(key, to);
    Value::InlineTable(table)
}

fn absolute(folder: &Path) -> Result<String> {
    let path = folder
        .canonicalize()
        .with_context(|| format!("failed to find {}", folder.display()))?;
    if !path.join("Cargo.toml").is_file() {
        bail!("{} has no Cargo.toml", folder.display());
    }
    let text = path.to_str().context("the path is not UTF-8")?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Edit;

    const ENCODERS: Edit<'_> = Edit {
        template: "arrays",
        encoders: true,
        serbench: None,
    };

    fn edited(old: &str) -> String {
        ENCODERS.apply(old, &BTreeSet::new()).unwrap()
    }

    #[test]
    fn comments_and_order_are_kept() {
        let some = "# On top\n[package]\nname = \"a\" # a name\n\n[dev-dependencies]\n# measured\ndivan = \"0.1.21\"\n\n\
                    [[bench]]\nname = \"other\"\n\n[package.metadata.serbench]\nthreshold = \"10%\"\n\n[lib]\nbench = false\n";
        insta::assert_snapshot!(edited(some));
    }

    #[test]
    fn every_form_of_a_table_is_edited_in_place() {
        for old in [
            "[package]\nname = \"a\"\n",
            "dev-dependencies = { a = \"1\" }\n[package]\nname = \"a\"\n",
            "[package]\nname = \"a\"\n[dev-dependencies.divan]\nversion = \"0.1.21\"\n",
            "dev-dependencies.a = \"1\"\npackage.name = \"a\"\npackage.metadata.serbench.budget = 9\n",
        ] {
            let new = edited(old);
            let table: toml::Table = new.parse().unwrap();
            let dependencies = table["dev-dependencies"].as_table().unwrap();
            for name in ["divan", "ndarray", "serbench"] {
                assert!(dependencies.contains_key(name), "{new}");
            }
            assert_eq!(table["bench"][0]["name"].as_str(), Some("arrays"), "{new}");
            let reference = &table["package"]["metadata"]["serbench"]["reference"];
            assert_eq!(reference["arrays"].as_str(), Some("display"), "{new}");
            assert_eq!(edited(&new), new, "a second edit changes nothing");
        }
    }

    #[test]
    fn uneditable_manifests_are_errors() {
        let error = |old: &str| {
            ENCODERS
                .apply(old, &BTreeSet::new())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error("bench = 1\n"),
            "`bench` is not an array of tables; use `[[bench]]`"
        );
        assert_eq!(
            error("dev-dependencies = 1\n"),
            "`dev-dependencies` is not a table"
        );
    }

    #[test]
    fn dependencies_of_the_workspace_are_inherited() {
        let inherited = BTreeSet::from(["divan".to_owned()]);
        let plain = Edit {
            template: "first",
            encoders: false,
            serbench: None,
        };
        let new = plain
            .apply("[package]\nname = \"a\"\n", &inherited)
            .unwrap();
        assert!(new.contains("divan = { workspace = true }"), "{new}");
        assert!(!new.contains("serbench"), "{new}");
    }
}
