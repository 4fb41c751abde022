// Long lists in pages.

import { Problem } from "./problem.ts";
import { integer, list, Named, optional, string, Type, type Infer } from "./types.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/**
 * Where a page of a list begins, and how long it is: the query parameters `cursor` and `limit`.
 *
 * A cursor is the position of the last item of the page before, such as its id. Read one item more than the page has,
 * and `of` knows whether another page follows.
 */
export class Cursor {
  /** The position after which the page begins. Null for the first page. */
  readonly after: string | null;
  /** Maximum number of items on the page, 1 to 1000. Default: 100. */
  readonly limit: number;

  constructor({ after = null, limit = null }: { after?: string | null; limit?: number | null } = {}) {
    this.after = after;
    this.limit = limit ?? DEFAULT_LIMIT;
    if (!Number.isInteger(this.limit) || this.limit < 1 || this.limit > MAX_LIMIT) {
      throw invalid("#/query/limit", `The limit must be 1 to ${MAX_LIMIT}.`);
    }
  }

  /** Returns the id after which the page begins. For the first page it is less than every id. */
  afterId(): number {
    if (this.after === null) return Number.MIN_SAFE_INTEGER;
    const id = Number(this.after);
    if (!/^-?\d+$/.test(this.after) || !Number.isSafeInteger(id)) {
      throw invalid("#/query/cursor", "This is not the cursor of a page.");
    }
    return id;
  }

  /** Makes a page of items of which at least one more than `limit` was read, if it exists. */
  of<T>(items: T[], position: (item: T) => string | number): Page<T> {
    const page = items.slice(0, this.limit);
    const more = items.length > this.limit;
    return { items: page, next: more ? String(position(page.at(-1)!)) : null };
  }
}

/** One page of a list. The items are the body; the `Link` header has the address of the next page. */
export interface Page<T> {
  items: T[];
  /** The cursor of the next page. Null on the last page. */
  next: string | null;
}

function invalid(pointer: string, detail: string) {
  return new Problem(422, "invalid-page", "The page is not valid", { errors: [{ pointer, detail }] });
}

/** The parameter that a list with pages has. */
export class CursorType extends Type<Cursor, Cursor | undefined> {
  /** The parameters of the API that it stands for. */
  readonly parameters: [string, Type][] = [
    ["cursor", optional(string())],
    ["limit", optional(integer({ minimum: 1, maximum: MAX_LIMIT }))],
  ];
  wit(): string {
    throw new TypeError("a cursor is a parameter of an operation");
  }
  accept(value: unknown, place: string) {
    if (value === undefined) return new Cursor();
    if (!(value instanceof Cursor)) throw new TypeError(`${place} must be a Cursor`);
    return value;
  }
}

/** The parameter of a list with pages. The logic gets a `Cursor`. */
export function cursor(): CursorType {
  return new CursorType();
}

export class PageType<Out = any, In = any> extends Named<Page<Out>, Page<In>> {
  readonly keyword = "record";
  constructor(readonly item: Type<Out, In>) {
    super();
  }
  members(): [string, Type][] {
    return [
      ["items", list(this.item)],
      ["next", optional(string())],
    ];
  }
  accept(value: any, place: string): Page<Out> {
    const [items, next] = this.members().map(([name, type]) => type.accept(value?.[name], `${place}.${name}`));
    return { items: items as Out[], next: next as string | null };
  }
  override lower(value: Page<Out>) {
    return { items: value.items.map((item) => this.item.lower(item)), next: value.next };
  }
}

/** The result of a list with pages. The items have a type with a name, or a simple one. */
export function page<T extends Type>(item: T): PageType<Infer<T>, T["in"]> {
  return new PageType(item);
}
