"""Which root field an importer asks for, whatever else its sources speak of."""

from __future__ import annotations

import os

import pytest

from tests.core.lean.lake_projects import exporter_source, importer_source, write
from torchlean_core.kinds.dialects import CLASSIC, DIALECTS, GENERALIZED, others
from torchlean_core.lean import importer
from torchlean_core.lean.importer import find_importer, read_field
from torchlean_core.lean.lexer import Source

BOTH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))


def said(text: str):
    found = read_field(text)
    return None if found is None else found[1]


def test_comments_are_no_code_and_strings_hide_their_marks():
    source = Source('a -- "b"\n/- /- "c" -/ "d" -/ e "--f" \'"\' "g\\"h" r#"i"j"# x\' "k"')
    assert [one.value for one in source.literals] == ["--f", 'g\\"h', 'i"j', "k"]
    assert source.literals[0].before.split() == ["a", "e"]


def test_a_comment_or_a_string_without_an_end_ends_with_the_file():
    assert Source('x /- "a" /- b -/').literals == []
    assert [one.value for one in Source('x "a" "b').literals] == ["a", "b"]
    assert [one.value for one in Source('x r##"a"# b').literals] == ['a"# b']


@pytest.mark.parametrize("text", ['"' + '\\"' * 400_000, 'r#"' * 300_000, "/-" * 400_000, "'" * 800_000])
def test_hostile_text_is_read_in_linear_time(text):
    assert len(Source(text).literals) <= 1


@BOTH
def test_the_field_that_is_asked_for_counts_and_not_what_comments_and_messages_say(dialect):
    assert said(importer_source(dialect)) is dialect


@BOTH
@pytest.mark.parametrize(
    "access",
    [
        'natField "root" "{}" o',
        'field s!"{{ctx}} of" "{}" o',
        'j.getObjVal? "{}"',
        '(j.getObjValAs? Nat "{}")',
        'o["{}"]?',
        'match field? (ctx := "root") "{}" o with',
    ],
)
def test_the_ways_to_ask(dialect, access):
    assert said(f"def parseGraph (j : Json) := {access.format(dialect.output_field)}") is dialect


def test_of_both_fields_the_newer_one_counts():
    both = 'def parseGraph j := natField "output_id" j <|> listField "output_ids" j'
    assert said(both) is GENERALIZED


def test_a_newer_importer_may_refuse_the_older_field():
    text = (
        importer_source(GENERALIZED)
        + '\ndef old o := if o.contains "output_id" then throw "output_id" else ok'
    )
    assert said(text) is GENERALIZED
    text = importer_source(CLASSIC) + '\ndef new o := throw "output_ids"\ndef say := s!"output_ids"'
    assert said(text) is CLASSIC


def test_a_source_that_says_nothing_tells_nothing():
    assert said('def f := natField "output_id" o') is None  # some other reader's
    assert said('-- parseGraph "torchlean.ir.v1" "output_id"') is None
    assert said("") is None


@BOTH
def test_the_importer_tells_and_an_exporter_beside_it_does_not(tmp_path, dialect):
    (other,) = others(dialect)
    write(tmp_path / "A" / "PyTorch" / "Export.lean", exporter_source(other))
    write(tmp_path / "Z" / "Reader.lean", importer_source(dialect))
    found = find_importer(tmp_path)
    assert (found.dialect, found.file) == (dialect, tmp_path / "Z" / "Reader.lean")


@BOTH
def test_without_an_importer_an_exporter_tells(tmp_path, dialect):
    write(tmp_path / "Export.lean", exporter_source(dialect))
    assert find_importer(tmp_path).dialect is dialect


def test_tests_and_examples_count_last(tmp_path):
    write(tmp_path / "Tests" / "Import.lean", importer_source(GENERALIZED))
    assert find_importer(tmp_path).dialect is GENERALIZED
    write(tmp_path / "NN" / "Graph.lean", importer_source(CLASSIC))
    assert find_importer(tmp_path).dialect is CLASSIC


def test_built_and_hidden_folders_are_not_looked_at(tmp_path):
    for folder in (".lake/packages/x", "build", ".git"):
        write(tmp_path / folder / "Import.lean", importer_source(CLASSIC))
    found = find_importer(tmp_path)
    assert found.dialect is None and found.whole and found.seen == (tmp_path,)


@pytest.mark.skipif(os.name == "nt", reason="pipes in folders and links")
def test_pipes_links_and_large_files_are_passed_over(tmp_path):
    os.mkfifo(tmp_path / "Import.lean")
    (tmp_path / "Loop.lean").symlink_to(tmp_path / "Loop.lean")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    write(tmp_path / "Json.lean", importer_source(CLASSIC) + " " * 1_000_000)
    found = find_importer(tmp_path)
    assert found.dialect is None and not found.whole
    write(tmp_path / "Parse.lean", importer_source(GENERALIZED))
    assert find_importer(tmp_path).dialect is GENERALIZED


def test_no_more_files_than_the_limit_are_read_the_likely_ones_first(tmp_path, monkeypatch):
    monkeypatch.setattr(importer, "MOST_FILES", 3)
    for number in range(8):
        write(tmp_path / f"A{number}.lean", "theorem x : 1 = 1 := rfl")
    write(tmp_path / "Zoo.lean", importer_source(CLASSIC))
    found = find_importer(tmp_path)
    assert found.dialect is None and not found.whole
    write(tmp_path / "ZImport.lean", importer_source(CLASSIC))
    assert find_importer(tmp_path).dialect is CLASSIC
