"""What comes before a person, what the page is made of, and what its server refuses."""

import base64
import hashlib
import http.client
import json
import re
from contextlib import contextmanager
from importlib import resources

import made_up
import pytest
from reviews import case, page_of, tables
from serving import serving

from jet.review.data import review_data
from jet.review.page import SCRIPTS
from jet.review.selection import MOST, to_review
from jet.review.server import REVIEWED, SESSION, ReviewServer

FOLDER = resources.files("jet.review")
LABELS = json.loads(FOLDER.joinpath("labels.json").read_text(encoding="utf-8"))
SOURCE = "".join(FOLDER.joinpath("js", f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)


def test_all_that_is_not_auto_is_reviewed_and_a_share_of_auto_always_the_same():
    decisions = ["auto"] * 1000 + ["review", "none"]
    predictions = made_up.predictions(["Acme"] * len(decisions), decisions)
    assert to_review(predictions, 0, "f")["decision"].to_pylist() == ["review", "none"]
    some = to_review(predictions, 0.1, "f")
    assert 60 < len(some) - 2 < 140
    assert to_review(predictions, 0.1, "f").equals(some)
    assert not to_review(predictions, 0.1, "g").equals(some)
    assert len(to_review(predictions, 1, "f")) == len(decisions)


def test_companies_are_picked_and_too_many_entries_refused():
    predictions = made_up.predictions(["Acme", "Birch"], ["review", "review"])
    assert to_review(predictions, 0, "f", ["Birch"])["entity"].to_pylist() == ["Birch"]
    with pytest.raises(ValueError, match=r"'Cedar' has no predictions: name one of \['Acme', 'Birch'\]"):
        to_review(predictions, 0, "f", ["Cedar"])
    many = made_up.predictions(["Acme"] * (MOST + 1), ["review"] * (MOST + 1))
    with pytest.raises(ValueError, match=r"more than a page holds .*--company"):
        to_review(many, 0, "f")


def test_what_repeats_stands_once_and_an_entry_that_is_missing_is_named():
    predictions, entries, accounts = tables(case("1", "rent 1"), case("2", "rent 2"), case("3", "phone"))
    data = review_data(predictions, entries, accounts)
    assert data["entries"]["group"] == [0, 0, 1]
    assert (data["companies"], data["reasons"], data["past"]["id"]) == (
        ["Acme"],
        ["booked like 3 of 3"],
        ["old"],
    )
    assert data["entries"]["amounts"][0] == ["100", "100"]
    with pytest.raises(ValueError, match=r"'3' of 'Acme' is predicted, and not in --ledgers"):
        review_data(predictions, entries.slice(0, 2), accounts)


def test_the_policy_names_the_only_script_and_style_and_no_request_is_allowed():
    html = page_of(case("1", "</script><script>document.title=1</script>"))
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert {"default-src 'none'", "connect-src 'none'"} <= set(policy.split("; "))
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert len(re.findall(r"<script[ >]", html)) == 3
    assert not re.findall(r'(?:src|href)="(?!data:,)', html)


def test_no_script_makes_html_of_texts():
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function", SOURCE)
    assert {f"{name}.js" for name in SCRIPTS} == {path.name for path in FOLDER.joinpath("js").iterdir()}


def test_every_label_is_there_in_every_language_and_none_is_left_over():
    html = FOLDER.joinpath("page.html").read_text(encoding="utf-8")
    names = set(LABELS["en"])
    for language, labels in LABELS.items():
        assert set(labels) == names, language
        for name, text in labels.items():
            assert text.strip(), (language, name)
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", LABELS["en"][name]))
    used = set(re.findall(r'data-(?:label|name|hint|command)="(\w+)"', html))
    used |= set(re.findall(r'"(\w+)"', SOURCE)) | set(re.findall(r"(\w+):", SOURCE)) | {"languageName"}
    menus = {name for name in names if re.match(r"(show|order|grouping)_", name)}
    assert {name.split("_")[1] for name in menus} <= used
    assert names - menus - used == set()
    said = set(re.findall(r'(?<!\.)\b(?:say|add|button)\((?:"\w+", say\()?"(\w+)"', SOURCE))
    assert said <= names


@contextmanager
def served(folder):
    with ReviewServer("<p>page</p>", folder) as server, serving(server):
        yield server


def asked(server, path, method="GET", body=None, **headers):
    """The status and the text of an answer; headers are named like host and origin."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def sent(reviewed='{"entry_id": "1"}\n'):
    return json.dumps({"session": '{"jet": "review session", "entries": {}}', "reviewed": reviewed})


def test_the_server_gives_the_page_and_saves_into_its_folder(tmp_path):
    with served(tmp_path) as server:
        path = f"/{server.token}/"
        assert asked(server, path) == (200, "<p>page</p>")
        assert asked(server, f"{path}saved") == (204, "")
        assert asked(server, f"{path}saved", "PUT", sent(), Origin=server.origin) == (204, "")
        assert asked(server, f"{path}saved")[1] == (tmp_path / SESSION).read_text()
    assert (tmp_path / REVIEWED).read_text() == '{"entry_id": "1"}\n'
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted((REVIEWED, SESSION))


def test_the_server_refuses_whoever_is_not_its_page(tmp_path):
    with served(tmp_path) as server:
        page, saved = f"/{server.token}/", f"/{server.token}/saved"
        for path in ("/", "/x/", f"/{server.token[:-1]}/", "/%C3%A9/", f"{page}../x"):
            assert asked(server, path)[0] == 404, path
        assert asked(server, page, Host="example.com")[0] == 404
        assert asked(server, page, Host=f"localhost.example.com:{server.server_port}")[0] == 404
        for origin in ("null", "http://example.com", f"http://127.0.0.1:{server.server_port + 1}"):
            assert asked(server, saved, "PUT", sent(), Origin=origin)[0] == 403, origin
        assert asked(server, saved, "PUT", sent())[0] == 403
        assert asked(server, saved, "POST", sent(), Origin=server.origin)[0] == 501
        for body in ("[]", "{", json.dumps({"session": "{}", "reviewed": ""}), sent("no JSON")):
            assert asked(server, saved, "PUT", body, Origin=server.origin)[0] == 400, body
        large = {"Content-Length": str(2**40)}
        assert asked(server, saved, "PUT", None, Origin=server.origin, **large)[0] == 413
    assert list(tmp_path.iterdir()) == []
