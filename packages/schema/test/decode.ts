import { Effect, Schema, SchemaIssue } from "effect"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** Every problem the schema has with an input, as `path: message`; none when it takes the input. */
export const problemsOf = (
  schema: Schema.Codec<unknown, unknown>,
  input: unknown
): Effect.Effect<ReadonlyArray<string>> =>
  Schema.decodeUnknownEffect(schema, { errors: "all" })(input).pipe(
    Effect.match({
      onSuccess: () => [],
      onFailure: (error) =>
        format(error.issue).issues.map(({ message, path }) => `${(path ?? []).map(String).join(".")}: ${message}`)
    })
  )
