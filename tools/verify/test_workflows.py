"""Runs the linters for workflows and shell scripts, and checks what they do not: pinned actions, bounded jobs,
and that the component's workflow builds no image."""

import re

import pytest
import yaml

from conftest import ROOT, run, tool

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCRIPTS = [*sorted((ROOT / "k8s").glob("**/*.sh")), ROOT / ".ci/run"]


def test_actionlint_finds_nothing():
    run(tool("actionlint"), "-shellcheck", tool("shellcheck"), *WORKFLOWS)


def test_zizmor_finds_nothing():
    run(tool("zizmor"), "--offline", "--quiet", ROOT / ".github")


def test_shellcheck_finds_nothing():
    run(tool("shellcheck"), *SCRIPTS)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_their_version_in_a_comment(workflow):
    for line in workflow.read_text().splitlines():
        if "uses:" in line and "uses: ./" not in line:
            assert re.search(r"@[0-9a-f]{40} # v?\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_job_has_a_time_limit_and_few_permissions(workflow):
    content = yaml.safe_load(workflow.read_text())
    assert "permissions" in content
    for name, job in content["jobs"].items():
        assert "uses" in job or job["timeout-minutes"] <= 90, name
        assert "write-all" != job.get("permissions"), name


def test_the_workflow_for_logic_builds_no_image():
    text = (ROOT / ".github/workflows/component.yml").read_text()
    assert "docker" not in text
    assert "helm" not in text


def test_only_main_deploys_to_prod():
    job = yaml.safe_load((ROOT / ".github/workflows/host.yml").read_text())["jobs"]["deploy"]
    assert job["environment"] == "${{ github.ref_name == 'main' && 'prod' || 'stage' }}"
    command = next(step["run"] for step in job["steps"] if "helm upgrade" in step.get("run", ""))
    for flag in ("--install", "--atomic", "--wait", "--timeout"):
        assert flag in command
