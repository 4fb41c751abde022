// The service itself, and what the host asks it.

/** What a service is made of, beside its types and operations. */
export interface Options {
  /** The name, which is the title of the API's documentation. */
  name: string;
  /** The folder of the migrations, from the folder of `package.json`. */
  migrations?: string;
  /** The folder of the page's files. */
  assets?: string;
  /** Runs on the migrated schema before this version serves, and is undone. If it throws, no client sees this version. */
  check?(): void;
  /** Returns figures for `GET /health`. It cannot write. */
  health?(): Record<string, number>;
}

/** A service. The module's default export is one; its other exports are the types and operations. */
export class Service {
  docs = "";
  constructor(readonly options: Options) {}
  /** Sets the documentation. The build calls it with the comment above the service. */
  doc(text: string): this {
    this.docs = text;
    return this;
  }
}

let registered: Service | undefined;

/** Makes a service: `export default service({ name: "Bookmarks", migrations: "migrations" })`. */
export function service(options: Options): Service {
  registered = new Service(options);
  return registered;
}

/** Returns the service that this program has made last. */
export function theService(): Service {
  if (!registered) throw new Error("there is no service: import the module that calls service({ … })");
  return registered;
}
