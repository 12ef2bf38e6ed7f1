//! The walls of the house: which crate may use which.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Crate and what it may depend on; `testkit` besides, for tests.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("app", &["auth", "base", "dashboard", "pg", "rest", "storage"]),
    ("auth", &["authkit", "base", "pg"]),
    ("authkit", &["base"]),
    ("base", &[]),
    ("dashboard", &["base", "pg"]),
    ("pg", &["base"]),
    ("rest", &["base", "pg"]),
    ("storage", &["base", "pg"]),
    ("testkit", &["base", "pg"]),
];

/// What tests may use besides: the console is tested against the real accounts service, whose admin API it calls.
const ALLOWED_IN_TESTS: [(&str, &str); 1] = [("dashboard", "auth")];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 5] = ["utils", "helpers", "common", "types", "config"];

fn crates() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn dependencies(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let ours = ALLOWED.map(|(name, _)| name);
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.into_iter().flat_map(toml::Table::keys).filter(|name| ours.contains(&name.as_str())).cloned().collect()
}

#[test]
fn crates_use_only_what_is_below_them() {
    let folders: BTreeSet<String> = fs::read_dir(crates())
        .expect("the folder of crates")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, ALLOWED.map(|(name, _)| name.to_owned()).into(), "every crate has a row");
    for (name, allowed) in ALLOWED {
        let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("a valid manifest");
        let used = dependencies(&manifest, "dependencies");
        let allowed: BTreeSet<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
        assert!(used.is_subset(&allowed), "{name} uses {:?}", used.difference(&allowed));
        let for_tests = dependencies(&manifest, "dev-dependencies");
        let extra = ALLOWED_IN_TESTS.iter().filter(|(user, _)| *user == name).map(|(_, used)| (*used).to_owned());
        let in_tests: BTreeSet<String> = allowed.into_iter().chain(["testkit".to_owned()]).chain(extra).collect();
        assert!(for_tests.is_subset(&in_tests), "tests of {name} use {:?}", for_tests.difference(&in_tests));
    }
}

#[test]
fn no_module_has_an_empty_name() {
    let mut folders = vec![crates().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            assert!(!EMPTY_NAMES.contains(&stem.as_str()), "{}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}
