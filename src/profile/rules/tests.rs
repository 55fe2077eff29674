use super::*;
use proptest::prelude::*;

fn width(bits: u8) -> BitWidth {
    BitWidth::new(bits).unwrap()
}
fn pin(pattern: &str, min: u8, max: u8) -> Pin {
    Pin::range(pattern, width(min), width(max))
}
const NAMES: [&str; 4] = ["embed.proj", "stage1.0.q", "stage1.0.k", "head"];
fn menu() -> Vec<BitWidth> {
    [2, 4, 6, 8].map(width).to_vec()
}

fn bounds(pins: &[Pin], names: &[&str], menu: &[BitWidth]) -> Result<Domains, PinError> {
    let (ties, target) = (&[], None);
    Rules {
        pins,
        ties,
        target,
        names,
        menu,
    }
    .bounds()
}

#[test]
fn tied_layers_have_what_is_allowed_to_all_and_chips_rule_with_pins() {
    let tie = Tie {
        name: "qk".into(),
        layers: vec![NAMES[1].into(), NAMES[2].into()],
    };
    let target = Target {
        name: "chip".into(),
        title: "A chip".into(),
        memory: None,
        widths: [2, 4, 6].map(width).to_vec(),
        first_layer: Some(vec![width(8)]),
        scale: None,
    };
    let menu = menu();
    let of = |pins: &[Pin]| {
        Rules {
            pins,
            ties: std::slice::from_ref(&tie),
            target: Some(&target),
            names: &NAMES,
            menu: &menu,
        }
        .bounds()
    };
    let got = of(&[pin("*.q", 4, 8), pin("*.k", 1, 4)]).unwrap();
    assert_eq!(got.of(0), [width(8)]);
    assert_eq!(got.of(1), [width(4)]);
    assert_eq!(got.of(2), [width(4)]);
    assert_eq!(got.of(3), [2, 4, 6].map(width));
    let why = |pins: &[Pin]| of(pins).unwrap_err().to_string();
    assert_eq!(
        why(&[pin("*.q", 6, 8), pin("*.k", 1, 4)]),
        "pins \"*.q\" (6 to 8) and \"*.k\" (at most 4) leave the tied layers \"stage1.0.q\" and \"stage1.0.k\" no width of the menu"
    );
    assert_eq!(
        why(&[pin("head", 8, 8)]),
        "pin \"head\" (8) and target chip (2, 4 or 6) leave layer \"head\" no width of the menu"
    );
    let of_menu = Rules {
        pins: &[],
        ties: &[],
        target: Some(&target),
        names: &NAMES,
        menu: &[width(3), width(8)],
    };
    assert_eq!(
        of_menu.bounds().unwrap_err().to_string(),
        "target chip (2, 4 or 6) has no width of the bit menu (3, 8); add one to quantizer.bits"
    );
}

#[test]
fn pins_intersect_in_the_menu() {
    let pins = [pin("stage1.*", 3, 8), pin("*.q", 1, 6), pin("head", 8, 8)];
    let got = bounds(&pins, &NAMES, &menu()).unwrap();
    assert_eq!(got.of(0), menu());
    assert_eq!(got.of(1), [width(4), width(6)]);
    assert_eq!(got.of(2), [4, 6, 8].map(width));
    assert_eq!(got.of(3), [width(8)]);
}

#[test]
fn lists_intersect_and_every_rule_of_a_conflict_is_named() {
    let list =
        |pattern: &str, bits: &[u8]| Pin::list(pattern, bits.iter().map(|b| width(*b)).collect());
    let pins = [list("stage1.*", &[8, 2, 4, 4]), pin("*.q", 3, 8)];
    let got = bounds(&pins, &NAMES, &menu()).unwrap();
    assert_eq!(got.of(1), [4, 8].map(width));
    assert_eq!(got.of(2), [2, 4, 8].map(width));
    // Any two of the three leave something.
    let three = [
        list("*", &[2, 4]),
        list("h*", &[4, 8]),
        list("head", &[2, 8]),
    ];
    assert_eq!(
        bounds(&three, &NAMES, &menu()).unwrap_err().to_string(),
        "pins \"*\" (2 or 4), \"h*\" (4 or 8) and \"head\" (2 or 8) leave layer \"head\" no width of the menu"
    );
    assert_eq!(
        bounds(&[list("head", &[3, 5, 7])], &NAMES, &menu())
            .unwrap_err()
            .to_string(),
        "pin \"head\" allows 3, 5 or 7, and the bit menu (2, 4, 6, 8) has none of these; add one to quantizer.bits"
    );
}

#[test]
fn errors_name_the_pins() {
    let of = |pins: &[Pin]| bounds(pins, &NAMES, &menu()).unwrap_err().to_string();
    assert_eq!(
        of(&[pin("*", 2, 4), pin("head", 8, 8), pin("*.q", 2, 8)]),
        "pins \"*\" (2 to 4) and \"head\" (8) leave layer \"head\" no width of the menu"
    );
    assert_eq!(
        of(&[pin("stage1", 2, 4)]),
        "pin \"stage1\" matches no layer of the network; for the layers below it write \"stage1.*\""
    );
    assert_eq!(
        of(&[pin("haed", 2, 4)]),
        "pin \"haed\" matches no layer of the network; did you mean `head`?"
    );
    assert_eq!(
        of(&[pin("head", 5, 5)]),
        "pin \"head\" allows 5, and the bit menu (2, 4, 6, 8) has none of these; add one to quantizer.bits"
    );
    assert_eq!(
        of(&[pin("head", 6, 4)]),
        "pin \"head\" allows no width: min = 6 is above max = 4"
    );
}

fn any_pin() -> impl Strategy<Value = Pin> {
    let patterns = prop::sample::select(vec!["*", "stage1.*", "*.q", "head", "*e*"]);
    let widths = prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 7, 8, 16, 32]);
    let lists = prop::collection::vec(widths.clone(), 1..4);
    (patterns, widths.clone(), widths, prop::option::of(lists)).prop_map(|(p, a, b, list)| {
        match list {
            Some(list) => Pin::list(p, list.into_iter().map(width).collect()),
            None => pin(p, a.min(b), a.max(b)),
        }
    })
}

proptest! {
    #[test]
    fn every_allowed_width_is_allowed_by_every_matching_pin(pins in prop::collection::vec(any_pin(), 0..5)) {
        match bounds(&pins, &NAMES, &menu()) {
            Ok(all) => for (layer, name) in NAMES.iter().enumerate() {
                let widths = all.of(layer);
                let naive: Vec<BitWidth> = menu().into_iter()
                    .filter(|w| pins.iter().filter(|p| p.matches(name)).all(|p| p.allows(*w)))
                    .collect();
                prop_assert!(!naive.is_empty());
                prop_assert_eq!(widths, naive);
            },
            Err(PinError::Conflict { layers, rules }) => {
                prop_assert!(!rules.is_empty());
                let layer = layers.concat();
                let as_rule = |p: &Pin| Rule::Pin { pattern: p.pattern.clone(), allows: p.describe() };
                let named = |p: &&Pin| rules.contains(&as_rule(p));
                let named: Vec<&Pin> = pins.iter().filter(named).collect();
                prop_assert!(named.iter().all(|p| p.matches(&layer)));
                let left = |out: Option<usize>| menu().into_iter().any(|w| {
                    let mut rules = rules.iter().enumerate().filter(|(i, _)| Some(*i) != out);
                    rules.all(|(_, r)| named.iter().any(|p| as_rule(p) == *r && p.allows(w)))
                });
                prop_assert!(!left(None), "they exclude everything");
                prop_assert!((0..rules.len()).all(|i| left(Some(i))), "and each is needed for that");
            }
            Err(PinError::NotInMenu { pattern, .. }) => {
                prop_assert!(pins.iter().any(|p| p.pattern == pattern && !menu().iter().any(|w| p.allows(*w))));
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
