//! A report as one page of HTML: styles and figures inside, nothing is fetched.

use std::fmt::Write as _;

use super::document::{Document, Part};
use super::figure::{self, Figure};

/// The styles of the page.
const STYLE: &str = include_str!("html/style.css");

/// Text as content or attribute of HTML and XML. Characters that XML does not have become question
/// marks.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text with what stands in backticks as code.
fn inline(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    // An odd backtick at the end is one.
    let paired = pieces.len() - usize::from(pieces.len().is_multiple_of(2));
    let mut html = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        let piece = escape(piece);
        match (i < paired, i % 2) {
            (true, 1) => html.push_str(&format!("<code>{piece}</code>")),
            (true, _) => html.push_str(&piece),
            (false, _) => html.push_str(&format!("`{piece}")),
        }
    }
    html
}

/// The page of a document with its figures.
pub(super) fn page(document: &Document, figures: &[Figure]) -> String {
    let title = escape(&document.title);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{STYLE}\n{}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        figure::style()
    );
    html.push_str(&contents(document));
    let mut section = 0;
    for part in &document.parts {
        if let Part::Heading(heading) = part {
            section += 1;
            let _ = writeln!(html, "<h2 id=\"s{section}\">{}</h2>", escape(heading));
        } else {
            html.push_str(&body(part, figures));
        }
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// Links to the sections.
fn contents(document: &Document) -> String {
    let headings = document.parts.iter().filter_map(|part| match part {
        Part::Heading(heading) => Some(escape(heading)),
        _ => None,
    });
    let links = headings
        .enumerate()
        .map(|(i, heading)| format!("<a href=\"#s{}\">{heading}</a>", i + 1));
    let links: Vec<String> = links.collect();
    format!("<nav>{}</nav>\n", links.join("\n"))
}

fn body(part: &Part, figures: &[Figure]) -> String {
    match part {
        Part::Heading(_) => String::new(),
        Part::Text(text) => format!("<p>{}</p>\n", inline(text)),
        Part::List(items) => {
            let items: String = items
                .iter()
                .map(|item| format!("<li>{}</li>\n", inline(item)))
                .collect();
            format!("<ul>\n{items}</ul>\n")
        }
        Part::Table(head, rows) => table(head, rows),
        Part::Wide(head, rows) => table(head, rows),
        Part::Code(code) => format!("<pre>{}</pre>\n", escape(code)),
        Part::Figure(name) => match figures.iter().find(|figure| figure.name == *name) {
            Some(figure) => format!(
                "<figure>\n<div class=\"scroll\">{}</div>\n<figcaption><b>{}.</b> {}</figcaption>\n</figure>\n",
                figure.inline(),
                escape(&figure.title),
                inline(&figure.caption)
            ),
            None => String::new(),
        },
    }
}

fn table(head: &str, rows: &[Vec<String>]) -> String {
    let head: Vec<&str> = head.split(" | ").collect();
    let class = |column: usize| match head.get(column).is_some_and(|h| h.ends_with('>')) {
        true => " class=\"n\"",
        false => "",
    };
    let titles: String = head
        .iter()
        .enumerate()
        .map(|(i, h)| format!("<th{}>{}</th>", class(i), escape(h.trim_end_matches('>'))))
        .collect();
    let cells = |row: &Vec<String>| -> String {
        row.iter()
            .enumerate()
            .map(|(i, cell)| format!("<td{}>{}</td>", class(i), inline(cell)))
            .collect()
    };
    let rows: String = rows
        .iter()
        .map(|row| format!("<tr>{}</tr>\n", cells(row)))
        .collect();
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        assert_eq!(
            escape("<a href=\"x\">&'\u{0}"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;?"
        );
        assert_eq!(inline("run `a<b` of `c"), "run <code>a&lt;b</code> of `c");
        assert_eq!(inline("no code"), "no code");
        assert_eq!(inline("`x`"), "<code>x</code>");
    }
}
