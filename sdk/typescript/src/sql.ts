// Statements with typed parameters, and their rows as values.

import { platform, StatementError, type Cause, type Parameter, type Rows } from "./platform.ts";
import { Problem } from "./problem.ts";
import { RecordType, Type, type Infer } from "./types.ts";
import { snake } from "./names.ts";

type Tuple = readonly [Type, ...Type[]];
/** What a row is read as: a record, whose fields are the columns in their order; one value; or an array of values. */
export type Shape = Type | Tuple;
type Row<S extends Shape> = S extends Type ? Infer<S> : { -readonly [K in keyof S]: S[K] extends Type ? Infer<S[K]> : never };

/** A statement that has not run yet. */
export class Statement {
  private handlers: [Cause | "missing", Problem][] = [];
  constructor(
    private readonly texts: readonly string[],
    private readonly values: readonly (Parameter | Statement)[],
  ) {}

  /** Throws this problem if the statement breaks a unique constraint or a primary key. */
  onUnique(status: number, code: string, title: string): this {
    return this.on("unique", status, code, title);
  }
  /** Throws this problem if the statement breaks a foreign key. */
  onForeignKey(status: number, code: string, title: string): this {
    return this.on("foreign-key", status, code, title);
  }
  /** Throws this problem if the statement breaks a check of the table. */
  onCheck(status: number, code: string, title: string): this {
    return this.on("check", status, code, title);
  }
  /** Throws this problem if `one` finds no row. */
  onMissing(status: number, code: string, title: string): this {
    return this.on("missing", status, code, title);
  }

  /** Returns the first row. If there is none, that is an error: see `onMissing`. */
  one<const S extends Shape>(shape: S): Row<S> {
    const { rows, text } = this.query(shape);
    if (rows.length === 0) {
      this.handle("missing");
      throw new StatementError("missing", "the statement returned no row", text);
    }
    return read(shape, rows[0]!, text);
  }

  /** Returns the first row, or null if there is none. */
  optional<const S extends Shape>(shape: S): Row<S> | null {
    const { rows, text } = this.query(shape);
    return rows.length === 0 ? null : read(shape, rows[0]!, text);
  }

  /** Returns all rows. */
  all<const S extends Shape>(shape: S): Row<S>[] {
    const { rows, text } = this.query(shape);
    return rows.map((row) => read(shape, row, text));
  }

  /** Runs the statement and returns the number of rows that it changed. */
  execute(): number {
    const { text, parameters } = this.build();
    return this.run(() => platform().execute(text, parameters));
  }

  /** Returns the text, with `$n` for the nth parameter, and the parameters. */
  build(): { text: string; parameters: Parameter[] } {
    const parameters: Parameter[] = [];
    return { text: this.append(parameters), parameters };
  }

  private append(parameters: Parameter[]): string {
    let text = this.texts[0]!;
    this.values.forEach((value, index) => {
      if (value instanceof Statement) {
        text += value.append(parameters);
      } else {
        parameters.push(parameter(value));
        text += `$${parameters.length}`;
      }
      text += this.texts[index + 1]!;
    });
    return text;
  }

  private query(shape: Shape): Rows & { text: string } {
    const { text, parameters } = this.build();
    const result = this.run(() => platform().query(text, parameters));
    const width = shape instanceof RecordType ? shape.members().length : shape instanceof Type ? 1 : shape.length;
    const found = result.rows[0]?.length ?? width;
    if (found !== width) throw new StatementError("other", `expected ${width} columns, not ${found}`, text);
    if (result.columns && shape instanceof RecordType) {
      const fields = shape.members().map(([field]) => snake(field));
      if (fields.join() !== result.columns.join()) {
        throw new StatementError(
          "other",
          `the statement returns the columns ${result.columns.join(", ")}, but the record has the fields ` +
            `${fields.join(", ")}: make them the same, in the same order`,
          text,
        );
      }
    }
    return { ...result, text };
  }

  private run<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof StatementError) this.handle(error.reason);
      throw error;
    }
  }

  private handle(reason: Cause | "missing") {
    const handler = this.handlers.find(([cause]) => cause === reason);
    if (handler) throw handler[1];
  }

  private on(cause: Cause | "missing", status: number, code: string, title: string): this {
    this.handlers.push([cause, new Problem(status, code, title)]);
    return this;
  }
}

/**
 * Makes a statement. Each value in the template becomes a parameter, never text. A statement in it becomes a part of it.
 *
 * ```ts
 * sql`select id, url from bookmarks where id = ${id}`.one(Bookmark)
 * ```
 */
export function sql(texts: TemplateStringsArray, ...values: (Parameter | Statement)[]): Statement {
  return new Statement(texts, values);
}

function parameter(value: Parameter): Parameter {
  switch (typeof value) {
    case "undefined":
      return null;
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} cannot be a parameter of a statement`);
      return value;
    case "boolean":
    case "bigint":
    case "string":
      return value;
    case "object":
      if (value === null || value instanceof Uint8Array || value instanceof Date) return value;
  }
  throw new TypeError(
    "a parameter of a statement is a text, a number, a boolean, a Date, a Uint8Array or null; " +
      "pass a list as one text of JSON, and read it with json_each or json_array_elements",
  );
}

function read<S extends Shape>(shape: S, cells: Rows["rows"][0], statement: string): Row<S> {
  try {
    if (shape instanceof RecordType) return shape.row(cells) as Row<S>;
    const types: readonly Type[] = shape instanceof Type ? [shape] : (shape as Tuple);
    const values = types.map((type, index) => type.read(cells[index]!, `column ${index + 1}`));
    return (shape instanceof Type ? values[0] : values) as Row<S>;
  } catch (error) {
    if (error instanceof TypeError) throw new StatementError("other", error.message, statement);
    throw error;
  }
}
