//! The schemas of [`deployment::model`].

use serde_json::{Map, Value, json};

use super::{list_of, schema};

/// All of them, by name.
pub(super) fn schemas() -> Value {
    let component = [
        ("digest", digest("The component's SHA-256.")),
        ("size_bytes", number("Its size.")),
        ("actor", text("Who uploaded it.")),
        ("uploaded_at", time("When.")),
        (
            "signed",
            flag("Whether it carries a signature of a trusted key."),
        ),
        ("active", flag("Whether it is the active one.")),
    ];
    json!({
        "ComponentSummary": record("A component that was uploaded.", component.clone(), &[]),
        "Component": described(record("A component, and what it says of itself.", component, &[])),
        "Order": closed(record("What to deploy, and how.", [
            ("digest", json!({"type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$",
                "description": "The SHA-256 of a component that was uploaded."})),
            ("dry_run", option("Check everything, switch nothing.")),
            ("allow_breaking", option("Let an API through that breaks clients of the active one.")),
            ("retry_refused", option("Try a component again that was rolled back before.")),
            ("canary_percent", json!({"type": ["number", "null"],
                "exclusiveMinimum": 0, "exclusiveMaximum": 100,
                "description": "Send only this share of clients to the new revision until it is \
                    promoted, in percent."})),
            ("shadow", option("Run reads on the new revision too, after the answer, and compare.")),
        ], &["dry_run", "allow_breaking", "retry_refused", "canary_percent", "shadow"])),
        "Rollback": closed(record("Where to go back to.", [
            ("digest", json!({"type": ["string", "null"], "pattern": "^(sha256:)?[0-9a-fA-F]{64}$",
                "description": "A component that was active; absent: the one before the active \
                    one."})),
        ], &["digest"])),
        "Promotion": closed(record("How much a canary gets.", [
            ("canary_percent", json!({"type": ["number", "null"],
                "exclusiveMinimum": 0, "exclusiveMaximum": 100,
                "description": "The share of clients from now on; absent: everything, for good."})),
        ], &["canary_percent"])),
        "Begun": record("A deployment that has begun.", [("id", number("Its number."))], &[]),
        "Deployment": record("A deployment, running or ended.", [
            ("id", number("Rises with every deployment.")),
            ("digest", text("The component's SHA-256; empty where nothing readable came.")),
            ("from", nullable("string", "What was active before.")),
            ("kind", one_of("What was asked.", &["deploy", "rollback", "dry-run", "bundled", "declared",
                "fallback", "upload"])),
            ("actor", text("Who asked.")),
            ("stage", text("The latest stage.")),
            ("outcome", one_of("How it ended, or that it runs.",
                &["running", "active", "checked", "rejected", "rolled-back", "aborted"])),
            ("code", nullable("string", "The reason's slug where it did not succeed.")),
            ("reason", nullable("string", "The reason for people.")),
            ("events", with_description("What happened so far.", list_of("Event"))),
            ("began_at", time("When it began.")),
            ("ended_at", json!({"type": ["string", "null"], "format": "date-time",
                "description": "When it ended; null while it runs."})),
        ], &[]),
        "Event": record("One thing that happened in a deployment.", [
            ("number", number("Counts from 0 in a deployment.")),
            ("at", time("When.")),
            ("stage", one_of("In which stage.", &["verify", "compile", "describe", "bind",
                "compare", "check", "stage", "migrate", "switch", "canary", "shadow", "probation", "end"])),
            ("status", one_of("How far the stage is.", &["began", "passed", "failed", "noted"])),
            ("detail", nullable("string", "For people.")),
            ("duration_ms", nullable("number", "How long the stage took, where it has ended.")),
            ("breaking", json!({"type": "array", "items": {"type": "string"},
                "description": "Changes that break clients; absent where there are none."})),
        ], &["breaking"]),
        "Status": record("What is true now.", [
            ("active", schema("RevisionStatus")),
            ("candidate", or_null("RevisionStatus")),
            ("candidate_percent", nullable("number",
                "The share of clients that the candidate gets, in percent; 0 in shadow.")),
            ("shadow", or_null("ShadowReport")),
            ("deployment", or_null("Deployment")),
            ("kept", with_description("The revisions that a rollback reaches without compiling, the \
                latest first.", list_of("RevisionStatus"))),
            ("warning", nullable("string", "What has to be known of the active revision: that the \
                host fell back to it, and why.")),
            ("replicas", with_description("The hosts that share the database, this one among them; \
                empty where it belongs to this one.", list_of("ReplicaStatus"))),
            ("epoch", number("Raised by every change of the active revision.")),
            ("host_version", text("The host's version.")),
        ], &[]),
        "ReplicaStatus": record("A host that shares the database.", [
            ("name", text("What people call it.")),
            ("id", text("Its process' id; no other one ever had it.")),
            ("this", flag("Whether it is the one that was asked.")),
            ("state", one_of("What it does; gone: its lease has run out.",
                &["starting", "serving", "failed", "gone"])),
            ("digest", nullable("string", "The component that it serves.")),
            ("epoch", number("The epoch of that.")),
            ("heartbeat_ms", number("How long ago it was heard of last, in milliseconds.")),
            ("host_version", text("Its version.")),
            ("problem", nullable("string", "Why it cannot serve the component that is deployed.")),
        ], &[]),
        "ShadowReport": record("What reads that were run in the shadow came to.", [
            ("compared", number("Reads that both revisions answered.")),
            ("different", number("Those of them that were not answered alike.")),
            ("skipped", number("Reads that were left out: the host was busy, or a comparison \
                could not be finished.")),
            ("samples", with_description("The first 20 kinds of differences.",
                list_of("ShadowSample"))),
        ], &[]),
        "ShadowSample": record("A kind of difference between two revisions.", [
            ("route", text("Method and template.")),
            ("pointer", text("A JSON pointer into the body; empty: the kind of answer, or the \
                whole body.")),
            ("detail", text("What differs there, without the data.")),
            ("count", number("How often it was seen.")),
            ("request_id", text("The id of the first such request.")),
        ], &[]),
        "RevisionStatus": record("A revision that serves.", [
            ("digest", digest("Its component's SHA-256.")),
            ("name", text("The service's name.")),
            ("version", text("The logic's version.")),
            ("requests", number("Requests that began on it here since it was loaded.")),
            ("failures", number("Those of them that failed by the logic's fault.")),
            ("in_flight", number("Those that run now.")),
        ], &[]),
        "Figures": record("What requests came to lately, in this host.", [
            ("now", number("The second that runs, counted since 1970; not among the others.")),
            ("seconds", with_description("The earliest first; a revision without requests in a \
                second has no entry for it.", list_of("RevisionSecond"))),
        ], &[]),
        "RevisionSecond": record("One revision in one second.", [
            ("at", number("The second, counted since 1970.")),
            ("revision", text("The first 12 hex digits of its digest.")),
            ("requests", number("Requests to it that were answered.")),
            ("failures", number("Those of them whose answer was a 5xx.")),
            ("traps", number("Those of them in which the logic trapped.")),
            ("p50_ms", duration("Half of them took no longer.")),
            ("p99_ms", duration("All but one in a hundred took no longer.")),
        ], &[]),
        "Failure": record("A request that was answered with a 5xx.", [
            ("at", time("When it was answered.")),
            ("request_id", text("Its id, as its client and the log know it.")),
            ("method", text("Its method.")),
            ("route", text("The template that it matched; empty where it matched none.")),
            ("status", number("The answer's status.")),
            ("code", text("The problem's slug.")),
            ("reason", text("Why, as its client was not told.")),
            ("revision", text("The first 12 hex digits of the revision's digest.")),
            ("duration_ms", duration("How long it took.")),
        ], &[]),
        "Problem": record("Why it was not done (RFC 9457).", [
            ("type", json!({"type": "string", "format": "uri",
                "description": "Ends in the reason's slug."})),
            ("title", text("The kind of reason.")),
            ("status", number("The HTTP status.")),
            ("detail", text("What it was this time.")),
            ("errors", json!({"type": "array", "description": "What does not fit, by place.",
                "items": {"type": "object", "required": ["pointer", "detail"], "properties": {
                    "pointer": {"type": "string"}, "detail": {"type": "string"}}}})),
            ("request_id", text("By which the log tells more.")),
            ("deployment", number("The deployment that runs, with 409.")),
        ], &["detail", "errors", "deployment"]),
    })
}

/// An object, of whose members all but those named last are always there.
fn record<const N: usize>(
    description: &str,
    members: [(&str, Value); N],
    optional: &[&str],
) -> Value {
    let names = members.iter().map(|(name, _)| *name);
    let required: Vec<_> = names.filter(|name| !optional.contains(name)).collect();
    let properties: Map<_, _> = members
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    json!({"type": "object", "description": description, "required": required,
        "properties": properties})
}

/// Refuses members that it does not name.
fn closed(mut record: Value) -> Value {
    record["additionalProperties"] = false.into();
    record
}

/// The members that a component's own words add.
fn described(mut record: Value) -> Value {
    record["properties"]["routes"] = json!({"type": "array", "description": "Its HTTP API."});
    record["properties"]["imports"] =
        json!({"type": "array", "description": "What it needs of the host."});
    record
}

fn with_description(description: &str, mut schema: Value) -> Value {
    schema["description"] = description.into();
    schema
}

fn digest(description: &str) -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$", "description": description})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn time(description: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": description})
}

fn number(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

fn duration(description: &str) -> Value {
    json!({"type": "number", "minimum": 0, "description": format!("{description} Milliseconds.")})
}

fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

fn option(description: &str) -> Value {
    json!({"type": "boolean", "default": false, "description": description})
}

fn nullable(kind: &str, description: &str) -> Value {
    json!({"type": [kind, "null"], "description": description})
}

fn or_null(name: &str) -> Value {
    json!({"oneOf": [schema(name), {"type": "null"}]})
}

fn one_of(description: &str, words: &[&str]) -> Value {
    json!({"type": "string", "enum": words, "description": description})
}
