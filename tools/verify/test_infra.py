"""Checks the OpenTofu files: they parse, every reference is declared, and no port is open by mistake. `tofu
validate` is not run, because it needs the provider from its registry."""

import re
import shutil

import hcl2
import pytest

from conftest import ROOT, run, tool

INFRA = ROOT / "k8s/infra"
FILES = sorted(INFRA.glob("*.tf"))


def text():
    return "\n".join(path.read_text() for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_parses(path):
    with path.open() as file:
        assert hcl2.load(file)


def test_every_reference_is_declared():
    whole = text()
    variables = set(re.findall(r'^variable "(\w+)"', whole, re.MULTILINE))
    assert set(re.findall(r"\bvar\.(\w+)", whole)) == variables
    resources = set(re.findall(r'^resource "(\w+)" "(\w+)"', whole, re.MULTILINE))
    assert set(re.findall(r"\b(google_\w+)\.(\w+)", whole)) <= resources
    [block] = re.findall(r"^locals \{(.*?)^\}", whole, re.MULTILINE | re.DOTALL)
    declared = set(re.findall(r"^  (\w+)\s+=", block, re.MULTILINE))
    assert set(re.findall(r"\blocal\.(\w+)", whole)) == declared


def test_only_operators_can_reach_ssh_and_the_kubernetes_api():
    rules = re.findall(
        r'^resource "google_compute_firewall" "(\w+)" \{(.*?)^\}', text(), re.MULTILINE | re.DOTALL
    )
    open_to_all = {name: body for name, body in rules if "0.0.0.0/0" in body}
    assert set(open_to_all) == {"web"}
    assert re.findall(r'"(\d+)"', open_to_all["web"]) == ["80", "443"]


def test_every_variable_and_output_has_a_description():
    blocks = re.findall(
        r'^(?:variable|output) "(\w+)" \{(.*?)^\}', text(), re.MULTILINE | re.DOTALL
    )
    for name, body in blocks:
        assert "description" in body, name


def test_shellcheck_finds_nothing_in_the_script_of_a_node(tmp_path):
    template = (INFRA / "node.sh.tftpl").read_text()
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", template)) == {"kubernetes"}
    script = tmp_path / "node.sh"
    script.write_text(template.replace("${kubernetes}", "1.32").replace("$${", "${"))
    run(tool("shellcheck"), script)


def test_it_is_formatted():
    program = shutil.which("tofu") or shutil.which("terraform")
    if program is None:
        pytest.skip("tofu is missing: https://opentofu.org/docs/intro/install")
    run(program, "fmt", "-check", "-diff", INFRA)
