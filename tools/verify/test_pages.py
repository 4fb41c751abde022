"""Carries out each page of `docs/logic` as it is written, and tests what does that."""

import shutil

import pytest

from conftest import ROOT, needs
from pages import Run, blocks, dialogue, matches
from pages import needs as programs_of

PAGES = sorted((ROOT / "docs/logic").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_works_as_it_is_written(page, host_binary, tmp_path):
    text = page.read_text()
    with Run(host_binary, ROOT, tmp_path) as run:
        for program in programs_of(text):
            shutil.which(program, path=run.environment["PATH"]) or needs(program, program)
        run.carry_out(text)


PAGE = """
```sh
mkdir notes && cd notes
```

`a/b.txt`:

```text
one
two
```

Replace the second word in `a/b.txt`:

```diff
 one
-two
+three
```

```console
$ cat a/b.txt
one
th…e
$ pwd
…/page/notes
```
"""


def test_a_page_writes_and_changes_files_and_compares_output(host_binary, tmp_path):
    with Run(host_binary, ROOT, tmp_path) as run:
        run.carry_out(PAGE)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("th…e\n", "th…k\n", "line 21: cat a/b.txt"),
        ("-two", "-too", "has the old lines 0 times"),
        ("&& cd notes", "&& cd nowhere", "nowhere"),
        ("…/page/notes\n```", "…", "does not end"),
    ],
)
def test_a_page_that_is_wrong_fails_with_its_line(host_binary, tmp_path, old, new, reason):
    assert old in PAGE
    with Run(host_binary, ROOT, tmp_path) as run, pytest.raises(AssertionError, match=reason):
        run.carry_out(PAGE.replace(old, new))


def test_the_file_of_a_block_is_named_right_before_it():
    page = "`a`:\n\n```sh\n```\ntext\n```sh\n```\n"
    assert [(block.line, block.file) for block in blocks(page)] == [(3, "a"), (6, None)]


def test_a_dialogue_has_commands_of_several_lines():
    text = "$ curl \\\n  -d 1\nanswer\n$ true\n"
    assert dialogue(text) == [("curl \\\n  -d 1", "answer"), ("true", "")]


def test_only_an_ellipsis_stands_for_anything():
    assert matches("a … c\nd", "a b\n b c  \nd\n")
    assert not matches("a.c", "abc")
    assert not matches("a", "a b")
