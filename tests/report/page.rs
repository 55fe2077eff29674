//! The page of HTML and the Markdown.

use super::{HOSTILE, LAYER, whole};

/// The page of a hostile run.
pub fn page() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let report = whole(folder.path());
    report.html(&report.figures())
}

#[test]
fn names_are_text_and_nothing_is_fetched() {
    let page = page();
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(!page.contains("<script") && !page.contains("<b> http") && !page.contains("<i>"));
    assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;"));
    assert!(page.contains("&lt;head &amp; &quot;co&quot;&gt;"));
    // The address in the name is text; there is no other.
    let addresses = page.matches("http").count();
    assert_eq!(
        addresses,
        page.matches("&lt;b&gt; http://example.org/").count()
    );
    for attribute in [
        "src=",
        "srcset=",
        "@import",
        "url(",
        "<link rel=\"stylesheet\"",
        "<iframe",
        "<img",
    ] {
        assert!(!page.contains(attribute), "{attribute}");
    }
    for link in page.split("href=\"").skip(1) {
        let target = link.split('"').next().unwrap_or_default();
        assert!(target.starts_with('#') || target == "data:,", "{target}");
    }
    assert_eq!(page.matches("<svg").count(), 9);
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
}

/// What opens is closed, in order: a parser of XML reads the body.
#[test]
fn elements_are_nested() {
    let page = page();
    let (_, rest) = page.split_once("<main>").expect("a body");
    let (body, _) = rest.split_once("</main>").expect("an end");
    let body = format!("<main>{body}</main>");
    let body = roxmltree::Document::parse(&body).unwrap_or_else(|e| panic!("{e}"));
    let headings = body.descendants().filter(|n| n.has_tag_name("h2"));
    let headings: Vec<String> = headings
        .filter_map(|n| n.text().map(str::to_owned))
        .collect();
    for heading in [
        "Result",
        "Comparison",
        "Caveats",
        "Bit-widths",
        "Accuracy against memory",
        "The gate",
        "Sensitivity",
        "Membrane potentials",
        "Memory",
        "Operations and energy",
        "Effort, and what was saved",
        "Fingerprint",
    ] {
        assert!(
            headings.iter().any(|h| h == heading),
            "{heading}: {headings:?}"
        );
    }
}

#[test]
fn markdown_says_the_same_without_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = whole(folder.path());
    let text = report.to_string();
    assert!(
        text.starts_with(&format!("# {HOSTILE}: bit-widths")),
        "{text}"
    );
    assert!(text.contains(&format!("| {LAYER} |")) && !text.contains(".svg"));
    assert!(
        text.contains("Selection bias") && text.contains("synaptic operations"),
        "{text}"
    );
    // No heading stands alone.
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let alone = |pair: &&[&str]| pair.iter().all(|line| line.starts_with("## "));
    assert_eq!(lines.windows(2).find(alone), None);
}

#[test]
fn what_was_not_measured_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = super::report(&super::run(folder.path(), "run", false));
    let text = report.to_string();
    assert!(
        text.contains("No histograms") && text.contains("--activity"),
        "{text}"
    );
    assert!(!report.figures().iter().any(|f| f.name == "potentials"));
    assert!(report.comparison.is_empty() && !text.contains("## Comparison"));
    let caveats = report.caveats.join("\n");
    for caveat in [
        "Selection bias",
        "Not certified",
        "Split sizes",
        "were not measured",
        "false rejections",
    ] {
        assert!(caveats.contains(caveat), "{caveat}: {caveats}");
    }
    let json = serde_json::to_value(&report).expect("plain data");
    assert_eq!(
        json["caveats"].as_array().map(Vec::len),
        Some(report.caveats.len())
    );
    assert!(json["activity"].is_null() && json["memory"]["weight_bytes"].is_u64());
    assert!(json["savings"]["screenings"]["images"].is_u64());
}

#[test]
fn a_comparison_says_what_does_not_compare() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = whole(folder.path());
    assert_eq!(report.comparison.len(), 2);
    assert_eq!(report.comparison[1].run, "second & <i>");
    assert!(
        report
            .comparison
            .iter()
            .all(|run| run.is_comparable() && run.differs.is_empty())
    );
    assert!(
        report
            .to_string()
            .contains("The bit-widths of all layers are equal.")
    );

    let other = super::run(folder.path(), "other", false);
    let journal = other.join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let text = text.replace("\"data\":\"98f035d38a64083b\"", "\"data\":\"0\"");
    std::fs::write(&journal, text).expect("space");
    let report = super::report(&super::run(folder.path(), "run", false));
    let report = report.compared_with(vec![super::report(&other)]);
    assert!(!report.comparison[1].is_comparable());
    assert!(
        report
            .to_string()
            .contains("`other` differs from `run` in: data."),
        "{report}"
    );
}
