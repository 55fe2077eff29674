//! What keys do, without a terminal.

use aq4svit::evaluate::{Provenance, Verdict};
use aq4svit::journal::Entry;
use aq4svit::profile::Pin;
use aq4svit::quant::BitWidth;
use aq4svit::run::Update;
use aq4svit::search::{CandidateId, Command, Event, Group, Judgement, Origin, State};
use aq4svit::tui::model::{Confirm, Fold, Overlay, Pane, Status, ToastKind, View};
use aq4svit::tui::{Action, Effect, Outcome, SaveError, Saved, Signal, update};

use super::screens::screen;
use super::story::{Play, sent};

const SIZE: (u16, u16) = (160, 48);

fn bits(bits: u8) -> BitWidth {
    BitWidth::new(bits).unwrap()
}

/// Puts the cursor of the allocation on a group.
fn choose(play: &mut Play, group: &Group) {
    let pane = &mut play.model.allocation;
    let part = pane.parts.iter().position(|p| p.group == *group).unwrap();
    pane.scroll.cursor = pane.rows.iter().position(|r| *r == part).unwrap();
}

fn toasts(play: &Play) -> Vec<(ToastKind, String)> {
    let toasts = play.model.toasts.iter();
    toasts.map(|t| (t.kind, t.text.clone())).collect()
}

fn last_toast(play: &Play) -> String {
    toasts(play).pop().map(|t| t.1).unwrap_or_default()
}

fn layer(name: &str) -> Group {
    Group::Layer(name.into())
}

#[test]
fn a_pause_is_shown_only_when_it_is_true() {
    let mut play = Play::new(SIZE);
    assert_eq!(play.model.status(), Status::Running);
    play.jobs(20);
    let effects = update(&mut play.model, Action::Pause);
    assert_eq!(sent(&effects), [Command::Pause]);
    assert_eq!(play.model.status(), Status::Pausing, "asked, not answered");
    play.answer(&effects);
    assert_eq!(
        play.model.status(),
        Status::Pausing,
        "answered, but a job still runs"
    );
    play.tell(vec![Update::Idle]);
    assert_eq!(play.model.status(), Status::Paused);
    assert_eq!(last_toast(&play), "paused");
    let effects = update(&mut play.model, Action::Pause);
    assert_eq!(sent(&effects), [Command::Resume]);
    assert_eq!(play.model.status(), Status::Resuming);
    play.answer(&effects);
    assert_eq!(play.model.status(), Status::Running);
}

#[test]
fn commands_of_others_are_logged_without_a_message() {
    let mut play = Play::new(SIZE);
    play.jobs(10);
    let before = play.model.log.len();
    let answer = play.story.command(Command::Pause);
    play.tell(answer);
    assert!(play.model.toasts.is_empty());
    assert_eq!(play.model.log.len(), before + 1);
}

#[test]
fn an_equal_command_of_another_is_not_taken_for_ones_own() {
    let mut play = Play::new(SIZE);
    play.jobs(10);
    let effects = update(&mut play.model, Action::Pause);
    let answer = play.story.command(Command::Pause);
    play.tell(answer);
    assert!(play.model.toasts.is_empty(), "the other's answer");
    assert_eq!(play.model.awaiting.len(), 1);
    play.answer(&effects);
    assert!(play.model.awaiting.is_empty());
}

#[test]
fn a_branch_is_pruned_and_resumed() {
    let mut play = Play::new(SIZE);
    play.jobs(40);
    play.act(Action::Bottom);
    let id = play.model.nodes.selected.unwrap();
    assert_eq!(
        sent(&play.act(Action::Prune)),
        [Command::Prune { candidate: id }]
    );
    assert!(play.model.tree.get(id).unwrap().pruned);
    assert_eq!(
        play.model.nodes.selected,
        Some(id),
        "who prunes stays there"
    );
    assert_eq!(sent(&play.act(Action::Prune)), []);
    assert_eq!(last_toast(&play), format!("{id} is pruned already"));
    let resumed = sent(&play.act(Action::ResumeBranch));
    assert_eq!(resumed, [Command::ResumeBranch { candidate: id }]);
    assert!(!play.model.tree.get(id).unwrap().pruned);
}

#[test]
fn a_refusal_is_shown_with_its_reason() {
    let mut play = Play::new(SIZE);
    play.jobs(20);
    play.act(Action::Top);
    play.act(Action::Prune);
    let (kind, text) = toasts(&play).pop().unwrap();
    assert_eq!(kind, ToastKind::Bad);
    assert_eq!(
        text,
        "prune #0: #0 is where the search starts; to end the search, stop it"
    );
}

#[test]
fn bits_are_changed_with_a_preview_and_evaluated_at_once() {
    let mut play = Play::new(SIZE);
    play.jobs(40);
    play.act(Action::JumpBase);
    choose(&mut play, &Group::Block("stage3.1".into()));
    let parent = play.model.shown().unwrap().clone();
    play.act(Action::LowerBits);
    let edit = play.model.edit.clone().unwrap();
    assert_eq!(edit.candidate, parent.id);
    let space = &play.model.tree.settings.as_ref().unwrap().space;
    assert_eq!(edit.bytes, space.bytes(&edit.preview));
    assert!(edit.bytes < parent.bytes);
    // The preview is what the engine makes of it, while the search goes on beside.
    play.act(Action::Width(3));
    play.jobs(1);
    let edit = play.model.edit.clone().unwrap();
    assert_eq!(edit.moves[0].bits, bits(3));
    assert_eq!(
        play.model.shown().unwrap().id,
        parent.id,
        "the node stays while it is changed"
    );
    let sent = sent(&play.act(Action::Submit));
    let change = edit.moves[0].clone();
    assert_eq!(
        sent,
        [Command::SetBits {
            candidate: parent.id,
            change
        }]
    );
    let child = play.model.shown().unwrap();
    assert_eq!(
        (child.origin, child.parent),
        (Origin::Manual, Some(parent.id))
    );
    assert_eq!(
        (&child.allocation, child.bytes),
        (&edit.preview, edit.bytes)
    );
    assert!(play.model.edit.is_none() && !play.model.nodes.follow);
    let child = child.id;
    play.jobs(3);
    assert_ne!(play.model.tree.get(child).unwrap().state(), State::Proposed);
}

#[test]
fn a_width_outside_the_menu_or_without_effect_is_not_sent() {
    let mut play = Play::new(SIZE);
    play.jobs(10);
    choose(&mut play, &layer("head"));
    play.act(Action::RaiseBits);
    assert_eq!(play.act(Action::Submit), []);
    assert_eq!(
        last_toast(&play),
        "nothing would change: choose another bit-width"
    );
    play.act(Action::Width(7));
    assert_eq!(
        last_toast(&play),
        "7 is not in this search's menu: 2 3 4 5 6 8"
    );
    assert!(play.model.edit.is_some());
    play.act(Action::Cancel);
    assert!(play.model.edit.is_none());
}

#[test]
fn the_preview_keeps_to_the_pins() {
    let mut play = Play::new(SIZE);
    play.jobs(20);
    play.act(Action::JumpBase);
    choose(&mut play, &layer("stage3.0.ssa.q_conv"));
    play.act(Action::Pin);
    play.act(Action::JumpBase);
    choose(&mut play, &Group::Stage("stage3".into()));
    play.act(Action::LowerBits);
    play.act(Action::Width(2));
    let preview = play.model.edit.clone().unwrap().preview;
    let parent = play.model.shown().unwrap().allocation.clone();
    let space = &play.model.tree.settings.as_ref().unwrap().space;
    let pinned = space.members(&layer("stage3.0.ssa.q_conv"))[0];
    assert_eq!(preview.0[pinned], parent.0[pinned]);
    play.act(Action::Submit);
    assert_eq!(play.model.shown().unwrap().allocation, preview);
}

#[test]
fn pins_hold_layers_blocks_and_stages_and_let_go_again() {
    let mut play = Play::new(SIZE);
    play.jobs(5);
    play.act(Action::JumpBase);
    let patterns = |play: &Play| -> Vec<String> {
        play.model
            .tree
            .pins
            .iter()
            .map(|p| p.pattern.clone())
            .collect()
    };
    choose(&mut play, &layer("head"));
    play.act(Action::Pin);
    assert_eq!(play.model.tree.pins, [Pin::fixed("head", bits(8))]);
    play.act(Action::Pin);
    assert_eq!(patterns(&play), [] as [&str; 0]);
    choose(&mut play, &Group::Block("stage1.0".into()));
    play.act(Action::Pin);
    assert_eq!(patterns(&play), ["stage1.0.*"]);
    choose(&mut play, &layer("stage1.0.tssa.q_conv"));
    play.act(Action::Pin);
    assert_eq!(patterns(&play), ["stage1.0.*"]);
    assert!(
        last_toast(&play).contains("held by pin \"stage1.0.*\""),
        "{}",
        last_toast(&play)
    );
    choose(&mut play, &Group::Block("stage1.0".into()));
    play.act(Action::Pin);
    choose(&mut play, &Group::Stage("stage1".into()));
    play.act(Action::Pin);
    assert_eq!(patterns(&play), ["patch_embed1.*", "stage1.0.*"]);
    play.act(Action::Pin);
    assert_eq!(patterns(&play), [] as [&str; 0]);
}

#[test]
fn layers_of_different_widths_are_pinned_each_at_its_own() {
    let mut play = Play::new(SIZE);
    play.jobs(5);
    play.act(Action::JumpBase);
    choose(&mut play, &layer("stage1.0.mlp.mlp1_conv"));
    play.act(Action::LowerBits);
    play.act(Action::Submit);
    choose(&mut play, &Group::Block("stage1.0".into()));
    let sent = sent(&update(&mut play.model, Action::Pin));
    assert_eq!(sent.len(), 5);
    let lowered = Pin::fixed("stage1.0.mlp.mlp1_conv", bits(6));
    assert!(sent.contains(&Command::Pin { pin: lowered }));
}

#[test]
fn a_profile_is_saved_under_a_name_typed_and_pasted() {
    let mut play = Play::new(SIZE);
    play.jobs(20);
    play.act(Action::Save);
    let name = |play: &Play| match &play.model.overlay {
        Some(Overlay::Save(prompt)) => prompt.name.text(),
        other => panic!("{other:?}"),
    };
    assert!(
        name(&play).starts_with("qkformer-on-fashion-mnist-"),
        "{}",
        name(&play)
    );
    play.act(Action::EraseLine);
    assert_eq!(play.act(Action::Submit), [], "a name is needed");
    play.act(Action::Paste("demo".into()));
    assert_eq!(play.act(Action::Submit), [], "shipped names are reserved");
    assert!(super::screens::screen(&play).contains("comes with the program"));
    play.act(Action::EraseLine);
    play.act(Action::Paste("my\nchip".into()));
    play.act(Action::Insert('!'));
    let effects = play.act(Action::Submit);
    assert_eq!(
        effects,
        [],
        "what cannot name a profile is refused in the prompt"
    );
    play.act(Action::EraseBefore);
    let effects = play.act(Action::Submit);
    let allocation = play.model.shown().unwrap().allocation.clone();
    let save = |overwrite| Effect::Save {
        name: "mychip".into(),
        allocation: allocation.clone(),
        overwrite,
    };
    assert_eq!(effects, [save(false)]);
    play.act(Action::Saved(Err(SaveError::Exists(
        "/p/mychip.toml".into(),
    ))));
    assert!(matches!(
        play.model.overlay,
        Some(Overlay::Confirm(Confirm::Overwrite { .. }))
    ));
    play.act(Action::Cancel);
    assert_eq!(name(&play), "mychip");
    play.act(Action::Submit);
    play.act(Action::Saved(Err(SaveError::Exists(
        "/p/mychip.toml".into(),
    ))));
    assert_eq!(play.act(Action::Submit), [save(true)]);
    play.act(Action::Saved(Err(SaveError::Other(
        "the disk is full".into(),
    ))));
    assert_eq!(name(&play), "mychip");
    assert_eq!(play.act(Action::Submit), [save(false)]);
    assert!(
        play.model.overlay.is_none(),
        "keys are for the search meanwhile"
    );
    play.act(Action::Save);
    assert!(play.model.overlay.is_none(), "one at a time");
    play.act(Action::Saved(Ok(Saved {
        path: "/p/mychip.toml".into(),
        note: Some("without its layers".into()),
    })));
    assert!(play.model.overlay.is_none() && play.model.saving.is_none());
    let shown = super::screens::screen(&play);
    assert!(shown.contains("without its layers"), "{shown}");
    assert_eq!(
        play.model.saved,
        [std::path::PathBuf::from("/p/mychip.toml")]
    );
}

#[test]
fn leaving_a_running_search_asks_first() {
    let mut play = Play::new(SIZE);
    play.jobs(5);
    play.act(Action::Quit);
    assert!(matches!(
        play.model.overlay,
        Some(Overlay::Confirm(Confirm::Quit))
    ));
    play.act(Action::Cancel);
    assert_eq!(
        (play.model.outcome.clone(), play.model.overlay.clone()),
        (None, None)
    );
    play.act(Action::Quit);
    play.act(Action::Submit);
    assert_eq!(play.model.outcome, Some(Outcome::Quit));
}

#[test]
fn the_second_interrupt_leaves_at_once() {
    let mut play = Play::new(SIZE);
    play.act(Action::Save);
    play.act(Action::Interrupt);
    assert_eq!(play.model.outcome, None);
    play.act(Action::Signal(Signal::Interrupt));
    assert_eq!(play.model.outcome, Some(Outcome::Quit));
    let mut play = Play::new(SIZE);
    play.act(Action::Signal(Signal::Terminate));
    assert_eq!(play.model.outcome, Some(Outcome::Terminated));
}

#[test]
fn a_finished_search_is_left_without_a_question() {
    let mut play = Play::new(SIZE);
    play.finish();
    play.tell(vec![Update::Idle]);
    play.act(Action::Disconnected);
    assert_eq!(play.model.status(), Status::Finished);
    assert_eq!(
        play.model.overlay,
        Some(Overlay::Result),
        "the end of the channel is no failure then"
    );
    for action in [Action::Pause, Action::Step, Action::Stop] {
        assert_eq!(sent(&play.act(action)), []);
    }
    play.act(Action::Quit);
    assert_eq!(
        play.model.outcome,
        Some(Outcome::Finished(play.model.tree.finished.unwrap()))
    );
}

#[test]
fn the_search_can_be_ended_after_a_question() {
    let mut play = Play::new(SIZE);
    play.jobs(20);
    play.act(Action::Stop);
    assert!(matches!(
        play.model.overlay,
        Some(Overlay::Confirm(Confirm::Stop))
    ));
    let effects = update(&mut play.model, Action::Submit);
    assert_eq!(sent(&effects), [Command::Stop]);
    assert_eq!(play.model.status(), Status::Stopping);
}

#[test]
fn a_failed_run_says_so_and_can_still_be_read() {
    let mut play = Play::new(SIZE);
    play.jobs(5);
    play.tell(vec![Update::Failed("libtorch: out of memory".into())]);
    let candidate = play.model.tree.candidates.last().map(|c| c.id);
    let failure = Overlay::Failure {
        message: "libtorch: out of memory".into(),
        candidate,
    };
    assert_eq!(play.model.overlay, Some(failure));
    play.act(Action::Cancel);
    assert_eq!(play.model.status(), Status::Failed);
    play.act(Action::Down);
    play.act(Action::Quit);
    assert_eq!(
        play.model.outcome,
        Some(Outcome::Failed("libtorch: out of memory".into()))
    );
}

#[test]
fn a_run_that_vanishes_is_a_failure_with_the_reason_its_thread_gave() {
    let mut play = Play::new(SIZE);
    play.jobs(5);
    play.act(Action::Panicked("index out of bounds (src/x.rs:1)".into()));
    assert_eq!(play.model.overlay, None, "the run decides what that means");
    play.act(Action::Disconnected);
    let message = play.model.activity.failed.clone().unwrap();
    assert_eq!(
        message,
        "a worker of the run stopped: index out of bounds (src/x.rs:1)"
    );
}

#[test]
fn the_base_is_followed_until_a_person_moves() {
    let mut play = Play::new(SIZE);
    play.jobs(30);
    assert_eq!(play.model.nodes.selected, play.model.tree.base);
    play.act(Action::View(View::Search));
    play.act(Action::Top);
    assert!(!play.model.nodes.follow);
    play.jobs(10);
    assert_eq!(play.model.nodes.selected, Some(CandidateId(0)));
    play.act(Action::Follow);
    assert_eq!(play.model.nodes.selected, play.model.tree.base);
}

#[test]
fn the_way_to_the_base_is_straight_and_what_lies_behind_is_folded() {
    let mut play = Play::new(SIZE);
    play.jobs(60);
    let tree = &play.model.tree;
    let base = tree.base.unwrap();
    let mut way = vec![base];
    while let Some(parent) = tree.get(*way.last().unwrap()).unwrap().parent {
        way.push(parent);
    }
    way.reverse();
    assert!(way.len() > 2, "the landscape accepts moves");
    let trunk: Vec<CandidateId> = play
        .model
        .nodes
        .rows
        .iter()
        .filter(|r| r.depth == 0)
        .map(|r| r.id)
        .collect();
    assert_eq!(trunk, way);
    let row = |id| play.model.nodes.rows.iter().find(|r| r.id == id).unwrap();
    assert!(matches!(row(way[0]).fold, Fold::Closed(_)));
    assert_eq!(row(base).fold, Fold::Open);
}

#[test]
fn a_pruned_base_is_no_longer_on_the_way() {
    let mut play = Play::new(SIZE);
    play.jobs(60);
    let before = play.model.tree.base.unwrap();
    play.act(Action::Prune);
    assert_eq!(play.model.tree.base, Some(before), "it asks first");
    play.act(Action::Submit);
    let base = play.model.tree.base.unwrap();
    assert_ne!(base, before);
    let depth = |id| {
        play.model
            .nodes
            .rows
            .iter()
            .find(|r| r.id == id)
            .map(|r| r.depth)
    };
    assert_eq!((depth(base), depth(before)), (Some(0), Some(1)));
}

#[test]
fn folding_and_parents() {
    let mut play = Play::new(SIZE);
    play.jobs(60);
    play.act(Action::Top);
    play.act(Action::Right);
    assert_eq!(play.model.nodes.row().unwrap().fold, Fold::Open);
    play.act(Action::Right);
    let child = play.model.nodes.selected.unwrap();
    assert_eq!(
        play.model.tree.get(child).unwrap().parent,
        Some(CandidateId(0))
    );
    play.act(Action::Left);
    assert_eq!(play.model.nodes.selected, Some(CandidateId(0)));
    play.act(Action::Left);
    assert!(matches!(
        play.model.nodes.row().unwrap().fold,
        Fold::Closed(_)
    ));
    play.act(Action::Toggle);
    assert_eq!(play.model.nodes.row().unwrap().fold, Fold::Open);
}

#[test]
fn filters_hide_nodes_and_a_jump_finds_them_again() {
    let mut play = Play::new(SIZE);
    play.jobs(60);
    play.act(Action::View(View::Search));
    play.act(Action::Filter);
    play.act(Action::Filter);
    let good = |id: CandidateId| {
        matches!(
            play.model.tree.get(id).unwrap().state(),
            State::Passed | State::Confirmed
        )
    };
    let leaves = play
        .model
        .nodes
        .rows
        .iter()
        .filter(|r| r.depth > 0 && r.fold == Fold::Leaf);
    let working = play.model.activity.work.unwrap().candidate;
    assert!(leaves.clone().all(|r| good(r.id) || Some(r.id) == working));
    let decided = play
        .model
        .gate
        .decisions
        .iter()
        .position(|id| !good(*id))
        .unwrap();
    let id = play.model.gate.decisions[decided];
    play.act(Action::View(View::Gate));
    play.act(Action::Top);
    (0..decided).for_each(|_| assert_eq!(play.act(Action::Down), []));
    play.act(Action::ShowNode);
    assert_eq!(
        (play.model.nodes.selected, play.model.focus),
        (Some(id), Pane::Tree)
    );
}

#[test]
fn the_counts_are_those_of_the_engine() {
    let mut play = Play::new(SIZE);
    while play.model.tree.finished.is_none() {
        let counters = play.story.engine.counters();
        let activity = &play.model.activity;
        assert_eq!(activity.counters(), counters);
        let gate = &play.model.gate.evidence;
        assert_eq!(
            (gate.held_back as u64, gate.audited.all() as u64),
            (counters.gated, counters.audited)
        );
        play.jobs(1);
    }
    assert!(play.model.gate.evidence.held_back > 0, "the gate had work");
}

#[test]
fn the_time_left_is_bounded_from_the_first_level_on() {
    let mut play = Play::new(SIZE);
    let (mut told, mut before_the_last) = (vec![], 0);
    while play.model.tree.finished.is_none() {
        play.jobs(1);
        let left = play.model.activity.time_left(&play.model.tree);
        let settings = play.model.tree.settings.as_ref().unwrap();
        let last = play.model.tree.level == settings.search.levels.last().copied();
        before_the_last += usize::from(left.is_some() && !last);
        told.extend(left.map(|l| (play.model.clock, l)));
    }
    let end = play.model.clock;
    assert!(before_the_last > 0 && told.len() > before_the_last);
    assert!(told.iter().all(|(at, (least, most))| least <= most
        && *at + *most >= end - std::time::Duration::from_secs(10)));
}

#[test]
fn clicks_and_the_wheel() {
    let mut play = Play::new(SIZE);
    play.jobs(60);
    play.act(Action::Top);
    play.act(Action::Click(5, 11));
    assert_eq!(play.model.nodes.selected, Some(play.model.nodes.rows[2].id));
    play.act(Action::Click(5, 9));
    assert_eq!(play.model.nodes.selected, Some(CandidateId(0)));
    play.act(Action::Wheel(5, 8, 1));
    assert_eq!(play.model.nodes.selected, Some(play.model.nodes.rows[1].id));
    play.act(Action::Click(120, 27));
    assert_eq!(play.model.focus, Pane::Allocation);
    assert_eq!(play.model.allocation.scroll.cursor, 1);
    play.act(Action::Click(159, 47));
    assert_eq!(play.model.focus, Pane::Allocation, "the footer is no pane");
}

#[test]
fn an_event_of_an_unknown_candidate_changes_nothing_but_the_log() {
    let mut play = Play::new(SIZE);
    play.jobs(5);
    let tree = play.model.tree.clone();
    let ghost = play.story.entries(vec![
        Event::IncumbentChanged {
            candidate: tree.incumbent,
        },
        Event::Measured {
            candidate: CandidateId(999),
            drift: 1.0,
            added: 0.0,
            sites: vec![],
            proxies: None,
            cached: false,
        },
    ]);
    play.tell(ghost);
    assert_eq!(play.model.tree, tree);
}

#[test]
fn what_a_worker_said_before_it_failed_is_part_of_the_message() {
    let mut play = Play::new(SIZE);
    play.act(Action::Panicked("no such kernel (src/x.rs:1)".into()));
    play.tell(vec![Update::Failed(
        "the evaluator thread has ended".into(),
    )]);
    let message = play.model.activity.failed.clone().unwrap();
    assert_eq!(
        message,
        "the evaluator thread has ended: no such kernel (src/x.rs:1)"
    );
}

#[test]
fn what_is_asked_for_in_a_pause_is_a_step() {
    let mut play = Play::new(SIZE);
    play.jobs(40);
    play.act(Action::Pause);
    play.tell(vec![Update::Idle]);
    play.act(Action::View(View::Allocation));
    choose(&mut play, &layer("head"));
    play.act(Action::LowerBits);
    play.act(Action::Submit);
    let begun = play.story.begin();
    play.tell(begun);
    assert_eq!(play.model.status(), Status::Stepping);
    assert_eq!(sent(&play.act(Action::Pause)), [Command::Resume]);
    play.act(Action::Pause);
    play.act(Action::Step);
    assert!(play.model.tree.stepping);
    assert_eq!(play.model.status(), Status::Stepping);
}

#[test]
fn what_an_undo_took_out_is_shown_where_it_was_evaluated() {
    for evaluated in [false, true] {
        let mut play = Play::new(SIZE);
        play.jobs(40);
        play.act(Action::Pause);
        play.act(Action::View(View::Allocation));
        choose(&mut play, &layer("head"));
        play.act(Action::LowerBits);
        play.act(Action::Submit);
        let made = play.model.tree.candidates.last().unwrap().id;
        assert_eq!(play.model.nodes.selected, Some(made));
        if evaluated {
            play.jobs(3);
        }
        play.act(Action::Undo);
        let node = play.model.tree.get(made).unwrap();
        assert!(node.undone && !node.pruned);
        assert_eq!(node.bits.is_empty(), !evaluated);
        play.act(Action::View(View::Search));
        let rows = &play.model.nodes.rows;
        assert_eq!(rows.iter().any(|row| row.id == made), evaluated);
        let text = screen(&play);
        assert_eq!(text.contains("╳ undone"), evaluated, "{text}");
    }
}

#[test]
fn a_verdict_that_was_refuted_later_is_shown_so() {
    let mut play = Play::new(SIZE);
    play.jobs(70);
    play.act(Action::View(View::Gate));
    let passed = |id: &&CandidateId| {
        let node = play.model.tree.get(**id).unwrap();
        node.state() == State::Passed
    };
    let id = *play.model.gate.decisions.iter().rfind(passed).unwrap();
    play.model.gate.scroll.cursor = play
        .model
        .gate
        .decisions
        .iter()
        .position(|d| *d == id)
        .unwrap();
    let row = |play: &Play| {
        let text = screen(play);
        let row = text.lines().find(|line| line.contains(&format!("│ {id} ")));
        row.unwrap_or_default().to_owned()
    };
    assert!(row(&play).contains("met"), "{}", screen(&play));
    let node = play.model.tree.get(id).unwrap();
    let judgement = Judgement {
        verdict: Verdict::NotMet,
        ..node.screening.unwrap()
    };
    let bits = node.bits.clone();
    let entry = Entry {
        seq: 9_000,
        time: "2026-05-04T09:10:00Z".into(),
        event: Event::Confirmed {
            candidate: id,
            judgement,
            bits,
        },
        provenance: Provenance::Computed,
    };
    play.tell(vec![Update::Event(Box::new(entry))]);
    assert!(row(&play).contains("failed"), "{}", screen(&play));
}
