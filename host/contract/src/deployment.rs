//! The words of a deployment: what was asked, how far it is, how it ended and why.
//!
//! The registry stores these words and the admin API sends them, so a text never changes. To add a
//! stage, add a variant to [`Stage`] and a step to the rollout (`deployment/src/rollout.rs`).

use std::fmt;

use crate::Vocabulary;
use crate::word::words;

words! {
    /// A stage of a rollout, or the event that ends it.
    pub enum Stage {
        /// The content's digest and signature are checked.
        Verify = "verify",
        /// The component is compiled and linked.
        Compile = "compile",
        /// The component is asked for its routes and migrations.
        Describe = "describe",
        /// The routes are bound to the component's functions.
        Bind = "bind",
        /// The API is compared with the active one.
        Compare = "compare",
        /// The migrations and the self-test run in a transaction that is rolled back.
        Check = "check",
        /// Sampled requests run on the active and on the new revision, and are undone.
        Rehearse = "rehearse",
        /// Every other host of the database prepares the component.
        Staging = "stage",
        /// The migrations are applied.
        Migrate = "migrate",
        /// The component becomes the active one.
        Switch = "switch",
        /// The component answers a share of the clients.
        Canary = "canary",
        /// The component repeats reads and answers nobody.
        Shadow = "shadow",
        /// The component is active, and is rolled back if it fails too often.
        Probation = "probation",
        /// The deployment has ended.
        End = "end",
    }
}

/// How far a deployment is, as its row records it. After a crash, this decides what becomes of
/// the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// No stage has begun.
    Begun,
    /// The stage that began last.
    At(Stage),
    /// The host stopped in probation. The probation goes on when a host takes the deployment over.
    Paused,
    /// The component became the active one, and needs no probation.
    Switched,
}

impl Progress {
    /// Returns the word's text, as rows and JSON have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Progress::Begun => "",
            Progress::At(stage) => stage.as_str(),
            Progress::Paused => "paused",
            Progress::Switched => "switched",
        }
    }
}

impl Vocabulary for Progress {
    fn as_str(self) -> &'static str {
        self.as_str()
    }

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "" => Some(Progress::Begun),
            "paused" => Some(Progress::Paused),
            "switched" => Some(Progress::Switched),
            stage => Stage::from_text(stage).map(Progress::At),
        }
    }

    fn texts() -> Vec<&'static str> {
        let others = [Progress::Begun, Progress::Paused, Progress::Switched];
        let others = others.map(Progress::as_str);
        [&others[..], &Stage::texts()].concat()
    }
}

impl From<Stage> for Progress {
    fn from(stage: Stage) -> Self {
        Progress::At(stage)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

words! {
    /// What was asked for.
    pub enum Kind {
        /// An operator deploys a component.
        Deploy = "deploy",
        /// An operator goes back to an earlier component.
        Rollback = "rollback",
        /// An operator has a component checked without deploying it.
        DryRun = "dry-run",
        /// A new database starts with the component that comes with the host.
        Bundled = "bundled",
        /// The configuration declares the component.
        Declared = "declared",
        /// The host could not load the active component and fell back to an earlier one.
        Fallback = "fallback",
        /// An operator uploads a component. Only rejected uploads are recorded.
        Upload = "upload",
    }
}

words! {
    /// How a deployment ended.
    pub enum Outcome {
        /// It has not ended. Never stored: a row without an outcome runs.
        Running = "running",
        /// The component is the active one.
        Active = "active",
        /// A dry run passed every check.
        Checked = "checked",
        /// It failed before the component became the active one.
        Rejected = "rejected",
        /// The component failed in a trial or in probation, and the previous one is active.
        RolledBack = "rolled-back",
        /// An operator or a stop of the host ended it, and the previous component is active.
        Aborted = "aborted",
    }
}

words! {
    /// What an event says of its stage.
    pub enum EventStatus {
        /// The stage began.
        Began = "began",
        /// The stage ended well.
        Passed = "passed",
        /// The stage failed.
        Failed = "failed",
        /// Something happened in the stage.
        Noted = "noted",
    }
}

words! {
    /// Why a component, an order or a deployment was not accepted, or why a deployment ended
    /// otherwise than ordered. An attempt that HTTP rejected is recorded with the problem's code,
    /// which may be another word.
    pub enum Reason {
        /// The bytes are not a component.
        NotAComponent = "not-a-component",
        /// The bytes are a core module.
        CoreModule = "core-module",
        /// The bytes are compiled code.
        PrecompiledCode = "precompiled-code",
        /// The compilation took too long.
        CompileTimeExceeded = "compile-time-exceeded",
        /// The compilation took too much memory.
        CompileMemoryExceeded = "compile-memory-exceeded",
        /// The compiler failed.
        CompilerFailed = "compiler-failed",
        /// The component's types cannot be read.
        UnreadableInterface = "unreadable-interface",
        /// The compiled code does not fit this host.
        UnfitCode = "unfit-code",
        /// An instance needs more memory than the limit.
        MemoryTooLarge = "memory-too-large",
        /// The component has more modules, memories or tables than an instance can have.
        TooManyParts = "too-many-parts",
        /// The host does not offer an import.
        UnknownImport = "unknown-import",
        /// An import has another shape than the host's.
        ImportShape = "import-shape",
        /// The component needs a later version of the platform.
        ContractNewer = "contract-newer",
        /// An export is missing.
        MissingExport = "missing-export",
        /// The component has no signature and this host requires one.
        NotSigned = "not-signed",
        /// No trusted key made the signature.
        WrongSignature = "wrong-signature",
        /// The content has another digest than its name.
        DigestMismatch = "digest-mismatch",
        /// The registry does not have the component any more.
        ComponentGone = "component-gone",
        /// The API breaks clients of the active one.
        BreakingChange = "breaking-change",
        /// What the component says of itself cannot be read.
        ServiceUnreadable = "service-unreadable",
        /// The logic trapped.
        LogicTrapped = "logic-trapped",
        /// The call took too long.
        DeadlineExceeded = "deadline-exceeded",
        /// The call took too much CPU time.
        CpuTimeExceeded = "cpu-time-exceeded",
        /// The call took too much memory.
        MemoryLimitExceeded = "memory-limit-exceeded",
        /// The call passed too much data to the host.
        HandoverLimitExceeded = "handover-limit-exceeded",
        /// The answer of the call is too large.
        AnswerLimitExceeded = "answer-limit-exceeded",
        /// The call ran too many statements.
        StatementLimitExceeded = "statement-limit-exceeded",
        /// The call read too many rows.
        RowLimitExceeded = "row-limit-exceeded",
        /// The call read too many bytes.
        ByteLimitExceeded = "byte-limit-exceeded",
        /// A statement of the call took too much memory.
        StatementMemoryExceeded = "statement-memory-exceeded",
        /// The logic returned a value that its type does not allow.
        LogicReturnedInvalidValue = "logic-returned-invalid-value",
        /// The logic reported success after a statement had failed.
        LogicIgnoredFailure = "logic-ignored-failure",
        /// The call published too many events.
        EventLimitExceeded = "event-limit-exceeded",
        /// The logic published an event that is not valid.
        LogicPublishedInvalidEvent = "logic-published-invalid-event",
        /// The logic exited instead of returning.
        LogicExited = "logic-exited",
        /// The logic waited for a timer, while time stood still.
        LogicWaited = "logic-waited",
        /// A route names a function that the component does not export.
        UnknownFunction = "unknown-function",
        /// A function has a type that the host cannot read.
        UnreadableType = "unreadable-type",
        /// A function cannot answer a route.
        FunctionUnfit = "function-unfit",
        /// A path is not a template.
        PathMalformed = "path-malformed",
        /// A path has a parameter that the function does not have.
        UnknownPathParameter = "unknown-path-parameter",
        /// A path's parameter has an unsuitable type.
        PathParameterType = "path-parameter-type",
        /// A query parameter has an unsuitable type.
        QueryParameterType = "query-parameter-type",
        /// Two query parameters have one name.
        QueryParameterTwice = "query-parameter-twice",
        /// More than one parameter could be the body.
        BodyAmbiguous = "body-ambiguous",
        /// The status does not fit the result.
        StatusUnfit = "status-unfit",
        /// A GET route may write.
        SafeMethodWrites = "safe-method-writes",
        /// A route names a member that the result does not have.
        UnknownMember = "unknown-member",
        /// A member of the result has an unsuitable type.
        MemberType = "member-type",
        /// The location is not a template.
        LocationMalformed = "location-malformed",
        /// A route has a next page and no cursor.
        NoCursor = "no-cursor",
        /// There are too many routes.
        TooManyRoutes = "too-many-routes",
        /// The types of the API are too large.
        TypesTooLarge = "types-too-large",
        /// A constraint does not fit the type that it names, or cannot be enforced.
        ConstraintUnfit = "constraint-unfit",
        /// Two routes answer the same method and path.
        RouteTwice = "route-twice",
        /// Two paths match the same requests.
        PathAmbiguous = "path-ambiguous",
        /// The host answers the path itself.
        PathReserved = "path-reserved",
        /// A name or another text has characters that could forge what a terminal or a log shows,
        /// or is too long.
        TextUnfit = "text-unfit",
        /// A file of the web UI cannot be served.
        AssetUnfit = "asset-unfit",
        /// A migration differs from the one that was applied.
        MigrationChanged = "migration-changed",
        /// The migrations are in another order than they were applied in.
        MigrationReordered = "migration-reordered",
        /// A migration that was applied is missing.
        MigrationMissing = "migration-missing",
        /// Two migrations have one name.
        MigrationTwice = "migration-twice",
        /// A migration's statement failed.
        MigrationFailed = "migration-failed",
        /// A migration took too long.
        MigrationTimeExceeded = "migration-time-exceeded",
        /// Other transactions kept a migration from running.
        MigrationBlocked = "migration-blocked",
        /// The self-test failed.
        CheckFailed = "check-failed",
        /// Sampled requests failed in the new logic and not in the active one.
        RehearsalTrapped = "rehearsal-trapped",
        /// Sampled requests ended differently, and the order does not accept that.
        RehearsalDiffers = "rehearsal-differs",
        /// No sampled request could be compared, and the order does not accept that.
        RehearsalIncomplete = "rehearsal-incomplete",
        /// The canary failed too often.
        CanaryFailed = "canary-failed",
        /// The component failed too often in probation.
        ProbationFailed = "probation-failed",
        /// Another host cannot serve the component.
        ReplicaRefused = "replica-refused",
        /// A host did not follow in time.
        ReplicaLate = "replica-late",
        /// The database did not answer.
        DatabaseUnavailable = "database-unavailable",
        /// The order names a canary and a shadow.
        TwoTrials = "two-trials",
        /// The component was rolled back before.
        RefusedBefore = "refused-before",
        /// The component to go back to was never active.
        NeverActive = "never-active",
        /// The component to go back to is the active one.
        AlreadyActive = "already-active",
        /// The deployment does not run.
        NotRunning = "not-running",
        /// The deployment is not a canary, so it has no share.
        NoCanary = "no-canary",
        /// The deployment is neither a canary nor a shadow now.
        NoTrial = "no-trial",
        /// An operator ended the deployment.
        Aborted = "aborted",
        /// The host stopped before the component became the active one.
        HostStopped = "host-stopped",
        /// The host crashed while the component was in probation.
        CrashedInProbation = "crashed-in-probation",
        /// The host crashed while the component was on trial.
        CrashedInTrial = "crashed-in-trial",
        /// The active component could not be loaded at a start.
        ActiveUnloadable = "active-unloadable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Word;

    #[test]
    fn every_word_is_read_from_its_own_text() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_text(stage.as_str()), Some(*stage));
            let progress = Progress::At(*stage);
            assert_eq!(Progress::from_text(progress.as_str()), Some(progress));
        }
        for progress in [Progress::Begun, Progress::Paused, Progress::Switched] {
            assert_eq!(Progress::from_text(progress.as_str()), Some(progress));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_text(reason.as_str()), Some(*reason));
        }
    }

    #[test]
    fn a_word_of_another_version_keeps_its_text() {
        let word: Word<Outcome> = serde_json::from_str("\"superseded\"").unwrap();
        assert_eq!(word.known(), None);
        assert_eq!(word.to_string(), "superseded");
        assert_eq!(serde_json::to_string(&word).unwrap(), "\"superseded\"");
        let word: Word<Outcome> = serde_json::from_str("\"rolled-back\"").unwrap();
        assert_eq!(word, Outcome::RolledBack);
    }
}
