//! Patterns for layer names: `*` stands for any run of characters (dots too), `?` for exactly one.

/// True when the whole of `name` matches `pattern`. Takes at most `pattern * name` steps.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // The last `*` seen and the place in the name up to which it has been stretched.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, stretched)) => {
                    star = Some((at, stretched + 1));
                    p = at + 1;
                    n = stretched + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;
    use proptest::prelude::*;

    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('*', rest)), _) => {
                naive(rest, name) || (!name.is_empty() && naive(pattern, &name[1..]))
            }
            (Some((c, rest)), Some((n, tail))) => (*c == '?' || c == n) && naive(rest, tail),
            (Some(_), None) => false,
        }
    }

    #[test]
    fn stars_cross_dots() {
        assert!(matches("stage1.*", "stage1.0.mlp.mlp1_conv"));
        assert!(matches("*.proj_conv", "stage3.0.ssa.proj_conv"));
        assert!(!matches("stage1", "stage1.0.mlp.mlp1_conv"));
        assert!(!matches("stage?.0", "stage.0"));
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_matcher(pattern in "[ab.é?*]{0,8}", name in "[ab.é]{0,10}") {
            let p: Vec<char> = pattern.chars().collect();
            let n: Vec<char> = name.chars().collect();
            prop_assert_eq!(matches(&pattern, &name), naive(&p, &n));
        }

        #[test]
        fn every_name_matches_itself_and_a_star(name in "[a-z0-9_.]{0,30}") {
            prop_assert!(matches(&name, &name));
            prop_assert!(matches("*", &name));
        }
    }
}
