//! Table of facts. Its rows persist while their cells change, so that an open definition stays open.

use leptos::prelude::*;

use crate::features::migration::model::fact::{Fact, FactTable, Note};

/// Renders a table of facts.
#[component]
pub(super) fn FactTableView(
    /// The facts.
    table: Memo<FactTable>,
    /// Accessible name of the table.
    label: &'static str,
) -> impl IntoView {
    let columns = move || {
        let columns = table.with(|table| table.columns.clone());
        let column = |column: crate::features::migration::model::fact::FactColumn| {
            view! { <th scope="col" data-of=column.transport.name()>{column.title}</th> }
        };
        columns.into_iter().map(column).collect_view()
    };
    let rows = Memo::new(move |_| {
        table.with(|table| table.rows.iter().map(|row| (row.title, row.meaning)).collect::<Vec<_>>())
    });
    let rows = move || rows.get().into_iter().enumerate().collect::<Vec<_>>();
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Facts of the change">
            <table class="moved" aria-label=label>
                <thead><tr><td></td>{columns}</tr></thead>
                <tbody>
                    <For
                        each=rows
                        key=|(_, (title, _))| *title
                        children=move |(at, (title, meaning))| {
                            view! {
                                <tr>
                                    <th scope="row">
                                        <details class="term"><summary>{title}</summary>{meaning}</details>
                                    </th>
                                    {move || cells(table, at)}
                                </tr>
                            }
                        }
                    />
                </tbody>
            </table>
        </div>
    }
}

fn cells(table: Memo<FactTable>, row: usize) -> impl IntoView {
    let facts = table.with(|table| table.rows.get(row).map(|row| row.cells.clone()).unwrap_or_default());
    facts.into_iter().map(cell).collect_view()
}

fn cell(fact: Option<Fact>) -> AnyView {
    let Some(Fact { id, value, text, is_main, notes }) = fact else {
        return view! { <td>"–"</td> }.into_any();
    };
    let text = if is_main { view! { <b>{text}</b> }.into_any() } else { text.into_any() };
    let notes = notes.into_iter().map(note).collect_view();
    view! { <td data-testid=id data-value=value>{text}{notes}</td> }.into_any()
}

fn note(note: Note) -> AnyView {
    let Note { id, value, text, is_harm } = note;
    match id {
        Some(id) => {
            view! { <small class="part" class:bad=is_harm data-testid=id data-value=value>{text}</small> }
                .into_any()
        }
        None => view! { <small>{text}</small> }.into_any(),
    }
}
