//! The operations on counters.

use crate::Component;
use crate::bindings::exports::toys::counters::counters::{
    Advance, Color, Counter, CounterChange, CounterDraft, CounterFilter, CounterPage,
    CounterSettings, Guest,
};
use crate::bindings::task_host::platform::types::Problem;
use crate::bindings::wasi::clocks::wall_clock;
use crate::problems;
use crate::store;

impl Guest for Component {
    fn create(draft: CounterDraft) -> Result<Counter, Problem> {
        check_name(&draft.name, "#/name")?;
        if store::find(&draft.name)?.is_some() {
            return Err(problems::exists(&draft.name));
        }
        save_new(Counter {
            value: draft.value.unwrap_or(0),
            step: draft.step.unwrap_or(1),
            color: draft.color.unwrap_or(Color::Red),
            remarks: draft.remarks.unwrap_or_default(),
            ..default_counter(draft.name)
        })
    }

    fn put(name: String, settings: CounterSettings) -> Result<Counter, Problem> {
        check_name(&name, "#/path/name")?;
        let earlier = store::find(&name)?;
        let counter = Counter {
            value: settings.value,
            step: settings.step.unwrap_or(1),
            color: settings.color.unwrap_or(Color::Red),
            remarks: settings.remarks.unwrap_or_default(),
            ..default_counter(name)
        };
        match earlier {
            Some(earlier) => save_changed(counter, &earlier),
            None => save_new(counter),
        }
    }

    fn get(name: String) -> Result<Counter, Problem> {
        store::find(&name)?.ok_or_else(|| problems::not_found(&name))
    }

    fn update(name: String, change: CounterChange) -> Result<Counter, Problem> {
        let earlier = Self::get(name.clone())?;
        let default = default_counter(name);
        let counter = Counter {
            value: merged(change.value, earlier.value, default.value),
            step: merged(change.step, earlier.step, default.step),
            color: merged(change.color, earlier.color, default.color),
            remarks: merged(change.remarks, earlier.remarks.clone(), default.remarks),
            name: default.name,
            changed_at: default.changed_at,
            version: default.version,
        };
        save_changed(counter, &earlier)
    }

    fn increment(name: String, advance: Advance) -> Result<Counter, Problem> {
        let earlier = Self::get(name)?;
        let by = advance.by.unwrap_or(earlier.step.into());
        let sum = earlier.value.checked_add(by);
        let value = sum.ok_or_else(|| problems::overflow(&earlier.name))?;
        let counter = Counter {
            value,
            ..earlier.clone()
        };
        save_changed(counter, &earlier)
    }

    fn delete(name: String) -> Result<(), Problem> {
        if store::remove(&name)? {
            Ok(())
        } else {
            Err(problems::not_found(&name))
        }
    }

    fn list(filter: CounterFilter) -> Result<CounterPage, Problem> {
        let limit: usize = filter.limit.unwrap_or(10).into();
        if !(1..=100).contains(&limit) {
            let detail = "The limit must be from 1 to 100.";
            return Err(problems::invalid("#/query/limit", detail));
        }
        let mut counters = store::list(&filter, limit)?;
        let more = counters.len() > limit;
        counters.truncate(limit);
        let last = counters.last().map(|counter| counter.name.clone());
        Ok(CounterPage {
            counters,
            next: last.filter(|_| more),
        })
    }
}

/// Saves a new counter.
fn save_new(mut counter: Counter) -> Result<Counter, Problem> {
    counter.version = "v1".to_owned();
    store::save(&counter, 1)?;
    Ok(counter)
}

/// Saves a counter that replaces an earlier state.
fn save_changed(mut counter: Counter, earlier: &Counter) -> Result<Counter, Problem> {
    let changes: Option<u64> = earlier
        .version
        .strip_prefix('v')
        .and_then(|n| n.parse().ok());
    let version = changes.unwrap_or(0) + 1;
    counter.version = format!("v{version}");
    counter.changed_at = Some(wall_clock::now());
    store::save(&counter, version)?;
    Ok(counter)
}

/// Returns a counter with default values.
fn default_counter(name: String) -> Counter {
    Counter {
        name,
        value: 0,
        step: 1,
        color: Color::Red,
        remarks: Vec::new(),
        changed_at: None,
        version: String::new(),
    }
}

/// Applies one field of a merge patch.
fn merged<T>(change: Option<Option<T>>, earlier: T, default: T) -> T {
    match change {
        None => earlier,
        Some(value) => value.unwrap_or(default),
    }
}

fn check_name(name: &str, pointer: &str) -> Result<(), Problem> {
    if (1..=40).contains(&name.chars().count()) {
        Ok(())
    } else {
        let detail = "A name must have 1 to 40 characters.";
        Err(problems::invalid(pointer, detail))
    }
}
