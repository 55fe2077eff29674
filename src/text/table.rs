//! Tables as text: aligned columns for a terminal, and Markdown.

/// The rows as columns that are as wide as their widest cell. A row of one cell is a title: it
/// stands as it is and takes no part in the widths.
pub fn columns(rows: &[Vec<String>], between: &str, is_right: impl Fn(usize) -> bool) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows.iter().filter(|row| row.len() > 1) {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, &width))| match is_right(column) {
            _ if row.len() == 1 => cell.clone(),
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join(between).trim_end());
        text.push('\n');
    }
    text
}

/// The rows as a Markdown table. The head is written as in Markdown, `name | bytes>`; columns whose
/// name ends with `>` are aligned to the right.
pub fn markdown(head: &str, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head: Vec<&str> = head.split(" | ").collect();
    let names = head.iter().map(|h| h.trim_end_matches('>').to_owned());
    let rules = head
        .iter()
        .map(|h| if h.ends_with('>') { "--:" } else { "---" });
    let rules = rules.map(str::to_owned).collect();
    let lines = [names.collect(), rules].into_iter().chain(rows);
    lines.map(line).collect()
}

fn line(cells: Vec<String>) -> String {
    let cells: Vec<String> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The text of a value that may be missing: a dash where it is.
pub fn or_dash<T>(value: Option<T>, shown: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| String::from("-"), shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells<const N: usize>(row: [&str; N]) -> Vec<String> {
        row.map(str::to_owned).into()
    }

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let rows = [
            cells(["layer", "bits"]),
            cells(["a long title of a block"]),
            cells(["q", "4"]),
            cells(["proj_conv", "float"]),
        ];
        assert_eq!(
            columns(&rows, "  ", |column| column == 1),
            "layer       bits\na long title of a block\nq              4\nproj_conv  float\n"
        );
        assert_eq!(columns(&[], " ", |_| false), "");
    }

    #[test]
    fn markdown_escapes_bars() {
        let rows = [vec![
            String::from("a|b"),
            or_dash(None::<u8>, |n| n.to_string()),
        ]];
        assert_eq!(
            markdown("name | bytes>", rows),
            "| name | bytes |\n| --- | --: |\n| a\\|b | - |\n"
        );
    }
}
