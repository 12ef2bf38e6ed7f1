//! That every pinned behaviour is named by a test, or by a reason why not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// How many behaviours the reference pins.
const BEHAVIOURS: u32 = 140;

/// Those that no test of this service can show yet.
const ELSEWHERE: [(&[u32], &str); 4] = [
    (&[9, 10, 11, 12, 13, 15, 20, 21, 75], "signing in with another provider"),
    (&[13, 119, 120], "SAML"),
    (&[19, 32], "the OAuth server"),
    (&[36], "addresses of providers, which users of the console may give"),
];

/// The numbers that a source file names, as in `/// Behaviour 17: what it is.`
fn named(source: &str) -> impl Iterator<Item = u32> + '_ {
    source.lines().filter_map(|line| {
        let (number, text) = line.trim_start().strip_prefix("/// Behaviour ")?.split_once(": ")?;
        let number = number.parse().ok()?;
        assert!(!text.trim().is_empty(), "behaviour {number} is named without what it is");
        Some(number)
    })
}

fn read(folder: &Path, numbers: &mut BTreeSet<u32>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, numbers);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            numbers.extend(named(&fs::read_to_string(&path).expect("a source file")));
        }
    }
}

#[test]
fn every_behaviour_is_named_by_a_test_or_a_reason() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of crates");
    let mut shown = BTreeSet::new();
    for folder in ["auth/src", "auth/tests", "authkit/src", "base/src"] {
        read(&crates.join(folder), &mut shown);
    }
    let elsewhere: BTreeSet<u32> = ELSEWHERE.iter().flat_map(|(numbers, _)| numbers.iter().copied()).collect();
    let missing: Vec<_> = (1..=BEHAVIOURS).filter(|n| !shown.contains(n) && !elsewhere.contains(n)).collect();
    assert!(missing.is_empty(), "no test names behaviours {missing:?}");
    let both: Vec<_> = shown.intersection(&elsewhere).collect();
    assert!(both.is_empty(), "behaviours {both:?} are shown and no longer a matter for elsewhere");
    assert!(shown.iter().all(|number| (1..=BEHAVIOURS).contains(number)), "there are no such behaviours: {shown:?}");
}

#[test]
fn a_number_is_read_with_its_text_only() {
    let source = "    /// Behaviour 17: a letter.\n/// Behaviour x: no\n// Behaviour 18: no\n/// Behaviour 19 no\n";
    assert_eq!(named(source).collect::<Vec<_>>(), [17]);
}
