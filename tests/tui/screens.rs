//! What a person sees.

use aq4svit::quant::BitWidth;
use aq4svit::run::Update;
use aq4svit::search::Group;
use aq4svit::tui::model::{Model, View};
use aq4svit::tui::theme::{Palette, Symbols, Theme, ThemeName};
use aq4svit::tui::{Action, SaveError, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::story::{Play, demo_settings};

pub fn draw(model: &Model, (columns, rows): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| view(model, frame)).unwrap();
    terminal
}

fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let row: String = (0..buffer.area.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

pub fn screen(play: &Play) -> String {
    text(draw(&play.model, play.model.size).backend().buffer())
}

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 48);

#[test]
fn a_search_at_work() {
    for size in [SMALL, (120, 40), LARGE, (200, 60), (60, 16), (140, 26)] {
        let mut play = Play::new(size);
        play.jobs(70);
        insta::assert_snapshot!(format!("search_{}x{}", size.0, size.1), screen(&play));
    }
}

#[test]
fn before_anything_is_known() {
    let nothing = text(
        draw(&super::story::model(Theme::colour(), SMALL), SMALL)
            .backend()
            .buffer(),
    );
    insta::assert_snapshot!("waiting", nothing);
    let mut play = Play::new(SMALL);
    insta::assert_snapshot!("started", screen(&play));
    play.jobs(0);
    insta::assert_snapshot!("baseline", screen(&play));
}

#[test]
fn a_search_that_is_done() {
    for size in [SMALL, LARGE] {
        let mut play = Play::new(size);
        play.finish();
        play.wait(20_000);
        insta::assert_snapshot!(format!("finished_{}x{}", size.0, size.1), screen(&play));
    }
}

/// The certified memory and the bound of its drop stand where the result is shown.
#[test]
fn a_certified_result_says_so() {
    for size in [SMALL, LARGE] {
        let mut settings = demo_settings();
        settings.constraint.confidence = Some(0.95);
        settings.certify_images = 3000;
        let mut play = Play::with(Theme::colour(), settings, size);
        play.finish();
        let certification = &play.model.tree.certification;
        let held = certification.ladder().and_then(|ladder| ladder.held());
        let (_, test) = held.expect("something is certified");
        let shown = screen(&play);
        let words = [
            String::from("certified "),
            format!("drop ≤ {:.2}", test.bound),
        ];
        for words in words {
            assert!(shown.contains(&words), "{words}:\n{shown}");
        }
    }
}

#[test]
fn every_pane_of_a_small_terminal() {
    let mut play = Play::new(SMALL);
    play.finish();
    play.wait(20_000);
    for (name, action) in [
        ("gate", Action::View(View::Gate)),
        ("log", Action::View(View::Run)),
    ] {
        play.act(action);
        play.act(Action::FocusNext);
        insta::assert_snapshot!(format!("pane_{name}"), screen(&play));
    }
    play.act(Action::Zoom);
    insta::assert_snapshot!("pane_log_zoomed", screen(&play));
}

/// The proxies of a calibrated quantizer leave room for the decisions and their titles.
#[test]
fn all_evidence_of_a_calibrated_quantizer_is_shown() {
    let mut play = Play::new(LARGE);
    play.story.calibrated = true;
    play.finish();
    play.act(Action::View(View::Gate));
    let shown = screen(&play);
    let proxies = aq4svit::search::Proxy::ALL.map(|proxy| proxy.name());
    for words in proxies.into_iter().chain(["criterion"]) {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
}

#[test]
fn a_change_in_the_making() {
    for size in [SMALL, LARGE] {
        let mut play = Play::new(size);
        play.jobs(40);
        let pane = &mut play.model.allocation;
        let stage = Group::Stage("stage3".into());
        let part = pane.parts.iter().position(|p| p.group == stage).unwrap();
        pane.scroll.cursor = pane.rows.iter().position(|r| *r == part).unwrap();
        play.act(Action::LowerBits);
        play.act(Action::Width(3));
        insta::assert_snapshot!(format!("edit_{}x{}", size.0, size.1), screen(&play));
    }
}

#[test]
fn steering_leaves_its_marks() {
    let mut play = Play::new(LARGE);
    play.jobs(40);
    play.act(Action::Bottom);
    play.act(Action::Prune);
    play.act(Action::JumpBase);
    play.act(Action::Pin);
    play.act(Action::LowerBits);
    play.act(Action::Cancel);
    play.act(Action::Down);
    play.act(Action::View(View::Allocation));
    play.act(Action::Down);
    play.act(Action::LowerBits);
    play.act(Action::Submit);
    play.jobs(1);
    play.act(Action::Pause);
    play.tell(vec![Update::Idle]);
    insta::assert_snapshot!("steered", screen(&play));
}

#[test]
fn dialogs() {
    let mut play = Play::new(SMALL);
    play.jobs(40);
    for (name, actions) in [
        ("quit", vec![Action::Quit]),
        ("stop", vec![Action::Stop]),
        ("help", vec![Action::Help]),
        ("help_end", vec![Action::Help, Action::Bottom]),
        ("save", vec![Action::Save]),
        (
            "save_wrong",
            vec![Action::Save, Action::Insert('/'), Action::Submit],
        ),
        (
            "overwrite",
            vec![
                Action::Save,
                Action::Submit,
                Action::Saved(Err(SaveError::Exists(
                    "/home/ada/.config/aq4svit/profiles/chip.toml".into(),
                ))),
            ],
        ),
    ] {
        for action in actions {
            play.act(action);
        }
        insta::assert_snapshot!(format!("dialog_{name}"), screen(&play));
        play.model.overlay = None;
    }
    play.model.size = (200, 60);
    play.act(Action::Help);
    insta::assert_snapshot!("dialog_help_200x60", screen(&play));
}

#[test]
fn a_run_that_failed() {
    let mut play = Play::new(SMALL);
    play.jobs(40);
    let why = "evaluating failed: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 7.79 GiB total capacity)";
    play.tell(vec![Update::Failed(why.into())]);
    insta::assert_snapshot!("failed", screen(&play));
}

#[test]
fn too_small_and_back() {
    let mut play = Play::new((40, 10));
    play.jobs(10);
    insta::assert_snapshot!("too_small", screen(&play));
    draw(&play.model, (1, 1));
    play.act(Action::Resize(SMALL.0, SMALL.1));
    assert!(screen(&play).contains("Search tree"));
}

#[test]
fn ascii_is_ascii() {
    let theme = Theme {
        name: ThemeName::None,
        symbols: Symbols::ascii(),
        palette: Palette::monochrome(),
    };
    for size in [SMALL, LARGE] {
        let mut play = Play::with(theme.clone(), demo_settings(), size);
        play.jobs(70);
        let shown = screen(&play);
        insta::assert_snapshot!(format!("ascii_{}x{}", size.0, size.1), shown);
        for action in [
            Action::Help,
            Action::Cancel,
            Action::LowerBits,
            Action::Submit,
            Action::Save,
        ] {
            play.act(action);
            let shown = screen(&play);
            assert!(shown.is_ascii(), "{shown}");
        }
    }
}

/// Without colours the same signs and words are there: no colour says what nothing else says.
#[test]
fn colour_is_never_the_only_signal() {
    let plain = Theme {
        name: ThemeName::None,
        symbols: Symbols::unicode(),
        palette: Palette::monochrome(),
    };
    let mut coloured = Play::new(LARGE);
    let mut plain = Play::with(plain, demo_settings(), LARGE);
    for play in [&mut coloured, &mut plain] {
        play.jobs(70);
        play.act(Action::View(View::Allocation));
        play.act(Action::Down);
    }
    assert_eq!(screen(&coloured), screen(&plain));
    let buffer = draw(&plain.model, LARGE);
    let reset = |c: &ratatui::buffer::Cell| {
        c.fg == ratatui::style::Color::Reset && c.bg == ratatui::style::Color::Reset
    };
    assert!(buffer.backend().buffer().content.iter().all(reset));
}

/// Wide names, 16-bit and float layers, a million parameters: nothing runs over its column.
#[test]
fn columns_hold_what_is_large() {
    let mut settings = demo_settings();
    settings.name =
        "a profile with a rather long name that was given by somebody who likes names 漢字漢字漢字"
            .into();
    settings.space.menu = [2, 16, 32].map(|b| BitWidth::new(b).unwrap()).to_vec();
    for layer in &mut settings.space.layers {
        layer.bytes = vec![5_000_000_000, 500_000_000_000, 5_000_000_000_000];
        layer.float_bytes = 5_000_000_000_000;
    }
    for size in [SMALL, LARGE] {
        let mut play = Play::with(Theme::colour(), settings.clone(), size);
        play.jobs(30);
        insta::assert_snapshot!(
            format!("large_numbers_{}x{}", size.0, size.1),
            screen(&play)
        );
    }
}

/// Workers on other machines stand in the view of the run: what each does, and what waits.
#[test]
fn other_machines_are_part_of_the_run() {
    use aq4svit::evaluate::{Machines, RemoteState, RemoteWorker};
    use aq4svit::run::Update;

    let worker = |name: &str, device: &str, state, rate| RemoteWorker {
        name: name.into(),
        device: device.into(),
        threads: 8,
        state,
        answered: 1204,
        rate,
    };
    let workers = vec![
        worker(
            "node017-4120-9f3a",
            "cpu",
            RemoteState::Working,
            Some(812.5),
        ),
        worker(
            "node018-88-01bc",
            "cuda:0",
            RemoteState::OtherNumerics,
            None,
        ),
        worker("node019-17-77de", "cpu", RemoteState::Idle, Some(790.25)),
    ];
    let machines = Machines { workers, queued: 5 };
    for size in [SMALL, LARGE] {
        let mut play = Play::new(size);
        play.jobs(9);
        play.act(Action::View(View::Run));
        play.tell(vec![Update::Machines(machines.clone())]);
        if size == SMALL {
            play.act(Action::Zoom);
        }
        insta::assert_snapshot!(format!("machines_{}x{}", size.0, size.1), screen(&play));
    }
    let mut play = Play::new(LARGE);
    play.act(Action::View(View::Run));
    play.tell(vec![Update::Machines(Machines::default())]);
    let shown = screen(&play);
    assert!(shown.contains("no worker is there"), "{shown}");
}
