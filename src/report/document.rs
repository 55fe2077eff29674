//! The document of a report: headings, paragraphs, lists, tables and figures, rendered as Markdown
//! and as HTML. In texts, what stands in backticks is code; everything else is text as it is.

use std::fmt::Write as _;

use crate::text::table::markdown;

/// A document, part after part.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    /// The title.
    pub title: String,
    /// The parts below it.
    pub parts: Vec<Part>,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// The heading of a section.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A list of items.
    List(Vec<String>),
    /// A table, its head as [`markdown`] takes it.
    Table(&'static str, Vec<Vec<String>>),
    /// A table whose columns are not known beforehand.
    Wide(String, Vec<Vec<String>>),
    /// Text with its own line breaks and spacing.
    Code(String),
    /// The figure of a name, where it was drawn; Markdown has none.
    Figure(&'static str),
}

impl Document {
    /// Adds a heading.
    pub fn heading(&mut self, title: impl Into<String>) {
        self.parts.push(Part::Heading(title.into()));
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Text(text.into()));
    }

    /// Adds a table.
    pub fn table<const N: usize>(
        &mut self,
        head: &'static str,
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let rows = rows.into_iter().map(Vec::from).collect();
        self.parts.push(Part::Table(head, rows));
    }

    /// Adds the place of a figure.
    pub fn figure(&mut self, name: &'static str) {
        self.parts.push(Part::Figure(name));
    }

    /// The document as Markdown, without figures and without sections of nothing else.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n", self.title);
        for (i, part) in self.parts.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = match part {
                Part::Heading(_) if self.is_empty_behind(i) => Ok(()),
                Part::Heading(title) => writeln!(text, "## {title}\n"),
                Part::Text(paragraph) => writeln!(text, "{paragraph}\n"),
                Part::List(items) => {
                    let items: String = items.iter().map(|item| format!("- {item}\n")).collect();
                    writeln!(text, "{items}")
                }
                Part::Table(head, rows) => writeln!(text, "{}", markdown(head, rows.clone())),
                Part::Wide(head, rows) => writeln!(text, "{}", markdown(head, rows.clone())),
                Part::Code(code) => writeln!(text, "```\n{code}\n```\n"),
                Part::Figure(_) => Ok(()),
            };
        }
        text
    }

    /// True where nothing but figures stands between a heading and the next one.
    fn is_empty_behind(&self, heading: usize) -> bool {
        let behind = self.parts.iter().skip(heading + 1);
        let mut section = behind.take_while(|part| !matches!(part, Part::Heading(_)));
        section.all(|part| matches!(part, Part::Figure(_)))
    }
}
