"""The workflows of GitHub, as far as they can be judged without running them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML, which reads workflows, is not installed")
ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
if not GITHUB.is_dir():
    pytest.skip("the source archive has no workflows", allow_module_level=True)
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
CI, RELEASE = (
    yaml.safe_load((GITHUB / "workflows" / name).read_text("utf-8")) for name in ("ci.yml", "release.yml")
)


def loaded(path):
    return yaml.safe_load(path.read_text("utf-8"))


def test_there_are_workflows_and_forms():
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "docs.yml", "release.yml"}
    assert {path.stem for path in FORMS} == {"bug", "capture", "feature"}


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed")
def test_actionlint_finds_nothing():
    done = subprocess.run(
        ["actionlint", *map(str, WORKFLOWS)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit_with_its_version_beside(path):
    used = re.findall(r"uses: (\S+)(.*)", path.read_text("utf-8"))
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action}{comment}"


def test_an_action_has_the_same_commit_wherever_it_is_used():
    used = [re.findall(r"uses: (\S+?)@(\S+)", path.read_text("utf-8")) for path in WORKFLOWS]
    assert len({name for pairs in used for name, _ in pairs}) == len(
        {pair for pairs in used for pair in pairs}
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_the_least_and_runs_once_for_each_branch(path):
    workflow = loaded(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert "github.workflow" in workflow["concurrency"]["group"]
    assert "pull_request_target" not in path.read_text("utf-8")
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_what_is_published_was_built_and_attested_before():
    jobs = RELEASE["jobs"]
    needs = {name: job.get("needs") for name, job in jobs.items()}
    assert needs == {
        "build": None,
        "attest": "build",
        "pypi": "attest",
        "galleries": "pypi",
        "release": "pypi",
    }
    may = {name: job["permissions"] for name, job in jobs.items()}
    assert may["build"] == {"contents": "read"} and may["galleries"] == {}
    assert may["attest"] == {"attestations": "write", "id-token": "write"}
    assert may["pypi"] == {"id-token": "write"} and may["release"] == {"contents": "write"}
    assert {name for name, job in jobs.items() if "environment" in job} == {"pypi", "galleries"}


def test_only_the_galleries_need_secrets():
    text = (GITHUB / "workflows" / "release.yml").read_text("utf-8")
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"VSCE_PAT", "OVSX_PAT"}
    assert "secrets." not in (GITHUB / "workflows" / "ci.yml").read_text("utf-8")


def test_ci_has_every_python_that_the_package_names_and_the_oldest_of_everything():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {text.rpartition(" ")[2] for text in project["classifiers"] if re.search(r":: 3\.\d+$", text)}
    matrix = CI["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert {entry["python"] for entry in matrix} == named
    assert {entry["packages"] for entry in matrix} == {"oldest", "pinned", "newest"}
    for entry in matrix:
        assert entry["constraints"] == "/dev/null" or (ROOT / entry["constraints"]).is_file()
    lines = (ROOT / ".ci" / "oldest.txt").read_text("utf-8").splitlines()
    oldest = dict(line.split("==") for line in lines if "==" in line)
    told = [
        *project["dependencies"],
        *(
            text
            for extra in project["optional-dependencies"]
            for text in project["optional-dependencies"][extra]
        ),
    ]
    users = {name: version for text in told for name, version in re.findall(r"^([\w-]+)>=([\d.]+)", text)}
    wanted = {name for name in users if name in oldest}
    assert set(oldest) == wanted and "torch" in wanted
    for name, version in oldest.items():
        assert f"{version}.".startswith(f"{users[name]}."), name


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_has_what_github_asks_of_one(path):
    form = loaded(path)
    assert form["name"] and form["description"]
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    for field in form["body"]:
        assert field["type"] in ("textarea", "input", "dropdown", "checkboxes", "markdown")
        assert field["attributes"].get("label") or field["type"] == "markdown"
    if path.stem != "feature":
        assert "torchlean --version --verbose" in path.read_text("utf-8")
