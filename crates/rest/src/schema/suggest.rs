//! Similar names for hints: candidates by shared character n-grams, ranked by edit distance.

use std::collections::HashMap;

/// Least similarity for names of relations and functions.
pub(super) const STRICT: f64 = 0.75;
/// Least similarity for everything that the client could list anyway.
pub(super) const LOOSE: f64 = 0.33;

/// The most similar of `known`, if it is similar enough.
pub(super) fn similar(known: &[&str], wanted: &str, least: f64) -> Option<String> {
    let wanted = folded(wanted);
    // Longer grams first: they find fewer, better candidates.
    [3, 2].into_iter().find_map(|size| {
        let grams = grams(&wanted, size);
        let mut best: Option<(f64, &str)> = None;
        for name in known {
            let candidate = folded(name);
            if cosine(&grams, &self::grams(&candidate, size)) == 0.0 {
                continue;
            }
            let score = closeness(&wanted, &candidate);
            if score >= least
                && best.is_none_or(|(top, name_so_far)| score > top || score >= top && *name < name_so_far)
            {
                best = Some((score, name));
            }
        }
        best.map(|(_, name)| name.to_owned())
    })
}

fn folded(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).collect()
}

fn grams(name: &[char], size: usize) -> HashMap<Vec<char>, u32> {
    let plain = name.iter().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | ','));
    let framed: Vec<char> = std::iter::once(&'-').chain(plain).chain(std::iter::once(&'-')).copied().collect();
    let mut counts = HashMap::new();
    for gram in framed.windows(size) {
        *counts.entry(gram.to_vec()).or_insert(0) += 1;
    }
    counts
}

fn cosine(a: &HashMap<Vec<char>, u32>, b: &HashMap<Vec<char>, u32>) -> f64 {
    let shared: u32 = a.iter().filter_map(|(gram, count)| Some(count * b.get(gram)?)).sum();
    let length =
        |grams: &HashMap<Vec<char>, u32>| f64::from(grams.values().map(|count| count * count).sum::<u32>()).sqrt();
    let lengths = length(a) * length(b);
    if lengths == 0.0 { 0.0 } else { f64::from(shared) / lengths }
}

/// 1 for equal texts, 0 for texts that share nothing.
fn closeness(a: &[char], b: &[char]) -> f64 {
    let longest = a.len().max(b.len());
    if longest == 0 {
        return 1.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "names are short")]
    let share = distance(a, b) as f64 / longest as f64;
    1.0 - share
}

/// Levenshtein distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_suggested_and_distant_ones_are_not() {
        let known = ["projects", "clients", "project_invoices"];
        assert_eq!(similar(&known, "projectx", STRICT).as_deref(), Some("projects"));
        assert_eq!(similar(&known, "foozle", STRICT), None);
        assert_eq!(similar(&["(name)"], "(nam)", LOOSE).as_deref(), Some("(name)"));
        assert_eq!(similar(&[], "a", LOOSE), None);
    }
}
