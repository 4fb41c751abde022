//! `GET /tasks?q=`: each search term is the prefix of a word, in any order and case. A search has
//! no query syntax.

use serde_json::json;

use super::{create, draft, draft_with, titles};
use crate::client::encode;
use crate::harness::{Host, Setup};

fn found(host: &Host, words: &str) -> Vec<String> {
    titles(host, &format!("/tasks?order=asc&q={}", encode(words)))
}

fn host_with_tasks() -> Host {
    let host = Setup::tasks().start();
    create(
        &host,
        &draft_with(
            "Repair the garden fence",
            json!({"description": "Buy nails first"}),
        ),
    );
    create(
        &host,
        &draft_with(
            "Write documentation",
            json!({"description": "for the Garden API"}),
        ),
    );
    create(&host, &draft("ÄPFEL und Öl kaufen"));
    create(&host, &draft("C++ and near-misses: 100% done_ish"));
    create(&host, &draft("Пример задачи"));
    host
}

#[test]
fn search_terms_match_prefixes_in_title_and_description() {
    let host = host_with_tasks();
    for (words, expected) in [
        (
            "garden",
            vec!["Repair the garden fence", "Write documentation"],
        ),
        (
            "gard",
            vec!["Repair the garden fence", "Write documentation"],
        ),
        ("arden", vec![]),
        ("fence repair", vec!["Repair the garden fence"]),
        ("nails gard", vec!["Repair the garden fence"]),
        ("garden api", vec!["Write documentation"]),
        ("garden missing", vec![]),
        ("  garden   fence ", vec!["Repair the garden fence"]),
    ] {
        assert_eq!(found(&host, words), expected, "{words:?}");
    }
}

#[test]
fn search_ignores_case_beyond_ascii_too() {
    let host = host_with_tasks();
    for words in ["GARDEN FENCE", "gArDeN fEnCe"] {
        assert_eq!(
            found(&host, words),
            ["Repair the garden fence"],
            "{words:?}"
        );
    }
    for words in ["äpfel", "Äpf", "ÄPFEL öl", "Öl äpf"] {
        assert_eq!(found(&host, words), ["ÄPFEL und Öl kaufen"], "{words:?}");
    }
    for words in ["пример", "ЗАДАЧ"] {
        assert_eq!(found(&host, words), ["Пример задачи"], "{words:?}");
    }
}

#[test]
fn search_ignores_accents() {
    let host = host_with_tasks();
    create(&host, &draft("Überprüfung in Łódź"));
    for words in ["uberprufung", "ÜBERPRÜFUNG lodz", "U\u{308}ber", "łódz"] {
        assert_eq!(found(&host, words), ["Überprüfung in Łódź"], "{words:?}");
    }
    assert_eq!(found(&host, "apfel ol"), ["ÄPFEL und Öl kaufen"]);
    // There are no tasks of earlier logic to index.
    let progress = host.request("POST", "/tasks/search/reindex").send();
    assert_eq!(
        progress.expect(200).json(),
        json!({"complete": true, "remaining_ids": 0})
    );
}

#[test]
fn a_task_is_found_wherever_its_words_are_stored() {
    let host = Setup::tasks().start();
    create(&host, &draft("Garden shed"));
    create(&host, &draft("Garden fence"));
    let all = ["Garden shed", "Garden fence"];
    assert_eq!(found(&host, "gard"), all);
    host.put("/tasks/2", &json!({"title": "Garden wall"}))
        .expect(200);
    assert_eq!(found(&host, "fence"), Vec::<String>::new());
    // The task with the id 256 moves the words of the tasks that were created singly.
    let hundred: Vec<_> = (0..100).map(|n| draft(&format!("Other {n}"))).collect();
    for _ in 0..3 {
        host.post("/tasks/bulk", &json!(hundred)).expect(200);
    }
    create(&host, &draft("Garden bench"));
    assert_eq!(
        found(&host, "gard"),
        ["Garden shed", "Garden wall", "Garden bench"]
    );
    assert_eq!(found(&host, "gard wall"), ["Garden wall"]);
    host.put("/tasks/2", &json!({"title": "Garden gate"}))
        .expect(200);
    host.delete("/tasks/1").expect(200);
    assert_eq!(found(&host, "gard"), ["Garden gate", "Garden bench"]);
    assert_eq!(found(&host, "wall"), Vec::<String>::new());
}

#[test]
fn a_search_has_no_query_syntax() {
    let host = host_with_tasks();
    // Operators of full-text engines, wildcards of LIKE and quotes of SQL.
    for words in [
        "garden OR documentation",
        "garden AND fence",
        "NOT garden",
        "title:garden",
        "NEAR(garden fence)",
        "gar% fence",
        "_arden",
    ] {
        let found = found(&host, words);
        assert!(
            !found.contains(&"Write documentation".to_owned()),
            "{words:?} found {found:?}"
        );
    }
    for words in [
        "\"",
        "\"garden",
        "'",
        "' or 1=1 --",
        "*",
        "gar*",
        "(",
        ")",
        "^garden",
        "-garden",
        "+",
        "{title}: x",
        "\\",
        "%",
        "_",
        "a AND",
        "&",
        "|",
        "!",
        "<->",
        ":*",
        "🦀",
        "\u{301}",
        ";",
        "garden \"",
        "\t\n",
        "NEAR/2",
        "$1",
        "\u{feff}",
    ] {
        let answer = host.get(&format!("/tasks?q={}", encode(words)));
        assert_eq!(answer.status, 200, "{words:?}: {answer}");
    }
    assert_eq!(
        found(&host, "\"garden\" fence!"),
        ["Repair the garden fence"]
    );
    assert_eq!(
        found(&host, "near misses"),
        ["C++ and near-misses: 100% done_ish"]
    );
    assert_eq!(found(&host, "100%"), ["C++ and near-misses: 100% done_ish"]);
}

#[test]
fn search_results_reflect_changes_and_deletions() {
    let host = host_with_tasks();
    host.put(
        "/tasks/1",
        &json!({"title": "Paint the shed", "description": null}),
    )
    .expect(200);
    assert_eq!(found(&host, "fence"), Vec::<String>::new());
    assert_eq!(found(&host, "shed"), ["Paint the shed"]);
    host.delete("/tasks/1").expect(200);
    assert_eq!(found(&host, "shed"), Vec::<String>::new());
}

#[test]
fn a_search_combines_with_filters_and_pages() {
    let host = Setup::tasks().start();
    for n in 0..6 {
        let priority = if n % 2 == 0 { "high" } else { "low" };
        create(
            &host,
            &draft_with(&format!("Garden {n}"), json!({"priority": priority})),
        );
    }
    let answer = host
        .get("/tasks?q=garden&priority=high&order=asc&limit=2")
        .expect(200);
    assert_eq!(answer.json().as_array().map(Vec::len), Some(2));
    assert!(
        answer.expect_header("link").contains("q=garden"),
        "{answer}"
    );
}
