//! Every place at which two JSON values differ. Texts are compared and never shown.

use serde_json::Value;

/// Places of one pair of values.
const PLACES: usize = 64;
/// Items of an array that are compared in any order.
const ANY_ORDER: usize = 4096;

/// Returns a JSON pointer and a detail for each place at which the values differ, at most 64.
pub(super) fn differences(active: &Value, new: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(active, new, String::new(), &mut found);
    found
}

fn walk(active: &Value, new: &Value, at: String, found: &mut Vec<(String, String)>) {
    if found.len() >= PLACES || active == new {
        return;
    }
    match (active, new) {
        (Value::Object(active), Value::Object(new)) => {
            let below = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            for (name, value) in active {
                match new.get(name) {
                    Some(other) => walk(value, other, below(name), found),
                    None => found.push((below(name), "is missing".to_owned())),
                }
            }
            for name in new.keys().filter(|name| !active.contains_key(*name)) {
                found.push((below(name), "is new".to_owned()));
            }
        }
        (Value::Array(active), Value::Array(new)) if active.len() != new.len() => {
            found.push((at, format!("{} items became {}", active.len(), new.len())));
        }
        (Value::Array(active), Value::Array(new)) if same_in_any_order(active, new) => {
            found.push((at, format!("the same {} items in another order", new.len())));
        }
        (Value::Array(active), Value::Array(new)) => {
            for (index, (value, other)) in active.iter().zip(new).enumerate() {
                walk(value, other, format!("{at}/{index}"), found);
            }
        }
        (Value::Number(active), Value::Number(new)) => {
            found.push((at, format!("{active} became {new}")));
        }
        (Value::Bool(active), Value::Bool(new)) => {
            found.push((at, format!("{active} became {new}")));
        }
        (Value::String(_), Value::String(_)) => found.push((at, "is another text".to_owned())),
        (active, new) => found.push((at, format!("{} became {}", kind(active), kind(new)))),
    }
}

fn same_in_any_order(active: &[Value], new: &[Value]) -> bool {
    let sorted = |items: &[Value]| {
        let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        texts
    };
    active.len() <= ANY_ORDER && sorted(active) == sorted(new)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_is_named_and_numbers_are_shown_but_no_texts() {
        let task = json!({"id": 1, "sum": 1.25, "done": true, "title": "secret", "due": null, "a/b": 1,
            "tags": ["a", "b", "a"]});
        let with = |name: &str, value: Value| {
            let mut task = task.clone();
            task[name] = value;
            task
        };
        for (new, place, detail) in [
            (with("sum", json!(1.3)), "/sum", "1.25 became 1.3"),
            (with("done", json!(false)), "/done", "true became false"),
            (with("title", json!("other")), "/title", "is another text"),
            (with("due", json!("now")), "/due", "null became a text"),
            (with("a/b", json!(2)), "/a~1b", "1 became 2"),
            (with("new", json!(2)), "/new", "is new"),
            (with("tags", json!(["a"])), "/tags", "3 items became 1"),
            (
                with("tags", json!(["a", "a", "b"])),
                "/tags",
                "the same 3 items in another order",
            ),
            (
                with("tags", json!(["a", "c", "a"])),
                "/tags/1",
                "is another text",
            ),
        ] {
            let expected = vec![(place.to_owned(), detail.to_owned())];
            assert_eq!(differences(&task, &new), expected, "{new}");
        }
        assert_eq!(differences(&task, &task), []);
        let found = differences(&task, &json!({"id": 2, "tags": []}));
        assert_eq!(found.len(), 7, "{found:?}");
        let many: Vec<u32> = (0..1000).collect();
        let others: Vec<u32> = (1..1001).collect();
        assert_eq!(differences(&json!(many), &json!(others)).len(), PLACES);
    }
}
