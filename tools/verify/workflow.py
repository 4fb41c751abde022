"""Runs the jobs of a GitHub workflow locally: all steps that have commands, in order, until one fails. Steps
that use actions are skipped; the test does their work itself."""

import re

import yaml

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


class Workflow:
    """A workflow. `values` maps each of its expressions to a value; an expression that is missing there is an
    error."""

    def __init__(self, path, values):
        self.content = yaml.safe_load(path.read_text())
        self.values = values

    def value(self, text):
        return EXPRESSION.sub(lambda found: self.values[found[1]], str(text))

    def environment(self, holder):
        return {name: self.value(text) for name, text in holder.get("env", {}).items()}

    def job(self, name, machine, folder, replaced, **given):
        """Runs a job. Returns the names of the steps that ran, the result of the last one (of the one that
        failed, if any), and the job's outputs. Strings in `replaced` are replaced in all commands."""
        job = self.content["jobs"][name]
        environment = self.environment(self.content) | self.environment(job) | given
        files = {kind: folder / f"{name}.{kind}" for kind in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        ran, done = [], None
        for step in job["steps"]:
            if "run" not in step:
                continue
            failed = done is not None and done.returncode != 0
            condition = self.value(step.get("if", "true"))
            if condition == "false" or failed and condition != "always()":
                continue
            text = self.value(step["run"])
            for old, new in replaced.items():
                text = text.replace(old, new)
            added = dict(line.split("=", 1) for line in files["GITHUB_ENV"].read_text().splitlines())
            outcome = machine.run_step(
                text,
                folder,
                **{kind: str(file) for kind, file in files.items()},
                **environment | added | self.environment(step),
            )
            if not failed:
                ran.append(step["name"])
                done = outcome
        outputs = files["GITHUB_OUTPUT"].read_text().splitlines()
        return ran, done, dict(line.split("=", 1) for line in outputs)
