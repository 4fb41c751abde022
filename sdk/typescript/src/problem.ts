// The answers to requests that fail.

/** What a problem can say beside its status, code and title. */
export interface ProblemDetails {
  /** What happened this time, as a sentence for a person. */
  detail?: string;
  /** Each error with its place: `#/title` in the body, `#/query/limit` or `#/path/id`. */
  errors?: { pointer: string; detail: string }[];
  /** Further members of the answer. */
  extensions?: Record<string, string>;
}

/**
 * The answer to a request that fails. Throw it: the client receives it, and the transaction is undone.
 *
 * The status is 400 to 599. The code is stable and in kebab-case. The title is always the same for the code.
 */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly details: ProblemDetails = {},
  ) {
    super(`${status} ${code}: ${title}`);
  }
}
