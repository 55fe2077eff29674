//! The start screen.

use aq4svit::profile::{Overrides, Pin, Profile};
use aq4svit::quant::BitWidth;
use aq4svit::tui::model::Setting;
use aq4svit::tui::start::{
    Chosen, Dialog, Form, ProfileEntry, Profiles, Readiness, RunEntry, StartModel, Subject, Values,
    view,
};
use aq4svit::tui::theme::{Palette, Symbols, Theme, ThemeName};
use aq4svit::tui::{Action, Signal, as_text};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

/// Profiles of which one cannot be used, and none with a negative drop or an unknown layer.
#[derive(Default)]
pub struct Fake {
    done: std::cell::RefCell<Vec<String>>,
}

impl Profiles for Fake {
    fn values(&self, profile: &str) -> Result<Values, String> {
        match profile {
            "lost" => Err("its checkpoint weights.pth is missing".into()),
            _ => Ok(Values {
                drop: "1.5".into(),
                memory: String::new(),
                strategy: "greedy".into(),
                gate: "adaptive".into(),
                limit: "0.1".into(),
                pins: "head=8".into(),
                seed: "0".into(),
                bits: "2 3 4 8".into(),
                checkpoint: "/models/my-chip.safetensors".into(),
                ..Values::default()
            }),
        }
    }
    fn rename(&self, what: &Subject, name: &str) -> Result<(), String> {
        match name {
            "taken" => Err("taken exists already".into()),
            _ => {
                self.done
                    .borrow_mut()
                    .push(format!("rename {what:?} {name}"));
                Ok(())
            }
        }
    }
    fn keep(&self, setting: Setting) -> Result<(), String> {
        self.done.borrow_mut().push(format!("keep {setting:?}"));
        Ok(())
    }
    fn delete(&self, what: &Subject) -> Result<(), String> {
        self.done.borrow_mut().push(format!("delete {what:?}"));
        Ok(())
    }
    fn check(&self, profile: &str, set: &[String]) -> Result<(), String> {
        if profile == "imagenet" {
            return Err("not there: weights.pth; weights: https://example.org/weights".into());
        }
        let wrong = set
            .iter()
            .find(|s| s.contains("=-") || s.contains("nothing"));
        wrong.map_or(Ok(()), |s| Err(format!("{s} cannot be")))
    }
}

fn model(size: (u16, u16), theme: Theme) -> StartModel {
    let run = |id: &str, condition: &str, is_open| RunEntry {
        folder: format!("/runs/{id}").into(),
        id: id.into(),
        condition: condition.into(),
        result: "136.6 KiB, -81.6 %, drop 0.85".into(),
        is_open,
        when: "2 min ago".into(),
        bytes: Some(139_879),
        facts: vec![("profile", "the demo, front search".into())],
        chart: None,
    };
    let profile = |name: &str, about: &str| ProfileEntry {
        name: name.into(),
        about: about.into(),
        ..ProfileEntry::default()
    };
    StartModel::new(
        vec![
            run("2026-05-05-chip", "running", true),
            run("2026-05-04-demo", "unfinished", false),
        ],
        vec![
            profile("demo", "the demo"),
            profile("my-chip", "saved"),
            profile("lost", "saved"),
        ],
        theme,
        size,
    )
}

pub fn drawn(model: &StartModel) -> Buffer {
    let (columns, rows) = model.blank.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| view(model, frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn screen(model: &StartModel) -> String {
    as_text(&drawn(model))
}

fn act(model: &mut StartModel, actions: &[Action]) {
    for action in actions {
        model.update(action.clone(), &Fake::default());
    }
}

#[test]
fn runs_and_profiles_are_offered() {
    for size in [(80, 24), (160, 48), (60, 16)] {
        let model = model(size, Theme::colour());
        insta::assert_snapshot!(format!("start_{}x{}", size.0, size.1), screen(&model));
    }
    let mut small = model((40, 10), Theme::colour());
    assert!(screen(&small).contains("please enlarge it"));
    act(&mut small, &[Action::Resize(80, 24)]);
    assert!(screen(&small).contains("Runs, latest first"));
}

#[test]
fn a_run_is_continued_or_watched() {
    let choose = |actions: &[Action]| {
        let mut model = model((80, 24), Theme::colour());
        act(&mut model, actions);
        model.chosen
    };
    assert_eq!(
        choose(&[Action::Down, Action::Submit]),
        Some(Chosen::Resume("/runs/2026-05-04-demo".into()))
    );
    assert_eq!(
        choose(&[Action::Submit]),
        Some(Chosen::Watch("/runs/2026-05-05-chip".into())),
        "another program has it open"
    );
    assert_eq!(
        choose(&[Action::Down, Action::Watch]),
        Some(Chosen::Watch("/runs/2026-05-04-demo".into()))
    );
    assert_eq!(choose(&[Action::Quit]), Some(Chosen::Nothing));
    let terminate = Action::Signal(Signal::Terminate);
    assert_eq!(choose(&[Action::Bottom, terminate]), Some(Chosen::Nothing));
    // The second row of the list is the first run.
    let mut clicked = model((80, 24), Theme::colour());
    act(&mut clicked, &[Action::Click(3, 4), Action::Submit]);
    assert_eq!(
        clicked.chosen,
        Some(Chosen::Resume("/runs/2026-05-04-demo".into()))
    );
}

#[test]
fn a_search_is_set_up_in_a_form() {
    let mut form = model((80, 24), Theme::colour());
    act(&mut form, &[Action::Bottom, Action::Submit]);
    assert!(screen(&form).contains("weights.pth is missing"));
    act(&mut form, &[Action::Up, Action::Submit]);
    insta::assert_snapshot!("start_form", screen(&form));
    // As it is: nothing is set.
    let mut plain = model((80, 24), Theme::colour());
    act(
        &mut plain,
        &[Action::Bottom, Action::Up, Action::Submit, Action::Submit],
    );
    assert_eq!(
        plain.chosen,
        Some(Chosen::Search {
            profile: "my-chip".into(),
            set: vec![]
        })
    );
    // What is wrong is said while it is typed, and not accepted.
    act(&mut form, &[Action::EraseLine]);
    "-1".chars()
        .for_each(|c| act(&mut form, &[Action::Insert(c)]));
    assert!(screen(&form).contains("constraint.max_accuracy_drop=-1 cannot be"));
    act(&mut form, &[Action::Submit]);
    assert_eq!(form.chosen, None);
    act(
        &mut form,
        &[Action::EraseLine, Action::Insert('2'), Action::Down],
    );
    act(
        &mut form,
        &[Action::Paste("96 KiB".into()), Action::Down, Action::Down],
    );
    act(&mut form, &[Action::CursorRight]);
    for said in ["beam: lowers groups of several", "5-7 times greedy's"] {
        assert!(
            screen(&form).contains(said),
            "what the chosen one does and costs"
        );
    }
    act(&mut form, &[Action::Down, Action::Down, Action::CursorLeft]);
    act(
        &mut form,
        &[
            Action::Up,
            Action::Up,
            Action::Up,
            Action::Up,
            Action::Up,
            Action::Up,
        ],
    );
    act(
        &mut form,
        &[
            Action::EraseLine,
            Action::Paste("head=6, patch*.a=4-8".into()),
        ],
    );
    insta::assert_snapshot!("start_form_filled", screen(&form));
    act(&mut form, &[Action::Submit]);
    let Some(Chosen::Search { set, .. }) = form.chosen else {
        panic!("{:?}", form.chosen);
    };
    assert_eq!(
        set,
        [
            "constraint.max_accuracy_drop=2",
            "constraint.max_memory=\"96 KiB\"",
            "search.strategy=\"beam\"",
            "gate.mode=\"off\"",
            "pins={ head = 6, \"patch*.a\" = { min = 4, max = 8 } }",
        ]
    );
}

#[test]
fn what_the_form_sets_is_what_a_profile_takes() {
    let mut form = model((80, 24), Theme::colour());
    act(&mut form, &[Action::Bottom, Action::Up, Action::Submit]);
    act(
        &mut form,
        &[
            Action::Down,
            Action::Paste("96 KiB".into()),
            Action::Down,
            Action::Down,
            Action::CursorRight,
        ],
    );
    act(&mut form, &[Action::Up, Action::Up, Action::Up, Action::Up]);
    act(
        &mut form,
        &[
            Action::EraseLine,
            Action::Paste("patch_embed1.*=4-8, *.q_conv=4/8".into()),
        ],
    );
    act(&mut form, &[Action::Submit]);
    let Some(Chosen::Search { set, .. }) = form.chosen else {
        panic!("{:?}", form.chosen);
    };
    let text = concat!(
        include_str!("../../profiles/demo.toml"),
        "\n[pins]\nhead = 8\n"
    );
    let overrides = Overrides::parse(&set, "/".into()).unwrap();
    let (profile, _) = Profile::parse_with(text, "demo.toml".as_ref(), &overrides).unwrap();
    assert_eq!(profile.constraint.max_memory, Some(96 * 1024));
    assert_eq!(profile.search.strategy.name(), "beam");
    let pins: Vec<String> = profile.pins.iter().map(Pin::to_string).collect();
    assert_eq!(pins, ["patch_embed1.*=4-8", "*.q_conv=4/8"], "head is free");
}

fn any_pin() -> impl Strategy<Value = Pin> {
    let width = || {
        let widths = vec![1, 2, 3, 4, 5, 6, 7, 8, 16, 32];
        proptest::sample::select(widths).prop_map(|bits| BitWidth::new(bits).unwrap())
    };
    let pattern = proptest::sample::select(vec!["head", "*.q_conv", "patch_embed1.*", "*.v_conv"]);
    let widths = prop_oneof![
        width().prop_map(|w| (w, w)),
        (width(), width()).prop_map(|(a, b)| (a.min(b), a.max(b))),
    ];
    prop_oneof![
        (pattern.clone(), widths).prop_map(|(name, (min, max))| Pin::range(name, min, max)),
        (pattern, proptest::collection::vec(width(), 1..4))
            .prop_map(|(name, widths)| Pin::list(name, widths)),
    ]
}

#[test]
fn without_unicode_there_is_none() {
    let theme = Theme {
        name: ThemeName::None,
        symbols: Symbols::ascii(),
        palette: Palette::monochrome(),
    };
    let mut ascii = model((80, 24), theme);
    assert!(screen(&ascii).is_ascii());
    act(&mut ascii, &[Action::Bottom, Action::Up, Action::Submit]);
    assert!(screen(&ascii).is_ascii());
}

/// The start screen with a profile whose weights are not there.
pub fn with_missing(size: (u16, u16), theme: Theme) -> StartModel {
    let mut model = model(size, theme);
    model.profiles.push(ProfileEntry {
        name: "imagenet".into(),
        about: "77.2 %".into(),
        readiness: Readiness::Missing,
        facts: vec![("weights", "https://example.org/weights".into())],
    });
    model
}

#[test]
fn finding_9_escape_never_leaves_the_start_screen() {
    let mut model = model((80, 24), Theme::colour());
    act(&mut model, &[Action::Help]);
    assert!(screen(&model).contains("watch the run without steering it"));
    act(
        &mut model,
        &[Action::Cancel, Action::Cancel, Action::Cancel],
    );
    assert_eq!(model.chosen, None);
    act(&mut model, &[Action::Quit]);
    assert_eq!(model.chosen, Some(Chosen::Nothing));
}

#[test]
fn finding_9_what_needs_files_is_collapsed() {
    let mut model = with_missing((80, 24), Theme::colour());
    assert!(screen(&model).contains("1 more need weights or images first"));
    assert!(!screen(&model).contains("imagenet"));
    act(&mut model, &[Action::Bottom, Action::Submit, Action::Down]);
    let shown = screen(&model);
    assert!(shown.contains("imagenet"), "{shown}");
    assert!(shown.contains("https://example.org/weights"), "{shown}");
    // The filter finds it without.
    let mut model = with_missing((80, 24), Theme::colour());
    act(&mut model, &[Action::Find]);
    "imagenet"
        .chars()
        .for_each(|c| act(&mut model, &[Action::Insert(c)]));
    act(&mut model, &[Action::Submit]);
    let shown = screen(&model);
    assert!(
        shown.contains("imagenet") && !shown.contains("my-chip"),
        "{shown}"
    );
    act(&mut model, &[Action::Cancel]);
    assert!(screen(&model).contains("my-chip"));
}

#[test]
fn finding_9_what_is_chosen_is_previewed() {
    for size in [(80, 24), (120, 40)] {
        let mut model = model(size, Theme::colour());
        assert!(screen(&model).contains("the demo, front search"));
        act(&mut model, &[Action::Sort]);
        assert!(screen(&model).contains("smallest first"));
    }
}

#[test]
fn finding_9_runs_are_renamed_and_deleted_after_a_question() {
    let fake = Fake::default();
    let mut model = model((80, 24), Theme::colour());
    let keys = |model: &mut StartModel, actions: &[Action]| {
        for action in actions {
            model.update(action.clone(), &fake);
        }
    };
    keys(&mut model, &[Action::Delete]);
    assert_eq!(
        model.error.as_deref(),
        Some("another program has this run open")
    );
    keys(&mut model, &[Action::Down, Action::Delete]);
    assert!(screen(&model).contains("That cannot be undone"));
    keys(&mut model, &[Action::Cancel]);
    assert!(fake.done.borrow().is_empty(), "no is no");
    keys(
        &mut model,
        &[
            Action::Delete,
            Action::Submit,
            Action::Rename,
            Action::EraseLine,
        ],
    );
    keys(&mut model, &[Action::Paste("taken".into()), Action::Submit]);
    assert!(matches!(
        model.dialog,
        Some(Dialog::Rename { error: Some(_), .. })
    ));
    keys(
        &mut model,
        &[
            Action::EraseLine,
            Action::Paste("best".into()),
            Action::Submit,
        ],
    );
    assert_eq!(model.dialog, None);
    let done = fake.done.borrow();
    assert_eq!(
        *done,
        [
            "delete Run(\"/runs/2026-05-04-demo\")",
            "rename Run(\"/runs/2026-05-04-demo\") best"
        ]
    );
}

#[test]
fn finding_9_errors_stay_in_the_form() {
    let mut model = with_missing((80, 24), Theme::colour());
    act(
        &mut model,
        &[Action::Bottom, Action::Submit, Action::Down, Action::Submit],
    );
    let shown = screen(&model);
    assert!(
        shown.contains("! not there: weights.pth"),
        "said at once: {shown}"
    );
    act(&mut model, &[Action::Submit]);
    assert_eq!(model.chosen, None);
    assert!(model.form.is_some());
}

/// What a search that cannot begin says is said where it was set up, with the field concerned.
#[test]
fn finding_9_a_search_that_cannot_begin_comes_back_to_the_form() {
    for size in [(80, 24), (160, 48)] {
        let mut form = model(size, Theme::colour());
        act(&mut form, &[Action::Bottom, Action::Up, Action::Submit]);
        act(&mut form, &[Action::EraseLine, Action::Insert('2')]);
        act(&mut form, &[Action::Submit]);
        let set = vec![String::from("constraint.max_accuracy_drop=2")];
        let profile = String::from("my-chip");
        assert_eq!(form.chosen.take(), Some(Chosen::Search { profile, set }));
        let why = "cannot read /models/my-chip.safetensors: no header of safetensors";
        form.failed(why.into(), &Fake::default());
        let shown = screen(&form);
        assert!(shown.contains(&format!("! {why}")), "{size:?}\n{shown}");
        assert!(shown.contains("!▌checkpoint"), "{shown}");
        assert!(
            shown.contains("accuracy drop  2"),
            "what was typed is there: {shown}"
        );
        // Another file, and it is tried again.
        act(
            &mut form,
            &[Action::Paste("other.safetensors".into()), Action::Submit],
        );
        let Some(Chosen::Search { set, .. }) = &form.chosen else {
            panic!("{:?}", form.form);
        };
        assert!(
            set.contains(&"model.checkpoint=\"other.safetensors\"".to_owned()),
            "{set:?}"
        );
    }
    // A run that cannot be opened: in the list.
    let mut list = model((80, 24), Theme::colour());
    act(&mut list, &[Action::Down, Action::Submit]);
    assert_eq!(
        list.chosen.take(),
        Some(Chosen::Resume("/runs/2026-05-04-demo".into()))
    );
    list.failed("the journal is damaged".into(), &Fake::default());
    assert!(screen(&list).contains("! the journal is damaged"));
    assert!(list.form.is_none());
}

/// The field that is at fault is marked, wherever the cursor is.
#[test]
fn finding_9_the_field_that_is_wrong_is_marked() {
    let mut form = model((80, 24), Theme::colour());
    act(
        &mut form,
        &[
            Action::Bottom,
            Action::Up,
            Action::Submit,
            Action::EraseLine,
        ],
    );
    act(
        &mut form,
        &[
            Action::Paste("-1".into()),
            Action::Down,
            Action::Paste("96 KiB".into()),
        ],
    );
    let shown = screen(&form);
    assert!(shown.contains("! accuracy drop  -1"), "{shown}");
    assert!(!shown.contains("!▌memory"), "{shown}");
    // Starting goes to it.
    act(&mut form, &[Action::Submit]);
    assert_eq!(form.chosen, None);
    assert!(
        screen(&form).contains("!▌accuracy drop"),
        "{}",
        screen(&form)
    );
}

#[test]
fn finding_smaller_a_run_that_is_open_elsewhere_says_how_it_is_seen() {
    for size in [(80, 24), (160, 48)] {
        let model = model(size, Theme::colour());
        let shown = screen(&model)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let said = "Another program has it open: enter shows it without steering";
        assert!(shown.contains(said), "{size:?}: {shown}");
    }
}

/// Runs of one profile are told apart by the time that their ids begin with.
#[test]
fn finding_9_ids_of_runs_keep_their_time() {
    let mut model = model((80, 24), Theme::colour());
    model.runs[0].id = "20261129-133734-qkformer-on-fashion-mnist".into();
    assert!(
        screen(&model).contains("20261129-133734-"),
        "{}",
        screen(&model)
    );
}

#[test]
fn finding_19_a_theme_chosen_on_the_start_screen_is_kept() {
    let fake = Fake::default();
    let mut model = model((80, 24), Theme::colour());
    model.update(Action::NextTheme, &fake);
    assert_eq!(*fake.done.borrow(), ["keep Theme(Dark)"]);
    assert_eq!(model.blank.theme.name, ThemeName::Dark);
}

#[test]
fn finding_9_help_and_quit_are_always_in_the_line_of_keys() {
    for size in [(60, 16), (80, 24), (160, 48)] {
        let shown = screen(&model(size, Theme::colour()));
        let keys = shown.lines().last().unwrap_or_default();
        assert!(keys.ends_with("? help  q quit"), "{size:?}: {keys}");
    }
}

#[test]
fn finding_9_fields_that_mean_nothing_are_not_shown() {
    let mut model = model((80, 24), Theme::colour());
    act(&mut model, &[Action::Bottom, Action::Up, Action::Submit]);
    let shown = screen(&model);
    assert!(
        !shown.contains("drift limit") && !shown.contains("beam width"),
        "{shown}"
    );
    // greedy, then beam: its width is shown.
    act(
        &mut model,
        &[
            Action::Down,
            Action::Down,
            Action::Down,
            Action::CursorRight,
        ],
    );
    assert!(screen(&model).contains("beam width"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pins_of_every_kind_pass_through_the_form(
        pins in proptest::collection::vec(any_pin(), 0..4)
    ) {
        let mut pins = pins;
        let mut seen = std::collections::HashSet::new();
        pins.retain(|pin| seen.insert(pin.pattern.clone()));
        let texts: Vec<String> = pins.iter().map(Pin::to_string).collect();
        let values = Values { pins: "head=7".into(), ..Values::default() };
        let mut form = Form::new("demo", values);
        for action in [Action::Up, Action::EraseLine, Action::Paste(texts.join(", "))] {
            form.key(&action, &Fake::default());
        }
        let mut set = form.checked(&Fake::default()).unwrap();
        set.push("quantizer.bits=[1, 2, 3, 4, 5, 6, 7, 8, 16, \"float\"]".into());
        let overrides = Overrides::parse(&set, "/".into()).unwrap();
        let text = concat!(include_str!("../../profiles/demo.toml"), "\n[pins]\nhead = 7\n");
        let (profile, _) = Profile::parse_with(text, "demo.toml".as_ref(), &overrides).unwrap();
        prop_assert_eq!(profile.pins, pins);
    }

    #[test]
    fn whatever_is_done_it_stands(steps in proptest::collection::vec(prop_oneof![
        proptest::sample::select(vec![
            Action::Up, Action::Down, Action::Top, Action::Bottom, Action::Submit, Action::Cancel, Action::Watch, Action::Find,
            Action::Sort, Action::Rename, Action::Delete, Action::Help, Action::NewRun, Action::PageDown,
            Action::CursorLeft, Action::CursorRight, Action::EraseBefore, Action::EraseWord, Action::EraseLine,
        ]),
        "\\PC{0,12}".prop_map(Action::Paste),
        (1u16..200, 1u16..70).prop_map(|(c, r)| Action::Resize(c, r)),
        (0u16..200, 0u16..70).prop_map(|(c, r)| Action::Click(c, r)),
        (0u16..9, 0u16..9, -2i8..3).prop_map(|(c, r, by)| Action::Wheel(c, r, by)),
    ], 1..40)) {
        let mut model = model((80, 24), Theme::colour());
        for step in steps {
            model.update(step, &Fake::default());
            model.chosen = None;
            screen(&model);
            prop_assert!(model.scroll.cursor < 5);
            model.dialog = None;
        }
    }
}
