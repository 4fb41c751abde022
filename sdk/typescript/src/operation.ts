// The operations of a service: functions with a route.

import { platform } from "./platform.ts";
import type { In, Out, Type } from "./types.ts";

export type Method = "get" | "post" | "put" | "patch" | "delete";
type Parameters = Record<string, Type>;

/** What an operation is made of. */
export interface Spec<P extends Parameters, R extends Type | undefined> {
  /**
   * The parameters. One that the path names comes from the path. With GET and DELETE the others come from the query.
   * With POST, PUT and PATCH one is the JSON body, and the others come from the query.
   */
  params?: P;
  /** The type of the result. Without it, the operation returns nothing, and its status is 204. */
  returns?: R;
  /** The `Location` header, such as `/bookmarks/{id}`: a template over fields of the result. The status is 201 then. */
  location?: string;
  /** The field of the result that is the strong entity tag. */
  etag?: string;
  /** The status of a success: 200 to 299. */
  status?: number;
  /** Does the work. It is not async: a statement waits until its rows are there. */
  run(params: Out<P>): R extends Type ? R["in"] : void;
}

/** An operation. Tests and other operations call it as a function; then it is a part of their transaction. */
export interface Operation<P extends Parameters = any, R extends Type | undefined = any> {
  (params: In<P>): R extends Type ? R["out"] : void;
  readonly method: Method;
  readonly path: string;
  readonly spec: Spec<P, R>;
  docs: string;
  /** Sets the documentation. The build calls it with the comment above the operation. */
  doc(text: string): this;
}

const operations = new WeakSet<object>();

/** Whether a value is an operation. */
export function isOperation(value: unknown): value is Operation {
  return typeof value === "function" && operations.has(value);
}

function define(method: Method) {
  return <P extends Parameters = {}, R extends Type | undefined = undefined>(
    path: string,
    spec: Spec<P, R>,
  ): Operation<P, R> => {
    const { params = {} as P, returns, run } = spec;
    const call = (values: any) =>
      platform().operation(method === "get", () => {
        const given: Record<string, unknown> = {};
        for (const [name, type] of Object.entries(params)) given[name] = type.accept(values?.[name], name);
        const result: any = run(given as Out<P>);
        if (result instanceof Promise) {
          throw new TypeError("an operation is not async: a statement waits until its rows are there");
        }
        return returns?.accept(result, "the result");
      });
    const operation = Object.assign(call, {
      method,
      path,
      spec,
      docs: "",
      doc(text: string) {
        operation.docs = text;
        return operation;
      },
    }) as unknown as Operation<P, R>;
    operations.add(operation);
    return operation;
  };
}

/** An operation that reads. It sees one snapshot and cannot change anything. */
export const get = define("get");
/** An operation that creates. */
export const post = define("post");
/** An operation that replaces. */
export const put = define("put");
/** An operation that changes by a JSON merge patch: see `optional`. */
export const patch = define("patch");
/** An operation that deletes. `delete` is a keyword. */
export const del = define("delete");
