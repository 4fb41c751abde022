//! The commands of a logic author's day: `new`, `dev`, `test` and `wit`.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use testkit::Process;

use crate::client::{Request, encode};
use crate::harness::{DEADLINE, Refused, built, eventually, run, task_host};
use crate::hostile::probe::Probe;

/// A folder in which commands run.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn replace(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(old), "{name} has no {old}");
        self.write(name, text.replace(old, new));
    }

    /// The command with these arguments, in a folder below.
    fn command(&self, below: &str, arguments: &[&str]) -> Command {
        let mut command = task_host();
        command.args(arguments).current_dir(self.path(below));
        without_build_settings(&mut command);
        command
    }

    #[track_caller]
    fn run(&self, below: &str, arguments: &[&str]) -> Refused {
        run(self.command(below, arguments))
    }
}

/// Removes what the tests' own build was given.
fn without_build_settings(command: &mut Command) {
    for name in [
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "RUSTFLAGS",
    ] {
        command.env_remove(name);
    }
}

/// Removes the durations, which differ from run to run, and blanks at the ends of lines.
fn without_durations(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split(' ').collect::<Vec<_>>();
        let is_unit = |word: &str| matches!(word.trim_end_matches([')', ':', ',']), "ms" | "s");
        let mut kept = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let number = word.trim_start_matches('(').parse::<f64>().is_ok();
            if number && words.get(at + 1).is_some_and(|next| is_unit(next)) {
                kept.push(if word.starts_with('(') { "(N" } else { "N" });
            } else {
                kept.push(word);
            }
        }
        kept.join(" ")
    });
    lines
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

/// `task-host dev` in a folder, with what it writes in two files.
struct Dev<'a> {
    folder: &'a Folder,
    _process: Process,
    below: &'a str,
}

impl<'a> Dev<'a> {
    fn start(folder: &'a Folder, below: &'a str, flags: &[&str]) -> Self {
        let arguments = [
            &[
                "dev",
                "--addr",
                "127.0.0.1:0",
                "--admin-addr",
                "127.0.0.1:0",
            ],
            flags,
        ];
        let mut command = folder.command(below, &arguments.concat());
        command
            .stdout(File::create(folder.path("dev.out")).unwrap())
            .stderr(File::create(folder.path("dev.log")).unwrap());
        let process = Process::start(&mut command).unwrap().draining();
        Dev {
            folder,
            _process: process,
            below,
        }
    }

    fn output(&self) -> String {
        fs::read_to_string(self.folder.path("dev.out")).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path("dev.log")).unwrap()
    }

    /// Waits until the command waits for its `n`th change, and returns what it wrote since the change
    /// before.
    #[track_caller]
    fn waits(&self, n: usize) -> String {
        const MARK: &str = "waiting for a change…\n";
        let waits = || (self.output().matches(MARK).count() >= n).then(|| self.output());
        let output = testkit::until(DEADLINE, waits);
        let output =
            output.unwrap_or_else(|| panic!("not {n} builds: {}\n{}", self.output(), self.log()));
        output.split(MARK).nth(n - 1).unwrap().to_owned()
    }

    fn address(&self) -> SocketAddr {
        let output = self.output();
        let (_, after) = output.split_once("  API            http://").unwrap();
        after.split('/').next().unwrap().parse().unwrap()
    }

    /// Changes a file of the project and returns what the command says about the change.
    #[track_caller]
    fn change(&self, n: usize, file: &str, old: &str, new: &str) -> String {
        self.folder
            .replace(&format!("{}/{file}", self.below), old, new);
        self.waits(n)
    }
}

#[test]
fn a_new_rust_project_is_built_tested_and_developed() {
    let folder = Folder::new();
    let made = folder.run("", &["new", "price-list", "--lang", "rust"]);
    assert_eq!((made.code, &*made.stderr), (Some(0), ""));
    assert!(
        made.stdout
            .ends_with("next: cd price-list && task-host dev\n"),
        "{}",
        made.stdout
    );

    // The SDK and SQLite are built once for all runs of this test, in the workspace's versions.
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-rust");
    fs::create_dir_all(&shared).unwrap();
    symlink(&shared, folder.path("price-list/target")).unwrap();
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    folder.write("price-list/Cargo.lock", fs::read(lock).unwrap());
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        without_build_settings(&mut command);
        command.args(arguments).arg("--offline");
        let output = command
            .current_dir(folder.path("price-list"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // The template's own two, and that of all statements.
    let said = cargo(&["test"]);
    assert!(said.contains("3 passed"), "{said}");
    // Commands of the tests have a deadline, which the first build may exceed.
    cargo(&["build", "--release", "--target", "wasm32-unknown-unknown"]);

    let tested = folder.run("price-list", &["test"]);
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    let passed: Vec<_> = tested
        .stdout
        .lines()
        .filter(|line| line.starts_with("  ✓"))
        .collect();
    assert_eq!(passed.len(), 8, "{}", tested.stdout);
    assert!(
        tested.stdout.trim_end().ends_with(": all passed"),
        "{}",
        tested.stdout
    );

    let dev = Dev::start(&folder, "price-list", &[]);
    let first = dev.waits(1);
    assert!(
        first.contains("documentation  http://127.0.0.1:"),
        "{first}\n{}",
        dev.log()
    );
    let address = dev.address();
    let texts = || {
        let notes = Request::new(address, "GET", "/notes")
            .send()
            .expect(200)
            .json();
        notes
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["text"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(), ["Buy milk", "Call home"]);
    let page = Request::new(address, "GET", "/").send().expect(200).text();
    assert!(page.contains("<h1>price-list</h1>"), "{page}");
    let api = Request::new(address, "GET", "/openapi.json")
        .send()
        .expect(200)
        .text();
    assert!(api.contains("Short texts worth keeping."), "{api}");
    Request::new(address, "POST", "/notes")
        .json(&json!({"text": "Kept"}))
        .send()
        .expect(201);

    let title = || {
        let answer = Request::new(address, "GET", "/notes/99").send();
        answer.problem(404, "no-such-note")["title"].clone()
    };
    let said = dev.change(2, "src/lib.rs", "There is no such note", "No such note");
    assert!(said.contains("after the change was saved"), "{said}");
    assert_eq!(title(), "No such note");
    assert_eq!(texts(), ["Buy milk", "Call home", "Kept"]);

    let said = dev.change(3, "src/lib.rs", "fn figures", "fn fig ures");
    assert!(said.contains("not built: "), "{said}");
    assert!(
        said.contains("the logic before it stays in service"),
        "{said}"
    );
    assert_eq!(title(), "No such note");
    assert!(dev.log().contains("src/lib.rs:"), "{}", dev.log());
    let said = dev.change(4, "src/lib.rs", "fn fig ures", "fn figures");
    assert_eq!(said, "the component did not change\n");

    // A migration that the database has already: a new database, filled again.
    let migration = "migrations/0001-notes.sqlite.sql";
    let said = dev.change(5, migration, "text TEXT", "due TEXT, text TEXT");
    assert!(said.contains("0001-notes was changed"), "{said}");
    assert!(
        said.contains("starting with a new database\nlive, "),
        "{said}"
    );
    assert_eq!(texts(), ["Buy milk", "Call home"]);

    let said = dev.change(6, "src/lib.rs", "get(\"/notes/{id}", "get(\"/note/{id}");
    assert!(said.contains("breaks clients: GET /notes/{id}"), "{said}");
    Request::new(address, "GET", "/note/1").send().expect(200);

    let said = dev.change(7, "seed.sql", "Call home", "Call you");
    assert!(said.contains("the seed changed"), "{said}");
    assert_eq!(texts(), ["Buy milk", "Call you"]);
}

#[test]
fn a_failed_example_shows_its_line_what_was_expected_and_what_came() {
    let folder = Folder::new();
    let tasks = built("tasks.wasm");
    let create =
        "POST {{host}}/tasks\n{\"title\": \"Read\", \"category\": \"feature\"}\nHTTP 201\n";
    let list = "GET {{host}}/tasks\nHTTP 200\n[Asserts]\njsonpath \"$\" count == 1\n";
    folder.write("requests/b.hurl", format!("{create}{list}"));
    folder.write(
        "requests/a/first.hurl",
        format!("{create}{create}{list}{list}"),
    );
    folder.write("requests/c.hurl", "GET {{host}}/tasks\nHTTP twohundred\n");
    folder.write("requests/notes.txt", "no example");
    let tested = folder.run("", &["test", tasks.to_str().unwrap()]);
    let expected = format!(
        "\
{}: migrations and self-test passed (N ms)
requests/a/first.hurl
  ✓ line 1    POST /tasks (201, N ms)
  ✓ line 4    POST /tasks (201, N ms)
  ✗ line 7    GET /tasks (200, N ms)
      line 10: jsonpath \"$\" count == 1
        expected: 1
        actual:   2
",
        tasks.display()
    );
    let stdout = without_durations(&tested.stdout).replace("(N s)", "(N ms)");
    assert!(stdout.starts_with(&expected), "{stdout}\n{expected}");
    let rest = "      1 request was after it not played
requests/b.hurl
  ✓ line 1    POST /tasks (201, N ms)
  ✓ line 4    GET /tasks (200, N ms)
requests/c.hurl
  ✗ line 2: `twohundred` is not a status, such as 200, or *
";
    assert!(stdout.ends_with(rest), "{stdout}");
    assert_eq!(tested.code, Some(1));
    let summary = without_durations(&tested.stderr).replace("N s", "N ms");
    assert_eq!(
        summary,
        "task-host: 3 files and 5 requests in N ms: 2 failed\n"
    );
}

#[test]
fn variables_reach_the_examples() {
    let folder = Folder::new();
    let tasks = built("tasks.wasm");
    folder.write(
        "one.hurl",
        "GET {{host}}/tasks?limit={{absent}}\nHTTP 200\n",
    );
    folder.write(
        "two.hurl",
        "GET {{host}}/tasks\n[Query]\nlimit: {{limit}}\nHTTP 200\n",
    );
    let test = |file: &str, value: &str| {
        let tasks = tasks.to_str().unwrap();
        folder.run(
            "",
            &["test", tasks, "--requests", file, "--variable", value],
        )
    };
    let passed = test("two.hurl", "limit=5");
    assert_eq!(passed.code, Some(0), "{}", passed.stdout);
    assert!(
        passed.stdout.contains("GET /tasks?limit=5 (200, "),
        "{}",
        passed.stdout
    );
    let refused = test("two.hurl", "limit=none");
    assert!(
        refused.stdout.contains("expected: 200"),
        "{}",
        refused.stdout
    );
    assert!(
        refused.stdout.contains("actual:   422"),
        "{}",
        refused.stdout
    );
    assert_eq!(test("one.hurl", "limit=5").code, Some(1));
    assert_eq!(test("two.hurl", "limit").code, Some(2));
    assert_eq!(test("absent", "limit=5").code, Some(2));
}

#[test]
fn a_component_that_no_host_accepts_fails_the_test_with_the_reason() {
    let folder = Folder::new();
    folder.write("logic.wasm", "not a component");
    let tested = folder.run("", &["test", "logic.wasm"]);
    assert_eq!(tested.code, Some(1));
    assert!(
        tested.stderr.contains("(not-a-component)"),
        "{}",
        tested.stderr
    );
    assert_eq!(tested.stdout, "");
    let absent = folder.run("", &["test", "absent.wasm"]);
    assert_eq!(absent.code, Some(2));
    assert!(
        absent.stderr.starts_with("task-host: FILE: cannot read"),
        "{}",
        absent.stderr
    );
}

#[test]
fn without_a_project_the_commands_say_how_to_make_one() {
    let folder = Folder::new();
    for command in ["dev", "test"] {
        let refused = folder.run("", &[command]);
        assert_eq!(refused.code, Some(2));
        assert!(
            refused.stderr.contains("`task-host new` makes a project"),
            "{}",
            refused.stderr
        );
    }
    let refused = folder.run("", &["new", "../elsewhere"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("such as price-list"),
        "{}",
        refused.stderr
    );
}

/// A project whose build copies a component, and whose seed is requests.
fn copying(component: &str) -> Folder {
    let folder = Folder::new();
    fs::copy(built(component), folder.path("source.bin")).unwrap();
    let seed = "POST {{host}}/tasks\n{\"title\": \"Read\", \"category\": \"feature\"}\n";
    folder.write("seed.hurl", seed);
    folder.write(
        "task-host.toml",
        "[build]\ncommand = \"cp source.bin logic.wasm\"\noutput = \"logic.wasm\"\n\
         watch = [\"source.bin\"]\n[dev]\nseed = \"seed.hurl\"\n",
    );
    folder
}

#[test]
fn a_replay_that_watches_runs_again_after_each_save() {
    let host = Probe::good().setup().flag("--record-slow", "0ms").start();
    let request = host
        .request("GET", "/things/1")
        .header("x-request-id", "saved");
    request.send().expect(200);
    let recording = host.admin("GET", "/admin/recordings/saved").send();
    let recording = recording.expect(200).text();
    drop(host);
    let folder = copying("tasks.wasm");
    folder.write("recording.json", recording);
    let good = Probe::good().build();
    // The project is built after a save of its source; a component's file is only read.
    let project = ["replay", "--file", "recording.json", "--watch"];
    let file = [&project[..], &["--component", "logic.wasm"]].concat();
    for (arguments, saved) in [(&project[..], "source.bin"), (&file, "logic.wasm")] {
        folder.write(saved, &good);
        let mut command = folder.command("", arguments);
        let output = folder.path("replay.out");
        command.stdout(File::create(&output).unwrap());
        let _replay = Process::start(&mut command).unwrap();
        let says = |words: &str| {
            eventually(words, || {
                let output = fs::read_to_string(&output).unwrap();
                output.contains(words).then_some(())
            });
        };
        says("answers 200, as recorded");
        folder.write(saved, Probe::good().returning("other").build());
        says("answers 200 with another body now");
        folder.write(saved, Probe::good().at("get", "unreachable").build());
        says("answers 500 logic-trapped now, was 200");
        folder.write(saved, &good);
        eventually("the first result again", || {
            let output = fs::read_to_string(&output).unwrap();
            let last = output.lines().rfind(|line| line.starts_with("answers "));
            let last = last.unwrap_or_default();
            last.starts_with("answers 200, as recorded").then_some(())
        });
    }
}

#[test]
fn what_no_host_accepts_leaves_the_logic_before_it_in_service() {
    let folder = copying("tasks.wasm");
    let dev = Dev::start(&folder, "", &[]);
    let first = dev.waits(1);
    let (before, live) = first.split_once('\n').unwrap();
    assert!(before.starts_with("built in "), "{first}");
    assert!(live.starts_with("live (build "), "{first}\n{}", dev.log());
    let address = dev.address();
    let count = || {
        let tasks = Request::new(address, "GET", "/tasks").send().expect(200);
        tasks.json().as_array().unwrap().len()
    };
    assert_eq!(count(), 1);
    folder.write("source.bin", "not a component");
    let said = dev.waits(2);
    assert!(said.contains("\nrefused: "), "{said}");
    assert!(
        said.ends_with("the logic before it stays in service\n"),
        "{said}"
    );
    assert_eq!(count(), 1);
    drop(dev);
    assert!(
        !testkit::client::is_ready(address),
        "the host ends with the command"
    );
}

#[test]
fn a_kept_database_has_its_data_after_a_restart() {
    let folder = copying("tasks.wasm");
    let title = |address| {
        let tasks = Request::new(address, "GET", "/tasks")
            .send()
            .expect(200)
            .json();
        tasks
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["title"].clone())
            .collect::<Vec<_>>()
    };
    {
        let dev = Dev::start(&folder, "", &["--keep"]);
        dev.waits(1);
        let task = json!({"title": "Kept", "category": "feature"});
        Request::new(dev.address(), "POST", "/tasks")
            .json(&task)
            .send()
            .expect(201);
    }
    let dev = Dev::start(&folder, "", &["--keep"]);
    dev.waits(1);
    assert_eq!(title(dev.address()), ["Kept"]);
    let ignored = fs::read_to_string(folder.path(".task-host/.gitignore")).unwrap();
    assert_eq!(ignored, "*\n");
}

/// `task-host dev` says where its page with the tables is.
fn tables_page(said: &str) -> SocketAddr {
    let (_, after) = said
        .split_once("  tables         http://")
        .expect("an address");
    after.split('/').next().unwrap().parse().unwrap()
}

#[test]
fn dev_shows_what_the_tables_contain_whatever_they_are_called() {
    let folder = Folder::new();
    let table = r#""a""<b>&'""#;
    let create =
        format!(r#"create table {table} (id integer primary key, "<i>" text, bytes blob)"#);
    let probe = Probe::good().migration("0001-odd", &create);
    folder.write("source.bin", probe.build());
    let fill = format!(
        "with recursive n (id) as (select 1 union all select id + 1 from n where id < 100000)
         insert into {table} select id, '<script>' || id, x'00ff' from n;"
    );
    folder.write("seed.sql", fill);
    folder.write(
        "task-host.toml",
        "[build]\ncommand = \"cp source.bin logic.wasm\"\noutput = \"logic.wasm\"\n\
         watch = [\"source.bin\"]\n[dev]\nseed = \"seed.sql\"\n",
    );
    let dev = Dev::start(&folder, "", &[]);
    let address = tables_page(&dev.waits(1));
    let get = |path: &str| Request::new(address, "GET", path).send().expect(200).text();
    let first = get("/");
    for words in [
        "<h2>a&quot;&lt;b&gt;&amp;&#39;</h2>",
        "<th scope=\"col\">&lt;i&gt;</th>",
        "Rows 1 to 100 of 100000.",
        "<td>&lt;script&gt;100</td>",
        "00ff <span class=\"quiet\">2 bytes</span>",
    ] {
        assert!(first.contains(words), "{words} is not in {first}");
    }
    assert!(
        !first.contains("<script") && !first.contains("task_host"),
        "{first}"
    );
    let name = encode("a\"<b>&'");
    let last = get(&format!("/?table={name}&offset=99950"));
    assert!(last.contains("Rows 99951 to 100000 of 100000."), "{last}");
    assert!(!last.contains("rel=\"next\""), "{last}");
    // Nothing can be changed here.
    assert_eq!(Request::new(address, "POST", "/").send().status, 405);
    drop(dev);
    assert!(
        !testkit::client::is_ready(address),
        "the page ends with the command"
    );
}

#[test]
fn wit_writes_the_packages_of_this_version() {
    let folder = Folder::new();
    let written = folder.run("", &["wit"]);
    assert_eq!(written.code, Some(0));
    let sql = fs::read_to_string(folder.path("wit/deps/platform/sql.wit")).unwrap();
    assert!(sql.contains("interface sql {"), "{sql}");
    assert_eq!(folder.run("", &["wit"]).stdout, "wit/deps: up to date\n");
    folder.write("wit/deps/platform/sql.wit", "mine");
    let refused = folder.run("", &["wit"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("platform/sql.wit"),
        "{}",
        refused.stderr
    );
    assert_eq!(folder.run("", &["wit", "--force"]).code, Some(0));
}

#[test]
fn bindings_and_component_lead_from_wit_to_a_component() {
    let folder = Folder::new();
    let refused = folder.run("", &["bindings", "c"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("the WIT in wit"),
        "{}",
        refused.stderr
    );

    folder.run("", &["new", "notes", "--lang", "c"]);
    let written = folder.run("notes", &["bindings", "c"]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let header = folder.path("notes/bindings/service.h");
    let text = fs::read_to_string(&header).unwrap();
    assert!(text.contains("exports_notes_api_notes_create("), "{text}");
    let modified = || fs::metadata(&header).unwrap().modified().unwrap();
    let before = modified();
    folder.run("notes", &["bindings", "c"]);
    assert_eq!(
        modified(),
        before,
        "a file with the same content is not written again"
    );

    // A module with no exports at all.
    folder.write("notes/module.wasm", b"\0asm\x01\0\0\0");
    let component = ["component", "module.wasm", "--out", "logic.wasm"];
    let refused = folder.run("notes", &component);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused
            .stderr
            .contains("cannot make a component of module.wasm"),
        "{}",
        refused.stderr
    );
    folder.write("notes/module.wasm", b"\x7fELF");
    let refused = folder.run("notes", &component);
    assert!(
        refused.stderr.contains("module.wasm is no core module"),
        "{}",
        refused.stderr
    );
    assert!(!folder.path("notes/logic.wasm").exists());
}
