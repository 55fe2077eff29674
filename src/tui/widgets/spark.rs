//! A line of small columns.

use ratatui::style::Style;
use ratatui::text::Span;

use crate::tui::model::Model;

/// Values as columns of one cell each, the least one lowest.
pub fn sparkline(model: &Model, values: &[u64], style: Style) -> Span<'static> {
    let signs: Vec<char> = model.theme.symbols.columns.chars().collect();
    let least = values.iter().copied().min().unwrap_or(0);
    let most = values.iter().copied().max().unwrap_or(0);
    let top = signs.len().saturating_sub(1) as f64;
    let sign = |value: &u64| {
        let share = (value - least) as f64 / (most - least).max(1) as f64;
        signs.get((share * top).round() as usize).copied()
    };
    let line: String = values.iter().filter_map(sign).collect();
    Span::styled(line, style)
}
