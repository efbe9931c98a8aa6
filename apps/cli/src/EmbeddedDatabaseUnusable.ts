import { Schema } from "effect"

/** The embedded database cannot be opened. */
export class EmbeddedDatabaseUnusable extends Schema.TaggedError<EmbeddedDatabaseUnusable>()(
  "EmbeddedDatabaseUnusable",
  {
    folder: Schema.String,
    problem: Schema.String
  }
) {
  override get message() {
    return `The embedded database in ${this.folder} cannot be used: ${this.problem}`
  }
}
