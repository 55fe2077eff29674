//! Whatever comes, in whatever order: no panic, and a selection that is one of the rows.

use std::time::Duration;

use aq4svit::evaluate::{CorrectBits, OutputError, Progress, Provenance, Verdict};
use aq4svit::journal::Entry;
use aq4svit::profile::{GateMode, Level};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::run::{Probed, Totals, Update};
use aq4svit::search::{
    BaseReason, CandidateId, Command, Counters, Event, GateDecision, GateReason, Group, Judgement,
    Move, Origin, StopReason,
};
use aq4svit::tui::keymap::{Keymap, bindings};
use aq4svit::tui::model::{Model, Replay, View};
use aq4svit::tui::theme::{Palette, Symbols, Theme, ThemeName};
use aq4svit::tui::{Action, SaveError, Saved, Signal, update};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;

use super::screens::draw;
use super::story::{Story, demo_settings, model};

#[derive(Clone, Debug)]
enum Step {
    Key(KeyCode, KeyModifiers),
    Act(Action),
    /// Jobs of the real engine.
    Jobs(usize),
    /// An event that no engine would send.
    Wild(Box<Event>),
}

fn key() -> impl Strategy<Value = Step> {
    let codes = prop_oneof![
        8 => "[ -~é]".prop_map(|c| KeyCode::Char(c.chars().next().unwrap())),
        8 => proptest::sample::select(vec![
            KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right, KeyCode::Enter, KeyCode::Esc, KeyCode::Tab,
            KeyCode::BackTab, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Backspace,
            KeyCode::Delete, KeyCode::F(1), KeyCode::Insert,
        ]),
    ];
    let modifiers = prop_oneof![9 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL)];
    (codes, modifiers).prop_map(|(c, m)| Step::Key(c, m))
}

fn bound() -> impl Strategy<Value = Step> {
    proptest::sample::select(bindings()).prop_map(|b| Step::Act(b.action))
}

fn outside() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..10_000_000).prop_map(|ms| Action::Tick(Duration::from_millis(ms))),
        (1u16..220, 1u16..70).prop_map(|(c, r)| Action::Resize(c, r)),
        (0u16..220, 0u16..70).prop_map(|(c, r)| Action::Click(c, r)),
        (0u16..220, 0u16..70).prop_map(|(c, r)| Action::Drag(c, r)),
        Just(Action::Release),
        Just(Action::Retried(Ok(()))),
        "\\PC{0,80}".prop_map(|e| Action::Retried(Err(e))),
        "\\PC{0,80}".prop_map(|e| Action::Probed(Probed {
            allocation: Allocation::uniform(20, BitWidth::FLOAT),
            seen: Err(e),
        })),
        any::<u64>().prop_map(Action::Resident),
        (0u16..220, 0u16..70, -3i8..3).prop_map(|(c, r, by)| Action::Wheel(c, r, by)),
        "\\PC{0,80}".prop_map(Action::Paste),
        Just(Action::Disconnected),
        Just(Action::Signal(Signal::Interrupt)),
        "\\PC{0,200}".prop_map(Action::Panicked),
        Just(Action::Undelivered(Command::Pause.into())),
        Just(Action::Saved(Ok(Saved {
            path: "/a/profile.toml".into(),
            note: None
        }))),
        Just(Action::Saved(Err(SaveError::Exists("/a".into())))),
        "\\PC{0,200}".prop_map(|e| Action::Saved(Err(SaveError::Other(e)))),
        Just(Action::Updates(vec![Update::Idle])),
        (0usize..9, 0usize..9).prop_map(|(done, total)| {
            Action::Updates(vec![Update::Progress(Progress {
                done,
                total,
                correct: done,
                preparing: false,
            })])
        }),
        any::<f64>().prop_map(|seconds| {
            let totals = Totals {
                layer_forwards: 9,
                layer_forwards_search: 8,
                layer_forwards_plain: 7,
                images: 1,
                seconds,
                calibration_seconds: seconds,
            };
            Action::Updates(vec![Update::Totals(totals)])
        }),
        (0usize..99, 1u8..=16, any::<f64>()).prop_map(|(layer, bits, error)| {
            let width = BitWidth::new(bits).unwrap_or(BitWidth::FLOAT);
            let error = OutputError {
                layer,
                width,
                error,
            };
            Action::Updates(vec![Update::OutputErrors(vec![error])])
        }),
        "\\PC{0,300}".prop_map(|why| Action::Updates(vec![Update::Note(why)])),
        "\\PC{0,300}".prop_map(|why| Action::Updates(vec![Update::Failed(why)])),
    ]
    .prop_map(Step::Act)
}

fn wild() -> impl Strategy<Value = Step> {
    let id = || (0u32..40).prop_map(CandidateId);
    let judgement =
        (any::<bool>(), 0usize..600, 0usize..600).prop_map(|(met, images, correct)| Judgement {
            sequential: false,
            verdict: if met { Verdict::Met } else { Verdict::NotMet },
            images,
            of: 500,
            correct,
            float_correct: 400,
            allowed_loss: 7,
            expected_loss: None,
            cached: !met,
        });
    let bits = || {
        proptest::sample::select(vec![1u8, 2, 8, 16, 32]).prop_map(|b| BitWidth::new(b).unwrap())
    };
    let change = ("[a-z.*漢]{0,20}", bits()).prop_map(|(name, bits)| Move {
        group: Group::Layer(name),
        bits,
    });
    let origins = vec![Origin::Start, Origin::Manual, Origin::Pin, Origin::Search];
    prop_oneof![
        // The next number is the only one that is taken; parents and lengths are anything.
        (
            0u32..40,
            proptest::option::of(id()),
            proptest::option::of(change.clone()),
            0usize..40,
            any::<u64>(),
            proptest::sample::select(origins),
            bits()
        )
            .prop_map(|(n, parent, change, layers, bytes, origin, width)| {
                Event::Proposed {
                    candidate: CandidateId(n),
                    parent,
                    change,
                    origin,
                    allocation: Allocation::uniform(layers, width),
                    bytes,
                }
            }),
        (
            id(),
            any::<f64>(),
            proptest::collection::vec(any::<f64>(), 0..40)
        )
            .prop_map(|(candidate, drift, sites)| {
                Event::Measured {
                    candidate,
                    drift,
                    added: -drift,
                    sites,
                    proxies: None,
                    cached: false,
                }
            }),
        (id(), judgement.clone()).prop_map(|(candidate, judgement)| Event::Screened {
            candidate,
            judgement,
            bits: CorrectBits::new(),
        }),
        (id(), judgement).prop_map(|(candidate, judgement)| Event::Confirmed {
            candidate,
            judgement,
            bits: CorrectBits::new(),
        }),
        (id(), any::<f64>(), 0usize..4).prop_map(|(candidate, drift, kind)| Event::Gated {
            candidate,
            reason: GateReason {
                predicted: None,
                untrusted: false,
                decision: [
                    GateDecision::Passed,
                    GateDecision::HeldBack,
                    GateDecision::Audited,
                    GateDecision::Exempt
                ][kind],
                mode: [
                    GateMode::Adaptive,
                    GateMode::Fixed,
                    GateMode::Off,
                    GateMode::Adaptive
                ][kind],
                drift,
                limit: Some(drift),
                chance: Some(drift),
                min_chance: Some(0.1),
                verdicts: 3,
            },
        }),
        id().prop_map(|candidate| Event::BaseChanged {
            candidate,
            reason: BaseReason::WalkedBack
        }),
        proptest::option::of(id()).prop_map(|candidate| Event::IncumbentChanged { candidate }),
        Just(Event::LevelOpened {
            level: Level::Layer,
            groups: vec![Group::Network, Group::Stage("none".into())]
        }),
        id().prop_map(|candidate| Event::CommandAccepted {
            id: None,
            command: Command::Prune { candidate },
            candidate: None,
            note: String::new()
        }),
        change.prop_map(|change| Event::CommandRefused {
            id: None,
            command: Command::SetBits {
                candidate: CandidateId(3),
                change
            },
            why: "no".into(),
        }),
        Just(Event::Finished {
            reason: StopReason::Complete,
            incumbent: None,
            counters: Counters {
                evaluations: 1,
                images: 3,
                cached: 1,
                reused: 0,
                drift_evaluations: 1,
                gated: 1,
                audited: 1,
            },
            plain_images: 1,
        }),
        Just(Event::Started {
            settings: Box::new(demo_settings())
        }),
    ]
    .prop_map(|event| Step::Wild(Box::new(event)))
}

fn check(model: &Model) -> Result<(), TestCaseError> {
    let nodes = &model.nodes;
    match nodes.selected {
        Some(id) => {
            prop_assert!(
                nodes
                    .rows
                    .get(nodes.scroll.cursor)
                    .is_some_and(|row| row.id == id)
            );
            prop_assert!(model.tree.get(id).is_some());
        }
        None => prop_assert!(nodes.rows.is_empty()),
    }
    let mut seen: Vec<CandidateId> = nodes.rows.iter().map(|row| row.id).collect();
    seen.sort();
    seen.dedup();
    prop_assert_eq!(seen.len(), nodes.rows.len(), "a node has one row");
    prop_assert!(model.allocation.rows.is_empty() || model.part().is_some());
    prop_assert!(order_holds(model), "the focus is on a pane of the view");
    let points = model.front.points.len();
    prop_assert!(points == 0 || model.front.scroll.cursor < points);
    let decisions = model.gate.decisions.len();
    prop_assert!(decisions == 0 || model.gate.scroll.cursor < decisions);
    prop_assert!(model.log.is_empty() || model.log.scroll.cursor < model.log.len());
    Ok(())
}

/// The focus is on a pane that the view has: its own, or on a wall screen those of the gate.
fn order_holds(model: &Model) -> bool {
    let own = model.view.panes().contains(&model.focus);
    let wall = model.view == View::Search && model.size.0 >= 180;
    own || wall && View::Gate.panes().contains(&model.focus)
}

/// The same on a second screen, which hears all and may be anywhere in time.
fn watched(story: &mut Story, theme: Theme) -> Model {
    let mut model = model(theme, (100, 30));
    model.replay = Some(Replay::new());
    let mut heard = story.start();
    for _ in 0..20 {
        heard.extend(story.begin());
        heard.extend(story.answer());
    }
    update(&mut model, Action::Updates(heard));
    model
}

fn survive(steps: Vec<Step>, theme: Theme) -> Result<(), TestCaseError> {
    let mut model = model(theme, (100, 30));
    let mut story = Story::new(demo_settings());
    let start = story.start();
    update(&mut model, Action::Updates(start));
    live_through(steps, story, model)
}

fn live_through(steps: Vec<Step>, mut story: Story, mut model: Model) -> Result<(), TestCaseError> {
    let keymap = Keymap::standard();
    for step in steps {
        let actions = match step {
            Step::Key(code, modifiers) => keymap
                .action(model.scope(), KeyEvent::new(code, modifiers))
                .into_iter()
                .collect(),
            Step::Act(action) => vec![action],
            Step::Jobs(jobs) => {
                let mut updates = vec![];
                for _ in 0..jobs {
                    updates.extend(story.begin());
                    updates.extend(story.answer());
                }
                updates.extend(story.begin());
                vec![Action::Updates(updates)]
            }
            Step::Wild(event) => {
                let time = String::from("yesterday");
                vec![Action::Updates(vec![Update::Event(Box::new(Entry {
                    seq: 1,
                    time,
                    event: *event,
                    provenance: Provenance::Computed,
                }))])]
            }
        };
        for action in actions {
            for effect in update(&mut model, action) {
                if let aq4svit::tui::Effect::Send(command) = effect {
                    let answer = story.command(command);
                    update(&mut model, Action::Updates(answer));
                }
            }
        }
        check(&model)?;
        let size = model.size;
        draw(&model, size);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_person_at_a_running_search(
        steps in proptest::collection::vec(
            prop_oneof![6 => key(), 3 => bound(), 2 => outside(), 2 => (1usize..12).prop_map(Step::Jobs)], 1..50),
    ) {
        survive(steps, Theme::colour())?;
    }

    #[test]
    fn a_person_at_a_second_screen(
        steps in proptest::collection::vec(
            prop_oneof![6 => key(), 4 => bound(), 3 => outside(), 2 => (1usize..12).prop_map(Step::Jobs)], 1..50),
    ) {
        let mut story = Story::new(demo_settings());
        let model = watched(&mut story, Theme::colour());
        live_through(steps, story, model)?;
    }

    #[test]
    fn a_journal_gone_mad(
        steps in proptest::collection::vec(
            prop_oneof![3 => key(), 2 => bound(), 1 => outside(), 8 => wild()], 1..60),
    ) {
        let theme = Theme { name: ThemeName::None, symbols: Symbols::ascii(), palette: Palette::monochrome() };
        survive(steps, theme)?;
    }
}

/// A chain of single children, each below the last: as deep as it is long.
#[test]
fn a_tree_of_ten_thousand_nodes() {
    let settings = demo_settings();
    let layers = settings.space.layers.len();
    let mut model = model(Theme::colour(), (160, 48));
    let mut story = Story::new(settings);
    let start = story.engine.start();
    let nodes = (0..10_000u32).map(|n| Event::Proposed {
        candidate: CandidateId(n),
        parent: n.checked_sub(1 + n % 7).map(CandidateId),
        change: None,
        origin: Origin::Search,
        allocation: Allocation::uniform(layers, BitWidth::FLOAT),
        bytes: 1,
    });
    let updates = story.entries(start.into_iter().take(1).chain(nodes).collect());
    update(&mut model, Action::Updates(updates));
    assert_eq!(model.nodes.rows.len(), 10_000);
    update(&mut model, Action::Bottom);
    draw(&model, (160, 48));
    check(&model).unwrap();
    assert!(model.nodes.rows.iter().any(|row| row.depth > 1_000));
}
