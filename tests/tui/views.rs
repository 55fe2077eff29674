//! Every view at every size, and what can be done in them.

use aq4svit::evaluate::{BINS, OutputError, Potentials, Provenance, SitePotentials};
use aq4svit::quant::BitWidth;
use aq4svit::run::{Probed, Update};
use aq4svit::search::{CandidateId, Command, Group, Origin, State};
use aq4svit::text::Importance;
use aq4svit::tui::model::{Filter, Overlay, Pane, Replay, Setting, View};
use aq4svit::tui::theme::{Palette, Symbols, Theme, ThemeName};
use aq4svit::tui::{Action, Asked, Effect, update};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::screens::screen;
use super::story::{Play, Story, demo_settings, model, sent};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

const VIEWS: [(&str, Action); 6] = [
    ("search", Action::View(View::Search)),
    ("allocation", Action::View(View::Allocation)),
    ("gate", Action::View(View::Gate)),
    ("front", Action::View(View::Front)),
    ("membranes", Action::View(View::Membranes)),
    ("run", Action::View(View::Run)),
];

pub fn ascii() -> Theme {
    Theme {
        name: ThemeName::None,
        symbols: Symbols::ascii(),
        palette: Palette::monochrome(),
    }
}

#[test]
fn every_view_at_every_size() {
    for size in SIZES {
        let mut play = Play::new(size);
        play.jobs(130);
        for (name, action) in VIEWS {
            play.act(action);
            let name = format!("view_{name}_{}x{}", size.0, size.1);
            insta::assert_snapshot!(name, screen(&play));
        }
    }
}

#[test]
fn every_view_without_unicode() {
    for size in SIZES {
        let mut play = Play::with(ascii(), demo_settings(), size);
        play.jobs(130);
        for (name, action) in VIEWS {
            play.act(action);
            let shown = screen(&play);
            assert!(shown.is_ascii(), "{shown}");
            let name = format!("view_{name}_ascii_{}x{}", size.0, size.1);
            insta::assert_snapshot!(name, shown);
        }
    }
}

/// Below the minimum every view is the same polite message, and comes back when the terminal grows.
#[test]
fn every_view_when_the_terminal_is_too_small() {
    for (look, theme) in [("colour", Theme::colour()), ("ascii", ascii())] {
        let mut play = Play::with(theme, demo_settings(), (80, 24));
        play.jobs(70);
        for (_, action) in VIEWS {
            play.act(action);
            let before = screen(&play);
            play.act(Action::Resize(50, 12));
            insta::assert_snapshot!(format!("view_too_small_{look}"), painted(&play));
            play.act(Action::Resize(80, 24));
            let tabs = |shown: &str| shown.lines().nth(3).map(str::to_owned);
            assert_eq!(tabs(&screen(&play)), tabs(&before), "it comes back to life");
        }
    }
}

/// Every cell's look as a letter, and what each letter stands for; a dot for the terminal's own.
pub fn painted(play: &Play) -> String {
    let size = play.model.size;
    let drawn = super::screens::draw(&play.model, size);
    painted_buffer(drawn.backend().buffer())
}

/// [`painted`] of what was drawn.
pub fn painted_buffer(buffer: &Buffer) -> String {
    let mut looks = vec![];
    let mut text = aq4svit::tui::as_text(buffer);
    for row in buffer.content.chunks(usize::from(buffer.area.width)) {
        let line = row.iter().map(|cell| {
            let look = (cell.fg, cell.bg, cell.modifier);
            let at = looks.iter().position(|l| *l == look).unwrap_or_else(|| {
                looks.push(look);
                looks.len() - 1
            });
            match look {
                (Color::Reset, Color::Reset, m) if m == Modifier::empty() => '.',
                _ => char::from_u32('A' as u32 + at as u32).unwrap_or('?'),
            }
        });
        let line: String = line.collect();
        text += "\n";
        text += line.trim_end_matches('.');
    }
    for (at, (fg, bg, modifier)) in looks.iter().enumerate() {
        let letter = char::from_u32('A' as u32 + at as u32).unwrap_or('?');
        text += &format!("\n{letter}: {fg:?} on {bg:?} {modifier:?}");
    }
    text
}

#[test]
fn the_look_of_every_view_at_every_size() {
    for size in SIZES {
        let mut play = Play::new(size);
        play.jobs(70);
        for (name, action) in VIEWS {
            play.act(action);
            let name = format!("look_{name}_{}x{}", size.0, size.1);
            insta::assert_snapshot!(name, painted(&play));
        }
    }
}

#[test]
fn views_that_know_nothing_yet_say_so() {
    for size in SIZES {
        let mut play = Play::new(size);
        for (name, action) in VIEWS {
            play.act(action);
            let shown = screen(&play);
            assert!(shown.contains("yet") || name == "run", "{shown}");
        }
    }
}

fn choose(play: &mut Play, group: &Group) {
    let pane = &mut play.model.allocation;
    let part = pane.parts.iter().position(|p| p.group == *group).unwrap();
    pane.scroll.cursor = pane.rows.iter().position(|r| *r == part).unwrap();
}

#[test]
fn many_layers_become_one_child() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    play.act(Action::View(View::Allocation));
    choose(&mut play, &Group::Stage("stage1".into()));
    play.act(Action::LowerBits);
    let head = Group::Layer("head".into());
    choose(&mut play, &head);
    play.act(Action::Width(4));
    let edit = play.model.edit.clone().unwrap();
    assert_eq!(edit.moves.len(), 2);
    let space = &play.model.tree.settings.as_ref().unwrap().space;
    assert_eq!(edit.bytes, space.bytes(&edit.preview));
    insta::assert_snapshot!("edit_many", screen(&play));
    // Giving up more than one change asks first.
    play.act(Action::Cancel);
    assert!(matches!(play.model.overlay, Some(Overlay::Confirm(_))));
    play.act(Action::Cancel);
    assert!(play.model.edit.is_some(), "no: the changes are still there");
    let before = play.model.tree.candidates.len();
    let commands = sent(&play.act(Action::Submit));
    let [Command::SetLayers { bits, .. }] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    assert!(bits.contains_key("head") && bits.len() > 2);
    let made = play.model.tree.get(CandidateId(before as u32)).unwrap();
    assert_eq!(made.origin, Origin::Manual);
    assert_eq!(made.allocation, edit.preview);
    assert_eq!(play.model.nodes.selected, Some(made.id));
}

#[test]
fn a_change_is_taken_back_row_by_row() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    play.act(Action::LowerBits);
    play.act(Action::Down);
    play.act(Action::LowerBits);
    assert_eq!(play.model.edit.as_ref().unwrap().moves.len(), 2);
    play.act(Action::Revert);
    play.act(Action::Up);
    play.act(Action::Revert);
    let edit = play.model.edit.as_ref().unwrap();
    assert_eq!(edit.moves.len(), 0);
    assert_eq!(edit.bytes, play.model.shown().unwrap().bytes);
    play.act(Action::Submit);
    assert!(play.model.edit.is_some(), "there is nothing to submit");
    play.act(Action::Cancel);
    assert!(play.model.edit.is_none() && play.model.overlay.is_none());
}

#[test]
fn two_nodes_side_by_side() {
    for size in [(80, 24), (160, 48)] {
        let mut play = Play::new(size);
        play.jobs(130);
        play.act(Action::Top);
        play.act(Action::Compare);
        play.act(Action::JumpBase);
        play.act(Action::View(View::Allocation));
        assert_eq!(play.model.other().unwrap().id, CandidateId(0));
        insta::assert_snapshot!(format!("compared_{}x{}", size.0, size.1), screen(&play));
        play.act(Action::View(View::Search));
        play.act(Action::Top);
        play.act(Action::Compare);
        assert_eq!(play.model.compared, None);
    }
}

#[test]
fn a_text_is_found_in_every_list() {
    let mut play = Play::new((160, 48));
    play.jobs(130);
    let look = |play: &mut Play, text: &str| {
        play.act(Action::Find);
        text.chars().for_each(|c| {
            play.act(Action::Insert(c));
        });
        insta::assert_snapshot!(format!("find_{text}"), screen(play).lines().last().unwrap());
        play.act(Action::Submit);
    };
    play.act(Action::View(View::Search));
    play.act(Action::Top);
    look(&mut play, "confirmed");
    let first = play.model.nodes.selected.unwrap();
    assert_eq!(
        play.model.tree.get(first).unwrap().state(),
        State::Confirmed
    );
    play.act(Action::FindNext);
    let second = play.model.nodes.selected.unwrap();
    assert_ne!(first, second);
    play.act(Action::FindPrevious);
    assert_eq!(play.model.nodes.selected, Some(first));

    play.act(Action::View(View::Allocation));
    look(&mut play, "stage3.1.mlp.mlp2");
    let part = play.model.part().unwrap();
    assert_eq!(part.group, Group::Layer("stage3.1.mlp.mlp2_conv".into()));

    play.act(Action::View(View::Membranes));
    look(&mut play, "logits");
    assert_eq!(play.model.site().unwrap().1, "logits");

    play.act(Action::Find);
    "nothing like it".chars().for_each(|c| {
        play.act(Action::Insert(c));
    });
    assert_eq!(
        play.model.site().unwrap().1,
        "logits",
        "it stays where it was"
    );
    play.act(Action::Submit);
    let toasts: Vec<_> = play.model.toasts.iter().map(|t| t.text.clone()).collect();
    assert!(toasts.iter().any(|t| t.contains("no \"nothing like it\"")));
    play.act(Action::Find);
    play.act(Action::Cancel);
    assert!(play.model.overlay.is_none() && play.model.find.text.is_empty());
}

#[test]
fn failures_are_visited_one_after_the_other() {
    let mut play = Play::new((160, 48));
    play.jobs(130);
    play.act(Action::View(View::Run));
    let mut seen = vec![];
    for _ in 0..3 {
        play.act(Action::JumpFailure);
        assert_eq!(
            (play.model.view, play.model.focus),
            (View::Search, Pane::Tree)
        );
        let id = play.model.nodes.selected.unwrap();
        let state = play.model.tree.get(id).unwrap().state();
        assert!(matches!(state, State::Failed | State::Refuted));
        seen.push(id);
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
    assert_eq!(play.model.nodes.filter, Filter::Searched);
}

#[test]
fn a_point_of_the_front_is_its_node() {
    let mut play = Play::new((160, 48));
    play.jobs(130);
    play.act(Action::View(View::Front));
    play.act(Action::Top);
    let smallest = play.model.front.points[0];
    assert_eq!(play.model.nodes.selected, Some(smallest.id));
    play.act(Action::Right);
    assert_eq!(
        play.model.nodes.selected,
        Some(play.model.front.points[1].id)
    );
    play.act(Action::ShowNode);
    assert_eq!(
        (play.model.view, play.model.focus),
        (View::Search, Pane::Tree)
    );
    // And a node selected in the tree is the point of the front.
    play.act(Action::JumpIncumbent);
    play.act(Action::View(View::Front));
    let at = play.model.front.scroll.cursor;
    assert_eq!(
        Some(play.model.front.points[at].id),
        play.model.tree.incumbent
    );
}

#[test]
fn the_log_shows_what_matters() {
    let mut play = Play::new((160, 48));
    play.jobs(130);
    play.act(Action::View(View::Run));
    play.act(Action::FocusNext);
    let all = play.model.log.len();
    for least in [
        Importance::Decision,
        Importance::Milestone,
        Importance::Problem,
    ] {
        play.act(Action::Filter);
        assert_eq!(play.model.log.least, least);
        assert!(play.model.log.iter().all(|line| line.importance >= least));
        assert_eq!(play.model.log.iter().count(), play.model.log.len());
    }
    play.act(Action::Filter);
    assert_eq!(play.model.log.len(), all);
}

#[test]
fn borders_are_dragged_and_views_are_clicked() {
    for size in [(80, 24), (160, 48)] {
        let mut play = Play::new(size);
        play.jobs(40);
        let row = |play: &Play, text: &str| {
            let shown = screen(play);
            let lines: Vec<_> = shown.lines().collect();
            lines.iter().rposition(|l| l.contains(text)).unwrap() as u16
        };
        let column = if size.0 == 80 { 4 } else { 120 };
        // The border between tree (or node) and what stands below it.
        let below = if size.0 == 80 { "[Node]" } else { " of #" };
        let at = row(&play, below);
        play.act(Action::Click(column, at));
        play.act(Action::Drag(column, at + 3));
        play.act(Action::Release);
        assert_eq!(row(&play, below), at + 3, "{}", screen(&play));
        play.act(Action::Drag(column, at));
        assert_eq!(row(&play, below), at + 3, "let go");
        play.act(Action::Click(column, at + 3));
        play.act(Action::Drag(column, 500));
        screen(&play);
        play.act(Action::Release);
        let tabs = row(&play, "[1 Search]");
        play.act(Action::Click(13, tabs));
        assert_eq!(play.model.view, View::Allocation);
    }
}

fn typed(play: &mut Play, text: &str) {
    text.chars().for_each(|c| {
        play.act(Action::Insert(c));
    });
}

#[test]
fn commands_are_found_by_what_is_typed() {
    for size in [(80, 24), (160, 48)] {
        let mut play = Play::new(size);
        play.jobs(40);
        play.act(Action::Commands);
        insta::assert_snapshot!(format!("commands_{}x{}", size.0, size.1), screen(&play));
        typed(&mut play, "incum");
        insta::assert_snapshot!(
            format!("commands_typed_{}x{}", size.0, size.1),
            screen(&play)
        );
        play.act(Action::Submit);
        assert!(play.model.overlay.is_none());
        assert_eq!(play.model.nodes.selected, play.model.tree.incumbent);
        play.act(Action::Commands);
        typed(&mut play, "#7");
        play.act(Action::Submit);
        assert_eq!(play.model.nodes.selected, Some(CandidateId(7)));
        play.act(Action::Commands);
        typed(&mut play, "#700");
        assert!(screen(&play).contains("nodes are numbered from 0 to"));
        play.act(Action::Submit);
        assert!(
            play.model.overlay.is_some(),
            "what is wrong is not accepted"
        );
        play.act(Action::EraseLine);
        typed(&mut play, "zzzz");
        assert!(screen(&play).contains("no command is called like that"));
        play.act(Action::EraseLine);
        typed(&mut play, r#"{"command":"prune"#);
        assert!(screen(&play).contains("EOF while parsing"));
        typed(&mut play, r#"","candidate":7}"#);
        assert!(screen(&play).contains("prune #7"));
        assert_eq!(
            sent(&play.act(Action::Submit)),
            [Command::Prune {
                candidate: CandidateId(7)
            }]
        );
        play.act(Action::Commands);
        typed(&mut play, "paus");
        assert_eq!(sent(&play.act(Action::Submit)), [Command::Pause]);
    }
}

#[test]
fn an_allocation_is_copied_as_a_profile_holds_it() {
    let mut play = Play::new((80, 24));
    play.jobs(40);
    let effects = play.act(Action::Copy);
    let [Effect::Copy { text, what }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let node = play.model.shown().unwrap();
    assert_eq!(*what, format!("the allocation of {} as TOML", node.id));
    let table: toml::Table = text.parse().unwrap();
    let bits = table["bits"].as_table().unwrap();
    let space = &play.model.tree.settings.as_ref().unwrap().space;
    for (layer, width) in space.layers.iter().zip(&node.allocation.0) {
        assert_eq!(
            bits[&layer.name].as_integer(),
            Some(i64::from(width.bits()))
        );
    }
    play.act(Action::Copied(Ok(what.clone())));
    assert!(screen(&play).contains("copied the allocation"));
}

#[test]
fn themes_change_colours_and_nothing_else() {
    let mut play = Play::new((120, 40));
    play.finish();
    play.act(Action::Cancel);
    play.wait(20_000);
    let before = screen(&play);
    let mut seen = vec![];
    for _ in 0..5 {
        let buffer = super::screens::draw(&play.model, (120, 40));
        let buffer = buffer.backend().buffer().clone();
        assert_eq!(aq4svit::tui::as_text(&buffer), before);
        assert!(!seen.contains(&buffer), "{:?}", play.model.theme.name);
        seen.push(buffer);
        let effects = play.act(Action::NextTheme);
        let theme = Asked::Keep(Setting::Theme(play.model.theme.name));
        assert_eq!(effects, [Effect::Ask(theme)], "it is kept");
    }
}

#[test]
fn a_failed_run_is_tried_again_without_the_node() {
    let mut play = Play::new((80, 24));
    play.jobs(40);
    let at_work = play.model.activity.work.unwrap().candidate.unwrap();
    play.tell(vec![Update::Failed("out of memory".into())]);
    insta::assert_snapshot!("failed_with_a_node", screen(&play));
    let effects = play.act(Action::Skip);
    assert_eq!(
        effects,
        [Effect::Retry {
            skip: Some(at_work)
        }]
    );
    play.act(Action::Retried(Err("the journal is gone".into())));
    assert!(screen(&play).contains("the journal is gone"));
    assert_eq!(play.act(Action::Retry), [Effect::Retry { skip: None }]);
    play.act(Action::Retried(Ok(())));
    assert!(play.model.overlay.is_none() && play.model.activity.failed.is_none());
    assert!(
        play.model.tree.candidates.is_empty(),
        "it is told again from the start"
    );
}

#[test]
fn what_the_screen_shows_is_written() {
    let mut play = Play::new((80, 24));
    play.jobs(10);
    assert_eq!(play.act(Action::Export), [Effect::Export]);
    play.act(Action::Exported(Ok("/r/screens/search-1".into())));
    assert!(screen(&play).contains("wrote /r/screens/search-1.txt and .svg"));
    play.act(Action::Exported(Err("the disk is full".into())));
    assert!(screen(&play).contains("not written: the disk is full"));
}

/// A journal as a second screen hears it.
pub fn watched(size: (u16, u16), jobs: usize) -> Play {
    let mut play = Play::new(size);
    play.model = super::story::model(Theme::colour(), size);
    play.model.replay = Some(Replay::new());
    play.story = super::story::Story::new(demo_settings());
    let mut heard = play.story.start();
    for _ in 0..jobs {
        heard.extend(play.story.answer());
    }
    heard.retain(|u| matches!(u, Update::Event(_)));
    play.tell(heard);
    play
}

#[test]
fn a_watched_run_goes_back_and_forth_in_time() {
    for size in [(80, 24), (160, 48)] {
        let mut play = watched(size, 60);
        let live = play.model.tree.clone();
        assert!(live.candidates.len() > 20);
        insta::assert_snapshot!(format!("watching_{}x{}", size.0, size.1), screen(&play));
        for _ in 0..5 {
            play.act(Action::MuchEarlier);
        }
        let earlier = play.model.tree.clone();
        assert!(earlier.candidates.len() < live.candidates.len());
        insta::assert_snapshot!(format!("replay_{}x{}", size.0, size.1), screen(&play));
        // News do not tear away who looks back.
        let news = play.story.answer();
        let news: Vec<_> = news
            .into_iter()
            .filter(|u| matches!(u, Update::Event(_)))
            .collect();
        let fresh = news.len();
        play.tell(news);
        assert_eq!(play.model.tree, earlier);
        // Back and forth ends where it began.
        play.act(Action::Later);
        play.act(Action::Earlier);
        assert_eq!(play.model.tree, earlier);
        play.act(Action::ToEnd);
        assert_eq!(play.model.tree, *play.story.engine.tree());
        assert!(play.model.replay.as_ref().unwrap().len() > fresh);
        // Played from the start, it ends in the same state.
        play.act(Action::Pause);
        assert!(play.model.tree.candidates.len() < 3);
        play.act(Action::Faster);
        let mut sizes = vec![];
        for _ in 0..2_000 {
            play.wait(33);
            sizes.push(play.model.tree.candidates.len());
            if !play.model.replay.as_ref().unwrap().playing {
                break;
            }
        }
        assert!(
            sizes.is_sorted() && sizes.len() > 3,
            "it grows frame by frame"
        );
        assert_eq!(play.model.tree, *play.story.engine.tree());
    }
}

#[test]
fn a_second_screen_steers_nothing() {
    let mut play = watched((80, 24), 30);
    for action in [
        Action::Prune,
        Action::Pin,
        Action::LowerBits,
        Action::Stop,
        Action::Pause,
        Action::Pause,
    ] {
        assert_eq!(play.act(action), []);
    }
    assert!(play.model.overlay.is_none() && play.model.edit.is_none());
    let slider = screen(&play)
        .lines()
        .position(|l| l.contains("16x"))
        .unwrap();
    play.act(Action::Click(1, slider as u16));
    assert!(play.model.replay.as_ref().unwrap().shown < 3);
    play.act(Action::Quit);
    assert_eq!(play.model.outcome, Some(aq4svit::tui::Outcome::Quit));
}

/// What a probe would see: a hill around zero, moved by `shift` thresholds.
fn hill(sites: usize, shift: f64) -> Potentials {
    let mut site = SitePotentials {
        from: -3.0,
        to: 3.0,
        bins: vec![0; BINS],
        means: vec![
            0.10 + shift,
            0.15 + shift,
            0.18 + 1.5 * shift,
            0.20 + 3.0 * shift,
        ],
        rates: vec![0.05, 0.08, 0.10, 0.11],
    };
    for i in 0..BINS {
        let x = -3.0 + (i as f64 + 0.5) / BINS as f64 * 6.0 - shift;
        site.bins[i] = (1e6 * (-x * x * 2.0).exp()) as u64;
    }
    Potentials {
        sites: vec![site; sites],
    }
}

#[test]
fn potentials_are_looked_at_on_demand() {
    let mut play = Play::new((120, 40));
    play.jobs(40);
    play.act(Action::View(View::Membranes));
    assert!(screen(&play).contains("Not measured yet"));
    let node = play.model.shown().unwrap().allocation.clone();
    assert_eq!(play.act(Action::Probe), [Effect::Probe(node.clone())]);
    assert!(screen(&play).contains("measuring"));
    assert_eq!(play.act(Action::Probe), [], "it is asked already");
    let sites = play.model.tree.settings.as_ref().unwrap().space.sites.len();
    let seen = |seen| {
        Action::Probed(Probed {
            allocation: node.clone(),
            seen,
        })
    };
    play.act(seen(Err("out of memory".into())));
    assert!(screen(&play).contains("! out of memory"));
    assert_eq!(play.act(Action::Probe).len(), 1, "tried again");
    let both = Box::new((hill(sites, 0.0), hill(sites, 0.2)));
    play.act(seen(Ok(both)));
    assert_eq!(play.act(Action::Probe), [], "it is known");
    for size in [(80, 24), (120, 40), (200, 60)] {
        play.act(Action::Resize(size.0, size.1));
        insta::assert_snapshot!(format!("potentials_{}x{}", size.0, size.1), screen(&play));
    }
    // Who has looked inside sees firing rates in the allocation too: 0.085 is the mean over the
    // hill's time steps.
    play.act(Action::View(View::Allocation));
    play.act(Action::Resize(120, 40));
    let shown = screen(&play);
    assert!(
        shown.contains("spikes") && shown.contains("0.085"),
        "{shown}"
    );
    insta::assert_snapshot!("allocation_with_rates", shown);
    play.act(Action::View(View::Membranes));
    play.model.theme = ascii();
    let shown = screen(&play);
    assert!(shown.is_ascii(), "{shown}");
    insta::assert_snapshot!("potentials_ascii", shown);
    play.act(Action::Bottom);
    assert!(screen(&play).contains("logits has no neurons"));
    play.act(Action::Zoom);
    screen(&play);
}

#[test]
fn dropped_progress_is_counted_where_everybody_sees_it() {
    for size in [(80, 24), (160, 48)] {
        let mut play = Play::new(size);
        play.jobs(10);
        assert!(!screen(&play).contains("dropped"));
        play.tell(vec![Update::Dropped(12)]);
        assert!(
            screen(&play)
                .lines()
                .next()
                .unwrap()
                .contains("! 12 dropped")
        );
        play.act(Action::View(View::Run));
        play.act(Action::Bottom);
        assert!(screen(&play).contains("12 progress reports dropped"));
    }
}

#[test]
fn what_earlier_runs_had_answered_is_no_evaluation_of_this_one() {
    let mut play = Play::new((120, 40));
    play.jobs(20);
    let before = play.model.activity.counters();
    play.story.provenance = Provenance::EarlierRun;
    play.jobs(20);
    let after = play.model.activity.counters();
    assert_eq!(after.evaluations, before.evaluations);
    assert_eq!(after.drift_evaluations, before.drift_evaluations);
    // The job that was under way had been told of before.
    assert_eq!(after.reused, 20);
    assert!(after.evaluations > 0 || after.drift_evaluations > 0);
    play.act(Action::View(View::Run));
    assert!(
        screen(&play).contains("20 from earlier runs"),
        "{}",
        screen(&play)
    );
}

/// A second screen that looks back shows what the first one showed at that moment.
#[test]
fn the_counts_of_a_replayed_moment_are_those_of_that_moment() {
    let mut live = Play::new((120, 40));
    let mut watching = watched((120, 40), 0);
    let mut shown = vec![];
    for step in 0..60 {
        live.story.provenance = match step % 3 {
            0 => Provenance::EarlierRun,
            _ => Provenance::Computed,
        };
        let answered = live.story.answer();
        live.tell(answered.clone());
        watching.tell(answered);
        let events = watching.model.replay.as_ref().unwrap().len();
        shown.push((events, live.model.activity.counters()));
    }
    assert!(shown.last().unwrap().1.reused > 10);
    for (events, counters) in shown.into_iter().rev() {
        while watching.model.replay.as_ref().unwrap().shown > events {
            watching.act(Action::Earlier);
        }
        assert_eq!(watching.model.replay.as_ref().unwrap().shown, events);
        assert_eq!(watching.model.activity.counters(), counters, "{events}");
    }
}

#[test]
fn every_worker_has_its_line() {
    let mut play = Play::new((120, 40));
    play.jobs(40);
    play.act(Action::View(View::Run));
    let awaited = play.model.activity.work.unwrap().candidate.unwrap();
    let line = |play: &Play, start: &str| {
        let shown = screen(play);
        let line = shown
            .lines()
            .find(|l| l.trim_start_matches(['┃', '▌', ' ']).starts_with(start));
        line.unwrap_or_else(|| panic!("{shown}")).to_owned()
    };
    assert!(line(&play, "1  ").contains(&awaited.to_string()));
    play.wait(5_000);
    assert!(line(&play, "1  ").contains("0:05"), "{}", screen(&play));
    play.tell(vec![Update::Workers(vec![None, None])]);
    play.wait(2_000);
    for worker in ["1  ", "2  "] {
        let line = line(&play, worker);
        assert!(line.contains("idle") && line.contains("0:02"), "{line}");
    }
}

/// Colours as they are drawn, in a picture of every view.
#[test]
fn colours_of_every_view() {
    let mut play = Play::new((80, 24));
    play.jobs(70);
    for (name, action) in VIEWS {
        play.act(action);
        let drawn = super::screens::draw(&play.model, play.model.size);
        let picture = aq4svit::tui::as_svg(drawn.backend().buffer());
        insta::assert_snapshot!(format!("colours_{name}"), picture);
    }
}

/// Errors of layers' outputs that an evaluator has told: at 80 columns with the bit-widths next to
/// the layer's own, at 120 the layer's own; unknown ones are blank.
#[test]
fn output_errors_stand_beside_the_layers() {
    for size in [(80, 24), (120, 40)] {
        let mut play = Play::new(size);
        play.jobs(40);
        play.act(Action::View(View::Allocation));
        let without = screen(&play);
        assert!(!without.contains("error"), "{without}");
        let layers = demo_settings().space.layers.len();
        let known = |(layer, bits): (usize, u8)| OutputError {
            layer,
            width: BitWidth::new(bits).unwrap(),
            error: (1.0 + layer as f64 / 9.0) * 0.9 / f64::from(1u32 << bits),
        };
        // Of every third layer nothing is known, of the next one its own width alone.
        let all = (0..layers).filter(|layer| layer % 3 > 0);
        let all = all.flat_map(|layer| {
            let widths: &[u8] = if layer % 3 == 1 { &[8] } else { &[5, 6, 8] };
            widths.iter().map(move |bits| (layer, *bits))
        });
        let errors = all.map(known).collect();
        play.tell(vec![Update::OutputErrors(errors)]);
        let shown = screen(&play);
        assert!(shown.contains("error %"), "{shown}");
        insta::assert_snapshot!(format!("output_errors_{}x{}", size.0, size.1), shown);
        // A change in the making is shown at its bit-widths.
        play.act(Action::Down);
        play.act(Action::Down);
        play.act(Action::LowerBits);
        let edited = screen(&play);
        insta::assert_snapshot!(format!("output_errors_edit_{}x{}", size.0, size.1), edited);
    }
}

/// At every moment of a replay the counters are those that the run had then, whatever earlier runs
/// answered.
#[test]
fn counters_of_a_replay_are_those_of_the_run_at_that_moment() {
    let mut live = Play::new((160, 48));
    let mut watching = model(Theme::colour(), (160, 48));
    watching.replay = Some(Replay::new());
    let mut moments = Vec::new();
    let mut told = Vec::new();
    for job in 0..60 {
        live.story.provenance = match job % 3 {
            0 => Provenance::EarlierRun,
            _ => Provenance::Computed,
        };
        let answered = live.story.answer();
        live.tell(answered.clone());
        told.extend(answered);
        moments.push((live.model.told, live.model.activity.counters()));
    }
    // The first events were told when it began.
    let begun = moments[0].0
        - told
            .iter()
            .take_while(|u| matches!(u, Update::Event(_)))
            .count();
    let mut story = Story::new(demo_settings());
    update(&mut watching, Action::Updates(story.start()));
    assert_eq!(watching.told, begun);
    update(&mut watching, Action::Updates(told));
    let last = moments.last().unwrap();
    assert_eq!((watching.told, watching.activity.counters()), *last);
    assert!(last.1.reused > 5 && last.1.evaluations > 5);
    update(&mut watching, Action::ToStart);
    for (events, counters) in &moments {
        while watching.told < *events {
            update(&mut watching, Action::Later);
        }
        assert_eq!(
            watching.activity.counters(),
            *counters,
            "after {events} events"
        );
    }
    update(&mut watching, Action::ToEnd);
    for (events, counters) in moments.iter().rev() {
        while watching.told > *events {
            update(&mut watching, Action::Earlier);
        }
        assert_eq!(
            watching.activity.counters(),
            *counters,
            "back at {events} events"
        );
    }
}
