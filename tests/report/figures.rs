//! Every figure is SVG that stands alone and can be read.

use roxmltree::{Document, Node};

use super::whole;

fn number(node: &Node<'_, '_>, name: &str) -> f64 {
    let text = node.attribute(name).unwrap_or("0");
    text.parse().unwrap_or_else(|_| panic!("{name}=\"{text}\""))
}

#[test]
fn every_figure_is_drawn_and_legible() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = whole(folder.path());
    let figures = report.figures();
    let names: Vec<&str> = figures.iter().map(|figure| figure.name).collect();
    let all = [
        "front",
        "bits",
        "bits-by-stage",
        "course",
        "proxies",
        "sensitivity",
        "potentials",
        "compared-front",
        "compared-bits",
    ];
    assert_eq!(names, all);
    for figure in &figures {
        let text = figure.file();
        let svg = Document::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", figure.name));
        let root = svg.root_element();
        assert_eq!(root.tag_name().name(), "svg");
        assert_eq!(
            root.tag_name().namespace(),
            Some("http://www.w3.org/2000/svg")
        );
        let (width, height) = (number(&root, "width"), number(&root, "height"));
        assert!(
            width <= 780.0 && height > 60.0,
            "{}: {width} x {height}",
            figure.name
        );
        let title = root.children().find(|n| n.has_tag_name("title"));
        assert_eq!(title.and_then(|t| t.text()), Some(figure.title.as_str()));
        let texts: Vec<Node<'_, '_>> = svg
            .descendants()
            .filter(|n| n.tag_name().name() == "text")
            .collect();
        assert!(texts.len() > 3, "{}: {} texts", figure.name, texts.len());
        for text in texts {
            let size = number(&text, "font-size");
            assert!(size >= 11.0, "{}: {size} px", figure.name);
            let (x, y) = (number(&text, "x"), number(&text, "y"));
            let is_inside = (0.0..=width).contains(&x) && (0.0..=height).contains(&y);
            assert!(is_inside, "{}: {:?} at {x}, {y}", figure.name, text.text());
        }
        // Nothing is fetched and nothing is run.
        let is_harmless = |n: &Node<'_, '_>| {
            !["script", "image", "a", "use", "foreignObject"].contains(&n.tag_name().name())
                && n.attributes()
                    .all(|a| !a.name().starts_with("on") && !a.name().contains("href"))
        };
        assert!(
            svg.descendants().all(|n| is_harmless(&n)),
            "{}",
            figure.name
        );
    }
}

#[test]
fn axes_have_titles_with_units() {
    let folder = tempfile::tempdir().expect("a folder");
    let figures = whole(folder.path()).figures();
    for (name, titles) in [
        ("front", vec!["memory (KiB)", "accuracy drop (points)"]),
        (
            "course",
            vec!["memory (KiB)", "evaluations", "seconds since the start"],
        ),
        (
            "proxies",
            vec!["drift (thresholds)", "accuracy drop (points)"],
        ),
        ("potentials", vec!["potential (thresholds)", "share (%)"]),
    ] {
        let figure = figures
            .iter()
            .find(|f| f.name == name)
            .expect("drawn")
            .file();
        let svg = Document::parse(&figure).expect("XML");
        let texts = svg.descendants().filter(|n| n.tag_name().name() == "text");
        let texts: Vec<&str> = texts.filter_map(|n| n.text()).map(str::trim).collect();
        for title in titles {
            assert!(
                texts.contains(&title),
                "{name}: {title} is not among {texts:?}"
            );
        }
    }
}

#[test]
fn the_marks_are_those_of_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = super::report(&super::run(folder.path(), "run", false));
    let figure = report
        .figures()
        .into_iter()
        .find(|f| f.name == "front")
        .expect("drawn");
    let records = &report.records;
    let met = |met: bool| {
        records
            .candidates
            .iter()
            .filter(|c| c.measured().is_some_and(|m| m.1 == met))
            .count()
    };
    assert!(met(true) > 0 && met(false) > 0);
    let figure = figure.file();
    let svg = Document::parse(&figure).expect("XML");
    let dots = svg
        .descendants()
        .filter(|n| n.attribute("r") == Some("4"))
        .count();
    // One more is in the legend.
    assert_eq!(dots, met(true) + 1);
}
