// The types of an API. Each knows its WIT, its values in TypeScript, the engine's values and the columns that it fits.
//
// A value takes two steps. `accept` checks what the logic made, which the compiler cannot promise, and `lower` makes the
// engine's value of it. `lift` reads the engine's value, which the host has checked.

import { camel, kebab, snake } from "./names.ts";
import { wide } from "./engine.ts";

/** A value in a column, as the platform returns it. */
export type Cell = null | boolean | number | string | Uint8Array;

/** A type of the API. `Out` is its value in TypeScript; `In` is what the logic may write for it. */
export abstract class Type<Out = any, In = any> {
  declare readonly out: Out;
  declare readonly in: In;

  /** Bounds that the host enforces on values of requests. */
  bounds: Bounds = {};

  /** Returns the WIT of the type. `nameOf` returns the name of a type that has one. */
  abstract wit(nameOf: (type: Named) => string): string;
  /** Returns the value that `value` stands for. Throws a `TypeError` that names `place` if it has another type. */
  abstract accept(value: unknown, place: string): Out;
  /** Returns the engine's value. */
  lower(value: Out): unknown {
    return value;
  }
  /** Returns the value of an engine's value. */
  lift(value: any): Out {
    return value;
  }
  /** Returns the value of a column. */
  read(_cell: Cell, place: string): Out {
    throw new TypeError(`${place}: a column cannot have this type; select its parts`);
  }
  /** The types inside of this one, with their places in a constraint. */
  parts(): [string, Type][] {
    return [];
  }
}

/** The value that a type has in TypeScript, such as `Infer<typeof Bookmark>`. */
export type Infer<T extends Type> = T["out"];

/** Bounds on values of requests. The host answers 422 to a value that breaks one, before it calls the logic. */
export interface Bounds {
  minLength?: number;
  maxLength?: number;
  /** A regular expression that must match a part of the string. */
  pattern?: string;
  format?: "date" | "date-time" | "email" | "hostname" | "ipv4" | "ipv6" | "uri" | "uuid";
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  /** What the client is told in place of the host's own words. */
  message?: string;
  /** If false, the logic refuses such values itself, and the host only documents the bounds. */
  enforced?: boolean;
}

type Words = "message" | "enforced";
type StringBounds = Pick<Bounds, "minLength" | "maxLength" | "pattern" | "format" | Words>;
type NumberBounds = Pick<Bounds, "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | Words>;
type ListBounds = Pick<Bounds, "minItems" | "maxItems" | "uniqueItems" | Words>;

function bounded<T extends Type>(type: T, bounds: Bounds = {}): T {
  for (const name of ["minLength", "maxLength", "minItems", "maxItems"] as const) {
    const bound = bounds[name];
    if (bound !== undefined && !(Number.isInteger(bound) && bound >= 0 && bound < 2 ** 32)) {
      throw new TypeError(`${name} must be an integer from 0, not ${bound}`);
    }
  }
  type.bounds = bounds;
  return type;
}

function show(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "object") return value.constructor?.name ? `a value of ${value.constructor.name}` : "an object";
  if (typeof value === "string") return "a string";
  return typeof value === "number" || typeof value === "boolean" ? String(value) : `a ${typeof value}`;
}

function mismatch(place: string, expected: string, value: unknown): TypeError {
  return new TypeError(`${place} must be ${expected}, not ${show(value)}`);
}

class Scalar<T extends string | number | boolean> extends Type<T, T> {
  constructor(
    private readonly name: string,
    private readonly expected: string,
    private readonly fits: (value: unknown) => boolean,
  ) {
    super();
  }
  wit() {
    return this.name;
  }
  accept(value: unknown, place: string): T {
    if (!this.fits(value)) throw mismatch(place, this.expected, value);
    return value as T;
  }
  override read(cell: Cell, place: string): T {
    // SQLite has no booleans.
    if (this.name === "bool" && (cell === 0 || cell === 1)) return (cell === 1) as T;
    return this.accept(cell, place);
  }
}

/** An integer of 64 bits. TypeScript has 53 of them, so the host refuses larger ones. */
export class Integer extends Scalar<number> {
  constructor() {
    super("s64", "an integer of at most 53 bits", Number.isSafeInteger);
  }
  override lower(value: number) {
    return wide(value);
  }
  override lift(value: unknown) {
    return Number(value);
  }
}

/** A text. */
export function string(bounds?: StringBounds): Type<string, string> {
  return bounded(new Scalar<string>("string", "a string", (value) => typeof value === "string"), bounds);
}

/** An integer from -(2^53 - 1) to 2^53 - 1. */
export function integer(bounds?: NumberBounds): Type<number, number> {
  return bounded(new Integer(), bounds);
}

/** A number, possibly with a fraction. */
export function number(bounds?: NumberBounds): Type<number, number> {
  return bounded(new Scalar<number>("f64", "a finite number", Number.isFinite), bounds);
}

/** True or false. */
export function bool(): Type<boolean, boolean> {
  return new Scalar<boolean>("bool", "a boolean", (value) => typeof value === "boolean");
}

class Bytes extends Type<Uint8Array, Uint8Array> {
  wit() {
    return "list<u8>";
  }
  accept(value: unknown, place: string) {
    if (!(value instanceof Uint8Array)) throw mismatch(place, "a Uint8Array", value);
    return value;
  }
  override lift(value: ArrayLike<number>) {
    return value instanceof Uint8Array ? value : Uint8Array.from(value);
  }
  override read(cell: Cell, place: string) {
    return this.accept(cell, place);
  }
}

/** Bytes. JSON has them as text in base64. */
export function bytes(bounds?: Pick<Bounds, "minItems" | "maxItems" | Words>): Type<Uint8Array, Uint8Array> {
  return bounded(new Bytes(), bounds);
}

export class Datetime extends Type<Date, Date> {
  wit() {
    return "datetime";
  }
  accept(value: unknown, place: string) {
    if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw mismatch(place, "a valid Date", value);
    if (value.getTime() < 0) throw new TypeError(`${place} is before 1970, which the API cannot express`);
    return value;
  }
  override lower(value: Date) {
    const millis = value.getTime();
    return { seconds: wide(Math.floor(millis / 1000)), nanoseconds: (millis % 1000) * 1_000_000 };
  }
  override lift(value: { seconds: number | bigint; nanoseconds: number }) {
    return new Date(Number(value.seconds) * 1000 + Math.floor(value.nanoseconds / 1_000_000));
  }
  override read(cell: Cell, place: string) {
    if (!Number.isSafeInteger(cell)) throw mismatch(place, "an integer of microseconds since 1970", cell);
    return this.accept(new Date(Math.floor((cell as number) / 1000)), place);
  }
}

/** A point in time since 1970, to the millisecond. Columns have it as an integer of microseconds since 1970. */
export function datetime(): Type<Date, Date> {
  return new Datetime();
}

class Optional<Out, In> extends Type<Out | null, In | null | undefined> {
  constructor(readonly inner: Type<Out, In>) {
    super();
  }
  /** Whether absent and null differ, as in a merge patch. */
  private get nested() {
    return this.inner instanceof Optional;
  }
  wit(nameOf: (type: Named) => string) {
    return `option<${this.inner.wit(nameOf)}>`;
  }
  accept(value: unknown, place: string): Out | null {
    if (value === undefined) return (this.nested ? undefined : null) as Out | null;
    if (value === null) return null;
    return this.inner.accept(value, place);
  }
  override lower(value: Out | null) {
    if (this.nested) return value === undefined ? { tag: "none" } : { tag: "some", val: this.inner.lower(value as Out) };
    return value === null ? null : this.inner.lower(value);
  }
  override lift(value: any): Out | null {
    if (this.nested) {
      return (value.tag === "none" ? undefined : this.inner.lift(value.val)) as Out | null;
    }
    return value === null || value === undefined ? null : this.inner.lift(value);
  }
  override read(cell: Cell, place: string): Out | null {
    return cell === null ? null : this.inner.read(cell, place);
  }
  override parts(): [string, Type][] {
    return [["", this.inner]];
  }
}

/**
 * A value that may be absent. In TypeScript it is null then, as in a column.
 *
 * `optional(optional(T))` is a member of a merge patch: undefined keeps the old value, and null clears it.
 */
export function optional<Out, In>(
  inner: Optional<Out, In>,
): Type<Out | null | undefined, In | null | undefined>;
export function optional<Out, In>(inner: Type<Out, In>): Optional<Out, In>;
export function optional(inner: Type): Type {
  return new Optional(inner);
}

class List<Out, In> extends Type<Out[], readonly In[]> {
  constructor(readonly item: Type<Out, In>) {
    super();
  }
  wit(nameOf: (type: Named) => string) {
    return `list<${this.item.wit(nameOf)}>`;
  }
  accept(value: unknown, place: string): Out[] {
    if (!Array.isArray(value)) throw mismatch(place, "an array", value);
    return value.map((item, index) => this.item.accept(item, `${place}[${index}]`));
  }
  override lower(value: Out[]) {
    return value.map((item) => this.item.lower(item));
  }
  override lift(value: ArrayLike<unknown>): Out[] {
    return Array.from(value, (item) => this.item.lift(item));
  }
  override parts(): [string, Type][] {
    return [["[]", this.item]];
  }
}

/** A list of values of one type. */
export function list<Out, In>(item: Type<Out, In>, bounds?: ListBounds): Type<Out[], readonly In[]> {
  return bounded(new List(item), bounds);
}

class Dictionary<Out, In> extends Type<Record<string, Out>, Readonly<Record<string, In>>> {
  constructor(readonly value: Type<Out, In>) {
    super();
  }
  wit(nameOf: (type: Named) => string) {
    return `list<tuple<string, ${this.value.wit(nameOf)}>>`;
  }
  accept(value: unknown, place: string): Record<string, Out> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw mismatch(place, "an object", value);
    const members = Object.entries(value).map(([key, member]) => [key, this.value.accept(member, `${place}.${key}`)]);
    return Object.fromEntries(members);
  }
  override lower(value: Record<string, Out>) {
    return Object.entries(value).map(([key, member]) => [key, this.value.lower(member)]);
  }
  override lift(value: ArrayLike<[string, unknown]>): Record<string, Out> {
    return Object.fromEntries(Array.from(value, ([key, member]) => [key, this.value.lift(member)]));
  }
  override parts(): [string, Type][] {
    return [["[]", this.value]];
  }
}

/** An object with any keys, and values of one type. */
export function map<Out, In>(
  value: Type<Out, In>,
  bounds?: Pick<Bounds, "minItems" | "maxItems" | Words>,
): Type<Record<string, Out>, Readonly<Record<string, In>>> {
  return bounded(new Dictionary(value), bounds);
}

/** A type with a name of its own: the name under which the service's module exports it. */
export abstract class Named<Out = any, In = any> extends Type<Out, In> {
  /** The documentation of the type, and of each member. */
  docs = "";
  constructor(readonly memberDocs: Record<string, string> = {}) {
    super();
  }
  /** Sets the documentation. The build calls it with the comment above the type. */
  doc(text: string): this {
    this.docs = text;
    return this;
  }
  wit(nameOf: (type: Named) => string) {
    return `%${nameOf(this)}`;
  }
  /** Returns the WIT of the definition, with its name and without its members. */
  abstract readonly keyword: "record" | "enum" | "variant";
  /** The members: name in TypeScript, and type. */
  abstract members(): [string, Type | null][];
}

type Fields = Record<string, Type>;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends F[K]["in"] ? K : never }[keyof F];
/** The values of fields. */
export type Out<F extends Fields> = { [K in keyof F]: F[K]["out"] };
/** What the logic may write for fields: those that are optional may be left out. */
export type In<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: F[K]["in"] } & {
  readonly [K in OptionalKeys<F>]?: F[K]["in"];
};

export class RecordType<F extends Fields = Fields> extends Named<Out<F>, In<F>> {
  readonly keyword = "record";
  private readonly list: [field: string, engine: string, type: Type][];
  constructor(
    readonly fields: F,
    memberDocs?: Record<string, string>,
  ) {
    super(memberDocs);
    this.list = Object.entries(fields).map(([field, type]) => [field, camel(field), type]);
  }
  members(): [string, Type][] {
    return Object.entries(this.fields);
  }
  accept(value: any, place: string): Out<F> {
    if (typeof value !== "object" || value === null) throw mismatch(place, "an object", value);
    const record: Record<string, unknown> = {};
    for (const [field, , type] of this.list) record[field] = type.accept(value[field], `${place}.${field}`);
    return record as Out<F>;
  }
  override lower(value: Out<F>) {
    const record: Record<string, unknown> = {};
    for (const [field, engine, type] of this.list) record[engine] = type.lower(value[field]);
    return record;
  }
  override lift(value: any): Out<F> {
    const record: Record<string, unknown> = {};
    for (const [field, engine, type] of this.list) record[field] = type.lift(value[engine]);
    return record as Out<F>;
  }
  /** Returns the record of a row, whose columns are the fields in their order. */
  row(cells: Cell[]): Out<F> {
    const record: Record<string, unknown> = {};
    this.list.forEach(([field, , type], index) => {
      record[field] = type.read(cells[index]!, `the column ${snake(field)}`);
    });
    return record as Out<F>;
  }
}

/** An object with these fields. The service's module must export it, because the API needs its name. */
export function record<F extends Fields>(fields: F, docs?: Record<string, string>): RecordType<F> {
  return new RecordType(fields, docs);
}

class Enumeration<V extends string> extends Named<V, V> {
  readonly keyword = "enum";
  private readonly byName: Map<string, V>;
  constructor(readonly values: readonly V[]) {
    super();
    this.byName = new Map(values.map((value) => [kebab(value), value]));
  }
  members(): [string, null][] {
    return this.values.map((value) => [value, null]);
  }
  accept(value: unknown, place: string): V {
    if (!this.values.includes(value as V)) throw mismatch(place, `one of ${this.values.join(", ")}`, value);
    return value as V;
  }
  override lower(value: V) {
    return kebab(value);
  }
  override lift(value: string): V {
    return this.byName.get(value)!;
  }
  override read(cell: Cell, place: string): V {
    return this.accept(cell, place);
  }
}

/** One of these texts. Columns have it as it is written here. The service's module must export it. */
export function enumeration<const V extends string>(...values: V[]): Named<V, V> {
  return new Enumeration(values);
}

type Cases = Record<string, Type | null>;
type CaseValue<C extends Cases, S extends "in" | "out"> = {
  [K in keyof C]: C[K] extends Type ? { case: K; value: C[K][S] } : { case: K };
}[keyof C];

class Variant<C extends Cases> extends Named<CaseValue<C, "out">, CaseValue<C, "in">> {
  readonly keyword = "variant";
  private readonly byName: Map<string, string>;
  constructor(
    readonly cases: C,
    memberDocs?: Record<string, string>,
  ) {
    super(memberDocs);
    this.byName = new Map(Object.keys(cases).map((name) => [kebab(name), name]));
  }
  members(): [string, Type | null][] {
    return Object.entries(this.cases);
  }
  accept(value: any, place: string): CaseValue<C, "out"> {
    const name = value?.case;
    if (!Object.hasOwn(this.cases, name)) {
      throw mismatch(`${place}.case`, `one of ${Object.keys(this.cases).join(", ")}`, name);
    }
    const type = this.cases[name];
    const payload = type ? { value: type.accept(value.value, `${place}.value`) } : {};
    return { case: name, ...payload } as unknown as CaseValue<C, "out">;
  }
  override lower(value: any) {
    const type = this.cases[value.case];
    return { tag: kebab(value.case), ...(type && { val: type.lower(value.value) }) };
  }
  override lift(value: any): CaseValue<C, "out"> {
    const name = this.byName.get(value.tag)!;
    const type = this.cases[name];
    return { case: name, ...(type && { value: type.lift(value.val) }) } as unknown as CaseValue<C, "out">;
  }
}

/** One of several cases, each with a value or with null for none. The service's module must export it. */
export function variant<C extends Cases>(
  cases: C,
  docs?: Record<string, string>,
): Named<CaseValue<C, "out">, CaseValue<C, "in">> {
  return new Variant(cases, docs);
}
