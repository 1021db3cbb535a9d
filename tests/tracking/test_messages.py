import json

import pytest

from stages.tracking import messages
from stages.tracking.messages import (
    Damaged,
    End,
    Finish,
    LogDataset,
    LogFiles,
    LogImage,
    LogMetrics,
    LogModel,
    Message,
    Resume,
    SetExperimentTags,
    SetParent,
    SetTags,
    Start,
)

EXAMPLES = [
    Start(),
    Start(
        experiment="sine",
        name="seed-1",
        key="17-ab",
        params={"lr": "0.1"},
        tags={"seed": "1", "ä": "two\nlines"},
        if_absent_tag=("dvc.generator", "abc"),
        time=5,
    ),
    Start(experiment="sine", run_id="f" * 32),
    Resume(tags={"process": "host:1"}),
    LogMetrics(metrics={"loss": 0.1, "best": float("inf"), "d": -1e-300}, step=3, skip_if_found=True),
    LogImage(key="preview", step=20, files=("files/1/array.npy",)),
    LogFiles(folder="checkpoints", names=("a", "b"), files=("files/1/a", "files/2/b")),
    LogModel(files=("files/1/generator.safetensors", "files/2/code.zip")),
    LogDataset(name="sine", path="data/sine/dataset.safetensors", digest="abc"),
    SetTags(tags={"a": "b"}),
    SetExperimentTags(experiment_tags={"mlflow.note.content": "# text"}),
    SetParent(experiment="sine", tag="dvc.group", value="abc"),
    Finish(status="KILLED", time=7),
    End(time=8),
    Damaged(),
]


def test_every_kind_of_message_is_tried_here():
    assert {type(message) for message in EXAMPLES} == set(Message.__subclasses__())


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.method)
def test_a_message_comes_back_as_it_was(message):
    text = message.encode()
    assert b"\n" not in text  # a journal has one on a line
    assert messages.decode(text) == message


def test_a_number_that_is_none_comes_back_too():
    found = messages.decode(LogMetrics(metrics={"loss": float("nan")}).encode())
    assert isinstance(found, LogMetrics)
    assert found.metrics["loss"] != found.metrics["loss"]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.method)
def test_a_key_that_is_not_known_is_ignored(message):
    """As a newer commit may have written it."""
    values = json.loads(message.encode())
    text = json.dumps({"new": [1, {"a": None}], **values}).encode()
    assert messages.decode(text) == message


def test_what_is_left_out_is_as_by_default():
    assert messages.decode(b'{"method": "finish"}') == Finish(status="FINISHED", time=0, skip_if_found=False)
    assert set(json.loads(End().encode())) == {"method"}


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"null", b"1", b'"start"', b"[]", b"[1]", b"{}", b"\xff\xfe", b"not JSON"),
        *(b'{"method": "dance"}', b'{"method": null}', b'{"method": ["start"]}', b'{"time": 1}'),
        LogMetrics(metrics={"loss": 1.0}).encode()[:-1],
    ],
)
def test_a_damaged_text_is_damaged(text):
    assert messages.decode(text) == Damaged()


ONCE = [
    (LogMetrics(metrics={"a": 1.0}, step=1), LogMetrics(metrics={"a": 2.0}, step=1, time=9)),
    (LogImage(key="preview", step=1), LogImage(key="preview", step=1, files=("files/1/array.npy",))),
    (LogFiles(folder="a", names=("b",)), LogFiles(folder="a", names=("b",), files=("files/1/b",))),
    (LogModel(), LogModel(files=("a", "b"), time=9)),
    (LogDataset(name="sine", digest="a"), LogDataset(name="sine", path="here", digest="b")),
]
OTHERS = [
    LogMetrics(metrics={"a": 1.0}, step=2),
    LogMetrics(metrics={"b": 1.0}, step=1),
    LogMetrics(metrics={"a": 1.0, "b": 1.0}, step=1),
    LogImage(key="preview", step=2),
    LogImage(key="other", step=1),
    LogFiles(folder="", names=("b",)),
    LogFiles(folder="a", names=("c",)),
    LogFiles(folder="a", names=("b", "c")),
    LogDataset(name="digits", digest="a"),
]


def test_a_resumed_run_logs_again_what_has_the_same_signature():
    """Values, times and the names of files in the journal are no part of it."""
    for first, again in ONCE:
        assert first.signature is not None
        assert first.signature == again.signature
    different = [message.signature for message in (*(first for first, _ in ONCE), *OTHERS)]
    assert len(set(different)) == len(different)


def test_what_a_run_was_found_to_have_logged_has_the_same_signature_after_a_journal():
    for first, _ in ONCE:
        assert messages.decode(first.encode()).signature == first.signature


def test_what_may_be_logged_any_number_of_times_has_none():
    kinds = {type(first) for first, _ in ONCE}
    assert {message.signature for message in EXAMPLES if type(message) not in kinds} == {None}


@pytest.mark.parametrize(
    "asked",
    [
        messages.WatchJournal(journal="17-ab"),
        messages.Close(patient=True),
        messages.FindRun(id=1, experiment="sine", tag="a", value="ö\n"),
        messages.GetRunId(id=2, journal="17-ab"),
    ],
    ids=lambda asked: asked.method,
)
def test_a_request_comes_back_as_it_was(asked):
    line = asked.encode()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert messages.decode_request(line) == asked
